"""Tables as people have them: what is a row for nobody, what was damaged on its way, what only stands for a table."""

from __future__ import annotations

import json
import re
import time
import unicodedata
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from bhuman_cli.domain import RowState
from bhuman_cli.errors import BhumanError, InputError, UsageError
from bhuman_cli.table import checked_table, reader
from bhuman_cli.table.checked_table import TableOptions
from tests.support.intakes import said, take

DATA = Path(__file__).parents[2] / "data" / "tables"


def refusal(path: Path) -> BhumanError:
    with pytest.raises(BhumanError) as refused:
        for _ in reader.open_table(path, reader.ReadOptions()).rows():
            pass
    return refused.value


def test_a_row_blank_in_all_that_is_sent_is_nobody_whatever_stays_here(tmp_path: Path) -> None:
    text = "name,company,invited,note\nAnn,Acme,TRUE,\nBob,,FALSE,\n,,FALSE,\n \u200b,\\N,FALSE,call back\n"
    rows, opened = take(tmp_path, text, only=["name,company"], defaults=["name=there", "company=your team"])
    assert [row.state for row in rows] == [RowState.PENDING, RowState.PENDING, RowState.SKIPPED, RowState.SKIPPED]
    assert [row.message for row in rows[2:]] == ["blank in every column that is sent"] * 2
    assert not opened.problems


def test_an_asset_makes_a_row_somebodys(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "name,logo\n,x.io/a.png\n,\nAnn,\n", asset_columns=["logo"], backgrounds=[])
    assert [row.state for row in rows] == [RowState.INVALID, RowState.SKIPPED, RowState.PENDING]
    assert (0, 2, "name", "empty, but every variable needs a value", "error") in said(opened)


def test_the_header_once_more_is_no_recipient(tmp_path: Path) -> None:
    rows, opened = take(tmp_path, "Name,company\nAnn,Acme\n\ufeffName,company \nName,Beta\n")
    assert [row.state for row in rows] == [RowState.PENDING, RowState.INVALID, RowState.PENDING]
    assert [each[3] for each in said(opened)] == ["the header once more, not a recipient"]
    _, opened = take(tmp_path, "Name,company\nAnn,Acme\nNAME,COMPANY\n")
    assert [each[3] for each in said(opened)] == ["the header once more, not a recipient"]
    assert not take(tmp_path, "Name\nAnn\nNAME\n")[1].problems


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("JosÃ©", "letters of a wrong encoding, saved so once"),
        ("CafÃ© Ãœber", "letters of a wrong encoding, saved so once"),
        ("Itâ€™s", "letters of a wrong encoding, saved so once"),
        ("Jos√©", "letters of a wrong encoding, saved so once"),
        ("Jos├⌐", "letters of a wrong encoding, saved so once"),
        ("Ð\x9fÐµÑ‚Ñ€".replace("\x9f", "Ÿ"), "letters of a wrong encoding, saved so once"),
        ("Ben &amp; Jerry&#39;s", "holds an HTML entity such as &amp;"),
        ("<b>Acme</b>", "holds an HTML tag such as <br>"),
        ("Beta<br>Ltd", "holds an HTML tag such as <br>"),
        ('="""00123"""'.replace('"""', '"'), 'escaped for Excel, with ="…" or an apostrophe in front'),
        ("'+4917012345", 'escaped for Excel, with ="…" or an apostrophe in front'),
        ("'Acme'", 'escaped for Excel, with ="…" or an apostrophe in front'),
        ("РњРѕСЃРєРІР°", "letters of a wrong encoding, saved so once"),
        ("╨Ш╨▓╨░╨╜", "letters of a wrong encoding, saved so once"),
        ("J%C3%BCrgen", "holds letters written as codes, such as %C3%BC"),
        ("J=C3=BCrgen", "holds letters written as codes, such as %C3%BC"),
        ("J\\u00fcrgen", "holds letters written as codes, such as %C3%BC"),
    ],
)
def test_damage_is_warned_of_with_its_column(tmp_path: Path, cell: str, rule: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    rows, opened = take(tmp_path, f"name,company\nAnn,{quoted}\n")
    assert said(opened) == [(0, 2, "company", rule, "warning")]
    assert rows[0].values == ("Ann", cell)


@pytest.mark.parametrize(
    "cell",
    [
        "NÃO",
        "ANDRÉ’S",
        "Ægir Þór",
        "AT&T; Co",
        "a < b",
        "'t Hooft",
        "Ärzte “Süd”",
        "École",
        "Ø & Å",
        "ÜÖÄ",
        "Nguyễn",
        "Рівне",
        "Сєвєродонецьк",
        "Всё",
        "100% = all",
        "C:\\users",
        "who?",
    ],
)
def test_whole_texts_are_not_warned_of(tmp_path: Path, cell: str) -> None:
    _, opened = take(tmp_path, f"firm,company\nx,{cell}\n")
    assert not opened.problems


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("ana@example.com", "an e-mail address, not a name"),
        ("https://www.linkedin.com/in/ana", "a link, not a name"),
        ("12345", "not a name: no letter in it"),
        ("+49 170", "not a name: no letter in it"),
        ("Bj?rn", "a question mark in a name, where a letter was lost"),
    ],
)
def test_what_is_nobodys_name_is_warned_of(tmp_path: Path, name: str, rule: str) -> None:
    _, opened = take(tmp_path, f"first_name,company\nAnn,Acme\n{name},Acme\n")
    assert said(opened) == [(1, 3, "first_name", rule, "warning")]


