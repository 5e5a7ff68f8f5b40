"""Grammar of `--fault`: the words in which a bad day is rehearsed, and which fault meets which request.

What a fault does to an answer is in `mangle`, to a connection in `front`, to callbacks in `callbacks`.

    [METHOD ]PATH[#N|#N-M|#N+]: ACTION [key=value …]

    POST pipeline/campaign#2: drop-after-acceptance
    GET generated_video_by_id: 429 retry-after=1 times=3
    callback#1: repeat
    render text=Bob: fail message="no face found"
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from bhuman_cli.errors import UsageError
from bhuman_cli.studio.faults import catalogue

PREFIX: Final = "/api/ai_studio/"
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEAD = re.compile(
    r"^(?:(?P<method>[A-Z]+)\s+)?(?P<path>[^\s#:]+)(?:#(?P<first>\d+)(?:(?P<open>\+)|-(?P<last>\d+))?)?(?P<where>.*)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rehearsed misbehaviour.

    method: "" meets every method. path: without the API's prefix, `*` allowed; `callback`, `render`: not requests.
    first, last: which of the requests it meets, counted from 1; last None is for ever.
    times: how often at most.
    text: as it was written.
    where: what a render must have for the fault to meet it: `row` (inside its request) or `text` (one of its values).
    """

    path: str
    action: str
    method: str = ""
    first: int = 1
    last: int | None = None
    times: int | None = None
    where: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    text: str = field(default="", compare=False)

    def option(self, key: str, default: str = "") -> str:
        """Return an option's text."""
        return dict(self.options).get(key, default)

    def number(self, key: str, default: float) -> float:
        """Return an option as a number; parse() has made sure that it is one."""
        return float(dict(self.options).get(key, default))

    def flag(self, key: str) -> bool:
        """Say whether an option was given as a bare word."""
        return self.option(key) == "yes"

    def meets(self, method: str, path: str) -> bool:
        """Say whether the fault is meant for this kind of request."""
        api = path.startswith(PREFIX)
        name = path.removeprefix(PREFIX).strip("/")
        if self.path in {"callback", "render"} or path in {"callback", "render"}:
            return self.path == path
        # `*` is every endpoint; pages and media must be called by name.
        fits = fnmatchcase(name, self.path) and (api or not self.path.startswith("*"))
        return fits and self.method in {"", method}


def parse(text: str) -> Fault:
    """Read one fault.

    Raises:
        UsageError: it is not in the grammar, or names an action or option that is not in the catalogue.
    """
    head, colon, tail = text.partition(":")
    match = _HEAD.match(head.strip())
    if not colon or not match or not tail.strip() or match["path"] in METHODS:
        raise _wrong(text, "expected [METHOD] PATH[#N]: ACTION [key=value …]")
    if (match["method"] or "GET") not in METHODS:
        raise _wrong(text, f"{match['method']} is not one of {', '.join(METHODS)}")
    try:
        words, where = shlex.split(tail), dict(_pairs(shlex.split(match["where"])))
    except ValueError as error:
        raise _wrong(text, str(error)) from None
    action, options = _action(words)
    known_action = catalogue.find(action, match["path"])
    if known_action is None:
        raise _wrong(text, f"no action called {words[0]} for {match['path']}")
    _check_options(text, known_action, options)
    if where and (match["path"] != "render" or where.keys() - {"row", "text"}):
        raise _wrong(text, "only `render` takes row=N or text=VALUE before the colon")
    times = options.pop("times", None)
    first = int(match["first"] or 1)
    last = int(match["last"]) if match["last"] else None if match["open"] or not match["first"] else first
    if first < 1 or (last is not None and last < first):
        raise _wrong(text, "requests are counted from 1, and #N-M goes upwards")
    return Fault(
        path=match["path"].removeprefix(PREFIX).strip("/"),
        action=action,
        method=match["method"] or "",
        first=first,
        last=last,
        times=int(times) if times else None,
        where=tuple(where.items()),
        options=tuple(options.items()),
        text=" ".join(text.split()),
    )


