"""What waiting may cost and how late it may be, against a simulated service under virtual time."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest

from bhuman_cli.runs.polling.schedule import Schedule, ScheduleOptions
from tests.benchmarks import polling
from tests.benchmarks import polling_cases as cases
from tests.benchmarks import polling_policies as policies
from tests.benchmarks.polling_service import Case, Wire, each, finish_times, play


@pytest.mark.parametrize("case", cases.BRISK, ids=lambda case: case.name)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_brisk_queue(case: Case, seed: int) -> None:
    figures = cases.frontier(case, seed).figures()
    assert figures["polls/video"] <= 1.6
    assert figures["p50"] <= 1.5 * case.interval_s
    assert figures["worst"] <= 6 * case.interval_s


@pytest.mark.parametrize("case", [cases.SLOW, cases.SLOW_EXACT], ids=lambda case: case.name)
def test_slow_queue(case: Case) -> None:
    figures = each(lambda seed: cases.frontier(case, seed), seeds=3)
    assert figures["polls/video"] <= 1.7
    assert figures["mean"] <= 45
    assert figures["p95"] <= 110


def test_shuffled_queue_is_not_taken_for_random_and_stays_cheap() -> None:
    assert each(lambda seed: cases.frontier(cases.SHUFFLED, seed), seeds=3)["polls/video"] <= 2.5


@pytest.mark.parametrize(
    ("case", "polls", "p95"),
    [(cases.FAIR, 1.8, 130), (cases.ONE_BY_ONE, 1.9, 130), (cases.OUTAGE, 1.8, 130), (cases.FAILING, 1.8, 110)],
    ids=lambda value: value.name if isinstance(value, Case) else "",
)
def test_queues_that_are_not_the_plain_one(case: Case, polls: float, p95: float) -> None:
    figures = cases.frontier(case, 0).figures()
    assert figures["polls/video"] <= polls
    assert figures["p95"] <= p95


def test_restart_in_the_middle_costs_next_to_nothing() -> None:
    figures = cases.restarted(cases.SLOW, 0, stop=3_000.0, go=3_000.5).figures()
    assert figures["polls/video"] <= 1.75
    assert figures["p95"] <= 110


def test_with_callbacks_hardly_anything_is_asked_beside_them() -> None:
    done = finish_times(cases.SLOW, 0)
    hinted = policies.Hinted(cases.schedule_of(cases.SLOW, 0), done, random.Random(0))
    figures = play(hinted, done, Wire()).figures()
    assert figures["polls/video"] <= 1.25
    assert figures["mean"] <= 8
    assert figures["worst"] <= 300


def test_random_order_is_no_later_than_asking_in_turn_at_the_same_rate() -> None:
    ours = each(lambda seed: cases.frontier(cases.RANDOM, seed), seeds=2)
    in_turn = each(polling.same_rate(cases.RANDOM), seeds=2)
    assert ours["polls/video"] <= 1.02 * in_turn["polls/video"]
    assert ours["mean"] <= in_turn["mean"]


def test_a_restart_after_everything_finished_asks_each_video_once() -> None:
    case = cases.SLOW
    after = [t for t in cases.restarted(case, 0, stop=3_000.0, go=50_000.0).asked_at if t >= 50_000]
    left = sum(done > 3_000 for done in finish_times(case, 0))
    assert len(after) <= 1.15 * left + 10
    assert max(after) - 50_000 <= 1.5 * left / Wire().per_second + 60


@pytest.mark.parametrize("case", [*cases.BRISK, cases.WIDE, cases.SLOW, cases.SHUFFLED, cases.FAIR])
def test_a_queue_that_is_roughly_in_order_is_never_called_out_of_order(case: Case) -> None:
    schedule = cases.schedule_of(case, 0)
    play(schedule, finish_times(case, 0), Wire())
    assert schedule.notices() == []


def test_fifty_thousand_ids_take_no_scan_per_call() -> None:
    """A scan of what is outstanding for each of the 50,000 answers would take minutes: the test's time limit."""
    schedule = Schedule(ScheduleOptions(), random.Random(1))
    for key in range(50_000):
        schedule.add(key, chunk=key // 2_000, place=key % 2_000, now=0.0)
    now, polls = 0.0, 0
    while schedule.remaining and polls < 120_000:
        keys = schedule.due(now, 32)
        polls += len(keys)
        for key in keys:
            schedule.answered(key, now, finished=True)
        now = now + 0.01 if keys else schedule.wake_at(now)
    assert schedule.remaining == 0
    assert polls == 50_000
    assert now < 600


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_time_goes_on_and_everything_ends(seed: int) -> None:
    """With nothing in flight `due` gives something or `wake_at` lies ahead; none is asked twice at once; all end."""
    rng = random.Random(seed)
    schedule = Schedule(ScheduleOptions(interval_s=rng.choice([0.5, 10.0])), random.Random(seed))
    count, waiting, flying, now = rng.randrange(1, 400), set[int](), set[int](), 0.0
    chunks = rng.choice([1, 3, 40])
    for key in range(count):
        schedule.add(key, chunk=key % chunks, place=key, now=now)
        waiting.add(key)
    turns = 0
    while waiting:
        turns += 1
        assert turns < 60_000
        keys = schedule.due(now, rng.randrange(1, 6))
        assert not flying & set(keys)
        assert set(keys) <= waiting
        flying |= set(keys)
        if not flying:
            wake_at = schedule.wake_at(now)
            assert now < wake_at < math.inf
            now = wake_at
            continue
        now += rng.random()
        for key in rng.sample(sorted(flying), rng.randrange(1, len(flying) + 1)):
            flying.discard(key)
            fate = rng.random()
            if fate < 0.1:
                schedule.failed(key, now)
            else:
                finished = rng.random() < 0.4
                schedule.answered(key, now, finished=finished)
                waiting -= {key} if finished else set()
        if waiting and rng.random() < 0.05:
            victim = rng.choice(sorted(waiting))
            waiting.discard(victim)
            flying.discard(victim)
            schedule.drop(victim)
        if waiting and rng.random() < 0.05:
            schedule.hint(rng.choice(sorted(waiting)), now)
    assert schedule.wake_at(now) == math.inf
    assert schedule.remaining == 0


def test_requests_are_not_bunched_more_than_the_wire_allows() -> None:
    asked = cases.frontier(cases.SLOW, 0).asked_at
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert statistics.fmean(gaps) >= 1.0
