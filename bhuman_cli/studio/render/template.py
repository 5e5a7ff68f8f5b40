"""Video template: sections, backgrounds, limits, and the built-in one. Renders nothing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MAX_SECTIONS: Final = 100
MAX_SECTION_S: Final = 10.0
"""Source: API contract, product limits: at most 100 personalised sections of at most 10 seconds."""

MAX_BACKGROUNDS: Final = 100

POSITIONS: Final = (
    "center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right",
)  # fmt: skip
STYLES: Final[Mapping[str, str]] = {
    "lower-third": "a panel with an accent bar, low on the left: names and greetings",
    "title": "large text with a soft shadow and an accent line: openings",
    "caption": "a dark pill with white text, low in the middle: subtitles",
    "badge": "a small coloured pill in a corner: companies, dates, offers",
    "card": "a white card with a small label above the value: facts",
    "greeting": "the built-in template's large greeting, low on the left",
}
HOME: Final[Mapping[str, str]] = {
    "lower-third": "bottom-left",
    "title": "bottom",
    "caption": "bottom",
    "badge": "top-right",
    "card": "right",
    "greeting": "bottom-left",
}
KINDS: Final = ("link", "site", "linkedin")
MODES: Final = ("basic", "circle", "chroma")
PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
PLACEHOLDER_UNSAFE: Final = re.compile(r"[{}\x00-\x1f\x7f]")

STARTER_HEAD: Final = """\
# A video template for `bhuman render --local` and `bhuman preview`.
# Times are seconds from the beginning; end = -1 means to the end. A section may last 10 seconds at most.

name = "My template"

# Your own footage, beside this file. Without it, the built-in presenter (9 seconds) is used.
# video = "presenter.mp4"

# Each [[variables]] section puts one column's value on screen. In `text`, {{column}} stands for the value.
# position: {positions}
#   or x and y between 0 and 1: where the middle of the text is.
# style:
{styles}
# Also: color and accent (six hexadecimal digits), size (1 is normal), label (a small heading),
#   font (bold, regular, or a .ttf or .otf file beside this one).
"""
STARTER_TAIL: Final = """\
# Who sends the video, on its page: a name, and one button.
# [sender]
# name = "Maya at Acme"
# link = "https://acme.example/book"
# action = "Book a time"

