"""The way from headers to variables and assets: which column is sent as what. Pure; reads no row.

White space around values is cut with what this decides, in `intake`, and nowhere else.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from bhuman_cli import shell
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table.formats import csv_records


class DuplicateColumnError(InputError):
    """Two columns of one name would be sent as one variable."""

    def __init__(self, message: str, *, hint: str, column: str) -> None:
        super().__init__(message, hint=hint)
        self.column = column


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingOptions:
    """What a person said about columns. known: the target's variables, None where unknown; known_source: whose."""

    maps: Sequence[str] = ()
    only: Sequence[str] = ()
    exclude: Sequence[str] = ()
    sets: Sequence[str] = ()
    defaults: Sequence[str] = ()
    assets: Sequence[str] = ()
    known: Sequence[str] | None = None
    known_source: str = ""
    all_columns: bool = False


_PRIVATE: Final = re.compile(r"e?mail|phone|mobile|telef|^tel$|note|comment|remark|^id$|id$|uuid|address$")

NO_COLUMN: Final = -9  # no flaw of a record has this number
"""Instead of an asset's column: the same address for all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPlan:
    """What is sent of each row.

    variables: names in the order they are sent, `--set` ones last. positions: the column of each of the first of them.
    constants: values of the last of them. defaults: variable number → stand-in. assets: columns, in background order;
    several segments may show the same one. fixed_assets: the address all rows show instead, "" where a column does.
    missing, unknown: known variables without a column; variables that are not known. notices: for people.
    kept: columns that are not sent. private_looking: those that few videos say, and that would be sent unasked.
    """

    variables: tuple[str, ...]
    positions: tuple[int, ...]
    constants: tuple[str, ...]
    defaults: Mapping[int, str]
    assets: tuple[int, ...]
    fixed_assets: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    notices: tuple[str, ...]
    kept: tuple[str, ...] = ()
    private_looking: tuple[str, ...] = ()

    def asset_cells(self, cells: Sequence[str]) -> list[str]:
        """Return a row's assets as they stand, one for each background."""
        return [fixed or cells[position] for fixed, position in zip(self.fixed_assets, self.assets, strict=True)]

    def asset_columns(self, header: Sequence[str]) -> list[str]:
        """Return the names under which a row's assets are spoken of."""
        return ["--asset" if position == NO_COLUMN else header[position] for position in self.assets]


def _is_address(name: str, header: Sequence[str]) -> bool:
    """Say whether an asset is an address for all rows: one that no column is called."""
    return name.strip().lower().startswith(("http://", "https://")) and find(name, header) is None


def normalized(name: str) -> str:
    """Return what two names share that differ in case, spaces or `_` only."""
    return "".join(name.split()).replace("_", "").casefold()


def closest(wrong: str, names: Sequence[str]) -> str:
    """Return the name that was probably meant, or ""."""
    by_fold = {normalized(name): name for name in reversed(names)}
    folded = normalized(wrong)
    inside = [fold for fold in by_fold if min(len(fold), len(folded)) > 3 and (fold in folded or folded in fold)]
    near = inside or get_close_matches(folded, list(by_fold), n=1, cutoff=0.65)  # firm is no first_name
    return by_fold[near[0]] if near else ""


def find(name: str, *lists: Sequence[str]) -> int | None:
    """Return the place of a name: as written in one of the lists, else the only one written alike; None without."""
    exact = next((names.index(name) for names in lists if name in names), None)
    near = {at for names in lists for at, other in enumerate(names) if normalized(other) == normalized(name)}
    return exact if exact is not None else near.pop() if len(near) == 1 else None


def plan(header: Sequence[str], options: MappingOptions) -> ColumnPlan:
    """Decide what is sent.

    Raises:
        UsageError: an option names no column, or makes two columns one variable.
        InputError: two columns of the file are one known variable.
    """
    notices: list[str] = []
    fixed = tuple(name if _is_address(name, header) else "" for name in options.assets)
    assets = tuple(
        NO_COLUMN if address else _column(header, name, "--asset")
        for name, address in zip(options.assets, fixed, strict=True)
    )
    renamed = _renamed(header, options.maps, assets)
    sets = _pairs(options.sets, "--set")
    sent = _sent(header, options, renamed, assets, sets)
    sent = _known_ones(header, sent, options, renamed)
    _require_own_names(header, sent)
    if not options.only:
        notices.extend(_nameless(header))
    names = _named(header, sent, renamed, options, notices)
    _require_one_column_each(header, names, sets, lambda variable: variable in renamed.values())
    variables = (*names.values(), *sets)
    if header and not variables:
        left = next((column for position, column in enumerate(header) if position not in assets), "")
        raise UsageError("no column is left to send", hint=f"--only {shell.quote(left)}" if left else "")
    expected = tuple(options.known) if options.known is not None else variables
    missing = tuple(name for name in expected if name not in variables)
    unknown = tuple(name for name in variables if name not in expected)
    notices.extend(_unmatched(missing, unknown, options, sets))
    other_columns = tuple(
        column for position, column in enumerate(header) if column and position not in {*names, *assets}
    )
    return ColumnPlan(
        variables=variables,
        positions=tuple(names),
        constants=tuple(sets.values()),
        defaults=_defaults(options.defaults, tuple(names.values()), header, renamed),
        assets=assets,
        fixed_assets=fixed,
        missing=missing,
        unknown=unknown,
        notices=tuple(notices),
        kept=other_columns,
        private_looking=_private_looking(header, names, options),
    )


