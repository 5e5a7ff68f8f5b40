from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bhuman_cli.domain import RESULT_COLUMNS, ResultRow
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import checked_table, reader
from bhuman_cli.table.output import results_file, xlsx_new
from bhuman_cli.table.output.results_file import OutputStyle, RecognisedColumns

CSV = OutputStyle(kind="csv")
UUID = "0a1b2c3d-0000-4000-8000-00000000000"


def results(rows: Sequence[Sequence[str]], **fields: str) -> list[ResultRow]:
    return [
        ResultRow(
            cells=tuple(cells), fields={"row_index": str(number), "id": f"{UUID}{number}", "status": "queued", **fields}
        )
        for number, cells in enumerate(rows)
    ]


def table(path: Path, **options: Any) -> reader.Table:
    return reader.open_table(path, reader.ReadOptions(**options))


def lines(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.reader(stream, delimiter=delimiter))


def test_the_users_cells_stand_untouched_before_ours(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    cells = ["=1+1", " a,b ", 'say "x"', "two\nlines", "007"]
    digest = results_file.write_results(path, list("vwxyz"), results([cells], url="https://x.io", message="=2+2"), CSV)
    assert path.read_bytes().startswith(b"v,w,x,y,z,row_index,id,status,share_url,url,")
    assert path.read_bytes().endswith(b"\r\n")
    found = lines(path)[1]
    assert found[:5] == cells
    assert dict(zip(RESULT_COLUMNS, found[5:], strict=True)) == {
        **dict.fromkeys(RESULT_COLUMNS, ""),
        **{"row_index": "0", "id": f"{UUID}0", "status": "queued", "url": "https://x.io", "message": "'=2+2"},
    }
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_source_column_of_our_name_keeps_it() -> None:
    assert results_file.result_header([" url ", "id", "bhuman_id"])[:5] == [
        "row_index",
        "bhuman_bhuman_id",
        "status",
        "share_url",
        "bhuman_url",
    ]
    assert results_file.result_header(["URL"]) == list(RESULT_COLUMNS)


def test_our_header_is_recognised_only_whole_and_at_the_end() -> None:
    for columns in ([], ["name"], ["url", "id", "bhuman_id"]):
        assert results_file.own_columns([*columns, *results_file.result_header(columns)]) == len(columns)
    assert results_file.own_columns(["name", *RESULT_COLUMNS[:-1]]) is None
    assert results_file.own_columns([*RESULT_COLUMNS, "name"]) is None
    assert results_file.own_columns(["name", *results_file.result_header(["url"])]) is None


@pytest.mark.parametrize(("bom", "encoding"), [(False, "utf-8"), (True, "utf-8-sig")])
def test_the_byte_order_mark_is_written_when_wanted(tmp_path: Path, bom: bool, encoding: str) -> None:
    results_file.write_results(tmp_path / "r.csv", ["name"], results([["Zoë"]]), OutputStyle(kind="csv", bom=bom))
    assert (tmp_path / "r.csv").read_bytes().startswith(b"\xef\xbb\xbf") is bom
    assert lines(tmp_path / "r.csv", encoding)[1][0] == "Zoë"


def style_of(tmp_path: Path, data: bytes, output: str, name: str = "in.csv", bom: bool = False) -> OutputStyle:
    (tmp_path / name).write_bytes(data)
    return results_file.output_style(Path(output), table(tmp_path / name), tmp_path / name, bom=bom)


def test_the_style_follows_the_input(tmp_path: Path) -> None:
    assert style_of(tmp_path, b"a;b\n1;2\n", "o.csv") == OutputStyle(kind="csv", delimiter=";")
    assert style_of(tmp_path, b"a;b\n1;2\n", "o.tsv") == OutputStyle(kind="tsv", delimiter="\t")
    assert style_of(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n", "o.csv").bom
    assert style_of(tmp_path, b"a,b\nJos\xe9,2\n", "o.CSV").bom
    assert style_of(tmp_path, b"a,b\n1,2\n", "o.csv", bom=True).bom
    assert not style_of(tmp_path, b'[{"a":"x"}]', "o.csv", name="in.json").bom
    assert not style_of(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n", "o.jsonl").bom
    with pytest.raises(UsageError, match="the ending picks the format") as refused:
        style_of(tmp_path, b"a,b\n1,2\n", "there/my o.docx")
    assert refused.value.hint == "-o 'there/my o.csv'", "beside what was asked for"


def test_json_keeps_names_and_order(tmp_path: Path) -> None:
    for kind in ("json", "jsonl"):
        path = tmp_path / f"r.{kind}"
        results_file.write_results(path, ["name", "url"], results([["Zoë", "x"], ["Ann", "y"]]), OutputStyle(kind=kind))
        text = path.read_text("utf-8")
        found = json.loads(text) if kind == "json" else [json.loads(line) for line in text.splitlines()]
        assert [list(each) for each in found] == [["name", "url", *results_file.result_header(["name", "url"])]] * 2
        assert [(each["name"], each["row_index"], each["bhuman_url"]) for each in found] == [
            ("Zoë", 0, ""),
            ("Ann", 1, ""),
        ]


@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx", "json", "jsonl"])
def test_no_rows_are_a_valid_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"r.{kind}"
    results_file.write_results(path, ["name"], [], OutputStyle(kind=kind))
    if kind in {"csv", "tsv", "xlsx"}:
        assert results_file.recognise(path) is RecognisedColumns.OURS
    elif kind == "json":
        assert json.loads(path.read_text()) == []
    else:
        assert path.read_text() == ""


@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx", "json", "jsonl"])
def test_ids_are_found_again_even_when_sorted_and_edited(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"r.{kind}"
    rows = [*results([["Ann"], ["Bob"]]), ResultRow(cells=("Cy",), fields={"row_index": "2", "status": "pending"})]
    results_file.write_results(path, ["name"], [rows[1], rows[2], rows[0]], OutputStyle(kind=kind, delimiter="\t"))
    found = [(each.row_index, each.generation_id, each.status, each.cells) for each in results_file.read_ids(path)]
    assert found == [(1, f"{UUID}1", "queued", ("Bob",)), (0, f"{UUID}0", "queued", ("Ann",))]


def test_an_unreadable_row_number_does_not_hide_an_id(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f"name,{','.join(RESULT_COLUMNS)}\nAnn,first,{UUID}0,queued{',' * 8}\n")
    assert [(each.row_index, each.generation_id) for each in results_file.read_ids(path)] == [(-1, f"{UUID}0")]


def test_whose_file_it_is(tmp_path: Path) -> None:
    ours = tmp_path / "r.csv"
    results_file.write_results(ours, ["name"], results([["Ann"]]), CSV)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "theirs.csv").write_text("name,status\nAnn,x\n")
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04oops")
    assert results_file.recognise(ours) is RecognisedColumns.OURS
    assert results_file.recognise(tmp_path / "none.csv") is RecognisedColumns.ABSENT
    assert results_file.recognise(tmp_path / "empty.csv") is RecognisedColumns.ABSENT
    assert results_file.recognise(tmp_path / "theirs.csv") is RecognisedColumns.FOREIGN
    assert results_file.recognise(tmp_path / "broken.xlsx") is RecognisedColumns.FOREIGN
    assert results_file.recognise(tmp_path) is RecognisedColumns.FOREIGN
    assert list(results_file.read_ids(tmp_path / "theirs.csv")) == []
    with pytest.raises(InputError):
        list(results_file.read_ids(tmp_path / "broken.xlsx"))


@pytest.mark.parametrize(
    ("source", "local", "earlier", "output"),
    [
        ("a/campaign.csv", False, False, "a/campaign.results.csv"),
        ("a/campaign.CSV", False, False, "a/campaign.results.csv"),
        ("campaign.csv", True, False, "campaign.local.csv"),
        ("leads.xlsx", False, False, "leads.xlsx.results.csv"),
        ("leads.tsv", False, False, "leads.tsv.results.csv"),
        ("leads.xlsx", True, False, "leads.xlsx.local.csv"),
        ("my.leads.csv", False, False, "my.leads.results.csv"),
        (None, False, False, "stdin.results.csv"),
        (None, True, False, "stdin.local.csv"),
        ("campaign.results.csv", False, True, "campaign.results.csv"),
        ("campaign.local.csv", True, True, "campaign.local.csv"),
        ("campaign.results.csv", True, True, "campaign.local.csv"),
    ],
)
def test_default_names(source: str | None, local: bool, earlier: bool, output: str) -> None:
    found = results_file.default_output(Path(source) if source else None, local=local, earlier_results=earlier)
    assert found == Path(output)


def test_backups_never_replace_one_another(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    for number in range(3):
        path.write_text(str(number))
        results_file.keep_backup(path)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        "r.csv": "2",
        "r.csv.bak": "0",
        "r.csv.bak1": "1",
        "r.csv.bak2": "2",
    }
    with pytest.raises(UsageError, match="can't be written"):
        results_file.keep_backup(tmp_path / "none" / "r.csv")


def test_a_row_that_fails_leaves_the_old_file_whole_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    results_file.write_results(path, ["name"], results([["Ann"]]), CSV)
    before = path.read_bytes()

    def rows() -> Any:
        yield results([["Bob"]])[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        results_file.write_results(path, ["name"], rows(), CSV)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("x")
    real.chmod(0o640)
    link.symlink_to(real)
    results_file.write_results(link, ["name"], results([["Ann"]]), CSV)
    assert not link.is_symlink()
    assert real.read_text() == "x"
    results_file.write_results(real, ["name"], results([["Ann"]]), CSV)
    assert real.stat().st_mode & 0o777 == 0o640
    assert results_file.recognise(link) is RecognisedColumns.OURS


def test_a_new_file_that_opens_videos_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        results_file.write_results(tmp_path / "r.csv", ["name"], results([["Ann"]]), CSV)
    finally:
        os.umask(mask)
    assert (tmp_path / "r.csv").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can't be written \(no such file"):
        results_file.write_results(tmp_path / "none" / "r.csv", ["name"], [], CSV)


def test_a_folder_at_the_output_path_is_one_sentence_and_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "r.csv").mkdir()
    with pytest.raises(UsageError, match="can't be written"):
        results_file.write_results(tmp_path / "r.csv", ["name"], [], CSV)
    assert [each.name for each in tmp_path.iterdir()] == ["r.csv"]


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    old, new, other = tmp_path / ".r.csv.a.tmp", tmp_path / ".r.csv.b.tmp", tmp_path / ".s.csv.a.tmp"
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (1, 1))
    results_file.write_results(tmp_path / "r.csv", ["name"], [], CSV)
    assert sorted(tmp_path.iterdir()) == sorted([new, other, tmp_path / "r.csv"])


@pytest.mark.parametrize(
    ("url", "clickable"),
    [
        ("https://x.io", True),
        ("file:///a/b.mp4", True),
        ("file:////host/share", False),
        ("file://host/x", False),
        ("javascript:alert(1)", False),
        ("https://x.io/a b", False),
        ("https://x.io/" + "a" * 3000, False),
    ],
)
def test_only_addresses_may_be_clicked(tmp_path: Path, url: str, clickable: bool) -> None:
    results_file.write_results(tmp_path / "r.xlsx", ["name"], results([["a"]], url=url), OutputStyle(kind="xlsx"))
    cell = openpyxl.load_workbook(tmp_path / "r.xlsx").worksheets[0]["F2"]
    assert (cell.value, cell.hyperlink is not None) == (url, clickable)


def test_a_plain_workbook_holds_texts_links_and_a_frozen_header(tmp_path: Path) -> None:
    path = tmp_path / "r.xlsx"
    rows = results([["007", "=1+1"], ["", "x" * 300]], url="https://x.io/v.mp4", share_url="javascript:alert(1)")
    results_file.write_results(path, ["no", "text"], rows, OutputStyle(kind="xlsx"))
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert [(sheet["A2"].value, sheet["A2"].data_type), (sheet["B2"].value, sheet["B2"].data_type)] == [
        ("007", "s"),
        ("=1+1", "s"),
    ]
    assert sheet.freeze_panes == "A2"
    assert sheet["G2"].hyperlink.target == "https://x.io/v.mp4"
    assert (sheet["F2"].value, sheet["F2"].hyperlink) == ("javascript:alert(1)", None)


def test_links_end_where_excel_stops_reading_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_new, "MAX_LINKED_ROWS", 1)
    path = tmp_path / "r.xlsx"
    rows = results([["a"], ["b"]], url="https://x.io/v.mp4")
    results_file.write_results(path, ["name"], rows, OutputStyle(kind="xlsx"))
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert sheet["F2"].hyperlink is not None
    assert (sheet["F3"].value, sheet["F3"].hyperlink) == ("https://x.io/v.mp4", None)


def test_what_a_sheet_cannot_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="32,767 characters"):
        results_file.write_results(tmp_path / "r.xlsx", ["a"], results([["x" * 40_000]]), OutputStyle(kind="xlsx"))
    monkeypatch.setattr(xlsx_new, "MAX_SHEET_ROWS", 3)
    with pytest.raises(UsageError, match="holds 2 rows"):
        results_file.write_results(tmp_path / "r.xlsx", ["a"], results([["x"]] * 3), OutputStyle(kind="xlsx"))
    assert list(tmp_path.iterdir()) == []


