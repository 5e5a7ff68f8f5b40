"""Trimming of the cache: old assets, and bases unused for long. Never touches finished videos."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ASSETS_KEPT_S: Final = 24 * 3_600.0
BASES_KEPT_BYTES: Final = 2 * 1024**3
"""Room for unpacked pictures of some five templates; the one used last always stays."""


def trim(cache_dir: Path) -> None:
    """Remove assets and page shots of other days, then the bases used longest ago until the rest fits."""
    now = time.time()
    for kind in ("assets", "shots"):
        for path in _files(cache_dir / kind):
            if now - _used_at(path) > ASSETS_KEPT_S:
                path.unlink(missing_ok=True)
    bases = sorted(_folders(cache_dir / "bases"), key=_used_at, reverse=True)
    total = 0
    for number, folder in enumerate(bases):
        total += sum(path.stat().st_size for path in _files(folder))
        if number and total > BASES_KEPT_BYTES:
            shutil.rmtree(folder, ignore_errors=True)


def touch(base: Path) -> None:
    """Note that a base was used now."""
    if base.parent.parent.name == "bases":
        base.parent.touch()


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*") if path.is_file())


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*") if path.is_dir())
