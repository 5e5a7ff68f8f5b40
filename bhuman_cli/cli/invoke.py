"""Call of a command from inside this process: its documents and talk go to the caller, nothing to any stream.

The words are parsed as the shell's are, so that settings, guards and journal are the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from bhuman_cli import errors
from bhuman_cli.cli import app, usage_errors
from bhuman_cli.config import keys
from bhuman_cli.terminal import talk

Progress = Callable[[Mapping[str, int], float], object]
Notice = Callable[[str, str], object]


@dataclass(slots=True, kw_only=True)
class Heard:
    """What came of a call. documents: of `--json`. lines: of data. said: (kind, text), as they were said."""

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


def call(
    words: Sequence[str],
    *,
    on_notice: Notice | None = None,
    on_progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Heard:
    """Run one command line.

    Raises:
        BhumanError: as the command raises it; what it printed before is in `heard` of the exception's note.
    """
    heard = Heard(on_notice=on_notice, on_progress=on_progress)
    spoken = talk.Talk(listener=heard, cancel=cancel, owns_signals=False)
    token = talk.CURRENT.set(spoken)

    def run() -> int:
        code = app.app(args=list(words), prog_name="bhuman", standalone_mode=False)
        return code if isinstance(code, int) else 0

    try:
        heard.exit_code = app.with_notifications(words, spoken, run)
    except typer.TyperException as error:
        raise usage_errors.explain(error) from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    finally:
        talk.CURRENT.reset(token)
    return heard


def words_of(options: Mapping[str, Any], switches: Collection[str] = ()) -> list[str]:
    """Return keyword arguments as the words of a command line.

    None is not given; True and False are `--x` and `--no-x`; a list repeats the option, a mapping gives NAME=VALUE.
    switches: options that have no `--no-x`, which False leaves out.
    """
    words: list[str] = []
    for name, value in options.items():
        option = f"--{keys.option(name.rstrip('_'))}"
        match value:
            case None:
                continue
            case bool():
                if value or keys.canonical(name) not in switches:
                    words.append(option if value else option.replace("--", "--no-", 1))
            case Mapping():
                for key, part in value.items():
                    words += [option, f"{key}={part}"]
            case str() | int() | float() | Path():
                words.append(f"{option}={value}")
            case _:
                for part in value:
                    words.append(f"{option}={part}")
    return words


def require_document(heard: Heard) -> dict[str, Any]:
    """Return the command's document.

    Raises:
        BhumanError: it ended without one, with what it said last.
    """
    if heard.documents:
        found: dict[str, Any] = heard.documents[-1]
        return found
    said = heard.said[-1][1] if heard.said else "the command ended without a document"
    raise errors.BhumanError(said)
