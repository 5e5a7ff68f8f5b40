"""Event store `callbacks.sqlite3`: every event answered with 2xx, as it came. Append-only, but for forgetting."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli import errors, files
from bhuman_cli.callbacks.events import Event

NAME: Final = "callbacks.sqlite3"

_APPLICATION_ID: Final = 0x62_48_43_42  # "bHCB"
_BUSY_MS: Final = 5_000

# A duplicate is the same bytes about the same generation on the same attempt's URL. The token is part of it, because a
# forged copy on another URL must not hide the true one.
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS event (
  position      INTEGER PRIMARY KEY AUTOINCREMENT,
  generation_id TEXT NOT NULL,
  kind          TEXT NOT NULL,        -- completion | whatsapp.ready | another event's name
  sha256        BLOB NOT NULL,        -- of the body
  token         TEXT NOT NULL,        -- names the chunk attempt whose URL was called, '' if none
  status        TEXT NOT NULL,
  received_at   TEXT NOT NULL,
  body          BLOB NOT NULL,        -- as it came
  UNIQUE (generation_id, kind, sha256, token)
) STRICT;
CREATE INDEX IF NOT EXISTS event_token ON event (token) WHERE token <> '';
CREATE INDEX IF NOT EXISTS event_of ON event (generation_id, position);
-- How far `listen` has told what is stored; a new one begins with what comes.
CREATE TABLE IF NOT EXISTS told (only INTEGER PRIMARY KEY CHECK (only = 1), position INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO told SELECT 1, coalesce(max(position), 0) FROM event;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A reason to ask the service now. A callback has no signature, so it is never more than that."""

    generation_id: str
    token: str
    status: str
    received_at: str


class EventStore:
    """One connection; methods may be called from any thread, one at a time."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path, self._read_only = path, read_only
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> EventStore:
        """Open the store, making it if need be.

        read_only: never makes or locks anything for writing; a file that is not there yet has no events. Reading and
            writing processes do not wait for each other longer than one commit.

        Raises:
            JournalError: the file can't be used.
        """
        store = cls(path, read_only=read_only)
        if not read_only:
            store._connect()
        return store

    def __enter__(self) -> EventStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def add(self, events: Sequence[Event]) -> list[bool]:
        """Store events in one transaction; say which were new. Committed and synced before this returns.

        Raises:
            JournalError: nothing of it was stored.
        """
        with self._lock:
            connection = self._connect()
            try:
                connection.execute("BEGIN IMMEDIATE")
                new = [_insert(connection, event) for event in events]
                connection.execute("COMMIT")
            except sqlite3.Error as problem:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise _unusable(self._path, problem) from problem
        return new

    def forget(self, ids: Iterable[str]) -> int:
        """Remove the events of these generations, links and all, when the user wants a run forgotten; count them.

        Raises:
            JournalError: nothing was removed.
        """
        with self._lock:
            connection = self._connect()
            try:
                connection.execute("BEGIN IMMEDIATE")
                gone = [connection.execute("DELETE FROM event WHERE generation_id = ?", (one,)).rowcount for one in ids]
                connection.execute("COMMIT")
            except sqlite3.Error as problem:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise _unusable(self._path, problem) from problem
        return sum(gone)

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

    def of(self, generation_id: str, *, before: int = 1 << 62, newest: int = -1) -> list[Event]:
        """Return the events about one generation, in the order they came, before a position; the newest at most."""
        where = "generation_id = ? AND position < ? ORDER BY position DESC LIMIT ?"
        return [_event(row) for row in reversed(self._select(where, generation_id, before, newest))]

    def told(self) -> int:
        """Return the position up to which `listen` has told what is stored.

        Raises:
            JournalError: the file can't be used.
        """
        with self._lock:
            return int(self._connect().execute("SELECT position FROM told").fetchone()[0])

    def note_told(self, position: int) -> None:
        """Keep the position up to which everything was told.

        Raises:
            JournalError: it is not kept.
        """
        with self._lock:
            try:
                self._connect().execute("UPDATE told SET position = ?", (position,))
            except sqlite3.Error as problem:
                raise _unusable(self._path, problem) from problem

    def count_after(self, position: int) -> int:
        """Return how many events are stored after a position."""
        return int(self._select("position > ?", position, columns="count(*)")[0][0])

    def _select(self, where: str, *values: Any, columns: str = "*") -> list[sqlite3.Row]:
        with self._lock:
            if self._read_only and self._connection is None and not self._path.exists():
                return []
            try:
                cursor = self._connect().execute(f"SELECT {columns} FROM event WHERE {where}", values)
                return cursor.fetchall()
            except sqlite3.Error as problem:
                raise _unusable(self._path, problem) from problem

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = _connection(self._path, read_only=self._read_only)
            except (sqlite3.Error, OSError) as problem:
                raise _unusable(self._path, problem) from problem
        return self._connection


def _connection(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if not read_only:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.chmod(0o600)
    # Even a reader opens for writing: after a kill the first to open has to undo the half-written transaction.
    connection = sqlite3.connect(
        files.sqlite_uri(path.resolve(), "rw"), uri=True, timeout=_BUSY_MS / 1000, isolation_level=None,
        check_same_thread=False,
    )  # fmt: skip
    connection.row_factory = sqlite3.Row
    try:
        _prepare(connection, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, *, read_only: bool) -> None:
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        return
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner not in {0, _APPLICATION_ID}:
        raise sqlite3.DatabaseError("another program's file")
    # As for the journal: not WAL, whose reset bug is in the SQLite of many Pythons; EXTRA syncs the folder, too.
    connection.executescript("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA secure_delete = ON;")
    connection.executescript(f"PRAGMA application_id = {_APPLICATION_ID}; {_TABLES}")


def _insert(connection: sqlite3.Connection, event: Event) -> bool:
    values = (
        event.generation_id, event.kind, event.sha256, event.token, event.status, event.received_at, event.body,
    )  # fmt: skip
    done = connection.execute(
        "INSERT INTO event (generation_id, kind, sha256, token, status, received_at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (generation_id, kind, sha256, token) DO NOTHING",
        values,
    )
    return done.rowcount == 1


def _hint(row: sqlite3.Row) -> Hint:
    return Hint(
        generation_id=row["generation_id"], token=row["token"], status=row["status"], received_at=row["received_at"]
    )


def _event(row: sqlite3.Row) -> Event:
    names = ("generation_id", "kind", "token", "status", "received_at", "body", "sha256")
    return Event(**{name: row[name] for name in names})


def _unusable(path: Path, problem: Exception) -> errors.JournalError:
    return errors.JournalError(f"{path}: can't be used ({problem})", hint="bhuman doctor")
