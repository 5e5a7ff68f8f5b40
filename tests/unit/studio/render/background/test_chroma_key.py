"""The key that tells wall from person, against the filter whose settings the contract documents."""

from __future__ import annotations

from typing import Any

import av
import av.filter
import numpy as np
import pytest

from bhuman_cli.studio.render.background import chroma_key

WALL = (145, 54, 34)


def by_ffmpeg(u: Any, v: Any, similarity: float, blend: float) -> Any:
    height, width = u.shape
    graph = av.filter.Graph()
    feed = graph.add("buffer", f"video_size={2 * width}x{2 * height}:pix_fmt=yuv420p:time_base=1/30")
    key = graph.add(
        "chromakey", f"color=0x{''.join(f'{c:02X}' for c in WALL)}:yuv=1:similarity={similarity}:blend={blend}"
    )
    sink = graph.add("buffersink")
    feed.link_to(key)
    key.link_to(sink)
    graph.configure()
    luma = np.full(4 * u.size, 90, np.uint8)
    packed = np.concatenate([luma, u.reshape(-1), v.reshape(-1)]).reshape(-1, 2 * width)
    feed.push(av.VideoFrame.from_ndarray(packed, "yuv420p"))
    frame: Any = sink.pull()
    plane = frame.planes[3]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


@pytest.mark.parametrize(("similarity", "blend"), [(0.1, 0.1), (0.1, 0.0), (0.3, 0.05), (0.05, 0.6), (1.0, 1.0)])
def test_the_key_keeps_what_chromakey_keeps(similarity: float, blend: float) -> None:
    near = np.random.default_rng(7).integers(0, 200, (2, 20, 26), np.uint8) // np.arange(1, 27, dtype=np.uint8)
    u, v = (near[0] + WALL[1]).astype(np.uint8), (near[1] + WALL[2]).astype(np.uint8)
    found = chroma_key.Key(WALL, similarity, blend).keep(u, v)
    wanted = by_ffmpeg(u, v, similarity, blend)
    assert np.abs(found.astype(int) - wanted)[1:-1, 1:-1].max() <= (1 if blend else 0)
    assert found.max() > found.min() or similarity == 1.0
