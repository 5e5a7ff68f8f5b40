"""Sheets of an .ods workbook, and their cells as texts.

An own reader: an .ods file keeps what each cell showed beside its value, which the libraries throw away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from bhuman_cli.errors import InputError
from bhuman_cli.table.formats import cell_flags, csv_records, date_formats, number_formats, zip_safety
from bhuman_cli.table.formats.cell_flags import Area, SheetFacts
from bhuman_cli.table.input_file import InputFile

_PADDED: Final = re.compile(r"[-( ]*0\d*(?:[-() ]+\d+)*|\(?\d+(?:[-() ]+\d+)+")
_ERROR: Final = re.compile(r"#[^\s#]{1,20}[!?]|#N/A|#NV|Err:\d+")
_SPACE: Final = re.compile(r"[ \t\r\n]+")
_DURATION: Final = re.compile(r"(-?)PT(\d{1,9})H(\d{1,2})M(\d{1,2}(?:[.,]\d+)?)S")
_LINK_FORMULA: Final = re.compile(r'(?:of:|oooc:)?=HYPERLINK\(\s*"([^"]+)"', re.IGNORECASE)
_CELLS: Final = frozenset({"table:table-cell", "table:covered-table-cell"})
_MAX_REPEATED: Final = 4_000_000


@dataclass(slots=True, kw_only=True)
class OdsSheet:
    """One sheet, and what is known of it before its rows are read."""

    name: str
    style: str = ""
    is_visible: bool = True
    facts: SheetFacts = field(default_factory=SheetFacts)


def sheets(source: InputFile) -> list[OdsSheet]:
    """Look through the whole workbook for its sheets.

    Raises:
        InputError: it is damaged, encrypted, or a sheet is larger than any table.
    """
    manifest = zip_safety.part(source, "META-INF/manifest.xml")
    if manifest is not None and any(each.tag.endswith("}encryption-data") for each in manifest.iter()):
        raise zip_safety.locked(source)
    walker = _Walker(source)
    for _ in walker.rows(""):
        pass
    for each in walker.sheets:
        each.is_visible = each.style not in walker.hidden_styles
        each.facts.origin = max(each.facts.origin, 0)
    return walker.sheets


class Rows:
    """The rows of one sheet. shown_otherwise: position → format code, complete once the rows were read."""

    def __init__(self, source: InputFile, sheet: OdsSheet) -> None:
        self._source = source
        self._sheet = sheet
        self.shown_otherwise: dict[int, str] = {}

    def __iter__(self) -> Iterator[csv_records.Raw]:
        """Yield every row from the sheet's first."""
        walker = _Walker(self._source, self._sheet.facts.origin)
        walker.shown_otherwise = self.shown_otherwise
        yield from walker.rows(self._sheet.name)


