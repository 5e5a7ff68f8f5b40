"""Leases: the name under which a process claims work, and whether other owners are still alive.

Several studios may share a home. An owner's lock is the operating system's: it dies with its process, whatever happens.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

import filelock

from bhuman_cli.studio.queue.store import StudioStore

STARTED_WITHIN_S: Final = 5.0


class Owner:
    """This process, as it is known to the store. Alive from here until release()."""

    def __init__(self, home: Path) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._folder = home / "owners"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = filelock.FileLock(self._folder / self.name)
        self._lock.acquire(timeout=STARTED_WITHIN_S)  # a neighbour may be looking whether this one lives

    def neighbours(self) -> list[str]:
        """Return the other owners in this home that are alive: they do their orders themselves."""
        others = [path for path in self._folder.iterdir() if path.name != self.name]
        return [path.name for path in others if _is_held(path)]

    def take_back(self, store: StudioStore) -> None:
        """Free what dead owners had claimed."""
        for other in store.owners():
            if other == self.name:
                continue
            path = self._folder / Path(other).name
            with contextlib.suppress(filelock.Timeout), filelock.FileLock(path).acquire(timeout=0):
                store.requeue(other, died=True)
                with contextlib.suppress(OSError):
                    path.unlink()

    def release(self, store: StudioStore) -> None:
        """Free what this process had claimed and not finished; it is no attempt."""
        store.requeue(self.name, died=False)
        self._lock.release()
        with contextlib.suppress(OSError):
            (self._folder / self.name).unlink()


def _is_held(path: Path) -> bool:
    try:
        with filelock.FileLock(path).acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True
