"""Owns the one pass from a file to checked rows: composes reader, mapping and rules. Sends and writes nothing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from bhuman_cli import domain
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import checks, mapping, reader, records, rules, selection, sieve, writer

MAX_DISTINCT: Final = 1_000_000
"""Rows remembered to find equal ones, some 100 bytes each; beyond them only repetitions of these are found."""
_MENDED: Final = "save the file with this column as text, if the number is to be shown as the sheet shows it"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeOptions:
    """Everything a person can say about how a file is read, mapped and checked.

    known_variables: None where nobody knows the target's; known_source: who says so, for notices.
    rows: `0-9,15`. strict: warnings count as errors. allow_empty: a file without data rows is no error.
    callback_url, loopback_base: checked with the rest, because all problems are listed at once.
    """

    read: reader.ReadOptions = field(default_factory=reader.ReadOptions)
    maps: Sequence[str] = ()
    only: Sequence[str] = ()
    exclude: Sequence[str] = ()
    sets: Sequence[str] = ()
    defaults: Sequence[str] = ()
    asset_columns: Sequence[str] = ()
    backgrounds: Sequence[domain.Background] = ()
    rows: str | None = None
    limit: int | None = None
    known_variables: Sequence[str] | None = None
    known_source: str = ""
    strict: bool = False
    allow_empty: bool = False
    callback_url: str | None = None
    loopback_base: bool = False


class Intake:
    """A file, mapped: its rows come checked, and what is wrong with them gathers in `problems`.

    columns: source columns that go into the results file, as in the file. variables: in the order they are sent.
    missing, unknown: known variables without a column; variables that the target does not know.
    problems: complete once `rows()` was consumed to its end; begins anew with each `rows()`.
    """

    def __init__(self, table: reader.Table, options: IntakeOptions) -> None:
        self.table = table
        self._options = options
        own = writer.own_columns(table.header)
        self.is_earlier_results = own is not None
        width = len(table.header) if own is None else own
        self.columns = table.raw_header[:width]
        self._header = table.header[:width]
        self._chosen = selection.parse(options.rows, options.limit)
        self._plan = mapping.plan(self._header, _wishes(options))
        self.variables = self._plan.variables
        self.missing, self.unknown = self._plan.missing, self._plan.unknown
        self._names = rules.names(self.variables[: len(self._plan.positions)], self._header)
        self.problems = checks.ProblemLog()
        self._warned = _constants_checked(self._plan, self._header)

    @property
    def notices(self) -> list[str]:
        """Return what a person should be told about reading and mapping; no problems."""
        said = [*self.table.notices]
        if self.is_earlier_results:
            said.append(f"{self.table.name}: an earlier results file; its result columns are replaced")
        return [*said, *self._plan.notices]

    def rows(self) -> Iterator[domain.Row]:
        """Yield every row of the file in order, checked where it is selected.

        Raises:
            InputError: the file is malformed, or was changed since it was opened.
        """
        self.problems.close()
        self.problems = checks.ProblemLog()
        self._check_file()
        yield from _Pass(self._header, self._plan, self._names, self._options, self._chosen, self._report).run(
            self.table.blocks()
        )
        for position, code in self.table.unapplied.items():
            if position in self._plan.positions:
                rule = f"the number format {code} is not applied"
                self._report(None, self.table.header_line, (self._header[position], rule, _MENDED, "warning"))

    def _check_file(self) -> None:
        options = self._options
        found = checks.overlap_problems(options.backgrounds)
        if len(options.asset_columns) != len(options.backgrounds):
            rule = f"{len(options.asset_columns)} asset columns, but {len(options.backgrounds)} backgrounds"
            hint = "one --asset COLUMN for each background, in their order"
            found.append(checks.Problem(row_index=None, line=None, column="", rule=rule, hint=hint))
        if options.callback_url is not None:
            wrong = checks.callback_problem(options.callback_url, loopback_base=options.loopback_base)
            found += [wrong] if wrong is not None else []
        for problem in found:
            self.problems.add(problem)
        for finding in self._warned:
            self._report(None, None, finding)

    def _report(self, row_index: int | None, line: int | None, finding: rules.Finding) -> bool:
        """Record a finding; say whether it stops the row."""
        column, rule, hint, severity = finding
        if self._options.strict:
            severity = "error"
        self.problems.add(
            checks.Problem(row_index=row_index, line=line, column=column, rule=rule, hint=hint, severity=severity)
        )
        return severity == "error"


def open_intake(source: Path | None, options: IntakeOptions) -> Intake:
    """Open a file (None = stdin), map its header and check the options; rows come with `Intake.rows()`.

    Raises:
        UsageError: no such file, or an option that does not fit the file.
        InputError: the file can't be read, or holds no data rows.
    """
    table = reader.open_table(source, options.read)
    if next(table.records(), None) is None and not options.allow_empty:
        raise InputError(f"{table.name}: no data rows, only a header", hint="--allow-empty, when that is right")
    return Intake(table, options)


def _wishes(options: IntakeOptions) -> mapping.Wishes:
    return mapping.Wishes(
        maps=options.maps,
        only=options.only,
        exclude=options.exclude,
        sets=options.sets,
        defaults=options.defaults,
        assets=options.asset_columns,
        known=options.known_variables,
        known_source=options.known_source,
    )


def _constants_checked(plan: mapping.ColumnPlan, header: Sequence[str]) -> list[rules.Finding]:
    """Judge `--set` and `--default` once, instead of in every row; return the warnings."""
    count = len(plan.positions)
    given = {"--set": dict(zip(plan.variables[count:], plan.constants, strict=True))}
    given["--default"] = {plan.variables[number]: value for number, value in plan.defaults.items()}
    warned: list[rules.Finding] = []
    for option, pairs in given.items():
        names = rules.names(tuple(pairs), header)
        values = tuple(pairs.values())
        for column, rule, hint, severity in rules.judge(names, values, values, records.NO_FLAWS):
            if severity == "error":
                raise UsageError(f"{option} {column}: {rule}", hint=hint)
            warned.append((column, f"{option}: {rule}", hint, severity))
    return warned


class _Pass:
    """One pass over the rows. A clean row takes a few C calls; anything suspicious is looked at closely."""

    def __init__(
        self,
        header: Sequence[str],
        plan: mapping.ColumnPlan,
        names: rules.Names,
        options: IntakeOptions,
        chosen: selection.Selection,
        report: Callable[[int | None, int | None, rules.Finding], bool],
    ) -> None:
        self._header = header
        self._plan = plan
        self._names = names
        self._chosen = chosen
        self._report = report
        self._width = len(header)
        self._pick = _picker(plan.positions)
        can_sieve = plan.positions and chosen.is_all and not plan.assets
        self._sieve = sieve.Sieve(plan.positions, names, len(header)) if can_sieve else None
        self._has_backgrounds = bool(options.backgrounds) and len(options.backgrounds) == len(plan.assets)
        self._seen: dict[int, int] = {}

    def run(self, blocks: Iterator[list[records.Record]]) -> Iterator[domain.Row]:
        """Yield a row for each record: blocks that pass the sieve as they are, others row by row."""
        for block in blocks:
            if passed := self._passed(block):
                yield from map(_fresh, block, passed)
                continue
            for record in block:
                one = self._passed((record,))
                yield _fresh(record, one[0]) if one else self._judged(*record)

    def _passed(self, block: Sequence[records.Record]) -> list[tuple[str, ...]] | None:
        """Return the values of a block whose rows are plain and like no other row, else None."""
        values = self._sieve.clean(block) if self._sieve else None
        if values is None:
            return None
        if constants := self._plan.constants:
            values = [row + constants for row in values]
        keys = set(map(hash, values))
        if len(keys) < len(block) or not self._seen.keys().isdisjoint(keys):
            return None
        if len(self._seen) < MAX_DISTINCT:
            self._seen.update(zip(map(hash, values), map(_LINE, block), strict=True))
        return values

    def _judged(self, row_index: int, line: int, cells: tuple[str, ...], flaws: Mapping[int, str]) -> domain.Row:
        plan = self._plan
        cells = cells[: self._width]
        is_blank = not flaws and not any(map(str.strip, cells))
        chosen = self._chosen.has(row_index, self._taken)
        if is_blank:
            return domain.Row(
                row_index=row_index, line=line, cells=cells, state=domain.RowState.SKIPPED, selected=chosen
            )
        raw = self._pick(cells)
        values = [text.strip(rules.EDGES) for text in raw]
        used = [number for number, value in plan.defaults.items() if not values[number]]
        for number in used:
            values[number] = plan.defaults[number]
        message = f"default used for {', '.join(plan.variables[number] for number in used)}" if used else ""
        columns = [self._header[position] for position in plan.assets]
        wrong, assets = rules.judge_assets(columns, [cells[position] for position in plan.assets])
        ready = domain.Row(
            row_index=row_index,
            line=line,
            cells=cells,
            values=(*values, *plan.constants),
            assets=assets if self._has_backgrounds else (),
            selected=chosen,
            message=message,
        )
        if not chosen:
            return ready
        self._taken += 1
        return self._checked(ready, raw, wrong, flaws)

    _taken = 0

    def _checked(
        self, row: domain.Row, raw: Sequence[str], wrong: list[rules.Finding], flaws: Mapping[int, str]
    ) -> domain.Row:
        plan = self._plan
        mine = {number: flaws[position] for number, position in enumerate(plan.positions) if position in flaws}
        found = rules.judge(self._names, raw, row.values[: len(raw)], mine) + wrong
        found += [
            (self._header[position], flaws[position], "mend the cell", "error")
            for position in plan.assets
            if position in flaws
        ]
        stopping = [finding for finding in found if self._report(row.row_index, row.line, finding)]
        if not stopping and (repeated := self._repeated(row)) and self._report(row.row_index, row.line, repeated):
            stopping = [repeated]
        if not stopping:
            return row
        said = "; ".join(f"{column}: {rule}" if column else rule for column, rule, _, _ in stopping)
        return domain.Row(
            row_index=row.row_index,
            line=row.line,
            cells=row.cells,
            state=domain.RowState.INVALID,
            message=said,
        )

    def _repeated(self, row: domain.Row) -> rules.Finding | None:
        key = hash(row.values + row.assets)
        first = self._seen.get(key)
        if first is None:
            if len(self._seen) < MAX_DISTINCT:
                self._seen[key] = row.line
            return None
        hint = f"the same as line {first}; both are rendered and paid for, unless one is removed"
        return "", "the same values as an earlier row", hint, "warning"


def _picker(positions: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Return what takes the sent cells out of a row, always as a tuple."""
    if len(positions) > 1:
        return operator.itemgetter(*positions)
    if positions:
        only = positions[0]
        return lambda cells: (cells[only],)
    return lambda _: ()


def _setters() -> tuple[Callable[[domain.Row, object], None], ...]:
    return tuple(getattr(domain.Row, name).__set__ for name in ("row_index", "line", "cells", "values"))


_LINE: Final = operator.itemgetter(1)
_new: Final = object.__new__
_set_index, _set_line, _set_cells, _set_values = _setters()
_REST: Final = tuple(
    (getattr(domain.Row, each.name).__set__, each.default)
    for each in fields(domain.Row)
    if each.name not in {"row_index", "line", "cells", "values"}
)


def _fresh(record: records.Record, values: tuple[str, ...]) -> domain.Row:
    """Make a pending row at a third of the constructor's cost, which is the largest of a clean row's costs."""
    row = _new(domain.Row)
    row_index, line, cells, _ = record
    _set_index(row, row_index)
    _set_line(row, line)
    _set_cells(row, cells)
    _set_values(row, values)
    for put, default in _REST:
        put(row, default)
    return row
