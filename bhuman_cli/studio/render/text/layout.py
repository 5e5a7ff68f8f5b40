"""Layout of text: values fitted into a box, and drawn. Knows no styles and no video."""

from __future__ import annotations

import bisect
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bhuman_cli.studio.render.text import fonts, shaping

RGBA = NDArray[np.uint8]
MOST_CHARACTERS: Final = 400
"""More never fits; ordering and shaping megabytes would take minutes."""

LINE_HEIGHT: Final = 1.32
ASCENT: Final = 1.02
"""Base line below the line's top, in em: room for Vietnamese stacked accents above and Arabic tails below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The room a text has, in pixels.

    font: bold, regular, or a font file's path. align: left, center or right (left means right for Arabic and Hebrew).
    """

    width_px: int
    size_px: int
    smallest_px: int
    lines: int = 1
    font: str = "bold"
    align: str = "left"


@dataclass(frozen=True, slots=True)
class Block:
    """Text that was fitted: lines of one size. is_cut: it ends in an ellipsis, because not all of it had room."""

    lines: tuple[shaping.Line, ...]
    size_px: int
    right_to_left: bool
    align: str
    is_cut: bool = False

    @property
    def width_px(self) -> int:
        """Return the widest line's width."""
        return int(max((line.width for line in self.lines), default=0.0) * self.size_px) + 1

    @property
    def height_px(self) -> int:
        """Return the height of all lines."""
        return int(len(self.lines) * LINE_HEIGHT * self.size_px) + 1


def uncovered(value: str, font: str = "bold") -> str:
    """Return the characters that no font at hand can draw, each once, in order; empty if all is well."""
    missing = [
        cluster[0]
        for cluster in shaping.clusters(unicodedata.normalize("NFC", value))
        if not cluster[0].isspace() and cluster[0] not in shaping.IGNORABLE and shaping.face_for(cluster, font) is None
    ]
    return "".join(dict.fromkeys(missing))


def fit(value: str, box: Box) -> Block:
    """Shrink, then wrap, then end in an ellipsis, so that the text stays inside its box."""
    text = " ".join(_covered(unicodedata.normalize("NFC", value[:MOST_CHARACTERS]), box.font).split())
    base = shaping.base_level(text)
    one_line_floor = max(box.smallest_px, round(box.size_px * (0.66 if box.lines > 1 else 0)))
    width_em = shaping.line(text, box.font, base).width
    size = min(box.size_px, int(box.width_px / width_em)) if width_em else box.size_px
    is_cut = len(value) > MOST_CHARACTERS
    if size >= one_line_floor:
        lines = [text]
    else:
        size = max(box.smallest_px, min(round(box.size_px * 0.8), _whole_words_px(text, box, base)))
        while len(lines := _wrap(text, box, base, size)) > box.lines and size > box.smallest_px:
            size = max(box.smallest_px, min(size - 1, round(size * 0.92)))
        if len(lines) > box.lines:
            is_cut = True
            rest = "".join(lines[box.lines - 1 :]).strip()
            lines = [*lines[: box.lines - 1], _cut(rest, box, base, size)]
    shaped = tuple(shaping.line(line.strip(), box.font, base) for line in lines)
    return Block(shaped, size, bool(base), box.align, is_cut)


def _covered(value: str, font: str) -> str:
    """Return what can be drawn; what can't goes with the space before it, or a gap would stay."""
    out = ""
    for cluster in shaping.clusters(value):
        if cluster.isspace() or cluster[0] in shaping.IGNORABLE or shaping.face_for(cluster, font) is not None:
            out += cluster
        else:
            out = out.rstrip()
    return out


_BREAKS: Final = re.compile(r"\s*[^\s\-–/@]*[\-–/@]*")
"""What stays on one line: a word, or a part of it that ends in a hyphen, with the space before it."""

_UNSPACED: Final = ((0x0E00, 0x0F00), (0x1000, 0x10A0), (0x1780, 0x1800), (0x2E80, 0xA4D0), (0xAC00, 0xD7B0),
                    (0xF900, 0xFB00), (0xFF00, 0xFFF0), (0x20000, 0x40000))  # fmt: skip
"""Thai, Lao, Burmese, Khmer, Chinese, Japanese, Korean: a line may end between any two characters."""


