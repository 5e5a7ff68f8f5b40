"""The list of problems: all of them on disk, counts and examples in memory. Judges nothing (that is `rules`).

Also reads background files. Never holds a cell's value.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from bhuman_cli import files, sanitize
from bhuman_cli.table.checks import rules

EXAMPLES: Final = 5
PROBLEM_COLUMNS: Final = ("row_index", "line", "column", "rule", "hint", "severity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, and where. row_index, line: None where it concerns the whole file; column: "" then."""

    row_index: int | None
    line: int | None
    column: str
    rule: str
    hint: str = ""
    severity: rules.Severity = "error"

    def as_json(self) -> dict[str, Any]:
        """Return the five keys of the contract."""
        return {
            "row_index": self.row_index,
            "line": self.line,
            "column": self.column,
            "rule": self.rule,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        place = [f"row {self.row_index}"] if self.row_index is not None else []
        place += [f"line {self.line}"] if self.line is not None else []
        place += [f"column {self.column}"] if self.column else []
        return f"{', '.join(place)}: {self.rule}" if place else self.rule


@dataclass(slots=True, kw_only=True)
class Group:
    """Equal problems as one. lines: of the first few; 10,000 equal problems are one of these."""

    column: str
    rule: str
    hint: str
    severity: rules.Severity
    count: int
    rows: list[int]
    lines: list[int]

    def __str__(self) -> str:
        place = f"column {self.column}: " if self.column else ""
        if not self.lines:
            return f"{place}{self.rule}"
        rows, lines = ", ".join(map(str, self.rows)), ", ".join(map(str, self.lines))
        if self.count == 1:
            return f"row {rows}, line {lines}{', ' if place else ': '}{place}{self.rule}"
        more = f" and {self.count - len(self.lines):,} more" if self.count > len(self.lines) else ""
        return f"{place}{self.rule}: {self.count:,} rows ({rows} in lines {lines}{more})"


class ProblemLog:
    """Collects problems in one pass; the full list lies in a temporary file, so that a million of them fit."""

    def __init__(self) -> None:
        self.errors = 0
        self.warnings = 0
        self.file_errors = 0
        self._groups: dict[tuple[str, str, str], Group] = {}
        self._replaced: set[tuple[str, str]] = set()
        # Opened with the first problem: most runs have none.
        self._spill: IO[str] | None = None
        self._close: Callable[[], object] = lambda: None

    def add(self, problem: Problem) -> None:
        """Record one problem."""
        if problem.severity == "error":
            self.errors += 1
            self.file_errors += problem.row_index is None
        else:
            self.warnings += 1
        key = (problem.severity, problem.rule, problem.column)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(
                column=problem.column,
                rule=problem.rule,
                hint=problem.hint,
                severity=problem.severity,
                count=0,
                rows=[],
                lines=[],
            )
        group.count += 1
        if len(group.lines) < EXAMPLES and problem.row_index is not None and problem.line is not None:
            group.rows.append(problem.row_index)
            group.lines.append(problem.line)
        csv.writer(self._file()).writerow(
            (problem.row_index, problem.line, problem.column, problem.rule, problem.hint, problem.severity)
        )

    def count(self, column: str, rule: str) -> int:
        """Return how many rows have this error in this column."""
        group = self._groups.get(("error", rule, column))
        return group.count if group else 0

    def replace(self, columns: Sequence[str], rule: str, problem: Problem) -> None:
        """Tell one error of the whole file instead of the same one in every row of these columns."""
        for column in columns:
            self.errors -= self._groups.pop(("error", rule, column)).count
            self._replaced.add((rule, column))
        self.add(problem)

    def _file(self) -> IO[str]:
        if self._spill is None:
            self._spill = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed with the log
            self._close = weakref.finalize(self, self._spill.close)
        return self._spill

    @contextlib.contextmanager
    def _rewound(self) -> Iterator[IO[str]]:
        spill = self._file()
        spill.flush()
        spill.seek(0)
        try:
            yield spill
        finally:
            spill.seek(0, os.SEEK_END)

    def __len__(self) -> int:
        return self.errors + self.warnings

    def __iter__(self) -> Iterator[Problem]:
        """Yield every problem in the order found."""
        if not len(self):
            return
        with self._rewound() as spill:
            for row_index, line, column, rule, hint, severity in csv.reader(spill):
                if (rule, column) in self._replaced:
                    continue
                yield Problem(
                    row_index=int(row_index) if row_index else None,
                    line=int(line) if line else None,
                    column=column,
                    rule=rule,
                    hint=hint,
                    severity="warning" if severity == "warning" else "error",
                )

    def grouped(self) -> list[Group]:
        """Return equal problems as one each, errors first, the most frequent first."""
        return sorted(self._groups.values(), key=lambda group: (group.severity, -group.count))

    def as_json(self, limit: int = 1000, *, warnings: bool = False) -> list[dict[str, Any]]:
        """Return the first problems with the five keys of the contract: the errors, and the warnings if asked for."""
        documents: list[dict[str, Any]] = []
        for problem in self:
            if len(documents) >= limit:
                break
            if warnings or problem.severity == "error":
                documents.append(problem.as_json())
        return documents

    def write_csv(self, path: Path) -> None:
        """Write every problem, atomically; the file of an earlier run is replaced."""
        with files.replacing(path) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
            table = csv.writer(text)
            table.writerow(PROBLEM_COLUMNS)
            for each in self:
                # A hint begins with an option, and a spreadsheet takes `--default` for a formula.
                row = each.row_index, each.line, each.column, each.rule, sanitize.cell(each.hint), each.severity
                table.writerow(row)
            text.flush()
            text.detach()

    def close(self) -> None:
        """Give the temporary file back; counts and groups stay."""
        self._close()
