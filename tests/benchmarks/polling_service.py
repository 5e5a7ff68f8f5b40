"""A service that renders a queue under virtual time, and a poller with latency and a cap in flight. No real clock."""

from __future__ import annotations

import heapq
import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

NEVER = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A queue. service_s: median time of one video, spread log-normally; order: how the service picks videos."""

    name: str
    videos: int
    workers: int
    service_s: float
    sigma: float = 0.35
    chunks: int = 1
    order: str = "fifo"
    shuffle: float = 0.0
    fail_share: float = 0.0
    slow_share: float = 0.0
    slow_times: float = 8.0
    outage: tuple[float, float] = (NEVER, NEVER)
    interval_s: float = 10.0


def chunk_of(case: Case, video: int) -> int:
    return video // math.ceil(case.videos / case.chunks)


def _order(case: Case, rng: random.Random) -> list[int]:
    videos = list(range(case.videos))
    if case.order == "random":
        rng.shuffle(videos)
    elif case.order == "fair":
        per = math.ceil(case.videos / case.chunks)
        videos.sort(key=lambda video: (video % per, video // per))
    elif case.order == "local":
        places = {video: video + rng.gauss(0, case.shuffle) for video in videos}
        videos.sort(key=places.__getitem__)
    return videos


def finish_times(case: Case, seed: int) -> list[float]:
    """When each video is finished: workers take the next one as they become free."""
    rng = random.Random(seed)
    free = [0.0] * case.workers
    done = [0.0] * case.videos
    stop, go = case.outage
    for video in _order(case, rng):
        start = heapq.heappop(free)
        start = go if stop <= start < go else start
        takes = rng.lognormvariate(math.log(case.service_s), case.sigma)
        takes *= case.slow_times if rng.random() < case.slow_share else 1.0
        takes *= 0.2 if rng.random() < case.fail_share else 1.0
        done[video] = start + takes
        if start < stop < done[video]:
            done[video] += go - stop
        heapq.heappush(free, done[video])
    return done


class Policy(Protocol):
    """What a poller asks: who is due, and what it was told. The signatures are those of `runs.schedule`."""

    def due(self, now: float, limit: int) -> list[int]: ...
    def answered(self, key: int, now: float, *, finished: bool) -> None: ...
    def wake_at(self, now: float) -> float: ...


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a policy cost, and how late each video was noticed."""

    polls: int
    late_s: list[float]
    asked_at: list[float]
    noticed: list[int]

    @property
    def polls_per_video(self) -> float:
        return self.polls / len(self.late_s)

    @property
    def mean_s(self) -> float:
        return statistics.fmean(self.late_s)

    def quantile_s(self, share: float) -> float:
        ordered = sorted(self.late_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def figures(self) -> dict[str, float]:
        return {
            "polls/video": self.polls_per_video,
            "mean": self.mean_s,
            "p50": self.quantile_s(0.5),
            "p95": self.quantile_s(0.95),
            "worst": max(self.late_s),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """The way to the service: seconds for one GET, how many at once, how many a second."""

    latency_s: float = 0.1
    at_once: int = 4
    per_second: float = 10.0


def play(policy: Policy, done: Sequence[float], wire: Wire, *, start: float = 0.0, until: float = NEVER) -> Outcome:
    """Run a policy to the end (or `until`) and measure it; keys are the indices of `done`."""
    now, free_at = start, start
    flying: list[tuple[float, float, int]] = []
    outcome = Outcome(polls=0, late_s=[], asked_at=[], noticed=[])
    while now < until:
        room = wire.at_once - len(flying)
        for key in policy.due(now, room) if room else []:
            sent = max(now, free_at)
            free_at = sent + 1 / wire.per_second
            heapq.heappush(flying, (sent + wire.latency_s, sent + wire.latency_s / 2, key))
            outcome.polls += 1
            outcome.asked_at.append(sent)
        if flying:
            now, seen_at, key = heapq.heappop(flying)
            finished = done[key] <= seen_at
            if finished:
                outcome.late_s.append(now - done[key])
                outcome.noticed.append(key)
            policy.answered(key, now, finished=finished)
            continue
        wake_at = policy.wake_at(now)
        if wake_at == NEVER:
            return outcome
        now = max(now + 1e-6, wake_at)
    return outcome


def each(make: Callable[[int], Outcome], seeds: int) -> dict[str, float]:
    """Return the medians of the figures over several seeds, and the worst of `worst`."""
    runs = [make(seed).figures() for seed in range(seeds)]
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return {**figures, "worst": max(run["worst"] for run in runs)}
