"""Errors about malformed tables: one sentence for people, the same as a problem for programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from bhuman_cli.errors import InputError


def line_error(  # noqa: PLR0913 - the parts of one sentence
    name: str, line: int, rule: str, *, hint: str = "", place: str = "", row_index: int | None = None, column: str = ""
) -> InputError:
    """Return the refusal of a table because of one line. place: how the line is called, where it is not sure."""
    problem = {**_problem(rule, hint, line=line, row_index=row_index), "column": column}
    return InputError(f"{name}: {place or f'line {line}'}: {rule}", hint=hint, problems=[problem])


@contextlib.contextmanager
def as_input_error(name: str) -> Iterator[None]:
    """Give a refusal that names no line a problem of its own: whoever reads the JSON finds at least one."""
    try:
        yield
    except InputError as error:
        if not error.problems:
            error.problems.append(_problem(error.message.removeprefix(f"{name}: "), error.hint))
        raise


def _problem(rule: str, hint: str, *, line: int | None = None, row_index: int | None = None) -> dict[str, Any]:
    return {"row_index": row_index, "line": line, "column": "", "rule": rule, "hint": hint}
