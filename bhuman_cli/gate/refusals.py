"""Order of refusals: which one gives its code where several apply, and which a yes on a terminal can't lift. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bhuman_cli.errors import Refusal

ORDER: Final = (
    "locked",
    "untrusted_settings",
    "other_account",
    "old_journal",
    "unknown_results",
    "unknown_videos",
    "plan_changed",
    "plan_used",
    "plan_expired",
    "plan_other_target",
    "plan_other_journal",
    "too_many_failures",
    "source_shrank",
    "variables_changed",
    "over_max_rows",
    "over_budget",
)

UNASKED: Final = frozenset(
    {"over_max_rows", "over_budget", "too_many_failures"} | {c for c in ORDER if c[:5] == "plan_"}
)
"""Bounds and signatures that somebody set on purpose: a yes in passing does not lift them."""


def in_order(refusals: Iterable[Refusal]) -> list[Refusal]:
    """Return refusals with the one first that gives its code; what is not listed stands last."""
    return sorted(refusals, key=lambda refusal: ORDER.index(refusal.code) if refusal.code in ORDER else len(ORDER))
