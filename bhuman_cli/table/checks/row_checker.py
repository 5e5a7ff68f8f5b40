"""Check of every row: trims, fills defaults in, applies the rules, finds equal rows. Sends nothing and keeps no row.

A fast check tells at the speed of C which blocks hold nothing suspicious; only the others are looked at row by row. A
block is asked as one: its texts joined, its cells flattened. What passes must pass `rules.check_values` without a
finding; the reverse is not promised.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Final

from bhuman_cli import domain
from bhuman_cli.table import cleaning, mapping, row_filter, selection, spoken_forms
from bhuman_cli.table.checks import damage, own_rules, rules
from bhuman_cli.table.formats import csv_records

MAX_DISTINCT: Final = 1_000_000
"""Rows remembered to find equal ones, some 100 bytes each; beyond them only repetitions of these are found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOptions:
    """What a person wants of the rows beyond the program's own rules.

    has_backgrounds: assets are sent. cleaner, spoken, judge: any of them has every row looked at closely.
    """

    has_backgrounds: bool = False
    cleaner: cleaning.Cleaner | None = None
    spoken: spoken_forms.SpokenForms | None = None
    judge: own_rules.Judge | None = None
    filter: row_filter.RowFilter = field(default_factory=row_filter.RowFilter)

    @property
    def lets_sieve(self) -> bool:
        """Say whether a clean row needs no closer look."""
        return self.cleaner is None and self.spoken is None and self.judge is None


