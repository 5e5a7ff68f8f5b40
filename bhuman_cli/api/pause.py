"""Owns waiting that a person can end: a pause the service asked for must not hold a program that was told to stop."""

from __future__ import annotations

import threading

from bhuman_cli.clock import Clock, SystemClock
from bhuman_cli.errors import ServiceDown


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
