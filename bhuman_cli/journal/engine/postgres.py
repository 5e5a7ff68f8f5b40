"""Journal in a PostgreSQL database: connection, locks, transactions, versions. What is in it, the verbs know.

One writer at a time, as with SQLite, by one advisory lock: no transaction is ever undone for another's sake. A lost
connection is made anew by the next one: what a COMMIT without an answer did is looked at, never repeated.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from bhuman_cli import clock, errors
from bhuman_cli.errors import JournalFault
from bhuman_cli.journal import database, schema
from bhuman_cli.journal.database import Journal, ServerFacts
from bhuman_cli.journal.engine import address, dialect

_BATCH: Final = 500
_FETCH: Final = 2_000
"""Rows of one INSERT, and of one answer."""

_SESSION: Final = (
    "SET synchronous_commit = on",
    # What the server or the role prefers must not matter: with a stricter one a writer would go on with what it saw
    # before it had the lock.
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET timezone = 'UTC'", "SET datestyle = 'ISO'", "SET bytea_output = 'hex'",
    "SET lock_timeout = '20s'",
    "SET statement_timeout = '15min'",
    "SET idle_in_transaction_session_timeout = '60s'",  # a machine that stopped inside one holds nobody up for longer
    "SET client_min_messages = warning",
)  # fmt: skip
_FAULTS: Final = {
    "53": JournalFault.FULL, "55P03": JournalFault.LOCKED, "40": JournalFault.LOCKED,
    "25006": JournalFault.READ_ONLY, "25P03": JournalFault.GONE,
    "23": JournalFault.PROMISE, "42": JournalFault.DAMAGED, "XX": JournalFault.DAMAGED,
    "57": JournalFault.GONE, "08": JournalFault.GONE,
}  # fmt: skip
_WORDS: Final = {
    JournalFault.FULL: "the server has no room left",
    JournalFault.LOCKED: "another session stood in the way, nothing of it was recorded; run the command again",
    JournalFault.READ_ONLY: "the database is read-only (a stand-by?)",
    JournalFault.PROMISE: "a rule of it would be broken",
    JournalFault.DAMAGED: "its tables are not as they were made, or damaged; put a backup back",
    JournalFault.GONE: "no connection to its server",
}


class Row(Sequence[Any]):
    """A row by place and by name; the first of equal names counts, as in SQLite's rows."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: Mapping[str, int], values: Sequence[Any]) -> None:
        self._names, self._values = names, values

    def __getitem__(self, key: Any) -> Any:
        """Return a column by its place or its name."""
        return self._values[self._names[key] if isinstance(key, str) else key]

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self._values)

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._names)


