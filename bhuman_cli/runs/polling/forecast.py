"""Forecast of how far the service has come in one queue, learned from answers. Pure: no I/O, no clock.

It must not know which ids are asked; `poll_queue` decides that from the forecast.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

MISSES_PER_VIDEO: Final = 0.55
"""What a video may cost beside the request that brings its URL, in a queue that keeps its order."""

MOST_MISSES: Final = 1.2
"""The same in a queue that is served very loosely in order."""

LIKELY_AGAIN: Final = 0.6
LEAN: Final = 0.7
RICH: Final = 1.5
NARROWEST: Final = 0.2
LEARN_MIDDLE: Final = 0.3
LEARN_SPREAD: Final = 0.05
LEARN_AGAIN: Final = 0.1
LEARN_FOUND: Final = 0.05
BACK_OFF: Final = 1.5
PASSES_REMEMBERED: Final = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The times a queue lives by, in seconds.

    floor_s: shortest time between two passes, and between two asks of one id. ceiling_s: longest time between passes.
    longest_s: longest time between two asks of one id. stuck_s: an id this late is named.
    """

    floor_s: float
    ceiling_s: float
    longest_s: float
    stuck_s: float


class Forecast:
    """What is believed of one queue.

    progress: finished videos seen, plus the finish rate times the time since one was last seen. An id at a place is
    finished with a probability that grows with `progress - place`: a logistic curve with a middle and a spread, both
    learned from first asks. How long to wait after a miss is learned from second asks.
    """

    def __init__(self, pace: Pace, *, now: float) -> None:
        self._pace = pace
        self.hits = 0
        self._hit_at = now
        self._marks: deque[tuple[float, int]] = deque([(now, 0)], maxlen=PASSES_REMEMBERED)
        self._middle, self._spread = 0.0, 1.0
        self._again_s = pace.floor_s
        self._boldness = 1.0
        self._found_share = 1.0
        self._recent: deque[bool] = deque(maxlen=20)

    def shift(self, places: int) -> None:
        """Move the curve: what is known beforehand of where the front stands."""
        self._middle += places

    def finished_one(self, now: float, *, told: bool) -> None:
        """Count a finished video. told: a callback or a list brought it, not a question of ours."""
        self._found_share += LEARN_FOUND * ((not told) - self._found_share)
        self.hits += 1
        self._hit_at = now

    def mark(self, now: float) -> None:
        """Remember how many were finished at the end of a pass; the rate is taken over the last dozen that saw any."""
        if self.hits > self._marks[-1][1]:
            self._marks.append((now, self.hits))

    def forget_rate(self, now: float) -> None:
        """Start measuring the rate anew: what was just seen finished during an absence."""
        self._marks.clear()
        self._marks.append((now, self.hits))

    def rate(self, now: float) -> float:
        """Return finished videos a second."""
        since, hits = self._marks[0]
        return (self.hits - hits) / max(now - since, self._pace.floor_s / 2)

    def quiet_s(self, now: float) -> float:
        """Return the seconds since a finished video was last seen."""
        return now - self._hit_at

    def usual_gap_s(self, now: float) -> float:
        """Return the mean time between two finished videos; infinite as long as there were none."""
        rate = self.rate(now)
        return 1 / rate if rate else math.inf

    def _progress(self, now: float) -> float:
        return self.hits + self.rate(now) * (now - self._hit_at)

    def misses_per_video(self) -> float:
        """Return how many misses a video may cost: more where the order is loose, or notices would come very late."""
        loose = self._again_s / (self._pace.ceiling_s)
        return max(MISSES_PER_VIDEO, min(MOST_MISSES, MISSES_PER_VIDEO * loose))

    @property
    def is_told(self) -> bool:
        """Say whether most finished videos are noticed by callbacks or lists."""
        return self._found_share < 0.5

    def income(self, now: float) -> float:
        """Return the misses a second that may be spent; nearly none where callbacks or lists bring the news."""
        return self.misses_per_video() * self.rate(now) * self._found_share

    def be_bold(self, fullness: float) -> None:
        """Ask the earlier, the fuller the purse is (0 to 1): what is saved is spent on earlier notices."""
        self._boldness = LEAN + (RICH - LEAN) * fullness

    def _lead(self) -> float:
        return self._middle - self._spread * math.log(self.misses_per_video() * self._boldness)

    def likely(self, place: int, now: float) -> bool:
        """Say whether a first ask at this place is worth a request."""
        return self._progress(now) - place >= self._lead()

    def likely_at(self, place: int, now: float) -> float:
        """Return when a first ask at this place becomes worth a request; infinite at a standstill."""
        rate = self.rate(now)
        missing = place + self._lead() - self.hits
        return self._hit_at + missing / rate if rate else math.inf

    def learn_first(self, place: int, now: float, *, hit: bool) -> None:
        """Move the curve after the first ask of an id (one step of logistic regression, in units of the spread)."""
        self._recent.append(hit)
        z = max(-3.0, min(3.0, (self._progress(now) - place - self._middle) / self._spread))
        error = hit - 1 / (1 + math.exp(-z))
        self._middle -= LEARN_MIDDLE * self._spread * error
        widest = max(1.0, 2 * self._again_s * self.rate(now))
        self._spread = max(NARROWEST, min(widest, self._spread * math.exp(-LEARN_SPREAD * error * z)))

    def fits(self, elsewhere: float = 0.0) -> bool:
        """Say whether recent first asks hit as often as they should, and more often than asks `elsewhere`."""
        asks, hits = len(self._recent), sum(self._recent)
        return asks < 6 or hits == asks or hits >= max(0.35, elsewhere + 0.1) * asks

    def learn_again(self, *, hit: bool) -> None:
        """Move the waiting time after a second ask, so that LIKELY_AGAIN of them hit."""
        again_s = self._again_s * math.exp(LEARN_AGAIN * (LIKELY_AGAIN - hit))
        self._again_s = max(self._pace.floor_s, min(self._pace.longest_s, again_s))

    def wait_s(self, misses: int, longest_s: float) -> float:
        """Return how long to leave an id alone after so many misses."""
        return max(self._pace.floor_s, min(longest_s, self._again_s * BACK_OFF ** min(misses - 1, 20)))
