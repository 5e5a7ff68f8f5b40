"""Store of callbacks: every event answered with 2xx, as it came. Append-only, but for forgetting.

Beside a journal in a file it is a file of its own, so that neither waits for the other. A journal on a server has it in
its database, and a receiver on one machine serves the renders of all.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli import clock, files
from bhuman_cli.callbacks.events import Event
from bhuman_cli.journal import faults, schema
from bhuman_cli.journal.database import Journal

NAME: Final = "callbacks.sqlite3"

_APPLICATION_ID: Final = 0x62_48_43_42  # "bHCB"
_BUSY_MS: Final = 5_000
_LOCK: Final = "callbacks"  # a receiver does not wait for a plan that is being recorded
_RENAMING: Final = (
    "BEGIN IMMEDIATE; ALTER TABLE event RENAME TO callback; DROP INDEX IF EXISTS event_token;"
    " DROP INDEX IF EXISTS event_of; DROP TABLE IF EXISTS told; COMMIT"
)  # the file's first names: a journal has an `event` of its own
_COLUMNS: Final = "generation_id, kind, token, status, received_at, body, sha256"  # as in Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A reason to ask the service now. A callback has no signature, so it is never more than that."""

    generation_id: str
    token: str
    status: str
    received_at: str


class EventStore:
    """Stored events. Methods may be called from any thread, one at a time."""

    def __init__(self, path: Path | None, journal: Journal | None = None, *, read_only: bool = False) -> None:
        self._path, self._journal, self._read_only = path, journal, read_only
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> EventStore:
        """Open a file of events, making it if need be.

        read_only: never makes or locks anything for writing; a file that is not there yet has no events. Reading and
            writing processes do not wait for each other longer than one commit.

        Raises:
            JournalError: the file can't be used.
        """
        store = cls(path, read_only=read_only)
        if not read_only:
            store._opened()
        return store

    @classmethod
    def beside(cls, journal: Journal, *, read_only: bool = False) -> EventStore:
        """Return the events that belong to a journal: in a file beside it, or in its database, over its connection."""
        if journal.path is None:
            return cls(None, journal)
        return cls(journal.path.parent / NAME, read_only=read_only)

    def __enter__(self) -> EventStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a journal's own connection stays open."""
        with self._lock:
            if self._journal is not None and self._path is not None:
                self._journal.close()
                self._journal = None

    @property
    def shown(self) -> str:
        """Return where the events are, for people."""
        return str(self._path) if self._path is not None else self._opened().shown

    def add(self, events: Sequence[Event]) -> list[bool]:
        """Store events in one transaction; say which were new. Committed and synced before this returns.

        Raises:
            JournalError: nothing of it was stored.
        """
        insert = (
            f"INSERT INTO callback ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (generation_id, kind, sha256, token) DO NOTHING"
        )
        with self._lock, self._opened().transaction(_LOCK) as journal:
            return [journal.execute(insert, astuple(event)) == 1 for event in events]

    def forget(self, ids: Iterable[str]) -> int:
        """Remove the events of these generations, links and all, when the user wants a run forgotten; count them.

        Raises:
            JournalError: nothing was removed.
        """
        with self._lock:
            if self._is_missing():
                return 0
            with self._opened().transaction(_LOCK) as journal:
                return sum(journal.execute("DELETE FROM callback WHERE generation_id = ?", (id_,)) for id_ in ids)

    def hints(self, after: int) -> tuple[int, list[Hint]]:
        """Return the events stored after a position, oldest first, and the position to go on from."""
        rows = self._select("position > ? ORDER BY position LIMIT 10000", after)
        return (rows[-1]["position"] if rows else after), [_hint(row) for row in rows]

    def for_token(self, token: str) -> list[Hint]:
        """Return the events that came in on one chunk attempt's URL, oldest first."""
        return [_hint(row) for row in self._select("token = ? AND token <> '' ORDER BY position", token)]

    def ids_of_kind(self, kind: str) -> list[str]:
        """Return the generations of which there is an event of this kind, the newest event first."""
        rows = self._select("kind = ? ORDER BY position DESC", kind, columns="generation_id")
        return list(dict.fromkeys(row["generation_id"] for row in rows))

    def since(self, position: int, *, limit: int = 500) -> list[tuple[int, Event]]:
        """Return whole events after a position, with their positions, oldest first."""
        rows = self._select("position > ? ORDER BY position LIMIT ?", position, limit)
        return [(row["position"], _event(row)) for row in rows]

    def of(self, generation_id: str, *, before: int = 1 << 62, newest: int = 1 << 62) -> list[Event]:
        """Return the events about one generation, in the order they came, before a position; the newest at most."""
        where = "generation_id = ? AND position < ? ORDER BY position DESC LIMIT ?"
        return [_event(row) for row in reversed(self._select(where, generation_id, before, newest))]

    def told(self) -> int:
        """Return the position up to which `listen` has told what is stored.

        Raises:
            JournalError: the file can't be used.
        """
        with self._lock:
            row = None if self._is_missing() else self._opened().query_one("SELECT position FROM callback_told")
            return int(row[0]) if row else 0

    def note_told(self, position: int) -> None:
        """Keep the position up to which everything was told.

        Raises:
            JournalError: it is not kept.
        """
        with self._lock:
            self._opened().execute("UPDATE callback_told SET position = ? WHERE position < ?", (position, position))

    def count_after(self, position: int) -> int:
        """Return how many events are stored after a position."""
        rows = self._select("position > ?", position, columns="count(*)")
        return int(rows[0][0]) if rows else 0

    def take_over(self, others: EventStore) -> int:
        """Store the events of another store here, told where they were told there; return how many there were."""
        count = position = 0
        told = others.told()
        while events := others.since(position):
            self.add([event for _, event in events])
            count, position = count + len(events), events[-1][0]
            if position <= told:
                self.note_told(self._select("1 = 1", columns="max(position)")[0][0])
        return count

    def _select(self, where: str, *values: Any, columns: str = "*") -> list[Any]:
        with self._lock:
            if self._is_missing():
                return []
            return list(self._opened().query(f"SELECT {columns} FROM callback WHERE {where}", values))

    def _is_missing(self) -> bool:
        return self._journal is None and self._path is not None and not self._path.exists()

    def _opened(self) -> Journal:
        if self._journal is None:
            assert self._path is not None
            self._journal = _open_file(self._path, read_only=self._read_only)
        return self._journal


