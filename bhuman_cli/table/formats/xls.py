"""Sheets of an .xls workbook (Excel 5 to 2003), and their cells as texts; xlrd reads the records.

Its code page is what the workbook's own CODEPAGE record says, decided by xlrd when the workbook is opened.

Not calamine: it takes code pages for UTF-16, knows no custom format below 164, no error cell of Excel 95, and loses the
formula records of Numbers.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from bhuman_cli.errors import InputError
from bhuman_cli.table.formats import cell_flags, csv_records, number_formats, zip_safety
from bhuman_cli.table.formats.cell_flags import Area, SheetFacts
from bhuman_cli.table.formats.number_formats import CellFormat
from bhuman_cli.table.input_file import InputFile

MAX_BYTES: Final = 256 << 20
OLD_MAGIC: Final = (b"\x09\x00", b"\x09\x02", b"\x09\x04")
"""How the files of Excel 2, 3 and 4 begin."""
_OLDEST: Final = 50
_ERROR_CODES: Final = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_EMPTY, _TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR, _BLANK = range(7)

_Result = TypeVar("_Result")


class Book:
    """One workbook. names, visible: of its sheets of cells, in order."""

    def __init__(self, source: InputFile) -> None:
        if source.size > MAX_BYTES:
            raise InputError(f"{source.name}: an .xls file of more than {MAX_BYTES >> 20} MiB", hint="save it as .xlsx")
        self._source = source
        self._book: Any = _guarded(source, lambda: _opened(source))
        if self._book.biff_version < _OLDEST:
            raise too_old(source)
        self.names: tuple[str, ...] = tuple(self._book.sheet_names())
        self.is_1904 = bool(self._book.datemode)

    def sheet(self, name: str) -> Any:
        """Load one sheet's records."""
        return _guarded(self._source, lambda: self._book.sheet_by_name(name))

    def is_visible(self, name: str) -> bool:
        """Say whether a sheet is shown."""
        visibilities = getattr(self._book, "_sheet_visibility", ())
        number = self.names.index(name)
        return number >= len(visibilities) or not visibilities[number]

    def formats(self) -> tuple[CellFormat | None, ...]:
        """Return the number format of each style, None where a number is shown as it is."""
        own = {key: each.format_str for key, each in self._book.format_map.items() if each.format_str}
        return tuple(number_formats.by_id(each.format_key, own) for each in self._book.xf_list)


def too_old(source: InputFile) -> InputError:
    """Return what is said of a workbook of Excel 2, 3 or 4."""
    return InputError(
        f"{source.name}: is a workbook older than Excel 5, and not read",
        hint="open it in LibreOffice, and save it as .xlsx",
    )


def _opened(source: InputFile) -> Any:
    import xlrd

    return xlrd.open_workbook(
        file_contents=source.path.read_bytes(),
        formatting_info=True,
        on_demand=True,
        ragged_rows=True,
        logfile=io.StringIO(),
    )


def _guarded(source: InputFile, call: Callable[[], _Result]) -> _Result:
    """Call into xlrd; whatever damaged records make it raise becomes one sentence."""
    try:
        return call()
    except InputError:
        raise
    except Exception as error:
        text = str(error)
        if "encrypted" in text:
            raise zip_safety.locked(source) from None
        if "BIFF" in text and any(old in text for old in ("BIFF2", "BIFF3", "BIFF4")):
            raise too_old(source) from None
        raise zip_safety.broken(source) from None


def facts(sheet: Any) -> SheetFacts:
    """Return what is known of a sheet before its rows are read."""
    sheet_facts = SheetFacts()
    firsts = (next((at for at, kind in enumerate(row) if kind not in {_EMPTY, _BLANK}), None) for row in _kinds(sheet))
    sheet_facts.origin = min((first for first in firsts if first is not None), default=0)
    sheet_facts.hidden_rows.update(row + 1 for row, each in sheet.rowinfo_map.items() if each.hidden)
    for first_row, end_row, first_column, end_column in sheet.merged_cells:
        area = Area(
            first_row=first_row + 1, first_column=first_column, last_row=end_row, last_column=max(end_column - 1, 0)
        )
        sheet_facts.merges.append(area)
    for each in sheet.hyperlink_list:
        if each.type == "url" and isinstance(each.url_or_path, str):
            sheet_facts.links[each.frowx + 1, each.fcolx] = each.url_or_path.rstrip("\0")
    return sheet_facts


def _kinds(sheet: Any) -> Iterator[Sequence[int]]:
    return (sheet.row_types(row) for row in range(sheet.nrows))


class Rows:
    """The rows of one sheet. shown_otherwise: position → format code, complete once the rows were read."""

    def __init__(self, source: InputFile, book: Book, sheet: Any, facts: SheetFacts) -> None:
        self._source = source
        self._book = book
        self._sheet = sheet
        self._facts = facts
        self._covered = cell_flags.Covered(facts.merges)
        self._formats = book.formats()
        self.shown_otherwise: dict[int, str] = {}

    def __iter__(self) -> Iterator[csv_records.Raw]:
        """Yield every row from the sheet's first."""
        sheet, origin = self._sheet, self._facts.origin
        for row in range(sheet.nrows):
            kinds, values, styles = sheet.row_types(row), sheet.row_values(row), sheet._cell_xf_indexes[row]
            flaws: dict[int, str] = {}
            cells = [""] * max(len(kinds) - origin, 0)
            hidden = self._hidden(row + 1)
            for column in range(origin, len(kinds)):
                kind, position = kinds[column], column - origin
                if kind in {_EMPTY, _BLANK} or column in hidden:
                    continue
                if kind == _ERROR:
                    cells[position] = text = _ERROR_CODES.get(values[column], "#ERROR!")
                    flaws[position] = cell_flags.error_rule(text)
                else:
                    cells[position] = self._text(kind, values[column], styles[column], position)
            yield row + 1, cells, flaws or csv_records.NO_FLAWS

    def _hidden(self, row: int) -> set[int]:
        if self._covered.is_empty:
            return set()
        return {column for first, last in self._covered.columns(row) for column in range(first, last + 1)}

    def _text(self, kind: int, value: Any, style: int, position: int) -> str:
        if kind == _TEXT:
            return str(value)
        if kind == _BOOLEAN:
            return "TRUE" if value else "FALSE"
        code = self._formats[style] if style < len(self._formats) else None
        if code is None:
            return number_formats.plain(value)
        text, is_as_shown = code.shown(value, is_1904=self._book.is_1904)
        if not is_as_shown:
            self.shown_otherwise.setdefault(position, code.code)
        return text
