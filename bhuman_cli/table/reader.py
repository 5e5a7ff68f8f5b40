"""The way from a file to rows of text cells, whatever its format. Decides nothing about variables.

Delimited text is read by `delimited` (which says why not by pandas), workbooks by `workbook`, JSON by `json_rows`.
"""

from __future__ import annotations

import dataclasses
import itertools
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bhuman_cli import shell
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import input_errors, input_file
from bhuman_cli.table.formats import csv_records, delimited, encodings, json_rows, workbook, xls, zip_safety

TEXT_KINDS: Final = {".csv": "csv", ".tsv": "tsv", ".txt": "csv", "": "csv"}
BOOK_KINDS: Final = {".xlsx": "xlsx", ".xlsm": "xlsx", ".xls": "xls", ".ods": "ods"}
JSON_KINDS: Final = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_PERSONAL: Final = re.compile(r"[^\s@]{1,64}@[^\s@]{1,250}\.\w{2,}|https?://\S+", re.IGNORECASE)
_DATA_LIKE: Final = re.compile(r"\+?[\d ()/-]{7,}")
_MAX_NAME_CHARS: Final = 320
_JSON_LIKE: Final = re.compile(rb'(?:\[\s*)?\{\s*"[^"\n]*"\s*:')
_BINARY: Final = {
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"BZh": "a bzip2 archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"PAR1": "a Parquet file: save it as CSV first",
    b"SQLite format": "a database: export the table as CSV first",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive: unpack it first",
    b"ARROW1": "an Arrow file: save it as CSV first",
    b"Obj\x01": "an Avro file: save it as CSV first",
    b"{\\rtf": "a text document",
    b"\x00\x05\x16\x07": "a macOS side file, which holds no data: the table has the same name without `._`",
    b"ID;P": "a SYLK table: save it as .xlsx or CSV first",
    b"bplist": "a placeholder of iCloud, or another property list: download the file in the Finder first",
    b"[InternetShortcut]": "a link, not the file behind it: download that first",
}
_CELLS: Final = operator.itemgetter(1)
_FLAWS: Final = operator.itemgetter(2)
_LFS: Final = b"version https://git-lfs.github.com/spec/"
_MAIL: Final = re.compile(
    rb"(?:MIME-Version|From|Subject|Content-Type|Snapshot-Content-Location|X-Document-Type):", re.IGNORECASE
)
_SHEET_LINK: Final = re.compile(rb'\{[^}]{0,2000}"(?:doc_id|url)"\s*:[^}]{0,2000}\}\s*\Z')


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a person says about the file when guessing is not wanted. header_row: 1-based physical line or sheet row.

    name: what the file is called, where its path says nothing.
    choose_encoding: asks a person who sees the terminal: file name, (encoding, word as it reads it) of each → encoding.
    """

    sheet: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    header_row: int | None = None
    name: str = ""
    choose_encoding: Callable[[str, Sequence[tuple[str, str]]], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One data row as it stands in the file: cells untouched, one per column; flaws: position → rule."""

    row_index: int
    line: int
    cells: tuple[str, ...]
    flaws: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file that can be read as rows, any number of times.

    header: trimmed, unique, not blank. raw_header: as in the file. header_line: physical line or sheet row.
    kind: csv, tsv, xlsx, xls, ods, json or jsonl, by content. delimiter: "" for other than delimited text.
    encoding: for people, "" for workbooks. sheet: the sheet's name, "" for others. notices: for people.
    header_line is 0 where the header is no row of the file (JSON). blocks: the data rows, from the first at each call;
    a ragged row comes with a flaw there, while `records` and `rows` refuse it.
    first_column: 0-based, where the table begins in its sheet.
    unapplied: column position → number format that shows another text than ours; complete once the rows were read.
    hidden_lines: lines that the workbook does not show, by filter or by hand. links: (line, column of the sheet) →
    address behind the cell; complete for a row once it was read.
    """

    name: str
    header: tuple[str, ...]
    raw_header: tuple[str, ...]
    header_line: int
    sha256: str
    kind: str
    blocks: Callable[[], Iterator[list[csv_records.Record]]] = field(repr=False)
    delimiter: str = ""
    had_bom: bool = False
    encoding: str = ""
    sheet: str = ""
    first_column: int = 0
    notices: list[str] = field(default_factory=list)
    unapplied: Mapping[int, str] = field(default_factory=dict)
    hidden_lines: Collection[int] = ()
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)

    def link(self, line: int, position: int) -> str:
        """Return the address behind a cell, "" where there is none."""
        return self.links.get((line, position + self.first_column), "")

    def records(self) -> Iterator[csv_records.Record]:
        """Yield the data rows as plain tuples.

        Raises:
            InputError: as `rows`.
        """
        for record in itertools.chain.from_iterable(self.blocks()):
            if record[3] and (rule := record[3].get(csv_records.WHOLE_ROW)):
                hint = csv_records.ragged_hint(rule, len(self.header), record[1])
                raise input_errors.line_error(self.name, record[1], rule, hint=hint, row_index=record[0])
            yield record

    def rows(self) -> Iterator[SourceRow]:
        """Yield the data rows from the first; blank rows at the end don't exist, others keep their number.

        Raises:
            InputError: a row is malformed, or the file was changed since it was opened.
        """
        for row_index, line, cells, flaws in self.records():
            yield SourceRow(row_index=row_index, line=line, cells=cells, flaws=flaws)


def open_table(path: Path | None, options: ReadOptions, *, allow_empty: bool = False) -> Table:
    """Read header and format of a file, or of stdin for None; the rows come when they are asked for.

    allow_empty: a file without a single byte is a table without columns and rows.

    Raises:
        UsageError: no such file, a folder, or an option that does not fit.
        InputError: the file can't be read as a table.
    """
    if options.header_row is not None and options.header_row < 1:
        raise UsageError("--header-row: the first line is 1", hint="--header-row 1")
    source = input_file.spool(path, options.name)
    if not source.size and allow_empty:
        return Table(
            name=source.name,
            header=(),
            raw_header=(),
            header_line=0,
            sha256=source.sha256,
            kind="csv",
            encoding="ascii",
            blocks=lambda: iter(()),
        )
    if not source.size:
        raise InputError(f"{source.name}: the file is empty, not even a header", hint="was the export broken?")
    kind, notices = _kind(source)
    if kind in {"xlsx", "xls", "ods"}:
        _refuse(options.delimiter, "--delimiter", source)
        _refuse(options.encoding, "--encoding", source)
        return _open_book(source, kind, options, notices)
    _refuse(options.sheet, "--sheet", source)
    if source.has_endless_line:
        raise InputError(
            f"{source.name}: a line of more than {input_file.MAX_LINE_BYTES >> 20} MiB; this is not a table"
        )
    coding = encodings.detect(source, options.encoding)
    if coding.readings:
        coding = _settled(source, coding, options)
    if coding.notice:
        notices.append(coding.notice)
    if kind in {"json", "jsonl"}:
        _refuse(options.delimiter, "--delimiter", source)
        _refuse(options.header_row, "--header-row", source)
        return _open_json(source, kind, coding, notices)
    return _open_text(source, kind, coding, options, notices)


def _settled(source: input_file.InputFile, coding: encodings.TextCoding, options: ReadOptions) -> encodings.TextCoding:
    """Return a guessed encoding with what must be said of it; where several would do a person decides.

    Raises:
        InputError: there is nobody to ask.
    """
    codec, word = coding.readings[0]
    said = f"{source.name}: not UTF-8; read as {codec}"
    if options.choose_encoding is not None:
        if len(coding.readings) > 1:
            codec = options.choose_encoding(source.name, coding.readings)
            return encodings.TextCoding(codec=codec, name=codec, had_bom=False)
        shown = f': "{word}"' if word else ""
        return dataclasses.replace(coding, notice=f"{said}{shown}; if letters look wrong, give --encoding")
    column = _column_of(source, coding, options)
    place = f"line {coding.line}{f', column {column}' if column else ''}"
    if len(coding.readings) > 1:
        names = ", ".join(name for name, _ in coding.readings[:4])
        rule = (
            f"not UTF-8, and several encodings make sense of the letters ({names}): names would differ; "
            "--encoding says which, and a dry run on a terminal shows a word in each"
        )
        # The harmless way: pasted on a terminal it asks.
        is_file = source.name == str(source.path)
        hint = shell.join(["bhuman", "render", source.name, "--dry-run"]) if is_file else ""
        raise input_errors.line_error(source.name, coding.line, rule, hint=hint, place=place, column=column)
    notice = f"{said}, which is a guess ({place}): if letters look wrong, give --encoding"
    return dataclasses.replace(coding, notice=notice)


def _column_of(source: input_file.InputFile, coding: encodings.TextCoding, options: ReadOptions) -> str:
    """Return the column in which the telling word stands, "" where that can't be said."""
    word = coding.readings[0][1]
    header: Sequence[str] = ()
    try:
        dialect = delimited.detect(source, coding, options.delimiter, options.header_row)
        for line, cells, _ in delimited.rows(source, coding, dialect):
            if line >= coding.line and header:
                place = next((at for at, cell in enumerate(cells) if word in cell), len(header))
                return csv_records.cleaned(header[place]) if place < len(header) else ""
            header = header or cells
            if line >= coding.line:
                return str(next((at for at, cell in enumerate(cells, 1) if word in cell), "") or "")
    except InputError:
        return ""  # said better when the rows are read
    return ""


