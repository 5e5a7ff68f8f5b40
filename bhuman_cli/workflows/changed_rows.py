"""Comparison of a plan with what was paid for its campaign, under this file's name or another. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Final

from bhuman_cli.domain import RenderSpec, Row
from bhuman_cli.gate import changes
from bhuman_cli.gate.changes import Anew
from bhuman_cli.journal import comparison, traffic
from bhuman_cli.journal.comparison import EarlierFile
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import PreviousRun
from bhuman_cli.journal.planning import PlanCounts
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import identity
from bhuman_cli.terminal.console import Console

_KEYS: Final = ("email", "id")
_CONTINUED_SHARE: Final = 0.5
"""A file that shows, or would render anew, so much of an earlier one is that file under another name."""


def refusal(
    journal: Journal,
    run: Run,
    counts: PlanCounts,
    previous: PreviousRun,
    known: Collection[str] | None,
    row_key: str | None,
) -> str:
    """Return why the variables, or many rows, need a person's word; "" where they do not."""
    accepted = comparison.accepted_variables(journal, run.target)
    if known is None and accepted:
        known = accepted[0]
    if said := changes.other_variables(run.spec.variables, known, accepted):
        return said
    if by_rules := comparison.anew_by_rules(journal, run):
        return (
            f"this version reads tables by newer rules: {by_rules:,} rows whose place was paid would be rendered anew"
        )
    same_file = Anew(rows=min(counts.new, previous.paid - previous.shown), of=previous.paid)
    return changes.many_anew(same_file) or _of_other_files(journal, run, counts, row_key)


def say_shared(journal: Journal, run: Run, shared: int, console: Console) -> None:
    """Say once a target that one video, and one view count, is shown to several people."""
    columns = [column for column in run.columns if _folded(column) in _KEYS]
    if not shared or not comparison.shared_between_people(journal, run, columns):
        return
    name, now = f"shared told: {run.target_id}", journal.now()
    if traffic.fact(journal, name, now) == now:
        console.say(
            "different people share a video where their rows are equal: one page, one view count"
            " (--no-share-equal pays for each)"
        )


def _of_other_files(journal: Journal, run: Run, counts: PlanCounts, row_key: str | None) -> str:
    new: list[Mapping[str, str]] = []
    for earlier in comparison.earlier_files(journal, run):
        shown = comparison.shown_of(journal, run, earlier)
        anew = Anew(rows=0, of=earlier.paid)
        if counts.new > changes.MANY_ROWS and earlier.paid - shown > changes.MANY_ROWS:
            new = new or list(comparison.new_cells(journal, run))
            anew = _compared(run, earlier, new, list(comparison.paid_cells(journal, run, earlier)), row_key)
        if shown + anew.rows >= _CONTINUED_SHARE * earlier.paid and not run.continues:
            comparison.set_continues(journal, run, earlier.input_path)
        if said := changes.many_anew(anew):
            return said
    return ""


def _compared(
    run: Run,
    earlier: EarlierFile,
    new: Sequence[Mapping[str, str]],
    paid: Sequence[Mapping[str, str]],
    row_key: str | None,
) -> Anew:
    """Count the new rows that are rows of the earlier file: by their key, else by all sent columns but one."""
    name = PurePath(earlier.input_path).name
    both = [column for column in run.columns if column in earlier.columns]
    sent = {_folded(variable) for variable in run.spec.variables}
    columns = [column for column in both if _folded(column) in sent]
    column, rows = changes.one_column(comparison.texts(new, columns), comparison.texts(paid, columns), columns)
    keys = [row_key] if row_key else [column for column in both if _folded(column) in _KEYS]
    for key in keys:
        ours, theirs = ([row.get(key, "").strip() for row in rows_] for rows_ in (new, paid))
        if row_key or (_is_unique(ours) and _is_unique(theirs)):
            found = changes.same_keys(ours, theirs)
            if found >= rows:
                return Anew(rows=found, of=earlier.paid, column=column if found == rows else "", name=name)
    return Anew(rows=rows, of=earlier.paid, column=column, name=name)


def _is_unique(keys: Sequence[str]) -> bool:
    filled = [key for key in keys if key]
    return len(set(filled)) == len(filled)


def _folded(name: str) -> str:
    return "".join(name.split()).replace("_", "").casefold()


def larger_identities(
    run_spec: RenderSpec, columns: Sequence[str], accepted: Sequence[Sequence[str]]
) -> list[Callable[[Row], bytes]]:
    """Return how rows were identified when they were sent with more columns, which the file still has.

    Fewer columns than an earlier run sent must not buy everything again.
    """
    places = {_folded(column): at for at, column in reversed(list(enumerate(columns)))}
    found: list[Callable[[Row], bytes]] = []
    for variables in accepted:
        more = [variable for variable in variables if variable not in run_spec.variables]
        if not more or set(run_spec.variables) - set(variables) or any(_folded(name) not in places for name in more):
            continue
        found.append(_larger(run_spec, tuple(variables), places))
    return found


def _larger(spec: RenderSpec, variables: tuple[str, ...], places: Mapping[str, int]) -> Callable[[Row], bytes]:
    identify = identity.of_spec(replace(spec, variables=variables))

    def of(row: Row) -> bytes:
        values = dict(zip(spec.variables, row.values, strict=True))
        cells = {name: row.cells[places[_folded(name)]] for name in variables if name not in values}
        return identify([values.get(name, cells.get(name, "")) for name in variables], row.assets)

    return of
