"""Palette of a GIF's 255 colours, and the way from any colour to one of them. Knows no GIFs and no video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

from bhuman_cli.studio.render.text import styles

U8 = NDArray[np.uint8]
FAR: Final = 36
"""Difference in a channel from which on a colour is another one."""

MOST_LACKING: Final = 5
"""Pixels of a picture that may be of a colour that a palette lacks: edges of letters, mostly."""


@dataclass(frozen=True, slots=True)
class Palette:
    """255 colours, and the nearest of them for every colour of 6 bits a channel."""

    colours: U8
    table: U8

    @property
    def entries(self) -> bytes:
        """Return the colours as they stand in a GIF."""
        return self.colours.tobytes().ljust(768, b"\0")


def choose(pictures: Sequence[U8] | U8, *, coarse: bool = False) -> Palette:
    """Return a palette for RGB pictures of one size."""
    colours = generate(pictures)
    return Palette(colours, table(colours, coarse=coarse))


def serves(palette: Palette, pictures: Sequence[U8]) -> bool:
    """Say whether a palette has the colours of these pixels, shape (n, 3), a picture each."""
    return sum(_lacking(pixels, palette) for pixels in pictures) <= MOST_LACKING * len(pictures)


def generate(pictures: Sequence[U8] | U8) -> U8:
    """Return 255 colours for RGB pictures of one size, with room for the captions' own (ffmpeg's palettegen)."""
    ramp = np.zeros_like(pictures[0])
    colours = (styles.WHITE, styles.INK, styles.ACCENT, (0, 0, 0), (154, 150, 240), (139, 141, 149))
    band = max(1, ramp.shape[0] // len(colours))
    for number, colour in enumerate(colours):
        ramp[number * band : (number + 1) * band] = colour
    height, width = ramp.shape[:2]
    graph = av.filter.Graph()
    feed = graph.add("buffer", f"video_size={width}x{height}:pix_fmt=rgb24:time_base=1/12:pixel_aspect=1/1")
    chosen = graph.add("palettegen", "max_colors=255:reserve_transparent=0:stats_mode=full")
    sink = graph.add("buffersink")
    feed.link_to(chosen)
    chosen.link_to(sink)
    graph.configure()
    for number, picture in enumerate([*pictures, ramp]):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 12)
        feed.push(frame)
    feed.push(None)
    swatch: Any = sink.pull()
    return np.ascontiguousarray(swatch.to_ndarray(format="rgba").reshape(-1, 4)[:255, :3])


def table(palette: U8, *, coarse: bool = False) -> U8:
    """Return the nearest palette entry for every colour of 6 bits a channel, weighted as eyes weigh them.

    coarse: 5 bits are looked at, an eighth of the work.
    """
    bits = 5 if coarse else 6
    steps = ((np.arange(1 << bits) + 0.5) * (256 >> bits)).astype(np.float32)
    weights = np.sqrt(np.array([3, 6, 1], np.float32))
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3) * weights
    entries = palette.astype(np.float32) * weights
    squares = (entries * entries).sum(1)
    out = np.empty(len(colours), np.uint8)
    for start in range(0, len(colours), 16_384):
        out[start : start + 16_384] = (squares[None] - 2 * (colours[start : start + 16_384] @ entries.T)).argmin(1)
    if coarse:
        out = out.reshape(32, 32, 32).repeat(2, 0).repeat(2, 1).repeat(2, 2).reshape(-1)
    return out


def _lacking(pixels: U8, palette: Palette) -> int:
    reduced = (pixels >> 2).astype(np.int32)
    shown = palette.colours[palette.table[(reduced[:, 0] << 12) | (reduced[:, 1] << 6) | reduced[:, 2]]]
    away = np.abs(pixels.astype(np.int16) - shown)
    return int(np.count_nonzero((away[:, 0] > FAR) | (away[:, 1] > FAR) | (away[:, 2] > FAR)))
