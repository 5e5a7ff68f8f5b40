"""Workbooks of every kind: which sheet is read, and what must be said of it. `xlsx_sheet`, `xls`, `ods` read them."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from bhuman_cli import amounts
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table.formats import csv_records, ods, xls, xlsx, xlsx_sheet, xlsx_xml, zip_safety
from bhuman_cli.table.formats.cell_flags import SheetFacts
from bhuman_cli.table.input_file import InputFile

_HEAD_ROWS: Final = 50
_SUMMARY: Final = re.compile(r"export summary", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Sheet:
    """One opened sheet. rows: from its first, blank ones included, at each call.

    shown_otherwise: columns with formats not applied, complete once the rows were read.
    """

    source: InputFile
    name: str
    facts: SheetFacts
    rows: Iterable[csv_records.Raw]
    shown_otherwise: Mapping[int, str]
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: str
    is_visible: bool
    open: Callable[[], Sheet]


def open_sheet(source: InputFile, wanted: str | None, kind: str) -> Sheet:
    """Open a sheet by name or number, else the first visible one.

    Raises:
        UsageError: no such sheet.
        InputError: the workbook is broken, protected or explosive.
    """
    entries = _entries(source, kind)
    number, notices = _chosen(source, entries, wanted)
    sheet = entries[number].open()
    sheet.notices.extend(notices)
    if count := len(sheet.facts.hidden_rows):
        rows = amounts.show(count, "hidden row")
        sheet.notices.append(
            f"{source.name}: {rows} of sheet {sheet.name!r}, read like the others without --visible-only"
        )
    if sheet.facts.merges:
        sheet.notices.append(
            f"{source.name}: merged cells: only the first cell of each has the value, the others are blank"
        )
    return sheet


def heads(source: InputFile, kind: str) -> Iterator[tuple[Sheet, int, Sequence[str]]]:
    """Yield (sheet, row number, texts) of the first rows of every sheet, without blank cells at their end."""
    for each in _entries(source, kind):
        sheet = each.open()
        for line, cells, _ in itertools.islice(sheet.rows, _HEAD_ROWS):
            head = list(cells)
            while head and not head[-1].strip():
                head.pop()
            if head:
                yield sheet, line, head


def _entries(source: InputFile, kind: str) -> list[_Entry]:
    """List the sheets that hold cells; none of them is unfolded yet."""
    if kind == "xls":
        return _entries_xls(source)
    zip_safety.require_harmless(source)
    return _entries_ods(source) if kind == "ods" else _entries_xlsx(source)


def _entries_xls(source: InputFile) -> list[_Entry]:
    if _is_encrypted(source):
        raise zip_safety.locked(source)
    book = xls.Book(source)

    def opened(name: str) -> Sheet:
        sheet = book.sheet(name)
        facts = xls.facts(sheet)
        rows = xls.Rows(source, book, sheet, facts)
        return Sheet(source=source, name=name, facts=facts, rows=rows, shown_otherwise=rows.shown_otherwise)

    return [_entry(name, book.is_visible(name), opened) for name in book.names]


def _entries_xlsx(source: InputFile) -> list[_Entry]:
    book = xlsx.Book(source)
    parts = {each.name: each.part for each in book.sheets}

    def opened(name: str) -> Sheet:
        part = xlsx_xml.Part(source, parts[name])
        facts = xlsx_sheet.facts(source, part, parts[name])
        rows = xlsx_sheet.Rows(source, book, part, facts)
        return Sheet(source=source, name=name, facts=facts, rows=rows, shown_otherwise=rows.shown_otherwise)

    return [_entry(each.name, each.is_visible, opened) for each in book.sheets]


def _entries_ods(source: InputFile) -> list[_Entry]:
    sheets = {each.name: each for each in ods.sheets(source)}

    def opened(name: str) -> Sheet:
        rows = ods.Rows(source, sheets[name])
        facts = sheets[name].facts
        return Sheet(source=source, name=name, facts=facts, rows=rows, shown_otherwise=rows.shown_otherwise)

    return [_entry(each.name, each.is_visible, opened) for each in sheets.values()]


def _entry(name: str, is_visible: bool, opened: Callable[[str], Sheet]) -> _Entry:
    return _Entry(name=name, is_visible=is_visible, open=lambda: opened(name))


def _is_encrypted(source: InputFile) -> bool:
    if not source.head.startswith(zip_safety.OLE_MAGIC):
        return False
    with source.open() as stream:
        return "EncryptedPackage".encode("utf-16-le") in stream.read(1 << 20)


def _chosen(source: InputFile, entries: Sequence[_Entry], wanted: str | None) -> tuple[int, list[str]]:
    names = [each.name for each in entries]
    if wanted is None:
        visible = [number for number, each in enumerate(entries) if each.is_visible]
        # Apple's Numbers puts a list of its sheets in front of them.
        if len(visible) > 1 and _SUMMARY.fullmatch(names[visible[0]].strip()):
            visible = visible[1:]
        if not visible:
            raise InputError(f"{source.name}: has no visible sheet", hint="--sheet NAME" if names else "")
        first = names[visible[0]]
        notices = [f"{source.name}: read sheet {first!r}; others: {_listed(names, first)}"]
        return visible[0], notices if len(names) > 1 else []
    if wanted in names:
        return names.index(wanted), []
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1, []
    near = get_close_matches(wanted, names, n=1, cutoff=0.5)
    meant = near[0] if near else names[0] if names else ""
    raise UsageError(
        f"--sheet {wanted}: {source.name} has no such sheet, only {_listed(names)}",
        hint=f"--sheet {shlex.quote(meant)}",
    )


def _listed(names: Sequence[str], without: str = "") -> str:
    others = [repr(name) for name in names if name != without]
    return ", ".join(others[:8]) + (f" and {len(others) - 8} more" if len(others) > 8 else "")
