"""Cells of one .xlsx sheet as texts, row by row, and what stands around them: merges, totals, links, hidden rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bhuman_cli.table.formats import cell_flags, csv_records, date_formats, number_formats, xlsx, xlsx_xml, zip_safety
from bhuman_cli.table.formats.cell_flags import SheetFacts
from bhuman_cli.table.formats.number_formats import CellFormat
from bhuman_cli.table.input_file import InputFile

# A row's start; a cell with reference and value, as nearly all are; a cell without content; any other cell.
_TOKEN: Final = re.compile(
    r'<(?:(row\b)(?: r="(\d{1,7})")?([^>]*)'
    r'|c r="([A-Z]{1,3})\d+"([^>/]*)><v>([^<]*)</v></c'
    r"|(c\b[^>]*)/"
    r"|(c\b[^>]*)>(.*?)</c"
    r")>",
    re.DOTALL,
)
_FIRST_CELL: Final = re.compile(
    r"<row\b[^>]*>\s*(?:<c\b[^>]*/>\s*|<c\b[^>]*>\s*</c>\s*)*"
    r'<(?:c(?:\s+r="([A-Z]{1,3})\d+")?[^>]*|(/row))>'
)
_EDGE_CELL: Final = re.compile(r'<c r="A\d+"[^>/]*>\s*<[vi]')
_HIDDEN_ROW: Final = re.compile(r"""<(row\b[^>]*\bhidden\s*=\s*["'](?:1|true)["'][^>]*)>""")
_ROW_START: Final = re.compile(r'<row\b[^>]*?\br\s*=\s*"(\d{1,7})"')
_ROW: Final = re.compile(r"<row\b[^>]*/>|<row\b[^>]*>.*?</row>", re.DOTALL)
_ROW_NUMBER: Final = re.compile(r"""\br\s*=\s*["'](\d{1,9})["']""")
_REFERENCE: Final = re.compile(r"""\br\s*=\s*["']([A-Za-z]{1,3})\d{1,9}["']""")
_STYLE: Final = re.compile(r"""\bs\s*=\s*["'](\d{1,6})["']""")
_TYPE: Final = re.compile(r"""\bt\s*=\s*["'](\w+)["']""")
_FORMULA: Final = re.compile(r"<f\b[^>]*?(?:/>|>([^<]*)</f>)")
_VALUE: Final = re.compile(r"<v\b[^>]*?(?:/>|>([^<]*)</v>)")
_LINK_FORMULA: Final = re.compile(r'\s*HYPERLINK\(\s*"([^"]+)"', re.IGNORECASE)
_MERGE: Final = re.compile(r"""<mergeCell\b[^>]*\bref\s*=\s*["']([^"']+)["']""")
_HYPERLINK: Final = re.compile(r"<hyperlink\b([^>]*)>")
_ATTRIBUTE: Final = re.compile(r"""(?:\w+:)?(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_NOWHERE: Final = ("", "")

_Kind = tuple[str, CellFormat | None]


def facts(source: InputFile, part: xlsx_xml.Part, name: str) -> SheetFacts:
    """Look through a whole sheet for what must be known before its first row is read.

    Raises:
        InputError: the sheet is damaged.
    """
    sheet_facts = SheetFacts()
    firsts: set[tuple[str, str]] = set()
    behind, is_at_edge = "", False
    last = 0
    for piece in part.pieces("</row>"):
        rows = [last, *map(int, _ROW_START.findall(piece))]
        sheet_facts.is_disordered |= rows != sorted(rows)
        last = rows[-1]
        is_at_edge = is_at_edge or _EDGE_CELL.search(piece) is not None
        if not is_at_edge:
            firsts.update(_FIRST_CELL.findall(piece))
        if "hidden" in piece:
            numbers = map(_ROW_NUMBER.search, _HIDDEN_ROW.findall(piece))
            sheet_facts.hidden_rows.update(int(each[1]) for each in numbers if each)
        behind = piece
    columns = (cell_flags.column_of(letters) if letters else 0 for letters, end in firsts if not end)
    sheet_facts.origin = 0 if is_at_edge else min(columns, default=0)
    sheet_facts.merges.extend(filter(None, map(cell_flags.area, _MERGE.findall(behind))))
    if "<hyperlink" in behind or "<tablePart" in behind:
        _follow(source, xlsx.relations(source, name), behind, sheet_facts)
    return sheet_facts


def _follow(source: InputFile, relations: Mapping[str, tuple[str, str]], behind: str, facts: SheetFacts) -> None:
    """Add the links of cells, and the last rows of tables that are totals."""
    for attributes in _HYPERLINK.findall(behind):
        each = {key: xlsx_xml.text(one or other) for key, one, other in _ATTRIBUTE.findall(attributes)}
        place, (_, target) = cell_flags.area(each.get("ref", "")), relations.get(each.get("id", ""), _NOWHERE)
        if place is not None and target:
            facts.links[place.first_row, place.first_column] = target
    for kind, target in relations.values():
        table = zip_safety.part(source, target) if kind == "table" else None
        place = cell_flags.area(table.get("ref", "")) if table is not None else None
        if table is not None and place is not None and table.get("totalsRowCount", "0") not in {"0", ""}:
            count = int(table.get("totalsRowCount", "1")) if table.get("totalsRowCount", "").isdecimal() else 1
            facts.totals_rows.update(range(max(place.last_row - min(count, 10) + 1, 1), place.last_row + 1))


class _Kinds(dict[str, "_Kind"]):
    """A cell's attributes without its reference → type and number format; few differ, however many cells there are."""

    def __init__(self, formats: Sequence[CellFormat | None]) -> None:
        super().__init__()
        self._formats = formats

    def __missing__(self, attributes: str) -> _Kind:
        kind, style = _TYPE.search(attributes), _STYLE.search(attributes)
        number = int(style[1]) if style else 0
        kind_and_format = kind[1] if kind else "n", self._formats[number] if number < len(self._formats) else None
        if len(self) < 10_000:
            self[attributes] = kind_and_format
        return kind_and_format


class Rows:
    """The rows of one sheet. shown_otherwise: position → format code, complete once the rows were read."""

    def __init__(self, source: InputFile, book: xlsx.Book, part: xlsx_xml.Part, facts: SheetFacts) -> None:
        self._source = source
        self._book = book
        self._part = part
        self._facts = facts
        self._covered = cell_flags.Covered(facts.merges)
        self.shown_otherwise: dict[int, str] = {}
        self._texts: list[str] = []
        self._kinds = _Kinds(())
        self._row = 0
        self._flaws: dict[int, str] = {}

    def __iter__(self) -> Iterator[csv_records.Raw]:
        """Yield every row from the sheet's first, those that the file leaves out as blank ones."""
        try:
            if not self._texts:  # the header, the first row and all of them are asked for one after another
                self._kinds, self._texts = _Kinds(self._book.formats()), self._book.texts()
            yield from self._read()
        except (ValueError, IndexError):
            raise zip_safety.broken(self._source) from None

    def _finished(self, row: int, cells: list[str], last: int) -> Iterator[csv_records.Raw]:
        """Yield a row, and before it the blank ones that the file leaves out; nothing for a blank one."""
        flaws = self._flaws
        if not flaws and not any(cells):
            return  # filled in again where a row follows
        if not last < row <= cell_flags.MAX_ROWS:
            raise zip_safety.broken(self._source)
        for blank in range(last + 1, row):
            yield blank, (), csv_records.NO_FLAWS
        if not self._covered.is_empty:
            self._uncover(row, cells, flaws)
        if row in self._facts.totals_rows:
            flaws = {csv_records.LEFT_OUT: cell_flags.TOTALS}  # nothing else counts there
        yield row, cells, flaws or csv_records.NO_FLAWS

    def _uncover(self, row: int, cells: list[str], flaws: dict[int, str]) -> None:
        origin = self._facts.origin
        for first, last in self._covered.columns(row):
            for position in range(max(first - origin, 0), min(last - origin + 1, len(cells))):
                cells[position] = ""
                flaws.pop(position, None)

    def _read(self) -> Iterator[csv_records.Raw]:
        origin, texts, kinds, columns = self._facts.origin, self._texts, self._kinds, _Columns()
        is_simple = self._covered.is_empty and not self._facts.totals_rows
        row, last, cells, width, column = 0, 0, list[str](), 0, -1
        for piece in self._pieces():
            for start, number, rest, letters, attributes, value, empty, other, body in _TOKEN.findall(piece):
                if letters:
                    column = columns[letters]
                    kind, style = kinds[attributes]
                    if kind == "s":
                        text = texts[int(value)]
                    elif kind == "n" and style is None and value.isdecimal() and len(value) < 16 and value[0] != "0":
                        text = value
                    else:
                        text = self._text(kind, style, value, column - origin)
                elif start:
                    if row == last + 1 and is_simple and not self._flaws and any(cells):
                        yield row, cells, csv_records.NO_FLAWS
                        last = row
                    elif row:
                        for finished in self._finished(row, cells, last):
                            yield finished
                            last = finished[0]
                    row, column = _row_number(number, rest, row), -1
                    cells, self._flaws, self._row = [""] * width, {}, row
                    continue
                elif empty:
                    column = _place(empty, columns, column)
                    continue
                else:
                    column = _place(other, columns, column)
                    text = self._other(other, body, column)
                if text:
                    position = column - origin
                    if position >= width:
                        width = position + 1
                        cells.extend([""] * (width - len(cells)))
                    if position >= 0:
                        cells[position] = text
        yield from self._finished(row, cells, last)

    def _pieces(self) -> Iterator[str]:
        """Return the sheet's XML, its rows in the order of their numbers, as spreadsheet programs put them."""
        pieces = self._part.pieces("</row>")
        return iter(sorted(_ROW.findall("".join(pieces)), key=_number_of)) if self._facts.is_disordered else pieces

    def _text(self, kind: str, style: CellFormat | None, value: str, position: int) -> str:
        match kind:
            case "n":
                return self._number(value, style, position)
            case "s":
                return self._texts[int(value)]
            case "b":
                return "TRUE" if value.strip() in {"1", "true"} else "FALSE"
            case "e":
                self._flaws[position] = cell_flags.error_rule(value)
                return xlsx_xml.text(value.strip())
            case "d":
                serial = date_formats.serial_of(value.strip(), is_1904=self._book.is_1904)
                return value if serial is None else self._number(repr(serial), style, position)
            case _:
                return xlsx_xml.text(value)

    def _number(self, value: str, style: CellFormat | None, position: int) -> str:
        try:
            number = float(value)
        except ValueError:
            return xlsx_xml.text(value)
        if style is None:
            return number_formats.plain(number)
        text, is_as_shown = style.shown(number, is_1904=self._book.is_1904)
        if not is_as_shown:
            self.shown_otherwise.setdefault(position, style.code)
        return text

    def _other(self, attributes: str, body: str, column: int) -> str:
        """Read a cell with a formula, with a text of its own, or written in an unusual way."""
        kind, style = self._kinds[attributes]
        position = column - self._facts.origin
        if kind == "inlineStr" or "<is" in body:
            return xlsx_xml.rich_text(body)
        formula, value = _FORMULA.search(body), _VALUE.search(body)
        if formula and formula[1] and (link := _LINK_FORMULA.match(xlsx_xml.text(formula[1]))):
            self._facts.links[self._row, column] = link[1]
        text = value[1] or "" if value else ""
        if not text:
            # A stored result of no letters is a result; without a type, or without any value, none was stored.
            if formula and (kind == "n" or value is None):
                self._flaws[position] = cell_flags.UNCALCULATED
            return ""
        return self._text(kind, style, text, position)


class _Columns(dict[str, int]):
    def __missing__(self, letters: str) -> int:
        self[letters] = column = cell_flags.column_of(letters)
        return column


def _number_of(row: str) -> int:
    number = _ROW_NUMBER.search(row, 0, row.index(">"))
    return int(number[1]) if number else 0


def _row_number(number: str, rest: str, before: int) -> int:
    if number:
        return int(number)
    match = _ROW_NUMBER.search(rest)
    return int(match[1]) if match else before + 1


def _place(attributes: str, columns: _Columns, before: int) -> int:
    reference = _REFERENCE.search(attributes)
    return columns[reference[1].upper()] if reference else before + 1
