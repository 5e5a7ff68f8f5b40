"""SQLite files of the studio: opening, versions, transactions, and the thread that changes them for everybody.

A log that is written ahead (WAL), so that who reads does not wait for who writes. Its one known fault, up to SQLite
3.51.2, needs two that write or tidy it at the same moment: here all hold one lock for that, in whatever process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import filelock

from bhuman_cli import shell
from bhuman_cli.errors import ServiceDown
from bhuman_cli.studio.queue.schema import Schema

Row = sqlite3.Row
T = TypeVar("T")

_GROUP: Final = 256
_LOCKED_S: Final = 20.0


class Database:
    """One connection. Statements outside writing() only read."""

    def __init__(self, connection: sqlite3.Connection, lock: filelock.BaseFileLock) -> None:
        self._connection = connection
        self._lock = lock
        self.execute = connection.execute
        self.executemany = connection.executemany

    @classmethod
    def open(cls, path: Path, schema: Schema, *, read_only: bool = False) -> Self:
        """Open the file, made with its tables if missing; its folder too. read_only: for a second connection.

        Raises:
            ServiceDown: it can't be used, or was made by a newer program.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Never opened where it is there: to close a file is to lose all locks that this process has on it.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, getattr(error, "strerror", None) or str(error)) from None
        lock = filelock.FileLock(f"{path}-lock", timeout=_LOCKED_S, thread_local=False, poll_interval=0.005)
        opened = cls(connection, lock)
        try:
            opened._prepare(path, schema)
            if read_only:
                opened.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            connection.close()
            raise _unusable(path, str(error)) from None
        except BaseException:
            connection.close()
            raise
        return opened

    def close(self) -> None:
        """Let go of the file; whoever is the last to do so tidies it."""
        with self._alone():
            self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file for writing; what was done is committed at the end, or undone if anything raises.

        Inside another writing() it is a part of that, undone by itself and committed with it.
        """
        if self._connection.in_transaction:
            yield from self._part("SAVEPOINT part", "RELEASE part", "ROLLBACK TO part", "RELEASE part")
            return
        with self._alone():
            yield from self._part("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")

    def _part(self, begin: str, end: str, *undo: str) -> Iterator[None]:
        self.execute(begin)
        try:
            yield
            self.execute(end)
        except BaseException:
            if self._connection.in_transaction:  # SQLite ends it itself where the disk is full
                for statement in undo:
                    self.execute(statement)
            raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._lock.acquire()
        except (OSError, filelock.Timeout) as error:
            raise sqlite3.OperationalError(getattr(error, "strerror", None) or "the file is locked") from None
        try:
            yield
        finally:
            self._lock.release()

    def _prepare(self, path: Path, schema: Schema) -> None:
        self._connection.row_factory = sqlite3.Row
        with self._alone():
            self.execute("PRAGMA journal_mode = WAL")
        self.execute(f"PRAGMA synchronous = {schema.synchronous}")
        self.execute("PRAGMA foreign_keys = ON")
        if self._version() > schema.version:
            raise _unusable(path, "it was made by a newer bhuman")
        with self.writing():
            if self._version() < schema.version:
                for statement in _missing(schema, self._version()):
                    self.execute(statement)
            # Also where nothing was missing: a file that can't be written is noticed before it is given an order.
            self.execute(f"PRAGMA user_version = {schema.version}")

    def _version(self) -> int:
        version: Any = self.execute("PRAGMA user_version").fetchone()[0]
        return int(version)


class Writer:
    """Thread that changes a database: what many ask for at one time is one transaction, and one wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="studio-writer", daemon=True)
        self._thread.start()

    def do(self, change: Callable[[], T]) -> Future[T]:
        """Make a change in the thread; what it returned is the future's once it is committed."""
        done: Future[T] = Future()
        self._queue.put((change, done))
        return done

    def close(self) -> None:
        """Make the changes that are waiting, then close the database."""
        self._queue.put(None)
        self._thread.join()
        self._database.close()

    def _work(self) -> None:
        item = self._queue.get()
        while item is not None:
            group = [item]
            while len(group) < _GROUP and not self._queue.empty() and (item := self._queue.get()) is not None:
                group.append(item)
            self._commit([(change, done) for change, done in group if done.set_running_or_notify_cancel()])
            if item is not None:
                item = self._queue.get()

    def _commit(self, group: list[tuple[Callable[[], Any], Future[Any]]]) -> None:
        results: list[Callable[[], None]] = []
        try:
            with self._database.writing():
                for change, done in group:
                    results.append(self._try(change, done))
        except Exception as error:  # nothing of the group is kept
            for _, done in group:
                done.set_exception(error)
            return
        for tell in results:
            tell()

    def _try(self, change: Callable[[], Any], done: Future[Any]) -> Callable[[], None]:
        try:
            with self._database.writing():
                result = change()
        except sqlite3.OperationalError:  # of the disk, not of this change
            raise
        except Exception as error:
            problem = error
            return lambda: done.set_exception(problem)
        return lambda: done.set_result(result)


def _missing(schema: Schema, version: int) -> Iterator[str]:
    scripts = [schema.ddl] if version == 0 else [text for made, text in schema.changes.items() if made > version]
    for script in scripts:
        yield from filter(str.strip, script.split(";\n"))


def _unusable(path: Path, why: str) -> ServiceDown:
    return ServiceDown(
        f"{path}: can't be used: {why}", hint=f"mv {shell.quote(str(path))} {shell.quote(f'{path}.damaged')}"
    )
