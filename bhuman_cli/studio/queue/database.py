"""Owns the studio's SQLite file: opening it, its version, transactions. Only `store` asks for what is in it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from bhuman_cli.errors import ServiceDown
from bhuman_cli.studio import schema

Row = sqlite3.Row

PRAGMAS: Final = ("journal_mode = DELETE", "synchronous = FULL", "foreign_keys = ON")
"""No write-ahead log: it has a known fault up to SQLite 3.51.2, and Python often brings an older one."""


class Database:
    """One connection. Statements outside writing() only read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.close = connection.close

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, made with its tables if missing; its folder too.

        Raises:
            ServiceDown: it can't be used, or was made by a newer program.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, getattr(error, "strerror", None) or str(error)) from None
        opened = cls(connection)
        try:
            opened._prepare(path)
        except sqlite3.Error as error:
            connection.close()
            raise _unusable(path, str(error)) from None
        except BaseException:
            connection.close()
            raise
        return opened

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file for writing; what was done is committed at the end, or undone if anything raises."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite ends it itself where the disk is full
                self.execute("ROLLBACK")
            raise

    def _prepare(self, path: Path) -> None:
        self._connection.row_factory = sqlite3.Row
        for pragma in PRAGMAS:
            self.execute(f"PRAGMA {pragma}")
        if self._version() > schema.VERSION:
            raise _unusable(path, "it was made by a newer bhuman")
        if self._version() < schema.VERSION:
            with self.writing():
                # Asked again: somebody else may have been faster.
                self._run(self._missing(self._version()))
                self.execute(f"PRAGMA user_version = {schema.VERSION}")

    def _missing(self, version: int) -> Iterable[str]:
        if version == 0:
            return filter(str.strip, schema.DDL.split(";\n"))
        return [change for made, change in schema.CHANGES.items() if made > version]

    def _run(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.execute(statement)

    def _version(self) -> int:
        found: Any = self.execute("PRAGMA user_version").fetchone()[0]
        return int(found)


def _unusable(path: Path, why: str) -> ServiceDown:
    return ServiceDown(f"{path}: can't be used: {why}", hint=f"move {path.parent} away, and the studio starts afresh")
