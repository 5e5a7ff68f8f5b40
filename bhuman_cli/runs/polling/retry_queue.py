"""Ids that were asked and had not finished, and when each is due again. Pure: no I/O, no clock.

It must not decide how long to wait; `poll_queue` does.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class RetryEntry:
    """An id that is waited for. since: when it was first missed behind the front; overtaken: not asked after that."""

    misses: int = 0
    due: float = 0.0
    since: float | None = None
    overtaken: bool = False


class RetryQueue:
    """A priority queue by due time in which an id's time may change: outdated entries are dropped when met."""

    def __init__(self) -> None:
        self._by_key: dict[int, RetryEntry] = {}
        self._heap: list[tuple[float, int]] = []

    def __contains__(self, key: int) -> bool:
        return key in self._by_key

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def get(self, key: int) -> RetryEntry | None:
        """Return an id's record, or None."""
        return self._by_key.get(key)

    def items(self) -> Iterator[tuple[int, RetryEntry]]:
        """Return all ids, each with its record; they may be kept anew meanwhile."""
        return iter(list(self._by_key.items()))

    def keep(self, key: int, late: RetryEntry, due: float) -> None:
        """Add an id, or change when it is due."""
        late.due = due
        self._by_key[key] = late
        heapq.heappush(self._heap, (due, key))

    def remove(self, key: int) -> RetryEntry | None:
        """Take an id out; return its record, or None."""
        return self._by_key.pop(key, None)

    def next_due(self, flying: Collection[int]) -> float:
        """Return when the first id that is not in flight is due; infinite if there is none."""
        while self._heap and not self._is_current(*self._heap[0], flying):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def pop_due(self, now: float, flying: Collection[int]) -> int | None:
        """Return the id that is due for longest, or None. It is due no more until it is kept again."""
        if self.next_due(flying) > now:
            return None
        return heapq.heappop(self._heap)[1]

    def _is_current(self, due: float, key: int, flying: Collection[int]) -> bool:
        late = self._by_key.get(key)
        return late is not None and late.due == due and key not in flying
