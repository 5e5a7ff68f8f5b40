"""Poller of a target's list, page by page, while that is cheaper than single questions. Decides no bindings.

A sweep goes in steps of a few pages, so that sending, the stop button and the screen never wait for a long list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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
    """The list of one target. good_at_s: when the service last gave a good answer.

    Which end is the newer one is not documented; the first page tells, once there are more. Newest first: a sweep ends
    when it has seen all that is waited for. Oldest first: pages whose videos are all finished are not read again.
    """

    context: RunContext
    interval_s: float
    good_at_s: float = 0.0
    _is_open: bool | None = None
    _is_newest_first: bool = False
    _newest: int = 0  # claim that was the last one accepted when the list was read
    _total: int | None = None
    _cost: int = 1  # pages that a sweep takes
    _first: int = 0  # page at which the next sweep begins
    _next: int = 0
    _read_pages: int = 0
    _unseen: set[str] | None = None  # of what was waited for when this sweep began; None between sweeps
    _unfinished: int | None = None  # first page of this sweep with a video that is still being made
    _due_s: float = 0.0
    _news: bool = False
    _idle: int = 0

    def is_cheaper(self, waiting: int) -> bool:
        """Say whether to read the list for so many outstanding generations; asks once whether it is open at all."""
        if self._is_open is None and waiting > CHEAPER:
            self._probe()
        if not self._is_open or self._idle >= IDLE_SWEEPS:
            return False
        cost = math.ceil(waiting / PAGE_SIZE) if self._is_newest_first else self._cost
        return self._unseen is not None or waiting > CHEAPER * cost

    @property
    def is_closed(self) -> bool:
        """Say whether these credentials were refused the list, so that nobody asks for it a second time."""
        return self._is_open is False

    @property
    def due_s(self) -> float:
        """Return the monotonic second of the next step."""
        return self._due_s

    def _probe(self) -> None:
        """Ask once a run whether the list is open to these credentials; a refusal closes it silently."""
        try:
            page = self.context.service.page(0)
        except (errors.BhumanError, WireError):
            self._is_open = False
            return
        self._is_open = True
        self._cost = max(1, math.ceil((page.total or len(page.generations)) / PAGE_SIZE))
        self._due_s = self.context.clock.monotonic_s() + self.interval_s

    def step(self, waiting: dict[str, int]) -> list[Generation]:
        """Read the next pages, if it is time; return their records.

        waiting: claims by id, in the order in which they were accepted.
        """
        context = self.context
        if context.clock.monotonic_s() < self._due_s:
            return []
        if self._unseen is None:
            self._unseen, self._unfinished, self._next, self._read_pages = {*waiting}, None, self._first, 0
        elif self._is_newest_first:  # what was accepted since the last step pushed the others on
            self._next += sum(1 for claim in waiting.values() if claim > self._newest) // PAGE_SIZE
        self._newest = next(reversed(waiting.values()), 0)
        records: list[Generation] = []
        try:
            for _ in range(_STEPS):
                pages = self._read()
                self.good_at_s = context.clock.monotonic_s()
                is_last = [self._take(page, waiting) for page in pages][-1]
                records += [record for page in pages for record in page.generations]
                if is_last or context.stop.is_pressed:
                    self._rest()
                    break
        except errors.ApiError as error:
            self._is_open = error.status not in {401, 403}
            self._rest()
        except (errors.ServiceDown, WireError):
            self._rest()
        return records

    def _take(self, page: Page, waiting: dict[str, int]) -> bool:
        """Take note of a page; say whether the sweep ends with it."""
        assert self._unseen is not None
        ids: set[str] = {record.id for record in page.generations}
        is_short = len(page.generations) + page.unreadable < PAGE_SIZE
        claims = [waiting[id_] for id_ in ids if id_ in waiting]
        if self._next == 0 and not is_short and claims:
            middle = (next(iter(waiting.values())) + self._newest) / 2
            self._is_newest_first = sum(claims) / len(claims) > middle
        if self._unfinished is None and any(not item.is_final and item.id in waiting for item in page.generations):
            self._unfinished = self._next
        self._unseen -= ids
        self._total = page.total
        self._next += 1
        self._read_pages += 1
        return is_short or (self._is_newest_first and not self._unseen)

    def _read(self) -> list[Page]:
        """Read one page, or a few at once where the number of pages is known."""
        pool = self.context.pool
        if pool is None or self._read_pages == 0 or self._total is None:
            return [self.context.service.page(self._next)]
        last = math.ceil(self._total / PAGE_SIZE)
        if self._is_newest_first:
            last = min(last, self._next + math.ceil(len(self._unseen or ()) / PAGE_SIZE))
        numbers = range(self._next, max(self._next + 1, min(self._next + _AT_ONCE, last)))
        return list(pool.map(self.context.service.page, numbers))

    def note_news(self) -> None:
        """Take note that this sweep ended at least one generation."""
        self._news = True

    def _rest(self) -> None:
        """End this sweep. A long list without news is read as rarely as the front is looked at when nothing moves."""
        is_long = self._read_pages > _LONG_PAGES and not self._news
        self._idle = 0 if self._news else self._idle + 1
        self._cost = max(self._read_pages, 1)
        is_settled = not self._is_newest_first and not self._unseen  # else what is missing may be anywhere
        last = max(0, self._next - 1)
        self._first = (last if self._unfinished is None else self._unfinished) if is_settled else 0
        self._unseen, self._news = None, False
        self._due_s = self.context.clock.monotonic_s() + (6 if is_long else 1) * self.interval_s
