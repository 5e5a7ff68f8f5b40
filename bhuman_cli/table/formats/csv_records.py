"""Rows as every reader hands them on, and the rules common to all: names, numbers, raggedness. Opens nothing."""

from __future__ import annotations

import operator
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from types import MappingProxyType
from typing import Final

from bhuman_cli import amounts
from bhuman_cli.table import input_errors

Raw = tuple[int, Sequence[str], Mapping[int, str]]
"""A row before it is numbered: line, cells, flaws."""

NO_FLAWS: Final[Mapping[int, str]] = MappingProxyType({})
WHOLE_ROW: Final = -1
"""The place of a flaw that no single cell has: the row has not as many cells as the header has columns."""

LEFT_OUT: Final = -2
"""The place of a reason why a row is no recipient's, such as a table's totals; not a fault."""

Record = tuple[int, int, tuple[str, ...], Mapping[int, str]]
"""One data row as read; a plain tuple, because a million of them are made.

row_index: 0-based among data rows. line: 1-based physical line or sheet row. cells: as many as the header has columns.
flaws: column position → rule, for cells that hold an error, not a text; WHOLE_ROW → rule for a ragged row, whose
cells are filled up, or the surplus ones joined to the last as they stand in the file.
"""

EDGES: Final = (
    " \t\r\n\f\v\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\u2060\ufeff"
)
"""White space, and what is invisible at an edge: a cell of these alone is blank."""
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
# Without the joiners of Persian and Indian words.
_UNSEEN: Final = dict.fromkeys(
    (0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
) | dict.fromkeys((0xA0, 0x202F, 0x205F, 0x3000, *range(0x2000, 0x200B)), " ")
_JOINERS: Final = {0x200C: None, 0x200D: None}
BLOCK_ROWS: Final = 128
_FIRST: Final = operator.itemgetter(0)


def cleaned(name: str) -> str:
    """Return a column's name as it is compared and sent: composed, without what nobody sees, trimmed."""
    if name.isascii():
        return name.strip(EDGES)
    name = unicodedata.normalize("NFC", name.translate(_UNSEEN)).strip(EDGES)
    return bare if (bare := name.translate(_JOINERS)).isascii() else name


def folded(text: str) -> str:
    """Return what two spellings of a value share: width, case, white space and a `mailto:` in front don't count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).removeprefix("mailto:").lstrip()


def header_of(name: str, cells: Sequence[str], line: int, *, is_row: bool = True) -> tuple[str, ...]:
    """Return the cleaned header without blank columns at its end; names may be blank or stand twice.

    is_row: it stands in the file as one.

    Raises:
        InputError: a name no file could keep, or hardly a name at all.
    """
    header = [cleaned(cell) for cell in cells]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise input_errors.line_error(name, line, "no header", hint="--header-row N, when it stands further down")
    for position, column in enumerate(header):
        if control := CONTROL.search(column):
            what = "half of a character" if control[0] >= "\ud800" else "a control character"
            rule = f"the name of column {position + 1} holds {what}"
            raise input_errors.line_error(name, line, rule, hint="retype the name in the file")
    if header.count("") * 2 > len(header):
        rule = f"column {header.index('') + 1} has no name, nor have most of the others"
        hint = "name the columns in the file" + (
            "; --header-row N, when the header stands further down" if is_row else ""
        )
        raise input_errors.line_error(name, line, rule, hint=hint)
    return tuple(header)


class Numbering:
    """Numbers the rows of one table: keeps blank ones that have a row after them, drops those at the end.

    width: the header's columns. unnamed_width: with the blank ones at its end.
    """

    def __init__(
        self, name: str, width: int, *, delimiter: str = "", unnamed_width: int = 0, is_sheet: bool = False
    ) -> None:
        self._name = name
        self._width = width
        self._delimiter = delimiter
        self._unnamed_width = unnamed_width
        self._is_sheet = is_sheet
        self._next = 0
        self._blanks = _Blanks(width)

    def even(self, block: Sequence[Sequence[str]], line: int) -> list[Record] | None:
        """Return the records of rows that stand on a line each from `line` on; None if one is blank or ragged."""
        if self._blanks.lines or set(map(len, block)) != {self._width} or not all(map(str.strip, map(_FIRST, block))):
            return None
        count = len(block)
        first, self._next = self._next, self._next + count
        cells = map(tuple, block)
        return list(zip(range(first, first + count), range(line, line + count), cells, repeat(NO_FLAWS), strict=False))

    def take(self, lines: Iterable[Raw]) -> Iterator[Record]:
        """Yield the records of any rows, each with its own line.

        Raises:
            InputError: a sheet has a text to the right of its header's last column.
        """
        for line, cells, flaws in lines:
            row_index, self._next = self._next, self._next + 1
            if self._is_sheet and flaws:  # what is wrong right of the table is nobody's
                flaws = {place: rule for place, rule in flaws.items() if place < self._width}  # noqa: PLW2901
            if not flaws and not any(map(str.strip, cells)):
                self._blanks.keep(row_index, line, cells)
                continue
            if len(cells) != self._width:
                cells, flaws = self._straight(line, cells, flaws)  # noqa: PLW2901 - as wide as the header
            if self._blanks.lines:
                yield from self._blanks.release()
            yield row_index, line, tuple(cells), flaws

    def _straight(
        self, line: int, cells: Sequence[str], flaws: Mapping[int, str]
    ) -> tuple[Sequence[str], Mapping[int, str]]:
        width = self._width
        if self._is_sheet and len(cells) < width:
            return (*cells, *[""] * (width - len(cells))), flaws
        if len(cells) > width and not any(map(str.strip, cells[width:])):
            return cells[:width], flaws
        columns = amounts.show(width, "column")
        if self._is_sheet:
            hint = f"name every column; --header-row {line}, if that row is the header"
            rule = f"a value to the right of the header's {columns}"
            raise input_errors.line_error(
                self._name, line, rule, hint=hint, place=f"row {line}", row_index=self._next - 1
            )
        count = amounts.show(len(cells), "cell")
        rule = f"{count}, but the header has {columns}"
        if width < len(cells) <= self._unnamed_width:
            at = next(place for place in range(width, len(cells)) if cells[place].strip())
            rule = f"a value in column {at + 1}, which has no name"
        last = self._delimiter.join(cells[width - 1 :])
        padding = [""] * (width - 1 - len(cells))
        return (*cells[: width - 1], *padding, last), {**flaws, WHOLE_ROW: rule}


def ragged_hint(rule: str, width: int, line: int) -> str:
    """Return what helps against a row of this line that has not as many cells as the header has columns."""
    if rule.endswith("no name"):
        return f"name every column in the file; --header-row {line}, if that line is the header"
    if width == 1:
        return f"--header-row {line}, if that line is the header; --delimiter, if it was guessed wrong"
    cells = rule.partition(" ")[0]
    if cells.isdecimal() and int(cells) < width:
        return "complete the line, or delete it if it is a total or a footer; --delimiter, if it was guessed wrong"
    return "put quotes around a value that holds the delimiter; --delimiter, if it was guessed wrong"


def in_blocks(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Yield records by the block, as whoever judges them wants them."""
    while block := list(islice(records, BLOCK_ROWS)):
        yield block


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
            yield row_index, line, self._spaces.get(row_index, self._empty), NO_FLAWS
        self.lines = array("q")
        self._spaces = {}