def test_results_are_read_as_input_again(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    results_file.write_results(path, [" name "], results([[" Ann "], [""], ["Bob"]]), CSV)
    opened = checked_table.open_table(path, checked_table.TableOptions())
    rows = list(opened.rows())
    assert (opened.columns, [row.cells for row in rows]) == ((" name ",), [(" Ann ",), ("",), ("Bob",)])
    assert [str(row.state) for row in rows] == ["pending", "skipped", "pending"]


@pytest.mark.parametrize("delimiter", ["^", " ", ":", "~"])
def test_a_results_file_with_a_delimiter_nobody_guesses_is_recognised(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "r.csv"
    rows = results([["a,b;c", "d,e;f"]] * 3)
    results_file.write_results(path, ["id", "x"], rows, OutputStyle(kind="csv", delimiter=delimiter))
    assert results_file.recognise(path) is RecognisedColumns.OURS
    assert [each.cells for each in results_file.read_ids(path)] == [("a,b;c", "d,e;f")] * 3


def test_json_keeps_every_column_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    columns = ["", "Notes", "Notes", "Notes (2)", "column 1"]
    results_file.write_results(path, columns, results([["0", "a", "b", "c", "d"]]), OutputStyle(kind="json"))
    (found,) = json.loads(path.read_text())
    assert dict(list(found.items())[:5]) == {
        "column 1 (2)": "0",
        "Notes": "a",
        "Notes (3)": "b",
        "Notes (2)": "c",
        "column 1": "d",
    }
