"""Template files in TOML and backgrounds in JSON: read, with all that is wrong said at once."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bhuman_cli.studio.render import template
from bhuman_cli.studio.render.template import Backdrop, Section, Sender, Template, TemplateError

COLOUR: Final = re.compile(r"#?[0-9a-fA-F]{6}")
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([\w-]+)\s*(?:\.\s*([\w-]+)\s*)?\]")
_KEY: Final = re.compile(r"\s*\"?([\w-]+)\"?\s*=")


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Return where each key of each table stands, as (place, key) → line; the table itself under the key ""."""
    lines: dict[tuple[str, str], int] = {("top level", ""): 1}
    count: Counter[str] = Counter()
    place = "top level"
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            count[header[2]] += header[1] == "[["
            table = f"{header[2]} {count[header[2]]}" if count[header[2]] else header[2]
            place = f"{table} {header[3]}" if header[3] else table
            lines.setdefault((place, ""), number)
        elif key := _KEY.match(line):
            lines.setdefault((place, key[1]), number)
    return lines


def build(path: Path, data: Mapping[str, Any], text: str) -> Template:
    """Turn a template file's data into a template. text: what it was read from, for the lines in messages.

    Raises:
        TemplateError: all that is wrong with it.
    """
    check = Check(path.name, path.parent, _lines(text))
    check.keys(data, ("name", "video", "variables", "backgrounds", "sender"), "top level")
    video = _video(path, data, check)
    duration = _duration(video, check) if not check.problems else 0.0
    entries = check.tables(data, "variables", template.MAX_SECTIONS)
    sections = [_section(entry, f"variables {number}", check) for number, entry in enumerate(entries, 1)]
    shown = backdrops(check.tables(data, "backgrounds", template.MAX_BACKGROUNDS), check)
    names = tuple(dict.fromkeys(section.name for section in sections))
    for number, section in enumerate(sections, 1):
        _check_section(section, f"variables {number}", names, duration, check)
    for number, backdrop in enumerate(shown, 1):
        if duration and backdrop.start >= duration:
            rule = f"starts at {backdrop.start:g} s, but the video is {duration:g} s long"
            check.say(f"backgrounds {number}", rule, "start")
    sender = _sender(data, check)
    check.finish()
    return Template(
        name=str(data.get("name") or path.stem),
        video=video,
        variables=names,
        duration=duration,
        sections=tuple(sections),
        backdrops=shown,
        sender=sender,
        path=path,
    )


def _sender(data: Mapping[str, Any], check: Check) -> Sender:
    """Read who sends the video; the link is a web or mail address."""
    table = data.get("sender", {})
    if not isinstance(table, Mapping):
        check.say("sender", "must be a table: [sender]")
        return Sender()
    check.keys(table, ("name", "link", "action"), "sender")
    link = check.text(table, "link", "", "sender")
    if link and not link.lower().startswith(("https://", "http://", "mailto:", "tel:")):
        check.say("sender", f"link {link[:60]!r} must begin with https:// or mailto:", "link")
    return Sender(
        name=check.text(table, "name", "", "sender"), link=link, action=check.text(table, "action", "", "sender")
    )


