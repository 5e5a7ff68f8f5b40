"""Counts by pandas: a run's rows by column and status, payments by group. Reads and writes no results file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

import pandas as pd

from bhuman_cli import files
from bhuman_cli.domain import ResultRow, Status
from bhuman_cli.errors import UsageError

TOTAL = "total"

Frame = pd.DataFrame
"""What the counts are, for who passes them on."""


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
    rows = [[str(value), *map(_shown, counts)] for value, counts in zip(
        counted.index, counted.to_numpy(), strict=True)]  # fmt: skip
    return header, rows


def _shown(count: float) -> str:
    return f"{count:,.2f}" if count != int(count) else str(int(count))


SPEND: Final = ("paid", "reused", "shared", "retried", "failed", "in_doubt")
"""What is counted of payments, in this order."""


def spend_by(payments: Iterable[Mapping[str, object]], by: str, unit_cost: float | None = None) -> pd.DataFrame:
    """Return one row a group with the columns SPEND, and `cost` for a unit cost: the dearest first, or by time.

    payments: mappings with `kind` (paid, in_doubt, reused, shared), `count`, `is_failed`, `is_retried`, and the group.
    """
    frame = pd.DataFrame(list(payments), columns=[by, "kind", "count", "is_failed", "is_retried"])
    count, is_paid = frame["count"].astype("int64"), frame["kind"] == "paid"
    marks = {
        "paid": is_paid,
        "reused": frame["kind"] == "reused",
        "shared": frame["kind"] == "shared",
        "retried": is_paid & frame["is_retried"].astype(bool),
        "failed": is_paid & frame["is_failed"].astype(bool),
        "in_doubt": frame["kind"] == "in_doubt",
    }
    counted = pd.DataFrame({name: count.where(mark, 0) for name, mark in marks.items()}, columns=list(SPEND))
    counted = counted.groupby(frame[by].astype("object")).sum().astype("int64")
    counted.index.name = by
    if unit_cost is not None:
        counted["cost"] = (counted["paid"] * unit_cost).round(2)
    if by in {"day", "month"}:
        return counted.sort_index()
    return counted.sort_values(["paid", "reused"], ascending=False, kind="stable")
