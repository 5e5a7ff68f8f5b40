"""Scene: what is on screen when; template, values and assets in, timed captions out. Pure; draws nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from bhuman_cli.studio.render import personal
from bhuman_cli.studio.render.template import PLACEHOLDER, Backdrop, Section, Template

SHORTEST_PIECE: Final = 5
"""Frames. A key frame costs about as much as this many ordinary ones, so shorter pieces join their neighbour."""

GREETING: Final = (0.5, 3.0)
SENTENCE: Final = (3.5, 6.0)
CLOSING: Final = (6.5, 8.5)
"""The built-in template's times, on the half seconds where the built-in presenter has its key frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Text on screen during the frames [first, last). slot counts captions stacked at the same position."""

    text: str
    style: str
    first: int
    last: int
    label: str = ""
    position: str = ""
    at: tuple[float, float] | None = None
    colour: str = ""
    accent: str = ""
    size: float = 1.0
    font: str = "bold"
    name: str = ""
    slot: int = 0
    slots: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A backdrop with its asset during the frames [first, last). number counts the backgrounds from 1, for messages."""

    backdrop: Backdrop
    asset: str
    number: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of frames that is encoded for this row, with all that is on it."""

    first: int
    last: int
    captions: tuple[Caption, ...]
    shown: Shown | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One row's whole video. marks: where the base must have key frames, the same for every row of a template."""

    fps: Fraction
    frames: int
    captions: tuple[Caption, ...]
    backdrops: tuple[Shown, ...]
    marks: tuple[int, ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """What a scene must know of the template's footage."""

    fps: Fraction
    frames: int


def lay_out(
    template: Template, reel: Reel, values: Mapping[str, str], assets: Sequence[str], backdrops: Sequence[Backdrop]
) -> Scene:
    """Return what is on screen when. backdrops: the ones in force, one asset each; blank assets are left out."""
    sections = template.sections
    if template.accepts_any:
        sections = greeting(values, [b for b, asset in zip(backdrops, assets, strict=False) if asset.strip()])
    captions = tuple(
        caption for section in _stacked(sections) if (caption := _caption(section, values, reel)) is not None
    )
    shown = tuple(
        Shown(backdrop=backdrop, asset=asset.strip(), number=number, first=first, last=last)
        for number, (backdrop, asset) in enumerate(zip(backdrops, _padded(assets, len(backdrops)), strict=True), 1)
        if asset.strip()
        for first, last in [span(backdrop.start, backdrop.end, reel)]
        if first < last
    )
    marks = marks_of(template, reel, backdrops)
    return Scene(
        fps=reel.fps,
        frames=reel.frames,
        captions=captions,
        backdrops=shown,
        marks=marks,
        pieces=pieces(marks, captions, shown),
    )


def span(start: float, end: float, reel: Reel) -> tuple[int, int]:
    """Return seconds as frames [first, last), inside the footage; end -1 means to the end."""
    first = math.floor(start * reel.fps + 1e-6)
    last = reel.frames if end < 0 else math.ceil(end * reel.fps - 1e-6)
    return max(0, min(first, reel.frames)), max(0, min(last, reel.frames))


def greeting(values: Mapping[str, str], backdrops: Sequence[Backdrop] = ()) -> tuple[Section, ...]:
    """Return the built-in template's sections: a greeting, a sentence about the row, a closing line.

    backdrops: those that are shown; captions make room for the presenter who stands in a corner of them.
    """
    name = next(iter(personal.presentable(values)), "")
    if not name:
        return ()
    text, gaps = personal.sentence({key: value for key, value in values.items() if key != name})
    spoken = [(GREETING, f"Hi {{{name}}}!", name, 1.0)]
    if text:
        spoken.append((SENTENCE, text, gaps[0], 0.72))
    spoken.append((CLOSING, f"Thank you for watching, {{{name}}}!", name, 0.72))
    return tuple(
        Section(
            name=owner, start=start, end=end, text=line, style="greeting", size=size,
            position="top-left" if _taken("bottom-left", (start, end), backdrops) else "bottom-left",
        )
        for (start, end), line, owner, size in spoken
    )  # fmt: skip


def _taken(place: str, time: tuple[float, float], backdrops: Sequence[Backdrop]) -> bool:
    return any(
        place in backdrop.position and backdrop.start < time[1] and (backdrop.end < 0 or time[0] < backdrop.end)
        for backdrop in backdrops
    )


def label(name: str) -> str:
    """Return a variable's name as people write it: first_name becomes First name."""
    words = " ".join(name.replace("_", " ").replace("-", " ").split())
    written = " ".join(word.upper() if word.lower() in ABBREVIATIONS else word for word in words.split())
    return written[:1].upper() + written[1:]


ABBREVIATIONS: Final = frozenset({"url", "cta", "id", "ceo", "crm", "vip", "roi", "kpi", "hr", "it", "usd", "eur"})


def marks_of(template: Template, reel: Reel, backdrops: Sequence[Backdrop]) -> tuple[int, ...]:
    """Return every frame at which some row may begin or end a piece."""
    times = [(s.start, s.end) for s in template.sections] + [(b.start, b.end) for b in backdrops]
    if template.accepts_any:
        times += [GREETING, SENTENCE, CLOSING]
    edges = {0} | {edge for start, end in times for edge in span(start, end, reel)}
    return tuple(sorted(edge for edge in edges if edge < reel.frames))


def pieces(marks: Sequence[int], captions: Sequence[Caption], shown: Sequence[Shown]) -> tuple[Piece, ...]:
    """Cut the variable frames at the marks, so that equal content gives equal pieces; merge the very short ones."""
    timed: tuple[Caption | Shown, ...] = (*captions, *shown)
    last_frame = max((item.last for item in timed), default=0)
    edges = [*(mark for mark in marks if mark < last_frame), last_frame]
    spans = [
        (first, last)
        for first, last in itertools.pairwise(edges)
        if any(item.first < last and first < item.last for item in timed)
    ]
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        touches = bool(merged) and merged[-1][1] == first
        backdrop_changes = any(first in {item.first, item.last} for item in shown)
        short = last - first < SHORTEST_PIECE or (touches and merged[-1][1] - merged[-1][0] < SHORTEST_PIECE)
        if touches and short and not backdrop_changes:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(
        Piece(
            first=first,
            last=last,
            captions=tuple(c for c in captions if c.first < last and first < c.last),
            shown=next((s for s in shown if s.first < last and first < s.last), None),
        )
        for first, last in merged
    )


def _padded(assets: Sequence[str], count: int) -> tuple[str, ...]:
    return (*assets[:count], *("",) * (count - len(assets)))


def _stacked(sections: Sequence[Section]) -> list[tuple[Section, int, int]]:
    """Number the sections that share a named position and a time, so that they don't cover each other."""
    out: list[tuple[Section, int, int]] = []
    for section in sections:
        named = [other for other in sections if other.at is None and other.position == section.position]
        mates = [other for other in named if section.at is None and other.overlaps(section)]
        out.append((section, next((i for i, mate in enumerate(mates) if mate is section), 0), max(1, len(mates))))
    return out


def _longest(section: Section, values: Mapping[str, str]) -> str:
    """Return the variable that takes most of a section's text: the one that is to blame where it has no room."""
    named: list[str] = PLACEHOLDER.findall(section.text) or [section.name]
    return max(named, key=lambda name: len(values.get(name, "")))


def _caption(placed: tuple[Section, int, int], values: Mapping[str, str], reel: Reel) -> Caption | None:
    section, slot, slots = placed
    text = section.fill(values)
    first, last = span(section.start, section.end, reel)
    if not text.strip() or first >= last:
        return None
    return Caption(
        text=text,
        style=section.style,
        first=first,
        last=last,
        label=section.label,
        position=section.position,
        at=section.at,
        colour=section.colour,
        accent=section.accent,
        size=section.size,
        font=section.font,
        name=_longest(section, values),
        slot=slot,
        slots=slots,
    )
