"""The only real clock, and the protocol that tests fill in. No decisions here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the program sees it; tests hold one that never sleeps for real."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; may return early when the program is asked to stop."""
        ...


@dataclass(frozen=True, slots=True)
class ServiceTime:
    """A service's clock as an answer's `Date` showed it, and ours when that answer came."""

    at: datetime
    seen_at: datetime

    @property
    def offset_s(self) -> float:
        """Return how far the service's clock is ahead of ours."""
        return (self.at - self.seen_at).total_seconds()


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds; not at all for zero or less."""
        if seconds > 0:
            time.sleep(seconds)


def with_sleep_s() -> float:
    """Return seconds that also count while this machine sleeps or a debugger holds the program."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boot) if boot is not None else time.monotonic()


def iso_utc(moment: datetime) -> str:
    """Return ISO 8601 UTC to the millisecond, as the journal and the results file hold it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
