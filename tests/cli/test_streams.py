"""Closed and full standard streams: what was paid is finished all the same, and nothing is called a bug."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def through_shell(desk: Desk, command: str) -> tuple[int, str]:
    came = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m bhuman_cli {command}"],
        cwd=desk.folder, env=desk.environment({"PATH": "/usr/bin:/bin"}), capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return came.returncode, came.stderr.decode()


@pytest.mark.parametrize(
    ("streams", "code"),
    [
        (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0), ("2>/dev/full", 0), ("--progress json 2>/dev/full", 0),
        (">/dev/full", 2),
    ],
)  # fmt: skip
def test_a_run_ends_as_it_should_whoever_listens(desk: Desk, service: PlainService, streams: str, code: int) -> None:
    desk.people(2)
    ended, said = through_shell(desk, f"render people.csv --poll-interval 0.05 {streams}")
    assert ended == code, said
    assert set(desk.column("status")) == {"succeeded"}
    assert len(service.bodies) == 1
    assert "bug" not in said
    assert not list(desk.home.glob("bug-*"))


def test_a_full_disk_under_the_data_is_said(desk: Desk) -> None:
    desk.people(1)
    assert desk.render("people.csv").code == 0
    code, said = through_shell(desk, "runs > /dev/full")
    assert (code, said) == (2, "error: standard output can't be written: No space left on device\n")


@pytest.mark.parametrize("encoding", ["cp437", "cp850", "latin-1", "iso8859-15", "koi8-r", "ascii", "cp932"])
@pytest.mark.parametrize("words", ["--help", "render --help"])
def test_help_is_written_in_any_encoding(desk: Desk, encoding: str, words: str) -> None:
    came = subprocess.run(
        [sys.executable, "-m", "bhuman_cli", *words.split()],
        cwd=desk.folder, env=desk.environment({"PYTHONIOENCODING": encoding}), capture_output=True, check=False,
    )  # fmt: skip
    assert came.returncode == 0, came.stderr
    assert b"campaign" in came.stdout
    assert not list(desk.home.glob("bug-*"))
