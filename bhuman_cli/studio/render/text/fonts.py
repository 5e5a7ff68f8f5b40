"""Fonts: which one draws which character, the shipped Noto faces first, then the system's. Draws no text."""

from __future__ import annotations

import ctypes
import functools
import io
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import freetype
import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

HERE: Final = Path(__file__).parents[1] / "fonts"

BUNDLED: Final = (
    "NotoSansArabic-Bold.ttf",
    "NotoSansHebrew-Bold.ttf",
    "NotoSansDevanagari-Bold.ttf",
    "NotoSansThai-Bold.ttf",
    "NotoSansBengali-Bold.ttf",
    "NotoSansTamil-Bold.ttf",
)
WEIGHTS: Final = {"bold": "NotoSans-Bold.ttf", "regular": "NotoSans-Regular.ttf"}

# Where the big fonts live that are not shipped (20 MB each): Debian, Fedora, Arch, macOS, Windows.
SYSTEM_CJK: Final = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/AppleSDGothicNeo.ttc",
    "C:/Windows/Fonts/msyhbd.ttc",
    "C:/Windows/Fonts/YuGothB.ttc",
    "C:/Windows/Fonts/malgunbd.ttf",
)
SYSTEM_EMOJI: Final = (
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-emoji/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-color-emoji-fonts/NotoColorEmoji.ttf",
    "/usr/share/fonts/noto/NotoColorEmoji.ttf",
    "/usr/share/fonts/google-noto-color-emoji-fonts/Noto-COLRv1.ttf",
    "/System/Library/Fonts/Apple Color Emoji.ttc",
    "C:/Windows/Fonts/seguiemj.ttf",
)
SYSTEM_OTHER: Final = (
    "/usr/share/fonts/truetype/noto/NotoSansSymbols2-Regular.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "C:/Windows/Fonts/seguisym.ttf",
)

Glyph = tuple[NDArray[np.uint8], int, int]
"""Coverage (h, w) or colour (h, w, 4 as RGBA), left and top bearing in pixels from the pen."""

LOCK: Final = threading.RLock()
"""FreeType faces hold one glyph at a time, so one thread may draw with them at a time."""


@dataclass(slots=True, eq=False)
class Face:
    """One font file, opened for shaping (in font units) and for drawing."""

    path: Path
    is_emoji: bool = False
    shaper: Any = field(init=False)
    coverage: Any = field(init=False)
    upem: int = field(init=False)
    _drawer: Any = field(init=False, default=None)
    _size_px: int = field(init=False, default=0)
    _glyphs: dict[tuple[int, int, int], Glyph] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        face = hb.Face(hb.Blob.from_file_path(str(self.path)), 0)
        self.shaper = hb.Font(face)
        self.upem = int(face.upem)
        self.coverage = face.unicodes

    @property
    def has_colours(self) -> bool:
        """Say whether its glyphs are coloured in a way that can be drawn here: pictures, or layers of outlines."""
        face = self.shaper.face
        return bool(
            face.has_color_png or (hasattr(hb, "RasterPaint") and (face.has_color_paint or face.has_color_layers))
        )

    def covers(self, character: str) -> bool:
        """Say whether the font has a glyph for this character."""
        return ord(character) in self.coverage

    def glyph(self, index: int, size_px: int, quarter: int) -> Glyph:
        """Return the drawn glyph, shifted right by so many quarters of a pixel; kept for the next time."""
        key = (index, size_px, quarter)
        if key not in self._glyphs:
            if len(self._glyphs) > 4_000:
                self._glyphs.clear()
            self._glyphs[key] = (
                self._draw_emoji(index, size_px) if self.is_emoji else self._draw(index, size_px, quarter)
            )
        return self._glyphs[key]

    def _draw(self, index: int, size_px: int, quarter: int) -> Glyph:
        drawer = self._open(size_px)
        drawer.set_transform(freetype.Matrix(0x10000, 0, 0, 0x10000), freetype.Vector(quarter * 16, 0))
        drawer.load_glyph(index, freetype.FT_LOAD_NO_HINTING | freetype.FT_LOAD_RENDER)
        return _bitmap(drawer.glyph)

    def _draw_emoji(self, index: int, size_px: int) -> Glyph:
        """Return a colour glyph from the picture inside the font; FreeType's wheel can't read those."""
        from PIL import Image

        from bhuman_cli.studio.render import decoders

        extents = self.shaper.get_glyph_extents(index)
        if not self.shaper.face.has_color_png:
            return _painted(self.shaper, index, extents, size_px / self.upem)
        blob = self.shaper.get_glyph_color_png(index)
        if not blob or not blob.data or extents is None or not extents.width:
            return np.zeros((0, 0), np.uint8), 0, 0
        factor = size_px / self.upem
        size = (max(1, round(extents.width * factor)), max(1, round(-extents.height * factor)))
        with decoders.open_picture(io.BytesIO(bytes(blob.data))) as picture:
            small = np.asarray(picture.convert("RGBA").resize(size, Image.Resampling.LANCZOS))
        return small, round(extents.x_bearing * factor), round(extents.y_bearing * factor)

    def _open(self, size_px: int) -> Any:
        if self._drawer is None:
            self._drawer = freetype.Face(str(self.path))
        if size_px != self._size_px:
            self._drawer.set_pixel_sizes(0, size_px)
            self._size_px = size_px
        return self._drawer


