"""The spend guard: what must be asked before a plan may cost money."""

from __future__ import annotations

from typing import Any

import pytest

from bhuman_cli.errors import Refusal
from bhuman_cli.journal.history import PreviousRun
from bhuman_cli.journal.planning import PlanCounts
from bhuman_cli.runs import spend_limits

VARIABLES = ("first_name", "company")


def asked(*, new: int = 0, retried: int = 0, reused: int = 0, unknown: int = 0, **more: Any) -> list[Refusal]:
    looked = [Refusal("", code="unknown_results")] * bool(unknown)
    counts = PlanCounts(new=new, retried=retried, reused=reused, rows=new + retried + reused, invalid=0)
    before = {"variables": None, "paid": 0, "shown": 0, "unfinished_again": "", **more.get("before", {})}
    limits = {"max_rows": None, "accepts_changes": False, "again": False, **more.get("limits", {})}
    return spend_limits.refusals(counts, PreviousRun(**before), VARIABLES, spend_limits.Limits(**limits), looked)


def codes(found: list[Refusal]) -> list[str]:
    return [refusal.code for refusal in found]


def test_what_costs_nothing_is_never_refused() -> None:
    everything: dict[str, Any] = {
        "before": {"variables": ("other",), "paid": 500, "shown": 0},
        "limits": {"max_rows": 0},
    }
    assert asked(new=0, reused=900, unknown=7, **everything) == []


def test_new_and_retried_rows_count_against_the_cap() -> None:
    assert codes(asked(new=1_500, retried=501, limits={"max_rows": 2_000})) == ["over_max_rows"]
    assert asked(new=1_500, retried=500, reused=9_000, limits={"max_rows": 2_000}) == []
    assert asked(new=90_000) == []
    assert codes(asked(new=1, limits={"max_rows": 0, "again": True})) == ["over_max_rows"]
    refusal = asked(new=2_001, limits={"max_rows": 2_000})[0]
    assert (refusal.hint, refusal.exit_code) == ("--max-rows 2001", 7)


def test_what_another_memory_paid_stops_it() -> None:
    assert codes(asked(new=3, unknown=1)) == ["unknown_results"]
    assert codes(asked(new=3, unknown=1, limits={"accepts_changes": True})) == ["unknown_results"]


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (("first_name",), "with company"),
        (("first_name", "company", "plan"), "without plan"),
        (("first_name", "firm"), "without firm and with company"),
        (("company", "first_name"), ""),
        (None, ""),
    ],
)
def test_another_set_of_variables_is_named(last: tuple[str, ...] | None, words: str) -> None:
    found = asked(new=1, before={"variables": last})
    assert codes(found) == (["variables_changed"] if words else [])
    assert all(words in refusal.message for refusal in found)
    for word in ("accepts_changes", "again"):
        assert asked(new=1, before={"variables": last}, limits={word: True}) == []


@pytest.mark.parametrize(
    ("new", "paid", "kept", "is_refused"),
    [
        (21, 100, 79, True),
        (20, 100, 80, False),  # not more than twenty
        (21, 105, 84, False),  # not more than a fifth
        (22, 105, 83, True),
        (500, 100, 100, False),  # appended: everything that was paid is kept
        (500, 100, 95, False),  # appended, and five edited
        (30, 100, 10, True),  # what is gone from the file costs nothing; thirty are new
        (0, 100, 0, False),
    ],
)
def test_many_rows_rendered_anew_are_asked_about(new: int, paid: int, kept: int, is_refused: bool) -> None:
    found = asked(new=new, before={"variables": VARIABLES, "paid": paid, "shown": kept})
    assert codes(found) == (["variables_changed"] if is_refused else [])


def test_refusals_come_in_the_order_to_ask() -> None:
    found = asked(new=50, unknown=2, before={"variables": ("x",)}, limits={"max_rows": 1})
    assert codes(found) == ["unknown_results", "over_max_rows", "variables_changed"]
