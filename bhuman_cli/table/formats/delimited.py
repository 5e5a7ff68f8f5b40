"""Owns delimited text: delimiter, quotes, physical lines. Knows nothing of variables.

The csv module reads it, not pandas: pandas fills short rows up silently, forgives text behind a closing quote, and
can't say on which physical line a row began. csv in strict mode over a stream that leaves line ends alone reports
all of these, and for texts it is also the faster of the two.
"""

from __future__ import annotations

import collections
import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import input_errors
from bhuman_cli.table.formats import csv_records, encodings
from bhuman_cli.table.input_file import InputFile

CANDIDATES: Final = (",", ";", "\t", "|")
NAMED: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
MAX_CELL_CHARS: Final = 8 << 20
# A results file of ours says what cuts it, also where nobody would guess that.
_OURS: Final = re.compile(r'row_index"?([^\w"])"?(?:bhuman_)*id"?\1"?(?:bhuman_)*status"?\1')
_SAMPLE_CHARS: Final = 64 << 10
_SAMPLE_ROWS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How this text is cut into cells. skip: physical lines before the header."""

    delimiter: str
    skip: int


def chosen(wanted: str) -> str:
    """Return the delimiter a person named.

    Raises:
        UsageError: it is not one character.
    """
    delimiter = NAMED.get(wanted.lower(), wanted)
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise UsageError("--delimiter: one character, or tab, comma, semicolon, pipe", hint="--delimiter ';'")
    return delimiter


def detect(source: InputFile, coding: encodings.TextCoding, wanted: str | None, header_row: int | None) -> Dialect:
    """Return delimiter and start: as asked, else by a `sep=` line, else by what cuts the first rows evenly."""
    with _opened(source, coding) as stream:
        sample = _sample(source, coding, stream)
    lines = io.StringIO(sample, newline="").readlines()
    named = _sep_line(lines)
    skip = max((header_row or 1) - 1, 1 if named else 0)
    if wanted is not None:
        return Dialect(delimiter=chosen(wanted), skip=skip)
    if named:
        return Dialect(delimiter=named, skip=skip)
    if lines[skip:] and (ours := _OURS.search(lines[skip])):
        return Dialect(delimiter=ours[1], skip=skip)
    first = "\t" if source.suffix == ".tsv" else ","
    return Dialect(delimiter=_evenest(lines[skip:], len(sample) >= _SAMPLE_CHARS, first), skip=skip)


def rows(source: InputFile, coding: encodings.TextCoding, dialect: Dialect) -> Iterator[csv_records.Raw]:
    """Yield (first physical line, cells, no flaws) of every row, the header included; a blank line has no cells.

    Raises:
        InputError: an unclosed quote, text after a closing quote, a cell without end, bytes that are not text.
    """
    csv.field_size_limit(MAX_CELL_CHARS)
    line, no_flaws = dialect.skip + 1, csv_records.NO_FLAWS
    with _opened(source, coding) as stream:
        try:
            for _ in range(dialect.skip):
                stream.readline()
            reader = csv.reader(stream, delimiter=dialect.delimiter, strict=True)
            offset = dialect.skip + 1
            for cells in reader:
                yield line, cells, no_flaws
                line = reader.line_num + offset
        except csv.Error as error:
            raise input_errors.line_error(source.name, line, _plain(error, dialect), hint=_hint(error)) from None
        except UnicodeError:
            raise input_errors.line_error(
                source.name,
                line,
                f"bytes that are not {coding.name} text",
                hint="--encoding cp1252",
                place=f"after line {line}",
            ) from None
    source.require_unchanged()


def blocks(
    source: InputFile, coding: encodings.TextCoding, dialect: Dialect, *, skip_rows: int, widths: tuple[int, int]
) -> Iterator[list[csv_records.Record]]:
    """Yield the data rows by the block, numbered; the fast way to what `rows` says one by one.

    skip_rows: rows up to the header and with it. widths: the header's columns, without and with blank ones at its end.

    Raises:
        InputError: as `rows`.
    """
    csv.field_size_limit(MAX_CELL_CHARS)
    numbering = csv_records.Numbering(source.name, widths[0], delimiter=dialect.delimiter, unnamed_width=widths[1])
    try:
        with _opened(source, coding) as stream:
            for _ in range(dialect.skip):
                stream.readline()
            reader = csv.reader(stream, delimiter=dialect.delimiter, strict=True)
            collections.deque(itertools.islice(reader, skip_rows), maxlen=0)
            line = dialect.skip + reader.line_num + 1
            while block := list(itertools.islice(reader, csv_records.BLOCK_ROWS)):
                after = dialect.skip + reader.line_num + 1
                found = numbering.even(block, line) if after - line == len(block) else None
                found = list(numbering.take(_placed(block, line))) if found is None else found
                if found:
                    yield found
                line = after
    except (csv.Error, UnicodeError):
        collections.deque(rows(source, coding, dialect), maxlen=0)  # finds the line, and raises
        raise
    source.require_unchanged()


def _placed(block: Sequence[Sequence[str]], line: int) -> Iterator[csv_records.Raw]:
    """Give each row the line it begins on: a row goes on for a line with every break inside its cells."""
    for cells in block:
        yield line, cells, csv_records.NO_FLAWS
        text = "".join(cells)
        line += 1 + text.count("\n") + text.count("\r") - text.count("\r\n")


def _opened(source: InputFile, coding: encodings.TextCoding) -> TextIO:
    return io.TextIOWrapper(source.open(), encoding=coding.codec, newline="")


def _sample(source: InputFile, coding: encodings.TextCoding, stream: TextIO) -> str:
    try:
        return stream.read(_SAMPLE_CHARS)
    except UnicodeError:
        raise InputError(f"{source.name}: bytes that are not {coding.name} text", hint="--encoding cp1252") from None


def _sep_line(lines: Sequence[str]) -> str:
    """Return the delimiter of Excel's `sep=;` first line, or ""."""
    first = lines[0].rstrip("\r\n") if lines else ""
    text = first.strip('"')
    return text[4] if len(text) == 5 and text[:4].lower() == "sep=" and text[4] not in '"\r\n' else ""


