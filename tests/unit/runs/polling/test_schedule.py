"""The schedule's rules one by one, under a time that the tests hold; its figures are in test_schedule_figures."""

from __future__ import annotations

import math
import random

import pytest

from bhuman_cli.runs.polling.schedule import Schedule, ScheduleOptions


def make(count: int, *, chunk: int = 0, **options: float) -> Schedule:
    schedule = Schedule(ScheduleOptions(**options), random.Random(1))  # type: ignore[arg-type]
    for key in range(count):
        schedule.add(key, chunk=chunk, place=key, now=0.0)
    return schedule


def asked(schedule: Schedule, now: float, limit: int = 100) -> list[int]:
    return sorted(schedule.due(now, limit))


def test_nothing_outstanding_never_wakes() -> None:
    schedule = make(0)
    assert schedule.wake_at(5.0) == math.inf
    assert schedule.due(5.0, 4) == []
    assert schedule.remaining == 0


def test_a_few_rows_are_each_asked_every_interval() -> None:
    schedule = make(10)
    assert asked(schedule, 5.0) == []
    for now in (10.0, 20.5, 31.0):
        assert asked(schedule, now) == list(range(10))
        for key in range(10):
            schedule.answered(key, now, finished=False)
        assert asked(schedule, now + 9.0) == []
        assert now + 9.0 < schedule.wake_at(now) <= now + 10.0


def test_local_runs_ask_within_half_a_second() -> None:
    assert make(3, interval_s=0.5).wake_at(0.0) <= 0.5
    assert make(300, interval_s=0.5).wake_at(0.0) <= 0.5


@pytest.mark.parametrize("count", [3, 300])
def test_an_id_in_flight_is_not_asked_again(count: int) -> None:
    schedule = make(count)
    first = asked(schedule, 10.0)
    assert first
    assert not set(first) & set(asked(schedule, 1_000.0))


def test_limit_is_kept_and_the_rest_follows() -> None:
    schedule = make(9)
    parts = [schedule.due(10.0, 4) for _ in range(4)]
    assert [len(part) for part in parts] == [4, 4, 1, 0]
    assert sorted(key for part in parts for key in part) == list(range(9))
    assert make(9).due(10.0, 0) == []


def test_keys_that_are_zero_or_negative_are_keys() -> None:
    schedule = Schedule(ScheduleOptions(), random.Random(1))
    for key in (0, -5):
        schedule.add(key, chunk=0, place=key, now=0.0)
    assert asked(schedule, 10.0) == [-5, 0]


def test_a_hint_is_asked_at_once_and_once() -> None:
    schedule = make(500)
    schedule.due(10.0, 100)
    schedule.hint(321, 11.0)
    schedule.hint(321, 11.0)
    assert schedule.wake_at(11.0) == 11.0
    assert schedule.due(11.0, 100) == [321]


def test_a_hint_for_an_unknown_id_is_ignored() -> None:
    schedule = make(2)
    schedule.hint(77, 1.0)
    assert schedule.due(1.0, 9) == []


def test_a_hinted_id_that_was_not_ready_is_asked_again() -> None:
    schedule = make(500)
    schedule.hint(321, 1.0)
    schedule.due(1.0, 1)
    schedule.answered(321, 1.1, finished=False)
    assert 321 in asked(schedule, 30.0, 500)


def test_dropped_ids_are_never_asked_and_late_answers_change_nothing() -> None:
    schedule = make(5)
    assert asked(schedule, 10.0) == [0, 1, 2, 3, 4]
    schedule.drop(2)
    schedule.drop(2)
    schedule.answered(2, 11.0, finished=False)
    schedule.failed(2, 11.0)
    for key in (0, 1, 3, 4):
        schedule.answered(key, 11.0, finished=False)
    assert schedule.remaining == 4
    assert asked(schedule, 40.0) == [0, 1, 3, 4]


def test_dropping_before_the_first_pass_is_possible() -> None:
    schedule = make(3)
    for key in range(3):
        schedule.drop(key)
    assert schedule.remaining == 0
    assert schedule.wake_at(1.0) == math.inf


def test_a_failed_request_comes_back_later_and_later_up_to_six_intervals() -> None:
    schedule = make(1)
    now, gaps = 10.0, list[float]()
    for _ in range(6):
        assert schedule.due(now, 1) == [0]
        schedule.failed(0, now)
        gaps.append(schedule.wake_at(now) - now)
        now = schedule.wake_at(now)
    assert 9 <= gaps[0] <= 11
    assert 18 <= gaps[1] <= 22
    assert gaps[-1] <= 66
    schedule.due(now, 1)
    schedule.answered(0, now, finished=False)
    assert schedule.wake_at(now) - now <= 10


