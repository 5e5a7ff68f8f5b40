"""Owns results as .xlsx: a plain workbook of any length, or the user's own workbook with our columns added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from bhuman_cli.errors import UsageError

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

MAX_SHEET_ROWS: Final = 1_048_576
MAX_CELL_CHARS: Final = 32_767
MAX_LINKED_ROWS: Final = 30_000
"""Excel opens 65,530 links a sheet at most, and a row has two."""
MAX_LINK_CHARS: Final = 2_079
LINKED: Final = frozenset({"share_url", "url"})

Line = tuple[int, Sequence[str], Sequence[str]]
"""row_index, the user's cells, our texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the table stands in the user's workbook. header_line: 1-based row. first_column: 0-based."""

    source: Path
    sheet: str
    header_line: int
    first_column: int


def write_plain(stream: IO[bytes], columns: Sequence[str], ours: Sequence[str], lines: Iterable[Line]) -> None:
    """Write a workbook of one sheet, row by row, in constant memory; every cell a text.

    Raises:
        UsageError: more rows, or a longer cell, than a sheet holds.
    """
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_numbers": False,
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(stream, options) as book:
        sheet = book.add_worksheet("results")
        bold = book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        for column, name in enumerate((*columns, *ours)):
            sheet.write_string(0, column, name, bold)
            sheet.set_column(column, column, min(max(len(name) + 2, 12), 40))
        links = {len(columns) + number for number, name in enumerate(ours) if _is_linked(name)}
        for number, (_, cells, texts) in enumerate(lines, 1):
            _require_room(number + 1, cells)
            for column, text in enumerate((*cells, *texts)):
                if not text:
                    continue
                if column in links and number <= MAX_LINKED_ROWS and _is_link(text):
                    sheet.write_url(number, column, text, string=text)
                else:
                    sheet.write_string(number, column, text)


def write_into(stream: IO[bytes], place: Place, width: int, ours: Sequence[str], lines: Iterable[Line]) -> None:
    """Write the user's workbook with our columns right of the table; other sheets, styles and widths stay.

    width: the table's own columns. Formulas of the table are replaced by the values they showed, because this
    library would drop those and leave the cells empty until a spreadsheet program opens them.
    """
    import openpyxl
    from openpyxl import styles, utils

    book = openpyxl.load_workbook(place.source, rich_text=True)
    shown = openpyxl.load_workbook(place.source, data_only=True)
    sheet, values = book[place.sheet], shown[place.sheet]
    start = place.first_column + width + 1
    for number, name in enumerate(ours):
        cell = sheet.cell(place.header_line, start + number)
        _put(cell, name)
        cell.font = styles.Font(bold=True)
        width_of = sheet.column_dimensions[utils.get_column_letter(start + number)]
        width_of.width = max(width_of.width, min(max(len(name) + 2, 12), 40))
    for row_index, _, texts in lines:
        row = place.header_line + 1 + row_index
        for number, text in enumerate(texts):
            cell = sheet.cell(row, start + number)
            _put(cell, text)
            cell.hyperlink = None
            if _is_linked(ours[number]) and row_index < MAX_LINKED_ROWS and _is_link(text):
                cell.hyperlink = text
                cell.style = "Hyperlink"
    _freeze_values(sheet, values)
    if sheet.freeze_panes is None:
        sheet.freeze_panes = f"A{place.header_line + 1}"
    book.save(stream)


def _freeze_values(sheet: Worksheet, values: Worksheet) -> None:
    for cells in sheet.iter_rows():
        for cell in cells:
            if cell.data_type == "f":
                cell.value = values[cell.coordinate].value


def _put(cell: Cell | Any, text: str) -> None:
    cell.value = text or None
    if text:
        cell.data_type = "s"  # else a text that begins with "=" would be a formula


def _is_linked(name: str) -> bool:
    return name.removeprefix("bhuman_") in LINKED


def _is_link(text: str) -> bool:
    return text.startswith(("https://", "http://")) and len(text) <= MAX_LINK_CHARS and not any(map(str.isspace, text))


def _require_room(row: int, cells: Sequence[str]) -> None:
    if row > MAX_SHEET_ROWS:
        raise UsageError(
            f"an .xlsx sheet holds {MAX_SHEET_ROWS - 1:,} rows, and this table has more", hint="-o NAME.csv"
        )
    if any(len(cell) > MAX_CELL_CHARS for cell in cells):
        raise UsageError(f"an .xlsx cell holds {MAX_CELL_CHARS:,} characters, and one has more", hint="-o NAME.csv")