def _evenest(lines: Sequence[str], is_cut: bool, first: str) -> str:
    """Return the delimiter that cuts most of the first rows into as many cells as the header has."""
    best, best_score = first, (0.0, 0)
    for delimiter in (first, *(other for other in CANDIDATES if other != first)):
        widths = _widths(lines[:-1] if is_cut else lines, delimiter)
        if not widths or widths[0] < 2:
            continue
        even = sum(width == widths[0] for width in widths) / len(widths)
        if (even, widths[0]) > best_score:
            best, best_score = delimiter, (even, widths[0])
    return best if best_score[1] else _below_a_title(lines, first)


def _below_a_title(lines: Sequence[str], first: str) -> str:
    """Return what cuts the rows below a title line, so that they are refused as ragged, not read as one column."""
    for delimiter in (first, *(other for other in CANDIDATES if other != first)):
        widths = _widths(lines, delimiter)[1:]
        if widths and max(widths) > 1 and sum(width > 1 for width in widths) >= len(widths) * 0.8:
            return delimiter
    return first


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    found: list[int] = []
    try:
        for cells in csv.reader(lines, delimiter=delimiter):
            if any(cell.strip() for cell in cells):
                found.append(len(cells))
            if len(found) >= _SAMPLE_ROWS:
                break
    except csv.Error:
        return found
    return found


def _plain(error: csv.Error, dialect: Dialect) -> str:
    text = str(error)
    if "unexpected end" in text:
        return "a quote is opened here and never closed"
    if "field larger" in text:
        return f"a cell of more than {MAX_CELL_CHARS >> 20} million characters; a quote is probably never closed"
    if "expected after" in text:
        return f"text between a closing quote and the next {_shown(dialect.delimiter)}"
    return "the quotes or line ends are broken"


def _hint(error: csv.Error) -> str:
    return "double the quotes inside a quoted value" if "expected after" in str(error) else ""


def _shown(delimiter: str) -> str:
    return {"\t": "tab", " ": "space"}.get(delimiter, f"`{delimiter}`")
