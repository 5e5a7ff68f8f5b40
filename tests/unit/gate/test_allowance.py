"""Takes, budgets and the days they count in."""

from __future__ import annotations

import time
import zoneinfo
from datetime import UTC, datetime

import pytest

from bhuman_cli.gate import allowance
from bhuman_cli.gate.allowance import Budget, Spent, Take

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "take"), [("10", Take(videos=10, is_daily=False)), ("10/day", Take(videos=10, is_daily=True))]
)
def test_takes(text: str, take: Take) -> None:
    assert allowance.read_take(text) == take


@pytest.mark.parametrize("text", ["", "0", "ten", "/day", "10/week", "-3", "1.5"])
def test_what_is_no_take(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        allowance.read_take(text)


def test_a_day_is_that_of_the_time_zone() -> None:
    now = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # after midnight in Berlin, the night the clocks go forward
    assert allowance.day_start(now, BERLIN) == datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    assert allowance.next_day(now, BERLIN) == datetime(2026, 3, 29, 22, 0, tzinfo=UTC), "a day of 23 hours"
    assert allowance.month_start(now, BERLIN) == datetime(2026, 2, 28, 23, 0, tzinfo=UTC)
    assert allowance.next_month(datetime(2026, 12, 9, tzinfo=UTC), UTC) == datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="Nowhere"):
        allowance.zone("Nowhere/Land")


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process can't be changed here")
def test_without_a_name_a_day_is_this_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XST-5:30")
    time.tzset()
    try:
        midnight = allowance.day_start(datetime(2026, 3, 28, 20, tzinfo=UTC), allowance.zone(None))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert midnight == datetime(2026, 3, 28, 18, 30, tzinfo=UTC)


def test_the_narrowest_budget_holds_and_says_when_it_frees() -> None:
    now = datetime(2026, 11, 29, 9, tzinfo=UTC)
    wide = Budget(name="budget", per_day=100, per_month=1_000)
    narrow = Budget(name="budget of campaign 1234", per_month=50)
    found = allowance.room([(wide, Spent(today=10, this_month=10)), (narrow, Spent(today=0, this_month=45))], now, UTC)
    assert found is not None
    assert (found.videos, found.budget, found.frees_at) == (5, narrow, datetime(2026, 12, 1, tzinfo=UTC))
    said = allowance.says(found, 9)
    assert "campaign 1234 leaves 5" in said
    assert "2026-12-01 00:00" in said
    assert allowance.room([], now, UTC) is None
