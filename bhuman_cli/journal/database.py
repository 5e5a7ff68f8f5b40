"""The journal's file: opening, locking down, versions, transactions. Its contents belong to the sibling modules.

`journal_mode=DELETE, synchronous=EXTRA`: WAL has had a reset bug up to SQLite 3.51.2, and 2 ms a commit is
nothing here.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bhuman_cli import clock, errors, files
from bhuman_cli.journal import faults, schema
from bhuman_cli.journal.engine import integrity

FILE_NAME = "journal.sqlite3"
_POOL_TABLES = ("target", "run", "chunk", "claim", "forgotten", "fact", "applied_plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """A journal's server, as doctor tells of it. tells_history: failovers can be noticed."""

    at: datetime
    round_trip_s: float
    is_encrypted: bool
    version: str
    may_write: bool
    tells_history: bool


class Journal:
    """An open journal. One thread uses it; every write is inside `transaction()`."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, clock: clock.Clock) -> None:
        self._connection = connection
        self.path = path
        self.clock = clock
        self.open_requests: set[int] = set()  # sent by this process, and not settled: known though the file can't be

    @contextlib.contextmanager
    def transaction(self, lock: str = "journal") -> Iterator[Journal]:
        """Write all or nothing; committed and synced when the block ends. lock: which writers of a server wait for it.

        Raises:
            JournalError: the disk is full, the file is read-only or damaged, or another process holds it too long.
        """
        del lock  # of a file there is one
        with faults.told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def execute(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Run one statement; return the number of rows it changed."""
        with faults.told(self.path):
            return self._connection.execute(sql, values).rowcount

    def insert(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Run one INSERT; return the new row's key."""
        with faults.told(self.path):
            return int(self._connection.execute(sql, values).lastrowid or 0)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many rows, streaming them."""
        with faults.told(self.path):
            self._connection.executemany(sql, rows)

    def query(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Iterator[sqlite3.Row]:
        """Stream the rows of a SELECT."""
        with faults.told(self.path):
            yield from self._connection.execute(sql, values)

    def query_one(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """Return the first row of a SELECT, or None."""
        with faults.told(self.path):
            record: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return record

    def compact(self) -> None:
        """Give up the space of what was deleted, so that none of its bytes stay in the file; outside a transaction."""
        with faults.told(self.path):
            self._connection.execute("VACUUM")

    @property
    def sender(self) -> str:
        """Return who sends from here, for people at other machines."""
        return sender()

    @property
    def shown(self) -> str:
        """Return where the journal is, for people."""
        return str(self.path)

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Hold a lock that other machines see; a file is used by this one alone, whose own lock is enough."""
        del name
        yield True

    def holder(self, name: str) -> str:
        """Return who holds a lock that other machines see."""
        return name

    def settle_keys(self, keys: Mapping[str, str]) -> None:
        """Let the next key of each table follow the greatest that stands there; inside a transaction."""
        del keys

    def be_patient(self) -> None:
        """Let this transaction rest for as long as it takes."""

    def size_bytes(self) -> int:
        """Return the room that the journal takes."""
        return self.path.stat().st_size if self.path is not None else 0

    def check(self) -> None:
        """Compare pages, indexes and tables now.

        Raises:
            JournalError: they don't fit.
        """
        integrity.check(self._connection, self.path)
        with faults.told(self.path):
            broken = self._connection.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise faults.damaged(self.path, f"a row of {broken[0]} names one of {broken[2]} that is not there")

    def back_up(self, path: Path) -> None:
        """Copy the whole journal into a new file while it is in use; whole, or not there."""
        with faults.told(path), contextlib.closing(sqlite3.connect(path)) as other:
            self._connection.backup(other)

    def require_held(self) -> None:
        """Stop unless the locks taken with `hold` are still held."""

    def server_facts(self) -> ServerFacts | None:
        """Return what is known of the journal's server, None for a file."""
        return None

    def server(self) -> tuple[str, str]:
        """Return which server, and which of its histories, the journal is in."""
        return "", ""

    def now(self) -> str:
        """Return the time as the journal writes it."""
        return clock.iso_utc(self.clock.now())

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._connection.close()


def sender() -> str:
    """Return who this process is: host, user and number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{socket.gethostname()}, {user}, process {os.getpid()}"


def open_journal(folder: Path, clock: clock.Clock, address: str = "") -> Journal:
    """Open or make the journal at an address, else in folder (0700, files 0600).

    Raises:
        JournalError: it can't be opened, is damaged, is another program's, or was written by a newer version.
    """
    if address:
        return _shared(address, clock)
    return open_file(folder / FILE_NAME, clock)


def open_file(path: Path, clock: clock.Clock) -> Journal:
    """Open or make the journal in a file (0600); its folder is made, too (0700).

    Raises:
        JournalError: as `open_journal`.
    """
    with faults.told(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_private(path)
        with _closed_on_error(_connect(str(path))) as connection:
            _settle_version(connection, path)
            integrity.require(connection, path, clock)
    return Journal(connection, path, clock)


def _shared(address: str, clock: clock.Clock) -> Journal:
    try:
        from bhuman_cli.journal.engine import postgres
    except ImportError as error:
        raise errors.UsageError(
            f"a journal on a server needs the extra `postgres` ({error.name} is not installed)",
            hint="pip install 'bhuman[postgres]'",
        ) from None
    return postgres.PostgresJournal(address, clock)


def scratch(folder: Path, clock: clock.Clock, address: str = "") -> Journal:
    """Return a temporary journal that knows what the real one knows of payments, and vanishes when closed.

    For `--dry-run`: planning runs the same statements as for a real run, yet nothing is written to the real file.
    """
    path = folder / FILE_NAME
    with faults.told(path), _closed_on_error(_connect("")) as connection:
        connection.executescript("PRAGMA journal_mode=MEMORY; PRAGMA secure_delete=OFF;")
        _create(connection)
        if address:
            with contextlib.closing(_shared(address, clock)) as shared:
                _copy_from(shared, connection)
        elif path.is_file():
            try:
                _copy_payments(connection, path, "ro")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_READONLY_ROLLBACK":
                    raise
                # Its writer was killed inside a commit: SQLite must undo that half first, as any next run would.
                _copy_payments(connection, path, "rw")
    return Journal(connection, None, clock)


def bring_rows(journal: Journal, folder: Path, run_nos: Sequence[int]) -> None:
    """Copy the rows of earlier runs into a scratch journal, to compare a plan with: most dry runs need none."""
    path = folder / FILE_NAME
    if not path.is_file() or not run_nos:
        return
    connection = journal._connection
    with faults.told(path):
        connection.execute("ATTACH ? AS disk", (files.sqlite_uri(path.resolve(), "ro"),))
        try:
            names = ", ".join(f'"{record[1]}"' for record in connection.execute("PRAGMA disk.table_info(row)"))
            for run_no in run_nos:
                connection.execute(
                    f"INSERT INTO main.row ({names}) SELECT {names} FROM disk.row WHERE run_no = ?", (run_no,)
                )
        finally:
            connection.execute("DETACH disk")


def _copy_payments(connection: sqlite3.Connection, path: Path, mode: str) -> None:
    connection.execute("ATTACH ? AS disk", (files.sqlite_uri(path.resolve(), mode),))
    try:
        if not _is_ours(connection, path, "disk"):
            return  # its maker was killed before it made the tables: nothing is known
        version = connection.execute("PRAGMA disk.user_version").fetchone()[0]
        if version > schema.VERSION:
            raise _version_error(path, version)
        connection.execute("PRAGMA foreign_keys=OFF")
        for table in _POOL_TABLES:
            # An older journal lacks columns and tables: they begin empty, as a migration would leave them.
            names = ", ".join(f'"{record[1]}"' for record in connection.execute(f"PRAGMA disk.table_info({table})"))
            if names:
                connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM disk.{table}")
            elif version == schema.VERSION:
                raise sqlite3.DatabaseError(f"no such table: {table}")
    finally:
        connection.execute("DETACH disk")


def _copy_from(shared: Journal, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys=OFF")
    for table in _POOL_TABLES:
        names = [record[1] for record in connection.execute(f"PRAGMA table_info({table})")]
        marks = ", ".join("?" * len(names))
        listed = ", ".join(names)
        rows = (tuple(row) for row in shared.query(f"SELECT {listed} FROM {table}"))
        connection.executemany(f"INSERT INTO {table} ({listed}) VALUES ({marks})", rows)


@contextlib.contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def _connect(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database, timeout=5.0, isolation_level=None, uri=database == "", check_same_thread=False
    )
    with _closed_on_error(connection):
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA busy_timeout=5000")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute("PRAGMA cache_size=-32768")
        connection.execute("PRAGMA secure_delete=ON")  # what a person deletes is gone from the file, too
        connection.execute("PRAGMA temp_store=FILE")
    return connection


def _make_private(path: Path) -> None:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    elif os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o600)


def _create(connection: sqlite3.Connection) -> None:
    marks = f"PRAGMA application_id={schema.APPLICATION_ID}; PRAGMA user_version={schema.VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE; {schema.TABLES} {marks} COMMIT;")


def _settle_version(connection: sqlite3.Connection, path: Path) -> None:
    if not _is_ours(connection, path, "main"):
        try:
            _create(connection)
        except sqlite3.OperationalError:  # another process made it between the look and the lock
            connection.execute("ROLLBACK")
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                raise
        return
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > schema.VERSION:
        raise _version_error(path, version)
    if version < 1:
        raise faults.damaged(path, f"journal version {version}")
    if version < schema.VERSION:
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to this version, all or nothing; another process may have done it while this one waited."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for step in range(version, schema.VERSION):
            for statement in schema.MIGRATIONS[step]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={step + 1}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _is_ours(connection: sqlite3.Connection, path: Path, name: str) -> bool:
    """Say whether the file is a journal; False where it is still empty.

    Raises:
        JournalError: it is another program's.
    """
    if connection.execute(f"SELECT count(*) FROM {name}.sqlite_master").fetchone()[0] == 0:
        return False
    if connection.execute(f"PRAGMA {name}.application_id").fetchone()[0] != schema.APPLICATION_ID:
        raise errors.JournalError(
            f"{path} is not a bhuman journal; it is left alone", hint="set BHUMAN_HOME to another folder"
        )
    return True


def _version_error(path: Path, version: int) -> errors.JournalError:
    return errors.JournalError(
        f"{path} was written by a newer bhuman (journal version {version}, this one reads up to {schema.VERSION})",
        hint="pip install --upgrade bhuman",
        fault=errors.JournalFault.NEWER,
    )