@pytest.mark.parametrize(
    ("name", "rule", "severity"),
    [
        ("sociÃ©tÃ©", "its name: letters of a wrong encoding, saved so once", "warning"),
        ('="zip"', 'its name: escaped for Excel, with ="…" or an apostrophe in front', "warning"),
        ("a&amp;b", "its name: holds an HTML entity such as &amp;", "warning"),
        ("#REF!", "its name is an error", "error"),
    ],
)
def test_names_of_sent_columns_are_checked_as_cells_are(tmp_path: Path, name: str, rule: str, severity: str) -> None:
    text = f"first_name,{name}\nAnn,Acme\n"
    _, opened = take(tmp_path, text)
    assert said(opened) == [(None, 1, name, rule, severity)]
    _, opened = take(tmp_path, text, exclude=[name])
    assert not opened.problems


@pytest.mark.parametrize(
    "text",
    ["#N/A", "#NV", "#BEZUG!", "#¡VALOR!", "#ERROR!", "Loading...", "########", "Err:508", "#ССЫЛКА!", "#SPILL!"],
)
def test_errors_are_known_in_every_language(tmp_path: Path, text: str) -> None:
    rows, opened = take(tmp_path, f"name,company,note\nAnn,{text},\nBob,Acme,{text}\n", exclude=["note"])
    assert said(opened) == [(0, 2, "company", f"holds the error {text}", "error")]
    assert rows[1].state == RowState.PENDING


def test_an_address_of_a_person_is_no_asset(tmp_path: Path) -> None:
    _, opened = take(tmp_path, "name,logo\nAnn,ann@example.com\n", asset_columns=["logo"], backgrounds=[])
    assert "an e-mail address" in said(opened)[-1][3]


def test_a_column_blank_in_every_row_is_said_once(tmp_path: Path) -> None:
    _, one = take(tmp_path, "name,company,phone\nAnn,Acme,\nBob,,\n")
    assert [(each.column, each.rule, each.hint) for each in one.problems if each.row_index is None] == [
        ("phone", "blank in every row", "--exclude phone")
    ]
    assert one.problems.errors == 2
    _, many = take(tmp_path, 'name,"a, b",c,d\nAnn,x,,\nBob,y,,\n')
    (told,) = many.problems
    assert (told.rule, told.hint) == ("2 columns are blank in every row: c, d", "--only 'name,\"a, b\"'")
    _, again = take(tmp_path, 'name,"a, b",c,d\nAnn,x,,\nBob,y,,\n', only=['name,"a, b"'])
    assert not again.problems


def test_names_of_columns_are_cleaned_as_cells_are(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "prénom")
    text = f"\ufeff\ufeff\u200bfirst\u2009name ,{decomposed}\u200e,\u202aco\u200b\u200dmpany\u202c\nAnn,A,Acme\n"
    _, opened = take(tmp_path, text, only=["first name,prénom,company"])
    assert opened.variables == ("first name", "prénom", "company")
    quoted = tmp_path / "quoted.csv"
    quoted.write_bytes(b'\xef\xbb\xbf\xef\xbb\xbf"first, name",company\nAnn,Acme\n')
    assert reader.open_table(quoted, reader.ReadOptions()).header == ("first, name", "company")


