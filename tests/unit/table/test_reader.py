"""What the corpus can't hold: missing files, streams, hostile archives, sizes."""

from __future__ import annotations

import io
import os
import struct
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import pytest

from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import input_file, reader
from bhuman_cli.table.formats import delimited, zip_safety

DATA = Path(__file__).parents[2] / "data" / "tables"


def cells(path: Path | None, options: reader.ReadOptions | None = None) -> list[tuple[str, ...]]:
    return [row.cells for row in reader.open_table(path, options or reader.ReadOptions()).rows()]


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(path: Path, options: reader.ReadOptions | None = None) -> str:
    with pytest.raises(InputError) as refused:
        cells(path, options)
    return refused.value.message


def test_a_file_that_is_not_there_or_a_folder_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        cells(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="is a folder"):
        cells(tmp_path)
    with pytest.raises(InputError, match="can't be read"):
        cells(tmp_path / ("x" * 300 + ".csv"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "people.csv", "name\nAnn\n")
    path.chmod(0)
    assert "permission denied" in refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_read_once_and_its_rows_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "people.csv"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_text, args=("name\nAnn\n",))
    feeder.start()
    table = reader.open_table(pipe, reader.ReadOptions())
    feeder.join()
    assert [row.cells for row in table.rows()] == [row.cells for row in table.rows()] == [("Ann",)]


def test_the_copy_of_a_stream_goes_away_with_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"name\nAnn\n")))
    held = input_file.spool(None)
    copy = held.path
    assert copy.stat().st_mode & 0o077 == 0
    del held
    assert not copy.exists()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="stdin: is closed"):
        input_file.spool(None)


def test_a_stream_that_breaks_is_one_sentence_and_leaves_no_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Broken()))
    with pytest.raises(InputError, match=r"stdin: can't be read \(input/output error\)"):
        input_file.spool(None)
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_on_stdin_is_read_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((DATA / "offset.xlsx").read_bytes())))
    assert cells(None) == [("Ann", "Acme"), ("", ""), ("", "Initech")]


@pytest.mark.parametrize("name", ["people.xls", "people.ods", "people.json", "people"])
def test_content_wins_over_the_name(tmp_path: Path, name: str) -> None:
    table = reader.open_table(write(tmp_path / name, (DATA / "offset.xlsx").read_bytes()), reader.ReadOptions())
    assert (table.kind, len(list(table.rows()))) == ("xlsx", 3)
    assert "is an .xlsx workbook by its content" in table.notices[0]


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    import hashlib

    data = b"name\nAnn\n"
    assert (
        reader.open_table(write(tmp_path / "p.csv", data), reader.ReadOptions()).sha256
        == hashlib.sha256(data).hexdigest()
    )


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_file, "MAX_LINE_BYTES", 3 << 20)
    assert "a line of more than" in refusal(write(tmp_path / "p.csv", b"name\n" + b"x" * (5 << 20)))


def test_a_cell_without_end_is_refused_where_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_CELL_CHARS", 1 << 20)
    text = 'name,company\nAnn,Acme\nBob,"' + "x\n" * (1 << 20)
    assert "line 3: a cell of more than 1 million characters" in refusal(write(tmp_path / "p.csv", text))


def test_lines_are_counted_through_blocks_with_line_breaks_in_cells(tmp_path: Path) -> None:
    rows = [f'P{number},"a\nb\r\nc"' if number % 50 == 7 else f"P{number},x" for number in range(1000)]
    path = write(tmp_path / "p.csv", "name,company\n" + "\n".join(rows) + "\n")
    physical = path.read_bytes().decode().replace("\r\n", "\n").split("\n")
    for row in reader.open_table(path, reader.ReadOptions()).rows():
        assert physical[row.line - 1].startswith(f"P{row.row_index},")


def test_a_ragged_row_in_a_late_block_is_named_by_its_line(tmp_path: Path) -> None:
    text = "name,company\n" + '"A\nnn",Acme\n' * 300 + "Bob\n"
    assert "line 602: 1 cell" in refusal(write(tmp_path / "p.csv", text))
    text = "name,company\n" + '"A\nnn",Acme\n' * 300 + 'Bob,"x" y\n'
    assert "line 602: text between" in refusal(write(tmp_path / "p.csv", text))


def test_a_million_blank_rows_at_the_end_do_not_exist(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "name,company\nAnn,Acme\n" + ",\n" * 100_000 + "Bob,Acme\n" + " ,\n" * 100_000)
    rows = list(reader.open_table(path, reader.ReadOptions()).rows())
    assert (len(rows), rows[-1].row_index, rows[-1].line) == (100_002, 100_001, 100_003)


