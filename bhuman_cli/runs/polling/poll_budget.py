"""Token bucket for polls that find nothing new. Pure: no I/O, no clock.

It must not know ids; `poll_queue` pays from it.
"""

from __future__ import annotations

from typing import Final

GRANT: Final = 20.0
GRANT_SHARE: Final = 0.03
MOST_GRANT: Final = 60.0
"""What it holds at the start, and at most: 20 misses and 3 % of the ids, 60 at most."""

RESERVE: Final = 0.4
"""Tokens set aside for every request in flight: about so many will miss."""

TRICKLE: Final = 0.5
"""Tokens earned in the longest pause between two passes, however slow the service is."""


class PollBudget:
    """A miss costs a token; a hit is free, because every video needs that one request anyway."""

    def __init__(self, *, now: float, ceiling_s: float) -> None:
        self._ceiling_s = ceiling_s
        self._tokens, self._most, self._at = 0.0, 0.0, now

    def grant(self, ids: int) -> None:
        """Raise the size to what suits so many ids, and fill up what was added."""
        most = min(MOST_GRANT, GRANT + GRANT_SHARE * ids)
        self._tokens, self._most = self._tokens + most - self._most, most

    def refill(self, now: float, per_second: float) -> None:
        """Add what was earned since the last time."""
        earned = (per_second + TRICKLE / self._ceiling_s) * (now - self._at)
        self._tokens, self._at = min(self._most, self._tokens + earned), now

    def spend(self) -> None:
        """Take a token out, on credit if need be."""
        self._tokens -= 1

    @property
    def fullness(self) -> float:
        """Return how full it is, 0 to 1."""
        return max(0.0, self._tokens / self._most)

    def affords(self, flying: int) -> bool:
        """Say whether one more ask may miss, with so many others in flight."""
        return self._tokens > RESERVE * flying

    def wait_s(self, per_second: float) -> float:
        """Return how long it takes to earn a whole token."""
        return max(0.0, (1 - self._tokens) / (per_second + TRICKLE / self._ceiling_s))
