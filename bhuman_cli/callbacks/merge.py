"""Merge of a generation's events into one state, whatever their order. Pure; does not say what is true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Final

from bhuman_cli import domain
from bhuman_cli.domain import Generation, Status

_WORDS: Final = tuple(
    field.name for field in fields(Generation) if field.type == "str" and field.name not in {"id", "status"}
)


def merge(before: Generation, news: Generation) -> Generation:
    """Return what is known after one more event; nothing that was known is lost or moves backwards.

    The status that is further along stays, and so do its words; the other's only fill gaps. `whatsapp.ready` has no
    status and so joins whatever is there. Done beats failed: a video that exists can't have failed.

    Raises:
        ValueError: the event is about another generation.
    """
    if before.id != news.id:
        raise ValueError("two generations can't be merged")
    ahead, behind = (news, before) if _place(news) > _place(before) else (before, news)
    gaps = {name: getattr(behind, name) for name in _WORDS if not getattr(ahead, name)}
    values = {name: getattr(behind, name) for name in ("text", "api_row_index") if getattr(ahead, name) is None}
    return replace(ahead, **gaps, **values)


def merge_all(events: Iterable[Generation]) -> Generation:
    """Return the state after these events of one generation, in the order they came.

    Raises:
        ValueError: there is none, or they are of several generations.
    """
    state: Generation | None = None
    for event in events:
        state = event if state is None else merge(state, event)
    if state is None:
        raise ValueError("no event")
    return state


def _place(generation: Generation) -> tuple[int, int, int, int]:
    status = generation.status
    if not status:
        return 0, 0, 0, 0
    is_known, is_succeeded = status in domain.STATUS_RANK, status == Status.SUCCEEDED
    return domain.status_rank(status), int(is_known), int(is_succeeded), int(bool(generation.url))
