"""Log of requests, by which tests and people judge clients: numbers, what came, what was answered.

In a file of its own that waits for no disk; a process that is killed loses nothing of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from pathlib import Path
from typing import Any, Final

from bhuman_cli.studio.queue import schema
from bhuman_cli.studio.queue.database import Database, Writer
from bhuman_cli.studio.queue.entries import LogEntry

NAME: Final = "requests.sqlite"

LOGGED_REQUESTS: Final = 50_000
LOGGED_BODIES: Final = 1_000
LOGGED_BYTES: Final = 64 * 1024 * 1024
LONGEST_PATH: Final = 2_000
"""Older entries, and older bodies sooner, are dropped: a studio may run for months, and they are people's data."""

_BLOCK: Final = 1_000
"""Numbers are taken in blocks, because several processes may share a home."""

_MOST_WAITING: Final = 10_000

_FORGET_BODIES: Final = (
    "UPDATE requests SET body = NULL WHERE body IS NOT NULL AND no <= (SELECT max(no) FROM (SELECT no,"
    " sum(length(body)) OVER newest AS size, count(*) OVER newest AS place FROM requests WHERE body IS NOT NULL"
    " WINDOW newest AS (ORDER BY no DESC)) WHERE size > ? OR place > ?)"
)
"""Parameters: how many bytes of bodies are kept, and how many bodies."""


class RequestLog:
    """Writes what was answered. Reads are kept back for a moment and written together; anything else is at once."""

    def __init__(self, home: Path) -> None:
        self._database = Database.open(home / NAME, schema.LOG)
        self._writer = Writer(self._database)
        self.close = self._writer.close
        self._next = self._end = self._unwritten = 0
        self._waiting: deque[LogEntry] = deque(maxlen=_MOST_WAITING)
        self._new_bodies = self._new_bytes = 0

    async def number(self) -> int:
        """Return the next request's number; below zero, and not logged, where none can be written down."""
        while self._next == self._end:
            try:
                first = await asyncio.wrap_future(self._writer.do(self._reserve))
            except sqlite3.OperationalError:  # a full disk must not keep anybody from reading
                self._unwritten -= 1
                return self._unwritten
            if self._next == self._end:
                self._next, self._end = first, first + _BLOCK
        self._next += 1
        return self._next - 1

    async def add(self, entry: LogEntry) -> None:
        """Log one answered request."""
        if entry.no < 0:
            return
        self._waiting.append(entry)
        if entry.method not in {"GET", "HEAD"}:
            with contextlib.suppress(sqlite3.OperationalError):  # what was answered stays answered
                await self.flush()

    async def flush(self) -> None:
        """Write what was kept back."""
        entries: list[LogEntry] = []
        try:
            if self._waiting:
                await asyncio.wrap_future(self._writer.do(lambda: self._write(entries)))
        except sqlite3.OperationalError:
            self._waiting.extendleft(reversed(entries))
            raise

    def _reserve(self) -> int:
        first = int(self._database.execute("SELECT next FROM numbers").fetchone()[0])
        self._database.execute("UPDATE numbers SET next = ?", (first + _BLOCK,))
        return first

    def _write(self, entries: list[LogEntry]) -> None:
        """Write all that waits, and list it: of many requests answered at one time, the first writes for the others."""
        entries += [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not entries:
            return
        rows = [
            (e.no, e.method, e.path[:LONGEST_PATH], e.query[:LONGEST_PATH], e.status, e.fault, e.body, e.at)
            for e in entries
        ]
        self._database.executemany("INSERT OR REPLACE INTO requests VALUES (?,?,?,?,?,?,?,?)", rows)
        self._database.execute("DELETE FROM requests WHERE no <= ?", (rows[-1][0] - LOGGED_REQUESTS,))
        sizes = [len(entry.body) for entry in entries if entry.body]
        self._new_bodies += len(sizes)
        self._new_bytes += sum(sizes)
        # Only now and then: to count the bodies takes longer than to write one.
        if self._new_bodies > LOGGED_BODIES // 10 or self._new_bytes > LOGGED_BYTES // 10:
            self._database.execute(_FORGET_BODIES, (LOGGED_BYTES, LOGGED_BODIES))
            self._new_bodies = self._new_bytes = 0


def read(home: Path) -> list[dict[str, Any]]:
    """Return the log of a home, oldest first, whether a studio runs there or not."""
    with contextlib.closing(Database.open(home / NAME, schema.LOG)) as opened:
        return [dict(row) for row in opened.execute("SELECT * FROM requests ORDER BY no")]
