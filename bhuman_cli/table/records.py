"""Owns what every reader hands on: raw records, one at a time, and the rules common to all of them. Opens nothing."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from bhuman_cli.errors import InputError

Raw = tuple[int, Sequence[str], Mapping[int, str]]
"""A row before it is numbered: line, cells, flaws."""

NO_FLAWS: Final[Mapping[int, str]] = MappingProxyType({})


class Record(NamedTuple):
    """One data row as read: a plain tuple, because a million of them are made.

    row_index: 0-based among data rows. line: 1-based physical line or sheet row.
    cells: as many as the header has columns. flaws: column position → rule, for cells that hold an error, not a text.
    """

    row_index: int
    line: int
    cells: tuple[str, ...]
    flaws: Mapping[int, str] = NO_FLAWS


def header_of(name: str, cells: Sequence[str], line: int) -> tuple[str, ...]:
    """Return the trimmed header without blank columns at its end, checked.

    Raises:
        InputError: a name is blank or stands twice.
    """
    header = [cell.strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise InputError(f"{name}: line {line}: no header", hint="--header-row N, when it stands further down")
    for position, column in enumerate(header):
        if not column:
            raise InputError(
                f"{name}: line {line}: column {position + 1} has no name, but every column needs one",
                hint="name it in the file; --header-row N, when the header stands further down",
            )
        if (first := header.index(column)) < position:
            raise InputError(
                f"{name}: line {line}: columns {first + 1} and {position + 1} are both named {column!r}",
                hint="rename one of them in the file",
            )
    return tuple(header)


def numbered(name: str, lines: Iterable[Raw], width: int) -> Iterator[Record]:
    """Number the rows, keep blank ones that have a row after them, drop those at the end, refuse ragged ones.

    Raises:
        InputError: a row has fewer cells than the header, or a text beyond its last column.
    """
    strip = str.strip
    make = Record._make
    blanks = _Blanks(width)
    row_index = -1
    for line, cells, flaws in lines:
        row_index += 1
        if len(cells) != width or not any(map(strip, cells)):
            if not any(map(strip, cells)) and not flaws:
                blanks.keep(row_index, line, cells)
                continue
            cells = _straight(name, line, cells, width)  # noqa: PLW2901 - the same row without its blank end
        if blanks.lines:
            yield from blanks.release()
        yield make((row_index, line, tuple(cells), flaws))


class _Blanks:
    """Blank rows whose fate is open: 8 bytes each, because a broken export can end in a million of them."""

    def __init__(self, width: int) -> None:
        self.lines = array("q")
        self._first = 0
        self._spaces: dict[int, tuple[str, ...]] = {}
        self._empty = ("",) * width

    def keep(self, row_index: int, line: int, cells: Sequence[str]) -> None:
        if not self.lines:
            self._first = row_index
        self.lines.append(line)
        if any(cells):
            padded = (*cells, *self._empty)[: len(self._empty)]
            self._spaces[row_index] = padded

    def release(self) -> Iterator[Record]:
        for row_index, line in enumerate(self.lines, self._first):
            yield Record(row_index, line, self._spaces.get(row_index, self._empty))
        self.lines = array("q")
        self._spaces = {}


def _straight(name: str, line: int, cells: Sequence[str], width: int) -> Sequence[str]:
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        return cells[:width]
    if width == 1:
        hint = "--header-row N, when the header stands further down; --delimiter, when it was guessed wrong"
    else:
        hint = "put quotes around a value that holds the delimiter; --delimiter, when it was guessed wrong"
    columns = "1 column" if width == 1 else f"{width} columns"
    found = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    raise InputError(f"{name}: line {line} has {found}, but the header has {columns}", hint=hint)
