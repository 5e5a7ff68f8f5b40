"""Owns freeing a person from a wall of one colour: what covers how much of a pixel, and its own colour alone.

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

U8 = NDArray[np.uint8]
SEAM_PX: Final = 7
"""Width of the window around a pixel in which wall makes it part of the seam; chroma is stored for pairs of pixels."""

LEAST_EXCESS: Final = 60
"""A wall less coloured than this (grey, brown) says nothing about the pixels between."""


def free(frame: Any, keyed: U8, wall: tuple[int, int, int], size: tuple[int, int]) -> Any:
    """Return the person alone, premultiplied, as a yuva420p frame of the given size.

    frame: the footage. keyed: what the key filter kept of it, 0 to 255. wall: the colour of the wall, RGB.
    """
    colours = frame.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709").to_ndarray()
    # Of the mean of a window with any wall in it, something is missing.
    inner = np.asarray(Image.fromarray(keyed).filter(ImageFilter.BoxBlur(SEAM_PX // 2))) == 255
    seam = np.nonzero(~inner & (keyed > 0))
    alpha = keyed.copy()
    alpha[seam] = np.minimum(keyed[seam], _covered(colours[seam], wall))
    both = np.dstack([_despilled(colours, wall), alpha])
    both[keyed == 0] = 0
    own = _despilled(_own(colours, inner, seam, alpha[seam], wall), wall)
    both[seam[0], seam[1], :3] = np.rint(own * (alpha[seam][:, None] / 255))
    whole = av.VideoFrame.from_ndarray(both, "rgba")
    return whole.reformat(
        *size,
        "yuva420p",
        interpolation="AREA",
        src_colorspace="ITU709",
        dst_colorspace="ITU709",
        dst_color_range="MPEG",
    )


def _covered(colours: U8, wall: tuple[int, int, int]) -> U8:
    """Return how much of each pixel is not wall, 0 to 255."""
    main, others = _channels(wall)
    excess = wall[main] - max(wall[at] for at in others)
    if excess < LEAST_EXCESS:
        return np.full(len(colours), 255, np.uint8)
    whole = colours.astype(np.int32)
    found = whole[:, main] - np.maximum(whole[:, others[0]], whole[:, others[1]])
    return (255 - np.clip(found * 255 // excess, 0, 255)).astype(np.uint8)


def _own(
    colours: U8, inner: NDArray[np.bool_], seam: Any, alpha: U8, wall: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Return the person's own colour in the seam: that of the person beside it, else what is left without the wall."""
    beside = ImageFilter.BoxBlur(SEAM_PX)
    weight = np.asarray(Image.fromarray(inner.astype(np.uint8) * 255).filter(beside))[seam].astype(np.float32)[:, None]
    summed = np.asarray(Image.fromarray(colours * inner[..., None]).filter(beside))[seam].astype(np.float32)
    share = np.maximum(alpha.astype(np.float32)[:, None] / 255, 0.1)
    left = (colours[seam] - (1 - share) * np.array(wall, np.float32)) / share
    mixed: NDArray[np.float32] = np.where(weight >= 20, summed * 255 / np.maximum(weight, 1), left)
    return np.clip(mixed, 0, 255)


def _despilled(colours: NDArray[Any], wall: tuple[int, int, int]) -> NDArray[Any]:
    """Return the colours without the wall's light: no more of its channel than the mean of the two others."""
    main, others = _channels(wall)
    out = colours.copy()
    limit = colours[..., others[0]] / 2 + colours[..., others[1]] / 2
    np.minimum(colours[..., main], limit, out=out[..., main], casting="unsafe")
    return out


def _channels(wall: tuple[int, int, int]) -> tuple[int, tuple[int, int]]:
    main = max(range(3), key=lambda at: wall[at])
    first, second = (at for at in range(3) if at != main)
    return main, (first, second)