def read_file(path: Path) -> tuple[Fault, ...]:
    """Read a file of faults, one on a line; `#` at the start of a line is a comment.

    Raises:
        UsageError: the file can't be read, or a line is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text in UTF-8"
        raise UsageError(f"--faults {path}: can't be read: {why}", hint="bhuman studio faults") from None
    return tuple(
        _of_line(path, number, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def _of_line(path: Path, number: int, line: str) -> Fault:
    try:
        return parse(line)
    except UsageError as error:
        raise UsageError(f"--faults {path}, line {number}: {error.message}", hint=error.hint) from None


class Plan:
    """The faults in force, and how many requests each has met. Safe to change from another thread."""

    def __init__(self, faults: Iterable[Fault | str] = ()) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._met: list[int] = []
        self._done: list[int] = []
        self.replace(faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is in force."""
        return tuple(self._faults)

    def replace(self, faults: Iterable[Fault | str]) -> None:
        """Put other faults in force; every count starts again."""
        parsed = [parse(fault) if isinstance(fault, str) else fault for fault in faults]
        with self._lock:
            self._faults, self._met, self._done = parsed, [0] * len(parsed), [0] * len(parsed)

    def clear(self) -> None:
        """Behave well from now on."""
        self.replace(())

    def any_for(self, path: str) -> bool:
        """Say whether a fault is meant for `callback` or `render`, without counting."""
        return any(fault.path == path for fault in self._faults)

    def meet(self, method: str, path: str) -> Sequence[Fault]:
        """Count a request, and return the faults that it gets, in the order given."""
        if not self._faults:
            return ()
        with self._lock:
            return [fault for index, fault in enumerate(self._faults) if fault.meets(method, path) and self._due(index)]

    def meet_render(self, row: int, text: Sequence[str]) -> Fault | None:
        """Count a render, and return the fault that it gets, if any."""
        with self._lock:
            due = [
                fault for index, fault in enumerate(self._faults) if _fits_render(fault, row, text) and self._due(index)
            ]
        return due[0] if due else None

    def _due(self, index: int) -> bool:
        fault = self._faults[index]
        self._met[index] += 1
        turn = self._met[index]
        due = fault.first <= turn and (fault.last is None or turn <= fault.last)
        if due and (fault.times is None or self._done[index] < fault.times):
            self._done[index] += 1
            return True
        return False


def _fits_render(fault: Fault, row: int, text: Sequence[str]) -> bool:
    where = dict(fault.where)
    fits = where.get("row", str(row)) == str(row) and ("text" not in where or where["text"] in text)
    return fault.path == "render" and fits


def _action(words: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Read `429 retry-after=1` as `status` with its options, `drop-after-acceptance` as `drop` with its moment."""
    name, options = words[0], dict(_pairs(words[1:]))
    for moment in ("before-acceptance", "after-acceptance"):
        if name.endswith(f"-{moment}"):
            return name.removesuffix(f"-{moment}"), {**options, moment: "yes"}
    if name.isdigit():
        return "status", {"code": name, **options}
    return name, options


def _pairs(words: Iterable[str]) -> Iterable[tuple[str, str]]:
    for word in words:
        key, equals, value = word.partition("=")
        yield key, value if equals else "yes"


def _check_options(text: str, known_action: catalogue.Action, options: dict[str, str]) -> None:
    for key, value in options.items():
        kind = {**known_action.options, "times": "number"}.get(key)
        if kind is None:
            raise _wrong(text, f"{known_action.name} has no option {key}")
        if kind == "number" and not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value):
            raise _wrong(text, f"{key} must be a number")
        if "|" in kind and value not in kind.split("|"):
            raise _wrong(text, f"{key} must be one of {kind.replace('|', ', ')}")
        if key in {"retry-after", "location"} and not (value.isascii() and value.isprintable()):
            raise _wrong(text, f"{key} goes into a header: printable ASCII only")
        if key == "times" and not value.isdigit():
            raise _wrong(text, "times must be a whole number")
    if known_action.name == "status" and not 200 <= int(float(options.get("code", "0"))) <= 599:
        raise _wrong(text, "a status is between 200 and 599")


def _wrong(text: str, rule: str) -> UsageError:
    return UsageError(f"--fault {text!r}: {rule}", hint="bhuman studio faults")
