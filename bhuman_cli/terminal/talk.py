"""Talk of one command: who hears it, how loudly, and what it is about. Writes nothing itself.

A command run by cron that found nothing new says nothing: its talk is held until something happens. A Python program
that calls a command hears it instead of a terminal; `--progress json` makes every line an object.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from bhuman_cli import errors


class Listener(Protocol):
    """Whoever hears a command instead of the streams of this process."""

    def say(self, kind: str, text: str) -> None:
        """Hear a sentence: a `notice` or a `warning`."""
        ...

    def show_progress(self, rows: Mapping[str, int], per_minute: float) -> None:
        """Hear how far a run is: rows by status."""
        ...

    def take_line(self, text: str) -> None:
        """Take a line of data."""
        ...

    def take_document(self, document: Any) -> None:
        """Take a JSON document."""
        ...


Progress = Callable[[Mapping[str, int], float], object]
Notice = Callable[[str, str], object]


@dataclass(slots=True, kw_only=True)
class Transcript:
    """Listener that keeps what came of one command.

    documents: of `--json`. lines: of data. said: (kind, text), as they were said.
    """

    on_notice: Notice | None = None
    on_progress: Progress | None = None
    exit_code: int = 0
    documents: list[Any] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)

    def say(self, kind: str, text: str) -> None:
        """Hear a sentence."""
        self.said.append((kind, text))
        if self.on_notice is not None:
            self.on_notice(kind, text)

    def show_progress(self, rows: Mapping[str, int], per_minute: float) -> None:
        """Hear how far a run is."""
        if self.on_progress is not None:
            self.on_progress(rows, per_minute)

    def take_line(self, text: str) -> None:
        """Take a line of data."""
        self.lines.append(text)

    def take_document(self, document: Any) -> None:
        """Take a JSON document."""
        self.documents.append(document)

    def document(self) -> dict[str, Any]:
        """Return the command's document.

        Raises:
            BhumanError: it ended without one, with what it said last.
        """
        if self.documents:
            last: dict[str, Any] = self.documents[-1]
            return last
        raise errors.BhumanError(self.said[-1][1] if self.said else "the command ended without a document")


@dataclass(slots=True, kw_only=True)
class Talk:
    """One command's talk.

    listener: hears it in place of the streams. owns_signals: Ctrl-C is this program's, and not a caller's.
    cancel: set by a calling program to have the command stop.
    file, run_id: what it is about, in the log and in JSON lines. as_events: every line of stderr is a JSON object.
    has_document: its JSON document was printed. rows: by status, at its end. is_quiet: errors only.
    held: what is said only if something happens, None once it has.
    """

    listener: Listener | None = None
    owns_signals: bool = True
    cancel: threading.Event | None = None
    file: str = ""
    run_id: str = ""
    as_events: bool = False
    is_quiet: bool = False
    is_verbose: bool = False
    held: list[tuple[str, str]] | None = None
    has_document: bool = False
    rows: dict[str, int] = field(default_factory=dict)

    def event(self, name: str, **fields: Any) -> dict[str, Any]:
        """Return one object of `--progress json`."""
        about = {"run_id": self.run_id} if self.run_id else {}
        return {"event": name, **about, **fields}


CURRENT: ContextVar[Talk] = ContextVar("bhuman_talk", default=Talk())  # noqa: B039 - one process, one command
