"""Results in the user's own workbook: everything that is not ours stays, byte for byte outside the one sheet."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from bhuman_cli.domain import ResultRow
from bhuman_cli.table import checked_table, reader
from bhuman_cli.table.output import results_file

SHEET = "xl/worksheets/sheet1.xml"
HEADER_ROW = 2


def make(path: Path, change: Callable[[Worksheet], None] | None = None) -> Path:
    """Write a workbook as people have them: a title, a styled header, formulas, a chart, another sheet."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Leads"
    sheet.append(["Quarterly leads"])
    sheet.append(["name", "site", "twice"])
    for number in range(4):
        sheet.append([f"P{number} & <Co>", "https://example.com", f"={number}*2"] if number != 2 else [])
    sheet["A2"].font = Font(bold=True)
    sheet["C2"].font = Font(italic=True)
    sheet["B3"].hyperlink = "https://example.com/own"
    sheet.column_dimensions["A"].width = 33
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=3, min_row=2, max_row=6))
    sheet.add_chart(chart, "R2")
    book.create_sheet("Other")["A1"] = "keep me"
    if change is not None:
        change(sheet)
    book.save(path)
    rewrite(path, lambda text: re.sub(r"(<f>[^<]*</f>)<v ?/>", r"\1<v>42</v>", text))
    return path


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    with zipfile.ZipFile(path) as old:
        parts = [(name, old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(path, "w") as new:
        for name, data in parts:
            new.writestr(name, change(data.decode()) if name == SHEET else data)


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(
    source: Path, output: Path, status: str = "queued", url: str = "https://v.io/x?a=1&b=2"
) -> checked_table.CheckedTable:
    options = checked_table.TableOptions(read=reader.ReadOptions(header_row=HEADER_ROW))
    opened = checked_table.open_table(source, options)
    rows = [
        ResultRow(
            cells=row.cells,
            fields={"row_index": str(row.row_index), "id": f"id{row.row_index}", "status": status, "url": url}
            | {"message": "=1+1 _x0041_ <&>"},
        )
        for row in opened.rows()
    ]
    results_file.write_results(output, opened.columns, rows, results_file.output_style(output, opened.table, source))
    return opened


def values(path: Path, row: int) -> Sequence[object]:
    found = next(openpyxl.load_workbook(path)["Leads"].iter_rows(min_row=row, max_row=row, values_only=True))
    return tuple(found)


def test_our_columns_stand_beside_each_row_and_the_rest_stays(tmp_path: Path) -> None:
    source, output = make(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    write(source, output)
    before, after = parts(source), parts(output)
    relations = "xl/worksheets/_rels/sheet1.xml.rels"
    assert {name: data for name, data in after.items() if name not in {SHEET, relations}} == {
        name: data for name, data in before.items() if name not in {SHEET, relations}
    }
    assert values(output, 1)[:2] == ("Quarterly leads", None)
    assert list(values(output, HEADER_ROW)) == [
        "name",
        "site",
        "twice",
        *results_file.result_header(["name", "site", "twice"]),
    ]
    first = values(output, 3)
    assert first[:6] == ("P0 & <Co>", "https://example.com", "=0*2", "0", "id0", "queued")
    assert b"<f>0*2</f><v>42</v>" in after[SHEET]
    sheet = openpyxl.load_workbook(output)["Leads"]
    assert sheet["B3"].hyperlink.target == "https://example.com/own"
    assert sheet["H3"].hyperlink.target == "https://v.io/x?a=1&b=2"
    assert (sheet["L3"].data_type, sheet["L3"].value) == ("s", "'=1+1 _x005F_x0041_ ‹&›")
    assert (sheet.freeze_panes, sheet.column_dimensions["A"].width, sheet["D2"].font.i) == ("A3", 33.0, True)
    assert [each.cells[:1] for each in results_file.read_ids(output)] == [
        ("P0 & <Co>",),
        ("P1 & <Co>",),
        ("",),
        ("P3 & <Co>",),
    ]
    assert results_file.recognise(output) is results_file.RecognisedColumns.OURS


def test_an_earlier_results_workbook_is_updated_in_place_and_does_not_grow(tmp_path: Path) -> None:
    source, output = make(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    write(source, output, url="https://v.io/old")
    sizes = set()
    for status in ("processing", "succeeded", "succeeded"):
        opened = write(output, output, status, "https://v.io/new")
        assert opened.is_earlier_results
        assert opened.columns == ("name", "site", "twice")
        sizes.add(len(parts(output)[SHEET]) if status == "succeeded" else 0)
    assert len(sizes) == 2
    assert "old" not in parts(output)["xl/worksheets/_rels/sheet1.xml.rels"].decode()
    assert values(output, 6)[:6] == ("P3 & <Co>", "https://example.com", "=3*2", "3", "id3", "succeeded")
    assert openpyxl.load_workbook(output)["Leads"]["B3"].hyperlink.target == "https://example.com/own"


def test_no_link_lands_beside_another_person_when_the_input_was_changed(tmp_path: Path) -> None:
    source, output = make(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    options = checked_table.TableOptions(read=reader.ReadOptions(header_row=HEADER_ROW))
    opened = checked_table.open_table(source, options)
    style = results_file.output_style(output, opened.table, source)
    rows = [ResultRow(cells=row.cells, fields={"row_index": str(row.row_index), "id": "x"}) for row in opened.rows()]

    def swapped(sheet: Worksheet) -> None:
        sheet["A3"], sheet["A4"] = sheet["A4"].value, sheet["A3"].value

    for change in (swapped, lambda sheet: sheet.append(["one more"]), lambda sheet: sheet.delete_rows(3)):
        make(source, change)
        results_file.write_results(output, opened.columns, rows, style)
        assert openpyxl.load_workbook(output).sheetnames == ["results"]
        assert [each.cells for each in results_file.read_ids(output)] == [row.cells for row in rows]
    source.unlink()
    results_file.write_results(output, opened.columns, rows, style)
    assert openpyxl.load_workbook(output).sheetnames == ["results"]


def test_more_rows_than_are_kept_styled_give_a_plain_workbook_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = make(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    monkeypatch.setattr(results_file, "MAX_STYLED_ROWS", 3)
    opened = write(source, output)
    assert openpyxl.load_workbook(output).sheetnames == ["results"]
    style = results_file.output_style(output, opened.table, source)
    assert "more than 3 rows" in results_file.style_notice(style, opened.table, 4)
    assert results_file.style_notice(style, opened.table, 3) == ""
    macro = results_file.output_style(output, opened.table, Path("leads.xlsm"))
    assert "not an .xlsx file" in results_file.style_notice(macro, opened.table, 3)
    assert results_file.style_notice(results_file.OutputStyle(kind="csv"), opened.table, 9) == ""


def test_a_pane_the_user_froze_and_widths_that_reach_far_are_left_alone(tmp_path: Path) -> None:
    def change(sheet: Worksheet) -> None:
        sheet.freeze_panes = "B3"
        sheet.column_dimensions["A"].min, sheet.column_dimensions["A"].max = 1, 100

    source, output = make(tmp_path / "leads.xlsx", change), tmp_path / "out.xlsx"
    write(source, output)
    assert openpyxl.load_workbook(output)["Leads"].freeze_panes == "B3"
    assert parts(output)[SHEET].count(b"<col ") == 1


def test_results_are_seen_where_the_user_hid_everything_right_of_the_table(tmp_path: Path) -> None:
    def change(sheet: Worksheet) -> None:
        sheet.column_dimensions["B"].hidden = True
        sheet.column_dimensions["C"].hidden = True
        sheet.column_dimensions["C"].min, sheet.column_dimensions["C"].max = 3, 16384

    source, output = make(tmp_path / "leads.xlsx", change), tmp_path / "out.xlsx"
    write(source, output)
    columns = re.findall(r"<col [^>]*>", parts(output)[SHEET].decode())
    shown = [[int(re.search(rf'{end}="(\d+)"', each)[1]) for end in ("min", "max")] for each in columns]  # type: ignore[index]
    assert shown == [[1, 1], [2, 2], [3, 3], [4, 14], [15, 16384]]
    assert ['hidden="1"' in each for each in columns] == [False, True, True, False, True]


def test_sheets_written_in_other_ways_are_understood(tmp_path: Path) -> None:
    def prefixed(text: str) -> str:
        return re.sub(r"<(/?)(\w)", r"<\1x:\2", text).replace("xmlns=", "xmlns:x=")

    def bare(text: str) -> str:
        text = re.sub(r"<(?:sheetViews|cols|hyperlinks)>.*?</(?:sheetViews|cols|hyperlinks)>", "", text)
        return re.sub(r"<(?:dimension|sheetFormatPr|pageMargins|drawing)\b[^>]*/>", "", text)

    for number, change in enumerate((prefixed, bare)):
        source, output = make(tmp_path / f"leads{number}.xlsx"), tmp_path / f"out{number}.xlsx"
        rewrite(source, change)
        write(source, output)
        sheet = openpyxl.load_workbook(output)["Leads"]
        assert values(output, 4)[:5] == ("P1 & <Co>", "https://example.com", "=1*2", "1", "id1")
        assert sheet["H4"].hyperlink.target == "https://v.io/x?a=1&b=2"
        assert sheet.freeze_panes == "A3"


def test_a_sheet_that_is_not_understood_gives_a_plain_workbook(tmp_path: Path) -> None:
    source, output = make(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    rewrite(source, lambda text: text.replace("<sheetData>", "<sheetData><!-- <sheetData> --><row r='3'/>", 1))
    write(source, output)
    assert [each.cells[0] for each in results_file.read_ids(output)] == ["P0 & <Co>", "P1 & <Co>", "", "P3 & <Co>"]
