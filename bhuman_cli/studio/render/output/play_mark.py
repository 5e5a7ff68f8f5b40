"""Play mark on a still picture, so that it reads as a video, and the poster of a mail that carries it."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SHARE: Final = 0.21
"""The mark's diameter in the picture's shorter side."""

_SHARP: Final = 4


def draw(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an RGB picture with the mark in its middle."""
    height, width = picture.shape[:2]
    mark = _mark(max(24, round(min(width, height) * SHARE)))
    out = Image.fromarray(picture).convert("RGB")
    out.paste(mark, ((width - mark.width) // 2, (height - mark.height) // 2), mark)
    return np.asarray(out)


@functools.lru_cache(maxsize=8)
def _mark(size: int) -> Image.Image:
    large = size * _SHARP
    mark = Image.new("RGBA", (large, large))
    pen = ImageDraw.Draw(mark)
    pen.ellipse((0, 0, large - 1, large - 1), fill=(16, 18, 32, 176))
    edge = large * 0.04
    pen.ellipse((edge, edge, large - 1 - edge, large - 1 - edge), outline=(255, 255, 255, 235), width=round(edge))
    # A triangle looks centred where its centre of gravity is.
    left, right, half = large * 0.39, large * 0.72, large * 0.19
    pen.polygon([(left, large / 2 - half), (left, large / 2 + half), (right, large / 2)], fill=(255, 255, 255, 250))
    return mark.resize((size, size), Image.Resampling.LANCZOS)


def poster(thumbnail: Path, name: str) -> tuple[bytes, tuple[int, int]]:
    """Return a JPEG made of a thumbnail, the mark and the recipient's name, and its size in pixels.

    Raises:
        OSError: the thumbnail can't be decoded.
    """
    from bhuman_cli.studio.render import scene
    from bhuman_cli.studio.render.text import styles

    with Image.open(thumbnail) as opened:
        picture = draw(np.asarray(opened.convert("RGB")))
    out = Image.fromarray(picture)
    if name.strip():
        caption = scene.Caption(text=name.strip(), style="lower-third", first=0, last=1, position="bottom-left")
        patch = styles.patch(caption, styles.Frame(out.width, out.height))
        words = Image.fromarray(patch.pixels)
        out.paste(words, (patch.x, patch.y), words)
    stream = io.BytesIO()
    out.save(stream, "JPEG", quality=88, optimize=True)
    return stream.getvalue(), out.size
