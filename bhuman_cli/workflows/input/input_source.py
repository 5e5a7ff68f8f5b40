"""Table named on the command line: where its bytes lie, beside what its results stand, what the journal calls it.

A file is read where it is; an address is fetched once, and its results stand in the working directory.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bhuman_cli import errors, files, shell
from bhuman_cli.config import settings
from bhuman_cli.terminal.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSource:
    """What a command reads.

    path: the bytes, None for stdin. beside: results, problems, template and project file stand beside it; of an address
        a file of that name in the working directory, which need not be there; None for stdin.
    input_path: what the journal calls the table. name: what messages call it.
    modified_at: when it was last changed, None where nobody knows.
    """

    path: Path | None
    beside: Path | None
    input_path: str
    name: str
    modified_at: datetime | None = None
    is_address: bool = False


def is_address(text: str) -> bool:
    """Say whether FILE is an address."""
    from bhuman_cli.table.sources import address

    return address.is_address(text)


def project_path(text: str) -> Path | None:
    """Return the path whose neighbour the project file may be; None where only the working directory's counts."""
    return None if text == "-" or is_address(text) else Path(text)


def open_source(text: str, values: settings.Settings, home: settings.Home, console: Console) -> InputSource:
    """Return the table behind FILE, fetched if it is an address.

    Raises:
        UsageError: no such file, or an address that is refused as it stands.
        InputError, ServiceDown: the address gives no table.
    """
    if is_address(text):
        return _fetched(text, values, home, console)
    if text == "-":
        # What comes through a pipe is told apart by the folder it is rendered in.
        return InputSource(path=None, beside=None, input_path=journal_path(text), name="standard input")
    path = Path(text)
    require_file(path)
    moment = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None
    return InputSource(path=path, beside=path, input_path=journal_path(text), name=path.name, modified_at=moment)


def require_file(path: Path) -> None:
    """Refuse a path that is no file.

    Raises:
        UsageError: there is nothing, or a folder.
    """
    if not path.exists():
        raise errors.UsageError(f"there is no file {path}", hint=shell.list_folder(path.parent))
    if path.is_dir():
        raise errors.UsageError(f"{path}: is a folder, not a file", hint=shell.list_folder(path))


def identity(text: str, sheet: str | None = None) -> str:
    """Return what the journal calls the table at an address.

    Raises:
        UsageError: it is not an address that is read.
    """
    from bhuman_cli.table.sources import address

    return address.parse(text, sheet=sheet, insecure=True).identity


def journal_path(text: str, sheet: str | None = None) -> str:
    """Return what the journal calls the table that FILE names."""
    if is_address(text):
        return identity(text, sheet)
    if text == "-":
        return str(Path.cwd() / "stdin")
    path = Path(text).resolve()
    return str(files.as_spelled(path) if sys.platform == "darwin" else path)  # Windows resolves to what is on disk


def _fetched(text: str, values: settings.Settings, home: settings.Home, console: Console) -> InputSource:
    from bhuman_cli.table.sources import address, fetch

    insecure = bool(values.get("insecure_source"))
    table = address.parse(
        text, sheet=values.get("sheet"), as_workbook=bool(values.get("visible_only")), insecure=insecure
    )
    if console.is_watched():
        console.say(f"fetching {table.product or 'the table'} from {fetch.host(table.url)}")
    copy = fetch.fetch(table, settings.private_folder(home.state) / fetch.FOLDER_NAME, insecure=insecure)
    if copy.by_proxy:
        console.say("through a proxy: names that lead to private addresses can't be told from here")
    return InputSource(
        path=copy.path, beside=Path.cwd() / copy.name, input_path=table.identity, name=copy.name,
        modified_at=copy.modified_at, is_address=True,
    )  # fmt: skip
