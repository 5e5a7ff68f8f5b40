"""Closing audit: videos of a run's time, on its target, that this journal did not ask for.

It reports; it binds, frees and sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from bhuman_cli import errors
from bhuman_cli.api.wire import Page, WireError
from bhuman_cli.domain import Generation
from bhuman_cli.journal import chunks, listed, results
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import identity
from bhuman_cli.runs.binding import video_list
from bhuman_cli.runs.context import RunContext


def find_unexpected(context: RunContext, run: Run, since: datetime) -> list[Generation]:
    """Return the target's videos since a moment that nobody here asked for; none where the list is closed."""
    try:
        records = list(_recent(context, run, since))
    except (errors.ApiError, errors.ServiceDown, WireError):
        return []
    known = chunks.bound_ids(context.journal, [item.id for item in records])
    return [
        item
        for item in {item.id: item for item in records}.values()
        if item.id not in known and _is_since(item, since) and not video_list.is_foreign(item, run.target)
    ]


def lines_of(context: RunContext, run: Run, videos: Iterable[Generation]) -> list[int]:
    """Return the lines of the run's rows that have the text of such a video: they may have been paid twice."""
    keys = {identity.text_key(video.text) for video in videos if video.text is not None}
    return results.lines_of_texts(context.journal, run, keys)


def _recent(context: RunContext, run: Run, since: datetime) -> Iterator[Generation]:
    """Yield the list from its newer end to the page with the moment in it; all of it where no order is to be seen.

    A large campaign has hundreds of pages, and which end is the newer one is not documented: the two ends tell.
    """
    first = context.service.page(0)
    yield from first.generations
    if len(first.generations) + first.unreadable < video_list.PAGE_SIZE:
        return
    last = -(-(first.total or 0) // video_list.PAGE_SIZE) - 1
    end = context.service.page(last) if last > 0 else first
    yield from end.generations if end is not first else ()
    ends = [item.id for item in (*first.generations, *end.generations)]
    is_known = chunks.bound_ids(context.journal, ends).issuperset(ends)
    is_as_long = first.total == listed.expected_total(context.journal, run.target_id)
    if is_known and is_as_long and not listed.unknown(context.journal, run.target_id):
        return  # nothing but what this journal knows
    span, end_span = _span(first), _span(end)
    if span is None or end_span is None or not (span[0] >= end_span[1] or end_span[0] >= span[1]):
        whole = video_list.read_list(context)
        yield from whole.records if whole else ()
    elif max(span, end_span)[0] >= since:
        yield from _walk(context, range(1, last) if span > end_span else range(last - 1, 0, -1), since)


def _walk(context: RunContext, numbers: range, since: datetime) -> Iterator[Generation]:
    for start in range(0, len(numbers), video_list.AT_ONCE):
        for page in video_list.pages(context, numbers[start : start + video_list.AT_ONCE]):
            yield from page.generations
            span = _span(page)
            if span is not None and span[0] < since:
                return


def _span(page: Page) -> tuple[datetime, datetime] | None:
    """Return when the page's first and last made videos were made; None if one of them does not say."""
    made = [datetime.fromisoformat(item.created_at) for item in page.generations if item.created_at]
    return (min(made), max(made)) if made and len(made) == len(page.generations) else None


def _is_since(item: Generation, moment: datetime) -> bool:
    return bool(item.created_at) and datetime.fromisoformat(item.created_at) >= moment
