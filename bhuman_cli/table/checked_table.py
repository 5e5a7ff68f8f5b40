"""The one pass from a file to checked rows: composes reader, mapping and rules. Sends and writes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

from bhuman_cli import amounts, domain, shell
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import cleaning, input_errors, mapping, reader, row_filter, selection, spoken_forms
from bhuman_cli.table.checks import backgrounds, own_rules, problems, row_checker, rules
from bhuman_cli.table.formats import csv_records
from bhuman_cli.table.output import results_file

_MENDED: Final = "save the file with this column as text, if the number is to be shown as the sheet shows it"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """Everything a person can say about how a file is read, mapped and checked.

    known_variables: None where nobody knows the target's; known_source: who says so, for notices. may_be_blank: a
        video is made of what is there.
    rows: `0-9,15`. strict: warnings count as errors. allow_empty: a file without data rows is no error.
    clean: VARIABLE=KIND. say: table of spoken forms. own_rules: `[checks]`, with modified_at of the table and now.
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
    may_be_blank: bool = False
    all_columns: bool = False
    where: Sequence[str] = ()
    visible_only: bool = False
    suppress: Sequence[Path] = ()
    on: str | None = None
    strict: bool = False
    allow_empty: bool = False
    callback_url: str | None = None
    clean: Sequence[str] = ()
    say: Path | None = None
    own_rules: Mapping[str, Any] = field(default_factory=dict)
    modified_at: datetime | None = None
    now: datetime | None = None
    loopback_base: bool = False


