"""Lock of a target: the operating system's, so that it dies with its owner, who is named beside it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bhuman_cli import errors
from bhuman_cli.clock import Clock, iso_utc
from bhuman_cli.domain import Target

if TYPE_CHECKING:
    import filelock

    from bhuman_cli.journal.database import Journal

_LOOK_AGAIN_S: Final = 0.2
_NO_LOCKS: Final = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK})


@contextlib.contextmanager
def target_lock(
    folder: Path, target: Target, *, clock: Clock, wait_s: float = 0.0,
    on_wait: Callable[[str], None] = lambda _: None, journal: Journal | None = None,
) -> Iterator[None]:  # fmt: skip
    """Hold the target's lock for the block, from planning to the last write.

    wait_s: how long to wait for another process to let go. journal: holds a lock of its own, where other machines
        share it.

    Raises:
        Refusal: `locked`; the message names the process that holds it.
    """
    import filelock

    place = folder / "locks"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise errors.JournalError(f"no lock can be made in {place}: {error.strerror}", hint="bhuman doctor") from None
    name = name_of(target)
    lock = filelock.FileLock(place / f"{name}.lock", mode=0o600)
    owner = place / f"{name}.owner"
    _acquire(lock, owner, clock, wait_s, on_wait)
    try:
        _sign(owner, clock)
        with contextlib.nullcontext() if journal is None else _shared(journal, name, clock, wait_s, on_wait):
            yield
    finally:
        with contextlib.suppress(OSError):
            owner.unlink()
        lock.release()


@contextlib.contextmanager
def _shared(journal: Journal, name: str, clock: Clock, wait_s: float, on_wait: Callable[[str], None]) -> Iterator[None]:
    end_s = clock.monotonic_s() + wait_s
    is_said = False
    while True:
        with journal.hold(name) as is_mine:
            if is_mine:
                yield
                return
            holder = journal.holder(name)
        if clock.monotonic_s() >= end_s:
            raise errors.Refusal(
                f"another bhuman is working on this target: {holder}", hint="--lock-wait 10m", code="locked"
            )
        if not is_said:
            is_said = True
            on_wait(f"waiting for another bhuman on this target: {holder}")
        clock.sleep(_LOOK_AGAIN_S)


def name_of(target: Target) -> str:
    """Return what the files of a target are called in the folder of the locks."""
    return hashlib.blake2b(f"{target.service} {target.kind} {target.api_id}".encode(), digest_size=10).hexdigest()


def _acquire(
    lock: filelock.BaseFileLock, owner: Path, clock: Clock, wait_s: float, on_wait: Callable[[str], None]
) -> None:
    from filelock import Timeout

    end_s = clock.monotonic_s() + wait_s
    is_said = False
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # the library would go on with a lock that outlives its owner
                lock.acquire(timeout=0)
            return
        except Timeout:
            if clock.monotonic_s() >= end_s:
                raise errors.Refusal(
                    f"another bhuman is working on this target: {_owner(owner)}",
                    hint="--lock-wait 10m",
                    code="locked",
                ) from None
        except (NotImplementedError, UserWarning):
            raise _no_locks(owner.parent) from None
        except OSError as error:
            if error.errno in _NO_LOCKS:
                raise _no_locks(owner.parent) from None
            reason = error.strerror or "unknown"
            raise errors.JournalError(f"the lock can't be taken: {reason}", hint="bhuman doctor") from None
        if not is_said:
            is_said = True
            on_wait(f"waiting for another bhuman on this target: {_owner(owner)}")
        clock.sleep(_LOOK_AGAIN_S)


def _no_locks(folder: Path) -> errors.JournalError:
    return errors.JournalError(
        f"{folder}: the journal's folder lies on a file system without locks, and without one two commands could pay"
        " twice; set BHUMAN_HOME to a folder on this machine",
        hint="bhuman doctor",
    )


def _sign(owner: Path, clock: Clock) -> None:
    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": iso_utc(clock.now())})
    with contextlib.suppress(OSError):  # a courtesy to whoever is refused; the lock itself holds without it
        owner.touch(mode=0o600)
        owner.write_text(text, encoding="utf-8")


def _owner(owner: Path) -> str:
    try:
        facts = json.loads(owner.read_text(encoding="utf-8"))
        return f"process {int(facts['pid'])} on {str(facts['host'])[:80]}, since {str(facts['since'])[:30]}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has only just started"
