"""The results file is a complete old or a complete new version, wherever its writing ends."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from bhuman_cli.domain import ResultRow
from bhuman_cli.table.output import results_file
from bhuman_cli.table.output.results_file import OutputStyle
from tests.support.money_world import Killed

OLD, NEW = 3, 5


def write(path: Path, count: int) -> None:
    rows = [ResultRow(cells=(f"name {n}",), fields={"row_index": str(n), "status": "queued"}) for n in range(count)]
    results_file.write_results(path, ("first_name",), rows, OutputStyle(kind="csv"))


class Countdown:
    """Ends the program at the nth call of any of the functions it stands before."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def before(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        whole = getattr(owner, name)

        def counted(*args: object, **kwargs: object) -> object:
            self.calls -= 1
            if self.calls == 0:
                raise Killed
            return whole(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)


@pytest.mark.parametrize("at", range(1, 9))
def test_killed_anywhere_in_its_writing_the_file_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    path = tmp_path / "people.results.csv"
    write(path, OLD)
    countdown = Countdown(at)
    with monkeypatch.context() as patched:
        for owner, name in ((tempfile, "mkstemp"), (os, "fsync"), (Path, "chmod"), (Path, "replace")):
            countdown.before(patched, owner, name)
        try:
            write(path, NEW)
            was_killed = False
        except Killed:
            was_killed = True
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 in {OLD, NEW}
    assert was_killed or len(lines) - 1 == NEW
    assert lines[-1].startswith(f"name {len(lines) - 2},")
