"""Counting rows by one of the user's columns."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from bhuman_cli.domain import ResultRow
from bhuman_cli.errors import UsageError
from bhuman_cli.table.output import counts


def row(company: str, status: str) -> ResultRow:
    return ResultRow(cells=("someone", company), fields={"status": status})


ROWS = [row("B", "failed"), row("A", "succeeded"), row("B ", "succeeded"), row("B", "succeeded"), row("", "skipped")]


def test_values_are_counted_by_status_the_most_frequent_first() -> None:
    header, lines = counts.status_counts(counts.counts_by(("name", "company"), ROWS, "company"))
    assert header == ["company", "succeeded", "failed", "skipped", "total"]
    assert lines == [
        ["B", "2", "1", "0", "3"],
        ["", "0", "0", "1", "1"],
        ["A", "1", "0", "0", "1"],
        ["total", "3", "1", "1", "5"],
    ]


def test_no_rows_are_no_counts() -> None:
    assert counts.status_counts(counts.counts_by(("company",), [], "company")) == (
        ["company", "total"],
        [["total", "0"]],
    )


def test_cells_that_look_like_numbers_stay_texts() -> None:
    rows = [row("007", "succeeded"), row("7", "succeeded"), row("NA", "succeeded")]
    counted = counts.counts_by(("name", "company"), rows, "company")
    assert sorted(map(str, counted.index)) == ["007", "7", "NA", "total"]


def test_the_ending_picks_the_format(tmp_path: Path) -> None:
    counted = counts.counts_by(("name", "company"), ROWS, "company")
    for name in ("c.csv", "c.tsv", "c.xlsx", "c.json"):
        counts.write(counted, tmp_path / name)
    with (tmp_path / "c.csv").open(newline="", encoding="utf-8") as stream:
        assert next(csv.DictReader(stream)) == {
            "company": "B", "succeeded": "2", "failed": "1", "skipped": "0", "total": "3",
        }  # fmt: skip
    assert (tmp_path / "c.tsv").read_text(encoding="utf-8").splitlines()[1] == "B\t2\t1\t0\t3"
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))[-1]["total"] == 5
    sheet = CalamineWorkbook.from_path(str(tmp_path / "c.xlsx")).get_sheet_by_index(0).to_python()
    assert sheet[1] == ["B", 2.0, 1.0, 0.0, 3.0]
    with pytest.raises(UsageError, match="csv, tsv, xlsx or json"):
        counts.write(counted, tmp_path / "c.pdf")