@pytest.mark.parametrize("key", ["a\\u0000b", "a\\u0007", "\\udfaa", "\\u0085x\\u0001"])
def test_a_name_no_file_could_keep_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(f'[{{"name": "Ann", "{key}": "x"}}]')
    assert "the name of column 2 holds" in refusal(path).message


def test_equal_and_missing_names_matter_only_where_sent(tmp_path: Path) -> None:
    text = ",first_name,Notes,Notes\n0,Ann,a,b\n"
    rows, opened = take(tmp_path, text, only=["first_name"])
    assert (opened.variables, rows[0].cells) == (("first_name",), ("0", "Ann", "a", "b"))
    rows, opened = take(tmp_path, text, exclude=["Notes"])
    assert opened.variables == ("first_name",)
    assert any("column 1 has no name" in notice and "index=False" in notice for notice in opened.notices)
    with pytest.raises(InputError, match="line 1: columns 3 and 4 are both named 'Notes'") as refused:
        take(tmp_path, text)
    assert refused.value.hint.startswith("--only first_name")
    with pytest.raises(UsageError, match="columns 3, 4 are all named so"):
        take(tmp_path, text, only=["Notes"])


@pytest.mark.parametrize(
    ("name", "data", "message", "hint"),
    [
        ("a.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "Git LFS", "git lfs pull"),
        ("a.gsheet", b'{"url": "https://docs.google.com/open?id=x", "doc_id": "x"}', "Google Sheet", "address"),
        ("a.xls", b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\n", "MHTML", ".xlsx"),
        ("a.xls", b"\x09\x00\x04\x00\x07\x00\x10\x00" + b"\0" * 90, "older than Excel 5", "LibreOffice"),
        ("a.xls", b"\x09\x04\x06\x00\x00\x04\x10\x00" + b"\0" * 90, "older than Excel 5", "LibreOffice"),
        ("a.csv", b"first_name#company\nAna#Acme\nBo#Beta\n", "`#`", "--delimiter '#'"),
        ("a.csv", b"first_name::company\nAna::Acme\nBo::Beta\n", "`:`", "--delimiter :"),
        ("a.csv", b"first_name^company^x\nAna^Acme^1\nBo^Beta^2\n", "`^`", "--delimiter '^'"),
        ("a.txt", b"first_name   company\nAda          Acme\nBo           Birch\n", "cut by blanks", "fixed width"),
        ("a.csv", b"Ana,Acme,ana@example.com\nBo,Beta,bo@example.com\n", "is an address", "--header-row 1"),
        ("a.json", b'{"data": {"items": [{"x": 1}]}}', "rows further down: data.items", '\'."data"."items"\''),
        ("a.json", b'{"a": [{"x": 1}], "b": [{"y": 2}]}', "several lists of rows: a, b", "jq"),
        ("a.json", b'{"name": {"0": "Ann"}, "firm": {"0": "Acme"}}', "not a list of rows", "orient='records'"),
    ],
)
def test_what_only_stands_for_a_table_is_called_what_it_is(
    tmp_path: Path, name: str, data: bytes, message: str, hint: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    error = refusal(path)
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    "text", ["mailto:a@x.io\nmailto:b@x.io\n", "a@x.io\nb@x.io\n", "https://x.io/a\nhttps://x.io/b\n"]
)
def test_a_list_of_addresses_is_one_column(tmp_path: Path, text: str) -> None:
    path = tmp_path / "opted-out.csv"
    path.write_text(text)
    table = reader.open_table(path, reader.ReadOptions(header_row=1))
    assert (len(table.header), len(list(table.rows()))) == (1, 1)


def test_control_characters_that_cut_columns_are_understood(tmp_path: Path) -> None:
    for sign in "\x1f\x01":
        _, opened = take(tmp_path, f"name{sign}company\nAnn{sign}Acme, Inc.\n")
        assert opened.variables == ("name", "company")


def test_quotes_with_blanks_around_are_quotes(tmp_path: Path) -> None:
    text = 'name; company ;plan\n"Ann" ; "Acme; Inc." ; "a ""b"" ; c"\n"Bo\n ; x" ; 7" ;x\n'
    rows, opened = take(tmp_path, text)
    assert [row.values for row in rows] == [("Ann", "Acme; Inc.", 'a "b" ; c'), ("Bo\n ; x", '7"', "x")]
    assert sum("blanks around quoted values" in notice for notice in opened.notices) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'name,firm\n  "Ann",Acme\nBo,\t  "Beta, Ltd"  \n'),
        ("a.csv", 'name;firm\n"Ann"\t;Acme\n"Bo";  "Beta, Ltd"\n'),
        ("a.tsv", 'name\tfirm\n"Ann" \t "Acme"\nBo\t "Beta, Ltd"\n'),
    ],
)
def test_any_blanks_around_quotes_are_none_of_the_value(tmp_path: Path, name: str, text: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        path = tmp_path / name
        path.write_text(text, encoding)
        table = reader.open_table(path, reader.ReadOptions())
        assert [row.cells for row in table.rows()] == [("Ann", "Acme"), ("Bo", "Beta, Ltd")]
        assert sum("blanks around quoted values" in notice for notice in table.notices) == 1


def test_rows_of_a_sheet_stand_where_their_numbers_say(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for cells in (["name", "firm"], ["Ann", "Acme"], ["Bo", "Beta"], ["Cy", "Core"]):
        book.worksheets[0].append(cells)
    book.save(tmp_path / "plain.xlsx")
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as old, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new:
        for part in old.namelist():
            text = old.read(part)
            if part.endswith("sheet1.xml"):
                head, *rows = re.split(rb"(?=<row)", text)
                rows[-1], tail = rows[-1].split(b"</sheetData>")
                text = head + b"".join(rows[at] for at in (3, 0, 2, 1)) + b"</sheetData>" + tail
            new.writestr(part, text)
    table = reader.open_table(tmp_path / "a.xlsx", reader.ReadOptions())
    assert (table.header, [row.cells[0] for row in table.rows()]) == (("name", "firm"), ["Ann", "Bo", "Cy"])


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (rb"<(/?\w+)>", rb"<\1 >"),
        (rb"</(\w+)>", rb"</\1\n>"),
        (rb' (\w+)="([^"\']*)"', rb" \1='\2'"),
        (rb' (\w+)="([^"]*)"', rb'  \1 = "\2"'),
    ],
)
def test_a_sheet_means_the_same_in_any_xml(tmp_path: Path, pattern: bytes, instead: bytes) -> None:
    plain, other = DATA / "typical.xlsx", tmp_path / "other.xlsx"
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(other, "w") as new:
        for part in old.namelist():
            is_cells = part.endswith(("sheet1.xml", "sharedStrings.xml"))
            new.writestr(part, re.sub(pattern, instead, old.read(part)) if is_cells else old.read(part))
    first, second = (reader.open_table(path, reader.ReadOptions()) for path in (plain, other))
    assert first.header == second.header
    assert list(first.rows()) == list(second.rows())


