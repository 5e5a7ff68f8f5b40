"""The studio's SQLite file: its tables, opening it, its version, transactions. Only `store` asks for its contents."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from bhuman_cli.errors import ServiceDown

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
        if self._version() > VERSION:
            raise _unusable(path, "it was made by a newer bhuman")
        if self._version() < VERSION:
            with self.writing():
                # Asked again: somebody else may have been faster.
                self._run(self._missing(self._version()))
                self.execute(f"PRAGMA user_version = {VERSION}")

    def _missing(self, version: int) -> Iterable[str]:
        if version == 0:
            return filter(str.strip, DDL.split(";\n"))
        return [change for made, change in CHANGES.items() if made > version]

    def _run(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.execute(statement)

    def _version(self) -> int:
        found: Any = self.execute("PRAGMA user_version").fetchone()[0]
        return int(found)


def _unusable(path: Path, why: str) -> ServiceDown:
    return ServiceDown(f"{path}: can't be used: {why}", hint=f"move {path.parent} away, and the studio starts afresh")


VERSION: Final = 3

DDL: Final = """
-- Every request that came, in the order it came. Bodies only of those that are not GET.
CREATE TABLE requests (
    no      INTEGER PRIMARY KEY,
    method  TEXT NOT NULL,
    path    TEXT NOT NULL,
    query   TEXT NOT NULL,
    status  INTEGER NOT NULL,          -- 0: the connection was closed without an answer
    fault   TEXT NOT NULL,             -- the rehearsed misbehaviour it met, or ''
    body    BLOB,
    at      TEXT NOT NULL
);
CREATE INDEX requests_with_bodies ON requests (no) WHERE body IS NOT NULL;

-- What one accepted request said once for all its rows.
CREATE TABLE batches (
    no           INTEGER PRIMARY KEY,
    request_no   INTEGER NOT NULL,
    route        TEXT NOT NULL,
    target_kind  TEXT NOT NULL,        -- campaign | instance | preview
    target_id    TEXT NOT NULL,
    variables    TEXT NOT NULL,        -- JSON list
    backgrounds  TEXT NOT NULL,        -- JSON list
    options      TEXT NOT NULL,        -- JSON: generation_mode, enable_lipsync
    callback_url TEXT NOT NULL,
    whatsapp     INTEGER NOT NULL,
    template     TEXT,                 -- path; NULL: the built-in presenter
    accepted_at  TEXT NOT NULL,
    accepted_by  TEXT NOT NULL DEFAULT ''  -- the process that took it, and does it as long as it lives
);

-- One video. state only moves forward, but for work whose owner died: that is queued again.
CREATE TABLE generations (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    batch_no       INTEGER NOT NULL REFERENCES batches(no),
    api_row_index  INTEGER NOT NULL,   -- inside its request, from 0
    text           TEXT NOT NULL,      -- JSON list, as submitted
    assets         TEXT NOT NULL,      -- JSON list, one per background, '' where blank
    state          TEXT NOT NULL,      -- queued | preparing | processing | succeeded | failed
    owner          TEXT,               -- the process that works on it
    attempts       INTEGER NOT NULL DEFAULT 0,
    message        TEXT NOT NULL DEFAULT '',
    placeholder    INTEGER NOT NULL DEFAULT 0,  -- 1: ended without rendering
    accepted_s     REAL NOT NULL,      -- seconds since 1970, for --advance seconds:S
    updated_at     TEXT NOT NULL
);
CREATE INDEX generations_by_batch ON generations (batch_no, seq);
CREATE INDEX generations_unfinished ON generations (state, seq) WHERE state NOT IN ('succeeded', 'failed');

-- A message that somebody is owed. One per generation and event, whatever happens.
CREATE TABLE callbacks (
    generation_id TEXT NOT NULL REFERENCES generations(id),
    event         TEXT NOT NULL,       -- completion | whatsapp.ready
    url           TEXT NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    due_s         REAL NOT NULL,
    owner         TEXT,                -- the process that is sending it
    outcome       TEXT NOT NULL DEFAULT '',  -- '' still owed; else delivered | refused: why | given up: why
    PRIMARY KEY (generation_id, event)
);
CREATE INDEX callbacks_owed ON callbacks (due_s) WHERE outcome = '';

-- Campaigns, video instances, Speakeasy projects and saved webhooks: the record itself is JSON.
CREATE TABLE things (
    kind       TEXT NOT NULL,          -- campaign | instance | project | webhook
    id         TEXT NOT NULL,
    position   INTEGER NOT NULL,
    record     TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

CHANGES: Final = {
    2: "ALTER TABLE callbacks ADD COLUMN owner TEXT",
    3: "ALTER TABLE batches ADD COLUMN accepted_by TEXT NOT NULL DEFAULT ''",
}
"""What makes a file of the version before into one of this version."""