def find_table(path: Path, accepts: Callable[[tuple[str, ...]], bool]) -> Table | None:
    """Return the table whose header is accepted; in a workbook it may stand in any sheet, below other lines.

    Raises:
        UsageError: no such file. InputError: it can't be read at all.
    """
    source = input_file.spool(path)
    kind, _ = _kind(source)
    if kind not in BOOK_KINDS.values():
        table = open_table(path, ReadOptions())
        return table if accepts(table.header) else None
    for sheet, line, cells in workbook.heads(source, kind):
        if accepts(tuple(map(csv_records.cleaned, cells))):
            return _book_table(source, kind, sheet, line, list(sheet.notices))
    return None


def _refuse(value: object, option: str, source: input_file.InputFile) -> None:
    if value is not None:
        raise UsageError(f"{option}: has no meaning for {source.name}")


def _kind(source: input_file.InputFile) -> tuple[str, list[str]]:
    """Return the kind, by content first, because names lie: exports called .xls are often text."""
    head = source.head
    named = {**TEXT_KINDS, **BOOK_KINDS, **JSON_KINDS}.get(source.suffix)
    if head.startswith(zip_safety.ZIP_MAGIC):
        content = zip_safety.kind(source)
    elif head.startswith((zip_safety.OLE_MAGIC, b"\x09\x08")):
        content = "xls"
    elif head.startswith(xls.OLD_MAGIC):
        raise xls.too_old(source)
    else:
        content = _text_kind(source, named)
    if content == "json" and named != content:
        return content, [f"{source.name}: is JSON by its content, and read as such"]
    named_book = named if named in BOOK_KINDS.values() else ""
    if content in {"xls", "xlsx", "ods"} and content != named:
        return content, [f"{source.name}: is an .{content} workbook by its content, and read as one"]
    if content not in {"xls", "xlsx", "ods"} and named_book:
        return content, [f"{source.name}: is text, not a workbook, and read as {content.upper()}"]
    return content, []


