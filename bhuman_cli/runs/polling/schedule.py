"""Schedule of polls: hints first, then each queue's front. Pure: no I/O, no clock of its own, no threads."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from dataclasses import dataclass
from typing import Final

from bhuman_cli import amounts
from bhuman_cli.runs.polling import forecast, poll_queue

SMALL_CHUNK: Final = 100
"""A chunk with fewer ids than this joins the queue before it: on its own it would be asked like a run of a few rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """How patient the schedule is.

    interval_s: `--poll-interval`, the shortest time between two passes, and between two asks of one id.
    few: up to so many rows: each id every interval.
    stuck_s: an id that is this late behind its neighbours is named.
    """

    interval_s: float = 10.0
    few: int = 10
    stuck_s: float = 1800.0

    @property
    def pace(self) -> forecast.Pace:
        """Return the times a queue lives by: a pass at least every 6 intervals, an id at least every 30."""
        return forecast.Pace(
            floor_s=self.interval_s,
            ceiling_s=6 * self.interval_s,
            longest_s=30 * self.interval_s,
            stuck_s=self.stuck_s,
        )


class Schedule:
    """Which outstanding ids are asked when. Keys are the caller's; one key is in flight at most once."""

    def __init__(self, options: ScheduleOptions, rng: random.Random) -> None:
        self._options, self._rng = options, rng
        self._now = -math.inf
        self._arrived: dict[int, list[tuple[int, int]]] = {}
        self._arrived_at = 0.0
        self._finished_place: dict[int, int] = {}
        self._lines: list[poll_queue.PollQueue] = []
        self._line_of: dict[int, int] = {}
        self._line_of_chunk: dict[int, int] = {}
        self._asleep: list[tuple[float, int]] = []
        self._awake: deque[int] = deque()
        self._hints: deque[int] = deque()
        self._flying: set[int] = set()
        self._failures: dict[int, int] = {}
        self._added = 0
        self._out_of_order = False
        self._notices: list[str] = []
        self._newly_stuck = 0

    @property
    def remaining(self) -> int:
        """Return how many ids are outstanding."""
        return len(self._line_of)

    def add(self, key: int, *, chunk: int, place: int, now: float) -> None:
        """Take an outstanding id. Chunks are queues of their own, in the order they are added; place orders a chunk."""
        self._now = max(self._now, now)
        if key in self._line_of:
            return
        self._line_of[key] = -1
        if not self._arrived:
            self._arrived_at = now
        self._arrived.setdefault(chunk, []).append((place, key))
        self._added += 1

    def seen_finished(self, chunk: int, place: int) -> None:
        """Say how far a chunk's finished videos reach, as the journal knows it: what stands before is late."""
        self._finished_place[chunk] = max(place, self._finished_place.get(chunk, place))

    def drop(self, key: int, now: float | None = None) -> None:
        """Take an id out that is finished by other evidence: a list, a callback.

        now: when that was noticed; without it, the moment of the last call, which skews what is believed of the rate.
        """
        self._now = max(self._now, self._now if now is None else now)
        self._finish(key, self._now)

    def hint(self, key: int, now: float) -> None:
        """Ask this id next: something says that it changed."""
        self._now = max(self._now, now)
        if key in self._line_of:
            self._hints.append(key)

    def due(self, now: float, limit: int) -> list[int]:
        """Return the ids to ask now, at most `limit`; each is in flight until it is answered, failed or dropped."""
        self._now = max(self._now, now)
        self._gather()
        keys: list[int] = []
        while self._hints and len(keys) < limit:
            key = self._hints.popleft()
            if key in self._line_of and key not in self._flying:
                self._lines[self._line_of[key]].taken(key)
                self._flying.add(key)
                keys.append(key)
        while self._asleep and self._asleep[0][0] <= now:
            _, number = heapq.heappop(self._asleep)
            if number not in self._awake:
                self._awake.append(number)
        for _ in range(len(self._awake)):
            self._ask_line(self._awake.popleft(), keys, now, limit)
        return keys

    def _ask_line(self, number: int, keys: list[int], now: float, limit: int) -> None:
        line = self._lines[number]
        while len(keys) < limit:
            key = line.pick(now)
            if key is None:
                break
            self._flying.add(key)
            keys.append(key)
        if line.in_pass or len(keys) >= limit:
            self._awake.append(number)
        else:
            self._sleep(number)

    def _sleep(self, number: int) -> None:
        wake_at = self._lines[number].wake_at()
        if wake_at < math.inf:
            heapq.heappush(self._asleep, (wake_at, number))

    def answered(self, key: int, now: float, *, finished: bool) -> None:
        """Learn from an answer. Unknown keys are answers to what was dropped meanwhile."""
        self._now = max(self._now, now)
        self._failures.pop(key, None)
        if key not in self._line_of:
            return
        if finished:
            self._finish(key, now)
            return
        self._flying.discard(key)
        number = self._line_of[key]
        line = self._lines[number]
        stuck = len(line.stuck)
        line.missed(key, now)
        self._newly_stuck += len(line.stuck) - stuck
        self._after(number)

    def failed(self, key: int, now: float) -> None:
        """Put an id back whose request failed: later and later, and nothing is learned from it."""
        self._now = max(self._now, now)
        if key not in self._line_of:
            return
        self._flying.discard(key)
        times = self._failures[key] = self._failures.get(key, 0) + 1
        wait_s = min(self._options.interval_s * 2.0 ** min(times - 1, 10), self._options.pace.ceiling_s)
        number = self._line_of[key]
        self._lines[number].lost(key, now + wait_s * self._rng.uniform(0.9, 1.1))
        self._after(number)

    def _finish(self, key: int, now: float) -> None:
        self._failures.pop(key, None)
        number = self._line_of.get(key)
        if number is None:
            return
        if number < 0:
            self._gather()
            number = self._line_of[key]
        del self._line_of[key]
        self._flying.discard(key)
        line = self._lines[number]
        line.finished(key, now)
        line.dormant = False
        self._after(number)
        follower = number + 1
        if line.nearly_through and follower < len(self._lines) and self._lines[follower].dormant:
            self._lines[follower].dormant = False
            self._lines[follower].stir(now)
            self._sleep(follower)

    def _after(self, number: int) -> None:
        line = self._lines[number]
        if not line.in_order and not self._out_of_order:
            self._out_of_order = True
            self._notices.append(
                "videos do not finish in the order they were sent; each is now asked about on its own schedule"
            )
            for other in self._lines:
                other.go_out_of_order(self._now)
            self._asleep.clear()
            self._awake = deque(range(len(self._lines)))
        elif number not in self._awake:
            self._sleep(number)

    def wake_at(self, now: float) -> float:
        """Return the earliest moment `due` may return something; infinite when nothing is outstanding."""
        self._gather()
        if not self._line_of:
            return math.inf
        if self._hints:
            return now
        awake = min((self._lines[number].wake_at() for number in self._awake), default=math.inf)
        return max(now, min(awake, self._first_asleep()))

    def _first_asleep(self) -> float:
        while self._asleep:
            noted, number = self._asleep[0]
            actual = self._lines[number].wake_at()
            if actual <= noted:
                return noted
            heapq.heappop(self._asleep)
            self._sleep(number)
        return math.inf

    def notices(self) -> list[str]:
        """Return what a person should know and was not told yet."""
        told, self._notices = self._notices, []
        if self._newly_stuck:
            minutes = round(self._options.stuck_s / 60)
            videos = f"{amounts.show(self._newly_stuck, 'video')} {amounts.plural(self._newly_stuck, 'is', 'are')}"
            told.append(f"{videos} not finished {minutes} min after the videos sent later; the others go on")
            self._newly_stuck = 0
        return told

    def stuck(self) -> list[int]:
        """Return the outstanding ids that are late behind their neighbours beyond the age limit."""
        return sorted(key for line in self._lines for key in line.stuck)

    def _gather(self) -> None:
        if not self._arrived:
            return
        arrived, self._arrived, now = self._arrived, {}, self._arrived_at
        for chunk, places in arrived.items():
            number = self._line_for(chunk, len(places), now)
            furthest = self._finished_place.get(chunk, -1)
            places.sort()
            late = [key for place, key in places if place < furthest]
            line = self._lines[number]
            line.extend([key for _, key in places])
            line.take_late(late, now)
            for _, key in places:
                self._line_of[key] = number
            self._sleep(number)
        few = self._added <= self._options.few
        for number, line in enumerate(self._lines):
            was_few, line.few = line.few, few
            if few:
                line.ask_all(now)
            if few or was_few:  # what wakes it is another thing from now on
                self._sleep(number)

    def _line_for(self, chunk: int, size: int, now: float) -> int:
        number = self._line_of_chunk.get(chunk)
        if number is None and size < SMALL_CHUNK and self._lines:
            number = len(self._lines) - 1
        if number is None:
            resumed = chunk in self._finished_place
            line = poll_queue.PollQueue(self._options.pace, self._rng, now=now, resumed=resumed)
            line.dormant = bool(self._lines) and not resumed
            self._lines.append(line)
            number = len(self._lines) - 1
        self._line_of_chunk[chunk] = number
        return number
