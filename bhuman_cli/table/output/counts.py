"""Owns pandas: counting a run's rows by one of the user's columns and by status. Reads and writes no results file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import pandas as pd

from bhuman_cli import files
from bhuman_cli.domain import ResultRow, Status
from bhuman_cli.errors import UsageError

TOTAL = "total"


def counts_by(columns: Sequence[str], rows: Iterable[ResultRow], column: str) -> pd.DataFrame:
    """Return how many rows of each value ended how: a row per value, the most frequent first, and a total.

    The columns are the statuses that occur, in the order of their definition, then `total`. Blank cells count as "".
    """
    place = columns.index(column)
    frame = pd.DataFrame(
        ((row.cells[place].strip(), row.fields["status"]) for row in rows), columns=["value", "status"], dtype="object"
    )
    if frame.empty:
        return pd.DataFrame({TOTAL: [0]}, index=pd.Index([TOTAL], name=column))
    counted = frame.groupby(["value", "status"]).size().unstack(fill_value=0)
    counted = counted[[status for status in Status if status in counted.columns]]
    counted[TOTAL] = counted.sum(axis="columns")
    counted = counted.sort_values(TOTAL, ascending=False, kind="stable")
    counted.loc[TOTAL] = counted.sum()
    counted.index.name = column
    return counted


def write(counted: pd.DataFrame, path: Path) -> None:
    """Write the counts, atomically; the ending picks csv, tsv, xlsx or json.

    Raises:
        UsageError: the ending names no such format, or the folder can't be written.
    """
    kind = path.suffix.lower()
    if kind not in {".csv", ".tsv", ".xlsx", ".json"}:
        raise UsageError(f"-o {path}: counts are written as csv, tsv, xlsx or json", hint=f"-o {path.stem}.csv")
    with files.replacing(path.resolve()) as stream:  # a person named it
        if kind == ".xlsx":
            counted.to_excel(cast(BinaryIO, stream), sheet_name="counts", freeze_panes=(1, 1), engine="xlsxwriter")
        elif kind == ".json":
            stream.write(counted.reset_index().to_json(orient="records", force_ascii=False, indent=2).encode())
        else:
            text = counted.to_csv(sep="\t" if kind == ".tsv" else ",", lineterminator="\r\n")
            stream.write(text.encode())


def status_counts(counted: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return header and rows as texts, for the screen."""
    header = [str(counted.index.name), *map(str, counted.columns)]
    rows = [[str(value), *(str(int(count)) for count in counts)] for value, counts in zip(
        counted.index, counted.to_numpy(), strict=True)]  # fmt: skip
    return header, rows
