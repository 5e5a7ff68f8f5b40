"""Outline of a presenter in a box or a circle, and the soft shadow behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bhuman_cli.studio.render import compose

U8 = NDArray[np.uint8]
Masks = tuple[U8, U8]
"""What stays of the picture below, 0 to 255, for luma and for chroma."""

CORNER: Final = 14
BLUR: Final = 9
DROP: Final = 4
DARKNESS: Final = 0.34
"""Corner radius, blur and drop in design pixels of a frame 720 high."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Something that is the same in every frame. planes: premultiplied Y, U, V; x and y: even."""

    x: int
    y: int
    planes: tuple[U8, U8, U8]
    masks: Masks


def mix(planes: compose.Planes, x: int, y: int, colour: compose.Planes, masks: Masks) -> None:
    """Blend premultiplied planes over a picture in place."""
    for index, (plane, mine) in enumerate(zip(planes, colour, strict=True)):
        shift = 1 if index else 0
        view = plane[y >> shift : (y >> shift) + mine.shape[0], x >> shift : (x >> shift) + mine.shape[1]]
        mixed = view.astype(np.uint16) * masks[shift] + 128
        mixed += mixed >> 8
        mixed >>= 8
        view[:] = mixed.astype(np.uint8) + mine


def outline(mode: str, size: tuple[int, int], corner: int) -> U8:
    """Return what a box with such corners, or a circle, covers: 0 to 255."""
    big = Image.new("L", (size[0] * 4, size[1] * 4))
    pen = ImageDraw.Draw(big)
    if mode == "circle":
        pen.ellipse((4, 4, big.width - 5, big.height - 5), fill=255)
    else:
        pen.rounded_rectangle((0, 0, big.width - 1, big.height - 1), corner * 4, fill=255)
    return np.asarray(big.reduce(4))


def masks(covered: U8) -> Masks:
    """Return what stays of the picture below."""
    return 255 - covered, 255 - half(covered)


def half(plane: U8) -> U8:
    """Return a plane at the size of chroma."""
    wide = plane.astype(np.uint16)
    return ((wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2] + 2) >> 2).astype(np.uint8)


def shadow(covered: U8, at: tuple[int, int], frame: tuple[int, int]) -> Layer:
    """Return the shadow of an outline that stands at a place in a frame of this size."""
    unit = min(frame) / 720
    whole = Image.new("L", frame)
    whole.paste(Image.fromarray(covered), (at[0], at[1]))
    dropped = ImageChops.offset(whole, 0, round(DROP * unit)).filter(ImageFilter.GaussianBlur(BLUR * unit))
    reach = round((3 * BLUR + DROP) * unit)
    left, top = max(0, at[0] - reach) & ~1, max(0, at[1] - reach) & ~1
    right = min(frame[0], at[0] + covered.shape[1] + reach + 1) & ~1
    bottom = min(frame[1], at[1] + covered.shape[0] + reach + 1) & ~1
    dark = (np.asarray(dropped)[top:bottom, left:right] * DARKNESS).astype(np.uint8)
    colour = [
        np.rint(share.astype(np.float32) * zero / 255).astype(np.uint8)
        for share, zero in ((dark, 16), (half(dark), 128), (half(dark), 128))
    ]
    return Layer(left, top, (colour[0], colour[1], colour[2]), masks(dark))
