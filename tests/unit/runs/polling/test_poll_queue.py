"""One queue on its own: when its passes begin, and what a waiting id costs."""

from __future__ import annotations

import random

from bhuman_cli.runs.polling import forecast, poll_budget, poll_queue

PACE = forecast.Pace(floor_s=10.0, ceiling_s=60.0, longest_s=300.0, stuck_s=1_800.0)


def line(count: int) -> poll_queue.PollQueue:
    made = poll_queue.PollQueue(PACE, random.Random(1), now=0.0, resumed=False)
    made.extend(list(range(count)))
    return made


def test_nothing_is_asked_before_the_first_pass() -> None:
    queue = line(100)
    assert 9.0 <= queue.wake_at() <= 10.0
    assert queue.pick(8.9) is None
    assert queue.pick(10.0) == 0


def test_an_unfinished_front_ends_the_pass_and_the_next_one_waits_an_interval() -> None:
    queue = line(100)
    assert queue.pick(10.0) == 0
    assert queue.pick(10.0) is None
    queue.missed(0, 10.1)
    assert queue.pick(10.1) is None
    assert 19.0 <= queue.wake_at() <= 70.0


def test_misses_empty_the_purse_and_time_and_finishes_fill_it() -> None:
    money = poll_budget.PollBudget(now=0.0, ceiling_s=60.0)
    money.grant(100)
    misses = 0
    while money.affords(0):
        money.spend()
        misses += 1
    assert misses == 23
    assert money.wait_s(0.0) == 120.0
    money.refill(60.0, 1.0)
    assert money.affords(0)
    money.refill(1e9, 1.0)
    assert money.fullness == 1.0
