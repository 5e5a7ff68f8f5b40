"""Owns what calamine leaves out of an .ods sheet: error cells, zero-padding, booleans, repeated cells without end.

An .ods file keeps what each cell showed beside its value, so no style needs to be followed.
"""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

from bhuman_cli.table.formats import cell_flags, number_formats, zip_safety
from bhuman_cli.table.formats.cell_flags import CellFlags
from bhuman_cli.table.input_file import InputFile

_PADDED: Final = re.compile(r"[-( ]*0\d*(?:[-() ]+\d+)*|\(?\d+(?:[-() ]+\d+)+")
_ERROR: Final = re.compile(r"#[A-Z0-9/]+[!?]?|Err:\d+")


def scan(source: InputFile) -> dict[str, CellFlags]:
    """Read what is special about the cells of every sheet, before calamine unfolds them all.

    Raises:
        InputError: a sheet is larger than any table, or damaged.
    """
    walker = _Walker()
    parser = expat.ParserCreate()
    parser.StartElementHandler = walker.start
    parser.EndElementHandler = walker.end
    parser.CharacterDataHandler = walker.text
    try:
        for piece in zip_safety.pieces(source, "content.xml"):
            parser.Parse(piece, False)
    except (expat.ExpatError, ValueError):
        raise zip_safety.broken(source) from None
    for sheet, found in walker.sheets.items():
        found.settle(source.name, sheet)
    return walker.sheets


class _Walker:
    """Follows the rows and cells of each sheet; `table:` and `text:` are the prefixes every writer uses."""

    def __init__(self) -> None:
        self.sheets: dict[str, CellFlags] = {}
        self._marks = CellFlags()
        self._row = 0
        self._row_repeat = 1
        self._column = 0
        self._cell: dict[str, str] = {}
        self._shown: list[str] | None = None
        self._comments = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table":
            self._marks = self.sheets.setdefault(attributes.get("table:name", ""), CellFlags())
            self._row = 0
        elif name == "table:table-row":
            self._row_repeat = _count(attributes, "table:number-rows-repeated")
            self._column = 0
            self._marks.hidden_rows += attributes.get("table:visibility") in {"collapse", "filter"}
        elif name in {"table:table-cell", "table:covered-table-cell"}:
            self._cell, self._shown = attributes, []
        elif name == "office:annotation":
            self._comments += 1

    def text(self, data: str) -> None:
        if self._shown is not None and not self._comments:
            self._shown.append(data)

    def end(self, name: str) -> None:
        if name == "table:table-row":
            self._row += self._row_repeat
        elif name in {"table:table-cell", "table:covered-table-cell"}:
            self._note()
            self._column += _count(self._cell, "table:number-columns-repeated")
            self._shown = None
        elif name == "office:annotation":
            self._comments -= 1

    def _note(self) -> None:
        shown = "".join(self._shown or [])
        if not shown and not any(key.startswith("office:") for key in self._cell):
            return
        across = _count(self._cell, "table:number-columns-repeated")
        last = self._row + self._row_repeat - 1, self._column + across - 1
        self._marks.fill(*last, count=across * self._row_repeat)
        mark = self._mark(shown)
        # What repeats beyond a table's size is refused when the sheet is settled.
        if mark is None or across * self._row_repeat > cell_flags.MAX_ROWS:
            return
        for row in range(self._row, last[0] + 1):
            for column in range(self._column, last[1] + 1):
                self._marks.add(row, column, mark)

    def _mark(self, shown: str) -> int | None:
        kind = self._cell.get("office:value-type", "")
        is_error = self._cell.get("calcext:value-type") == "error"
        if is_error or ("table:formula" in self._cell and kind in {"string", ""} and _ERROR.fullmatch(shown)):
            return cell_flags.error(shown)
        if kind == "time":
            return self._marks.code(number_formats.DURATION)
        if kind not in {"float", "percentage", "currency"} or not shown:
            return None
        number = float(self._cell.get("office:value", "nan"))
        plain = number_formats.plain(number)
        if shown.strip() in {plain, plain.replace(".", ",")}:
            return None
        # LibreOffice stores a formula's truth as a number that is shown so.
        if number in {0, 1} and shown.strip() == ("TRUE" if number else "FALSE"):
            return self._marks.code(number_formats.BOOLEAN)
        digits = "".join(filter(str.isdigit, shown))
        if kind == "float" and number >= 0 and _PADDED.fullmatch(shown.strip()) and int(digits) == number:
            return self._marks.code("".join("0" if sign.isdigit() else sign for sign in shown.strip()))
        return self._marks.code("#,##0.00" if kind == "float" else "0.00%" if kind == "percentage" else "¤")


def _count(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "1")
    return max(int(text), 1) if text.isdecimal() and len(text) < 10 else 1