class Check:
    """Collects every problem, so that one run of the command shows them all."""

    def __init__(self, thing: str, folder: Path = Path(), lines: Mapping[tuple[str, str], int] | None = None) -> None:
        self.thing, self.folder = thing, folder
        self.problems: list[tuple[int, str]] = []
        self._lines = lines or {}

    def say(self, place: str, rule: str, key: str = "") -> None:
        """Note one problem, at the line of the key, else where its table begins; 0 where there are no lines."""
        table, _, inner = place.partition(" config")
        places = ((place, key), (place, ""), (table, "config" if inner or place != table else key), (table, ""))
        line = next((self._lines[at] for at in places if at in self._lines), 0)
        self.problems.append((line, f"{place}: {rule}"))

    def keys(self, table: Mapping[str, Any], names: Sequence[str], place: str) -> None:
        """Refuse keys that nobody knows."""
        for key in table:
            if key not in names:
                near = difflib.get_close_matches(key, names, 1)
                self.say(
                    place,
                    f"unknown key {key!r}"
                    + (f", did you mean {near[0]!r}?" if near else f" (known: {', '.join(names)})"),
                    key,
                )

    def choice(self, table: Mapping[str, Any], key: str, choices: Sequence[str], default: str, place: str) -> str:
        """Read one of a closed list."""
        value = table.get(key, default)
        if value in choices:
            return str(value)
        near = difflib.get_close_matches(str(value), choices, 1)
        self.say(
            place,
            f"{key} {value!r} is not one of {', '.join(choices)}" + (f"; did you mean {near[0]!r}?" if near else ""),
            key,
        )
        return default

    def number(
        self,
        table: Mapping[str, Any],
        key: str,
        default: float | None,
        place: str,
        low: float = -1e9,
        high: float = 1e9,
    ) -> float:
        """Read a number within limits."""
        value = table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            self.say(place, f"{key} is missing" if value is None else f"{key} must be a number", key)
            return default if default is not None else 0.0
        if not low <= value <= high:
            self.say(place, f"{key} must be between {low:g} and {high:g}", key)
        return float(value)

    def text(self, table: Mapping[str, Any], key: str, default: str, place: str) -> str:
        """Read a text."""
        value = table.get(key, default)
        if not isinstance(value, str):
            self.say(place, f"{key} must be text in quotes", key)
            return default
        return value

    def colour(self, table: Mapping[str, Any], key: str, default: str, place: str) -> str:
        """Read a colour as six hexadecimal digits."""
        value = self.text(table, key, default, place)
        if value and not COLOUR.fullmatch(value):
            self.say(place, f"{key} must be six hexadecimal digits such as 1F6FEB", key)
            return default
        return value.lstrip("#")

    def tables(self, data: Mapping[str, Any], key: str, most: int) -> list[Mapping[str, Any]]:
        """Read an array of tables."""
        entries = data.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.say("top level", f"{key} must be written as [[{key}]] tables", key)
            return []
        if len(entries) > most:
            self.say(key, f"{len(entries)} are too many, at most {most}", key)
        return entries

    def finish(self) -> None:
        """Raise what was noted.

        Raises:
            TemplateError: there is something.
        """
        if self.problems:
            problems = sorted(self.problems)
            if not self._lines:
                raise TemplateError(f"{self.thing}: " + "; ".join(rule for _, rule in problems), problems)
            listed = [f"{self.thing}:{line}: {rule}" if line else f"{self.thing}: {rule}" for line, rule in problems]
            more = f"{self.thing}: {len(problems)} problems\n" if len(problems) > 1 else ""
            raise TemplateError(more + "\n".join(listed), problems)


def backdrops(entries: Sequence[Mapping[str, Any]], check: Check) -> tuple[Backdrop, ...]:
    """Read background tables; problems go to `check`."""
    out = tuple(_backdrop(entry, f"backgrounds {number}", check) for number, entry in enumerate(entries, 1))
    ordered = sorted(range(len(out)), key=lambda index: out[index].start)
    for before, after in itertools.pairwise(ordered):
        if out[before].end < 0 or out[before].end > out[after].start:
            check.say(
                f"backgrounds {after + 1}", f"overlaps backgrounds {before + 1}; segments may not overlap", "start"
            )
    return out


def _backdrop(entry: Mapping[str, Any], place: str, check: Check) -> Backdrop:
    check.keys(entry, ("name", "start", "end", "kind", "config"), place)
    config = entry.get("config", {})
    if not isinstance(config, Mapping):
        check.say(place, "config must be a table")
        config = {}
    inside = f"{place} config"
    check.keys(config, ("mode", "position", "scale", "brightness", "audio", "color", "similarity", "blend"), inside)
    start, end = check.number(entry, "start", None, place, 0), check.number(entry, "end", -1.0, place)
    if 0 <= end <= start:
        check.say(place, "end must be later than start (or -1 for the end of the video)", "end")
    if not isinstance(config.get("audio", False), bool):
        check.say(inside, "audio must be true or false", "audio")
    return Backdrop(
        name=check.text(entry, "name", "", place),
        start=start,
        end=-1.0 if end < 0 else end,
        kind=check.choice(entry, "kind", template.KINDS, "link", place),
        mode=check.choice(config, "mode", template.MODES, "basic", inside),
        position=check.choice(config, "position", template.POSITIONS, "bottom-right", inside),
        scale=check.number(config, "scale", 0.4, inside, 0.01, 1),
        brightness=check.number(config, "brightness", 1.0, inside, 0, 4),
        audio=bool(config.get("audio", False)),
        colour=check.colour(config, "color", "00FF00", inside),
        similarity=check.number(config, "similarity", 0.1, inside, 0.00001, 1),
        blend=check.number(config, "blend", 0.1, inside, 0, 1),
    )