def test_one_list_inside_a_json_object_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    for text in (
        '{"data":[{"name":"Ann"},{"name":"Bo"}],"total":2}',
        '{\n "meta": {"page": 1},\n "rows": [\n  {"name": "Ann"},\n  {"name": "Bo"}\n ]\n}\n',
    ):
        path.write_text(text)
        table = reader.open_table(path, reader.ReadOptions())
        assert [row.cells for row in table.rows()] == [("Ann",), ("Bo",)]
        assert len(table.notices) == 1
    assert [row.line for row in table.rows()] == [4, 5]
    path.write_text('[{"name": NaN}, {"name": "Bo"}]')
    assert [row.cells for row in reader.open_table(path, reader.ReadOptions()).rows()] == [("",), ("Bo",)]


def test_a_nul_in_a_json_cell_reaches_no_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"name": "A\0nn", "note": "x\0"}]))
    opened = checked_table.open_table(path, TableOptions(only=["name"]))
    (row,) = opened.rows()
    assert row.cells == ("A\ufffdnn", "x\ufffd")
    assert said(opened)[0][3] == "holds a NUL character"


def test_the_address_behind_a_cell_is_followed_where_a_link_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 1, ["first_name", "site_url", "logo"])
        sheet.write_row(1, 1, ["Ann"])
        sheet.write_url(1, 2, "https://example.com/ann", string="Website")
        sheet.write_url(1, 3, "https://example.com/ann.png", string="Click here")
        sheet.write_row(2, 1, ["Bo", "https://example.com/bo", ""])
        sheet.write_row(3, 1, ["Cy"])
        sheet.write_formula(3, 2, '=HYPERLINK("https://example.com/cy","Site")', value="Site")
    opened = checked_table.open_table(path, TableOptions(asset_columns=["logo"]))
    rows = list(opened.rows())
    assert [row.values[1] for row in rows] == [f"https://example.com/{name}" for name in ("ann", "bo", "cy")]
    assert rows[0].cells == ("Ann", "Website", "Click here")
    assert rows[0].message == (
        "the address behind the cell is sent as site_url; the address behind the cell is the asset logo"
    )