class RowChecker:
    """One pass over the rows. A clean row takes a few C calls; anything suspicious is looked at closely."""

    def __init__(
        self,
        header: Sequence[str],
        plan: mapping.ColumnPlan,
        names: rules.ColumnRules,
        chosen: selection.Selection,
        report: Callable[[int | None, int | None, rules.Finding], bool],
        options: RowOptions,
    ) -> None:
        self._header = header
        self._own = options
        self._plan = plan
        self._names = names
        self._chosen = chosen
        self._report = report
        self._width = len(header)
        self._pick = _picker(plan.positions)
        can_sieve = plan.positions and chosen.is_all and options.lets_sieve
        self._sieve = FastCheck(plan.positions, names, len(header)) if can_sieve else None
        self._has_backgrounds = options.has_backgrounds
        self._seen: dict[int, int] = {}
        self.taken = 0
        self.has_valid = False
        self.link: Callable[[int, int], str] = lambda _line, _position: ""

    def run(self, blocks: Iterator[list[csv_records.Record]]) -> Iterator[domain.Row]:
        """Yield a row for each record: blocks that pass the sieve as they are, others row by row."""
        for block in blocks:
            chosen = self._own.filter.passing(block)
            if chosen and (plain := self._plain(chosen)) is not None:
                self.has_valid = True
                self.taken += len(chosen)
                if len(chosen) == len(block):
                    yield from plain
                else:
                    lines = {record[1] for record in chosen}
                    yield from (next(plain) if record[1] in lines else self._judged(*record) for record in block)
                continue
            for record in block:
                one = self._plain((record,)) if self._own.filter.passing((record,)) else None
                self.has_valid = self.has_valid or one is not None
                self.taken += one is not None  # the others are counted where they are looked at
                yield self._judged(*record) if one is None else next(one)

    def _plain(self, block: Sequence[csv_records.Record]) -> Iterator[domain.Row] | None:
        """Return the rows of a block that need no closer look and are like no other row, else None."""
        values = self._sieve.clean(block) if self._sieve else None
        assets = self._assets(block) if values is not None and self._plan.assets else []
        if values is None or assets is None:
            return None
        if constants := self._plan.constants:
            values = [row + constants for row in values]
        keys = list(map(hash, map(operator.add, values, assets) if assets else values))
        if len(set(keys)) < len(block) or not self._seen.keys().isdisjoint(keys):
            return None
        if len(self._seen) < MAX_DISTINCT:
            self._seen.update(zip(keys, map(_LINE, block), strict=True))
        return _fresh(block, values, assets if assets and self._has_backgrounds else repeat(()))

    def _assets(self, block: Sequence[csv_records.Record]) -> list[tuple[str, ...]] | None:
        rows_of_urls: list[tuple[str, ...]] = []
        for _, _, cells, _ in block:
            urls = tuple(map(rules.plain_asset_url, self._plan.asset_cells(cells)))
            if None in urls:
                return None
            rows_of_urls.append(urls)  # type: ignore[arg-type]  # None was ruled out
        return rows_of_urls

    def _judged(self, row_index: int, line: int, cells: tuple[str, ...], flaws: Mapping[int, str]) -> domain.Row:
        plan = self._plan
        cells = cells[: self._width]
        raw = self._pick(cells)
        assets = plan.asset_cells(cells)
        left_out = self._own.filter.reason(line, cells)
        if left_out == row_filter.SUPPRESSED:
            state = domain.RowState.SKIPPED
            return domain.Row(row_index=row_index, line=line, cells=cells, state=state, message=left_out)
        chosen = not left_out and self._chosen.has(row_index, self.taken)
        said = flaws.get(csv_records.LEFT_OUT, "")
        own_assets = [cells[position] for position in plan.assets if position != mapping.NO_COLUMN]
        if said or self._is_blank(raw, own_assets, flaws):
            said = said or ("blank in every column that is sent" if any(map(str.strip, cells)) else "")
            return domain.Row(
                row_index=row_index,
                line=line,
                cells=cells,
                state=domain.RowState.SKIPPED,
                selected=chosen,
                message=said,
            )
        cleaned, sent, remarks = self._filled(line, raw)
        assets, followed = self._followed(line, assets)
        wrong, urls = rules.check_assets(plan.asset_columns(self._header), assets)
        ready = domain.Row(
            row_index=row_index,
            line=line,
            cells=cells,
            values=sent,
            assets=urls if self._has_backgrounds else (),
            selected=chosen,
            message=left_out or "; ".join(filter(None, (*remarks, followed))),
        )
        if self._own.judge:
            self._own.judge.count()
        if not chosen:
            return ready
        self.taken += 1
        if self._own.judge and not flaws:
            wrong = wrong + self._own.judge.judge(line, self._as_cleaned(cells, cleaned))
        return self._checked(ready, raw, wrong, flaws)

    def _is_blank(self, raw: Sequence[str], assets: Sequence[str], flaws: Mapping[int, str]) -> bool:
        """Say whether nothing of the row would be sent but constants and defaults: these don't make a recipient."""
        plan = self._plan
        if csv_records.WHOLE_ROW in flaws or not flaws.keys().isdisjoint((*plan.positions, *plan.assets)):
            return False
        return all(text in {"", rules.NULL} for text in map(_trimmed, (*raw, *assets)))

    def _filled(self, line: int, raw: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
        """Return the cells' values, what is sent in their place (links, defaults, spoken forms), and what is said."""
        plan = self._plan
        values = ["" if text == rules.NULL else text for text in map(_trimmed, raw)]
        remarks: list[str] = []
        for number in self._names.urls:
            if values[number] and (link := self._link(line, plan.positions[number], values[number])):
                values[number] = link
                remarks.append(f"the address behind the cell is sent as {plan.variables[number]}")
        if self._own.cleaner:
            remarks.append(self._own.cleaner.clean(line, values))
        cleaned = tuple(values)
        used = [number for number, value in plan.defaults.items() if not values[number]]
        for number in used:
            values[number] = plan.defaults[number]
        remarks += [f"default used for {', '.join(plan.variables[number] for number in used)}"] if used else []
        sent = (*values, *plan.constants)
        if self._own.spoken:
            sent, spoken = self._own.spoken.spoken(plan.variables, sent, raw)
            remarks.append(spoken)
        return cleaned, tuple(sent), remarks

    def _followed(self, line: int, assets: list[str]) -> tuple[list[str], str]:
        """Return the assets with the address behind a cell where its text is none."""
        links = [self._link(line, position, text) for position, text in zip(self._plan.assets, assets, strict=True)]
        if not any(links):
            return assets, ""
        columns = [self._header[position] for position, link in zip(self._plan.assets, links, strict=True) if link]
        return (
            [link or text for link, text in zip(links, assets, strict=True)],
            f"the address behind the cell is the asset {', '.join(columns)}",
        )

    def _link(self, line: int, position: int, text: str) -> str:
        """Return the address behind a cell that shows something else, "" where there is none."""
        link = self.link(line, position)
        is_address = text.lower().startswith(("http://", "https://")) or rules.plain_asset_url(text) is not None
        return link if not is_address and link.lower().startswith(("http://", "https://")) else ""

    def _as_cleaned(self, cells: Sequence[str], cleaned: Sequence[str]) -> list[str]:
        texts = [cell.strip(rules.EDGES) for cell in cells]
        for position, value in zip(self._plan.positions, cleaned, strict=True):
            texts[position] = value
        return texts

    def _checked(
        self, row: domain.Row, raw: Sequence[str], wrong: list[rules.Finding], flaws: Mapping[int, str]
    ) -> domain.Row:
        plan = self._plan
        if ragged := flaws.get(csv_records.WHOLE_ROW):
            # Its cells may stand in the wrong columns: nothing else that could be said of them would be true.
            finding: rules.Finding = ("", ragged, csv_records.ragged_hint(ragged, self._width, row.line), "error")
            self._report(row.row_index, row.line, finding)
            return self._invalid(row, [finding])
        if self._is_header(raw):
            finding = "", "the header once more, not a recipient", "delete the line", "error"
            self._report(row.row_index, row.line, finding)
            return self._invalid(row, [finding])
        mine = {number: flaws[position] for number, position in enumerate(plan.positions) if position in flaws}
        findings = rules.check_values(self._names, raw, row.values[: len(raw)], mine) + wrong
        findings += [
            (self._header[position], flaws[position], "fix the cell", "error")
            for position in plan.assets
            if position in flaws
        ]
        stopping = [finding for finding in findings if self._report(row.row_index, row.line, finding)]
        if not stopping and (repeated := self._repeated(row)) and self._report(row.row_index, row.line, repeated):
            stopping = [repeated]
        if stopping:
            return self._invalid(row, stopping)
        self.has_valid = True
        return row

    def _is_header(self, raw: Sequence[str]) -> bool:
        names, cells = (
            [self._header[position] for position in self._plan.positions],
            list(map(csv_records.cleaned, raw)),
        )
        # A single word in another case may be somebody's name.
        return bool(raw) and (
            cells == names or (len(cells) > 1 and [*map(str.casefold, cells)] == [*map(str.casefold, names)])
        )

    def _invalid(self, row: domain.Row, stopping: Sequence[rules.Finding]) -> domain.Row:
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
        hint = f"the same as line {first}: one video is paid for and shown by both; --no-share-equal pays for each"
        return "", "the same values as an earlier row", hint, "warning"


def _trimmed(text: str) -> str:
    return text.strip(rules.EDGES)


def _picker(positions: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Return what takes the sent cells out of a row, always as a tuple."""
    if len(positions) > 1:
        return operator.itemgetter(*positions)
    if positions:
        only = positions[0]
        return lambda cells: (cells[only],)
    return lambda _: ()


_LINE: Final = operator.itemgetter(1)


def _fresh(
    block: Sequence[csv_records.Record], values: Sequence[tuple[str, ...]], assets: Iterable[tuple[str, ...]]
) -> Iterator[domain.Row]:
    """Make pending rows at the speed of C."""
    row_indexes, lines, cells, _ = zip(*block, strict=True)
    rest = repeat(domain.RowState.PENDING), repeat(True), repeat("")
    return map(domain.Row._make, zip(row_indexes, lines, cells, values, assets, *rest, strict=False))


_LONG: Final = domain.MAX_ROW_BYTES // rules.MAX_BYTES_PER_CHAR
# Printable ASCII without the signs a placeholder begins with: one pass takes all of these away.
_ASCII: Final = bytes(range(0x80))
_PLAIN: Final = bytes({0x0A, *range(0x20, 0x7F)} - set(b"{[<%"))
_CELLS: Final = operator.itemgetter(2)
_FLAWS: Final = operator.itemgetter(3)
_MANY_SPACES: Final = 2
"""With more of them a name may be a sentence."""


class FastCheck:
    """Passes blocks of records whose sent cells are plain texts.

    positions: the sent columns, at least one. names: which of them promise a URL or a person's name.
    width: the user's columns; a longer record (an earlier results file's) never passes.
    """

    def __init__(self, positions: Sequence[int], names: rules.ColumnRules, width: int) -> None:
        # A value that equals its column's name may be the header once more.
        cased = ({each, each.lower(), each.upper(), each.title(), each.capitalize()} for each in names.columns)
        self._telling = rules.TELLING.union(*cased)
        self._positions = positions
        self._names = names
        self._width = width

    def clean(self, block: Sequence[csv_records.Record]) -> list[tuple[str, ...]] | None:
        """Return the trimmed values of each row, or None if any of them needs a closer look."""
        if len(block[0][2]) != self._width or any(map(_FLAWS, block)):
            return None
        cells = list(zip(*map(_CELLS, block), strict=True))
        values = list(chain.from_iterable(cells[position] for position in self._positions))
        # One line break in front of each value tells where it begins, as long as none holds one.
        lines = "\n".join(("", *values, ""))
        if lines.count("\n") > len(values) + 1 or len(lines) > _LONG or ("*" in lines and "*|" in lines):
            return None
        rest = lines.encode("utf-8", "surrogatepass").translate(None, _PLAIN)
        if rest and not _is_harmless(rest):
            return None
        if " \n" in lines or "\n " in lines:
            # What is printable has no outer white space but spaces, so that the quick strip is the whole of trimming.
            values = list(map(str.strip, values))
            lines = "\n".join(("", *values, ""))
        if not self._telling.isdisjoint(values):
            return None
        if "\n#" in lines or "\nErr:" in lines or ("&" in lines and damage.markup(lines)) or damage.any_escaped(lines):
            return None
        if ("=" in lines or "\\" in lines) and damage.has_codes(lines):
            return None
        count = len(block)
        columns = [values[start : start + count] for start in range(0, len(values), count)]
        for number in self._names.urls:
            # One line break in front of each address counts the addresses.
            if ("\n" + "\n".join(columns[number])).count("\nhttps://") != count:
                return None
        for number in self._names.people:
            column = columns[number]
            named = "\n" + "\n".join(column)
            if not rules.are_names(named) or rules.greets(named):
                return None
            if max(map(str.count, column, repeat(" "))) > _MANY_SPACES:
                return None
        return list(zip(*columns, strict=True))


def _is_harmless(rest: bytes) -> bool:
    """Say whether what plain ASCII left over is letters of other scripts, and no sign of anything else."""
    text = rest.decode("utf-8", "surrogatepass")
    return (
        text.isprintable()
        and "\ufffd" not in text
        and rest.translate(None, _ASCII) == rest
        and not damage.may_be_mojibake(text)
    )
