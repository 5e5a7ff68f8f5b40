"""Owns rows written as JSON: an array of objects, or one object a line. Streams; values are kept as written."""

from __future__ import annotations

import io
import json
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
_SHAPE_HINT: Final = "an array of objects, or one object a line: both with column names as keys"


class _TwiceError(ValueError):
    """An object names a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError
    return found


# Numbers stay the text they are written as: 007.50 is not ours to shorten, and 5,000 digits are no integer to parse.
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str)


def columns(source: InputFile, coding: encodings.TextCoding) -> tuple[str, ...]:
    """Return every key of every object, in the order they first appear. Reads the whole file."""
    seen: dict[str, None] = {}
    for _, found in objects(source, coding):
        seen.update(dict.fromkeys(found))
    return tuple(seen)


def rows(source: InputFile, coding: encodings.TextCoding, raw_header: Sequence[str]) -> Iterator[csv_records.Raw]:
    """Yield (line, cells, flaws) of every object; a key that is absent or null is a blank cell."""
    for line, found in objects(source, coding):
        flaws: Mapping[int, str] = csv_records.NO_FLAWS
        cells: list[str] = []
        for position, key in enumerate(raw_header):
            text, flaw = _cell(found.get(key))
            cells.append(text)
            if flaw:
                flaws = {**flaws, position: flaw}
        yield line, cells, flaws


def objects(source: InputFile, coding: encodings.TextCoding) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, object) in order, an empty object for an empty line.

    Raises:
        InputError: not JSON, or not objects.
    """
    line = 1
    try:
        with io.TextIOWrapper(source.open(), encoding=coding.codec) as stream:
            first = stream.read(_PIECE_CHARS)
            is_array = first.lstrip(_SPACE).startswith("[")
            found = _Array(stream, first).walk() if is_array else _lines(stream, first)
            for line, each in found:
                if not isinstance(each, dict):
                    raise input_errors.line_error(source.name, line, "a row that is not an object", hint=_SHAPE_HINT)
                yield line, each
    except _TwiceError:
        raise _refused(source, line, "an object names the same column twice") from None
    except json.JSONDecodeError as error:
        at = line if error.msg == _LATER else max(line, error.lineno)
        rule, place = "not valid JSON", f"line {at} or after"
        raise input_errors.line_error(source.name, at, rule, hint=_SHAPE_HINT, place=place) from None
    except UnicodeError:
        raise _refused(source, line, f"bytes that are not {coding.name} text", hint="--encoding cp1252") from None
    except (RecursionError, ValueError):
        raise _refused(source, line, "values nested too deeply, or too long") from None
    source.require_unchanged()


_LATER: Final = "in a later row"


def _refused(source: InputFile, line: int, rule: str, *, hint: str = "") -> InputError:
    return input_errors.line_error(source.name, line, rule, hint=hint, place=f"after line {line}")


def _lines(stream: TextIO, first: str) -> Iterator[tuple[int, Any]]:
    pieces: Iterator[str] = iter(lambda: stream.read(_PIECE_CHARS), "")
    rest, line = "", 0
    piece: str | None = first
    while piece:
        rest += piece
        *whole, rest = rest.split("\n")
        for text in whole:
            line += 1
            yield line, _decoded(text, line)
        if len(rest) > _MAX_OBJECT_CHARS:
            raise ValueError
        piece = next(pieces, None)
    if rest.strip(_SPACE):
        yield line + 1, _decoded(rest, line + 1)


def _decoded(text: str, line: int) -> Any:
    stripped = text.strip(_SPACE)
    if not stripped:
        return {}
    try:
        return _DECODER.decode(stripped)
    except json.JSONDecodeError as error:
        error.lineno = line
        raise


class _Array:
    """Walks a JSON array that may be larger than the memory."""

    def __init__(self, stream: TextIO, first: str) -> None:
        self._read: Callable[[], str] = lambda: stream.read(_PIECE_CHARS)
        self._text = first
        self._at = 0
        self._line = 1

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
                value, end = _DECODER.raw_decode(self._text, self._at)
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
    if text.isascii():
        return text, ""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode(), _SURROGATE
    return text, ""
