"""Writer of a run's results file, which first puts a file of somebody else's aside. Decides nothing about rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bhuman_cli import domain, errors
from bhuman_cli.journal import history, results
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.terminal.console import Console

if TYPE_CHECKING:
    from bhuman_cli.table.output.results_file import OutputStyle


def writer(journal: Journal, run: Run, style: OutputStyle, console: Console) -> Callable[[], bool]:
    """Return what writes the run's results file; one that can't be written now is said once and tried again later."""
    from bhuman_cli.table.output import results_file

    said: list[str] = []

    def write() -> bool:
        try:
            _keep_other(journal, run, console)
            sha256 = results_file.write_results(Path(run.output_path), run.columns, results.rows(journal, run), style)
        except errors.UsageError as error:
            if error.message not in said:
                said.append(error.message)
                console.warn(f"{error.message}; the run goes on, and `bhuman resume {run.run_id}` writes the file")
            return False
        said.clear()
        history.wrote_output(journal, run, sha256)
        return True

    return write


def _keep_other(journal: Journal, run: Run, console: Console) -> None:
    """Keep a copy of a results file that somebody changed since we wrote it, or that shows other people's links."""
    from bhuman_cli.table.output import results_file

    path = Path(run.output_path)
    last = history.last_output(journal, run.output_path)
    if last is None or not path.is_file():
        return
    with path.open("rb") as stream:
        is_changed = hashlib.file_digest(stream, "sha256").hexdigest() != last.sha256
    is_edited_template = run.target.service == domain.LOCAL_SERVICE and last.target_id != run.target_id
    if is_edited_template and not is_changed:
        backup = results_file.keep_backup(path, only_latest=True)
        console.say(f"another template rendered {path.name} before: run {last.run_id}, kept as {backup.name}")
        return
    if is_changed:
        why, more = "was changed since it was written", ""
    elif other := _whose(last, run):
        why, more = f"held {other}'s results", "; -o writes to another file"
    else:
        return
    console.warn(f"{path.name} {why}; what it held is kept as {results_file.keep_backup(path)}{more}")


def _whose(last: history.OutputRecord, run: Run) -> str:
    if run.target.service == domain.LOCAL_SERVICE:
        return ""  # nothing was paid
    if last.target_id != run.target_id:
        return f"another {run.target.kind}"
    # A table that is its own results file goes on being it.
    return "another table" if run.input_path not in {last.input_path, run.output_path} else ""


def style_of(run: Run) -> OutputStyle:
    """Return how the run's results are written, as it was stored with the run."""
    from bhuman_cli.table.output import results_file

    stored = dict(run.options.get("style") or {"kind": "csv"})
    source = stored.pop("source", None)
    usable = source is not None and Path(source).is_file()
    return results_file.OutputStyle(**stored, source=Path(source) if usable and source else None)


def stored_style(style: OutputStyle) -> dict[str, Any]:
    """Return a style as it is stored with a run."""
    stored = asdict(style)
    stored["source"] = str(style.source) if style.source is not None else None
    return stored
