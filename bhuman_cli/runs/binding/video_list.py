"""A target's list of videos, read to its end where that can be told. It judges and binds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli import errors
from bhuman_cli.api.wire import Page, WireError
from bhuman_cli.domain import Generation, Target, TargetKind
from bhuman_cli.runs.context import RunContext

PAGE_SIZE: Final = 100
_MOST_PAGES: Final = 5_000
_NO_SUCH_PAGE: Final = frozenset({400, 404, 416})  # what there is may be adopted, what there is not frees nothing
AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoList:
    """The target's list as far as it could be read.

    is_complete: read to its end, page 0 unchanged. reached_end: read to its end, whatever moved meanwhile.
    """

    records: tuple[Generation, ...]
    is_complete: bool
    reached_end: bool = False


def is_foreign(generation: Generation, target: Target) -> bool:
    """Say whether the record names another campaign or instance than the one the row was sent to."""
    name = "campaign_id" if target.kind is TargetKind.CAMPAIGN else "video_instance_id"
    named = generation.raw.get(name)
    return isinstance(named, str) and bool(named) and named.lower() != target.api_id


def read_list(context: RunContext, *, beyond_total: bool = False, page: Page | None = None) -> VideoList | None:
    """Read the target's whole list; None where it is closed to these credentials or can't be read now.

    It ends where the service's own total is reached, else with a page that brings nothing new after one that was not
    full. A short page alone is no end: it may be all that this service shows at once.
    beyond_total: a total may be wrong, too; read on until a page brings nothing new. page: the first, read just now.
    """
    records: dict[str, Generation] = {}
    first: tuple[str, ...] = ()
    unreadable, was_short, all_read = 0, True, False
    total: int | None = None
    try:
        for record in _all_pages(context, page):
            before = len(records)
            first = first or tuple(item.id for item in record.generations)
            records.update((item.id, item) for item in record.generations)
            unreadable += record.unreadable
            is_short = len(record.generations) + record.unreadable < PAGE_SIZE
            is_all = record.total is not None and len(records) + unreadable >= record.total
            is_over = len(records) == before and is_short
            if (is_short and is_all and not beyond_total) or is_over:
                again = context.service.page(0)
                is_still = tuple(item.id for item in again.generations)[: len(first)] == first
                records.update((item.id, item) for item in again.generations)
                is_whole = is_all if record.total is not None else was_short or not record.generations
                is_end = is_whole and not unreadable
                return VideoList(records=tuple(records.values()), is_complete=is_still and is_end, reached_end=is_end)
            was_short, all_read, total = is_short, is_all, record.total
    except errors.ApiError as error:
        if not records or error.status not in _NO_SUCH_PAGE:
            return None
        if beyond_total and all_read and was_short:  # there is no page after the last one: what the total says is true
            return read_list(context)
        return VideoList(
            records=tuple(records.values()),
            is_complete=False,
            reached_end=(all_read or total is None) and not unreadable,
        )
    except (errors.ServiceDown, WireError):
        return None
    return VideoList(records=tuple(records.values()), is_complete=False)


def _all_pages(context: RunContext, page: Page | None) -> Iterator[Page]:
    """Yield the list's pages in order, a few asked for at once where it is said how many there are."""
    page = page or context.service.page(0)
    yield page
    last = 0 if context.pool is None or page.total is None else page.total // PAGE_SIZE
    place = 1
    while place < _MOST_PAGES:
        numbers = range(place, max(place + 1, min(place + AT_ONCE, last + 1, _MOST_PAGES)))
        yield from pages(context, numbers)
        place = numbers.stop


def pages(context: RunContext, numbers: Sequence[int]) -> Iterator[Page]:
    """Yield these pages of the target's list, asked for at once."""
    if context.pool is None or len(numbers) == 1:
        yield from map(context.service.page, numbers)
    else:
        yield from context.pool.map(context.service.page, numbers)