class CheckedTable:
    """A file, mapped: its rows come checked, and what is wrong with them gathers in `problems`.

    columns: source columns that go into the results file, as in the file. variables: in the order they are sent.
    missing, unknown: known variables without a column; variables that the target does not know.
    problems: complete once `rows()` was consumed to its end; begins anew with each `rows()`.
    remarks: what `--clean` and `--say` did, for people; complete as `problems` is.
    has_valid: whether a selected row passed; known once `rows()` was consumed.
    """

    def __init__(self, table: reader.Table, options: TableOptions) -> None:
        self.table = table
        self._options = options
        own = results_file.own_columns(table.header)
        self.is_earlier_results = own is not None
        width = len(table.header) if own is None else own
        self.columns = table.raw_header[:width]
        self._header = table.header[:width]
        self._chosen = selection.parse(options.rows, options.limit)
        self._filter = _filter(table, self._header, options)
        # A file without even a header (and --allow-empty) has nothing that the options could name.
        self._plan = _plan(table, self._header, options)
        self.variables = self._plan.variables
        self.missing, self.unknown = self._plan.missing, self._plan.unknown
        self.kept, self.private_looking = self._plan.kept, self._plan.private_looking
        self.known = options.known_variables
        sent = [self._header[position] for position in self._plan.positions]
        names = rules.column_rules(self.variables[: len(sent)], self._header, sent)
        self._names = dataclasses.replace(names, may_be_blank=options.may_be_blank)
        self.problems = problems.ProblemLog()
        self.has_valid = False
        self._warned = _constants_checked(self._plan, self._header)
        self._own_rules = own_rules.parse(options.own_rules)
        self._clean_kinds = _clean_kinds(options.clean, self._header, self._plan)
        self._spoken = spoken_forms.load(options.say, self.variables) if options.say is not None else None
        self.remarks: list[str] = []

    @property
    def notices(self) -> list[str]:
        """Return what a person should be told about reading and mapping; no problems."""
        said = [*self.table.notices]
        if self.is_earlier_results:
            said.append(f"{self.table.name}: an earlier results file; its result columns are replaced")
        elif scattered := results_file.scattered_columns([self._header[at] for at in self._plan.positions]):
            said.append(
                f"{self.table.name}: result columns of an earlier run are no longer its last ones, and would be sent: "
                f"--exclude {','.join(scattered)}"
            )
        return [*said, *self._plan.notices]

    def rows(self) -> Iterator[domain.Row]:
        """Yield every row of the file in order, checked where it is selected.

        Raises:
            InputError: the file is malformed, or was changed since it was opened.
        """
        self.problems.close()
        self.problems = problems.ProblemLog()
        self._check_file()
        fits = self._options.backgrounds and len(self._options.backgrounds) == len(self._plan.assets)
        own = self._row_options(has_backgrounds=bool(fits))
        running = row_checker.RowChecker(self._header, self._plan, self._names, self._chosen, self._report, own)
        running.link = self.table.link
        with input_errors.as_input_error(self.table.name):
            # Of an earlier results file only the user's cells are kept: in a ragged row nobody knows which these are.
            even_only = self.is_earlier_results
            yield from running.run(csv_records.in_blocks(self.table.records()) if even_only else self.table.blocks())
            if own.judge is not None and self._options.now is not None:
                for finding in own.judge.table_findings(self._options.modified_at, self._options.now):
                    self._report(None, None, finding)
        self.remarks = [*(own.cleaner.notices() if own.cleaner else ()), *(own.spoken.notices() if own.spoken else ())]
        self.has_valid = running.has_valid
        self._gather_blank_columns(running.taken)
        if not self._chosen.is_all and not running.taken:
            self._report(
                None, None, ("", "--rows and --limit select no row of this file", "rows count from 0", "warning")
            )
        for position, code in self.table.unapplied.items():
            if position in self._plan.positions:
                rule = f"the number format {code} is not applied"
                self._report(None, self.table.header_line, (self._header[position], rule, _MENDED, "warning"))

    def _row_options(self, *, has_backgrounds: bool) -> row_checker.RowOptions:
        sent = dict(zip(self.variables, self._plan.positions, strict=False))
        if self._spoken is not None:
            self._spoken.begin()
        return row_checker.RowOptions(
            filter=self._filter,
            has_backgrounds=has_backgrounds,
            cleaner=cleaning.Cleaner(self._clean_kinds, self.variables) if self._clean_kinds else None,
            spoken=self._spoken,
            judge=own_rules.Judge(self._own_rules, self._header, sent) if self._own_rules else None,
        )

    def _gather_blank_columns(self, taken: int) -> None:
        """Tell a column that is blank in every row once, with what leaves it out; a default in all rows is no cure."""
        sent = [self._header[position] for position in self._plan.positions]
        blank = [column for column in sent if taken > 1 and self.problems.count(column, rules.EMPTY) == taken]
        if not blank:
            return
        filled = [column for column in sent if column not in blank]
        if len(blank) == 1 or not filled:
            listed, hint = blank[0], f"--exclude {shell.quote(mapping.as_list(blank))}"
        else:
            listed = f"{', '.join(blank[:5])}{f' and {len(blank) - 5} more' if len(blank) > 5 else ''}"
            hint = f"--only {shell.quote(mapping.as_list(filled))}"
        rule = "blank in every row" if len(blank) == 1 else f"{len(blank)} columns are blank in every row: {listed}"
        self.problems.replace(
            blank,
            rules.EMPTY,
            problems.Problem(row_index=None, line=None, column=listed if len(blank) == 1 else "", rule=rule, hint=hint),
        )

    def _check_file(self) -> None:
        options = self._options
        wrong_settings = backgrounds.overlap_problems(options.backgrounds)
        if len(options.asset_columns) != len(options.backgrounds):
            assets, grounds = len(options.asset_columns), len(options.backgrounds)
            rule = f"{amounts.show(assets, 'asset column')}, but {amounts.show(grounds, 'background')}"
            hint = "one --asset COLUMN for each background, in their order"
            wrong_settings.append(problems.Problem(row_index=None, line=None, column="", rule=rule, hint=hint))
        if options.callback_url is not None:
            wrong = backgrounds.callback_problem(options.callback_url, loopback_base=options.loopback_base)
            wrong_settings += [wrong] if wrong is not None else []
        for problem in wrong_settings:
            self.problems.add(problem)
        for finding in self._warned:
            self._report(None, None, finding)
        for finding in chain.from_iterable(map(rules.column_findings, self._names.columns)):
            self._report(None, self.table.header_line or None, finding)

    def _report(self, row_index: int | None, line: int | None, finding: rules.Finding) -> bool:
        """Record a finding; say whether it stops the row."""
        column, rule, hint, severity = finding
        if self._options.strict:
            severity = "error"
        self.problems.add(
            problems.Problem(row_index=row_index, line=line, column=column, rule=rule, hint=hint, severity=severity)
        )
        return severity == "error"


