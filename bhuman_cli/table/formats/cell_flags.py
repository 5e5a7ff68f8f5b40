"""Owns what is special about a sheet's cells besides their values: errors, formats that matter, the sheet's extent.

Filled by `sheetxml`, `odsxml` and `biff`, because calamine returns values without either. Opens nothing.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

from bhuman_cli.errors import InputError

MAX_COLUMNS: Final = 16_384
MAX_ROWS: Final = 1_048_576
MAX_CELLS: Final = 25_000_000
MANY_CELLS: Final = 4_000_000
"""calamine lays a sheet out densely: one stray cell far away would cost gigabytes."""
MIN_FILLED: Final = 0.02

ERRORS: Final = (
    *("#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"),
    *("#SPILL!", "#CALC!", "#GETTING_DATA"),
)
UNCALCULATED: Final = -1
_FIRST_ERROR: Final = -2


@dataclass(slots=True, kw_only=True)
class CellFlags:
    """What is special, in reading order.

    keys: row * MAX_COLUMNS + column, 0-based. marks: a style number, or a negative error code.
    codes: style number → format code, for the styles that matter. cells: how many hold something.
    """

    codes: dict[int, str] = field(default_factory=dict)
    keys: array[int] = field(default_factory=lambda: array("q"))
    marks: array[int] = field(default_factory=lambda: array("l"))
    hidden_rows: int = 0
    cells: int = 0
    last_row: int = -1
    last_column: int = -1
    is_in_order: bool = True

    def fill(self, row: int, column: int, count: int = 1) -> None:
        """Count cells that hold something; row and column are those of the last of them."""
        self.cells += count
        self.last_row = max(self.last_row, row)
        self.last_column = max(self.last_column, column)

    def add(self, row: int, column: int, mark: int) -> None:
        """Note what is special about one cell."""
        key = row * MAX_COLUMNS + column
        self.is_in_order = self.is_in_order and (not self.keys or key > self.keys[-1])
        self.keys.append(key)
        self.marks.append(mark)

    def code(self, format_code: str) -> int:
        """Return the style number of a format code, for formats without styles."""
        for number, known in self.codes.items():
            if known == format_code:
                return number
        self.codes[len(self.codes)] = format_code
        return len(self.codes) - 1

    def settle(self, name: str, sheet: str) -> None:
        """Sort by place, for the rare writer that doesn't, and refuse a sheet that no table needs.

        Raises:
            InputError: it would fill the memory.
        """
        rows, columns = self.last_row + 1, self.last_column + 1
        spread = rows * columns
        if rows > MAX_ROWS or columns > MAX_COLUMNS or spread > MAX_CELLS:
            raise InputError(
                f"{name}: sheet {sheet!r} spans {rows:,} rows and {columns:,} columns, which is no table",
                hint="save only the table, as CSV",
            )
        if spread > MANY_CELLS and self.cells < spread * MIN_FILLED:
            raise InputError(
                f"{name}: sheet {sheet!r} spans {rows:,} rows and {columns:,} columns, nearly all blank",
                hint="delete the stray cell that stands far away from the table",
            )
        if not self.is_in_order:
            pairs = sorted(zip(self.keys, self.marks, strict=True))
            self.keys = array("q", (key for key, _ in pairs))
            self.marks = array("l", (mark for _, mark in pairs))


def error(text: str) -> int:
    """Return the mark of an error cell that shows this."""
    text = text.strip().upper()
    return _FIRST_ERROR - (ERRORS.index(text) if text in ERRORS else len(ERRORS))


def rule(mark: int) -> str:
    """Return what is said of a cell with a negative mark."""
    if mark == UNCALCULATED:
        return "holds a formula whose result was never stored"
    number = _FIRST_ERROR - mark
    return f"holds the error {ERRORS[number]}" if number < len(ERRORS) else "holds an error"
