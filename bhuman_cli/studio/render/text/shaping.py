"""Shaping: text to placed glyphs, with direction and font runs, in em units. Draws and wraps nothing."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import uharfbuzz as hb
from bidi import algorithm

from bhuman_cli.studio.render.text import fonts

IGNORABLE: Final = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\u00ad\ufeff\ufe0e\ufe0f\u061c") | {
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
BRACKETS: Final = dict(zip("([{（［｛「『【〈《", ")]}）］｝」』】〉》", strict=True))
_EMOJI_MODIFIERS: Final = range(0x1F3FB, 0x1F400)
_TAGS: Final = range(0xE0020, 0xE0080)
"""After a black flag they name a region: England, Scotland, Wales."""

_REGIONAL: Final = range(0x1F1E6, 0x1F200)


@dataclass(frozen=True, slots=True)
class Placed:
    """One glyph on its line: pen position from the line's left end and shift above the base line, in em."""

    face: fonts.Face
    glyph: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """A shaped line in visual order."""

    glyphs: tuple[Placed, ...]
    width: float


def clusters(text: str) -> list[str]:
    """Split into what a reader takes for one character: base with its marks, joined emoji, flags."""
    out: list[str] = []
    for character in text:
        if out and _continues(out[-1], character):
            out[-1] += character
        else:
            out.append(character)
    return out


def _continues(cluster: str, character: str) -> bool:
    code = ord(character)
    if (
        unicodedata.category(character) in {"Mn", "Me", "Mc"}
        or character in "\u200d\ufe0f\ufe0e"
        or code in _EMOJI_MODIFIERS
    ):
        return True
    if cluster[0] == "\U0001f3f4" and code in _TAGS:
        return True
    if cluster[-1] == "\u200d" and unicodedata.category(character) == "So":
        return True
    return code in _REGIONAL and ord(cluster[-1]) in _REGIONAL and len(cluster) == 1


def face_for(cluster: str, font: str) -> fonts.Face | None:
    """Return the first face that covers the cluster's base character (emoji first where it asks for colour)."""
    emoji = fonts.emoji_face()
    if emoji is not None and "\ufe0f" in cluster and emoji.covers(cluster[0]):
        return emoji
    return next((face for face in fonts.faces(font) if face.covers(cluster[0])), None)


def base_level(text: str) -> int:
    """Return 1 for a paragraph that runs from right to left, 0 otherwise."""
    return int(algorithm.get_base_level(text))


def levels(text: str) -> list[int]:
    """Return each character's embedding level (Unicode bidirectional algorithm, rules P2 to I2)."""
    base = base_level(text)
    storage = algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = base, ("L", "R")[base]
    # Isolates are newer than this implementation; as neutrals they would stop it.
    plain = "".join(" " if 0x2066 <= ord(c) <= 0x2069 else c for c in text)
    algorithm.get_embedding_levels(plain, storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    _resolve_brackets(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    characters = iter(storage["chars"])
    out: list[int] = []
    for character in plain:
        # Joiners and explicit marks are dropped on the way; they go with what stands before them.
        dropped = unicodedata.bidirectional(character) in algorithm.X9_REMOVED
        out.append((out[-1] if out else base) if dropped else int(next(characters)["level"]))
    return out


def _resolve_brackets(storage: dict[str, Any]) -> None:
    """Give bracket pairs the direction of what they enclose (rule N0, which the implementation lacks)."""
    for run in storage["runs"]:
        letters = storage["chars"][run["start"] : run["start"] + run["length"]]
        own = "R" if letters and letters[0]["level"] % 2 else "L"
        for opening, closing in _pairs([letter["ch"] for letter in letters]):
            inside = {_strong(letter["type"]) for letter in letters[opening + 1 : closing]} - {""}
            if not inside:
                continue
            before = next((s for letter in reversed(letters[:opening]) if (s := _strong(letter["type"]))), run["sor"])
            direction = own if own in inside or before == own else before
            letters[opening]["type"] = letters[closing]["type"] = direction


def _strong(kind: str) -> str:
    return {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}.get(kind, "")


def _pairs(characters: Sequence[str]) -> list[tuple[int, int]]:
    waiting: list[int] = []
    pairs: list[tuple[int, int]] = []
    for index, character in enumerate(characters):
        if character in BRACKETS:
            waiting.append(index)
        elif character in BRACKETS.values():
            match = next((at for at in reversed(waiting) if BRACKETS[characters[at]] == character), None)
            if match is not None:
                pairs.append((match, index))
                del waiting[waiting.index(match) :]
    return sorted(pairs)


@functools.lru_cache(maxsize=4_096)
def line(text: str, font: str, base: int) -> Line:
    """Shape one line without line breaks; base is the paragraph's level. Characters nobody covers are left out."""
    runs = _runs(text, font, base)
    glyphs: list[Placed] = []
    pen = 0.0
    with fonts.LOCK:
        for face, level, piece in _visual(runs):
            pen = _shape(face, level, piece, pen, glyphs)
    return Line(tuple(glyphs), pen)


Run = tuple[fonts.Face, int, str]


def _runs(text: str, font: str, base: int) -> list[Run]:
    per_character = levels(text) if text else []
    for position in range(len(text) - 1, -1, -1):  # rule L1: spaces at the end go with the paragraph
        if not text[position].isspace():
            break
        per_character[position] = base
    out: list[Run] = []
    position = 0
    for cluster in clusters(text):
        level = per_character[position]
        position += len(cluster)
        face = face_for(cluster, font)
        follows = cluster.isspace() or cluster[0] in IGNORABLE
        if out and follows and not out[-1][0].is_emoji and out[-1][0].covers(cluster[0]):
            face = out[-1][0]
        if face is None:
            continue
        if out and out[-1][0] is face and out[-1][1] == level:
            out[-1] = (face, level, out[-1][2] + cluster)
        else:
            out.append((face, level, cluster))
    return out


def _visual(runs: Sequence[Run]) -> list[Run]:
    """Reorder runs from logical to visual order (rule L2)."""
    out = list(runs)
    highest = max((level for _, level, _ in runs), default=0)
    for level in range(highest, 0, -1):
        start = 0
        while start < len(out):
            end = start
            while end < len(out) and out[end][1] >= level:
                end += 1
            out[start:end] = out[start:end][::-1]
            start = max(end, start + 1)
    return out


def _shape(face: fonts.Face, level: int, piece: str, pen: float, glyphs: list[Placed]) -> float:
    buffer = hb.Buffer()
    buffer.add_str(piece)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if level % 2 else "ltr"
    hb.shape(face.shaper, buffer)
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyphs.append(Placed(face, info.codepoint, pen + place.x_offset / face.upem, place.y_offset / face.upem))
        pen += place.x_advance / face.upem
    return pen
