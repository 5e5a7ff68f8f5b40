"""Random probes that test whether a queue is served in order, and how often one video overtakes another. Pure.

It must not decide when to ask; `poll_queue` does.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from typing import Final

from bhuman_cli.runs.polling.forecast import Forecast

SHORTEST_QUEUE: Final = 128
"""A shorter queue is too short to tell a loose order from none."""

MEMORY: Final = 60
ENOUGH_HITS: Final = 2
SEVERAL: Final = 3
NOW_AND_THEN: Final = 0.1


class OrderProbe:
    """Asks in the last third of a queue, until its first third was served in order.

    Videos that are rendered side by side stand so close together that nothing in the last third is finished while the
    front is still in the first; a few finished ones there say that the order is another one.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._found: deque[bool] = deque(maxlen=MEMORY)

    @staticmethod
    def unproven(length: int, front: int) -> bool:
        """Say whether a queue of this length, served up to `front`, may still turn out to be out of order."""
        return length >= SHORTEST_QUEUE and front < length / 3

    def doubtful(self, forecast: Forecast, *, silent: bool) -> bool:
        """Say whether there is reason to look: not looked at yet, something found, or the front mostly misses.

        silent: misses say nothing now, because nothing finishes, or because callbacks are quicker than any question.
        """
        return len(self._found) < MEMORY or any(self._found) or not (silent or forecast.fits())

    def wanted(self, *, doubtful: bool) -> int:
        """Return how many places to look at in one pass."""
        return SEVERAL if doubtful else int(self._rng.random() < NOW_AND_THEN)

    def place(self, length: int) -> int:
        """Return a place in the last third."""
        return self._rng.randrange(2 * length // 3, length)

    def note(self, forecast: Forecast, *, hit: bool) -> bool:
        """Learn from a look. Returns whether the queue has shown itself out of order.

        Finished videos far ahead are no sign where the front finds everything finished too: after a long absence.
        """
        self._found.append(hit)
        hits = sum(self._found)
        return hits >= ENOUGH_HITS and not forecast.fits(hits / len(self._found))


STRICT: Final = 0.8
LEARN: Final = 0.05


class OvertakingDetector:
    """Which asked ids are ahead of the furthest finished one, and whether being overtaken means being finished."""

    def __init__(self) -> None:
        self._ahead: list[tuple[int, int]] = []
        self._share = 0.5

    @property
    def strict(self) -> bool:
        """Say whether an overtaken id is nearly always finished too."""
        return self._share > STRICT

    def watch(self, place: int, key: int) -> None:
        """Remember an id that was asked ahead of the front and missed."""
        heapq.heappush(self._ahead, (place, key))

    def passed(self, front: int) -> list[int]:
        """Return, once, the watched ids that the front has passed."""
        keys: list[int] = []
        while self._ahead and self._ahead[0][0] < front:
            keys.append(heapq.heappop(self._ahead)[1])
        return keys

    def learn(self, *, hit: bool) -> None:
        """Learn from the first ask of an overtaken id after it was overtaken."""
        self._share += LEARN * (hit - self._share)
