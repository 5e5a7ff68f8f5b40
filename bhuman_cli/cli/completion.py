"""Owns what the shell completes beyond commands and options: run ids. Never fails and never asks the service."""

from __future__ import annotations

import contextlib
import os

from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings

_MOST = 50


def run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Return the run ids that begin so, newest first, with their files."""
    from bhuman_cli.journal import database, history

    with contextlib.suppress(Exception):
        folder = settings.home(os.environ).state
        if (folder / database.FILE_NAME).is_file():
            with contextlib.closing(database.open_journal(folder, SystemClock())) as journal:
                runs = [item.run for item in history.list_runs(journal, limit=_MOST)]
            return [(run.run_id, run.input_name) for run in runs if run.run_id.startswith(incomplete)]
    return []