def _text_kind(source: input_file.InputFile, named: str | None) -> str:
    head = source.head.lstrip(b"\xef\xbb\xbf \t\r\n")
    _refuse_stand_ins(source, head)
    for magic, what in _BINARY.items():
        if source.head.startswith(magic):
            raise InputError(f"{source.name}: is not a table but {what}", hint="CSV, XLSX, XLS, ODS, JSON or JSONL")
    if head[:200].lower().startswith((b"<html", b"<!doctype", b"<table", b"<?xml", b"<meta", b"<head")):
        raise InputError(
            f"{source.name}: is a web page or XML, not a table",
            hint="open it in the spreadsheet program and save it as .xlsx",
        )
    if named is not None and named in JSON_KINDS.values():
        return named
    if _JSON_LIKE.match(head):
        return "json"
    if named in BOOK_KINDS.values() and source.nul_line and not source.head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise zip_safety.broken(source)
    return "tsv" if source.suffix == ".tsv" else "csv"


def _refuse_stand_ins(source: input_file.InputFile, head: bytes) -> None:
    """Refuse what only stands for a table: a pointer, a link, a mail."""
    if head.startswith(_LFS):
        raise InputError(f"{source.name}: is a Git LFS pointer, not the table itself", hint="git lfs pull")
    if source.suffix == ".gsheet" or (_SHEET_LINK.match(head) and b"docs.google.com" in head):
        raise InputError(
            f"{source.name}: is a link to a Google Sheet, not the table itself",
            hint="give the sheet's address instead of this file, or download it there as .xlsx",
        )
    if _MAIL.match(head) and (b"multipart/" in source.head or b"MIME-Version" in source.head):
        raise InputError(
            f"{source.name}: is a web archive (MHTML) or a mail, not a table",
            hint="open it in the spreadsheet program and save it as .xlsx",
        )


