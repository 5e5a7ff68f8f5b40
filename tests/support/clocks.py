"""A clock that tests move: sleeping takes no time and is remembered."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class HeldClock:
    """Time stands still until somebody sleeps or calls `pass_s`."""

    def __init__(self, start: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        with self._lock:
            if seconds > 0:
                self.slept.append(seconds)
                self._elapsed_s += seconds

    def set_wall(self, seconds: float) -> None:
        """Move the wall clock alone, as a wrong clock, or somebody who sets it, does."""
        self._start += timedelta(seconds=seconds)

    def pass_s(self, seconds: float) -> None:
        with self._lock:
            self._elapsed_s += seconds
