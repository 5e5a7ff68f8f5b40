"""Rules of the person's own for a table and its columns: `[checks]` of a project file. Never holds a cell's value.

They are judged in the same pass as the program's own, and told in the same list.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from bhuman_cli import durations
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import mapping
from bhuman_cli.table.checks.rules import Finding
from bhuman_cli.table.formats import csv_records

_TABLE_KEYS: Final = ("min_rows", "newer_than", "columns")
_COLUMN_KEYS: Final = ("unique", "pattern", "values", "max_length", "required")
_PATTERN_S: Final = 0.5
MAX_DISTINCT: Final = 1_000_000
"""Values remembered to find equal ones; beyond them only repetitions of these are found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRules:
    """What one column's cells must be. pattern: for the whole cell; a blank cell only breaks `required`."""

    unique: bool = False
    pattern: str = ""
    values: tuple[str, ...] = ()
    max_length: int | None = None
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRules:
    """`[checks]` as it was read. newer_than: as written, a duration."""

    min_rows: int = 0
    newer_than: str = ""
    columns: Mapping[str, ColumnRules] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.min_rows or self.newer_than or self.columns)


def parse(raw: Mapping[str, Any]) -> OwnRules:
    """Read the table `[checks]`.

    Raises:
        UsageError: an unknown key, a value of the wrong kind, or a pattern that is none.
    """
    _require_known(raw, _TABLE_KEYS, "[checks]")
    columns = raw.get("columns", {})
    if not isinstance(columns, Mapping) or not all(isinstance(rules, Mapping) for rules in columns.values()):
        raise UsageError("[checks] columns: one table for each column, such as [checks.columns.email]")
    newer_than = str(_typed(raw, "newer_than", (str,), "", 'a duration such as "2d"'))
    if newer_than:
        durations.parse(newer_than)
    return OwnRules(
        min_rows=int(_typed(raw, "min_rows", (int,), 0, "a whole number")),
        newer_than=newer_than,
        columns={name: _column_rules(name, rules) for name, rules in columns.items()},
    )