def _whole_words_px(text: str, box: Box, base: int) -> int:
    """Return the size at which no word need be broken, or the normal one where even the smallest is too large."""
    words = [word for word in map(str.strip, _BREAKS.findall(text)) if word and not _is_unspaced(word)]
    widest = max((shaping.line(word, box.font, base).width for word in words), default=0.0)
    whole = int(box.width_px / widest) if widest else box.size_px
    return whole if whole >= box.smallest_px else box.size_px


def _is_unspaced(word: str) -> bool:
    return any(low <= ord(character) < high for character in word for low, high in _UNSPACED)


def _wrap(text: str, box: Box, base: int, size_px: int) -> list[str]:
    """Return lines that fit but for the space they may begin with."""
    room_em = box.width_px / size_px
    lines: list[str] = []
    for part in filter(None, _BREAKS.findall(text)):
        joined = f"{lines[-1]}{part}" if lines else part
        if lines and shaping.line(joined.strip(), box.font, base).width <= room_em:
            lines[-1] = joined
        elif shaping.line(part.strip(), box.font, base).width <= room_em:
            lines.append(part)
        else:
            lines.extend(_chop(part, box, base, room_em))
    return lines


def _cut(text: str, box: Box, base: int, size_px: int) -> str:
    """Return as much of the text as fits before an ellipsis."""
    room_em = box.width_px / size_px
    parts = shaping.clusters(text)

    def ended(count: int) -> str:
        return "".join(parts[:count]).rstrip() + "…"

    return ended(
        bisect.bisect(range(1, len(parts) + 1), room_em, key=lambda n: shaping.line(ended(n), box.font, base).width)
    )


def _chop(part: str, box: Box, base: int, room_em: float) -> list[str]:
    """Break a part that is wider than the box between clusters (an address, or Thai, which has no spaces)."""
    rest = shaping.clusters(part)
    pieces: list[str] = []
    while rest:
        fits = bisect.bisect(
            range(1, len(rest) + 1),
            room_em,
            key=lambda n: shaping.line("".join(rest[:n]).strip(), box.font, base).width,
        )
        pieces.append("".join(rest[: max(1, fits)]))
        rest = rest[max(1, fits) :]
    return pieces


def draw(block: Block, colour: tuple[int, int, int], width_px: int = 0) -> RGBA:
    """Return the block as straight RGBA, with `pad(block)` pixels on each side for overhanging glyphs."""
    margin = pad(block)
    inner = width_px or block.width_px
    cover = np.zeros((block.height_px + 2 * margin, inner + 2 * margin), np.uint8)
    out = np.zeros((*cover.shape, 4), np.uint8)
    with fonts.LOCK:
        for number, line in enumerate(block.lines):
            left = margin + _indent(block, line, inner)
            base_line = margin + round((number * LINE_HEIGHT + ASCENT) * block.size_px)
            for placed in line.glyphs:
                _paste(placed, block.size_px, left, base_line, cover, out)
    ink = cover > 0
    out[..., :3][ink] = np.where(out[..., 3:][ink] > 0, out[..., :3][ink], colour)
    out[..., 3] = np.maximum(out[..., 3], cover)
    return out


def pad(block: Block) -> int:
    """Return the margin that `draw` adds, in pixels: accents, swashes and emoji reach outside their box."""
    return max(4, block.size_px // 4)


def _indent(block: Block, line: shaping.Line, inner: int) -> int:
    room = inner - line.width * block.size_px
    align = block.align
    if block.right_to_left and align in {"left", "right"}:
        align = "right" if align == "left" else "left"
    return int({"left": 0.0, "center": room / 2, "right": room}[align])


def _paste(
    placed: shaping.Placed, size_px: int, left: int, base_line: int, cover: NDArray[np.uint8], out: RGBA
) -> None:
    quarters = round((left + placed.x * size_px) * 4)
    pixels, bearing, top = placed.face.glyph(placed.glyph, size_px, quarters % 4)
    x, y = quarters // 4 + bearing, base_line - round(placed.y * size_px) - top
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(cover.shape[1], x + pixels.shape[1]), min(cover.shape[0], y + pixels.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    part = pixels[y0 - y : y1 - y, x0 - x : x1 - x]
    if part.ndim == 3:
        out[y0:y1, x0:x1] = np.where(part[..., 3:] > 0, part, out[y0:y1, x0:x1])
    else:
        np.maximum(cover[y0:y1, x0:x1], part, out=cover[y0:y1, x0:x1])
