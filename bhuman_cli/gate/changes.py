"""Comparison of a plan with what was paid for its campaign: other variables, many rows rendered anew. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from bhuman_cli import amounts

MANY_ROWS: Final = 20
MANY_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Anew:
    """Rows that would be rendered anew. of: rows that were rendered for the file that this one is, or continues.

    columns: those that changed, with the rows that each touches. name: the earlier file's, "" for this one.
    """

    rows: int
    of: int
    columns: Mapping[str, int] = field(default_factory=dict)
    name: str = ""


def other_variables(
    sent: Collection[str], expected: Collection[str] | None, accepted: Sequence[Collection[str]]
) -> str:
    """Return why the variables need a person's word, "" where they are what the target takes.

    known: the target's, None where nobody knows. accepted: sets that requests of this target were accepted with.
    """
    here = set(sent)
    if expected is None or here == set(expected) or any(here == set(one) for one in accepted):
        return ""
    missing, more = sorted(set(expected) - here), sorted(here - set(expected))
    if not here & set(expected):
        return f"the table has none of the campaign's variables ({', '.join(sorted(expected))}): is it this campaign's?"
    parts = [f"missing: {', '.join(missing)}"] if missing else []
    parts += [f"new: {', '.join(more)}"] if more else []
    return f"what is sent differs from the campaign's variables ({', '.join(parts)})"


def many_anew(anew: Anew) -> str:
    """Return why so many rows need a person's word, "" where they are few."""
    if anew.rows <= MANY_ROWS or anew.rows <= MANY_SHARE * anew.of:
        return ""
    file = f"rendered as {anew.name}" if anew.name else "rendered for this file"
    changed = f"; changed: {listed(anew.columns)}" if anew.columns else ""
    return f"{anew.rows:,} of {anew.of:,} rows that were {file} would be rendered anew{changed}"


def listed(columns: Mapping[str, int]) -> str:
    """Return changed columns with the rows that each touches, the most first."""
    most_first = sorted(columns.items(), key=lambda item: -item[1])
    return ", ".join(f"{column} in {amounts.show(rows, 'row')}" for column, rows in most_first)


def one_column(new: Sequence[Sequence[str]], paid: Sequence[Sequence[str]], columns: Sequence[str]) -> tuple[str, int]:
    """Return the column in which most new rows differ, alone, from rows that were paid, and how many do.

    new, paid: one text per column. The same column throughout: rows that each differ in another one are new people.
    """
    best = ("", 0)
    for at, column in enumerate(columns):
        if len(columns) < 2:
            break
        before = {hash((*row[:at], *row[at + 1 :])) for row in paid}
        count = sum(hash((*row[:at], *row[at + 1 :])) in before for row in new)
        best = max(best, (column, count), key=lambda pair: pair[1])
    return best


K = TypeVar("K")


def changed_columns(
    new: Mapping[K, Sequence[str]], paid: Mapping[K, Sequence[str]], columns: Sequence[str], *, by_place: bool
) -> tuple[int, dict[str, int]]:
    """Return how many new rows were paid under the same key, and how many of them each column changed in.

    new, paid: one text per column, by key. by_place: which is only a place; a row with nothing in common with the one
    that stood there is another one, not a changed one.
    """
    rows = 0
    touched: Counter[str] = Counter()
    for key in new.keys() & paid.keys():
        differing = [name for name, now, before in zip(columns, new[key], paid[key], strict=True) if now != before]
        if by_place and len(differing) == len(columns) > 1:
            continue
        rows += 1
        touched.update(differing)
    return rows, dict(touched)
