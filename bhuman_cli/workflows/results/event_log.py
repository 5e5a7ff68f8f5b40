"""Events of the journal for whoever reads on: in order, each with its cursor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.journal import events
from bhuman_cli.journal.events import Event
from bhuman_cli.workflows import run_context

_FOLLOW_EVERY_S: Final = 1.0


def read(home: settings.Home, since: int, *, follow: bool) -> Iterator[Event]:
    """Yield what happened after a cursor, oldest first. follow: go on as things happen, without end."""
    with contextlib.closing(run_context.open_journal(home)) as journal:
        cursor = since
        while True:
            page = list(events.since(journal, cursor))
            yield from page
            if page:
                cursor = page[-1].cursor
            elif follow:
                SystemClock().sleep(_FOLLOW_EVERY_S)
            else:
                return
