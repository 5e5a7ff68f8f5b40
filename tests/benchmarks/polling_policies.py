"""The ways of waiting that ours is measured beside: small, known, and each as good as it gets. Virtual time only."""

from __future__ import annotations

import heapq
import math
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from bhuman_cli.runs.polling.schedule import Schedule
from tests.benchmarks.polling_service import NEVER, Case, Outcome, chunk_of


class EveryId:
    """Ask each id every so often; with `factor` above 1, less and less often."""

    def __init__(self, case: Case, rng: random.Random, *, factor: float = 1.0, longest_s: float = 300.0) -> None:
        self._rng, self._factor, self._longest_s = rng, factor, longest_s
        self._wait_s = dict.fromkeys(range(case.videos), case.interval_s)
        self._due = [(case.interval_s * (1 + rng.random()), video) for video in range(case.videos)]
        heapq.heapify(self._due)

    def due(self, now: float, limit: int) -> list[int]:
        keys: list[int] = []
        while self._due and self._due[0][0] <= now and len(keys) < limit:
            keys.append(heapq.heappop(self._due)[1])
        return keys

    def answered(self, key: int, now: float, *, finished: bool) -> None:
        if not finished:
            wait_s = self._wait_s[key] = min(self._longest_s, self._wait_s[key] * self._factor)
            heapq.heappush(self._due, (now + wait_s, key))

    def wake_at(self, now: float) -> float:
        return max(now, self._due[0][0]) if self._due else NEVER


class InTurn:
    """Ask all outstanding ids in turn, at a constant rate."""

    def __init__(self, case: Case, *, per_second: float) -> None:
        self._turn = deque(range(case.videos))
        self._flying = 0
        self._every_s = 1 / per_second
        self._next_at = case.interval_s

    def due(self, now: float, limit: int) -> list[int]:
        if not self._turn or now < self._next_at or limit < 1:
            return []
        self._next_at = max(self._next_at, now - 1) + self._every_s
        self._flying += 1
        return [self._turn.popleft()]

    def answered(self, key: int, now: float, *, finished: bool) -> None:
        self._flying -= 1
        if not finished:
            self._turn.append(key)

    def wake_at(self, now: float) -> float:
        return max(now, self._next_at) if self._turn else NEVER


class PlainFrontier:
    """The frontier as first thought of: late ids back off one by one, then the next few ids ahead of the front."""

    def __init__(self, case: Case, rng: random.Random, *, ahead: int = 4, share: float = 0.5) -> None:
        self._case, self._rng, self._ahead, self._share = case, rng, ahead, share
        chunks = range(case.chunks)
        self._left = [[v for v in range(case.videos) if chunk_of(case, v) == chunk] for chunk in chunks]
        self._front = [left[0] - 1 for left in self._left]
        self._wait_s: dict[int, float] = {}
        self._due: dict[int, float] = {}
        self._agenda: deque[int] = deque()
        self._planned: set[int] = set()
        self._flying = 0
        self._hits: deque[float] = deque(maxlen=400)
        self._pass_at = 1.5 * case.interval_s

    def due(self, now: float, limit: int) -> list[int]:
        if not self._agenda and not self._flying and now >= self._pass_at:
            self._planned.clear()
            for chunk in range(self._case.chunks):
                self._plan(self._late(chunk, now) + self._next(chunk))
            self._pass_at = now + self._pause_s(now)
        keys = [self._agenda.popleft() for _ in range(min(limit, len(self._agenda)))]
        self._flying += len(keys)
        return keys

    def _plan(self, videos: list[int]) -> None:
        fresh = [video for video in videos if video not in self._planned]
        self._planned.update(fresh)
        self._agenda.extend(fresh)

    def _late(self, chunk: int, now: float) -> list[int]:
        behind = self._left[chunk][: bisect_left(self._left[chunk], self._front[chunk] + 1)]
        return [video for video in behind if self._due.get(video, 0.0) <= now]

    def _next(self, chunk: int) -> list[int]:
        first = bisect_left(self._left[chunk], self._front[chunk] + 1)
        return self._left[chunk][first : first + self._ahead]

    def _pause_s(self, now: float) -> float:
        window = max(12 * self._case.interval_s, 1.0)
        rate = sum(hit > now - window for hit in self._hits) / min(window, now)
        longest = 6 * self._case.interval_s
        wanted = (self._ahead + 0.3) / (self._share * rate) if rate else longest
        return max(self._case.interval_s, min(longest, wanted)) * self._rng.uniform(0.9, 1.1)

    def answered(self, key: int, now: float, *, finished: bool) -> None:
        self._flying -= 1
        chunk = chunk_of(self._case, key)
        if not finished:
            wait_s = self._wait_s[key] = min(300.0, self._wait_s.get(key, self._case.interval_s / 1.5) * 1.5)
            self._due[key] = now + wait_s
            return
        self._hits.append(now)
        self._left[chunk].pop(bisect_left(self._left[chunk], key))
        if key > self._front[chunk]:
            self._front[chunk] = key
            self._plan(self._next(chunk))

    def wake_at(self, now: float) -> float:
        return max(now, self._pass_at) if any(self._left) else NEVER


class Hinted:
    """The schedule, with callbacks as hints: each a few seconds late, some lost."""

    def __init__(self, schedule: Schedule, done: Sequence[float], rng: random.Random, *, lost: float = 0.02) -> None:
        self._schedule = schedule
        self._calls = [(at + rng.expovariate(1 / 3), key) for key, at in enumerate(done) if rng.random() >= lost]
        heapq.heapify(self._calls)

    def due(self, now: float, limit: int) -> list[int]:
        while self._calls and self._calls[0][0] <= now:
            self._schedule.hint(heapq.heappop(self._calls)[1], now)
        return self._schedule.due(now, limit)

    def answered(self, key: int, now: float, *, finished: bool) -> None:
        self._schedule.answered(key, now, finished=finished)

    def wake_at(self, now: float) -> float:
        wake_at = self._schedule.wake_at(now)
        return max(now, min(wake_at, self._calls[0][0])) if self._calls and wake_at < NEVER else wake_at


def list_pages(done: Sequence[float], *, every_s: float = 60.0, size: int = 100) -> Outcome:
    """Read all pages of the list that still hold unfinished videos, every so often: one request a page."""
    outcome = Outcome(polls=0, late_s=[], asked_at=[], noticed=[])
    pages = [set(range(first, min(first + size, len(done)))) for first in range(0, len(done), size)]
    now = every_s
    while any(pages):
        for page in filter(None, pages):
            ready = {video for video in page if done[video] <= now}
            outcome.late_s += [now - done[video] for video in ready]
            outcome.polls += 1
            page.difference_update(ready)
        now = math.floor(now / every_s + 1) * every_s
    return outcome
