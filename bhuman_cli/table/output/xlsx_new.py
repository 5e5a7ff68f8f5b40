"""Results as a new .xlsx of any length, or the user's own workbook with our columns added."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bhuman_cli.errors import BhumanError, UsageError
from bhuman_cli.table import input_file, reader
from bhuman_cli.table.formats import xlsx
from bhuman_cli.table.output import xlsx_patch

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
    """Where the table stands in the user's workbook. header_line: 1-based row. first_column: 0-based.

    sha256: of the workbook when the rows were read, "" where it is not known.
    """

    source: Path
    sheet: str
    header_line: int
    first_column: int
    sha256: str = ""


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


def write_into(stream: IO[bytes], place: Place, width: int, ours: Sequence[str], lines: Sequence[Line]) -> bool:
    """Write the user's workbook with our columns right of the table; everything else in it stays.

    width: the table's own columns. Returns False, with nothing usable written, where the workbook is gone, can't be
    changed, or its rows are no longer those of the results: a link must never land beside another person.
    """
    try:
        source = input_file.spool(place.source)
        if source.sha256 != place.sha256 and not _still_holds(place, width, lines):
            return False
        patch = _patch(source, place, width, ours, {row_index: texts for row_index, _, texts in lines})
        clickable = {texts[number]: _is_link(texts[number]) for _, _, texts in lines for number in patch.links}
        with source.open() as original:
            xlsx_patch.apply(original, stream, patch, is_link=clickable)
    except (xlsx_patch.CannotPatchError, zipfile.BadZipFile, KeyError, BhumanError):
        return False
    return True


def can_write_into(place: Place, width: int, ours: Sequence[str], row_count: int) -> bool:
    """Say beforehand whether the user's workbook can be kept; nothing is written."""
    try:
        source = input_file.spool(place.source)
        with source.open() as original:
            patch = _patch(source, place, width, ours, dict.fromkeys(range(row_count), ()))
            return xlsx_patch.can_apply(original, patch)
    except (BhumanError, OSError):
        return False


def _patch(
    source: input_file.InputFile, place: Place, width: int, ours: Sequence[str], rows: Mapping[int, Sequence[str]]
) -> xlsx_patch.Patch:
    """rows: row_index → our texts."""
    return xlsx_patch.Patch(
        part=xlsx.sheet_part(source, place.sheet),
        header_row=place.header_line,
        names=ours,
        start=place.first_column + width,
        rows={place.header_line + 1 + row_index: texts for row_index, texts in rows.items()},
        links=[number for number, name in enumerate(ours) if _is_linked(name)],
    )


def _still_holds(place: Place, width: int, lines: Sequence[Line]) -> bool:
    options = reader.ReadOptions(sheet=place.sheet, header_row=place.header_line)
    try:
        table = reader.open_table(place.source, options)
        rows = [cells[:width] for _, _, cells, _ in table.records()]
    except BhumanError:
        return False
    return (
        table.kind == "xlsx"
        and [tuple(cells) for _, cells, _ in lines] == rows[: len(lines)]
        and _are_blank(rows[len(lines) :])
    )


def _are_blank(rows: Sequence[Sequence[str]]) -> bool:
    return not any(any(map(str.strip, cells)) for cells in rows)


def _is_linked(name: str) -> bool:
    return name.removeprefix("bhuman_") in LINKED


def _is_link(text: str) -> bool:
    # A path on this machine comes from the local studio; one on another host would send it the user's name.
    is_address = text.startswith(("https://", "http://", "file:///")) and not text.startswith("file:////")
    return is_address and len(text) <= MAX_LINK_CHARS and not any(map(str.isspace, text))


def _require_room(row: int, cells: Sequence[str]) -> None:
    if row > MAX_SHEET_ROWS:
        raise UsageError(
            f"an .xlsx sheet holds {MAX_SHEET_ROWS - 1:,} rows, and this table has more", hint="-o NAME.csv"
        )
    if any(len(cell) > MAX_CELL_CHARS for cell in cells):
        raise UsageError(f"an .xlsx cell holds {MAX_CELL_CHARS:,} characters, and one has more", hint="-o NAME.csv")
