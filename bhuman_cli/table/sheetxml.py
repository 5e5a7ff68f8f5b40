"""Owns what calamine leaves out of an .xlsx sheet: error cells, number formats, formulas without results, extent.

Reads the sheet's XML with one regular expression, piece by piece; the values themselves are calamine's.
"""

from __future__ import annotations

import posixpath
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

from bhuman_cli.errors import InputError
from bhuman_cli.table import archives, formats
from bhuman_cli.table.source import Source

MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_CELLS: Final = 25_000_000
"""calamine lays a sheet out densely: one stray cell far away would otherwise cost gigabytes."""

ERRORS: Final = (
    "#N/A",
    "#REF!",
    "#NAME?",
    "#VALUE!",
    "#DIV/0!",
    "#NULL!",
    "#NUM!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
)
UNCALCULATED: Final = -1
_FIRST_ERROR: Final = -2

# Bounded on every path: no part of it can run on past the next `<` or `>`, so hostile XML stays linear.
_TOKEN: Final = re.compile(
    rb"<(?:\w+:)?(?:row\b([^>]*)>"
    rb"|c\b([^>]*)>(?:(<(?:\w+:)?f\b)[^>]*>(?:[^<]*</(?:\w+:)?f>)?)?(?:<(?:\w+:)?(?:v\b[^>]*>([^<]*)|(is)\b))?)"
)
_REFERENCE: Final = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,4})(\d{1,9})["']""")
_ROW_NUMBER: Final = re.compile(rb"""\br\s*=\s*["'](\d{1,9})["']""")
_STYLE: Final = re.compile(rb"""\bs\s*=\s*["'](\d{1,6})["']""")
_TYPE: Final = re.compile(rb"""\bt\s*=\s*["'](\w+)["']""")
_HIDDEN: Final = re.compile(rb"""\bhidden\s*=\s*["'](?:1|true)["']""")


@dataclass(slots=True, kw_only=True)
class Marks:
    """What is special about a sheet's cells, in reading order.

    keys: row * MAX_COLUMNS + column, 0-based. marks: a style number, or a negative error code.
    codes: style number → format code, for the styles that matter.
    """

    codes: dict[int, str]
    keys: array[int] = field(default_factory=lambda: array("q"))
    marks: array[int] = field(default_factory=lambda: array("l"))
    hidden_rows: int = 0
    last_row: int = -1
    last_column: int = -1

    def add(self, row: int, column: int, mark: int) -> None:
        """Note one cell."""
        self.keys.append(row * MAX_COLUMNS + column)
        self.marks.append(mark)

    def in_order(self) -> None:
        """Sort by place, for the rare writer that doesn't."""
        pairs = sorted(zip(self.keys, self.marks, strict=True))
        self.keys = array("q", (key for key, _ in pairs))
        self.marks = array("l", (mark for _, mark in pairs))


def error_text(mark: int) -> str:
    """Return the rule for a negative mark."""
    if mark == UNCALCULATED:
        return "holds a formula whose result was never stored"
    return f"holds the error {ERRORS[_FIRST_ERROR - mark]}" if _FIRST_ERROR - mark < len(ERRORS) else "holds an error"


def sheet_part(source: Source, sheet: str) -> str:
    """Return the name of the part that holds a sheet, "" if the workbook is laid out in another way."""
    root = _root_part(source)
    book = archives.part(source, root)
    folder, file = posixpath.split(root)
    relations = archives.part(source, f"{folder}/_rels/{file}.rels")
    if book is None or relations is None:
        return ""
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    for element in book.iter():
        if _local(element) == "sheet" and element.get("name") == sheet:
            wanted = next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == "id"), None)
            target = targets.get(wanted, "")
            return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
    return ""


def _root_part(source: Source) -> str:
    relations = archives.part(source, "_rels/.rels")
    for each in relations if relations is not None else ():
        if each.get("Type", "").endswith("/officeDocument"):
            return each.get("Target", "").lstrip("/")
    return "xl/workbook.xml"


