"""The spend guard: what must be asked before a plan may cost money."""

from __future__ import annotations

from typing import Any

from bhuman_cli.errors import Refusal
from bhuman_cli.journal.planning import PlanCounts
from bhuman_cli.runs import spend_limits


def asked(*, new: int = 0, retried: int = 0, reused: int = 0, unknown: int = 0, **more: Any) -> list[Refusal]:
    looked = [Refusal("", code="unknown_results")] * bool(unknown)
    counts = PlanCounts(new=new, retried=retried, reused=reused, rows=new + retried + reused, invalid=0)
    limits = {"max_rows": None, "accepts_changes": False, "again": False, **more.get("limits", {})}
    return spend_limits.refusals(counts, more.get("changed", ""), spend_limits.Limits(**limits), looked)


def codes(found: list[Refusal]) -> list[str]:
    return [refusal.code for refusal in found]


def test_what_costs_nothing_is_never_refused() -> None:
    everything: dict[str, Any] = {
        "changed": "many rows",
        "limits": {"max_rows": 0},
    }
    assert asked(new=0, reused=900, unknown=7, **everything) == []


def test_new_and_retried_rows_count_against_the_cap() -> None:
    assert codes(asked(new=1_500, retried=501, limits={"max_rows": 2_000})) == ["over_max_rows"]
    assert asked(new=1_500, retried=500, reused=9_000, limits={"max_rows": 2_000}) == []
    assert asked(new=90_000) == []
    assert codes(asked(new=1, limits={"max_rows": 0, "again": True})) == ["over_max_rows"]
    refusal = asked(new=2_001, limits={"max_rows": 2_000})[0]
    assert ("--max-rows 2001" in refusal.message, refusal.hint, refusal.exit_code) == (True, "--dry-run", 7)


def test_what_another_memory_paid_stops_it() -> None:
    assert codes(asked(new=3, unknown=1)) == ["unknown_results"]
    assert codes(asked(new=3, unknown=1, limits={"accepts_changes": True})) == ["unknown_results"]


def test_changes_need_a_word_and_the_hint_spends_nothing() -> None:
    (found,) = asked(new=9, changed="the variables are not those of the campaign")
    assert (found.code, found.hint) == ("variables_changed", "--dry-run")
    assert "--accept-changes pays for 9 videos" in found.message
    for word in ("accepts_changes", "again"):
        assert asked(new=1, changed="so", limits={word: True}) == []


def test_refusals_are_all_told() -> None:
    found = asked(new=50, unknown=2, changed="so", limits={"max_rows": 1})
    assert codes(found) == ["unknown_results", "over_max_rows", "variables_changed"]
