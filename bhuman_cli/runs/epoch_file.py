"""Counter of a target's paid requests in a file beside its lock, outside the journal: it tells an older journal.

A journal that was put back from a backup counts fewer requests than were sent, and would send some of them again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from bhuman_cli import errors, files
from bhuman_cli.domain import LOCAL_SERVICE, Target
from bhuman_cli.journal import decisions, targets
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import lock


def keeper(folder: Path, target: Target) -> Callable[[int], None]:
    """Return what keeps the target's epoch, called between the commit that makes a request `sending` and its bytes.

    A file that can't be written only guards less: what the journal says is what counts.
    """

    def keep(epoch: int) -> None:
        with contextlib.suppress(OSError, errors.BhumanError):
            _write(_path(folder, target), epoch)

    return keep if target.service != LOCAL_SERVICE else lambda _: None


def refusal(journal: Journal, run: Run, folder: Path) -> errors.Refusal | None:
    """Return why a journal that is behind the counter may send nothing; one that is ahead corrects the counter."""
    if run.target.service == LOCAL_SERVICE:
        return None
    path = _path(folder, run.target)
    kept, own = _read(path), targets.epoch(journal, run.target_id)
    if kept <= own:
        if kept < own:
            keeper(folder, run.target)(own)
        return None
    return errors.Refusal(
        f"the journal knows {own:,} paid requests on this target, but {kept:,} were sent from this machine: it is an"
        " older one (restored from a backup?), and rows that it believes unsent may be paid already; put the newest"
        " journal back, or say --accept-journal",
        hint="bhuman help journal",
        code="old_journal",
    )


def accept(journal: Journal, run: Run, folder: Path) -> None:
    """Take the journal for the right one, on a person's word, which is journaled: the counter follows it."""
    path = _path(folder, run.target)
    kept, own = _read(path), targets.epoch(journal, run.target_id)
    if kept <= own or run.target.service == LOCAL_SERVICE:
        return
    decisions.record(journal, run, "accept-journal", f"epoch {own} instead of {kept}")
    _write(path, own)


def _path(folder: Path, target: Target) -> Path:
    return folder / "locks" / f"{lock.name_of(target)}.epoch"


def _read(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _write(path: Path, epoch: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with files.replacing(path) as stream:
        stream.write(f"{epoch}\n".encode())
    if os.name == "posix":
        path.chmod(0o600)
