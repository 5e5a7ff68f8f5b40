"""Notifications for a running `render` from what the receiver stored: ids to ask about now. Reads only, never fails."""

from __future__ import annotations

from bhuman_cli import errors
from bhuman_cli.callbacks import events
from bhuman_cli.callbacks.store import EventStore
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal.database import Journal


class Notifications:
    """Each stored event's id once per event, in the order they came; the first call gives those from before, too."""

    def __init__(self, journal: Journal) -> None:
        self._store = EventStore.beside(journal, read_only=True)
        self._position = 0

    def __call__(self) -> list[GenerationId]:
        """Return the ids that have news since the last call; none while the file can't be read: polling goes on."""
        try:
            self._position, hints = self._store.hints(self._position)
        except errors.JournalError:
            return []
        return [GenerationId(hint.generation_id) for hint in hints]

    def for_token(self, token: str) -> list[GenerationId]:
        """Return the ids whose callbacks came on one chunk attempt's URL, each once: who else would know that URL."""
        try:
            hints = self._store.for_token(token)
        except errors.JournalError:
            return []
        return [GenerationId(identifier) for identifier in dict.fromkeys(hint.generation_id for hint in hints)]

    def announced(self) -> list[GenerationId]:
        """Return the ids for which WhatsApp's video was said to be ready, the newest first."""
        try:
            return [GenerationId(identifier) for identifier in self._store.ids_of_kind(events.WHATSAPP_READY)]
        except errors.JournalError:
            return []

    def close(self) -> None:
        """Close the file."""
        self._store.close()
