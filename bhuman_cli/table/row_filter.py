"""Rows that are left out by `--where`, `--visible-only` and `--suppress`: the conditions, and the opt-out lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bhuman_cli import shell
from bhuman_cli.errors import BhumanError, UsageError
from bhuman_cli.table import mapping, reader
from bhuman_cli.table.formats import csv_records

SUPPRESSED: Final = "suppressed"
NOT_SELECTED: Final = "not selected"
_ADDRESS_COLUMN: Final = "email"
_BOOKS: Final = frozenset({"xlsx", "xls", "ods"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A cell must have this value, or must not. value: folded."""

    position: int
    value: str
    is_negated: bool

    def holds(self, cells: Sequence[str]) -> bool:
        """Say whether a row fulfils it."""
        return (csv_records.folded(cells[self.position]) == self.value) is not self.is_negated


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """What leaves rows out. hidden: lines that the workbook does not show. opted_out: folded cells of column `on`."""

    conditions: Sequence[Condition] = ()
    hidden: Collection[int] = ()
    opted_out: Collection[str] = frozenset()
    on: int = 0

    @property
    def is_open(self) -> bool:
        """Say whether every row passes."""
        return not (self.conditions or self.hidden or self.opted_out)

    def passing(self, records: Sequence[csv_records.Record]) -> Sequence[csv_records.Record]:
        """Return the records that are not left out."""
        return records if self.is_open else [record for record in records if not self.reason(record[1], record[2])]

    def reason(self, line: int, cells: Sequence[str]) -> str:
        """Return why a row is left out, "" where it is not."""
        if self.opted_out and csv_records.folded(cells[self.on]) in self.opted_out:
            return SUPPRESSED
        is_chosen = line not in self.hidden and all(condition.holds(cells) for condition in self.conditions)
        return "" if is_chosen else NOT_SELECTED


def conditions(header: Sequence[str], texts: Sequence[str]) -> list[Condition]:
    """Read `COLUMN=VALUE` and `COLUMN!=VALUE`.

    Raises:
        UsageError: neither, or there is no such column.
    """
    return [_condition(header, text) for text in texts]


def _condition(header: Sequence[str], text: str) -> Condition:
    for at in [sign.start() for sign in re.finditer("=", text)]:
        name = text[:at]
        is_negated = name.endswith("!")
        position = mapping.find(name.removesuffix("!").strip(), header)
        if position is not None:
            return Condition(position=position, value=csv_records.folded(text[at + 1 :]), is_negated=is_negated)
    column, equals, _ = text.partition("=")
    if not equals:
        raise UsageError(f"--where {text}: needs COLUMN=VALUE or COLUMN!=VALUE", hint="bhuman render --help")
    column = column.removesuffix("!").strip()
    near = mapping.closest(column, header)
    meant = f"; did you mean {near!r}?" if near else f"; there are: {', '.join(header[:12])}"
    raise UsageError(f"--where {column}: no such column{meant}", hint="bhuman render --help")


def hidden_lines(table: reader.Table) -> Collection[int]:
    """Return the lines that the workbook does not show.

    Raises:
        UsageError: the format hides nothing.
    """
    if table.kind not in _BOOKS:
        raise UsageError(f"--visible-only: {table.name} is no workbook, and hides no rows", hint="bhuman render --help")
    return table.hidden_lines


def opt_out_column(header: Sequence[str], on: str | None) -> int:
    """Return the column that is compared with the opt-out lists.

    Raises:
        UsageError: there is no such column, or none is named.
    """
    position = mapping.find(on or _ADDRESS_COLUMN, header)
    if position is None:
        what = f"--on {on}: no such column" if on else "--suppress needs --on COLUMN: which column is looked up?"
        near = mapping.closest(on or _ADDRESS_COLUMN, header)
        raise UsageError(what, hint=shell.join(["--on", near or header[0]]) if header else "")
    return position


def opt_out_list(paths: Sequence[Path], column: str) -> frozenset[str]:
    """Read the opt-out lists: their column of this name, else their first one, the first line included.

    Raises:
        UsageError: a list is missing, empty or unreadable: that must never mean that nobody opted out.
    """
    return frozenset(filter(None, (csv_records.folded(cell) for path in paths for cell in _listed(path, column))))


def _listed(path: Path, column: str) -> list[str]:
    try:
        if path.stat().st_size == 0:
            raise UsageError(f"--suppress {path}: the file is empty, which can't mean that nobody opted out")
        # Told that the first line is the header: a list needs none, and then its first line is somebody, too.
        first = None if path.suffix.lower() in {".json", ".jsonl", ".ndjson"} else 1
        table = reader.open_table(path, reader.ReadOptions(header_row=first), allow_empty=True)
        position = mapping.find(column, table.header)
        cells = [record[2][position or 0] for block in table.blocks() for record in block if record[2]]
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise UsageError(f"--suppress {path}: {reason}", hint=shell.list_folder(path.parent)) from None
    except UsageError:
        raise
    except BhumanError as error:
        raise UsageError(f"--suppress {path}: can't be read as a list: {error.message}") from None
    return cells if position is not None else [*table.raw_header[:1], *cells]


def suppressed_rows(
    rows: Mapping[int, Sequence[str]], columns: Sequence[str], paths: Sequence[Path], on: str | None
) -> list[int]:
    """Return those of the rows (row_index → cells) that are on an opt-out list by now.

    Raises:
        UsageError: as `opt_out_list`.
    """
    position = opt_out_column(columns, on)
    listed = opt_out_list(paths, columns[position])
    return [row_index for row_index, cells in rows.items() if csv_records.folded(cells[position]) in listed]
