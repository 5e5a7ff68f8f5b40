"""Pen for smooth flat shapes straight in video colours. Knows nothing of what is drawn."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

WIDTH: Final = 1280
HEIGHT: Final = 720
SHARP: Final = 2
"""Drawn at twice the size and averaged down: that is the anti-aliasing."""

Colour = tuple[int, int, int]
Point = tuple[float, float]

# Pictures are drawn in Y, U, V from the start (their three channels are not RGB): averaging is the same in both,
# and converting 170 pictures would take longer than drawing them.
_TO_YUV: Final = np.array([[0.1826, 0.6142, 0.0620], [-0.1006, -0.3386, 0.4392], [0.4392, -0.3989, -0.0403]])


@functools.cache
def yuv(colour: Colour) -> Colour:
    """Return an RGB colour as BT.709 limited range."""
    y, u, v = (round(float(part)) for part in _TO_YUV @ np.array(colour) + (16, 128, 128))
    return y, u, v


def yuv_pixels(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return RGB pixels, shape (h, w, 3), as BT.709 limited range."""
    out: NDArray[np.uint8] = np.rint(pixels @ _TO_YUV.T + (16, 128, 128)).astype(np.uint8)
    return out


def packed(canvas: Image.Image) -> NDArray[np.uint8]:
    """Average a canvas down to a packed yuv420p picture."""
    y, u, v = canvas.split()
    planes = (y.reduce(SHARP), u.reduce(2 * SHARP), v.reduce(2 * SHARP))
    return np.concatenate([np.asarray(plane).reshape(-1) for plane in planes])


class Pen:
    """Draws in design pixels on a canvas that is SHARP times as large and starts at an offset."""

    def __init__(self, canvas: Image.Image, left: float = 0, top: float = 0) -> None:
        self.on = ImageDraw.Draw(canvas)
        self.left, self.top = left, top

    def _at(self, point: Point) -> Point:
        return (point[0] - self.left) * SHARP, (point[1] - self.top) * SHARP

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        """Fill an ellipse around a point."""
        self.on.ellipse((*self._at((x - rx, y - ry)), *self._at((x + rx, y + ry))), fill=yuv(fill))

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, radius: float = 0) -> None:
        """Fill a rectangle with round corners."""
        self.on.rounded_rectangle((*self._at((x0, y0)), *self._at((x1, y1))), radius * SHARP, fill=yuv(fill))

    def blob(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill the smooth closed curve through the points."""
        path = (_around(points) - (self.left, self.top)) * SHARP
        self.on.polygon([*map(tuple, path)], fill=yuv(fill))

    def stroke(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Draw a smooth open line with round ends."""
        path = (_through(np.array([points[0], *points, points[-1]])) - (self.left, self.top)) * SHARP
        along = np.gradient(path, axis=0)
        along /= np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-6)
        reach = width * SHARP / 2
        side = along[:, ::-1] * (-reach, reach)
        self.on.polygon([*map(tuple, path + side), *map(tuple, (path - side)[::-1])], fill=yuv(fill))
        for x, y in (path[0], path[-1]):
            self.on.ellipse((x - reach, y - reach, x + reach, y + reach), fill=yuv(fill))


def _basis(steps: int) -> NDArray[np.float64]:
    """Return the Catmull-Rom weights of four neighbouring points at each step between the middle two."""
    t = np.arange(steps) / steps
    rows = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    weights: NDArray[np.float64] = 0.5 * np.stack(rows, 1)
    return weights


_WEIGHTS: Final = _basis(8)


def _around(points: Sequence[Point]) -> NDArray[np.float64]:
    """Return a smooth closed curve through the points."""
    at = np.array(points)
    fours = np.stack([np.roll(at, 1, 0), at, np.roll(at, -1, 0), np.roll(at, -2, 0)])
    whole: NDArray[np.float64] = np.einsum("sk,knd->nsd", _WEIGHTS, fours).reshape(-1, 2)
    return whole


def _through(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a smooth open curve through the inner points; the outer two only give its direction."""
    fours = np.stack([at[:-3], at[1:-2], at[2:-1], at[3:]])
    curve = np.einsum("sk,knd->nsd", _WEIGHTS, fours).reshape(-1, 2)
    whole: NDArray[np.float64] = np.concatenate([curve, at[-2:-1]])
    return whole
