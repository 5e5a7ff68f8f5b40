"""Rows that have not as many cells as the header has columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from bhuman_cli.domain import RESULT_COLUMNS, RowState
from bhuman_cli.errors import InputError
from bhuman_cli.table import reader
from bhuman_cli.table.formats import csv_records
from tests.support.intakes import said, take


def test_every_ragged_row_is_a_problem_of_its_own_and_loses_no_text(tmp_path: Path) -> None:
    text = "name,company\nAnn,Acme, Inc\n{{x}}\n\nBob,Acme\nC,D,E,F\n"
    rows, opened = take(tmp_path, text)
    assert [(row.state, row.cells) for row in rows] == [
        (RowState.INVALID, ("Ann", "Acme, Inc")),
        (RowState.INVALID, ("{{x}}", "")),
        (RowState.SKIPPED, ("", "")),
        (RowState.PENDING, ("Bob", "Acme")),
        (RowState.INVALID, ("C", "D,E,F")),
    ]
    assert said(opened) == [
        (0, 2, "", "3 cells, but the header has 2 columns", "error"),
        (1, 3, "", "1 cell, but the header has 2 columns", "error"),
        (4, 6, "", "4 cells, but the header has 2 columns", "error"),
    ]
    assert rows[0].message == "3 cells, but the header has 2 columns"
    assert ["quotes" in each.hint for each in opened.problems] == [True, False, True]
    assert "delete it if it is a total or a footer" in next(iter(list(opened.problems)[1:])).hint


def test_a_ragged_row_of_an_earlier_results_file_is_refused_because_writing_it_back_would_lose_text(
    tmp_path: Path,
) -> None:
    header = ",".join(("name", "company", *RESULT_COLUMNS))
    with pytest.raises(InputError, match="line 2: 14 cells, but the header has 13 columns"):
        take(tmp_path, f"{header}\nAnn,Acme, Inc,0,id,pending,,,,,,,,now\n")


def test_a_value_below_no_name_is_said_to_be_that(tmp_path: Path) -> None:
    _, opened = take(tmp_path, "name,company,,\nAnn,Acme,,note\nBob,Acme,,\nCyd,Acme,a,b,c\n")
    assert [(each.line, each.rule, each.hint) for each in opened.problems] == [
        (2, "a value in column 4, which has no name", csv_records.ragged_hint("no name", 2, 2)),
        (4, "5 cells, but the header has 2 columns", csv_records.ragged_hint("", 2, 4)),
    ]


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Report;;\n;;\n", 3),
        ("Leads, made by CRM, on Monday\n", 2),
        ('"Leads, 2026"\n"by Ann, Bob"\n\n', 4),
        ("# export\n", 2),
    ],
)
def test_below_a_title_the_header_is_found_by_the_hint(tmp_path: Path, title: str, line: int) -> None:
    text = f"{title}name;company;city\nAnn;Acme, Inc;X\nBob;Beta;\n"
    with pytest.raises(InputError, match=rf"line 1: stands alone, while from line {line} on `;` cuts") as refused:
        take(tmp_path, text)
    assert refused.value.hint == f"--header-row {line}"
    _, opened = take(tmp_path, text, read=reader.ReadOptions(header_row=line))
    assert opened.variables == ("name", "company", "city")


def test_a_ragged_row_that_is_not_selected_is_not_checked(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "name,company\nAnn,Acme\nBob\n", rows="0")
    assert (len(rows), rows[1].selected, len(opened.problems)) == (2, False, 0)
