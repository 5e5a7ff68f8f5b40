"""HDR colours as an ordinary screen shows them, and footage that has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bhuman_cli.studio.render.footage import hdr, reader
from tests.integration.render import footage


@pytest.mark.parametrize(("transfer", "white", "grey"), [(hdr.HLG, 0.75, 0.38), (hdr.PQ, 0.5807, 0.38)])
def test_white_stays_white_and_highlights_stay_apart(transfer: int, white: float, grey: float) -> None:
    codes = np.repeat([[0.0], [grey], [white], [1.0]], 3, axis=1)
    found = hdr.ordinary(codes, transfer)
    assert np.ptp(found, axis=1).max() < 0.01, "grey stays grey"
    black, middle, paper, brightest = found.mean(1)
    assert black == pytest.approx(0, abs=0.01)
    assert 0.3 < middle < 0.55
    assert 0.93 < paper < 0.98 < brightest


@pytest.mark.parametrize(
    ("transfer", "code"),
    # Red, green, blue of BT.709 at 75 % as a converter puts them into each.
    [(hdr.HLG, [0.609, 0.306, 0.149]), (hdr.PQ, [0.498, 0.339, 0.215])],
)
def test_a_saturated_colour_is_saturated(transfer: int, code: list[float]) -> None:
    red, green, blue = hdr.ordinary(np.array([code]), transfer)[0]
    assert red > 0.68
    assert max(green, blue) < 0.3


@pytest.mark.parametrize(("transfer", "level"), [(1, 160), (hdr.HLG, 189), (hdr.PQ, 255)])
def test_footage_marked_as_hdr_is_mapped(tmp_path: Path, transfer: int, level: int) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w") as out:
        stream: Any = out.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        context, kind = stream.codec_context, 1 if transfer == 1 else 9
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, kind, kind, transfer
        grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 160, np.uint8), "rgb24")
        out.mux(stream.encode(grey.reformat(format="yuv420p10le", dst_color_range="MPEG")))
        out.mux(stream.encode(None))
    path = tmp_path / "v.mp4"
    frame = next(iter(reader.pictures(path, reader.probe(path).form)))
    assert footage.near(frame.to_ndarray(format="rgb24"), (level, level, level), 5)
