"""Feed of stored events: each with the state it leads to, and whether this machine asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli.callbacks import events, merge
from bhuman_cli.callbacks.events import Event
from bhuman_cli.callbacks.store import EventStore
from bhuman_cli.domain import Generation

_LINKS: Final = ("share_url", "url", "thumbnail", "gif", "whatsapp_video_url", "message")

Known = Callable[[list[str]], set[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReport:
    """One new event. state: all events of its generation together. is_known: the journal has the id.

    is_late: the event says less than was known before it. record: the service's own word, where it was asked.
    """

    event: Event
    state: Generation
    is_known: bool
    is_late: bool
    record: Generation | None = None

    def as_json(self) -> dict[str, Any]:
        """Return one object for programs; `confirmed` is the service's status, null if it was not asked."""
        event, state = self.event, self.state
        return {
            "event": event.kind,
            "id": event.generation_id,
            "status": event.status,
            "state": state.status,
            "known": self.is_known,
            "late": self.is_late,
            "confirmed": self.record.status if self.record else None,
            "token": event.token or None,
            "received_at": event.received_at,
            **{name: getattr(state, name) for name in _LINKS},
        }


class Feed:
    """Reads the store from a position on. known: says which ids belong to this machine's runs."""

    def __init__(self, store: EventStore, known: Known, *, after: int) -> None:
        self._store, self._known, self._position = store, known, after

    def news(self) -> Iterator[EventReport]:
        """Yield what was stored since the last call, oldest first."""
        while found := self._store.since(self._position):
            known = self._known([event.generation_id for _, event in found])
            for position, event in found:
                told = self._told(event, is_known=event.generation_id in known)
                self._position = position
                yield told

    def _told(self, event: Event, *, is_known: bool) -> EventReport:
        said = [events.generation_in(stored.body) for stored in self._store.of(event.generation_id)]
        mine = events.generation_in(event.body)
        state = merge.merge_all(said)
        is_late = bool(mine.status) and state.status != mine.status
        return EventReport(event=event, state=state, is_known=is_known, is_late=is_late)
