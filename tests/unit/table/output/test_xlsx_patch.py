"""Results in the user's own workbook: everything that is not ours stays, byte for byte outside the one sheet."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pytest
import xlsxwriter
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from bhuman_cli.domain import ResultRow
from bhuman_cli.table import checked_table, reader
from bhuman_cli.table.output import results_file

SHEET = "xl/worksheets/sheet1.xml"
HEADER_ROW = 2
DATA = Path(__file__).parents[3] / "data" / "tables"


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


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        ("<sheetData>", "<sheetData><!-- <sheetData> -->"),
        (r'<row r="(\d+)"', r"<row r='\1'"),
        (r'<c r="(\w+)"', r'<c r = "\1"'),
        ("</c>", "</c >"),
    ],
)
def test_a_sheet_that_is_not_understood_gives_a_plain_workbook(tmp_path: Path, pattern: str, instead: str) -> None:
    source, output = make(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    rewrite(source, lambda text: re.sub(pattern, instead, text))
    write(source, output)
    assert openpyxl.load_workbook(output).sheetnames == ["results"]
    assert [each.cells[0] for each in results_file.read_ids(output)] == ["P0 & <Co>", "P1 & <Co>", "", "P3 & <Co>"]


# Source: ECMA-376 part 1, 18.3.1.99: the children of a worksheet, in the order the schema asks for.
CHILDREN = (
    *("sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "sheetCalcPr", "sheetProtection"),
    *("protectedRanges", "scenarios", "autoFilter", "sortState", "dataConsolidate", "customSheetViews", "mergeCells"),
    *("phoneticPr", "conditionalFormatting", "dataValidations", "hyperlinks", "printOptions", "pageMargins"),
    *("pageSetup", "headerFooter", "rowBreaks", "colBreaks", "customProperties", "cellWatches", "ignoredErrors"),
    *("smartTags", "drawing", "legacyDrawing", "legacyDrawingHF", "picture", "oleObjects", "controls"),
    *("webPublishItems", "tableParts", "extLst"),
)


def children(path: Path) -> list[str]:
    return [each.tag.rpartition("}")[2] for each in ElementTree.fromstring(parts(path)[SHEET])]


def place_of_ours(path: Path, row: int) -> tuple[int, tuple[object, ...]]:
    found = [each.value for each in openpyxl.load_workbook(path)["Leads"][row]]
    return found.index("row_index" if row == HEADER_ROW else "0"), tuple(found)


@pytest.mark.filterwarnings("ignore:.*extension is not supported")
def test_the_sheet_keeps_the_schemas_order_where_children_have_extensions(tmp_path: Path) -> None:
    source, output = tmp_path / "leads.xlsx", tmp_path / "out.xlsx"
    with xlsxwriter.Workbook(source) as book:
        sheet = book.add_worksheet("Leads")
        for row, cells in enumerate((["Title"], ["name", "score", "site"], ["Ada", 1, ""], ["Bo", 2, ""])):
            sheet.write_row(row, 0, cells)
        sheet.conditional_format("B3:B4", {"type": "data_bar", "data_bar_2010": True})
        sheet.data_validation("A3:A4", {"validate": "list", "source": ["Ada"]})
        sheet.autofilter("A2:C4")
        sheet.add_sparkline("Z1", {"range": "Leads!B3:B4"})
        book.add_worksheet("Other")
    margins = '<pageMargins left="1" right="1" top="1" bottom="1" header="1" footer="1"/>'
    guid = "{8A2F8A3E-6E4C-4D0B-9C0B-0A0B0C0D0E0F}"
    view = f'<customSheetViews><customSheetView guid="{guid}">{margins}</customSheetView></customSheetViews>'
    rewrite(source, lambda text: re.sub(r"(<autoFilter [^>]*/>)", rf"\1{view}", text))
    write(source, output)
    assert "hyperlinks" in children(output)
    assert children(output) == sorted(children(output), key=CHILDREN.index)
    assert openpyxl.load_workbook(output)["Leads"]["H3"].hyperlink.target == "https://v.io/x?a=1&b=2"


def test_ours_stand_right_of_what_is_merged_or_reckoned_there(tmp_path: Path) -> None:
    def merged(sheet: Worksheet) -> None:
        for row in range(2, 6):
            sheet.merge_cells(start_row=row, start_column=3, end_row=row, end_column=5)

    def reckoned(sheet: Worksheet) -> None:
        sheet["F4"] = '=IF(A4="","x","")'

    for change, column in ((merged, 5), (reckoned, 6)):
        source, output = make(tmp_path / "leads.xlsx", change), tmp_path / "out.xlsx"
        rewrite(source, lambda text: re.sub(r'(<c r="F4"[^>]*>.*?)<v>42</v>', r"\1<v>0</v>", text))
        rewrite(source, lambda text: re.sub(r'<c r="F4"[^>]*>(.*?)<v>0</v>', r'<c r="F4" t="str">\1<v></v>', text))
        write(source, output)
        assert place_of_ours(output, HEADER_ROW)[0] == column
        assert place_of_ours(output, 3)[0] == column
        write(output, output, "succeeded")  # and there they stay
        assert place_of_ours(output, HEADER_ROW)[0] == column
        assert [known.status for known in results_file.read_ids(output)] == ["succeeded"] * 4
    assert openpyxl.load_workbook(output)["Leads"]["F4"].value == '=IF(A4="","x","")'


def test_relations_with_a_prefix_and_parts_with_backslashes_are_kept(tmp_path: Path) -> None:
    source, output = make(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    with zipfile.ZipFile(source) as old:
        every = [(name, old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(source, "w") as new:
        for name, data in every:
            changed = data
            if name.endswith("sheet1.xml.rels"):
                text = data.decode().replace("<Relationship", "<p:Relationship").replace("</Rel", "</p:Rel")
                changed = text.replace(" xmlns=", " xmlns:p=").encode()
            new.writestr(zipfile.ZipInfo(name.replace("/", "\\") if "theme" in name else name), changed)
    opened = write(source, output)
    style = results_file.output_style(output, opened.table, source)
    assert results_file.style_notice(style, opened.table, 4) == ""
    book = openpyxl.load_workbook(output)
    assert book["Other"]["A1"].value == "keep me"
    assert book["Leads"]["B3"].hyperlink.target == "https://example.com/own"
    assert book["Leads"]["H3"].hyperlink.target == "https://v.io/x?a=1&b=2"


def test_links_of_a_strict_workbook_are_strict(tmp_path: Path) -> None:
    source, output = DATA / "strict.xlsx", tmp_path / "out.xlsx"
    table = reader.open_table(source, reader.ReadOptions())
    fields = {"url": "https://v.io/x"}
    rows = [ResultRow(cells=row.cells, fields={"row_index": str(row.row_index), **fields}) for row in table.rows()]
    results_file.write_results(output, table.raw_header, rows, results_file.output_style(output, table, source))
    relations = next(data for name, data in parts(output).items() if name.endswith("sheet1.xml.rels"))
    assert b"http://purl.oclc.org/ooxml/officeDocument/relationships/hyperlink" in relations
    assert b"schemas.openxmlformats.org/officeDocument" not in relations + parts(output)[SHEET]


def test_what_cannot_be_kept_is_said_before_anything_is_paid(tmp_path: Path) -> None:
    source, output = make(tmp_path / "leads.xlsx"), tmp_path / "out.xlsx"
    rewrite(source, lambda text: text.replace("<sheetData>", "<!-- odd --><sheetData>", 1))
    table = reader.open_table(source, reader.ReadOptions(header_row=HEADER_ROW))
    said = results_file.style_notice(results_file.output_style(output, table, source), table, 4)
    assert "can't be changed safely: the results are a new workbook" in said