def archive(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("xl/workbook.bin", "is a binary workbook (.xlsb), not a table"),
        ("word/document.xml", "is a text document, not a table"),
        ("Index/Document.iwa", "is an Apple Numbers document, not a table"),
        ("leads/people.csv", "is a ZIP archive with tables in it"),
        ("content.xml", "damaged"),
        ("whatever", "damaged"),
    ],
)
def test_archives_of_other_kinds_are_told_apart(tmp_path: Path, part: str, sentence: str) -> None:
    assert sentence in refusal(archive(tmp_path / "p.xlsx", {part: b"name\nAnn\n"}))


def test_hostile_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "p.xlsx", {"xl/workbook.xml": b"<workbook/>"})
    assert "damaged" in refusal(path)
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(magic) + offset
        data[at : at + 2] = struct.pack("<H", 1)
    assert "protected with a password" in refusal(write(tmp_path / "q.xlsx", bytes(data)))
    entity = b'<?xml version="1.0"?>' + b" " * (zip_safety.PIECE_BYTES - 40) + b"<!DOCTYPE x [<!ENTITY a 'b'>]><a/>"
    assert "declares XML entities" in refusal(archive(tmp_path / "r.xlsx", {"xl/workbook.xml": entity}))
    monkeypatch.setattr(zip_safety, "MAX_MEMBERS", 3)
    assert "zip bomb" in refusal(archive(tmp_path / "s.xlsx", {f"{number}": b"" for number in range(4)}))
    monkeypatch.setattr(zip_safety, "MAX_PART_BYTES", 10)
    assert "zip bomb" in refusal(DATA / "typical.xlsx")


def test_our_table_is_found_in_any_sheet_below_other_lines(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.worksheets[0].append(["nothing here"])
    sheet = book.create_sheet("Results")
    for row in (["Title"], [], ["name", "id", None], ["Ann", "7"]):
        sheet.append(row)
    book.save(tmp_path / "p.xlsx")
    table = reader.find_table(tmp_path / "p.xlsx", lambda header: header[-1:] == ("id",))
    assert table is not None
    assert (table.sheet, table.header_line, [row.cells for row in table.rows()]) == ("Results", 3, [("Ann", "7")])
    assert reader.find_table(tmp_path / "p.xlsx", lambda header: False) is None
    assert reader.find_table(DATA / "plain.csv", lambda header: header == ("name", "company")) is not None


def test_a_header_that_looks_like_a_person_is_doubted_without_telling_it(tmp_path: Path) -> None:
    for text in ("Ann,ann@example.com\nBob,b@example.com\n", "Ann,https://x.io\nBob,y\n"):
        path = write(tmp_path / "p.csv", text)
        with pytest.raises(InputError, match="read as the header, but its column 2 is an address") as refused:
            reader.open_table(path, reader.ReadOptions())
        assert "--header-row 1" in refused.value.hint
        assert "looks like data" in reader.open_table(path, reader.ReadOptions(header_row=1)).notices[0]
    table = reader.open_table(write(tmp_path / "p.csv", "Ann,+49 170 1234567\nBob,1\n"), reader.ReadOptions())
    assert [notice.partition(": ")[2] for notice in table.notices] == [
        "line 1 is read as the header, but its column 2 looks like data"
    ]


def test_lines_that_are_quoted_whole_are_doubted(tmp_path: Path) -> None:
    table = reader.open_table(write(tmp_path / "p.csv", '"name,company"\n"Ann,Acme"\n'), reader.ReadOptions())
    assert "is the whole line in quotes?" in table.notices[0]


def test_unapplied_formats_are_known_once_the_rows_were_read() -> None:
    table = reader.open_table(DATA / "formats.xlsx", reader.ReadOptions())
    assert not table.unapplied
    assert len(list(table.rows())) == 1
    assert set(table.unapplied) == {2, 3}


@pytest.mark.parametrize("text", ['[{"name": "Ann"}]', '{"name": "Ann"}\n', '\ufeff [ \n{ "name" :"Ann"}]'])
def test_json_is_read_as_json_whatever_it_is_called(tmp_path: Path, text: str) -> None:
    for name in ("p.csv", "p.txt", "p"):
        table = reader.open_table(write(tmp_path / name, text), reader.ReadOptions())
        assert (table.header, [row.cells for row in table.rows()]) == (("name",), [("Ann",)])
        assert "is JSON by its content" in table.notices[0]


def test_braces_in_a_csv_are_no_json(tmp_path: Path) -> None:
    assert cells(write(tmp_path / "p.csv", '{name},company\n"{""a"": 1}",Acme\n')) == [('{"a": 1}', "Acme")]
