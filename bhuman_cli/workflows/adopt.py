"""Adoption of ids that stand in a results file but not in this journal: a lost journal, or another machine's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bhuman_cli import errors
from bhuman_cli.domain import Generation
from bhuman_cli.journal import chunks, history
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import AdoptedGeneration
from bhuman_cli.journal.runs import Run
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import doubts

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
    records: list[Generation] = []
    for generation_id in unknown:
        try:
            record = client.generation(generation_id)
        except (errors.ApiError, errors.ServiceDown, wire.WireError):
            continue
        if record is not None and record.text is not None and not video_list.is_foreign(record, run.target):
            records.append(record)
    # A request whose answer was lost is settled by its ids, wherever a person put them.
    open_chunks = [c for c in chunks.unsettled(journal, run.target_id) if c.state in {"mapping", "in_doubt"}]
    bound = doubts.bind_given(journal, open_chunks, records)
    known = chunks.bound_ids(journal, [record.id for record in records])
    for record in records:
        if record.id in known or record.text is None:
            continue
        key = identity.text_key(record.text)
        identities = history.identities_of_text(journal, run, key)
        if len(identities) == 1:  # rows with equal values but other assets can't be told apart by their text
            items.append(AdoptedGeneration(identity=identities[0], text_key=key, generation=record))
    adopted = history.adopt(journal, run, items)
    console.say(f"{adopted + bound:,} of {len(unknown):,} unknown ids were taken over")
    taken = {item.generation.id for item in items} | known
    return [item for item in unknown if item not in taken]
