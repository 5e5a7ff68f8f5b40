"""Whether a saved plan fits what is here now, as a table of cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bhuman_cli.errors import UsageError
from bhuman_cli.gate import plan_file
from bhuman_cli.gate.plan_file import Here, SavedPlan

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)
TARGET = ("https://s", "campaign", "c1")
PLAN = SavedPlan(
    plan_id="p1", made_at=NOW, target=TARGET, journal="j1", again=False, retry_failed=False,
    identities=frozenset({b"a", b"b"}),
)  # fmt: skip
HERE = Here(now=NOW, target=TARGET, journal="j1", identities=[b"a", b"b", b"added"], is_used=False)


@pytest.mark.parametrize(
    ("plan", "here", "code"),
    [
        (PLAN, HERE, None),
        (replace(PLAN, journal=""), HERE, None),
        (PLAN, replace(HERE, target=("https://s", "campaign", "c2")), "plan_other_target"),
        (PLAN, replace(HERE, journal="j2"), "plan_other_journal"),
        (PLAN, replace(HERE, is_used=True), "plan_used"),
        (PLAN, replace(HERE, now=NOW + timedelta(days=7)), None),
        (PLAN, replace(HERE, now=NOW + timedelta(days=7, seconds=1)), "plan_expired"),
        (PLAN, replace(HERE, now=NOW + timedelta(hours=2), longest=timedelta(hours=1)), "plan_expired"),
        (PLAN, replace(HERE, now=NOW - timedelta(days=1)), "plan_expired"),
        (PLAN, replace(HERE, identities=[b"a"]), "plan_changed"),
    ],
)
def test_a_plan_fits_or_is_refused_by_name(plan: SavedPlan, here: Here, code: str | None) -> None:
    found = plan_file.misfit(plan, here)
    assert (found.code if found else None) == code


@pytest.mark.parametrize("document", [None, [], {}, {"schema": "bhuman.plan/2"}, {"schema": plan_file.SCHEMA}])
def test_what_is_no_plan(document: Any) -> None:
    with pytest.raises(UsageError, match="no plan"):
        plan_file.read(document, "x.json")
