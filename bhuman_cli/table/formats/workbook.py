"""Owns workbooks: which sheet, and each cell as text. Values are calamine's; the formats of .xlsx are `sheetxml`'s."""

from __future__ import annotations

import datetime as dt
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from bhuman_cli import shell
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table.formats import cell_flags, csv_records, number_formats, ods, xls, xlsx, zip_safety
from bhuman_cli.table.formats.cell_flags import CellFlags
from bhuman_cli.table.input_file import InputFile

_HEAD_ROWS: Final = 50


@dataclass(slots=True, kw_only=True)
class Sheet:
    """One opened sheet. origin: its first used column, 0-based. shown_otherwise: columns with formats not applied."""

    source: InputFile
    name: str
    grid: Any
    origin: int
    special: CellFlags
    notices: list[str]
    shown_otherwise: dict[int, str] = field(default_factory=dict)


def open_sheet(source: InputFile, wanted: str | None, kind: str) -> Sheet:
    """Open a sheet by name or number, else the first visible one.

    Raises:
        UsageError: no such sheet.
        InputError: the workbook is broken, protected or explosive.
    """
    special = _guarded_scan(source, kind)
    book = _opened(source)
    name, notices = _chosen(source, book, wanted)
    special = {name: xlsx.scan(source, name)} if kind == "xlsx" else special
    marked = special.get(name, CellFlags())
    grid = _guarded(source, lambda: book.get_sheet_by_name(name))
    if marked.hidden_rows:
        rows = "1 hidden row" if marked.hidden_rows == 1 else f"{marked.hidden_rows} hidden rows"
        notices.append(f"{source.name}: {rows} of sheet {name!r}, read like the others")
    if kind != "ods" and grid.merged_cell_ranges:
        notices.append(f"{source.name}: merged cells: only the first cell of each has the value, the others are blank")
    origin = grid.start[1] if grid.start else 0
    return Sheet(source=source, name=name, grid=grid, origin=origin, special=marked, notices=notices)


def heads(source: InputFile, kind: str) -> Iterator[tuple[Sheet, int, Sequence[str]]]:
    """Yield (sheet, row number, texts) of the first rows of every sheet, without blank cells at their end."""
    _guarded_scan(source, kind)
    for each in _tables(_opened(source)):
        sheet = open_sheet(source, each.name, kind)
        for line, cells, _ in itertools.islice(rows(sheet), _HEAD_ROWS):
            kept = list(cells)
            while kept and not kept[-1].strip():
                kept.pop()
            if kept:
                yield sheet, line, kept


def rows(sheet: Sheet) -> Iterator[csv_records.Raw]:
    """Yield (sheet row, texts, flaws) for every row of the sheet from its first, blank ones included."""
    special, origin = sheet.special, sheet.origin
    keys, count, at = special.keys, len(special.keys), 0
    for row, values in enumerate(sheet.grid.iter_rows()):
        cells = [value if type(value) is str else _text(value) for value in values]
        flaws: Mapping[int, str] = csv_records.NO_FLAWS
        end = (row + 1) * cell_flags.MAX_COLUMNS
        while at < count and keys[at] < end:
            column = keys[at] % cell_flags.MAX_COLUMNS - origin
            if 0 <= column < len(cells):
                flaws = _apply(sheet, special.marks[at], cells, values, column, flaws)
            at += 1
        yield row + 1, cells, flaws


def _apply(
    sheet: Sheet, mark: int, cells: list[str], values: Sequence[Any], column: int, flaws: Mapping[int, str]
) -> Mapping[int, str]:
    if mark < 0:
        return {**flaws, column: cell_flags.rule(mark)}
    value, code = values[column], sheet.special.codes[mark]
    if code == number_formats.DURATION and isinstance(value, str):  # calamine knows none of more than a day
        cells[column] = number_formats.clock(value)
    elif isinstance(value, float | int) and not isinstance(value, bool):
        padding = number_formats.padding(code)
        if code == number_formats.BOOLEAN:
            cells[column] = "TRUE" if value else "FALSE"
        elif padding is not None:
            cells[column] = padding.apply(float(value))
        elif number_formats.shows_otherwise(code, float(value)):
            sheet.shown_otherwise.setdefault(column, code)
    return flaws


def _text(value: object) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float():
            return number_formats.plain(value)
        case dt.datetime():
            return _rounded(value).isoformat()
        case dt.date():
            return value.isoformat()
        case dt.time():
            return value.isoformat("seconds")
        case dt.timedelta():
            return number_formats.clock_of(round(value.total_seconds()))
        case _:
            return str(value)


def _rounded(moment: dt.datetime) -> dt.datetime:
    """Return the moment to the second: a sheet's day fraction misses it by microseconds."""
    try:
        return (moment + dt.timedelta(microseconds=500_000)).replace(microsecond=0)
    except OverflowError:
        return moment.replace(microsecond=0)


def _guarded_scan(source: InputFile, kind: str) -> dict[str, CellFlags]:
    """Look at everything calamine would unfold on opening; .xlsx sheets are unfolded one by one, and looked at then."""
    if kind == "xls":
        return {} if _is_encrypted(source) else xls.scan(source)
    zip_safety.require_harmless(source)
    return ods.scan(source) if kind == "ods" else {}


def _opened(source: InputFile) -> Any:
    if _is_encrypted(source):
        raise zip_safety.locked(source)
    from python_calamine import CalamineWorkbook

    # Given a path, calamine believes its ending; given bytes, what they are.
    return _guarded(source, lambda: CalamineWorkbook.from_filelike(io.BytesIO(source.path.read_bytes())))


def _guarded(source: InputFile, call: Any) -> Any:
    """Call into calamine; whatever it raises, a Rust panic included, becomes one sentence."""
    import python_calamine

    try:
        return call()
    except python_calamine.PasswordError:
        raise zip_safety.locked(source) from None
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException:  # a panic arrives as PanicException, which is no Exception
        raise zip_safety.broken(source) from None


def _is_encrypted(source: InputFile) -> bool:
    if not source.head.startswith(zip_safety.OLE_MAGIC):
        return False
    with source.open() as stream:
        return "EncryptedPackage".encode("utf-16-le") in stream.read(1 << 20)


def _chosen(source: InputFile, book: Any, wanted: str | None) -> tuple[str, list[str]]:
    from python_calamine import SheetVisibleEnum

    tables = _tables(book)
    names = [each.name for each in tables]
    visible = [each.name for each in tables if each.visible == SheetVisibleEnum.Visible]
    if wanted is None:
        if not visible:
            raise InputError(f"{source.name}: has no visible sheet", hint="--sheet NAME" if names else "")
        notices = [f"{source.name}: read sheet {visible[0]!r}; others: {_listed(names, visible[0])}"]
        return visible[0], notices if len(names) > 1 else []
    if wanted in names:
        return wanted, []
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return names[int(wanted) - 1], []
    near = get_close_matches(wanted, names, n=1, cutoff=0.5)
    meant = near[0] if near else names[0] if names else ""
    raise UsageError(
        f"--sheet {wanted}: {source.name} has no such sheet, only {_listed(names)}",
        hint=f"--sheet {shell.quote(meant)}",
    )


def _tables(book: Any) -> list[Any]:
    from python_calamine import SheetTypeEnum

    return [each for each in book.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]


def _listed(names: Sequence[str], without: str = "") -> str:
    others = [repr(name) for name in names if name != without]
    return ", ".join(others[:8]) + (f" and {len(others) - 8} more" if len(others) > 8 else "")
