"""Rows written as JSON: an array of objects, one object a line, or one list in an object; values stay as written."""

from __future__ import annotations

import io
import itertools
import json
import operator
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from bhuman_cli.errors import InputError
from bhuman_cli.table import input_errors
from bhuman_cli.table.formats import csv_records, encodings
from bhuman_cli.table.input_file import InputFile

_PIECE_CHARS: Final = 1 << 20
_MAX_OBJECT_CHARS: Final = 16 << 20
_SPACE: Final = " \t\r\n\ufeff"
_NESTED: Final = "holds a list or an object, but a cell is a text"
_SURROGATE: Final = "holds half of a character (an unpaired surrogate)"
_BLOCK_LINES: Final = 128
_NUL: Final = "holds a NUL character"
_SHAPE_HINT: Final = "an array of objects, or one object a line: both with column names as keys"
_MAX_DEPTH: Final = 5
_MAX_WRAPPED_BYTES: Final = 256 << 20


class _TwiceError(ValueError):
    """An object names a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _TwiceError
    return fields


def _constant(name: str) -> str | None:
    """Read pandas' NaN as the nothing it stands for."""
    return None if name == "NaN" else name


# Numbers stay the text they are written as: 007.50 is not ours to shorten, and 5,000 digits are no integer to parse.
_CHECKING: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_constant)
_PLAIN: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_constant)


def columns(source: InputFile, coding: encodings.TextCoding) -> tuple[str, ...]:
    """Return every key of every object, in the order they first appear. Reads the whole file.

    Raises:
        InputError: not JSON, not objects, or an object that names a key twice.
    """
    seen: dict[str, None] = {}
    for _, block in _blocks(source, coding, _CHECKING):
        for each in block:
            if not seen.keys() >= each.keys():
                seen.update(dict.fromkeys(each))
    return tuple(seen)


def blocks(
    source: InputFile, coding: encodings.TextCoding, raw_header: Sequence[str], width: int
) -> Iterator[list[csv_records.Record]]:
    """Yield the rows by the block, numbered; a key that is absent or null is a blank cell.

    width: how many of the keys are columns.

    Raises:
        InputError: as `columns`.
    """
    numbering = csv_records.Numbering(source.name, width)
    pick = operator.itemgetter(*raw_header) if len(raw_header) > 1 else None
    for lines, block in _blocks(source, coding, _PLAIN):
        texts = _all_texts(block, pick) if pick and width == len(raw_header) and isinstance(lines, range) else None
        records = numbering.even(texts, lines[0]) if texts else None
        if records is None:
            raw = (_row(line, each, raw_header) for line, each in zip(lines, block, strict=True))
            records = list(numbering.take(raw))
        if records:
            yield records


def _all_texts(block: Sequence[dict[str, Any]], pick: Callable[[Any], Any]) -> list[tuple[str, ...]] | None:
    """Return the cells where all of them are whole texts, else None."""
    try:
        rows: list[tuple[str, ...]] = list(map(pick, block))
        if set(map(type, itertools.chain.from_iterable(rows))) != {str}:
            return None
        text = "".join(itertools.chain.from_iterable(rows))
        text.encode()
    except (KeyError, UnicodeEncodeError):
        return None
    return None if "\0" in text else rows


def _row(line: int, fields: Mapping[str, Any], raw_header: Sequence[str]) -> csv_records.Raw:
    flaws: dict[int, str] = {}
    cells: list[str] = []
    for position, key in enumerate(raw_header):
        text, flaw = _cell(fields.get(key))
        cells.append(text)
        if flaw:
            flaws[position] = flaw
    return line, cells, flaws or csv_records.NO_FLAWS


def _blocks(
    source: InputFile, coding: encodings.TextCoding, decoder: json.JSONDecoder
) -> Iterator[tuple[Sequence[int], list[dict[str, Any]]]]:
    """Yield (lines, objects) in order, an empty object for an empty line.

    Raises:
        InputError: not JSON, or not objects.
    """
    line = 1
    try:
        with io.TextIOWrapper(source.open(), encoding=coding.codec) as stream:
            for lines, block in _found(source, stream, decoder):
                for line, each in zip(lines, block, strict=True):
                    if not isinstance(each, dict):
                        raise input_errors.line_error(
                            source.name, line, "a row that is not an object", hint=_SHAPE_HINT
                        )
                yield lines, block
    except _TwiceError as error:
        rule = "an object names the same column twice"
        if error.args:
            raise input_errors.line_error(source.name, error.args[0], rule) from None
        raise _refused(source, line, rule) from None
    except json.JSONDecodeError as error:
        at = line if error.msg == _LATER else max(line, error.lineno)
        rule, place = "not valid JSON", f"line {at} or after"
        raise input_errors.line_error(source.name, at, rule, hint=_SHAPE_HINT, place=place) from None
    except UnicodeError:
        raise _refused(source, line, f"bytes that are not {coding.name} text", hint="--encoding cp1252") from None
    except (RecursionError, ValueError):
        raise _refused(source, line, "values nested too deeply, or too long") from None
    source.require_unchanged()