def _open_file(path: Path, *, read_only: bool) -> Journal:
    with faults.told(path), contextlib.ExitStack() as on_error:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.chmod(0o600)
        # Even a reader opens for writing: after a kill the first to open has to undo the half-written transaction.
        connection = sqlite3.connect(
            files.sqlite_uri(path.resolve(), "rw"), uri=True, timeout=_BUSY_MS / 1000, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
        on_error.callback(connection.close)
        connection.row_factory = sqlite3.Row
        _prepare(connection, read_only=read_only)
        on_error.pop_all()
    return Journal(connection, path, clock.SystemClock())


def _prepare(connection: sqlite3.Connection, *, read_only: bool) -> None:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'event'").fetchone():
        connection.executescript(_RENAMING)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        return
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner not in {0, _APPLICATION_ID}:
        raise sqlite3.DatabaseError("another program's file")
    # As for the journal: not WAL, whose reset bug is in the SQLite of many Pythons; EXTRA syncs the folder, too.
    connection.executescript("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA secure_delete = ON;")
    connection.executescript(f"PRAGMA application_id = {_APPLICATION_ID}; {schema.CALLBACK_TABLES}")


def _hint(row: Any) -> Hint:
    return Hint(
        generation_id=row["generation_id"], token=row["token"], status=row["status"], received_at=row["received_at"]
    )


def _event(row: Any) -> Event:
    return Event(**{name: row[name] for name in _COLUMNS.split(", ")})