def _video(path: Path, data: Mapping[str, Any], check: Check) -> Path | None:
    name = check.text(data, "video", "", "top level")
    if not name:
        return None
    video = (path.parent / name).expanduser()
    if not video.is_file():
        check.say("top level", f"video {name!r} was not found beside the template", "video")
    return video


def _duration(video: Path | None, check: Check) -> float:
    if video is None:
        return template.BUILT_IN.duration
    from bhuman_cli.studio.render.footage import reader

    try:
        return reader.probe(video).duration_s
    except reader.SourceError as problem:
        check.say("top level", f"video {video.name!r} {problem}", "video")
        return 0.0


def _section(entry: Mapping[str, Any], place: str, check: Check) -> Section:
    names = ("name", "start", "end", "text", "style", "label", "position", "x", "y", "size", "font", "color", "accent")
    check.keys(entry, names, place)
    name = check.text(entry, "name", "", place).strip()
    if not name:
        check.say(place, "name is missing")
    style = check.choice(entry, "style", tuple(template.STYLES), "lower-third", place)
    if ("x" in entry) != ("y" in entry):
        check.say(place, "x and y belong together", "x" if "x" in entry else "y")
    at = (
        (check.number(entry, "x", 0.5, place, 0, 1), check.number(entry, "y", 0.5, place, 0, 1))
        if "x" in entry
        else None
    )
    return Section(
        name=name,
        start=check.number(entry, "start", None, place, 0),
        end=check.number(entry, "end", -1.0, place),
        text=check.text(entry, "text", f"{{{name}}}", place),
        style=style,
        label=check.text(entry, "label", "", place),
        position=check.choice(entry, "position", template.POSITIONS, template.HOME[style], place),
        at=at,
        colour=check.colour(entry, "color", "", place),
        accent=check.colour(entry, "accent", "", place),
        size=check.number(entry, "size", 1.0, place, 0.3, 3),
        font=_font(entry, place, check),
    )


def _font(entry: Mapping[str, Any], place: str, check: Check) -> str:
    name = check.text(entry, "font", "bold", place)
    if name in {"bold", "regular"}:
        return name
    from bhuman_cli.studio.render.text import fonts

    path = (check.folder / name).resolve()
    if not path.is_file():
        check.say(place, f"font {name!r} is neither bold nor regular, nor a file beside the template", "font")
    elif not fonts.is_font(path):
        check.say(place, f"font {name!r} is a file, but not a font that can be drawn with", "font")
    return str(path)


def _check_section(section: Section, place: str, names: Sequence[str], duration: float, check: Check) -> None:
    for placeholder in template.PLACEHOLDER.findall(section.text):
        if placeholder not in names:
            near = difflib.get_close_matches(placeholder, names, 1)
            check.say(
                place,
                f"text uses {{{placeholder}}}, which is no variable"
                + (f"; did you mean {{{near[0]}}}?" if near else ""),
                "text",
            )
    end = section.end if section.end >= 0 else duration
    if 0 <= section.end <= section.start:
        check.say(place, "end must be later than start (or -1 for the end of the video)", "end")
    if duration and section.start >= duration:
        check.say(place, f"starts at {section.start:g} s, but the video is {duration:g} s long", "start")
    elif end - section.start > template.MAX_SECTION_S + 1e-6:
        check.say(place, f"is {end - section.start:g} s long, at most {template.MAX_SECTION_S:g} s", "end")
