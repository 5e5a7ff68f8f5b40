"""The results file: its columns, name and bytes, and reading one back. Replaces files atomically."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

from bhuman_cli import files, sanitize, shell
from bhuman_cli.domain import RESULT_COLUMNS, ResultRow
from bhuman_cli.errors import BhumanError, UsageError
from bhuman_cli.table import reader
from bhuman_cli.table.output import xlsx_new

KINDS: Final = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".xlsx": "xlsx",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
MAX_STYLED_ROWS: Final = 20_000


class RecognisedColumns(StrEnum):
    """Whose file stands at the output path."""

    ABSENT = "absent"
    OURS = "ours"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputStyle:
    """How results are written. kind: csv, tsv, xlsx, json, jsonl. delimiter: for csv.

    source, sheet, header_line, first_column: the .xlsx input whose other sheets and styles are kept; None: plain.
    sha256: of that input when its rows were read, "" where it is not known.
    """

    kind: str
    delimiter: str = ","
    bom: bool = False
    source: Path | None = None
    sheet: str = ""
    header_line: int = 1
    first_column: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownResult:
    """A row of an existing results file that has an id. row_index: -1 where someone made it unreadable."""

    row_index: int
    generation_id: str
    status: str
    cells: tuple[str, ...]
    columns: tuple[str, ...] = ()


def output_style(path: Path, table: reader.Table, source: Path | None, *, bom: bool = False) -> OutputStyle:
    """Return how the results of a table are written to a path: its ending picks the kind, the input the rest.

    source: the input's path, None for stdin.

    Raises:
        UsageError: the ending names no kind that can be written.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        instead = path.with_name(f"{path.stem}.csv") if path.name else path / "results.csv"
        raise UsageError(
            f"{path}: the ending picks the format, and this is none of csv, tsv, xlsx, json, jsonl",
            hint=f"-o {shell.quote(str(instead))}",
        )
    keeps = kind == "xlsx" and table.kind == "xlsx" and source is not None and source.suffix.lower() == ".xlsx"
    is_text = kind in {"csv", "tsv"}
    return OutputStyle(
        kind=kind,
        delimiter="\t" if kind == "tsv" else table.delimiter or ",",
        bom=is_text and (bom or table.had_bom or table.encoding not in {"utf-8", "ascii"}),
        source=source if keeps else None,
        sheet=table.sheet,
        header_line=table.header_line,
        first_column=table.first_column,
        sha256=table.sha256 if keeps else "",
    )


def style_notice(style: OutputStyle, table: reader.Table, row_count: int) -> str:
    """Return what must be said when a workbook's other sheets and styles can't be kept, "" otherwise."""
    if style.kind != "xlsx" or table.kind not in reader.BOOK_KINDS.values():
        return ""
    if style.source is None:
        why = "the input is not an .xlsx file"
    elif row_count > MAX_STYLED_ROWS:
        why = f"more than {MAX_STYLED_ROWS:,} rows"
    elif not xlsx_new.can_write_into(_place(style), *_columns_of(table), row_count):
        why = "the input's sheet is written in a way that can't be changed safely"
    else:
        return ""
    return f"{why}: the results are a new workbook, without the input's other sheets and styles"


def result_header(columns: Sequence[str]) -> list[str]:
    """Return the names of our columns beside the user's: a name of theirs keeps it, ours is then `bhuman_<name>`."""
    taken = {column.strip() for column in columns}
    names: list[str] = []
    for name in RESULT_COLUMNS:
        ours = name
        while ours in taken:
            ours = f"bhuman_{ours}"
        names.append(ours)
    return names


def own_columns(header: Sequence[str]) -> int | None:
    """Return how many columns are the user's in a results file's header, None if it is not one of ours."""
    width = len(header) - len(RESULT_COLUMNS)
    return width if width >= 0 and list(header[width:]) == result_header(header[:width]) else None


def scattered_columns(header: Sequence[str]) -> list[str]:
    """Return result columns that somebody moved, or put a column behind: enough of them to know them by, or none."""
    ours = [name for name in header if name in RESULT_COLUMNS]
    return ours if {"row_index", "id", "status", "share_url"} <= set(ours) else []


def write_results(path: Path, columns: Sequence[str], rows: Iterable[ResultRow], style: OutputStyle) -> str:
    """Replace the results file: the user's columns and cells as they are, ours behind them; return its SHA-256.

    On disk when it returns; at any moment before, the file that was there stays whole.

    Raises:
        UsageError: it can't be written there, or not in this format.
    """
    ours = result_header(columns)
    lines = map(_line, rows)
    with files.replacing(path) as stream:
        match style.kind:
            case "xlsx":
                _write_workbook(stream, columns, ours, lines, style)
            case "json" | "jsonl":
                _write_json(stream, [*_keys(columns, ours), *ours], lines, style.kind)
            case _:
                _write_text(stream, [*columns, *ours], lines, style)
        stream.flush()
        stream.seek(0)
        digest = hashlib.sha256()
        while piece := stream.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], style: OutputStyle) -> None:
    """Replace a file by a plain table without result columns, as `write_results` replaces one with them.

    Raises:
        UsageError: it can't be written there, or not in this format.
    """
    with files.replacing(path) as stream:
        match style.kind:
            case "xlsx":
                xlsx_new.write_plain(stream, header, (), ((0, cells, ()) for cells in rows))
            case "json" | "jsonl":
                documents = [json.dumps(dict(zip(header, cells, strict=True)), ensure_ascii=False) for cells in rows]
                text = "[\n" + ",\n".join(documents) + "\n]\n" if style.kind == "json" else "\n".join([*documents, ""])
                stream.write(text.encode())
            case _:
                _write_text(stream, header, ((0, cells, ()) for cells in rows), style)