def as_list(columns: Iterable[str]) -> str:
    """Return columns as one value of `--only` or `--exclude`: a name that holds a comma is quoted."""
    return ",".join('"' + column.replace('"', '""') + '"' if set(column) & set(',"') else column for column in columns)


def _require_own_names(header: Sequence[str], sent: Sequence[int]) -> None:
    first: dict[str, int] = {}
    for position in sent:
        name = header[position]
        if name in first:
            others = as_list(header[at] for at in sent if header.count(header[at]) == 1)
            raise DuplicateColumnError(
                f"columns {first[name] + 1} and {position + 1} are both named {name!r}",
                hint=f"--only {shell.quote(others)}" if others else "rename one of them in the file",
                column=name,
            )
        first[name] = position


def _nameless(header: Sequence[str]) -> list[str]:
    places = [str(position + 1) for position, column in enumerate(header) if not column]
    if not places:
        return []
    pandas = " (pandas writes one unless told index=False)" if places == ["1"] else ""
    named = f"column {places[0]} has" if len(places) == 1 else f"columns {', '.join(places)} have"
    return [f"{named} no name{pandas}: kept in the results file, never sent"]


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or not value:
            right = "COLUMN" if option == "--map" else "VALUE"
            raise UsageError(f"{option} {name or text}: needs VARIABLE={right}", hint=f"{option} VARIABLE={right}")
        if name in pairs:
            raise UsageError(f"{option} {name}: given twice")
        pairs[name] = value
    return pairs


def _listed(texts: Sequence[str], is_column: Callable[[str], bool]) -> list[str]:
    """Split at commas, but leave a name that holds one whole."""
    columns: list[str] = []
    for text in texts:
        parts = [text] if is_column(text.strip()) else next(csv.reader([text], skipinitialspace=True), [])
        columns.extend(part.strip() for part in parts if part.strip())
    return columns


def _column(header: Sequence[str], name: str, option: str) -> int:
    name = csv_records.cleaned(name)
    if header.count(name) > 1:
        places = ", ".join(str(position + 1) for position, column in enumerate(header) if column == name)
        raise UsageError(f"{option} {name}: columns {places} are all named so", hint="rename all but one in the file")
    if name in header:
        return header.index(name)
    near = [position for position, column in enumerate(header) if normalized(column) == normalized(name)]
    if len(near) == 1:
        return near[0]
    raise _no_column(option, name, header)


def _no_column(option: str, name: str, names: Sequence[str], what: str = "column") -> UsageError:
    guess = closest(name, names)
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    said = f"; did you mean {guess!r}?" if guess else f"; there are: {listed}"
    spaced = option if option.endswith("=") else f"{option} "
    prefix = name if option in {"--only", "--exclude", "--asset"} else ""
    return UsageError(
        f"{spaced}{name}: no such {what}{said}", hint=f"{option} {shell.quote(guess)}" if guess and prefix else ""
    )


def _renamed(header: Sequence[str], maps: Sequence[str], assets: Sequence[int]) -> dict[int, str]:
    names: dict[int, str] = {}
    for variable, column in _pairs(maps, "--map").items():
        position = _column(header, column, f"--map {variable}=")
        if position in assets:
            raise UsageError(f"--map {variable}={column}: the column is an asset, not a variable")
        if position in names:
            raise UsageError(f"--map {variable}={column}: the column is already variable {names[position]}")
        names[position] = variable
    return names


