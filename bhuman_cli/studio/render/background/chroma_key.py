"""Chroma key: frees a person from a wall of one colour, pixel coverage and own colour.

The key filter says what is wall and what is person, by colour alone. Between them lie pixels that hold a bit of both:
taken as they are they show a dark or green seam. There the excess of the wall's colour tells how much of a pixel it
covers, and the person's colour is taken from beside it: video keeps one colour for four pixels, so in the seam it is
neither's.
"""

from __future__ import annotations

from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from bhuman_cli.studio.render import compose

U8 = NDArray[np.uint8]
Colours = list[U8]
"""Red, green and blue, each a plane of its own: strides of three cost several times as much."""

SEAM_PX: Final = 7
"""Width of the window around a pixel in which wall makes it part of the seam; chroma is stored for pairs of pixels."""

LEAST_EXCESS: Final = 60
"""A wall less coloured than this (grey, brown) says nothing about the pixels between."""

_AROUND_PX: Final = 2 * SEAM_PX + 2
"""What must be looked at around a person to tell the seam and the colours beside it; even."""


class Key:
    """Tells wall from person by colour alone, as ffmpeg's `chromakey` does: the mean distance of nine pixels."""

    def __init__(self, wall: tuple[int, int, int], similarity: float, blend: float) -> None:
        steps = np.arange(256, dtype=np.float32)
        away = np.hypot(steps[:, None] - wall[1], steps[None] - wall[2]) / np.float32(255 * np.sqrt(2))
        self._away = away.reshape(-1).astype(np.float32)
        self._similarity, self._blend = similarity, max(blend, 1e-6)

    def keep(self, u: U8, v: U8) -> U8:
        """Return what is kept of each pixel, 0 to 255, from the colour planes at half size."""
        away = self._away[(u.astype(np.uint16) << 8) | v]
        nearby = _tripled(_tripled(away).T).T
        np.subtract(nearby, 9 * self._similarity, out=nearby)
        np.multiply(nearby, 255 / (9 * self._blend), out=nearby)
        return np.clip(nearby, 0, 255, out=nearby).astype(np.uint8)


