"""Composition of pixels: RGBA patches into YUV planes, blending, fades. Knows no files, codecs or scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from bhuman_cli.studio.render.text.styles import Patch

U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
Planes = Sequence[U8]
"""Y, U, V of one 4:2:0 picture, BT.709 limited range."""

FADE_IN: Final = 9
FADE_OUT: Final = 7
"""Frames at 30 per second; scaled with the frame rate."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A patch ready to blend: per plane its premultiplied colour (times 255) and 255 minus alpha."""

    x: int
    y: int
    rise_px: int
    colour: tuple[U16, U16, U16]
    inverse: tuple[U16, U16, U16]


def split(buffer: U8, width: int, height: int) -> tuple[U8, U8, U8]:
    """Return the three planes of one packed yuv420p picture as views."""
    luma, chroma = width * height, width * height // 4
    return (
        buffer[:luma].reshape(height, width),
        buffer[luma : luma + chroma].reshape(height // 2, width // 2),
        buffer[luma + chroma : luma + 2 * chroma].reshape(height // 2, width // 2),
    )


def from_rgb(pixels: U8) -> U8:
    """Return an RGB picture of even size packed as yuv420p."""
    height, width = pixels.shape[:2]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
    return packed(frame).reshape(height * width * 3 // 2)


def frame(picture: U8, width: int) -> Any:
    """Return a packed picture as a frame, which shares its memory where it can."""
    rows = picture.reshape(-1, width)
    # Of a height like 1350 PyAV would take two rows less, and read colours from the wrong place.
    made = av.VideoFrame.from_ndarray if rows.shape[0] % 6 else av.VideoFrame.from_numpy_buffer
    return made(rows, "yuv420p")


def packed(frame: Any) -> U8:
    """Return a yuv420p frame as one flat array without the padding of its rows."""
    return np.concatenate(
        [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].reshape(-1) for p in frame.planes]
    )


def paste(onto: U8, part: U8, at: tuple[int, int], sizes: tuple[int, tuple[int, int]]) -> None:
    """Put a packed picture into another in place. at: even; sizes: the width of the whole, and the part's size."""
    whole_width, (width, height) = sizes
    planes = zip(split(onto, whole_width, onto.size * 2 // 3 // whole_width), split(part, width, height), strict=True)
    for number, (target, plane) in enumerate(planes):
        x, y = (at[0] >> 1, at[1] >> 1) if number else at
        target[y : y + plane.shape[0], x : x + plane.shape[1]] = plane


def overlay(patch: Patch) -> Overlay:
    """Convert a straight RGBA patch of even size at an even place."""
    pixels = patch.pixels.astype(np.float32)
    alpha = pixels[..., 3] / 255
    y, u, v = _yuv(pixels[..., 0], pixels[..., 1], pixels[..., 2])
    half = _half(alpha)
    colour = (y * alpha, _half(u * alpha), _half(v * alpha))
    return Overlay(
        patch.x,
        patch.y,
        patch.rise_px,
        tuple((plane * 255 + 127).astype(np.uint16) for plane in colour),  # type: ignore[arg-type]
        tuple((255 - np.rint(a * 255)).astype(np.uint16) for a in (alpha, half, half)),  # type: ignore[arg-type]
    )


def _yuv(r: NDArray[np.float32], g: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    return (
        16 + 0.1826 * r + 0.6142 * g + 0.0620 * b,
        128 - 0.1006 * r - 0.3386 * g + 0.4392 * b,
        128 + 0.4392 * r - 0.3989 * g - 0.0403 * b,
    )


def _half(plane: NDArray[Any]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2).mean((1, 3))
    return out


def presence(frame: int, first: int, last: int, fps: float) -> tuple[float, float]:
    """Return a caption's opacity and how far it still has to rise (0..1) at a frame of its span [first, last)."""
    scale = min(fps / 30, (last - first) / (2.5 * (FADE_IN + FADE_OUT)))
    into = min(1.0, (frame - first + 1) / max(1.0, FADE_IN * scale))
    out_of = min(1.0, (last - frame) / max(1.0, FADE_OUT * scale))
    eased = 1 - (1 - into) ** 3
    return min(eased, out_of * out_of * (3 - 2 * out_of)), 1 - eased


def blend(planes: Planes, item: Overlay, opacity: float = 1.0, rise: float = 0.0) -> None:
    """Lay an overlay over a picture in place, at an opacity, moved down by a part of its rise."""
    y0 = item.y + (round(item.rise_px * rise) & ~1)
    strength = round(opacity * 256)
    for number, plane in enumerate(planes):
        shift = 1 if number else 0
        add, inverse = item.colour[number], item.inverse[number]
        top = y0 >> shift
        height = min(add.shape[0], plane.shape[0] - top)
        view = plane[top : top + height, item.x >> shift : (item.x >> shift) + add.shape[1]]
        if strength >= 256:
            mixed = view * inverse[:height] + add[:height]
        else:
            mixed = view * (255 - (((255 - inverse[:height]) * strength) >> 8))
            mixed += ((add[:height].astype(np.uint32) * strength) >> 8).astype(np.uint16)
        view[:] = mixed // 255
