"""Owns the belief how strictly a queue keeps its order, learned from ids that later ones have overtaken. Pure."""

from __future__ import annotations

import heapq
from typing import Final

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
