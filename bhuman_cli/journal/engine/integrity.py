"""Checks of the journal's own pages, indexes and values, made when it is opened. Repairs nothing.

SQLite keeps no checksums. What decides about money or links stands twice, in a table and in an index, and the two are
compared: a bit that rots in either is noticed before a plan is made from it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from pathlib import Path
from typing import Final

from bhuman_cli.clock import Clock
from bhuman_cli.journal import faults, schema

LARGE_BYTES: Final = 200 * 1024 * 1024  # above it the check is made once a day
_DAY_S: Final = 86_400.0
_COMPARED: Final = ("claim", "run", "chunk", "target", "row", "forgotten")


def require(connection: sqlite3.Connection, path: Path, clock: Clock) -> None:
    """Stop unless the pages are sound and every index holds what its table does.

    Raises:
        JournalError: damaged, naming what does not fit.
    """
    mark = path.with_name(f"{path.name}.checked")
    is_large = path.stat().st_size > LARGE_BYTES
    if is_large and _is_fresh(mark, clock):
        return
    check(connection, path)
    if is_large:
        mark.touch(mode=0o600)
        now = clock.now().timestamp()
        os.utime(mark, (now, now))


def check(connection: sqlite3.Connection, path: Path | None) -> None:
    """Compare pages, indexes and tables now.

    Raises:
        JournalError: damaged, naming what does not fit.
    """
    try:
        said = [connection.execute("PRAGMA quick_check(1)").fetchone()[0]]
        said += [connection.execute(f"PRAGMA integrity_check({table})").fetchone()[0] for table in _COMPARED]
    except UnicodeDecodeError as error:
        raise faults.damaged(path, "its tables are not as they were made") from error
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN")):
            raise
        raise faults.damaged(path, str(error)) from error
    wrong = next((text for text in said if text != "ok"), None)
    if wrong is not None:
        raise faults.damaged(path, str(wrong).splitlines()[-1])
    if _columns(connection) != _expected_columns():
        raise faults.damaged(path, "its tables are not as they were made")


def _columns(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    asked = (
        "SELECT m.name, c.name, c.pk FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' ORDER BY m.name, c.name"
    )
    return [tuple(record) for record in connection.execute(asked)]


@functools.cache
def _expected_columns() -> list[tuple[str, str, int]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        made.executescript(schema.TABLES)
        return _columns(made)


def _is_fresh(mark: Path, clock: Clock) -> bool:
    try:
        age_s = clock.now().timestamp() - mark.stat().st_mtime
    except OSError:
        return False
    return 0 <= age_s < _DAY_S
