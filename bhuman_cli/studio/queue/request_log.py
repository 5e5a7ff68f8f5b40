"""Request log: numbering and buffering. What costs money is on disk before it is answered."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final

from bhuman_cli.studio.queue.entries import LogEntry
from bhuman_cli.studio.queue.store import StudioStore

_BLOCK: Final = 1_000
"""Numbers are taken in blocks, because several processes may share a home."""

_MOST_KEPT: Final = 10_000


class RequestLog:
    """The log that tests and people judge clients by.

    Reads are kept back for a moment and written together; anything else is written at once.
    """

    def __init__(self, store: StudioStore) -> None:
        self._store = store
        self._next = self._end = self._unwritten = 0
        self._waiting: list[LogEntry] = []

    def number(self) -> int:
        """Return the next request's number; below zero, and not logged, where none can be written down."""
        if self._next == self._end:
            try:
                self._next = self._store.reserve_numbers(_BLOCK)
            except sqlite3.OperationalError:  # a full disk must not keep anybody from reading
                self._unwritten -= 1
                return self._unwritten
            self._end = self._next + _BLOCK
        self._next += 1
        return self._next - 1

    def add(self, entry: LogEntry) -> None:
        """Log one answered request."""
        if entry.no < 0:
            return
        self._waiting.append(entry)
        if entry.method not in {"GET", "HEAD"}:
            with contextlib.suppress(sqlite3.OperationalError):  # what was answered stays answered
                self.flush()

    def flush(self) -> None:
        """Write what was kept back."""
        if self._waiting:
            entries, self._waiting = self._waiting, []
            try:
                self._store.log(entries)
            except sqlite3.OperationalError:
                self._waiting = entries[-_MOST_KEPT:]
                raise
