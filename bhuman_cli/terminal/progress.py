"""Progress of a run: a live table on a terminal, periodic lines or JSON events elsewhere; on stderr.

It looks at the journal no more often than its own cost allows, so that showing takes at most a small share of the time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bhuman_cli import domain, durations, sanitize
from bhuman_cli.clock import Clock
from bhuman_cli.terminal import console as consoles

_COST_SHARE: Final = 50  # looking takes at most one part in so many of the time
_TABLE_S: Final = 0.25
_PLAIN_S: Final = 10.0
_JSON_S: Final = 1.0
_RATE_WINDOW_S: Final = 120.0
_SHOWN: Final = (
    "succeeded",
    "processing",
    "preparing",
    "queued",
    "pending",
    "failed",
    "rejected",
    "in_doubt",
    "invalid",
    "skipped",
)
_NOT_MADE: Final = ("skipped", "invalid")
_BAD: Final = ("failed", "rejected", "in_doubt")
_FEWEST: Final = 3  # ended rows from which a rate is more than chance
_STYLES: Final = {"succeeded": "green", "failed": "red", "rejected": "red", "in_doubt": "magenta", "invalid": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A look at a run: rows by status, and (number, finished, rows) for each of its requests."""

    tally: Mapping[str, int]
    chunks: Sequence[tuple[int, int, int]]

    @property
    def total(self) -> int:
        """Return the rows that get a video, if all goes well."""
        return self.count(*self.tally) - self.count(*_NOT_MADE)

    @property
    def ended(self) -> int:
        """Return how many of them have an end."""
        return self.count(*domain.FINISHED) - self.count(*_NOT_MADE)

    def count(self, *statuses: str) -> int:
        """Return the rows in any of these states."""
        return sum(self.tally.get(status, 0) for status in statuses)


class Progress(Protocol):
    """A reporter that is opened and closed around a run."""

    def __enter__(self) -> Progress:
        """Begin to show."""
        ...

    def __exit__(self, *_: object) -> None: ...

    def notice(self, text: str) -> None:
        """Say something worth knowing."""
        ...

    def update(self) -> None:
        """Show the present state, if it is time."""
        ...


class _Paced:
    """Looks when it is time; a subclass shows."""

    def __init__(self, console: consoles.Console, look: Callable[[], Snapshot], clock: Clock, every_s: float) -> None:
        self.console = console
        self.clock = clock
        self._look = look
        self._every_s = every_s
        self._next_s = float("-inf")
        self.seen: deque[tuple[float, int]] = deque()

    def __enter__(self) -> _Paced:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def notice(self, text: str) -> None:
        """Say something worth knowing."""
        self.console.say(text)

    def update(self) -> None:
        """Show the present state, if it is time."""
        now = self.clock.monotonic_s()
        if now < self._next_s:
            return
        look = self._look()
        self.seen.append((now, look.ended))
        while self.seen[0][0] < now - _RATE_WINDOW_S:
            self.seen.popleft()
        self.show(look)
        after = self.clock.monotonic_s()
        self._next_s = after + max(self._every_s, _COST_SHARE * (after - now))

    def show(self, look: Snapshot) -> None:
        """Show one look."""
        del look

    def rate(self) -> float:
        """Return rows finished a minute, over the last two minutes."""
        if len(self.seen) < 2 or self.seen[-1][0] == self.seen[0][0]:
            return 0.0
        return 60 * (self.seen[-1][1] - self.seen[0][1]) / (self.seen[-1][0] - self.seen[0][0])

    def left(self, look: Snapshot) -> str:
        """Return the time left in words, "" while it is not known: too few have ended, or not all were sent."""
        left = look.total - look.ended
        if look.count("pending") or left <= 0 or len(self.seen) < 2 or look.ended - self.seen[0][1] < _FEWEST:
            return ""
        return durations.show(60 * left / self.rate())


class Silent(_Paced):
    """Says notices, shows nothing."""

    def update(self) -> None:
        """Show nothing."""