def _painted(shaper: Any, index: int, extents: Any, factor: float) -> Glyph:
    """Return a glyph made of coloured layers (COLR), drawn by HarfBuzz."""
    paint = hb.RasterPaint()
    paint.transform = (factor, 0, 0, factor, 0, 0)
    if extents is None or not paint.set_glyph_extents(extents) or not paint.paint_glyph_or_fail(shaper, index):
        return np.zeros((0, 0), np.uint8), 0, 0
    image = paint.render()
    at = image.extents
    rows = np.frombuffer(image.buffer, np.uint8).reshape(at.height, at.stride)[::-1, : at.width * 4]
    premultiplied = rows.reshape(at.height, at.width, 4)[..., [2, 1, 0, 3]].astype(np.uint16)
    alpha = np.maximum(premultiplied[..., 3:], 1)
    premultiplied[..., :3] = np.minimum(255, (premultiplied[..., :3] * 255 + alpha // 2) // alpha)
    return premultiplied.astype(np.uint8), at.x_origin, at.y_origin + at.height


def _bitmap(slot: Any) -> Glyph:
    bitmap = slot.bitmap
    rows, width, pitch = bitmap.rows, bitmap.width, bitmap.pitch
    if not rows or not width:
        return np.zeros((0, 0), np.uint8), 0, 0
    # bitmap.buffer builds a Python list; the memory itself is a hundred times quicker.
    raw = np.frombuffer(ctypes.string_at(bitmap._FT_Bitmap.buffer, rows * pitch), np.uint8).reshape(rows, pitch)
    return raw[:, :width].copy(), slot.bitmap_left, slot.bitmap_top


@functools.cache
def faces(font: str) -> tuple[Face, ...]:
    """Return the faces to ask in turn. font: bold, regular, or a file's path (then bold for what it lacks).

    Scripts other than Latin, Greek and Cyrillic come in bold only.
    """
    own = [] if font in WEIGHTS else [_open(Path(font))]
    text_faces = [*own, _open(HERE / WEIGHTS.get(font, WEIGHTS["bold"])), *(_open(HERE / name) for name in BUNDLED)]
    fonts = [_open(path) for path in map(Path, (*SYSTEM_CJK, *SYSTEM_OTHER)) if path.is_file()]
    emoji = emoji_face()
    return (*text_faces, *((emoji,) if emoji else ()), *fonts)


@functools.cache
def emoji_face() -> Face | None:
    """Return the system's coloured emoji font, or None: then emoji are reported as not covered."""
    user = Path(os.path.expanduser("~/.local/share/fonts/NotoColorEmoji.ttf"))  # noqa: PTH111 - Path raises where there is no home
    for path in (*map(Path, SYSTEM_EMOJI), *((user,) if sys.platform == "linux" else ())):
        if path.is_file() and (face := _open(path, is_emoji=True)).has_colours:
            return face
    return None


def is_font(path: Path) -> bool:
    """Say whether a file can be drawn with."""
    try:
        return bool(freetype.Face(str(path)).is_scalable and _open(path).coverage)
    except (freetype.FT_Exception, OSError, ValueError):
        return False


@functools.cache
def _open(path: Path, *, is_emoji: bool = False) -> Face:
    return Face(path, is_emoji)
