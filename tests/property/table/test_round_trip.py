"""Reader and writer are inverse: whatever texts go in come out, and no row is lost, repeated or moved."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import xlsxwriter
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from bhuman_cli.domain import RESULT_COLUMNS, ResultRow
from bhuman_cli.table import checked_table, reader
from bhuman_cli.table.output import results_file

# What a text file or a sheet can hold: no NUL, no half characters; a sheet's XML has no control characters either.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
SHEET_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12)
LETTERS = st.text("abcdefgh", min_size=1, max_size=6)


@st.composite
def tables(draw: st.DrawFn, cell: st.SearchStrategy[str]) -> tuple[list[str], list[list[str]]]:
    header = draw(st.lists(LETTERS, min_size=1, max_size=4, unique=True))
    width = len(header)
    rows = draw(st.lists(st.lists(cell, min_size=width, max_size=width), max_size=8))
    while rows and not any(text.strip() for text in rows[-1]):
        rows.pop()
    return header, rows


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    table = reader.open_table(path, reader.ReadOptions(encoding="utf-8" if path.suffix == ".csv" else None))
    return list(table.header), [list(row.cells) for row in table.rows()]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(TEXT), st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@example((["a"], [["one\ntwo"]]), "\t", "\n", True)
def test_csv_reads_back_identical(
    table: tuple[list[str], list[list[str]]], delimiter: str, line_end: str, quote_all: bool
) -> None:
    header, rows = table
    # Tabs and line ends in one quoted row can look like two rows of a program that never quotes: those are told, too.
    assume(delimiter != "\t" or not any("\t" in (texts := "".join(row)) and set(texts) & set("\r\n") for row in rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            # Minimal quoting forgets to quote the line ends that are not this file's own.
            must = line_end != "\r\n" and any(set(text) & set("\r\n") for row in rows for text in row)
            out = csv.writer(
                stream,
                delimiter=delimiter,
                lineterminator=line_end,
                quoting=csv.QUOTE_ALL if quote_all or must else csv.QUOTE_MINIMAL,
            )
            out.writerows([header, *rows])
        options = reader.ReadOptions(delimiter=delimiter, encoding="utf-8")
        found = reader.open_table(path, options)
        assert list(found.header) == header
        assert [list(row.cells) for row in found.rows()] == rows


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(SHEET_TEXT))
def test_xlsx_reads_back_identical(table: tuple[list[str], list[list[str]]]) -> None:
    header, rows = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate([header, *rows]):
                for column, text in enumerate(row):
                    sheet.write_string(number, column, text)
        assert read(path) == (header, rows)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(TEXT), st.sampled_from(["csv", "tsv", "json", "jsonl"]))
def test_results_keep_every_row_in_its_place(table: tuple[list[str], list[list[str]]], ending: str) -> None:
    assert_results_keep(table, ending)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(SHEET_TEXT))
def test_workbook_results_keep_every_row_in_its_place(table: tuple[list[str], list[list[str]]]) -> None:
    assert_results_keep(table, "xlsx")


def assert_results_keep(table: tuple[list[str], list[list[str]]], ending: str) -> None:
    header, rows = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{ending}"
        results = [
            ResultRow(cells=tuple(cells), fields={**dict.fromkeys(RESULT_COLUMNS, "x"), "row_index": str(number)})
            for number, cells in enumerate(rows)
        ]
        style = results_file.OutputStyle(kind=ending, delimiter="\t" if ending == "tsv" else ",")
        results_file.write_results(path, header, results, style)
        again = checked_table.open_table(path, checked_table.TableOptions(allow_empty=True)) if rows else None
        if again is None:
            return
        assert again.is_earlier_results
        assert list(again.columns) == header
        assert [list(row.cells) for row in again.rows()] == rows
        known = list(results_file.read_ids(path))
        assert [(each.row_index, list(each.cells)) for each in known] == list(enumerate(rows))