def _found(source: InputFile, stream: TextIO, decoder: json.JSONDecoder) -> Iterator[tuple[Sequence[int], list[Any]]]:
    first = stream.read(_PIECE_CHARS)
    is_array = first.lstrip(_SPACE).startswith("[")
    inner = None if is_array else _wrapped(source, stream, first)
    if inner is None and not is_array:
        yield from _lines(stream, first, decoder)
        return
    array = _Array(stream, first, decoder) if inner is None else _Array(io.StringIO(), inner[1], decoder, inner[2])
    for line, each in array.walk():
        yield (line,), [each]


_LATER: Final = "in a later row"


def _refused(source: InputFile, line: int, rule: str, *, hint: str = "") -> InputError:
    return input_errors.line_error(source.name, line, rule, hint=hint, place=f"after line {line}")


def wrapper(source: InputFile, coding: encodings.TextCoding) -> str:
    """Return the name of the one list of objects that a document wraps, "" if it is of another shape.

    Raises:
        InputError: one object that holds no such list, or several.
    """
    try:
        with io.TextIOWrapper(source.open(), encoding=coding.codec) as stream:
            first = stream.read(_PIECE_CHARS)
            inner = None if first.lstrip(_SPACE).startswith("[") else _wrapped(source, stream, first)
    except (UnicodeError, _TwiceError, RecursionError, ValueError):
        return ""  # said better when the rows are read
    return inner[0] if inner else ""


def _wrapped(source: InputFile, stream: TextIO, first: str) -> tuple[str, str, int] | None:
    """Return (name, JSON text, line) of the one list that an object wraps; None for one object a line.

    The stream stands where it stood before, behind `first`.

    Raises:
        InputError: an object over several lines without such a list, or with several.
    """
    line_end = first.find("\n", len(first) - len(first.lstrip(_SPACE)))
    head = first[:line_end] if line_end >= 0 else first
    if source.size > _MAX_WRAPPED_BYTES or not head.strip(_SPACE).startswith("{") or _is_row(head, is_all=line_end < 0):
        return None
    text = first + stream.read()
    try:
        spans = list(_members(text))
    except (json.JSONDecodeError, RecursionError):
        stream.seek(0)
        stream.read(len(first))
        return None
    lists = [
        each
        for each in spans
        if isinstance(each[1], list) and each[1] and all(isinstance(one, dict) for one in each[1])
    ]
    if len(lists) == 1:
        name, _, start, end = lists[0]
        return name, text[start:end], text.count("\n", 0, start) + 1
    raise InputError(f"{source.name}: {_shape(spans, lists)}", hint=_shape_hint(source.name, spans, lists))


def _is_row(text: str, *, is_all: bool) -> bool:
    """Say whether a line is a row by itself: an object that wraps no list of objects."""
    try:
        value = _CHECKING.decode(text.strip(_SPACE))
    except (json.JSONDecodeError, RecursionError, _TwiceError):
        return not is_all and '"' in text and text.rstrip(_SPACE).endswith("}")
    values = value.values() if isinstance(value, dict) else ()
    if values and all(isinstance(each, dict) for each in values):
        return False  # columns of rows, or rows by name, as pandas writes them
    return not any(isinstance(each, list) and each and all(isinstance(one, dict) for one in each) for each in values)


def _members(text: str) -> Iterator[tuple[str, Any, int, int]]:
    """Yield (name, value, start, end) of each member of the one object that a text is."""
    at = _past(text, 0, "{")
    while text[_past(text, at) : _past(text, at) + 1] != "}":
        name, at = _CHECKING.raw_decode(text, _past(text, at))
        start = _past(text, _past(text, at, ":"))
        value, at = _CHECKING.raw_decode(text, start)
        yield str(name), value, start, at
        at = _past(text, at)
        if text[at : at + 1] != "}":
            at = _past(text, at, ",")
    if text[_past(text, at, "}") :].strip(_SPACE):
        raise json.JSONDecodeError(_LATER, "", 0)


def _past(text: str, at: int, sign: str = "") -> int:
    """Return the place behind white space, and behind a sign that must stand there."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    if sign and text[at : at + 1] != sign:
        raise json.JSONDecodeError(_LATER, "", 0)
    return at + len(sign)


def _shape(spans: Sequence[tuple[str, Any, int, int]], lists: Sequence[tuple[str, Any, int, int]]) -> str:
    if lists:
        return f"one object with several lists of rows: {', '.join(each[0] for each in lists[:8])}"
    if inner := _inner(dict(each[:2] for each in spans)):
        return f"one object with rows further down: {', '.join(map('.'.join, inner[:8]))}"
    if spans and all(isinstance(each[1], dict) for each in spans):
        return "one object of columns or of rows, not a list of rows"
    return "one object, not a list of rows"


def _inner(fields: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths of the lists of objects that stand in objects inside of this one."""
    paths: list[tuple[str, ...]] = []
    for key, value in fields.items():
        here = (*path, str(key))
        if path and isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            paths.append(here)
        elif isinstance(value, dict) and len(path) < _MAX_DEPTH:
            paths.extend(_inner(value, here))
    return paths


