"""The pace of GETs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bhuman_cli.api import limiter
from bhuman_cli.api.limiter import Limiter
from tests.support.clocks import HeldClock


def starts(pace: Limiter, clock: HeldClock, count: int) -> list[float]:
    times = []
    for _ in range(count):
        with pace.slot():
            times.append(round(clock.monotonic_s(), 3))
    return times


def test_requests_are_spread_not_bundled() -> None:
    clock = HeldClock()
    assert starts(Limiter(clock, rate_per_s=10), clock, 4) == [0.0, 0.1, 0.2, 0.3]


def test_an_idle_time_is_not_saved_up_for_a_burst() -> None:
    clock = HeldClock()
    pace = Limiter(clock, rate_per_s=10)
    starts(pace, clock, 1)
    clock.pass_s(60)
    assert starts(pace, clock, 3) == [60.0, 60.1, 60.2]


def test_too_fast_halves_and_good_answers_give_it_back() -> None:
    clock = HeldClock()
    pace = Limiter(clock, rate_per_s=10)
    pace.note_too_fast(0)
    assert pace.rate_per_s == 5
    for _ in range(24):
        pace.note_success()
    assert pace.rate_per_s == pytest.approx(9.8)
    for _ in range(24):
        pace.note_success()
    assert pace.rate_per_s == 10


def test_refusals_that_come_together_count_once() -> None:
    clock = HeldClock()
    pace = Limiter(clock, rate_per_s=8)
    for _ in range(4):
        pace.note_too_fast(0)
    assert pace.rate_per_s == 4
    clock.pass_s(1)
    pace.note_too_fast(0)
    assert pace.rate_per_s == 2


def test_the_pace_never_becomes_nothing() -> None:
    clock = HeldClock()
    pace = Limiter(clock, rate_per_s=10)
    for _ in range(50):
        pace.note_too_fast(0)
        clock.pass_s(1)
    assert pace.rate_per_s == pytest.approx(0.1)


def test_a_pause_holds_everybody_even_without_a_limit() -> None:
    clock = HeldClock()
    pace = Limiter(clock, rate_per_s=None)
    pace.note_too_fast(30)
    assert starts(pace, clock, 3) == [30.0, 30.0, 30.0]
    pace.note_success()
    assert pace.rate_per_s is None


def test_a_shorter_pause_does_not_shorten_a_longer_one() -> None:
    clock = HeldClock()
    pace = Limiter(clock, rate_per_s=10)
    pace.note_too_fast(30)
    pace.note_too_fast(1)
    assert starts(pace, clock, 1) == [30.0]


def test_no_more_than_so_many_at_once() -> None:
    pace = Limiter(HeldClock(), rate_per_s=None, in_flight=3)
    inside, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(3, timeout=10)

    def ask(_: int) -> None:
        nonlocal inside, most
        with pace.slot():
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait()  # passes only when three are inside together
            with lock:
                inside -= 1

    with ThreadPoolExecutor(9) as pool:
        list(pool.map(ask, range(9)))
    assert most == 3


def test_a_real_service_is_treated_with_care_and_loopback_is_not() -> None:
    real = limiter.for_service(HeldClock(), is_loopback=False)
    assert (real.rate_per_s, real.in_flight) == (10, 4)
    assert limiter.for_service(HeldClock(), is_loopback=False, rate_per_s=2).rate_per_s == 2
    assert limiter.for_service(HeldClock(), is_loopback=True).rate_per_s is None
