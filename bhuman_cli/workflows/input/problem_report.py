"""Report of a table's problems: grouped for people, whole in `<stem>.problems.csv`, as JSON for programs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bhuman_cli import amounts, errors
from bhuman_cli.terminal.console import Console

if TYPE_CHECKING:
    from bhuman_cli.table.checked_table import CheckedTable
    from bhuman_cli.table.checks.problems import ProblemLog

_SHOWN: Final = 20


def file_for(source: Path | None) -> Path:
    """Return where a table's problems are written."""
    return Path("stdin.problems.csv") if source is None else source.with_name(f"{source.stem}.problems.csv")


def say(log: ProblemLog, console: Console) -> None:
    """List the problems, equal ones as one line, what helps under the first that it helps."""
    groups = log.grouped()
    said: set[str] = set()
    for group in groups[:_SHOWN]:
        (console.warn if group.severity == "warning" else console.say)(str(group))
        if group.hint and group.hint not in said:
            console.say(f"  {group.hint}")
            said.add(group.hint)
    if len(groups) > _SHOWN:
        console.say(f"and {len(groups) - _SHOWN} more kinds of problems")


def write(log: ProblemLog, source: Path | None, console: Console) -> Path | None:
    """Write every problem to its file; return it, None if there are none or it can't be written.

    Where there are none, the list of an earlier run is taken away: it would say what is no longer true.
    """
    path = file_for(source)
    if not len(log):
        _take_away(path)
        return None
    if path.is_symlink() or (path.exists() and not _is_ours(path)):
        console.warn(f"{path} is not a list of problems of ours; it is left alone, and nothing is written")
        return None
    try:
        log.write_csv(path)
    except errors.BhumanError as error:
        console.warn(error.message)
        return None
    return path


def _take_away(path: Path) -> None:
    with contextlib.suppress(OSError):
        if not path.is_symlink() and _is_ours(path):
            path.unlink()


def _is_ours(path: Path) -> bool:
    from bhuman_cli.table.checks import problems

    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return stream.readline().rstrip("\r\n") == ",".join(problems.PROBLEM_COLUMNS)
    except OSError:
        return False


def refusal(intake: CheckedTable, written: Path | None) -> errors.InputError:
    """Return the error that stops a run whose table did not pass the checks."""
    log = intake.problems
    rows = f"{amounts.show(log.errors, 'problem')}"
    where = f", all listed in {written}" if written is not None else ""
    return errors.InputError(
        f"{intake.table.name}: {rows}{where}; nothing was sent",
        # Where nothing would be left to render, leaving rows out is no help.
        hint="" if log.file_errors or not intake.has_valid else "--on-invalid skip",
        problems=log.as_json(),
    )