def scan(source: Source, sheet: str) -> Marks:
    """Read what is special about a sheet's cells.

    Raises:
        InputError: the sheet is larger than any table, or damaged.
    """
    marks = Marks(codes=_codes(source))
    name = sheet_part(source, sheet)
    if not name:
        return marks
    _Scan(marks).run(_whole_rows(archives.pieces(source, name)))
    rows, columns = marks.last_row + 1, marks.last_column + 1
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        raise archives.broken(source)
    if rows * columns > MAX_CELLS:
        raise InputError(
            f"{source.name}: sheet {sheet!r} spans {rows} rows and {columns} columns: a stray cell stands far away",
            hint="delete what is beyond the table, or save only the table as CSV",
        )
    return marks


def _codes(source: Source) -> dict[int, str]:
    """Return style number → format code, without those that show a number as it is, or as a date."""
    styles = archives.part(source, "xl/styles.xml")
    if styles is None:
        return {}
    custom = {
        int(each.get("numFmtId", "-1")): each.get("formatCode", "")
        for each in styles.iter()
        if _local(each) == "numFmt" and each.get("numFmtId", "").isdigit()
    }
    cells = next((each for each in styles if _local(each) == "cellXfs"), ())
    found: dict[int, str] = {}
    for number, style in enumerate(cells):
        wanted = style.get("numFmtId", "0")
        code = custom.get(int(wanted), formats.BUILT_IN.get(int(wanted), "")) if wanted.isdigit() else ""
        if code and code.strip().lower() not in {"general", "@"} and not formats.is_date(code):
            found[number] = code
    return found


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _whole_rows(stream: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces cut behind a row's end, so that no tag is torn."""
    rest = b""
    for piece in stream:
        rest += piece
        cut = rest.rfind(b"row>") + 4
        if cut > 4:
            yield rest[:cut]
            rest = rest[cut:]
    yield rest


class _Scan:
    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._row = -1
        self._column = -1
        self._columns: dict[bytes, int] = {}
        self._last_key = -1

    def run(self, texts: Iterator[bytes]) -> None:
        in_order = True
        for text in texts:
            for match in _TOKEN.finditer(text):
                row, cell, formula, value, inline = match.groups()
                if row is not None:
                    self._start_row(row)
                    continue
                self._place(cell)
                if value or inline or formula:
                    in_order = self._note(cell, value or b"", bool(formula), bool(inline)) and in_order
        if not in_order:
            self._marks.in_order()

    def _start_row(self, attributes: bytes) -> None:
        number = _ROW_NUMBER.search(attributes) if attributes else None
        self._row = int(number[1]) - 1 if number else self._row + 1
        self._column = -1
        if b"hidden" in attributes and _HIDDEN.search(attributes):
            self._marks.hidden_rows += 1

    def _place(self, cell: bytes) -> None:
        found = _REFERENCE.search(cell)
        if found is None:
            self._column += 1
            return
        letters, number = found.groups()
        column = self._columns.get(letters)
        if column is None:
            column = self._columns[letters] = _column(letters)
        self._column, self._row = column, int(number) - 1

    def _note(self, cell: bytes, value: bytes, is_formula: bool, is_inline: bool) -> bool:
        marks = self._marks
        marks.last_row = max(marks.last_row, self._row)
        marks.last_column = max(marks.last_column, self._column)
        kind = _TYPE.search(cell) if b"t" in cell else None
        mark: int | None = None
        if kind is not None and kind[1] == b"e":
            mark = _error(value)
        elif is_formula and not value and not is_inline and kind is None:
            mark = UNCALCULATED
        elif marks.codes and (kind is None or kind[1] == b"n"):
            style = _STYLE.search(cell)
            mark = int(style[1]) if style and int(style[1]) in marks.codes else None
        if mark is None:
            return True
        marks.add(self._row, self._column, mark)
        key = marks.keys[-1]
        rising, self._last_key = key > self._last_key, key
        return rising


def _error(value: bytes) -> int:
    text = value.decode("ascii", "replace").strip().upper()
    return _FIRST_ERROR - (ERRORS.index(text) if text in ERRORS else len(ERRORS))


def _column(letters: bytes) -> int:
    index = 0
    for letter in letters.upper():
        index = index * 26 + letter - 64
    return index - 1