# A background shows a picture, a video or a web page from a column of links (render with --asset COLUMN).
# kind: link, site or linkedin. mode: basic (the presenter in a box), circle, or chroma (cut out of a green wall).
# [[backgrounds]]
# name = "product_page"
# start = 4.0
# end = -1
# kind = "site"
# config = { mode = "circle", position = "bottom-right", scale = 0.4, brightness = 1.0, audio = false }
"""


class TemplateError(Exception):
    """The template can't be used: the message lists each thing, its place and the rule it breaks.

    problems: (line, place and rule), line 0 where there is none.
    """

    def __init__(self, message: str, problems: Sequence[tuple[int, str]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One personalised stretch of the video. end -1: to the end; at: x and y of the text's centre in 0..1, or None."""

    name: str
    start: float
    end: float
    text: str
    style: str = "lower-third"
    label: str = ""
    position: str = "bottom-left"
    at: tuple[float, float] | None = None
    colour: str = ""
    accent: str = ""
    size: float = 1.0
    font: str = "bold"

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with its placeholders replaced once: braces inside a value stay what they are.

        Empty where its own variable is blank or missing: "Hi !" is worse than no greeting.
        """
        if not values.get(self.name, "").strip():
            return ""
        return PLACEHOLDER.sub(lambda match: values.get(match[1], ""), self.text)

    def overlaps(self, other: Section) -> bool:
        """Say whether both are on screen at some moment."""
        mine, theirs = self.end if self.end >= 0 else 1e9, other.end if other.end >= 0 else 1e9
        return self.start < theirs and other.start < mine


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """A background segment, every field with its documented default. Source: API contract, section 6."""

    start: float
    end: float
    kind: str
    mode: str
    name: str = ""
    scale: float = 0.4
    position: str = "bottom-right"
    audio: bool = False
    brightness: float = 1.0
    colour: str = "00FF00"
    similarity: float = 0.1
    blend: float = 0.1

    @property
    def title(self) -> str:
        """Return how messages call it: its name, or nothing."""
        return f" ({self.name})" if self.name else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends the video, shown on its page. link: where the one button leads, "" for none. action: its words."""

    name: str = ""
    link: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A video with places for values and assets. video None: the built-in presenter.

    accepts_any: any variables are shown, in their order; otherwise exactly `variables` are known.
    duration: seconds of footage, 0.0 where only the renderer can tell.
    """

    name: str
    video: Path | None = None
    variables: tuple[str, ...] = ()
    accepts_any: bool = False
    duration: float = 0.0
    sections: tuple[Section, ...] = ()
    backdrops: tuple[Backdrop, ...] = ()
    sender: Sender = Sender()
    path: Path | None = field(default=None, compare=False)


BUILT_IN: Final = Template(name="Built-in presenter", accepts_any=True, duration=9.0)


def styles() -> dict[str, str]:
    """Return the designed caption styles and what each is for."""
    return dict(STYLES)


def load(path: Path | None) -> Template:
    """Read a template file; None gives the built-in one.

    Raises:
        TemplateError: the file can't be read, or breaks rules; all of them are listed.
    """
    if path is None:
        return BUILT_IN
    from bhuman_cli.studio.render import template_file

    try:
        text = path.read_text("utf-8-sig")
        data = tomllib.loads(text)
    except OSError as problem:
        raise TemplateError(f"template {path.name}: can't be read ({problem.strerror or 'no such file'})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise TemplateError(f"template {path.name}: not valid TOML: {problem}") from None
    return template_file.build(path, data, text)


def backgrounds(entries: Sequence[Mapping[str, Any]]) -> tuple[Backdrop, ...]:
    """Read backgrounds in their request form, with the documented defaults; they may not overlap.

    Raises:
        TemplateError: all that is wrong with them.
    """
    from bhuman_cli.studio.render import template_file

    check = template_file.Check("backgrounds")
    backdrops = template_file.backdrops(entries, check)
    check.finish()
    return backdrops


def starter(header: Sequence[str], video: str = "", duration_s: float = 0.0) -> str:
    """Return the text of a commented template file for a table with this header; it loads as it is.

    video: footage beside it, "" for the built-in presenter. duration_s: of that footage; the texts are spread over it.
    """
    speed = min(1.5, duration_s / BUILT_IN.duration) if video else 1.0
    names = [" ".join(name.split()) for name in header if name.strip() and not PLACEHOLDER_UNSAFE.search(name)]
    names = names[:5] or ["first_name", "company"]
    styles_known = "\n".join(f"#   {name:<12} {meaning}" for name, meaning in STYLES.items())
    head = STARTER_HEAD.replace('# video = "presenter.mp4"', f"video = {_quoted(video)}") if video else STARTER_HEAD
    parts = [head.format(positions=", ".join(POSITIONS), styles=styles_known)]
    for number, name in enumerate(names):
        # The first value greets; the others follow two at a time, where they don't cover each other.
        start = 0.5 if number == 0 else 4.0 + 2.5 * ((number - 1) // 2 % 2)
        text = f"Hi {{{name}}}!" if number == 0 else f"{{{name}}}"
        style = "lower-third" if number == 0 else ("card", "badge")[(number - 1) % 2]
        parts.append(
            f"[[variables]]\nname = {_quoted(name)}\nstart = {start * speed:.3g}\nend = {(start + 2.5) * speed:.3g}\n"
            f"text = {_quoted(text)}\nstyle = {_quoted(style)}\n"
        )
    return "\n".join([*parts, STARTER_TAIL])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
