"""`bhuman events`: what happened to every row, in order, with a cursor to go on from."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Annotated

import typer

from bhuman_cli import domain
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import events as journal_events
from bhuman_cli.journal.database import Journal
from bhuman_cli.terminal import console as consoles
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context

_EVERY_S = 1.0


def events(
    since: Annotated[
        int, typer.Option("--since", min=0, metavar="CURSOR", help="Only what happened after this cursor.")
    ] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as things happen; stop with Ctrl-C.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="One JSON object a line, with its cursor.")] = False,
) -> int:
    """Show what happened, in order: accepted, status, finished, failed, doubt, callback.

    Each line has a cursor; give the last one that was read to `--since`, and nothing is missed.

    **Examples**

    `bhuman events --json --since 1200`

    `bhuman events --follow`
    """
    console = Console(json_mode=json_output)
    home = settings.home(os.environ)
    signal.signal(signal.SIGTERM, _end)
    with contextlib.closing(run_context.open_journal(home)) as journal:
        cursor = since
        while True:
            cursor = _print(console, journal, cursor)
            if not follow:
                return int(ExitCode.OK)
            SystemClock().sleep(_EVERY_S)


def _end(number: int, frame: object) -> None:
    del number, frame
    raise SystemExit(int(ExitCode.TERMINATED))


def _print(console: Console, journal: Journal, cursor: int) -> int:
    while True:
        found = list(journal_events.since(journal, cursor))
        for event in found:
            if console.json_mode:
                console.out(consoles.as_json(event.as_json()))
            else:
                place = f"row {event.row_index}" if event.row_index is not None else ""
                shown = domain.short_id(event.generation_id) if event.generation_id else ""
                parts = (str(event.cursor), event.at, event.kind, event.run_id or "", place, event.status, shown)
                console.out("\t".join(parts))
        if not found:
            return cursor
        cursor = found[-1].cursor