def _line(row: ResultRow) -> xlsx_new.Line:
    fields = row.fields
    return int(fields["row_index"]), row.cells, sanitize.cells([fields.get(name, "") for name in RESULT_COLUMNS])


def _write_text(stream: IO[bytes], header: Sequence[str], lines: Iterable[xlsx_new.Line], style: OutputStyle) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig" if style.bom else "utf-8", newline="", write_through=False)
    table = csv.writer(text, delimiter=style.delimiter, lineterminator="\r\n")
    table.writerow(header)
    table.writerows((*cells, *texts) for _, cells, texts in lines)
    text.flush()
    text.detach()


def _keys(columns: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Return the columns' names as keys of an object: one without a name gets its number, one of several a count."""
    taken = {*ours, *columns}
    keys: list[str] = []
    for number, column in enumerate(columns, 1):
        name = column or f"column {number}"
        if name in keys or (not column and name in taken):
            name = next(other for count in itertools.count(2) if (other := f"{name} ({count})") not in {*taken, *keys})
        keys.append(name)
    return keys


def _write_json(stream: IO[bytes], header: Sequence[str], lines: Iterable[xlsx_new.Line], kind: str) -> None:
    before, between, after = (b"[\n", b",\n", b"\n]\n") if kind == "json" else (b"", b"\n", b"\n")
    stream.write(before)
    is_first = True
    for row_index, cells, texts in lines:
        document: dict[str, object] = dict(zip(header, (*cells, *texts), strict=True))
        document[header[len(cells)]] = row_index
        stream.write((b"" if is_first else between) + json.dumps(document, ensure_ascii=False).encode())
        is_first = False
    stream.write(b"" if is_first and kind == "jsonl" else after)


def _write_workbook(
    stream: IO[bytes],
    columns: Sequence[str],
    ours: Sequence[str],
    lines: Iterator[xlsx_new.Line],
    style: OutputStyle,
) -> None:
    if style.source is None:
        xlsx_new.write_plain(stream, columns, ours, lines)
        return
    first = list(itertools.islice(lines, MAX_STYLED_ROWS + 1))
    if len(first) > MAX_STYLED_ROWS:
        xlsx_new.write_plain(stream, columns, ours, itertools.chain(first, lines))
        return
    if not xlsx_new.write_into(stream, _place(style), len(columns), ours, first):
        stream.seek(0)
        stream.truncate()
        xlsx_new.write_plain(stream, columns, ours, first)


def _columns_of(table: reader.Table) -> tuple[int, list[str]]:
    """Return how many columns are the user's, and the names of ours beside them."""
    own = own_columns(table.header)
    width = len(table.header) if own is None else own
    return width, result_header(table.raw_header[:width])


def _place(style: OutputStyle) -> xlsx_new.Place:
    assert style.source is not None
    return xlsx_new.Place(
        source=style.source,
        sheet=style.sheet,
        header_line=style.header_line,
        first_column=style.first_column,
        sha256=style.sha256,
    )


def recognise(path: Path) -> RecognisedColumns:
    """Say whose file stands at a path; an empty one is nobody's."""
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        return RecognisedColumns.ABSENT
    try:
        return RecognisedColumns.FOREIGN if _found(path) is None else RecognisedColumns.OURS
    except BhumanError:
        return RecognisedColumns.FOREIGN


def _found(path: Path) -> reader.Table | None:
    return reader.find_table(path, lambda header: own_columns(header) is not None)


def read_ids(path: Path) -> Iterator[KnownResult]:
    """Yield the rows of a results file that have an id, in its order, however it was sorted since.

    Raises:
        InputError: it can't be read.
        UsageError: there is none.
    """
    table = _found(path)
    width = own_columns(table.header) if table is not None else None
    if table is None or width is None:
        return
    columns = tuple(table.raw_header[:width])
    for _, _, cells, _ in table.records():
        fields = dict(zip(RESULT_COLUMNS, cells[width:], strict=True))
        if identifier := fields["id"].strip():
            number = fields["row_index"].strip()
            yield KnownResult(
                row_index=int(number) if number.isdecimal() else -1,
                generation_id=identifier,
                status=fields["status"].strip(),
                cells=cells[:width],
                columns=columns,
            )


def default_output(source: Path | None, *, local: bool, earlier_results: bool) -> Path:
    """Return where results go when nobody says: beside the input, never over it, unless it is our own file.

    A local render of a real results file gets a file of its own: local links would replace paid ones.
    """
    ending = ".local.csv" if local else ".results.csv"
    if source is None:
        return Path(f"stdin{ending}")
    if earlier_results:
        if not local or source.name.endswith(".local.csv"):
            return source
        return source.with_name(source.name.removesuffix(source.suffix).removesuffix(".results") + ending)
    return source.with_name((source.stem if source.suffix.lower() == ".csv" else source.name) + ending)


def keep_backup(path: Path, *, only_latest: bool = False) -> Path:
    """Copy a file to `<name>.bak`, or `.bak1`, `.bak2`, … where that is taken; return the copy's path.

    only_latest: replace the `.bak` that is there.

    Raises:
        UsageError: the folder can't be written.
    """
    for number in itertools.count():
        backup = path.with_name(f"{path.name}.bak{number or ''}")
        if not only_latest and os.path.lexists(backup):
            continue
        try:
            with files.aside(backup, syncs=True) as copy:
                shutil.copyfile(path, copy)
                shutil.copystat(path, copy)
        except OSError as error:
            raise UsageError(f"{backup}: can't be written ({(error.strerror or 'unknown').lower()})") from None
        return backup
    raise AssertionError  # pragma: no cover - the count has no end
