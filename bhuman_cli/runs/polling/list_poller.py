"""Poller of a target's list, page by page, while that is cheaper than single questions. Decides no bindings.

A sweep goes in steps of a few pages, so that sending, the stop button and the screen never wait for a long list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from bhuman_cli import errors
from bhuman_cli.api.wire import Page, WireError
from bhuman_cli.domain import Generation
from bhuman_cli.runs.context import RunContext

PAGE_SIZE: Final = 100
CHEAPER: Final = 2  # a page is worth it when it stands for at least so many single questions
IDLE_SWEEPS: Final = 5  # sweeps without news before single questions are asked again
_AT_ONCE: Final = 4
_STEPS: Final = 2  # rounds of pages a step, so that their records are written in one commit
_LONG_PAGES: Final = 5


@dataclass(slots=True, kw_only=True)
class ListPoller:
    """The list of one target. good_at_s: when the service last gave a good answer."""

    context: RunContext
    interval_s: float
    good_at_s: float = 0.0
    _is_open: bool | None = None
    _pages: int = 1
    _next: int = 0
    _due_s: float = 0.0
    _news: bool = False
    _idle: int = 0
    _known_total: bool = field(default=False)

    def is_cheaper(self, waiting: int) -> bool:
        """Say whether to read the list for so many outstanding generations; asks once whether it is open at all."""
        if self._is_open is None and waiting > CHEAPER:
            self._probe(waiting)
        return bool(self._is_open) and self._idle < IDLE_SWEEPS and waiting > CHEAPER * self._pages

    @property
    def is_closed(self) -> bool:
        """Say whether these credentials were refused the list, so that nobody asks for it a second time."""
        return self._is_open is False

    @property
    def due_s(self) -> float:
        """Return the monotonic second of the next step."""
        return self._due_s

    def _probe(self, waiting: int) -> None:
        """Ask once a run whether the list is open to these credentials; a refusal closes it silently."""
        try:
            page = self.context.service.page(0)
        except (errors.BhumanError, WireError):
            self._is_open = False
            return
        self._is_open = True
        self._measure(page, waiting)
        self._due_s = self.context.clock.monotonic_s() + self.interval_s

    def _measure(self, page: Page, waiting: int) -> None:
        self._known_total = page.total is not None
        total = page.total if page.total is not None else len(page.generations)
        self._pages = max(1, math.ceil(total / PAGE_SIZE), math.ceil(waiting / PAGE_SIZE))

    def step(self, waiting: int) -> list[Generation]:
        """Read the next pages, if it is time; return their records."""
        context = self.context
        if context.clock.monotonic_s() < self._due_s:
            return []
        records: list[Generation] = []
        try:
            for _ in range(_STEPS):
                is_last = False
                for page in self._read():
                    self.good_at_s = context.clock.monotonic_s()
                    if self._next == 0:
                        self._measure(page, waiting)
                    self._next += 1
                    records += page.generations
                    is_last = is_last or len(page.generations) + page.unreadable < PAGE_SIZE
                if is_last or context.stop.is_pressed:
                    self._rest()
                    break
        except errors.ApiError as error:
            self._is_open = error.status not in {401, 403}
            self._rest()
        except (errors.ServiceDown, WireError):
            self._rest()
        return records

    def _read(self) -> list[Page]:
        """Read one page, or a few at once where the number of pages is known."""
        pool = self.context.pool
        if pool is None or self._next == 0 or not self._known_total:
            return [self.context.service.page(self._next)]
        numbers = range(self._next, max(self._next + 1, min(self._next + _AT_ONCE, self._pages)))
        return list(pool.map(self.context.service.page, numbers))

    def note_news(self) -> None:
        """Take note that this sweep ended at least one generation."""
        self._news = True

    def _rest(self) -> None:
        """End this sweep. A long list without news is read as rarely as the front is looked at when nothing moves."""
        is_long = self._next > _LONG_PAGES and not self._news
        self._idle = 0 if self._news else self._idle + 1
        self._pages = max(self._next, 1)
        self._next, self._news = 0, False
        self._due_s = self.context.clock.monotonic_s() + (6 if is_long else 1) * self.interval_s
