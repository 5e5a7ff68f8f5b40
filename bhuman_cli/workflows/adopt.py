"""Owns taking over ids that stand in a results file but not in this journal: a lost journal, or another machine's."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bhuman_cli import errors
from bhuman_cli.journal import history
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import AdoptedGeneration
from bhuman_cli.journal.planning import Run
from bhuman_cli.terminal.console import Console

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client

_UUID: Final = re.compile(rb"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")


def unknown_ids(journal: Journal, output: Path) -> list[str]:
    """Return the ids in the results file that this journal does not know, in its order.

    A file that an edit made unreadable is searched as text: it stops nobody, and hides nothing that was paid.
    """
    from bhuman_cli.table.output import results_file

    if results_file.recognise(output) is not results_file.RecognisedColumns.OURS:
        return []
    try:
        ids = [row.generation_id.strip().lower() for row in results_file.read_ids(output)]
    except errors.InputError:
        ids = [match.decode().lower() for match in _UUID.findall(output.read_bytes())]
    found = list(dict.fromkeys(ids))
    known = history.bound_ids(journal, found)
    return [item for item in found if item not in known]


def keep(journal: Journal, output: Path, console: Console) -> None:
    """Copy a results file with unknown ids before it is replaced: nowhere else do they stand.

    One that was changed since this journal wrote it is copied by whoever writes the results.
    """
    from bhuman_cli.table.output import results_file

    last = history.last_output(journal, str(output.resolve()))
    with output.open("rb") as stream:
        is_changed = last is not None and hashlib.file_digest(stream, "sha256").hexdigest() != last.sha256
    if not is_changed:
        console.say(
            f"{output.name} holds ids that this journal does not know; it is kept as {results_file.keep_backup(output)}"
        )


def adopt(journal: Journal, run: Run, unknown: list[str], client: Client, console: Console) -> int:
    """Take over the ids whose record names a row of this file; return how many could not be taken over.

    Only the record's own `text` is believed, never the place in the results file.
    """
    from bhuman_cli.api import wire
    from bhuman_cli.runs import identity
    from bhuman_cli.runs.binding import doubts

    items: list[AdoptedGeneration] = []
    for generation_id in unknown:
        try:
            record = client.generation(generation_id)
        except (errors.ApiError, errors.ServiceDown, wire.WireError):
            continue
        if record is None or record.text is None or doubts.is_foreign(record, run.target):
            continue
        key = identity.text_key(record.text)
        asked = "SELECT DISTINCT identity FROM row WHERE run_no = ? AND text_key = ?"
        rows = list(journal.query(asked, (run.run_no, key)))
        if len(rows) == 1:  # rows with equal values but other assets can't be told apart by their text
            items.append(AdoptedGeneration(identity=rows[0]["identity"], text_key=key, generation=record))
    adopted = history.adopt(journal, run, items)
    console.say(f"{adopted:,} of {len(unknown):,} unknown ids were taken over")
    return len(unknown) - len(items)