def open_table(source: Path | None, options: TableOptions) -> CheckedTable:
    """Open a file (None = stdin), map its header and check the options; rows come with `CheckedTable.rows()`.

    Raises:
        UsageError: no such file, or an option that does not fit the file.
        InputError: the file can't be read, or holds no data rows.
    """
    with input_errors.as_input_error(options.read.name or str(source or "stdin")):
        table = reader.open_table(source, options.read, allow_empty=options.allow_empty)
        if next(table.blocks(), None) is None and not options.allow_empty:
            what = "no data rows, only a header" if table.header_line else "no rows"
            raise InputError(f"{table.name}: {what}", hint="--allow-empty")
        return CheckedTable(table, options)


def _clean_kinds(wanted: Sequence[str], header: Sequence[str], plan: mapping.ColumnPlan) -> dict[int, str]:
    """Read `--clean VARIABLE=KIND`: variable number → kind.

    Raises:
        UsageError: no such variable, or no such kind.
    """
    kinds: dict[int, str] = {}
    sent = plan.variables[: len(plan.positions)]
    columns = [header[position] for position in plan.positions]
    for text in wanted:
        name, _, kind = (part.strip() for part in text.partition("="))
        if kind not in cleaning.KINDS:
            raise UsageError(f"--clean {name}={kind}: {kind or 'nothing'!r} is no kind; there are name, company")
        number = mapping.find(name, sent, columns)
        if number is None:
            guess = mapping.closest(name, sent)
            meant = f"; did you mean {guess!r}?" if guess else f"; there are: {', '.join(sent[:12])}"
            raise UsageError(f"--clean {name}={kind}: no column of that name is sent{meant}")
        kinds[number] = kind
    return kinds


def _plan(table: reader.Table, header: Sequence[str], options: TableOptions) -> mapping.ColumnPlan:
    try:
        return mapping.plan(header, _mapping_options(options) if header else mapping.MappingOptions())
    except mapping.DuplicateColumnError as error:
        line, rule = table.header_line or 1, error.message
        raise input_errors.line_error(table.name, line, rule, hint=error.hint, column=error.column) from None


def _filter(table: reader.Table, header: Sequence[str], options: TableOptions) -> row_filter.RowFilter:
    on = row_filter.opt_out_column(header, options.on) if options.suppress else 0
    return row_filter.RowFilter(
        conditions=row_filter.conditions(header, options.where),
        hidden=row_filter.hidden_lines(table) if options.visible_only else (),
        opted_out=row_filter.opt_out_list(options.suppress, header[on]) if options.suppress else frozenset(),
        on=on,
    )


def _mapping_options(options: TableOptions) -> mapping.MappingOptions:
    return mapping.MappingOptions(
        maps=options.maps,
        only=options.only,
        exclude=options.exclude,
        sets=options.sets,
        defaults=options.defaults,
        assets=options.asset_columns,
        known=options.known_variables,
        known_source=options.known_source,
        all_columns=options.all_columns,
    )


def _constants_checked(plan: mapping.ColumnPlan, header: Sequence[str]) -> list[rules.Finding]:
    """Judge `--set` and `--default` once, instead of in every row; return the warnings."""
    count = len(plan.positions)
    constants = {"--set": dict(zip(plan.variables[count:], plan.constants, strict=True))}
    constants["--default"] = {plan.variables[number]: value for number, value in plan.defaults.items()}
    warned: list[rules.Finding] = []
    for option, pairs in constants.items():
        names = rules.column_rules(tuple(pairs), header)
        values = tuple(pairs.values())
        for column, rule, hint, severity in rules.check_values(names, values, values, csv_records.NO_FLAWS):
            if severity == "error":
                raise UsageError(f"{option} {column}: {rule}", hint=hint)
            warned.append((column, f"{option}: {rule}", hint, severity))
    return warned