def test_a_run_of_finished_videos_costs_one_request_each() -> None:
    schedule = make(200, few=10)
    now, polls = 10.0, 0
    while polls < 60:
        keys = schedule.due(now, 4)
        polls += len(keys)
        for key in keys:
            schedule.answered(key, now, finished=True)
        now = now + 0.1 if keys else schedule.wake_at(now)
    assert 200 - schedule.remaining == polls
    assert now < 20.0


def test_added_twice_is_outstanding_once() -> None:
    schedule = make(3)
    schedule.add(1, chunk=0, place=1, now=3.0)
    assert schedule.remaining == 3
    assert asked(schedule, 20.0) == [0, 1, 2]


def test_restart_asks_first_what_the_front_has_passed() -> None:
    schedule = Schedule(ScheduleOptions(), random.Random(1))
    for key in [5, 17, *range(40, 400)]:
        schedule.add(key, chunk=7, place=key, now=0.0)
    schedule.seen_finished(7, 12)
    schedule.seen_finished(7, 39)
    schedule.seen_finished(7, 20)
    first = schedule.due(10.0, 2)
    assert sorted(first) == [5, 17]


def test_a_queue_that_is_quiet_is_still_asked_at_least_every_six_intervals() -> None:
    schedule = make(1_000)
    now, polls, gaps, last = 0.0, 0, [], 0.0
    while now < 7_200:
        now = schedule.wake_at(now)
        while keys := schedule.due(now, 4):
            gaps.append(now - last)
            last = now
            polls += len(keys)
            for key in keys:
                schedule.answered(key, now, finished=False)
    assert max(gaps) <= 66
    assert polls < 2 * 7_200 / 60 + 100


def test_random_order_is_noticed_and_said_once() -> None:
    schedule = make(400)
    rng = random.Random(3)
    finished = set(rng.sample(range(400), 120))
    now = 0.0
    said: list[str] = []
    for _ in range(400):
        now = max(now + 0.01, schedule.wake_at(now))
        for key in schedule.due(now, 8):
            schedule.answered(key, now, finished=key in finished)
        said += schedule.notices()
    assert len(said) == 1
    assert "order" in said[0]
    assert schedule.remaining <= 290


def test_a_late_id_is_named_after_the_age_limit_and_until_it_ends() -> None:
    schedule = make(50, stuck_s=600.0)
    now = 0.0
    while now < 4_000:
        now = max(now + 0.01, schedule.wake_at(now))
        for key in schedule.due(now, 4):
            schedule.answered(key, now, finished=key != 13)
        if now < 600:
            assert schedule.stuck() == []
    assert schedule.stuck() == [13]
    assert schedule.remaining == 1
    said = schedule.notices()
    assert len(said) == 1
    assert "1 video" in said[0]
    schedule.drop(13)
    assert schedule.stuck() == []


def test_small_chunks_share_a_queue_so_that_fifty_of_them_are_not_asked_one_by_one() -> None:
    schedule = Schedule(ScheduleOptions(), random.Random(1))
    for key in range(500):
        schedule.add(key, chunk=key // 10, place=key % 10, now=0.0)
    assert len(schedule.due(10.0, 500)) <= 8


def test_chunks_that_were_added_out_of_order_are_asked_in_the_order_of_their_places() -> None:
    schedule = Schedule(ScheduleOptions(), random.Random(1))
    for place in random.Random(2).sample(range(300), 300):
        schedule.add(1_000 + place, chunk=0, place=place, now=0.0)
    front: list[int] = []
    now = 10.0
    while len(front) < 20:
        for key in schedule.due(now, 1):
            front.append(key)
            schedule.answered(key, now, finished=key < 1_100)
        now += 0.1
    near = [key for key in front if key < 1_200]
    assert near == sorted(near)
    assert near[0] == 1_000


def test_after_a_list_finished_most_the_rest_is_asked_as_if_it_had_been_asked_one_by_one() -> None:
    schedule = make(1_000)
    for key in range(700):
        schedule.drop(key, 10.0 + key)
    now, polls = 710.0, 0
    while now < 730.0:
        keys = schedule.due(now, 4)
        polls += len(keys)
        for key in keys:
            schedule.answered(key, now, finished=False)
        now = now + 0.1 if keys else max(now + 0.1, schedule.wake_at(now))
    assert polls <= 60


def test_small_requests_are_all_asked_when_they_are_no_longer_few() -> None:
    """At most four at once: each request follows the end of the one before, beyond ten they are a queue."""
    asking = Schedule(ScheduleOptions(interval_s=1.0), random.Random(7))
    now, asked = 0.0, dict.fromkeys(range(40), 0)
    for chunk in range(10):
        for place in range(4):
            asking.add(4 * chunk + place, chunk=chunk, place=place, now=now)
        while asking.remaining:
            assert now < 10_000
            for key in asking.due(now, 4):
                asked[key] += 1
                asking.answered(key, now, finished=asked[key] > 1)
            now = max(now + 0.01, min(asking.wake_at(now), now + 60))