def _sent(
    header: Sequence[str],
    options: MappingOptions,
    renamed: Mapping[int, str],
    assets: Sequence[int],
    sets: Mapping[str, str],
) -> list[int]:
    """Return the columns that become variables, in header order."""

    def find(name: str, option: str) -> int | None:
        if header.count(name) == 1:
            return header.index(name)
        by_variable = {variable: position for position, variable in renamed.items()}
        if name in by_variable:
            return by_variable[name]
        if name in sets and option == "--only":
            return None
        return _column([*header], name, option)

    def columns(texts: Sequence[str], option: str) -> set[int]:
        names = [csv_records.cleaned(name) for name in _listed(texts, lambda name: name in header)]
        # Several columns of one name may stay here together; sent, they would be one variable.
        twice = {name for name in names if option == "--exclude" and header.count(name) > 1}
        positions = {position for position, column in enumerate(header) if column in twice}
        return positions | {at for name in names if name not in twice and (at := find(name, option)) is not None}

    only, exclude = columns(options.only, "--only"), columns(options.exclude, "--exclude")
    if clash := exclude & set(assets):
        raise UsageError(f"--exclude {header[min(clash)]}: the same column is an --asset")
    wanted = only if options.only else {position for position, column in enumerate(header) if column}
    return sorted(wanted - exclude - set(assets))


def _named(
    header: Sequence[str], sent: Sequence[int], renamed: Mapping[int, str], options: MappingOptions, notices: list[str]
) -> dict[int, str]:
    """Return column → variable: as mapped, else the known variable that is written alike, else the header."""
    expected = {normalized(name): name for name in options.known or ()}
    names: dict[int, str] = {}
    for position in sent:
        column = header[position]
        if position in renamed:
            names[position] = renamed[position]
            continue
        names[position] = column if column in (options.known or ()) else expected.get(normalized(column), column)
        if names[position] != column:
            source = f" ({options.known_source})" if options.known_source else ""
            notices.append(f"column {column!r} is variable {names[position]!r}{source}")
    return names


def _require_one_column_each(
    header: Sequence[str], names: Mapping[int, str], sets: Mapping[str, str], is_told: Callable[[str], bool]
) -> None:
    first: dict[str, int] = {}
    for position, variable in names.items():
        if variable in first:
            one, other = header[first[variable]], header[position]
            said = f"variable {variable}: two columns for it, {one!r} and {other!r}"
            raise (UsageError if is_told(variable) else InputError)(said, hint=f"--exclude {shell.quote(other)}")
        if variable in sets:
            raise UsageError(
                f"variable {variable}: both column {header[position]!r} and --set",
                hint=f"--exclude {shell.quote(header[position])}",
            )
        first[variable] = position


def _defaults(
    texts: Sequence[str], variables: Sequence[str], header: Sequence[str], renamed: Mapping[int, str]
) -> dict[int, str]:
    defaults: dict[int, str] = {}
    for name, value in _pairs(texts, "--default").items():
        near = [number for number, variable in enumerate(variables) if normalized(variable) == normalized(name)]
        by_column = [
            variables.index(variable)
            for position, variable in renamed.items()
            if header[position] == name and variable in variables
        ]
        number = variables.index(name) if name in variables else (near + by_column)[0] if near or by_column else None
        if number is None:
            raise _no_column("--default", name, variables, what="variable")
        defaults[number] = value
    return defaults


def _known_ones(
    header: Sequence[str], sent: list[int], options: MappingOptions, renamed: Mapping[int, str]
) -> list[int]:
    """Return the columns that the target uses; all of them where that is not known, or was not asked for."""
    if options.known is None or options.only or options.all_columns:
        return sent
    expected = {normalized(name) for name in options.known}
    used = [position for position in sent if position in renamed or normalized(header[position]) in expected]
    return used or sent  # none of them: whether it is this target's table at all is asked


def _private_looking(header: Sequence[str], names: Mapping[int, str], options: MappingOptions) -> tuple[str, ...]:
    if options.known is not None or options.only:
        return ()
    return tuple(header[position] for position in names if _PRIVATE.search(normalized(header[position])))


def _unmatched(
    missing: Sequence[str], unknown: Sequence[str], options: MappingOptions, sets: Mapping[str, str]
) -> list[str]:
    said = [f"{name!r} is not a known variable{_way_out(name, missing, sets)}" for name in unknown]
    said.extend(f"variable {name!r} has no column" for name in missing)
    heading = f"known variables, by {options.known_source}: {', '.join(options.known or ())}"
    return [heading, *said] if said and options.known_source else said


def _way_out(name: str, missing: Sequence[str], sets: Mapping[str, str]) -> str:
    guess = closest(name, missing)
    if name in sets:
        return f"; did you mean --set {shell.quote(guess)}=VALUE?" if guess else "; it comes from --set"
    if guess:
        return f"; did you mean {guess!r}? --map {shell.quote(f'{guess}={name}')}"
    return f"; --exclude {shell.quote(name)} keeps it here"