def _column_rules(name: str, raw: Mapping[str, Any]) -> ColumnRules:
    place = f"[checks.columns.{name}]"
    _require_known(raw, _COLUMN_KEYS, place)
    values = raw.get("values", [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UsageError(f'{place} values: a list of texts, such as ["free", "pro"]')
    length = raw.get("max_length")
    if length is not None and (isinstance(length, bool) or not isinstance(length, int) or length < 1):
        raise UsageError(f"{place} max_length: a whole number from 1")
    pattern = str(_typed(raw, "pattern", (str,), "", "a text", place))
    if pattern:
        _compiled(pattern, place)
    return ColumnRules(
        unique=bool(_typed(raw, "unique", (bool,), False, "true or false", place)),
        pattern=pattern,
        values=tuple(values),
        max_length=length,
        required=bool(_typed(raw, "required", (bool,), False, "true or false", place)),
    )


def _require_known(raw: Mapping[str, Any], names: Sequence[str], place: str) -> None:
    for key in raw:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            meant = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(names)}"
            raise UsageError(f"{place}: there is no rule {key[:60]!r}{meant}")


def _typed(
    raw: Mapping[str, Any], key: str, kinds: tuple[type, ...], default: Any, expected: str, place: str = "[checks]"
) -> Any:  # fmt: skip
    value = raw.get(key, default)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise UsageError(f"{place} {key}: must be {expected}")
    if isinstance(value, int) and value < 0:
        raise UsageError(f"{place} {key}: must not be negative")
    return value


def _compiled(pattern: str, place: str) -> Any:
    import regex

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise UsageError(f"{place} pattern: is no regular expression: {error}") from None


class Judge:
    """The rules of one table, bound to its columns; counts rows and remembers what must be unique."""

    def __init__(self, own: OwnRules, header: Sequence[str], sent: Mapping[str, int]) -> None:
        """Find the rules' columns. sent: variable → column.

        Raises:
            InputError: a column that has rules is not in the table.
        """
        self._own = own
        self._rows = 0
        self._columns: list[tuple[int, ColumnRules, Any]] = []
        self._header = header
        self._sent = set(sent.values())
        self._seen: dict[int, dict[str, int]] = {}
        for name, rules in own.columns.items():
            position = _position(name, header, sent)
            pattern = _compiled(rules.pattern, f"[checks.columns.{name}]") if rules.pattern else None
            self._columns.append((position, rules, pattern))

    def judge(self, line: int, cells: Sequence[str]) -> list[Finding]:
        """Return what is wrong with a row's cells, white space around them cut."""
        findings: list[Finding] = []
        for position, rules, pattern in self._columns:
            text, column = cells[position], self._header[position]
            if not text:
                if rules.required and position not in self._sent:  # of what is sent, the program's own rule says it
                    findings.append((column, "empty, but [checks] requires it", "fill the cell in", "error"))
                continue
            findings += [(column, *wrong, "error") for wrong in self._wrong(rules, text)]
            if pattern is not None and not self._matches(pattern, text, column):
                findings.append((column, "does not match the pattern of [checks]", "correct the cell", "error"))
            if rules.unique and (first := self._first(position, text, line)):
                rule, hint = "is not unique, as [checks] wants it", f"the same as line {first}"
                findings.append((column, rule, hint, "error"))
        return findings

    def count(self) -> None:
        """Count a row that is not blank."""
        self._rows += 1

    def table_findings(self, modified_at: datetime | None, now: datetime) -> list[Finding]:
        """Return what is wrong with the table as a whole, once all rows were judged.

        Raises:
            InputError: `newer_than` is asked, and nobody knows how old the table is.
        """
        findings: list[Finding] = []
        if self._rows < self._own.min_rows:
            rule = f"{self._rows:,} rows, but [checks] min_rows is {self._own.min_rows:,}"
            findings.append(("", rule, "was the export broken?", "error"))
        if self._own.newer_than:
            if modified_at is None:
                raise InputError("[checks] newer_than: nobody says when this table was last changed")
            age = now - modified_at
            if age > timedelta(seconds=durations.parse(self._own.newer_than)):
                rule = f"last changed {durations.show(age.total_seconds())} ago, but [checks] newer_than is "
                findings.append(("", rule + self._own.newer_than, "export it again", "error"))
        return findings

    def _wrong(self, rules: ColumnRules, text: str) -> list[tuple[str, str]]:
        wrong: list[tuple[str, str]] = []
        if rules.values and text not in rules.values:
            listed = ", ".join(rules.values[:12]) + (", …" if len(rules.values) > 12 else "")
            wrong.append(("is none of the values of [checks]", f"one of: {listed}"))
        if rules.max_length is not None and len(text) > rules.max_length:
            wrong.append((f"is longer than the {rules.max_length} characters of [checks]", "shorten the cell"))
        return wrong

    def _first(self, position: int, text: str, line: int) -> int:
        seen, key = self._seen.setdefault(position, {}), csv_records.folded(text)
        if key in seen:
            return seen[key]
        if len(seen) < MAX_DISTINCT:
            seen[key] = line
        return 0

    def _matches(self, pattern: Any, text: str, column: str) -> bool:
        try:
            return pattern.fullmatch(text, timeout=_PATTERN_S) is not None
        except TimeoutError:
            raise UsageError(
                f"[checks] pattern of column {column}: takes too long, because one part of it matches in many ways; "
                "write it without a repeat inside a repeat"
            ) from None


def _position(name: str, header: Sequence[str], sent: Mapping[str, int]) -> int:
    if name in header:
        return header.index(name)
    if name in sent:
        return sent[name]
    near = [
        position for position, column in enumerate(header) if mapping.normalized(column) == mapping.normalized(name)
    ]
    if len(near) == 1:
        return near[0]
    guess = mapping.closest(name, header)
    meant = f"; did you mean {guess!r}?" if guess else ""
    raise InputError(f"[checks] column {name}: the table has no such column{meant}")
