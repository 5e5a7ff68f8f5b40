"""Reasons why a journal's file can't be used, told apart, each with the way out. Opens and repairs nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from bhuman_cli import errors
from bhuman_cli.errors import JournalFault

_Word = TypeVar("_Word", bound=StrEnum)

_BY_NAME: Final = {
    "SQLITE_FULL": JournalFault.FULL,
    "SQLITE_READONLY_DBMOVED": JournalFault.MOVED,
    "SQLITE_READONLY": JournalFault.READ_ONLY,
    "SQLITE_CORRUPT": JournalFault.DAMAGED,
    "SQLITE_NOTADB": JournalFault.DAMAGED,
    "SQLITE_ERROR": JournalFault.DAMAGED,  # our statements are right: a table or a column is not as it was made
    "SQLITE_FORMAT": JournalFault.DAMAGED,
    "SQLITE_MISMATCH": JournalFault.DAMAGED,
    "SQLITE_BUSY": JournalFault.LOCKED,
    "SQLITE_LOCKED": JournalFault.LOCKED,
    "SQLITE_CONSTRAINT": JournalFault.PROMISE,
}
_PLAIN: Final = {"SQLITE_CANTOPEN": "it can't be opened", "SQLITE_IOERR": "the disk reports an error"}
_WAY_OUT: Final = (
    "put a backup back, or move the file away and let `bhuman render FILE --adopt` take over what was paid"
)


@contextlib.contextmanager
def told(path: Path | None) -> Iterator[None]:
    """Turn what SQLite and the system raise inside the block into a JournalError that says what to do."""
    where = str(path) if path is not None else "the temporary journal"
    try:
        yield
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        fault = next((kind for prefix, kind in _BY_NAME.items() if name.startswith(prefix)), JournalFault.OTHER)
        if not name and "decode" in str(error).lower():
            fault = JournalFault.DAMAGED  # bytes that are no text any more
        reason = _reason(fault, error, name, path)
        raise errors.JournalError(f"the journal {where} can't be used: {reason}", fault=fault) from error
    except UnicodeDecodeError as error:  # SQLite's own message quotes bytes that are no text any more
        raise damaged(path, "its tables are not as they were made") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise errors.JournalError(f"the journal {where} can't be used: {reason}", hint="bhuman doctor") from error


def damaged(path: Path | str | None, what: str) -> errors.JournalError:
    """Return the error for a file whose content contradicts itself."""
    where = str(path) if path is not None else "the temporary journal"
    return errors.JournalError(
        f"the journal {where} is damaged ({what}); nothing was sent; {_WAY_OUT}", fault=JournalFault.DAMAGED
    )


def from_json(text: str | None) -> Any:
    """Return a JSON value that the journal holds.

    Raises:
        JournalError: it is none any more.
    """
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        raise damaged(None, "a stored value is not what was written") from None


def word(kind: type[_Word], text: str) -> _Word:
    """Return a stored word of a fixed list.

    Raises:
        JournalError: there is no such word.
    """
    try:
        return kind(text)
    except ValueError:
        raise damaged(None, f"an unknown {kind.__name__}") from None


def _reason(fault: JournalFault, error: sqlite3.DatabaseError, name: str, path: Path | None) -> str:
    named = f" ({name})" if name else ""
    match fault:
        case JournalFault.FULL:
            return f"the disk is full{_free(path)}{named}"
        case JournalFault.READ_ONLY:
            return f"it is read-only{named}"
        case JournalFault.MOVED:
            return f"its file was moved or replaced while it was in use{named}"
        case JournalFault.DAMAGED:
            return f"the file is damaged or not a database: {error}{named}; {_WAY_OUT}"
        case JournalFault.LOCKED:
            return f"another process holds it{_holders(path)}{named}"
        case JournalFault.PROMISE:
            return f"a rule of it would be broken: {error}{named}"
        case _:
            return next((said for prefix, said in _PLAIN.items() if name.startswith(prefix)), str(error)) + named


def _free(path: Path | None) -> str:
    try:
        folder = path.parent if path is not None else Path.cwd()
        return f": {shutil.disk_usage(folder).free:,} bytes are free in {folder}"
    except OSError:
        return ""


def _holders(path: Path | None) -> str:
    """Name the processes that have the file open, where the system shows them (Linux)."""
    if path is None:
        return ""
    names = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            if any(_is_same(link, path) for link in (process / "fd").iterdir()):
                names.append(f"{(process / 'comm').read_text().strip()}, process {process.name}")
    return f": {'; '.join(names[:3])}" if names else ""


def _is_same(link: Path, path: Path) -> bool:
    try:
        return link.readlink() == path.resolve()
    except OSError:
        return False