def test_the_totals_of_a_table_and_the_summary_of_numbers_are_no_recipients(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Export Summary").write(0, 0, "This document was exported from Numbers.")
        columns = [{"header": "name", "total_string": "Total"}, {"header": "score", "total_function": "sum"}]
        sheet = book.add_worksheet("Sheet 1 - Table 1")
        sheet.add_table("A1:B4", {"data": [["Ann", 1], ["Bo", 2]], "total_row": True, "columns": columns})
    opened = checked_table.open_table(path, TableOptions())
    assert opened.table.sheet == "Sheet 1 - Table 1"
    rows = list(opened.rows())
    assert [(row.state, row.message) for row in rows] == [
        (RowState.PENDING, ""),
        (RowState.PENDING, ""),
        (RowState.SKIPPED, "totals row"),
    ]


def test_rows_that_the_workbook_hides_are_known(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for cells in (["name"], ["Ann"], ["Bo"], ["Cy"]):
        sheet.append(cells)
    sheet.row_dimensions[3].hidden = True
    book.save(path)
    table = reader.open_table(path, reader.ReadOptions())
    assert set(table.hidden_lines) == {3}
    assert [row.cells[0] for row in table.rows()] == ["Ann", "Bo", "Cy"]


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("d mmmm yyyy", 46027, "5 January 2026"),
        ("h:mm AM/PM", 0.6041666667, "2:30 PM"),
        ("ddd, mmm d", 45000, "Wed, Mar 15"),
        ("[$-407]dd.mm.yyyy", 45000, "15.03.2023"),
        ("[h]:mm:ss", 1.5, "36:00:00"),
        ("hh:mm:ss", 0.47594444, "11:25:22"),
        ("h:mm", 0.9999, "23:59"),
        ("yyyy-mm-dd hh:mm", 45000.75, "2023-03-15 18:00"),
        ("mm/dd/yy;@", 59, "02/28/00"),
    ],
)
def test_dates_are_read_as_the_sheet_shows_them(tmp_path: Path, code: str, number: float, shown: str) -> None:
    opened = _with_format(tmp_path, code, number)
    assert [row.cells[0] for row in opened.rows()] == [shown]
    assert not opened.problems


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("[$-F800]dddd, mmmm dd", 45000, "2023-03-15"),
        ("[$-407]d. mmmm yyyy", 45000, "2023-03-15"),
        ('d" de "mmmm', 45000, "2023-03-15"),
        ("[$-411]ge.m.d", 45000, "2023-03-15"),
        ("yyyy-mm-dd", 60, "60"),
    ],
)
def test_other_dates_are_iso_and_warned_of(tmp_path: Path, code: str, number: float, shown: str) -> None:
    opened = _with_format(tmp_path, code, number)
    assert [row.cells[0] for row in opened.rows()] == [shown]
    assert [each[4] for each in said(opened)] == ["warning"]
    assert "is not applied" in said(opened)[0][3]


def _with_format(tmp_path: Path, code: str, number: float) -> checked_table.CheckedTable:
    path = tmp_path / "dates.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "day")
        sheet.write_number(1, 0, number, book.add_format({"num_format": code}))
    return checked_table.open_table(path, TableOptions())


@pytest.mark.parametrize(
    "part", ["{", "{{", "{{a", "&a", "<b", "[[ a ", "${a", "%%a", "*|a", "@a", "Ã", "<<", "=", "%a", "%C3"]
)
def test_no_cell_holds_the_reader_up(tmp_path: Path, part: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"name,company\nAnn,{part * (1_000_000 // len(part))}\n", "utf-8")
    opened = checked_table.open_table(path, TableOptions())
    started = time.process_time()
    list(opened.rows())
    assert time.process_time() - started < 1
