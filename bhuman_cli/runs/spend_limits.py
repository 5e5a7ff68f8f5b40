"""Spend limits: what must be asked, or refused, before a plan may cost money. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli import amounts
from bhuman_cli.errors import Refusal
from bhuman_cli.journal.planning import PlanCounts

DEFAULT_MAX_ROWS: Final = 2_000  # whenever nobody is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user allowed.

    max_rows: None for no limit. accepts_changes: of variables, or of many rows. again: pay again on purpose.
    """

    max_rows: int | None
    accepts_changes: bool
    again: bool


def refusals(counts: PlanCounts, changed: str, limits: Limits, looked: Sequence[Refusal]) -> list[Refusal]:
    """Return why the plan may not be carried out without a person's word, in the order to ask.

    changed: why the variables, or many rows, are not what they were; "" where they are.
    looked: what a look outside this journal says against it; told first.
    """
    cost = counts.new + counts.retried
    if cost == 0:
        return []
    reasons = list(looked)
    if limits.max_rows is not None and cost > limits.max_rows:
        reasons.append(
            Refusal(
                f"{cost:,} rows would be submitted, but at most {limits.max_rows:,} are allowed;"
                f" --max-rows {cost} allows these",
                hint="--dry-run",
                code="over_max_rows",
            )
        )
    if changed and not limits.accepts_changes and not limits.again:
        said = f"{changed}; --accept-changes pays for {amounts.show(cost, 'video')} all the same"
        reasons.append(Refusal(said, hint="--dry-run", code="variables_changed"))
    return reasons


def shrunk(rows: int, before: int, limits: Limits) -> list[Refusal]:
    """Return why a table that lost more than half of its rows needs a word: it may have been loaded by half only."""
    if limits.accepts_changes or limits.again or not before or 2 * rows >= before:
        return []
    said = f"the table has {rows:,} rows, and had {before:,} when it was last rendered: was it loaded whole?"
    return [Refusal(f"{said} If so: --accept-changes", hint="--dry-run", code="source_shrank")]