class Plain(_Paced):
    """A line now and then, when something changed."""

    _last = ""

    def show(self, look: Snapshot) -> None:
        """Print one line if it says something new; nothing of what was done before it began."""
        if not self._last and look.ended == look.total:
            return
        parts = [f"{look.tally[status]:,} {status}" for status in _SHOWN if look.tally.get(status)]
        line = f"{look.ended:,} of {look.total:,} done · {', '.join(parts)}"
        left = self.left(look)
        if line != self._last:
            self._last = line
            self.console.say(f"{line}; about {left} left" if left else line)


class Json(_Paced):
    """JSON events, one a line, for programs that watch stderr."""

    def show(self, look: Snapshot) -> None:
        """Print a progress event."""
        self.console.event("progress", rows={"total": look.total, **look.tally}, per_minute=round(self.rate(), 1))


class Heard(_Paced):
    """Progress that a calling program hears."""

    def show(self, look: Snapshot) -> None:
        """Tell the program."""
        if self.console.talk.listener is not None:
            self.console.talk.listener.show_progress({"total": look.total, **look.tally}, round(self.rate(), 1))


class Table(_Paced):
    """A live table: rows by state, rate, time left, and a line per request where there are several."""

    _live: Any = None

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._next_s = float("-inf")
            self.update()
            self._live.__exit__(None, None, None)
            if not self._live.console.is_terminal:
                self._live.console.print()  # rich leaves the last line open there
            self._live = None

    def notice(self, text: str) -> None:
        """Print a line above the table."""
        from rich.text import Text

        if self._live is None:
            self.console.say(text)
            return
        self.console.log(text)
        self._live.console.print(Text(sanitize.for_terminal(text)))

    def show(self, look: Snapshot) -> None:
        """Draw the table anew; not at all where everything was done before it began."""
        from rich.live import Live

        if self._live is None:
            if look.ended == look.total:
                return
            self._live = Live(console=consoles.drawing(), auto_refresh=False, transient=False)
            self._live.__enter__()
        self._live.update(drawn(look, rate=self.rate(), left=self.left(look)), refresh=True)


def drawn(look: Snapshot, *, rate: float, left: str) -> Any:
    """Return the progress table as something rich can draw, for the terminal and for the README's picture."""
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    states = RichTable(box=None, pad_edge=False, header_style="bold")
    for status in _SHOWN:
        if look.tally.get(status):
            states.add_column(status.replace("_", " "), justify="right", style=_STYLES.get(status, ""))
    states.add_row(*(f"{look.tally[status]:,}" for status in _SHOWN if look.tally.get(status)))
    words = f" {look.ended:,} of {look.total:,} done"
    words += f" · {rate:.1f} a minute" if rate else ""
    words += f" · about {left} left" if left else ""
    lines: list[Any] = [Text.assemble(_bar(look.ended, look.total, 30, bad=look.count(*_BAD)), words), states]
    if len(look.chunks) > 1:
        lines += [_chunk_line(number, *chunk[1:]) for number, chunk in enumerate(look.chunks, 1)][-8:]
    return Group(*lines)


def _bar(ended: int, total: int, width: int, bad: int = 0) -> Any:
    """Draw what has ended, of it what ended badly in red; one bad row of a thousand is seen, too."""
    from rich.text import Text

    full = round(ended / total * width) if total else width
    red = min(full, math.ceil(bad / total * width)) if total else 0
    return Text.assemble(("━" * (full - red), "green"), ("━" * red, "red"), ("━" * (width - full), "bright_black"))


def _chunk_line(number: int, finished: int, rows: int) -> Any:
    from rich.text import Text

    return Text.assemble(f"  request {number:<4}", _bar(finished, rows, 16), f" {finished:,}/{rows:,}")


def choose(kind: str, console: consoles.Console, look: Callable[[], Snapshot], clock: Clock) -> Progress:
    """Return the reporter for `--progress`: auto is a table on a terminal, lines elsewhere and with `--no-input`."""
    if console.talk.listener is not None:
        return Heard(console, look, clock, _JSON_S)
    if kind == "auto":
        kind = "table" if consoles.can_draw() and not console.no_input else "plain"
    match kind:
        case "table":
            return Table(console, look, clock, _TABLE_S)
        case "plain":
            return Plain(console, look, clock, _PLAIN_S)
        case "json":
            return Json(console, look, clock, _JSON_S)
        case _:
            return Silent(console, look, clock, _PLAIN_S)
