"""Owns what calamine leaves out of an .xlsx sheet: error cells, number formats, formulas without results, extent.

Reads the sheet's XML with one regular expression, piece by piece; the values themselves are calamine's.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

from bhuman_cli.table.formats import cell_flags, number_formats, zip_safety
from bhuman_cli.table.formats.cell_flags import CellFlags
from bhuman_cli.table.input_file import InputFile

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


def sheet_part(source: InputFile, sheet: str) -> str:
    """Return the name of the part that holds a sheet, "" if the workbook is laid out in another way."""
    root = _root_part(source)
    book = zip_safety.part(source, root)
    folder, file = posixpath.split(root)
    relations = zip_safety.part(source, f"{folder}/_rels/{file}.rels")
    if book is None or relations is None:
        return ""
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    for element in book.iter():
        if _local(element) == "sheet" and element.get("name") == sheet:
            wanted = next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == "id"), None)
            target = targets.get(wanted, "")
            return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
    return ""


def _root_part(source: InputFile) -> str:
    relations = zip_safety.part(source, "_rels/.rels")
    for each in relations if relations is not None else ():
        if each.get("Type", "").endswith("/officeDocument"):
            return each.get("Target", "").lstrip("/")
    return "xl/workbook.xml"


def scan(source: InputFile, sheet: str) -> CellFlags:
    """Read what is special about a sheet's cells.

    Raises:
        InputError: the sheet is larger than any table, or damaged.
    """
    found = CellFlags(codes=_codes(source))
    if name := sheet_part(source, sheet):
        _Scan(found).run(_whole_rows(zip_safety.pieces(source, name)))
        found.settle(source.name, sheet)
    return found


def _codes(source: InputFile) -> dict[int, str]:
    """Return style number → format code, without those that show a number as it is, or as a date."""
    styles = zip_safety.part(source, "xl/styles.xml")
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
        code = custom.get(int(wanted), number_formats.BUILT_IN.get(int(wanted), "")) if wanted.isdigit() else ""
        if number_formats.matters(code):
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
    def __init__(self, found: CellFlags) -> None:
        self._marks = found
        self._row = -1
        self._column = -1
        self._columns: dict[bytes, int] = {}

    def run(self, texts: Iterator[bytes]) -> None:
        for text in texts:
            for match in _TOKEN.finditer(text):
                row, cell, formula, value, inline = match.groups()
                if row is not None:
                    self._start_row(row)
                    continue
                self._place(cell)
                if value or inline or formula:
                    self._marks.fill(self._row, self._column)
                    mark = self._mark(cell, value or b"", bool(formula), bool(inline))
                    if mark is not None:
                        self._marks.add(self._row, self._column, mark)

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

    def _mark(self, cell: bytes, value: bytes, is_formula: bool, is_inline: bool) -> int | None:
        kind = _TYPE.search(cell) if b"t" in cell else None
        if kind is not None and kind[1] == b"e":
            return cell_flags.error(value.decode("ascii", "replace"))
        if is_formula and not value and not is_inline and kind is None:
            return cell_flags.UNCALCULATED
        if self._marks.codes and (kind is None or kind[1] == b"n"):
            style = _STYLE.search(cell)
            return int(style[1]) if style and int(style[1]) in self._marks.codes else None
        return None


def _column(letters: bytes) -> int:
    index = 0
    for letter in letters.upper():
        index = index * 26 + letter - 64
    return index - 1