class _Walker:
    """Follows the rows and cells of each sheet; `table:` and `text:` are the prefixes every writer uses."""

    def __init__(self, source: InputFile, origin: int = 0) -> None:
        self._source = source
        self._origin = origin
        self.sheets: list[OdsSheet] = []
        self.hidden_styles: set[str] = set()
        self.shown_otherwise: dict[int, str] = {}
        self._style = ""
        self._system_formats: set[str] = set()
        self._system_styles: set[str] = set()
        self._column_styles: list[str] = []
        self._wanted = ""
        self._facts = SheetFacts()
        self._found: list[csv_records.Raw] = []
        self._cells: list[str] = []
        self._flaws: dict[int, str] = {}
        self._row = 1
        self._row_repeat = 1
        self._column = 0
        self._cell: dict[str, str] = {}
        self._is_covered = False
        self._paragraphs: list[list[str]] | None = None
        self._depth = 0
        self._comments = 0
        self._link = ""

    def rows(self, wanted: str) -> Iterator[csv_records.Raw]:
        """Yield the rows of the sheet of this name, blank ones at its end left out; note all sheets on the way."""
        self._wanted = wanted
        parser = zip_safety.parser(self._source)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        last = 0
        try:
            for piece in zip_safety.pieces(self._source, "content.xml"):
                parser.Parse(piece, False)
                for row in self._found:
                    for blank in range(last + 1, row[0]):
                        yield blank, (), csv_records.NO_FLAWS
                    last = row[0]
                    yield row
                self._found.clear()
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError):
            raise zip_safety.broken(self._source) from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in _CELLS:
            self._cell, self._paragraphs, self._link = attributes, [], ""
            self._is_covered = name == "table:covered-table-cell"
        elif name == "table:table-row":
            self._row_repeat = _count(attributes, "table:number-rows-repeated")
            self._column, self._cells, self._flaws = 0, [], {}
            if attributes.get("table:visibility") in {"collapse", "filter"}:
                self._facts.hidden_rows.update(range(self._row, self._row + min(self._row_repeat, cell_flags.MAX_ROWS)))
        elif self._paragraphs is not None and not self._comments:
            self._inside(name, attributes)
        elif name == "table:table":
            sheet = OdsSheet(name=attributes.get("table:name", ""), style=attributes.get("table:style-name", ""))
            sheet.facts.origin = -1
            self.sheets.append(sheet)
            self._facts, self._row, self._column_styles = sheet.facts, 1, []
        elif name == "table:table-column":
            count = min(_count(attributes, "table:number-columns-repeated"), cell_flags.MAX_COLUMNS)
            self._column_styles.extend([attributes.get("table:default-cell-style-name", "")] * count)
        elif name == "style:style":
            self._style = attributes.get("style:name", "")
            if attributes.get("style:data-style-name") in self._system_formats:
                self._system_styles.add(self._style)
        elif name in {"number:date-style", "number:time-style"} and attributes.get("number:automatic-order") == "true":
            self._system_formats.add(attributes.get("style:name", ""))
        elif name == "style:table-properties" and attributes.get("table:display") == "false":
            self.hidden_styles.add(self._style)
        if name == "office:annotation":
            self._comments += 1

    def _inside(self, name: str, attributes: dict[str, str]) -> None:
        """Follow what stands inside a cell: paragraphs, blanks, tabs, breaks, links."""
        if name in {"text:p", "text:h"}:
            self._paragraphs = [*(self._paragraphs or []), []]
            self._depth += 1
        elif name == "text:s":
            self._add(" " * _count(attributes, "text:c"), is_kept=True)
        elif name == "text:tab":
            self._add("\t", is_kept=True)
        elif name == "text:line-break":
            self._add("\n", is_kept=True)
        elif name == "text:a" and not self._link:
            self._link = attributes.get("xlink:href", "")

    def _text(self, data: str) -> None:
        if self._depth and not self._comments:
            self._add(_SPACE.sub(" ", data))

    def _add(self, text: str, *, is_kept: bool = False) -> None:
        if not self._paragraphs:
            return
        runs = self._paragraphs[-1]
        # Blanks that the file was indented with run together, also over the borders of runs; a space at a time.
        if not is_kept and text.startswith(" ") and (not runs or runs[-1].endswith((" ", "\n", "\t"))):
            text = text[1:]
        if text:
            runs.append(text)

    def _end(self, name: str) -> None:
        if name in _CELLS:
            self._note()
            self._column += _count(self._cell, "table:number-columns-repeated")
            self._paragraphs, self._depth = None, 0
        elif name == "table:table-row":
            self._finish_row()
        elif name in {"text:p", "text:h"} and self._depth and not self._comments:
            self._depth -= 1
        elif name == "office:annotation":
            self._comments -= 1

    def _finish_row(self) -> None:
        row, count = self._row, self._row_repeat
        self._row += count
        if not any(self._cells) and not self._flaws:
            return
        if self._row > cell_flags.MAX_ROWS + 1 or len(self._cells) * count > _MAX_REPEATED:
            raise self._too_large(self._row, len(self._cells))
        if self.sheets and self.sheets[-1].name == self._wanted:
            self._found.extend((row + number, self._cells, self._flaws) for number in range(count))

    def _note(self) -> None:
        text = "\n".join("".join(runs).rstrip(" ") for runs in self._paragraphs or ())
        across = _count(self._cell, "table:number-columns-repeated")
        spans = _count(self._cell, "table:number-columns-spanned"), _count(self._cell, "table:number-rows-spanned")
        if spans != (1, 1):
            last_row, last_column = self._row + spans[1] - 1, self._column + spans[0] - 1
            self._facts.merges.append(
                Area(first_row=self._row, first_column=self._column, last_row=last_row, last_column=last_column)
            )
        if self._is_covered or (not text and not any(key.startswith("office:") for key in self._cell)):
            return
        if self._column + across > cell_flags.MAX_COLUMNS:
            raise self._too_large(self._row, self._column + across)
        if self._facts.origin < 0 or self._column < self._facts.origin:
            self._facts.origin = self._column
        if formula := _LINK_FORMULA.match(self._cell.get("table:formula", "")):
            self._link = formula[1]
        position = self._column - self._origin
        self._cells.extend([""] * (position - len(self._cells)))
        for column in range(position, position + across):
            self._cells.append(self._shown(text, column))
            if self._link:
                self._facts.links[self._row, column + self._origin] = self._link

    def _shown(self, text: str, position: int) -> str:
        cell = self._cell
        kind = cell.get("office:value-type", "")
        is_formula = "table:formula" in cell
        if (
            cell.get("calcext:value-type") == "error"
            or (is_formula and kind in {"string", ""} and _ERROR.fullmatch(text))
            or (kind in {"date", "time"} and text == "#FMT")
        ):  # beyond the year 32,767
            self._flaws[position] = cell_flags.error_rule(text)
            return text
        if is_formula and not kind and not text:
            self._flaws[position] = cell_flags.UNCALCULATED
            return ""
        match kind:
            case "boolean":
                return cell.get("office:boolean-value", text).upper()
            case "date" | "time":
                return self._moment(text, position)
            case "float" | "percentage" | "currency":
                return self._number(text.strip(), kind, position)
            case _:
                return text or cell.get("office:string-value", "")

    def _moment(self, shown: str, position: int) -> str:
        value = _plain_time(self._cell.get("office:date-value") or self._cell.get("office:time-value", ""))
        value = value.removesuffix("T00:00:00")
        column = position + self._origin
        default = self._column_styles[column] if column < len(self._column_styles) else ""
        # What the system's own format showed on the machine where it was saved, it shows nowhere else.
        style = self._cell.get("table:style-name", default)
        if shown and style not in {"", "Default"} and style not in self._system_styles:
            return shown
        if shown != value:
            self.shown_otherwise.setdefault(position, date_formats.SYSTEM)
        return value or shown

    def _number(self, shown: str, kind: str, position: int) -> str:
        number = float(self._cell.get("office:value", "nan"))
        plain = number_formats.plain(number)
        if not shown or shown in {plain, plain.replace(".", ",")}:
            return plain
        # LibreOffice stores a formula's truth as a number that is shown so.
        if number in {0, 1} and shown == ("TRUE" if number else "FALSE"):
            return shown
        digits = "".join(filter(str.isdecimal, shown))
        if kind == "float" and number >= 0 and _PADDED.fullmatch(shown) and int(digits) == number:
            return shown
        code = "#,##0.00" if kind == "float" else "0.00%" if kind == "percentage" else "¤"
        self.shown_otherwise.setdefault(position, code)
        return plain

    def _too_large(self, rows: int, columns: int) -> InputError:
        name = self.sheets[-1].name if self.sheets else ""
        return InputError(
            f"{self._source.name}: sheet {name!r} spans {rows:,} rows and {columns:,} columns, which is no table",
            hint="save only the table, as CSV",
        )


def _plain_time(text: str) -> str:
    """Return an ISO 8601 duration as a clock shows it (`30:05:09`), any other text as it is."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return text
    seconds = (int(match[2]) * 60 + int(match[3])) * 60 + round(float(match[4].replace(",", ".")))
    return f"{match[1]}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _count(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "1")
    return max(int(text), 1) if text.isdecimal() and len(text) < 10 else 1
