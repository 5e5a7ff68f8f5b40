"""Pixels: planes, blending, fades, cut-outs' places."""

from __future__ import annotations

import numpy as np
import pytest

from bhuman_cli.studio.render import compose, encode, pen
from bhuman_cli.studio.render.background import cutout
from bhuman_cli.studio.render.template import POSITIONS, Backdrop
from bhuman_cli.studio.render.text.styles import Patch


def solid(colour: tuple[int, int, int], width: int = 64, height: int = 32) -> np.ndarray:
    return compose.from_rgb(np.full((height, width, 3), colour, np.uint8))


def rgb(packed: np.ndarray, width: int = 64) -> np.ndarray:
    frame = compose.frame(packed, width)
    return np.asarray(frame.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709").to_ndarray())


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 30), (0, 255, 0), (12, 34, 210)])
def test_colours_survive_the_way_there_and_back(colour: tuple[int, int, int]) -> None:
    assert np.abs(rgb(solid(colour)).astype(int) - colour).max() <= 4
    assert (
        np.abs(np.array(pen.yuv(colour)) - [plane[0, 0] for plane in compose.split(solid(colour), 64, 32)]).max() <= 1
    )


@pytest.mark.parametrize(("opacity", "expected"), [(1.0, 255), (0.5, 128), (0.0, 0)])
def test_an_opaque_patch_covers_and_fades(opacity: float, expected: int) -> None:
    pixels = np.full((8, 16, 4), 255, np.uint8)
    item = compose.overlay(Patch(pixels, 10, 4, 0))
    picture = solid((0, 0, 0))
    compose.blend(compose.split(picture, 64, 32), item, opacity)
    shown = rgb(picture)
    assert np.abs(shown[5:11, 12:24].astype(int) - expected).max() <= 4
    assert shown[20:].max() <= 3
    assert shown[:, 30:].max() <= 3


def test_a_see_through_patch_changes_nothing() -> None:
    pixels = np.zeros((8, 16, 4), np.uint8)
    picture = solid((90, 120, 60))
    before = picture.copy()
    compose.blend(compose.split(picture, 64, 32), compose.overlay(Patch(pixels, 0, 0, 0)))
    assert np.abs(picture.astype(int) - before).max() <= 1


def test_a_rising_patch_stands_lower_and_stays_in_the_picture() -> None:
    item = compose.overlay(Patch(np.full((8, 16, 4), 255, np.uint8), 0, 20, 26))
    picture = solid((0, 0, 0))
    compose.blend(compose.split(picture, 64, 32), item, 1.0, 0.3)
    assert rgb(picture)[20:26, :16].max() <= 3
    assert rgb(picture)[29:, :16].min() >= 250


def test_captions_come_and_go_within_their_span() -> None:
    shown = [compose.presence(number, 30, 90, 30)[0] for number in range(30, 90)]
    assert 0 < shown[0] < 0.5
    assert shown[-1] < 0.3
    assert min(shown[9:52]) == 1.0
    assert shown[:10] == sorted(shown[:10])


def test_very_short_captions_are_still_seen() -> None:
    assert max(compose.presence(number, 0, 6, 30)[0] for number in range(6)) > 0.9


@pytest.mark.parametrize("mode", ["basic", "circle", "chroma"])
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("size", [(1280, 720), (360, 640), (480, 480)])
@pytest.mark.parametrize("scale", [0.01, 0.4, 0.97, 1.0])
def test_the_presenter_stays_inside_the_frame(mode: str, position: str, size: tuple[int, int], scale: float) -> None:
    shown = Backdrop(start=0, end=1, kind="link", mode=mode, position=position, scale=scale)
    for focus in (None, 0.0, 0.37, 1.0):
        shape = cutout.shape_of(shown, *size, focus)
        assert shape.x >= 0
        assert shape.y >= 0
        assert shape.x + shape.width <= size[0]
        assert shape.y + shape.height <= size[1]
        assert not any(value % 2 for value in (shape.x, shape.y, shape.width, shape.height, *shape.crop))
        assert shape.crop[0] + shape.crop[2] <= size[0]


def test_a_cut_out_person_stands_on_the_frames_edge() -> None:
    shown = Backdrop(start=0, end=1, kind="link", mode="chroma", position="bottom-right")
    shape = cutout.shape_of(shown, 1280, 720, None)
    assert shape.y + shape.height == 720


@pytest.mark.parametrize(
    ("width", "height", "fps", "level"),
    [(640, 360, 30, "3.0"), (1280, 720, 30, "3.1"), (720, 1280, 30, "3.1"), (1920, 1080, 30, "4.0"),
     (1920, 1080, 60, "4.2"), (176, 144, 15, "1.0"), (7680, 4320, 60, "5.2")],
)  # fmt: skip
def test_the_lowest_level_that_allows_size_and_rate(width: int, height: int, fps: int, level: str) -> None:
    from fractions import Fraction

    assert encode.level(encode.Format(width=width, height=height, fps=Fraction(fps))) == level


def test_codec_headers_come_out_the_same_from_either_form() -> None:
    from fractions import Fraction

    extra = bytes(encode.piece_encoder(encode.Format(width=320, height=180, fps=Fraction(30))).extradata)
    record = encode.avcc(extra)
    assert record[0] == 1
    assert encode.avcc(record) == record
    sps_size = int.from_bytes(record[6:8], "big")
    sps = record[8 : 8 + sps_size]
    pps_at = 8 + sps_size + 1
    pps = record[pps_at + 2 : pps_at + 2 + int.from_bytes(record[pps_at : pps_at + 2], "big")]
    with_start_codes = b"\0\0\0\1" + sps + b"\0\0\0\1" + pps
    with_lengths = len(sps).to_bytes(4, "big") + sps + len(pps).to_bytes(4, "big") + pps
    assert encode.avcc(with_start_codes) == encode.avcc(with_lengths) == record
