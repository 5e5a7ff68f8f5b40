"""Care of the journal itself: where it is, whether it is sound, copies of it, another one's payments. Sends nothing."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli import clock, errors
from bhuman_cli.callbacks.store import EventStore
from bhuman_cli.config import settings
from bhuman_cli.journal import database, schema
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.decisions import moved_to
from bhuman_cli.journal.engine import address, transfer
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context

_SAY_EVERY_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFacts:
    """What `journal show` tells. last_write: "" where nothing was written yet."""

    place: str
    version: int
    size_bytes: int
    counts: dict[str, int]
    last_write: str
    moved_to: str

    def as_json(self) -> dict[str, Any]:
        """Return the JSON document."""
        return {
            "schema": "bhuman.journal-show/1",
            "journal": self.place,
            "version": self.version,
            "bytes": self.size_bytes,
            "counts": self.counts,
            "last_write": self.last_write or None,
            "moved_to": self.moved_to or None,
        }


def look(home: settings.Home) -> JournalFacts:
    """Return where the journal is and what it holds."""
    with contextlib.closing(_existing(home)) as journal:
        return JournalFacts(
            place=journal.shown, version=schema.VERSION, size_bytes=journal.size_bytes(),
            counts=transfer.counts(journal),
            last_write=transfer.last_write(journal), moved_to=moved_to(journal),
        )  # fmt: skip


def check(home: settings.Home) -> tuple[str, list[str]]:
    """Return where the journal is, and which of its promises are broken.

    Raises:
        JournalError: it is damaged.
    """
    with contextlib.closing(_existing(home)) as journal:
        journal.check()
        return journal.shown, transfer.broken_promises(journal)


def copy(home: settings.Home, to: str, console: Console) -> tuple[str, dict[str, int]]:
    """Copy the whole journal into an empty one, which counts from then on; return where it is, and its rows."""
    said_s = time.monotonic()

    def tell(rows: int, total: int) -> None:
        nonlocal said_s
        if time.monotonic() - said_s >= _SAY_EVERY_S:
            said_s = time.monotonic()
            console.say(f"copying and comparing: {100 * rows // (total or 1)} %")

    with contextlib.closing(_existing(home)) as source, contextlib.closing(_at(to)) as target:
        if source.shown == target.shown:
            raise errors.UsageError(f"{to} is the journal itself; choose another place")
        sent = transfer.move(source, target, tell)
        with EventStore.beside(source, read_only=True) as events, EventStore.beside(target) as copied:
            callbacks = copied.take_over(events)
        return target.shown, {table: stored.rows for table, stored in sent.items()} | {"callback": callbacks}


def add(home: settings.Home, source: str) -> tuple[str, transfer.Added]:
    """Take the payments of another journal into this one; return where this one is, and what was added."""
    if not address.is_address(source) and not _file(source).is_file():
        raise errors.UsageError(f"there is no journal {source}")
    with contextlib.closing(_at(source)) as other, contextlib.closing(run_context.open_journal(home)) as journal:
        if other.shown == journal.shown:
            raise errors.UsageError(f"{source} is the journal itself")
        return journal.shown, transfer.add(other, journal)


def back_up(home: settings.Home, path: Path) -> str:
    """Copy the whole journal into a new file; return which journal it was."""
    if path.exists():
        raise errors.UsageError(f"{path} is there already; choose another name")
    if not path.parent.is_dir():
        raise errors.UsageError(f"there is no folder {path.parent}")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with contextlib.closing(_existing(home)) as journal:
            journal.back_up(path)
            return journal.shown
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _existing(home: settings.Home) -> Journal:
    if not run_context.has_journal(home):
        raise errors.UsageError(f"there is no journal yet in {home.state}", hint="bhuman doctor")
    return run_context.open_journal(home)


def _at(place: str) -> Journal:
    """Open the journal at an address, in a folder, or in a file."""
    if address.is_address(place):
        return database.open_journal(Path(), clock.SystemClock(), place)
    return database.open_file(_file(place), clock.SystemClock())


def _file(place: str) -> Path:
    path = Path(place)
    return path / database.FILE_NAME if path.is_dir() or not path.suffix else path
