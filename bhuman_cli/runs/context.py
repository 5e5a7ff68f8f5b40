"""Context of a run: service, clock, person and stop button, handed in. No decisions."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

from bhuman_cli import clock as clocks
from bhuman_cli.api.post_result import NotSent, PostResponse
from bhuman_cli.api.wire import Page
from bhuman_cli.clock import Clock, ServiceTime
from bhuman_cli.domain import Generation, GenerationId
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.database import Journal


class Stop:
    """The stop button: pressed by a signal, looked at between requests. exit_code: 130 or 143 once pressed.

    in_flight: a paid request is on its way, so that leaving at once leaves it in doubt.
    """

    def __init__(self) -> None:
        self._pressed = threading.Event()
        self.exit_code = 0
        self.in_flight = False

    def press(self, exit_code: int) -> None:
        """Ask the run to end after the request in flight."""
        self.exit_code = exit_code
        self._pressed.set()

    @property
    def is_pressed(self) -> bool:
        """Say whether the run was asked to end."""
        return self._pressed.is_set()

    def wait(self, clock: Clock, seconds: float) -> None:
        """Sleep, but not past the press of the button."""
        from bhuman_cli.clock import SystemClock

        if isinstance(clock, SystemClock):
            self._pressed.wait(max(0.0, seconds))
        elif not self.is_pressed:
            clock.sleep(seconds)


class Service(Protocol):
    """The service as a run sees it."""

    @property
    def polls(self) -> int:
        """Return the GETs sent so far."""
        ...

    @property
    def service_time(self) -> ServiceTime | None:
        """Return the service's clock by its newest answer, None if none told."""
        ...

    def post(self, route: str, body: bytes, before_first_byte: Callable[[], None]) -> NotSent | PostResponse:
        """Send the paid request once."""
        ...

    def generation(self, generation_id: str) -> Generation | None:
        """Return one record; None if the service knows none. Raises ApiError, ServiceDown."""
        ...

    def page(self, page: int) -> Page:
        """Return one page of the target's list, 100 records. Raises ApiError (401, 403: closed), ServiceDown."""
        ...


class Reporter(Protocol):
    """Whoever shows a run while it goes."""

    def notice(self, text: str) -> None:
        """Say something worth knowing."""
        ...

    def update(self) -> None:
        """Show the present state; called often, must be cheap."""
        ...


def _no_hints() -> list[GenerationId]:
    return []


def _no_callbacks(token: str) -> list[GenerationId]:
    del token
    return []


def _no_rescue(chunk: Chunk, response: PostResponse) -> str:
    del chunk, response
    return ""


def _keep_no_word(chunk: Chunk) -> None:
    del chunk


def _keep_nothing(epoch: int) -> None:
    del epoch


@dataclass(slots=True, kw_only=True)
class RunContext:
    """Everything a run needs from outside.

    pool: asks the service about several generations at once; None: one after the other.
    hints: generations that a callback says have news, each once. callbacks: those that came for an attempt's token.
    announced: those of whose late links a callback told, the newest first.
    rescue: keeps an answer outside the journal. keep_epoch: keeps the number of a request outside the journal.
    save_unsent_aside: keeps the word that a request was not sent, where the journal can not take it.
    elapsed_s: seconds that count a sleep of this machine, too.
    """

    journal: Journal
    service: Service
    clock: Clock
    stop: Stop
    reporter: Reporter
    rng: random.Random = field(default_factory=random.Random)
    pool: Executor | None = None
    in_flight: int = 4
    hints: Callable[[], list[GenerationId]] = _no_hints
    callbacks: Callable[[str], list[GenerationId]] = _no_callbacks
    announced: Callable[[], list[GenerationId]] = _no_hints
    save_answer_aside: Callable[[Chunk, PostResponse], str] = _no_rescue
    keep_epoch: Callable[[int], None] = _keep_nothing
    save_unsent_aside: Callable[[Chunk], None] = _keep_no_word
    elapsed_s: Callable[[], float] = clocks.with_sleep_s

    @property
    def offset_s(self) -> float | None:
        """Return how far the service's clock is ahead of ours, None if no answer told yet."""
        seen = self.service.service_time
        return None if seen is None else seen.offset_s
