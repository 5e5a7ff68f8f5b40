"""The package around the sheets of an .xlsx workbook: relations, sheets, styles, shared texts. Cells: `xlsx_sheet`.

An own reader, because the libraries leave out what decides here (error cells, formats, formulas without results,
links), or are far slower: calamine calls a whole workbook damaged for one error it doesn't know, openpyxl takes
twelve times as long.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from bhuman_cli.table.formats import number_formats, xlsx_xml, zip_safety
from bhuman_cli.table.formats.number_formats import CellFormat
from bhuman_cli.table.input_file import InputFile

_ITEM: Final = re.compile(r"<si\b[^>]*?(?:/>|>\s*(?:<t\b[^>]*>([^<]*)</t>\s*</si>|(.*?)</si>))", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetEntry:
    """A sheet of cells. part: where it lies in the package."""

    name: str
    part: str
    is_visible: bool


class Book:
    """One workbook, opened as far as all its sheets share it."""

    def __init__(self, source: InputFile) -> None:
        self._source = source
        self._root = _root_part(source)
        book = zip_safety.part(source, self._root)
        if book is None:
            raise zip_safety.broken(source)
        self.is_1904 = any(_local(each) == "workbookPr" and each.get("date1904") in {"1", "true"} for each in book)
        self.sheets = tuple(self._entries(book))
        if not any(_local(each) == "sheet" for each in book.iter()):
            raise zip_safety.broken(source)

    def _entries(self, book: ET.Element) -> Iterator[SheetEntry]:
        targets = relations(self._source, self._root)
        for each in book.iter():
            if _local(each) != "sheet":
                continue
            wanted = next((value for key, value in each.attrib.items() if key.rpartition("}")[2] == "id"), "")
            kind, target = targets.get(wanted, ("", ""))
            # Charts, dialogs and Excel 4 macros are sheets, too, but hold no table.
            if kind == "worksheet":
                yield SheetEntry(
                    name=each.get("name", ""), part=target, is_visible=each.get("state", "visible") == "visible"
                )

    def formats(self) -> tuple[CellFormat | None, ...]:
        """Return the number format of each style, None where a number is shown as it is."""
        styles = zip_safety.part(self._source, self._part("styles") or "xl/styles.xml")
        if styles is None:
            return ()
        own = {
            int(each.get("numFmtId", "")): each.get("formatCode", "")
            for each in styles.iter()
            if _local(each) == "numFmt" and each.get("numFmtId", "").isdecimal()
        }
        cells: Sequence[ET.Element] | ET.Element = next((each for each in styles if _local(each) == "cellXfs"), ())
        ids = (each.get("numFmtId", "0") for each in cells)
        return tuple(number_formats.by_id(int(each), own) if each.isdecimal() else None for each in ids)

    def texts(self) -> list[str]:
        """Return the texts that cells share, by number."""
        name = self._part("sharedStrings") or "xl/sharedStrings.xml"
        texts: list[str] = []
        for piece in xlsx_xml.Part(self._source, name).pieces("</si>"):
            items = _ITEM.findall(piece)
            if "<r" in piece or "&" in piece or "_x" in piece:
                texts += [xlsx_xml.text(plain) if plain else xlsx_xml.rich_text(rich) for plain, rich in items]
            else:
                texts += [plain or xlsx_xml.rich_text(rich) for plain, rich in items]
        return texts

    def _part(self, kind: str) -> str:
        targets = (target for each, target in relations(self._source, self._root).values() if each == kind)
        return next(targets, "")


def relations(source: InputFile, part: str) -> dict[str, tuple[str, str]]:
    """Return id → (last word of the kind, target) of a part; targets inside the package are names of parts."""
    folder, file = posixpath.split(part)
    tree = zip_safety.part(source, f"{folder}/_rels/{file}.rels")
    targets: dict[str, tuple[str, str]] = {}
    for each in tree if tree is not None else ():
        target, kind = each.get("Target", ""), each.get("Type", "").rpartition("/")[2]
        if each.get("TargetMode") != "External":
            target = target.replace("\\", "/")
            target = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
        targets[each.get("Id", "")] = kind, target
    return targets


def sheet_part(source: InputFile, sheet: str) -> str:
    """Return the name of the part that holds a sheet, "" if there is no such sheet."""
    return next((each.part for each in Book(source).sheets if each.name == sheet), "")


def _root_part(source: InputFile) -> str:
    tree = zip_safety.part(source, "_rels/.rels")
    for each in tree if tree is not None else ():
        if each.get("Type", "").endswith("/officeDocument"):
            return each.get("Target", "").replace("\\", "/").lstrip("/")
    return "xl/workbook.xml"


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
