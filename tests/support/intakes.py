"""A table read and mapped as a test writes it, and what was said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bhuman_cli.domain import Row
from bhuman_cli.table import checked_table
from bhuman_cli.table.checked_table import CheckedTable, TableOptions


def take(tmp_path: Path, text: str, **options: Any) -> tuple[list[Row], CheckedTable]:
    path = tmp_path / "people.csv"
    path.write_text(text, "utf-8", newline="")
    opened = checked_table.open_table(path, TableOptions(**options))
    return list(opened.rows()), opened


def said(opened: CheckedTable) -> list[tuple[int | None, int | None, str, str, str]]:
    return [(each.row_index, each.line, each.column, each.rule, each.severity) for each in opened.problems]
