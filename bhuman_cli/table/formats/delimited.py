"""Delimited text: delimiter, quotes, physical lines. Knows nothing of variables.

The csv module reads it, not pandas: pandas fills short rows up silently, forgives text behind a closing quote, and
can't say on which physical line a row began. csv in strict mode over a stream that leaves line ends alone reports
all of these, and for texts it is also the faster of the two.
"""

from __future__ import annotations

import codecs
import collections
import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

from bhuman_cli import shell
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import input_errors
from bhuman_cli.table.formats import csv_records, encodings
from bhuman_cli.table.input_file import InputFile

CANDIDATES: Final = (",", ";", "\t", "|")
NAMED: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
MAX_CELL_CHARS: Final = 8 << 20
# A results file of ours says what cuts it, also where nobody would guess that.
_OURS: Final = re.compile(r'row_index"?([^\w"])"?(?:bhuman_)*id"?\1"?(?:bhuman_)*status"?\1')
# What programs that cut columns otherwise use: nobody writes the first ones into a text.
_CONTROLS: Final = ("\x1f", "\x01", "\x1e", "\x1c", "\x1d", "\x02", "\x03", "\x07")
_UNUSUAL: Final = ("^", "~", "#", "¦", "§", "¬", "þ")
# These stand in texts, too: they cut only what looks like names of columns, not the addresses of a list without header.
_ORDINARY: Final = (":", "/", "*", "!", "=", "%", "&", "\\")
_COLUMN_NAME: Final = re.compile(r"(?:[^\W\d][\w -]*)?")
_GAP: Final = re.compile(r"\S {2,}\S")
_WHOLE: Final = re.compile(r'"(?:[^"]|"")*"')
_BLANKS: Final = " \t\u00a0"
_PIECE_BYTES: Final = 1 << 20
_EVEN: Final = 0.5
_SAMPLE_CHARS: Final = 64 << 10
_SAMPLE_ROWS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How this text is cut into cells. skip: physical lines before the header. notices: for people.

    is_spaced: blanks stand around quoted values. is_literal: quotes are letters like others.
    """

    delimiter: str
    skip: int
    is_spaced: bool = False
    is_literal: bool = False
    notices: tuple[str, ...] = ()


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
    """Return delimiter, start and quotes: as asked, else by a `sep=` line, else by what cuts the first rows evenly.

    Raises:
        InputError: one column that looks like several, cut by a sign that nobody guesses.
    """
    with _opened(source, coding) as stream:
        sample = _sample(source, coding, stream)
    lines = io.StringIO(sample, newline="").readlines()
    named = _sep_line(lines)
    skip = max((header_row or 1) - 1, 1 if named else 0)
    body = lines[skip:]
    if wanted is not None:
        delimiter = chosen(wanted)
    elif named:
        delimiter = named
    elif body and (ours := _OURS.search(body[0])):
        delimiter = ours[1]
    else:
        first = "\t" if source.suffix == ".tsv" else ","
        is_cut = len(sample) >= _SAMPLE_CHARS
        whole = _whole_rows(body[:-1] if is_cut and len(body) > 1 else body)
        delimiter = next((sign for sign in _CONTROLS if _cuts_all(sign, whole)), "") or _evenest(body, is_cut, first)
        if not any(delimiter in row for row in whole):
            _require_no_other(source, whole, skip + 1)
        if not header_row and (line := _titled(body, delimiter)[0]):
            rule = (
                f"stands alone, while from line {line + skip} on {_shown(delimiter)} cuts every line into columns: "
                "is it a title above the table?"
            )
            raise input_errors.line_error(source.name, skip + 1, rule, hint=f"--header-row {line + skip}")
    return _quoted(source, coding, delimiter, skip)


def _whole_rows(lines: Sequence[str]) -> list[str]:
    return [row for row in (each.rstrip("\r\n") for each in lines[:_SAMPLE_ROWS]) if row.strip()]


def _cuts_all(sign: str, rows: Sequence[str]) -> bool:
    count = rows[0].count(sign) if len(rows) > 1 else 0
    return bool(count) and all(row.count(sign) == count for row in rows)


def _require_no_other(source: InputFile, rows: Sequence[str], line: int) -> None:
    """Refuse one column that looks like several.

    Raises:
        InputError: an unusual sign stands in every row as often as in the header, or blanks do.
    """
    ordinary = [sign for sign in _ORDINARY if rows and all(map(_COLUMN_NAME.fullmatch, rows[0].split(sign)))]
    for sign in (*_UNUSUAL, *ordinary):
        if _cuts_all(sign, rows):
            rule = (
                f"one column, with `{sign}` in its name and as often in every row: is it what cuts the columns? "
                "If it is one column, say --delimiter ,"
            )
            hint = f"--delimiter {shell.quote(sign)}"
            raise input_errors.line_error(source.name, line, rule, hint=hint)
    if len(rows) > 1 and all(_GAP.search(row.strip()) for row in rows):
        rule = "one column, with several blanks in its name and in every row: are its columns cut by blanks?"
        hint = (
            "open it in the spreadsheet program as fixed width, and save it as CSV; --delimiter , if it is one column"
        )
        raise input_errors.line_error(source.name, line, rule, hint=hint)


def _quoted(source: InputFile, coding: encodings.TextCoding, delimiter: str, skip: int) -> Dialect:
    """Look through the whole file for quotes that are no quotes, or have blanks around them."""
    is_spaced, has_quote = _spaced(source, coding, delimiter)
    if delimiter == "\t" and has_quote and (line := _literal_line(source, coding, skip)):
        notice = f"{source.name}: line {line} has a quote that nothing closes: quotes are read as letters"
        return Dialect(delimiter=delimiter, skip=skip, is_literal=True, notices=(notice,))
    notices = (f"{source.name}: blanks around quoted values are cut",) if is_spaced else ()
    return Dialect(delimiter=delimiter, skip=skip, is_spaced=is_spaced, notices=notices)


def _spaced(source: InputFile, coding: encodings.TextCoding, delimiter: str) -> tuple[bool, bool]:
    """Say whether blanks stand between a delimiter and a quote, and whether there are quotes at all."""
    codec = "utf-8" if coding.codec == "utf-8-sig" else coding.codec
    signs = [sign.encode(codec).removeprefix("".encode(codec)) for sign in ('"', delimiter, "\n", "\r", " ", "\t")]
    quote, blanks = signs[0], [sign for sign in signs[4:] if sign != signs[1]]
    near = [*(sign + quote for sign in blanks), *(quote + sign for sign in blanks)]
    cut, blank = (b"(?:" + b"|".join(map(re.escape, some)) + b")" for some in (signs[1:4], blanks))
    spaced = re.compile(cut + blank + b"+" + re.escape(quote) + b"|" + re.escape(quote) + blank + b"+" + cut)
    tail, has_quote = b"", False
    with source.open() as stream:
        while piece := stream.read(_PIECE_BYTES):
            has_quote = has_quote or quote in piece
            piece = tail + piece  # blanks may stand where it was cut
            if has_quote and any(sign in piece for sign in near) and spaced.search(piece):
                return delimiter != " ", True
            tail = piece[-64:]
    return False, has_quote


def _literal_line(source: InputFile, coding: encodings.TextCoding, skip: int) -> int:
    """Return the first line with a quote nobody closes, where every line is as wide as the first; else 0.

    Programs that write tabs often never quote. A value over several lines would make some lines narrower; in a single
    column it would not, so that proves nothing.
    """
    line, tabs = 0, -1
    try:
        with _opened(source, coding) as stream:
            for number, text in enumerate(stream, 1):
                bare = text.rstrip("\r\n")
                if number <= skip or not bare:
                    continue
                tabs = bare.count("\t") if tabs < 0 else tabs
                if not tabs or bare.count("\t") != tabs:
                    return 0
                if not line and '"' in bare and not all(map(_is_whole, bare.split("\t"))):
                    line = number
    except UnicodeError:
        return 0
    return line


def _is_whole(cell: str) -> bool:
    cell = cell.strip(" ")
    return not cell.startswith('"') or _WHOLE.fullmatch(cell) is not None


def _tidied(lines: Iterable[str], delimiter: str) -> Iterator[str]:
    """Yield the lines without the blanks between quotes and delimiters; what stands inside quotes stays."""
    is_inside, blanks = False, _BLANKS.replace(delimiter, "")
    for line in lines:
        if '"' not in line:
            yield line
            continue
        body = line.rstrip("\r\n")
        parts = body.split('"')
        for number in range(len(parts)):
            if is_inside == (number % 2 == 0):
                continue
            part = parts[number]
            if number and part.lstrip(blanks)[:1] in {"", delimiter}:
                part = part.lstrip(blanks)
            if number < len(parts) - 1 and part.rstrip(blanks)[-1:] in {"", delimiter}:
                part = part.rstrip(blanks)
            parts[number] = part
        is_inside ^= len(parts) % 2 == 0
        yield '"'.join(parts) + line[len(body) :]


def _cells(stream: TextIO, dialect: Dialect) -> Any:
    lines = _tidied(stream, dialect.delimiter) if dialect.is_spaced else stream
    if dialect.is_literal:
        return csv.reader(lines, delimiter=dialect.delimiter, strict=True, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=dialect.delimiter, strict=True)


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
            reader = _cells(stream, dialect)
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
            reader = _cells(stream, dialect)
            collections.deque(itertools.islice(reader, skip_rows), maxlen=0)
            line = dialect.skip + reader.line_num + 1
            while block := list(itertools.islice(reader, csv_records.BLOCK_ROWS)):
                after = dialect.skip + reader.line_num + 1
                records = numbering.even(block, line) if after - line == len(block) else None
                records = list(numbering.take(_placed(block, line))) if records is None else records
                if records:
                    yield records
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
    stream = source.open()
    if coding.codec == "utf-8-sig":  # a script may write the mark, and the program after it once more
        marks = 0
        while stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            marks += 1
        stream.seek(marks * len(codecs.BOM_UTF8))
    return io.TextIOWrapper(stream, encoding="utf-8" if coding.codec == "utf-8-sig" else coding.codec, newline="")


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
    if best_score[0] >= _EVEN:
        return best
    return max((best, *CANDIDATES), key=lambda delimiter: _titled(lines, delimiter)[1])


def _titled(lines: Sequence[str], delimiter: str) -> tuple[int, int]:
    """Return the line of a header that stands below other lines, and its columns; zeros where none does.

    Those above have a third of its cells at most; at least a row follows, and nearly all are as wide.
    """
    rows: list[tuple[int, int, int]] = []
    reader = csv.reader(lines, delimiter=delimiter)
    with contextlib.suppress(csv.Error):
        sample = itertools.islice(reader, _SAMPLE_ROWS)
        rows.extend((reader.line_num, sum(map(bool, map(str.strip, cells))), len(cells)) for cells in sample)
    rows = [row for row in rows if row[1]]
    width = collections.Counter(row[2] for row in rows).most_common(1)[0][0] if rows else 0
    at = next((at for at, row in enumerate(rows) if row[1] == width), 0)
    if width < 2 or not at or len(rows) < at + 2 or any(row[1] > max(width // 3, 1) for row in rows[:at]):
        return 0, 0
    return (rows[at][0], width) if sum(row[2] == width for row in rows[at:]) >= 0.8 * len(rows[at:]) else (0, 0)


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    widths: list[int] = []
    try:
        for cells in csv.reader(lines, delimiter=delimiter):
            if any(cell.strip() for cell in cells):
                widths.append(len(cells))
            if len(widths) >= _SAMPLE_ROWS:
                break
    except csv.Error:
        return widths
    return widths


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
