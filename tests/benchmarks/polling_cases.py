"""The queues that polling is measured on, and the schedule under test as a policy."""

from __future__ import annotations

import random
from typing import Any

from bhuman_cli.runs.polling.schedule import Schedule, ScheduleOptions
from tests.benchmarks.polling_service import Case, Outcome, Wire, chunk_of, finish_times, play

_MEDIUM: dict[str, Any] = {"videos": 2_000, "workers": 20, "service_s": 90.0}

BRISK = tuple(
    Case(name=f"brisk, {videos:,} videos, {workers} workers", videos=videos, workers=workers, service_s=workers / 3)
    for videos in (600, 5_000)
    for workers in (3, 30)
)
SLOW = Case(name="slow, 2,000 videos, 20 workers, 90 s", **_MEDIUM)
SLOW_EXACT = Case(name="slow, every video exactly 90 s", **{**_MEDIUM, "sigma": 0.0})
SHUFFLED = Case(name="slow, shuffled by ±60 places", order="local", shuffle=60, **_MEDIUM)
RANDOM = Case(name="slow, random order", order="random", **_MEDIUM)
FAIR = Case(name="5 chunks in turn, 100 workers", videos=10_000, chunks=5, workers=100, service_s=120, order="fair")
ONE_BY_ONE = Case(name="slow, 5 chunks one after the other", chunks=5, **_MEDIUM)
OUTAGE = Case(name="slow, no work for 1 h", outage=(2_400, 6_000), **_MEDIUM)
FAILING = Case(name="slow, 3 % fail early", fail_share=0.03, **_MEDIUM)
TAIL = Case(name="slow, 2 % take 8 times as long", slow_share=0.02, **_MEDIUM)
SERIAL = Case(name="300 videos, 1 worker, 45 s", videos=300, workers=1, service_s=45)
WIDE = Case(name="brisk, 5,000 videos, 270 workers", videos=5_000, workers=270, service_s=90)
SMALL = Case(name="40 videos, 20 workers, 90 s", videos=40, workers=20, service_s=90)
FEW = Case(name="3 videos, 3 workers, 90 s", videos=3, workers=3, service_s=90)


def schedule_of(case: Case, seed: int, *, known: frozenset[int] = frozenset(), now: float = 0.0) -> Schedule:
    """Return a schedule over the videos not in `known`, as it is built from the journal alone."""
    schedule = Schedule(ScheduleOptions(interval_s=case.interval_s), random.Random(1_000 + seed))
    for video in range(case.videos):
        if video in known:
            schedule.seen_finished(chunk_of(case, video), video)
    for video in range(case.videos):
        if video not in known:
            schedule.add(video, chunk=chunk_of(case, video), place=video, now=now)
    return schedule


def frontier(case: Case, seed: int, wire: Wire | None = None) -> Outcome:
    """Measure the schedule on a case."""
    return play(schedule_of(case, seed), finish_times(case, seed), wire or Wire())


def restarted(case: Case, seed: int, *, stop: float, go: float) -> Outcome:
    """Measure the schedule when the process is away from `stop` to `go` and knows only what it had noticed."""
    done = finish_times(case, seed)
    before = play(schedule_of(case, seed), done, Wire(), until=stop)
    known = frozenset(before.noticed)
    after = play(schedule_of(case, seed, known=known, now=go), done, Wire(), start=go)
    return Outcome(
        polls=before.polls + after.polls,
        late_s=before.late_s + after.late_s,
        asked_at=before.asked_at + after.asked_at,
        noticed=before.noticed + after.noticed,
    )
