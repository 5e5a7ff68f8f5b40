"""Report of an unexpected exception: where it happened, never what the rows or keys were."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from bhuman_cli import __version__
from bhuman_cli.config import settings


def keep(error: BaseException) -> Path | None:
    """Write file names, lines and exception types (no messages: they may quote a cell) to the state folder.

    Returns the file, or None where it can't be written.
    """
    lines = [f"bhuman {__version__}"]
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.extract_tb(seen.__traceback__)
        lines += [f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
        lines.append(type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    try:
        folder = settings.home(os.environ).state
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"bug-{datetime.now(UTC):%Y%m%dT%H%M%S}.txt"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except Exception:  # the report of a bug must not become another one
        return None
    return path