class _Whole(Loader):
    """Sums are exact numerics in PostgreSQL; here they are whole numbers."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


def _rows(cursor: Any) -> Any:
    names: dict[str, int] = {}
    for at, column in enumerate(cursor.description or ()):
        names.setdefault(column.name, at)
    return lambda values: Row(names, values)


class PostgresJournal(Journal):
    """An open journal on a server. One thread uses it; every write is inside `transaction()`."""

    def __init__(self, url: str, clock: clock.Clock) -> None:
        nothing: Any = None  # the base's connection is SQLite's
        super().__init__(nothing, None, clock)
        self.url = url
        self._held: dict[str, int] = {}
        self._connection: Any = None
        self._namespace = 0
        self._numbers = itertools.count()  # of cursors
        self._connect()

    @property
    def shown(self) -> str:
        """Return the address for people: no password."""
        return address.masked(self.url)

    # Statements.

    @contextlib.contextmanager
    def transaction(self, lock: str = "journal") -> Iterator[Journal]:
        """Write all or nothing; committed, and synced by the server, when the block ends.

        Raises:
            JournalError: no connection, no room, read-only, or another process holds the journal too long. With the
                fault `gone` nobody knows whether the COMMIT was carried out.
        """
        with self._told():
            self._ensure()
            self._connection.execute("BEGIN")
            try:
                self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._key(lock),))
                yield self
            except BaseException:
                with contextlib.suppress(psycopg.Error):
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def execute(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Run one statement; return the number of rows it changed."""
        with self._told():
            return int(self._run(sql, values).rowcount)

    def insert(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Run one INSERT; return the new row's key."""
        with self._told():
            record = self._run(dialect.returning(sql), values)
            row = record.fetchone() if record.description else None
            return int(row[0]) if row else 0

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many rows: as one COPY, as many rows in one INSERT, or planned once and pipelined."""
        with self._told():
            self._ensure()
            if copy := dialect.copied(sql):
                with self._connection.cursor() as cursor, cursor.copy(copy) as stream:
                    for row in rows:
                        stream.write_row(row)
                return
            around = dialect.parts(sql)
            if around is None:  # planned once by the server, and sent without waiting for each answer
                with psycopg.Cursor(self._connection) as cursor:
                    cursor.executemany(dialect.statement(sql), rows)
                return
            stream_of = iter(rows)
            while batch := list(islice(stream_of, _BATCH)):
                self._connection.execute(self._message(around, batch))

    def _message(self, around: tuple[str, str, str], batch: Sequence[Sequence[Any]]) -> bytes:
        cursor = self._connection.cursor()
        before, group, behind = around
        values = ",".join(cursor.mogrify(dialect.statement(group), row) for row in batch)
        return f"{before}{values}{behind}".encode()

    def query(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Iterator[Any]:
        """Stream the rows of a SELECT as they are now; those that are not fetched yet wait on the server."""
        name = f"rows_{next(self._numbers)}"
        with self._told():
            cursor = self._run(f"DECLARE {name} CURSOR WITH HOLD FOR {sql}; FETCH {_FETCH} FROM {name}", values)
            cursor.nextset()
            try:
                while batch := cursor.fetchall():
                    yield from batch
                    if len(batch) < _FETCH:
                        break
                    cursor = self._connection.execute(f"FETCH {_FETCH} FROM {name}")
            finally:
                with contextlib.suppress(psycopg.Error):
                    self._connection.execute(f"CLOSE {name}")

    def query_one(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Any | None:
        """Return the first row of a SELECT, or None."""
        with self._told():
            return self._run(sql, values).fetchone()

    def _run(self, sql: str, values: Sequence[Any] | dict[str, Any]) -> Any:
        self._ensure()
        return self._connection.execute(dialect.statement(sql), values or None)

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._connection is not None:
            self._connection.close()

    # The lock of a target.

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Hold the session's lock of this name for the block; yields False at once where another session has it."""
        key = self._key(name)
        with self._told():
            self._ensure()
            is_mine = bool(self._connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()[0])
        if is_mine:
            self._held[name] = key
        try:
            yield is_mine
        finally:
            if self._held.pop(name, None) is not None:
                with contextlib.suppress(psycopg.Error):
                    self._connection.execute("SELECT pg_advisory_unlock(%s)", (key,))

    def holder(self, name: str) -> str:
        """Return who holds a lock: host, user, process, and since when its session lasts."""
        with self._told():
            record = self._connection.execute(
                "SELECT application_name, to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS') FROM pg_locks"
                f" JOIN pg_stat_activity USING (pid) WHERE {_IS_KEY} AND granted",
                {"key": self._key(name)},
            ).fetchone()
        if record is None:
            return "a process that has only just started"
        _, _, who = str(record[0]).partition(" ")
        return f"{who or 'another session'}, connected since {record[1]} UTC"

    def require_held(self) -> None:
        """Stop unless this session still has the locks it took: one that died with its connection is nobody's word.

        Raises:
            JournalError: a lock is gone.
        """
        for key in self._held.values():
            record = self._connection.execute(
                f"SELECT 1 FROM pg_locks WHERE {_IS_KEY} AND granted AND pid = pg_backend_pid()", {"key": key}
            ).fetchone()
            if record is None:
                raise errors.JournalError(
                    "the lock of this target was lost with the connection; nothing was sent", fault=JournalFault.GONE
                )

    def _key(self, name: str) -> int:
        digest = hashlib.blake2b(f"{self._namespace} {name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    # The connection.

    def _ensure(self) -> None:
        """Connect anew if the connection is gone, with the locks that were held.

        Raises:
            JournalError: no connection, or another session has a lock by now.
        """
        if self._connection.closed or self._connection.broken:
            self._connect()
            for name, key in list(self._held.items()):
                row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
                if not row[0]:
                    del self._held[name]
                    raise errors.JournalError(
                        f"while the connection was gone, another bhuman took this target: {self.holder(name)}",
                        fault=JournalFault.MOVED,
                    )

    def _connect(self) -> None:
        with self._told():
            connection = psycopg.connect(
                **address.parameters(self.url), autocommit=True, cursor_factory=psycopg.ClientCursor, row_factory=_rows
            )
        try:
            with self._told():
                _require_tls(connection, self.url)
                connection.execute("; ".join(_SESSION))
                connection.adapters.register_loader("numeric", _Whole)
                _require_no_pooler(connection, self.url)
                self._namespace = _settle_schema(connection)
                self._connection = connection
                _settle_version(self, connection)
        except BaseException:
            connection.close()
            raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise _as_journal_error(error, self.shown) from error

    def compact(self) -> None:
        """Give up the space of what was deleted, table by table; outside a transaction."""
        with self._told():
            self._ensure()
            for table in dialect.columns():
                self._connection.execute(f"VACUUM FULL {table}")

    def settle_keys(self, keys: Mapping[str, str]) -> None:
        """Let the next key of each table follow the greatest that stands there; inside a transaction."""
        with self._told():
            for table, key in keys.items():
                self._connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), coalesce(max({key}), 1),"
                    f" max({key}) IS NOT NULL) FROM {table}"
                )

    def be_patient(self) -> None:
        """Let this transaction rest for as long as it takes."""
        with self._told():
            self._connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            self._connection.execute("SET LOCAL statement_timeout = 0")

    def size_bytes(self) -> int:
        """Return the room that the journal takes on the server."""
        row = self.query_one(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c"
            " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        )
        return int(row[0]) if row else 0

    def check(self) -> None:
        """Read every table from its first row to its last; keys and rules are kept by the server itself."""
        for table in dialect.columns():
            self.query_one(f"SELECT count(*), sum(length({table}::text)) FROM {table}")

    def back_up(self, path: Path) -> None:
        """Copy the whole journal into a new file of this machine."""
        from bhuman_cli.journal.engine import transfer

        with contextlib.closing(database.open_file(path, self.clock)) as other, self.transaction():
            self.be_patient()
            transfer.copy(self, other)

    # Where the server stands.

    def server_facts(self) -> ServerFacts:
        """Return how the server answers, and what this role may do."""
        with self._told():
            self._ensure()
            began = self.clock.monotonic_s()
            at, version = self._connection.execute(
                "SELECT clock_timestamp(), current_setting('server_version')"
            ).fetchone()
            took_s = self.clock.monotonic_s() - began
            writes = self._connection.execute(
                "SELECT has_table_privilege('claim', 'INSERT') AND has_table_privilege('chunk', 'UPDATE')"
                " AND NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"
            ).fetchone()[0]
        return ServerFacts(
            at=at, round_trip_s=took_s, is_encrypted=bool(self._connection.pgconn.ssl_in_use),
            version=version.split()[0], may_write=bool(writes), tells_history=bool(self.server()[0]),
        )  # fmt: skip

    def server(self) -> tuple[str, str]:
        """Return the system's identifier and its timeline, "" where this role may not read them."""
        try:
            row = self._connection.execute(
                "SELECT (SELECT system_identifier FROM pg_control_system()),"
                " (SELECT timeline_id FROM pg_control_checkpoint())"
            ).fetchone()
        except psycopg.Error:
            return "", ""
        return str(row[0]), str(row[1])


_IS_KEY: Final = (
    "locktype = 'advisory' AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname ="
    " current_database()) AND classid::bigint = ((%(key)s::bigint >> 32) & 4294967295)"
    " AND objid::bigint = (%(key)s::bigint & 4294967295)"
)


def _as_journal_error(error: psycopg.Error, shown: str) -> errors.JournalError:
    state = error.sqlstate or ""
    is_connection = isinstance(error, psycopg.OperationalError) and not state
    fault = JournalFault.GONE if is_connection else next(
        (kind for prefix, kind in _FAULTS.items() if state.startswith(prefix)), JournalFault.OTHER
    )  # fmt: skip
    words = " ".join(str(error).split())[:300]
    said = f"{_WORDS[fault]}: {words}" if fault in _WORDS else words
    return errors.JournalError(f"the journal {shown} can't be used: {said}", fault=fault, hint="bhuman doctor")


def _require_tls(connection: Any, url: str) -> None:
    options = address.parameters(url)
    if (
        not connection.pgconn.ssl_in_use
        and not address.is_near(options.get("host"))
        and options.get("sslmode") != "disable"
    ):
        raise errors.JournalError(
            f"the journal {address.masked(url)} answers without TLS: cells and links would be read on the way;"
            " sslmode=disable in its address says that this is meant",
            hint="bhuman help journal",
        )


def _require_no_pooler(connection: Any, url: str) -> None:
    """Refuse an address that gives each transaction another session: locks would be nobody's.

    Raises:
        JournalError: this address is a pooler.
    """
    key = int.from_bytes(os.urandom(7), "big")
    pid = _pid(connection)
    connection.execute("SELECT pg_advisory_lock(%s)", (key,))
    is_same = True
    if connection.info.backend_pid != pid:  # something in between answered for the server: does it share its sessions?
        with psycopg.connect(**address.parameters(url), autocommit=True, cursor_factory=psycopg.ClientCursor) as other:
            other.execute("BEGIN")
            is_same = _pid(other) != _pid(connection)
            other.execute("ROLLBACK")
    locks = connection.execute(
        f"SELECT 1 FROM pg_locks WHERE {_IS_KEY} AND pid = pg_backend_pid()", {"key": key}
    ).fetchone()
    if not is_same or _pid(connection) != pid or locks is None:
        raise errors.JournalError(
            f"{address.masked(url)}: this address is a pooler, which lends its sessions; locks need one of their own",
            hint="give the address of the server itself, or of a pool in session mode",
        )
    connection.execute("SELECT pg_advisory_unlock(%s)", (key,))


def _pid(connection: Any) -> int:
    connection.execute("BEGIN")
    record = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.execute("COMMIT")
    return int(record[0])


def _settle_schema(connection: Any) -> int:
    """Make the schema that the search path names, if it is missing; return its oid."""
    row = connection.execute("SELECT current_schema()::text").fetchone()
    if row[0] is None:
        path = connection.execute("SHOW search_path").fetchone()[0]
        name = path.split(",")[0].strip().strip('"')
        connection.execute(psycopg.sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(psycopg.sql.Identifier(name)))
    return int(connection.execute("SELECT current_schema()::regnamespace::oid::bigint").fetchone()[0])


def _settle_version(journal: PostgresJournal, connection: Any) -> None:
    """Make the tables, or bring them to this version, under a lock of the whole schema."""
    if _version(connection) == schema.VERSION:
        return
    with journal.transaction():
        version = _version(connection)
        if version is None:
            for statement in dialect.tables():
                connection.execute(statement)
            connection.execute("CREATE TABLE journal_version (version BIGINT NOT NULL)")
            connection.execute("INSERT INTO journal_version VALUES (%s)", (schema.VERSION,))
        elif version > schema.VERSION:
            raise errors.JournalError(
                f"{journal.shown} was written by a newer bhuman (journal version {version}, this one reads up to"
                f" {schema.VERSION})",
                hint="pip install --upgrade bhuman",
                fault=JournalFault.NEWER,
            )
        else:
            for step in range(version, schema.VERSION):
                for statement in filter(None, map(dialect.migration, schema.MIGRATIONS[step])):
                    connection.execute(statement)
            connection.execute("UPDATE journal_version SET version = %s", (schema.VERSION,))


def _version(connection: Any) -> int | None:
    made = connection.execute(
        "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'journal_version'"
    ).fetchone()
    if made is None:
        return None
    record = connection.execute("SELECT version FROM journal_version").fetchone()
    return int(record[0]) if record else None
