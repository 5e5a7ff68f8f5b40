"""Spoken forms of values, from the table of `--say`: `Siobhan` is spoken as `Shivawn`. Never shows a value.

The first column is headed by the variable it is for, or by `value` for every variable; the second is what is spoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bhuman_cli import amounts
from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.table import mapping, reader
from bhuman_cli.table.formats import csv_records

_EVERY: Final = "value"
_SHOWN: Final = 8


class SpokenForms:
    """What a table of spoken forms says, and which of its lines found a row."""

    def __init__(self, name: str, variable: str, forms: dict[str, tuple[str, int]]) -> None:
        self._name = name
        self._forms = forms
        self.variable = variable
        self._unused = {line for _, line in forms.values()}
        self.rows = 0

    def begin(self) -> None:
        """Forget which lines were used: the rows are read anew."""
        self._unused = {line for _, line in self._forms.values()}
        self.rows = 0

    def spoken(
        self, variables: Sequence[str], values: Sequence[str], cells: Sequence[str]
    ) -> tuple[tuple[str, ...], str]:
        """Return a row's values as they are spoken, and what to say of it, "" where nothing was replaced.

        cells: as they stand in the file, of the first values; a form may name a value as it was before it was cleaned.
        """
        said: list[str] = []
        texts = list(values)
        for number, (variable, value) in enumerate(zip(variables, values, strict=True)):
            form = self._form(value, *cells[number : number + 1]) if self.variable in {_EVERY, variable} else None
            if form is None:
                continue
            texts[number], line = form
            self._unused.discard(line)
            said.append(f"spoken as line {line} of {self._name} has it")
        self.rows += bool(said)
        return tuple(texts), "; ".join(dict.fromkeys(said))

    def _form(self, *values: str) -> tuple[str, int] | None:
        forms = (self._forms.get(csv_records.folded(value)) for value in values)
        return next((form for form in forms if form is not None), None)

    def notices(self) -> list[str]:
        """Return how many rows are spoken otherwise, and the lines that matched none, once all rows were read."""
        said = [f"{amounts.show(self.rows, 'row')} spoken as {self._name} has it"] if self.rows else []
        if self._unused:
            lines = sorted(self._unused)
            listed = ", ".join(map(str, lines[:_SHOWN])) + (
                f" and {len(lines) - _SHOWN:,} more" * (len(lines) > _SHOWN)
            )
            which = f"{amounts.plural(len(lines), 'line')} {listed}"
            said.append(f"{self._name}: {which} {amounts.plural(len(lines), 'matches', 'match')} no row")
        return said


def load(path: Path, variables: Sequence[str]) -> SpokenForms:
    """Read the table of spoken forms.

    Raises:
        UsageError: it is missing or no such table, names no variable, or says two things for one value.
    """
    try:
        table = reader.open_table(path, reader.ReadOptions())
        rows = list(table.rows())
    except InputError as error:
        raise UsageError(f"--say {error.message}", hint=error.hint) from None
    if len(table.header) != 2:
        raise UsageError(f"--say {path.name}: needs two columns, such as first_name,spoken")
    variable = _variable(path, table.header[0], variables)
    forms: dict[str, tuple[str, int]] = {}
    for row in rows:
        value, spoken = (cell.strip() for cell in row.cells[:2])
        if not value and not spoken:
            continue
        if not value or not spoken:
            raise UsageError(f"--say {path.name}: line {row.line}: needs a value and what is spoken for it")
        earlier = forms.setdefault(csv_records.folded(value), (spoken, row.line))
        if earlier[0] != spoken:
            raise UsageError(f"--say {path.name}: lines {earlier[1]} and {row.line} say two things for one value")
    return SpokenForms(path.name, variable, forms)


def _variable(path: Path, name: str, variables: Sequence[str]) -> str:
    if name in variables or name.casefold() == _EVERY:
        return name if name in variables else _EVERY
    alike = [variable for variable in variables if mapping.normalized(variable) == mapping.normalized(name)]
    if len(alike) == 1:
        return alike[0]
    guess = mapping.closest(name, [*variables, _EVERY])
    meant = f"; did you mean {guess!r}?" if guess else f"; there are: {', '.join([*variables[:12], _EVERY])}"
    raise UsageError(f"--say {path.name}: its first column is {name!r}, which is no variable{meant}")
