"""Pace of GETs: how many at once, how many a second, slower when the service asks; waits that a stop ends. No HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bhuman_cli.clock import Clock, SystemClock
from bhuman_cli.errors import ServiceDown

IN_FLIGHT: Final = 4
RATE_PER_S: Final = 10.0
LOOPBACK_IN_FLIGHT: Final = 32
_SLOWEST_PER_S: Final = 0.1
_STEP_PER_S: Final = 0.2  # a good answer gives back this much: about 25 answers undo one halving at full speed
_HALVING_APART_S: Final = 1.0
_SLOW_S: Final = 1.0


class Limiter:
    """Shares one pace among the threads of a client: additive increase, multiplicative decrease.

    rate_per_s: None for no limit (loopback); a pause asked for by the service is kept even then.
    on_slow: called once, from another thread, when somebody has held a place for a second.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rate_per_s: float | None = RATE_PER_S,
        in_flight: int = IN_FLIGHT,
        on_slow: Callable[[], None] | None = None,
    ) -> None:
        self.clock = clock
        self._on_slow = on_slow
        self._ceiling = rate_per_s
        self._rate = rate_per_s
        self._slots = threading.BoundedSemaphore(in_flight)
        self._lock = threading.Lock()
        self._next_at = 0.0
        self._halved_at: float | None = None
        self.in_flight = in_flight

    @property
    def rate_per_s(self) -> float | None:
        """Return the present pace; None if unlimited."""
        return self._rate

    @contextmanager
    def slot(self, wait: Callable[[float], None] | None = None) -> Iterator[None]:
        """Hold one of the places in flight, entered no sooner than the pace allows.

        wait: how to wait, if not by sleeping; what it raises leaves the place to the next.
        """
        with self._slots:
            (wait or self.clock.sleep)(self._reserve())
            if self._on_slow is None:
                yield
                return
            timer = threading.Timer(_SLOW_S, self._slow)
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()

    def _slow(self) -> None:
        with self._lock:
            call, self._on_slow = self._on_slow, None
        if call is not None:
            call()

    def note_success(self) -> None:
        """Take note of a good answer: the pace recovers step by step."""
        with self._lock:
            if self._rate is not None and self._ceiling is not None:
                self._rate = min(self._ceiling, self._rate + _STEP_PER_S)

    def note_too_fast(self, pause_s: float) -> None:
        """Halve the pace and let nobody start for a while, because the service said so.

        Answers that come together, from requests sent before the first of them, count as one.
        """
        with self._lock:
            now = self.clock.monotonic_s()
            self._next_at = max(self._next_at, now + pause_s)
            is_new = self._halved_at is None or now - self._halved_at >= _HALVING_APART_S
            if self._rate is not None and is_new:
                self._rate = max(self._rate / 2, _SLOWEST_PER_S)
                self._halved_at = now

    def _reserve(self) -> float:
        """Take the next start time; return the seconds until then."""
        with self._lock:
            now = self.clock.monotonic_s()
            start = max(now, self._next_at)
            self._next_at = start if self._rate is None else start + 1 / self._rate
            return start - now


def for_service(
    clock: Clock, *, is_loopback: bool, rate_per_s: float = RATE_PER_S, on_slow: Callable[[], None] | None = None
) -> Limiter:
    """Return the limiter for a service: careful with a real one, none in the way of this machine's own."""
    if is_loopback:
        return Limiter(clock, rate_per_s=None, in_flight=LOOPBACK_IN_FLIGHT, on_slow=on_slow)
    return Limiter(clock, rate_per_s=rate_per_s, on_slow=on_slow)


class Stopped(ServiceDown):
    """The program was told to stop while it waited for its turn to ask."""

    def __init__(self) -> None:
        super().__init__("stopped while waiting for the service")


class Pause:
    """The waits of one client; `stop` ends them all, those to come included."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End every wait. Safe in a signal handler."""
        self._stopped.set()

    def wait(self, seconds: float) -> None:
        """Wait so long; not at all for zero or less, even after a stop.

        Raises:
            Stopped: the wait was ended.
        """
        if seconds <= 0:
            return
        if isinstance(self._clock, SystemClock):
            self._stopped.wait(seconds)
        else:
            self._clock.sleep(seconds)
        if self._stopped.is_set():
            raise Stopped
