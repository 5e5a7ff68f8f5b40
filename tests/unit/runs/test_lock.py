"""The target's lock: one process at a time, named to whoever is refused, gone with its owner."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import filelock
import pytest

from bhuman_cli import errors
from bhuman_cli.domain import TargetKind
from bhuman_cli.runs import lock
from tests.support.clocks import HeldClock
from tests.support.ledger import TARGET

_HOLD = """
import sys
from pathlib import Path
from bhuman_cli import clock
from bhuman_cli.domain import Target, TargetKind
from bhuman_cli.runs import lock
target = Target(service=sys.argv[2], kind=TargetKind.CAMPAIGN, api_id=sys.argv[3])
with lock.target_lock(Path(sys.argv[1]), target, clock=clock.SystemClock()):
    print("held", flush=True)
    sys.stdin.read()
"""


def take(folder: Path, **changed: object) -> None:
    with lock.target_lock(folder, replace(TARGET, **changed), clock=HeldClock()):  # type: ignore[arg-type]
        pass


def test_another_process_is_refused_with_the_name_of_the_owner_until_that_one_dies(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path), TARGET.service, TARGET.api_id],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert owner.stdin is not None
    assert owner.stdout is not None
    with owner:
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(errors.Refusal) as caught:
            take(tmp_path)
        assert (caught.value.code, caught.value.exit_code) == ("locked", 7)
        assert f"process {owner.pid} on " in caught.value.message
        take(tmp_path, api_id="another")
        take(tmp_path, kind=TargetKind.INSTANCE)
        take(tmp_path, service="local")
        owner.kill()
        owner.wait(10)
    take(tmp_path)  # the lock died with its owner, whatever file was left


def test_waiting_is_said_once_and_ends(tmp_path: Path) -> None:
    clock, said = HeldClock(), list[str]()
    with (
        lock.target_lock(tmp_path, TARGET, clock=clock),
        pytest.raises(errors.Refusal),
        lock.target_lock(tmp_path, TARGET, clock=clock, wait_s=2.0, on_wait=said.append),
    ):
        pass
    assert (len(said), f"process {os.getpid()}" in said[0]) == (1, True)
    assert 2.0 <= sum(clock.slept) < 2.5


def test_a_lock_that_becomes_free_while_waiting_is_taken(tmp_path: Path) -> None:
    held = lock.target_lock(tmp_path, TARGET, clock=HeldClock())
    held.__enter__()

    class Clock(HeldClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 3:
                held.__exit__(None, None, None)

    clock = Clock()
    with lock.target_lock(tmp_path, TARGET, clock=clock, wait_s=60.0):
        assert len(clock.slept) == 3


def test_files_are_private_and_the_owner_file_goes(tmp_path: Path) -> None:
    with lock.target_lock(tmp_path, TARGET, clock=HeldClock()):
        files = {path.suffix: path.stat().st_mode & 0o777 for path in (tmp_path / "locks").iterdir()}
        assert files == {".lock": 0o600, ".owner": 0o600}
        owner = next((tmp_path / "locks").glob("*.owner"))
        assert json.loads(owner.read_text())["pid"] == os.getpid()
    assert not owner.exists()
    assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b'{"pid": "x", "host": "", "since": ""}'])
def test_an_owner_that_can_not_be_read_is_still_an_owner(tmp_path: Path, content: bytes | None) -> None:
    with lock.target_lock(tmp_path, TARGET, clock=HeldClock()):
        owner = next((tmp_path / "locks").glob("*.owner"))
        owner.unlink()
        if content is not None:
            owner.write_bytes(content)
        with pytest.raises(errors.Refusal, match="only just started"):
            take(tmp_path)


def test_nowhere_to_put_the_lock_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(errors.JournalError, match="no lock can be made"):
        take(tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(13, "Permission denied"), "Permission denied"), (NotImplementedError("flock"), "without locks")],
)
def test_a_lock_the_system_refuses_is_a_journal_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(errors.JournalError, match=words):
        take(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_named_and_nothing_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(errors.JournalError, match="BHUMAN_HOME"), lock.target_lock(tmp_path, TARGET, clock=HeldClock()):
        raise AssertionError("two commands could pay twice")
