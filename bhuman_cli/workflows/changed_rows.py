"""Comparison of a plan with what was paid for its campaign, under this file's name or another. Sends nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
_NEWER_RULES: Final = "this version reads tables by newer rules"
_CONTINUED_SHARE: Final = 0.5
"""A file that shows, or would render anew, so much of an earlier one is that file under another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a plan changes. said: why it needs a person's word, "" where it does not. columns: as in `changes.Anew`."""

    said: str = ""
    columns: Mapping[str, int] = field(default_factory=dict)


def compare(
    journal: Journal,
    run: Run,
    counts: PlanCounts,
    previous: PreviousRun,
    expected: Collection[str] | None,
    row_key: str | None,
) -> Comparison:
    """Compare the plan's variables and rows with what was paid; keep which earlier file this one continues."""
    accepted = comparison.accepted_variables(journal, run.target)
    if expected is None and accepted:
        expected = accepted[0]
    new = _NewRows(journal, run)
    own = Anew(rows=min(counts.new, previous.paid - previous.shown), of=previous.paid)
    before = comparison.own_file(journal, run) if own.rows else None
    if before is not None:
        own = replace(own, columns=_compared(journal, run, before, new, row_key).columns)
    other = _of_other_files(journal, run, counts, new, row_key)
    by_rules = comparison.anew_by_rules(journal, run)
    said = (
        changes.other_variables(run.spec.variables, expected, accepted)
        or (f"{_NEWER_RULES}: {by_rules:,} rows whose place was paid would be rendered anew" if by_rules else "")
        or changes.many_anew(own)
        or (changes.many_anew(other) if other else "")
    )
    return Comparison(said=said, columns=own.columns or (other.columns if other else {}))


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


class _NewRows:
    """The rows that a run would pay for, read once they are asked for."""

    def __init__(self, journal: Journal, run: Run) -> None:
        self._journal, self._run = journal, run

    @functools.cached_property
    def by_place(self) -> dict[int, Mapping[str, str]]:
        """Return the cells by column, by row_index."""
        return dict(comparison.new_cells(self._journal, self._run))


def _of_other_files(journal: Journal, run: Run, counts: PlanCounts, new: _NewRows, row_key: str | None) -> Anew | None:
    """Return what of the first other file that needs a word would be rendered anew, else of the one it continues."""
    continued: Anew | None = None
    for earlier in comparison.earlier_files(journal, run):
        shown = comparison.shown_of(journal, run, earlier)
        anew = Anew(rows=0, of=earlier.paid)
        are_many = counts.new > changes.MANY_ROWS and earlier.paid - shown > changes.MANY_ROWS
        if run.again or are_many:
            anew = _compared(journal, run, earlier, new, row_key)
        if continued is None and earlier.paid and shown + anew.rows >= _CONTINUED_SHARE * earlier.paid:
            comparison.set_continues(journal, run, earlier)
            continued = anew
        if changes.many_anew(anew):
            return anew
    return continued


def _compared(journal: Journal, run: Run, earlier: EarlierFile, new: _NewRows, row_key: str | None) -> Anew:
    """Count the new rows that are rows of the earlier file: by their key, else by all sent columns but one.

    In the same file, too, by their place.
    """
    is_same = earlier.input_path == run.input_path
    name = "" if is_same else PurePath(earlier.input_path).name
    paid = dict(comparison.paid_cells(journal, run, earlier))
    both = [column for column in run.columns if column in earlier.columns]
    sent = {_folded(variable) for variable in run.spec.variables}
    columns = [column for column in both if _folded(column) in sent]
    ours, theirs = (comparison.texts(rows, columns) for rows in (new.by_place, paid))
    column, rows = changes.one_column(list(ours.values()), list(theirs.values()), columns)
    differing = rows - len({*ours.values()} & {*theirs.values()})  # equal ones are paid again on purpose
    anew = Anew(rows=rows, of=earlier.paid, columns={column: differing} if differing > 0 else {}, name=name)
    if is_same and 2 * rows < len(ours):
        count, touched = changes.changed_columns(ours, theirs, columns, by_place=True)
        anew = replace(anew, rows=count, columns=touched)
    for key in [row_key] if row_key else [column for column in both if _folded(column) in _KEYS]:
        now, before = ({at: row.get(key, "").strip() for at, row in rows.items()} for rows in (new.by_place, paid))
        if row_key or (_is_unique(now.values()) and _is_unique(before.values())):
            count, touched = changes.changed_columns(
                _by_key(ours, now), _by_key(theirs, before), columns, by_place=False
            )
            if count >= anew.rows:
                return replace(anew, rows=count, columns=touched)
    return anew


def _by_key(rows: Mapping[int, Sequence[str]], keys: Mapping[int, str]) -> dict[str, Sequence[str]]:
    return {keys[at]: row for at, row in rows.items() if keys[at]}


def _is_unique(keys: Iterable[str]) -> bool:
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
    identities: list[Callable[[Row], bytes]] = []
    for variables in accepted:
        more = [variable for variable in variables if variable not in run_spec.variables]
        if not more or set(run_spec.variables) - set(variables) or any(_folded(name) not in places for name in more):
            continue
        identities.append(_larger(run_spec, tuple(variables), places))
    return identities


def _larger(spec: RenderSpec, variables: tuple[str, ...], places: Mapping[str, int]) -> Callable[[Row], bytes]:
    identify = identity.of_spec(replace(spec, variables=variables))

    def of(row: Row) -> bytes:
        values = dict(zip(spec.variables, row.values, strict=True))
        cells = {name: row.cells[places[_folded(name)]] for name in variables if name not in values}
        return identify([values.get(name, cells.get(name, "")) for name in variables], row.assets)

    return of