def _tripled(half: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows at double height, each the sum of itself and its two neighbours there."""
    out = np.empty((2 * half.shape[0], half.shape[1]), np.float32)
    out[0::2] = out[1::2] = 2 * half
    out[2::2] += half[:-1]
    out[1:-1:2] += half[1:]
    out[0] += half[0]
    out[-1] += half[-1]
    return out


def free(planes: compose.Planes, key: Key, wall: tuple[int, int, int], size: tuple[int, int]) -> Any:
    """Return the person alone, premultiplied, as a yuva420p frame of the given size.

    planes: the footage. wall: its colour behind the person, RGB.
    """
    keyed = key.keep(planes[1], planes[2])
    frame = av.VideoFrame(keyed.shape[1], keyed.shape[0], "gbrap")
    whole = _views(frame)
    for plane in whole:
        plane[:] = 0
    box = _box(keyed > 0)
    if box is not None:
        _fill([plane[box] for plane in whole], _colours(planes, box), keyed[box], wall)
    return frame.reformat(
        *size,
        "yuva420p",
        interpolation="AREA",
        src_colorspace="ITU709",
        dst_colorspace="ITU709",
        dst_color_range="MPEG",
    )


def _box(person: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the even box around all that is kept and what decides about its edge."""
    edges = []
    for axis in (1, 0):
        places = np.nonzero(person.any(axis))[0]
        if not len(places):
            return None
        start, stop = max(0, int(places[0]) - _AROUND_PX) & ~1, int(places[-1]) + 2 + _AROUND_PX & ~1
        edges.append(slice(start, min(stop, person.shape[1 - axis])))
    return edges[0], edges[1]


def _colours(planes: compose.Planes, box: tuple[slice, slice]) -> Colours:
    half = (slice(box[0].start // 2, box[0].stop // 2), slice(box[1].start // 2, box[1].stop // 2))
    packed = np.concatenate([plane[half if at else box].reshape(-1) for at, plane in enumerate(planes)])
    frame = compose.frame(packed, box[1].stop - box[1].start)
    rgb = frame.reformat(format="gbrp", src_colorspace="ITU709", dst_colorspace="ITU709", src_color_range="MPEG")
    green, blue, red = _views(rgb)
    return [red, green, blue]


def _views(frame: Any) -> list[U8]:
    """Return a frame's planes, of full size each, as they lie in its memory."""
    return [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in frame.planes]


def _fill(out: list[U8], colours: Colours, keyed: U8, wall: tuple[int, int, int]) -> None:
    """Write the person's premultiplied green, blue, red and alpha."""
    inner = _least(_least(keyed).T).T == 255
    seam = np.nonzero(~inner & (keyed > 0))
    there = [plane[seam] for plane in colours]
    alpha = np.minimum(keyed[seam], _covered(there, wall))
    own = _despilled(_own(colours, inner, seam, alpha, wall), wall)
    for target, plane, seamy in zip((out[2], out[0], out[1]), _despilled(colours, wall), own, strict=True):
        np.multiply(plane, inner, out=target)
        target[seam] = np.rint(seamy * (alpha / np.float32(255)))
    np.multiply(inner, 255, out=out[3], casting="unsafe")
    out[3][seam] = alpha


def _least(plane: U8) -> U8:
    """Return the least of the SEAM_PX pixels above and below each, with the edges going on."""
    reach = SEAM_PX // 2
    wide = np.concatenate([plane[:1].repeat(reach, 0), plane, plane[-1:].repeat(reach, 0)])
    two = np.minimum(wide[:-1], wide[1:])
    four = np.minimum(two[:-2], two[2:])
    least: U8 = np.minimum(four[:-3], four[3:])
    return least


def _covered(colours: Colours, wall: tuple[int, int, int]) -> U8:
    """Return how much of each pixel is not wall, 0 to 255."""
    main, others = _channels(wall)
    excess = wall[main] - max(wall[at] for at in others)
    if excess < LEAST_EXCESS:
        return np.full(len(colours[0]), 255, np.uint8)
    difference = colours[main].astype(np.int32) - np.maximum(colours[others[0]], colours[others[1]])
    return (255 - np.clip(difference * 255 // excess, 0, 255)).astype(np.uint8)


def _own(
    colours: Colours, inner: NDArray[np.bool_], seam: Any, alpha: U8, wall: tuple[int, int, int]
) -> list[NDArray[np.float32]]:
    """Return the person's own colour in the seam: that of the person beside it, else what is left without the wall."""
    # At half size, a quarter of the work: of a mean over so many pixels nobody sees the difference.
    half = (seam[0] >> 1, seam[1] >> 1)
    weight = _beside(inner.view(np.uint8) * np.uint8(255))[half].astype(np.float32)
    share = np.maximum(alpha.astype(np.float32) / 255, 0.1)
    out = []
    for plane, behind in zip(colours, wall, strict=True):
        left = (plane[seam] - (1 - share) * behind) / share
        mean = _beside(plane * inner)[half] * np.float32(255) / np.maximum(weight, 1)
        out.append(np.clip(np.where(weight >= 20, mean, left), 0, 255))
    return out


def _beside(plane: U8) -> U8:
    return np.asarray(Image.fromarray(plane).reduce(2).filter(ImageFilter.BoxBlur(SEAM_PX / 2)))


def _despilled(colours: list[NDArray[Any]], wall: tuple[int, int, int]) -> list[NDArray[Any]]:
    """Return the colours without the wall's light: no more of its channel than the mean of the two others."""
    main, (first, second) = _channels(wall)
    one, other = colours[first], colours[second]
    limit = (one >> 1) + (other >> 1) + (one & other & 1) if one.dtype == np.uint8 else (one + other) / 2
    out = list(colours)
    out[main] = np.minimum(colours[main], limit)
    return out


def _channels(wall: tuple[int, int, int]) -> tuple[int, tuple[int, int]]:
    main = max(range(3), key=lambda at: wall[at])
    first, second = (at for at in range(3) if at != main)
    return main, (first, second)
