"""`export --by COLUMN`: how many rows of each value ended how, for people, for programs, as a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bhuman_cli.cli import app
from tests.cli.delivery.conftest import NAMES, Rendered


def test_rows_are_counted_by_the_values_of_a_column(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def counted(*more: str) -> tuple[int, str, str]:
        code = app.run(["export", str(rendered.table), "--by", *more])
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, _ = counted("first_name", "--json")
    counts = {row["first_name"]: row["succeeded"] for row in json.loads(out)["counts"]}
    assert (code, counts) == (0, {**dict.fromkeys(NAMES, 1), "total": len(NAMES)})
    _, shown, _ = counted("first_name")
    assert shown.splitlines()[-1].split() == ["total", str(len(NAMES)), str(len(NAMES))]
    path = tmp_path / "counts.csv"
    assert counted("first_name", "-o", str(path))[:2] == (0, f"{path}\n")
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = {line["first_name"]: line["total"] for line in csv.DictReader(file)}
    assert lines == {**dict.fromkeys(NAMES, "1"), "total": str(len(NAMES))}
    code, _, said = counted("firstname")
    assert (code, "did you mean 'first_name'?" in said) == (2, True), said
