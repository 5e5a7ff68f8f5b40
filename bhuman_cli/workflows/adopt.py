"""Adoption of ids that stand in a results file but not in this journal: a lost journal, or another machine's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bhuman_cli import errors
from bhuman_cli.journal import history
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import AdoptedGeneration
from bhuman_cli.journal.runs import Run
from bhuman_cli.terminal.console import Console

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client


def keep(journal: Journal, output: Path, console: Console) -> None:
    """Copy a results file with unknown ids before it is replaced: nowhere else do they stand.

    One that was changed since this journal wrote it is copied by whoever writes the results.
    """
    from bhuman_cli.table.output import results_file

    last = history.last_output(journal, str(output.resolve()))
    with output.open("rb") as stream:
        is_changed = last is not None and hashlib.file_digest(stream, "sha256").hexdigest() != last.sha256
    if not is_changed:
        console.warn(
            f"{output.name} holds ids that this journal does not know; it is kept as {results_file.keep_backup(output)}"
        )


def adopt(journal: Journal, run: Run, unknown: Sequence[str], client: Client, console: Console) -> list[str]:
    """Take over the ids whose record names a row of this file; return those that could not be taken over.

    Only the record's own `text` is believed, never the place in the results file.
    """
    from bhuman_cli.api import wire
    from bhuman_cli.runs import identity
    from bhuman_cli.runs.binding import video_list

    items: list[AdoptedGeneration] = []
    for generation_id in unknown:
        try:
            record = client.generation(generation_id)
        except (errors.ApiError, errors.ServiceDown, wire.WireError):
            continue
        if record is None or record.text is None or video_list.is_foreign(record, run.target):
            continue
        key = identity.text_key(record.text)
        identities = history.identities_of_text(journal, run, key)
        if len(identities) == 1:  # rows with equal values but other assets can't be told apart by their text
            items.append(AdoptedGeneration(identity=identities[0], text_key=key, generation=record))
    adopted = history.adopt(journal, run, items)
    console.say(f"{adopted:,} of {len(unknown):,} unknown ids were taken over")
    taken = {item.generation.id for item in items}
    return [item for item in unknown if item not in taken]