def _shape_hint(
    name: str, spans: Sequence[tuple[str, Any, int, int]], lists: Sequence[tuple[str, Any, int, int]]
) -> str:
    quoted = shlex.quote(name)
    if lists:
        return f"jq {shlex.quote('.' + json.dumps(lists[0][0]))} {quoted} > rows.json"
    if inner := _inner(dict(each[:2] for each in spans)):
        return f"jq {shlex.quote(''.join(f'.{json.dumps(key)}' for key in inner[0]))} {quoted} > rows.json"
    if spans and all(isinstance(each[1], dict) for each in spans):
        return "from pandas: to_json(orient='records'); else an array of objects"
    return f"jq '[.]' {quoted} > rows.json, if it is one row; else {_SHAPE_HINT}"


def _lines(stream: TextIO, first: str, decoder: json.JSONDecoder) -> Iterator[tuple[Sequence[int], list[Any]]]:
    pieces: Iterator[str] = iter(lambda: stream.read(_PIECE_CHARS), "")
    rest, line = "", 1
    piece: str | None = first
    while piece:
        rest += piece
        *whole, rest = rest.split("\n")
        for start in range(0, len(whole), _BLOCK_LINES):
            block = whole[start : start + _BLOCK_LINES]
            yield range(line, line + len(block)), _decoded(block, line, decoder)
            line += len(block)
        if len(rest) > _MAX_OBJECT_CHARS:
            raise ValueError
        piece = next(pieces, None)
    if rest.strip(_SPACE):
        yield range(line, line + 1), _decoded([rest], line, decoder)


def _decoded(block: Sequence[str], line: int, decoder: json.JSONDecoder) -> list[Any]:
    """Decode lines; together where each looks like an object, because that is twice as fast."""
    stripped = [text.strip(_SPACE) for text in block]
    if all(text[:1] == "{" and text[-1] == "}" for text in stripped):
        try:
            values: list[Any] = decoder.decode(f"[{','.join(stripped)}]")
            if len(values) == len(stripped):
                return values
        except (json.JSONDecodeError, _TwiceError):
            pass  # the line that is wrong is found below
    return [_decoded_line(text, number, decoder) for number, text in enumerate(stripped, line)]


def _decoded_line(text: str, line: int, decoder: json.JSONDecoder) -> Any:
    if not text:
        return {}
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        error.lineno = line
        raise
    except _TwiceError as error:
        raise _TwiceError(line) from error


class _Array:
    """Walks a JSON array that may be larger than the memory."""

    def __init__(self, stream: TextIO, first: str, decoder: json.JSONDecoder, line: int = 1) -> None:
        self._decoder = decoder
        self._read: Callable[[], str] = lambda: stream.read(_PIECE_CHARS)
        self._text = first
        self._at = 0
        self._line = line

    def walk(self) -> Iterator[tuple[int, Any]]:
        self._expect("[")
        if self._peek() == "]":
            self._expect("]")
        else:
            while True:
                self._peek()
                line = self._line
                yield line, self._value()
                if self._peek() != ",":
                    self._expect("]")
                    break
                self._expect(",")
        if self._peek():
            raise json.JSONDecodeError(_LATER, "", 0)

    def _value(self) -> Any:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if not self._more():
                    raise json.JSONDecodeError(_LATER, "", 0) from None
                continue
            if end == len(self._text) and self._more():
                continue  # a number may go on in the next piece
            self._advance(end)
            return value

    def _peek(self) -> str:
        while True:
            end = self._at
            while end < len(self._text) and self._text[end] in _SPACE:
                end += 1
            self._advance(end)
            if end < len(self._text):
                return self._text[end]
            if not self._more():
                return ""

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise json.JSONDecodeError(_LATER, "", 0)
        self._at += 1

    def _advance(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        piece = self._read()
        self._text, self._at = self._text[self._at :] + piece, 0
        if len(self._text) > _MAX_OBJECT_CHARS:
            raise ValueError
        return bool(piece)


def _cell(value: Any) -> tuple[str, str]:
    match value:
        case None:
            return "", ""
        case bool():
            return ("true" if value else "false"), ""
        case str():
            return _whole(value)
        case _:
            text, _ = _whole(json.dumps(value, ensure_ascii=False))
            return text, _NESTED


def _whole(text: str) -> tuple[str, str]:
    if "\0" in text:  # no text file could keep it
        return text.replace("\0", "\ufffd"), _NUL
    if text.isascii():
        return text, ""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode(), _SURROGATE
    return text, ""
