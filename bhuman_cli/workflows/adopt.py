"""Adoption of ids that stand in a results file but not in this journal: a lost journal, or another machine's."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bhuman_cli import errors
from bhuman_cli.domain import Generation
from bhuman_cli.journal import chunks, history
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import AdoptedGeneration, RowToSend
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import identity
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import doubts
from bhuman_cli.workflows.unknown_payments import Unknown

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


def adopt(journal: Journal, run: Run, unknown: Unknown, client: Client, console: Console) -> Unknown:
    """Take over the ids whose record names a row of this file; return what could not be taken over.

    Which row it is, is the record's own `text` to say, never the place in the results file. Where the text does not
    say all (rows with assets, columns in another order) the cells beside the id must be the row's, too.
    """
    from bhuman_cli.api import wire
    from bhuman_cli.runs.binding import video_list

    records: list[Generation] = []
    for generation_id in unknown.ids:
        try:
            record = client.generation(generation_id)
        except (errors.ApiError, errors.ServiceDown, wire.WireError):
            continue
        if record is not None and record.text is not None and not video_list.is_foreign(record, run.target):
            records.append(record)
    # A request whose answer was lost is settled by its ids, wherever a person put them.
    open_chunks = [c for c in chunks.unsettled(journal, run.target_id) if c.state in {"mapping", "in_doubt"}]
    bound = doubts.bind_given(journal, open_chunks, records)
    bound_ids = chunks.bound_ids(journal, [record.id for record in records])
    rows = _Rows(journal, run)
    beside = _cells_beside(unknown)
    items = [
        AdoptedGeneration(identity=row, text_key=identity.text_key(record.text), generation=record)
        for record in records
        if record.id not in bound_ids and record.text is not None
        and (row := rows.identity_of(record.text, beside.get(record.id, []))) is not None
    ]  # fmt: skip
    adopted = history.adopt(journal, run, items)
    console.say(f"{adopted + bound:,} of {len(unknown.ids):,} unknown ids were taken over")
    taken = {item.generation.id for item in items} | bound_ids
    return replace(unknown, ids=tuple(item for item in unknown.ids if item not in taken), has_tried=True)


def _cells_beside(unknown: Unknown) -> dict[str, list[Mapping[str, str]]]:
    """Return the cells, by column, that stand beside each unknown id."""
    from bhuman_cli.table.output import results_file

    beside: dict[str, list[Mapping[str, str]]] = {}
    for place in unknown.places:
        with contextlib.suppress(errors.BhumanError):  # no results file, or one that an edit made unreadable
            for row in results_file.read_ids(place):
                cells = {name: identity.plain(cell) for name, cell in zip(row.columns, row.cells, strict=False)}
                beside.setdefault(row.generation_id.strip().lower(), []).append(cells)
    return beside


class _Rows:
    """A run's rows, found by the text of a record."""

    def __init__(self, journal: Journal, run: Run) -> None:
        self._journal, self._run = journal, run
        self._by_values: dict[tuple[str, ...], list[RowToSend]] = defaultdict(list)
        for row in history.rows_to_send(journal, run):
            self._by_values[_in_any_order(json.loads(row.payload)[0])].append(row)

    def identity_of(self, text: Sequence[str], beside: Sequence[Mapping[str, str]]) -> bytes | None:
        """Return the identity of the one row that a video with this text can be; None for none, or for several.

        beside: cells that stand beside its id. They decide where they say anything: it may have been sent in another
        order of columns, in which another person's values read the same.
        """
        exact = history.rows_of_text(self._journal, self._run, identity.text_key(text))
        agreeing: set[bytes] = set()
        silent: set[bytes] = set()
        for row in [*self._by_values.get(_in_any_order(text), []), *(row for row in exact if not row.payload)]:
            said = [self._agree(row, cells) for cells in beside]
            agreeing |= {row.identity} if True in said else set()
            silent |= {row.identity} if False not in said else set()
        if not agreeing and not self._run.spec.backgrounds and silent <= {row.identity for row in exact}:
            agreeing = silent
        return agreeing.pop() if len(agreeing) == 1 else None

    def _agree(self, row: RowToSend, beside: Mapping[str, str]) -> bool | None:
        """Say whether the cells that a row's values and assets come from stand beside an id, too; None: not to be told.

        A column that the results file does not have says nothing.
        """
        if not row.payload:
            return None
        values, assets = json.loads(row.payload)
        sent = {*map(identity.plain, values), *assets} - {""}
        left = set(sent)
        for name, cell in zip(self._run.columns, map(identity.plain, row.cells), strict=False):
            if (texts := {cell, f"https://{cell}"} & sent) and name in beside:
                if beside[name] != cell:
                    return False
                left -= texts
        return None if left else True


def _in_any_order(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(map(identity.plain, values)))
