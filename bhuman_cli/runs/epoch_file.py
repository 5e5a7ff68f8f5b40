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


def keeper(journal: Journal, folder: Path, target: Target) -> Callable[[int], None]:
    """Return what keeps the target's epoch, called between the commit that makes a request `sending` and its bytes.

    A file that can't be written only guards less: what the journal says is what counts.
    """

    def keep(epoch: int) -> None:
        with contextlib.suppress(OSError, errors.BhumanError):
            _write(_path(folder, target), epoch, journal.server())

    return keep if target.service != LOCAL_SERVICE else lambda _: None


def note(journal: Journal, run: Run, folder: Path) -> None:
    """Keep what this machine has seen by now; other machines may have sent meanwhile."""
    path = _path(folder, run.target)
    noted, own = _read(path)[0], targets.epoch(journal, run.target_id)
    if noted < own:
        keeper(journal, folder, run.target)(own)


def refusal(journal: Journal, run: Run, folder: Path) -> errors.Refusal | None:
    """Return why a journal that is behind the counter may send nothing; one that is ahead corrects the counter."""
    if run.target.service == LOCAL_SERVICE:
        return None
    (noted, seen), own = _read(_path(folder, run.target)), targets.epoch(journal, run.target_id)
    if moved := decisions.moved_to(journal):
        return _refused(f"this journal was copied to {moved}, which counts from then on", "set BHUMAN_JOURNAL")
    if noted > own:
        return _refused(
            f"the journal knows {own:,} paid requests on this target, but {noted:,} were sent from this machine: it is"
            " an older one (restored from a backup?)"
        )
    now = journal.server()
    if all(seen) and all(now) and seen != now and not decisions.is_accepted(journal, _history(now)):
        return _refused("the journal's server is another one, or another history of it: its last commits may be lost")
    note(journal, run, folder)
    return None


def _refused(why: str, hint: str = "bhuman help journal") -> errors.Refusal:
    return errors.Refusal(
        f"{why}, and rows that it believes unsent may be paid already; put the newest journal back, or say"
        " --accept-journal",
        hint=hint,
        code="old_journal",
    )


def accept(journal: Journal, run: Run, folder: Path) -> None:
    """Take the journal for the right one, on a person's word, which is journaled: the counter follows it."""
    path = _path(folder, run.target)
    (noted, seen), own, now = _read(path), targets.epoch(journal, run.target_id), journal.server()
    is_behind, is_other = noted > own, all(seen) and all(now) and seen != now
    if run.target.service == LOCAL_SERVICE or not (is_behind or is_other):
        return
    what = _history(now) if is_other else f"epoch {own} instead of {noted}"
    decisions.record(journal, run, "accept-journal", what)
    _write(path, own, now)


def _history(server: tuple[str, str]) -> str:
    return f"server {server[0]}, timeline {server[1]}"


def _path(folder: Path, target: Target) -> Path:
    return folder / "locks" / f"{lock.name_of(target)}.epoch"


def _read(path: Path) -> tuple[int, tuple[str, str]]:
    """Return the epoch, and the server and its history where there was one."""
    try:
        epoch, *server = path.read_text(encoding="ascii").split()
        return int(epoch), (server[0], server[1]) if len(server) > 1 else ("", "")
    except (OSError, ValueError):
        return 0, ("", "")


def _write(path: Path, epoch: int, server: tuple[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with files.replacing(path) as stream:
        stream.write(" ".join(filter(None, (str(epoch), *server))).encode() + b"\n")
    if os.name == "posix":
        path.chmod(0o600)
