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

_BATCH: Final = 200
_REMEMBERED: Final = 10_000
_NEWEST: Final = 1_000
"""Events read at once, generations whose state is kept at hand, and how much is read again of one with very many."""

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
    """Reads the store from where the last told event stood. known_ids_of: says which ids this machine's runs know."""

    def __init__(self, store: EventStore, known_ids_of: Known) -> None:
        self._store, self._known, self._position = store, known_ids_of, store.told()
        self._states: dict[str, Generation] = {}

    def news(self) -> Iterator[EventReport]:
        """Yield what was not told yet, oldest first; a batch counts as told when the next one is asked for.

        So what was stored and not told because this process was killed is told by the next one.
        """
        while batch := self._store.since(self._position, limit=_BATCH):
            ids = list(dict.fromkeys(event.generation_id for _, event in batch))
            known_ids = self._known(ids)
            for identifier in ids:
                self._recall(identifier, before=batch[0][0])
            for position, event in batch:
                report = self._report(event, is_known=event.generation_id in known_ids)
                self._position = position
                yield report
            self._store.note_told(self._position)

    def left(self) -> int:
        """Return how many stored events were not told."""
        return self._store.count_after(self._position)

    def _recall(self, identifier: str, *, before: int) -> None:
        """Read what came earlier about a generation, once: from then on its state is carried along."""
        state = self._states.pop(identifier, None)
        if state is None:
            earlier = self._store.of(identifier, before=before, newest=_NEWEST)
            state = merge.merge_all(map(events.generation_in, (e.body for e in earlier))) if earlier else None
        if state is not None:
            self._states[identifier] = state
        while len(self._states) > _REMEMBERED:
            del self._states[next(iter(self._states))]

    def _report(self, event: Event, *, is_known: bool) -> EventReport:
        mine = events.generation_in(event.body)
        before = self._states.get(event.generation_id)
        state = mine if before is None else merge.merge(before, mine)
        self._states[event.generation_id] = state
        is_late = bool(mine.status) and state.status != mine.status
        return EventReport(event=event, state=state, is_known=is_known, is_late=is_late)
