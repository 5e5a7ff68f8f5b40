"""Owns what the shell completes beyond commands and options: run ids. Never fails and never asks the service."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from bhuman_cli import settings
from bhuman_cli.ports import SystemClock

_MOST = 50


def run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Return the run ids that begin so, newest first, with their files."""
    from bhuman_cli.journal import history, store

    with contextlib.suppress(Exception):
        folder = settings.home(os.environ).state
        if (folder / store.FILE_NAME).is_file():
            with contextlib.closing(store.open_journal(folder, SystemClock())) as journal:
                runs = [item.run for item in history.listing(journal, limit=_MOST)]
            return [(run.run_id, Path(run.input_path).name) for run in runs if run.run_id.startswith(incomplete)]
    return []