def _open_text(
    source: input_file.InputFile, kind: str, coding: encodings.TextCoding, options: ReadOptions, notices: list[str]
) -> Table:
    dialect = delimited.detect(source, coding, options.delimiter, options.header_row)
    notices.extend(dialect.notices)

    rows = delimited.rows(source, coding, dialect)
    skip_rows, line = 1, dialect.skip + 1
    cells: Sequence[str] = ()
    for number, row in enumerate(rows, 1):
        if options.header_row or not _is_blank(row):
            skip_rows, (line, cells, _) = number, row
            break
    header = csv_records.header_of(source.name, cells, line)
    widths = len(header), len(cells)
    notices.extend(_doubts(source, header, line, is_told=options.header_row is not None))
    return Table(
        name=source.name,
        header=header,
        raw_header=tuple(cells[: len(header)]),
        header_line=line,
        sha256=source.sha256,
        kind=kind,
        delimiter=dialect.delimiter,
        had_bom=coding.had_bom,
        encoding=coding.name,
        notices=notices,
        blocks=lambda: delimited.blocks(source, coding, dialect, skip_rows=skip_rows, widths=widths),
    )


def _open_book(source: input_file.InputFile, kind: str, options: ReadOptions, notices: list[str]) -> Table:
    sheet = workbook.open_sheet(source, options.sheet, kind)
    return _book_table(source, kind, sheet, options.header_row, [*notices, *sheet.notices])


def _book_table(
    source: input_file.InputFile, kind: str, sheet: workbook.Sheet, first: int | None, notices: list[str]
) -> Table:
    def start() -> Iterator[csv_records.Raw]:
        rows = iter(sheet.rows)
        return itertools.islice(rows, first - 1, None) if first else itertools.dropwhile(_is_blank, rows)

    line, cells, _ = next(start(), (first or 1, [], csv_records.NO_FLAWS))
    if not any(cells):
        raise InputError(f"{source.name}: sheet {sheet.name!r} has no header", hint="--sheet NAME, --header-row N")
    header = csv_records.header_of(source.name, cells, line)
    notices.extend(_doubts(source, header, line, is_told=first is not None))
    return Table(
        name=source.name,
        header=header,
        raw_header=tuple(cells[: len(header)]),
        header_line=line,
        sha256=source.sha256,
        kind=kind,
        sheet=sheet.name,
        first_column=sheet.facts.origin,
        notices=notices,
        unapplied=sheet.shown_otherwise,
        hidden_lines=sheet.facts.hidden_rows,
        links=sheet.facts.links,
        blocks=lambda: _numbered(source, itertools.islice(start(), 1, None), len(header)),
    )


def _open_json(source: input_file.InputFile, kind: str, coding: encodings.TextCoding, notices: list[str]) -> Table:
    keys = json_rows.columns(source, coding)
    if name := json_rows.wrapper(source, coding):
        notices.append(f"{source.name}: the rows are those of {name!r}")
    header = csv_records.header_of(source.name, keys, 1, is_row=False) if keys else ()
    return Table(
        name=source.name,
        header=header,
        raw_header=keys[: len(header)],
        header_line=0,
        sha256=source.sha256,
        kind=kind,
        had_bom=coding.had_bom,
        encoding=coding.name,
        notices=notices,
        blocks=lambda: json_rows.blocks(source, coding, keys, len(header)),
    )


def _numbered(
    source: input_file.InputFile, rows: Iterator[csv_records.Raw], width: int
) -> Iterator[list[csv_records.Record]]:
    numbering = csv_records.Numbering(source.name, width, is_sheet=True)
    while block := list(itertools.islice(rows, csv_records.BLOCK_ROWS)):
        is_even = block[-1][0] - block[0][0] == len(block) - 1 and not any(map(_FLAWS, block))
        records = numbering.even(list(map(_CELLS, block)), block[0][0]) if is_even else None
        records = list(numbering.take(block)) if records is None else records
        if records:
            yield records


def _doubts(source: input_file.InputFile, header: Sequence[str], line: int, *, is_told: bool) -> list[str]:
    """Return a notice if the header looks like a person's row, or like several columns that were read as one.

    is_told: a person said that this is the header.

    Raises:
        InputError: it holds somebody's address, and nobody said that it is a header.
    """
    for position, name in enumerate(header, 1):
        if len(name) > _MAX_NAME_CHARS:
            continue
        if _PERSONAL.fullmatch(name) and not is_told:
            rule = f"read as the header, but its column {position} is an address: has the file no header?"
            hint = f"put a line with the columns' names first; --header-row {line}, if this line is the header"
            raise input_errors.line_error(source.name, line, rule, hint=hint)
        if _DATA_LIKE.fullmatch(name) or _PERSONAL.fullmatch(name):
            return [f"{source.name}: line {line} is read as the header, but its column {position} looks like data"]
    if source.suffix in TEXT_KINDS and len(header) == 1 and any(map(header[0].count, delimited.CANDIDATES)):
        return [f"{source.name}: line {line} is one column, with a delimiter in its name: is the whole line in quotes?"]
    return []


def _is_blank(row: csv_records.Raw) -> bool:
    return not row[2] and not any(map(str.strip, row[1]))
