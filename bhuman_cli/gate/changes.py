"""Comparison of a plan with what was paid for its campaign: other variables, many rows rendered anew. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

MANY_ROWS: Final = 20
MANY_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Anew:
    """Rows that would be rendered anew. of: rows that were rendered for the file that this one is, or continues.

    column: the one in which they differ, "" where that is not one. name: the earlier file's, "" for this one.
    """

    rows: int
    of: int
    column: str = ""
    name: str = ""


def other_variables(sent: Collection[str], known: Collection[str] | None, accepted: Sequence[Collection[str]]) -> str:
    """Return why the variables need a person's word, "" where they are what the target takes.

    known: the target's, None where nobody knows. accepted: sets that requests of this target were accepted with.
    """
    here = set(sent)
    if known is None or here == set(known) or any(here == set(one) for one in accepted):
        return ""
    missing, more = sorted(set(known) - here), sorted(here - set(known))
    if not here & set(known):
        return f"the table has none of the campaign's variables ({', '.join(sorted(known))}): is it this campaign's?"
    parts = [f"without {', '.join(missing)}"] if missing else []
    parts += [f"with {', '.join(more)}"] if more else []
    return f"the variables are not those of the campaign ({' and '.join(parts)})"


def many_anew(anew: Anew) -> str:
    """Return why so many rows need a person's word, "" where they are few."""
    if anew.rows <= MANY_ROWS or anew.rows <= MANY_SHARE * anew.of:
        return ""
    file = f"rendered as {anew.name}" if anew.name else "rendered for this file"
    alone = f"; they differ in {anew.column} alone" if anew.column else ""
    return f"{anew.rows:,} of {anew.of:,} rows that were {file} would be rendered anew{alone}"


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


def same_keys(new: Sequence[str], paid: Sequence[str]) -> int:
    """Return how many new rows carry a key that a paid row carries; blank ones are nobody's."""
    before = {key for key in paid if key}
    return sum(key in before for key in new)
