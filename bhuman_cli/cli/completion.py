"""Completion of values in the shell, for every option by the shape of its metavar. Asks no service, writes nothing."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

_CHOICES: Final = re.compile(r"[a-z_]+(\|[a-z_]+)+")
_NAMED: Final = re.compile(r"[a-z_]+(, [a-z_]+)+( or [a-z_]+)?(?=[.;])")  # in the help of a KIND or a STATE
_COLUMN: Final = re.compile(r"COL(UMN)?\b")


def declare(command: Any) -> None:
    """Let the shell complete the values of a command's options, and of the commands below it."""
    for child in getattr(command, "commands", {}).values():
        declare(child)
    for parameter in command.params:
        metavar = parameter.metavar or ""
        is_listed = metavar in {"TOPIC", "KIND", "STATE"} or "--profile" in parameter.opts
        if is_listed or _CHOICES.fullmatch(metavar) or _COLUMN.search(metavar):
            parameter._custom_shell_complete = _complete


def _complete(context: Any, parameter: Any, typed: str) -> list[str]:
    del context
    with contextlib.suppress(Exception):  # a traceback would stand in the middle of what is typed
        return [value for value in _values(parameter, typed) if value.startswith(typed)]
    return []


def _values(parameter: Any, typed: str) -> Iterable[str]:
    if "--profile" in parameter.opts:
        from bhuman_cli.config import credential_store, settings

        return sorted({profile for profile, _, _ in credential_store.profiles(settings.home(os.environ))})
    if parameter.metavar == "TOPIC":
        from bhuman_cli import manual
        from bhuman_cli.cli import app

        return sorted({*manual.TOPICS, *app.COMMANDS})
    if parameter.metavar in {"KIND", "STATE"}:
        named = _NAMED.match(parameter.help)
        return re.split(", | or ", named[0]) if named else ()
    if _CHOICES.fullmatch(parameter.metavar):
        return str(parameter.metavar).split("|")
    before = typed[: max(typed.rfind(","), typed.rfind("=")) + 1]  # `a,` of a list, `VARIABLE=` of a pair
    return [before + column for column in _columns()]


def _columns() -> Sequence[str]:
    """Return the columns of the first table on the command line that is being typed."""
    from bhuman_cli.workflows.input import input_table

    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    path = next(path for path in map(Path, shlex.split(line)[1:]) if path.is_file())
    return input_table.column_names(path)
