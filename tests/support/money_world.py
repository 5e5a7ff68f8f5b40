"""A world in which every effect is numbered, so that a test can end the program at any one of them.

The journal's bytes live in one in-memory database (or in a real file); a program that is killed loses everything else.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from bhuman_cli import errors
from bhuman_cli.journal import database, schema
from bhuman_cli.journal.engine import transfer
from bhuman_cli.journal.engine.postgres import PostgresJournal
from tests.support.clocks import HeldClock

MOST_EFFECTS = 4_000  # a life with more than this hangs


class Killed(BaseException):
    """The program ended here, as `kill -9` ends it."""


class Violation(AssertionError):
    """The promise was broken."""


class Life:
    """One process: its effects are counted, and it dies at number `dies_at`, if any."""

    def __init__(self, name: str, dies_at: int | None = None) -> None:
        self.name = name
        self.dies_at = dies_at
        self.count = 0
        self.labels: list[str] = []
        self.in_transaction = False
        self.next_commit: Callable[[], None] | None = None


class World:
    """What outlives a process: the disk, the service's clock, who holds the lock."""

    def __init__(self, *, locks: bool = True, folder: Path | None = None, address: str = "") -> None:
        self.clock = HeldClock()
        self.folder = folder
        self.locks = locks
        self.lock_owner = ""
        self.life = Life("nobody")
        self.switch: Callable[[Life], None] | None = None
        self.story: list[str] = []
        self.after_commit: Callable[[Life], None] = lambda _: None
        self.address = self.lives_at = address  # lives_at: how a life reaches the server, if by a way that breaks
        self._looker: PostgresJournal | None = None
        if address:
            self._looker = PostgresJournal(address, self.clock)
            weakref.finalize(self, self._looker.close)
            self._looker.execute(f"TRUNCATE {', '.join(transfer.TABLES)} RESTART IDENTITY CASCADE")
        self._disk = None if folder or address else _memory()
        if self._disk is not None:
            weakref.finalize(self, self._disk.close)

    def effect(self, label: str) -> None:
        """Mark a point at which the process can die, or another copy can run."""
        life = self.life
        life.count += 1
        life.labels.append(label)
        if life.count > MOST_EFFECTS:
            raise Violation(f"hang: more than {MOST_EFFECTS} effects, the last {life.labels[-12:]}")
        if life.dies_at == life.count:
            self.story.append(f"{life.name} killed at {life.count} {label}")
            raise Killed
        if self.switch is not None and not life.in_transaction:
            self.switch(life)
            self.life = life

    def open(self) -> WatchedJournal:
        """Open the journal as a new process would."""
        if self.address:
            return WatchedPostgres(self.lives_at, self)
        if self.folder is not None:
            made = database.open_journal(self.folder, self.clock)
            weakref.finalize(self, made.close)  # whoever is killed closes nothing
            return WatchedJournal(made._connection, made.path, self)
        assert self._disk is not None
        return WatchedJournal(self._disk, None, self)

    @contextlib.contextmanager
    def looking(self) -> Iterator[database.Journal]:
        """Open the journal to look at what is committed, without effects."""
        if self._looker is not None:
            yield self._looker
            return
        if self._disk is not None:
            yield database.Journal(self._disk, None, self.clock)
            return
        assert self.folder is not None
        journal = database.open_journal(self.folder, self.clock)
        try:
            yield journal
        finally:
            journal.close()

    @contextlib.contextmanager
    def alive(self, name: str, dies_at: int | None = None) -> Iterator[Life]:
        """Live one process; dying is not an error of the block."""
        life = Life(name, dies_at)
        self.life = life
        try:
            yield life
        except Killed:
            pass
        finally:
            if self.lock_owner == name:
                self.lock_owner = ""  # the operating system drops it


class WatchedJournal(database.Journal):
    """The real journal; each transaction has two points to die at: before its commit and after it."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, world: World) -> None:
        super().__init__(connection, path, world.clock)
        self._world = world

    @contextlib.contextmanager
    def transaction(self, lock: str = "journal") -> Iterator[database.Journal]:
        """Write all or nothing, as the real one; the process can die before the commit and after it."""
        world, life = self._world, self._world.life
        if world.switch is not None:
            world.effect("before begin")
        try:
            with super().transaction(lock):
                life.in_transaction = True
                try:
                    yield self
                    world.effect("before commit")
                finally:
                    life.in_transaction = False
        except errors.JournalError as error:
            if error.fault is errors.JournalFault.GONE:  # nobody knows whether it was committed
                self._committed()
            raise
        self._committed()
        world.after_commit(life)
        world.effect("after commit")

    def _committed(self) -> None:
        life = self._world.life
        if life.next_commit is not None:
            life.next_commit()
            life.next_commit = None

    def close(self) -> None:
        """Close a real file; memory is the disk, it stays."""
        if self.path is not None:
            super().close()

    @property
    def is_idle(self) -> bool:
        """Say whether everything written is committed."""
        return not self._connection.in_transaction


class WatchedPostgres(WatchedJournal, PostgresJournal):
    """The same on a real server: who is killed loses the connection, and the server rolls back."""

    def __init__(self, address: str, world: World) -> None:
        PostgresJournal.__init__(self, address, world.clock)
        self._world = world

    def close(self) -> None:
        """Close the connection, as the end of a process does."""
        PostgresJournal.close(self)

    @property
    def is_idle(self) -> bool:
        """Say whether everything written is committed."""
        return bool(self._connection.info.transaction_status == 0)


def _memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=512)
    connection.row_factory = sqlite3.Row
    connection.deserialize(_template(schema.TABLES))
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


@functools.cache
def _template(tables: str) -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.executescript(tables)
        return made.serialize()
