"""Environment variables of commands: which one stands for which option, and which name means nothing.

`render`, `resume` and `trigger` read theirs with the settings files, which know which of them won.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bhuman_cli.config import credentials, keys, settings

_READ_WITH_SETTINGS: Final = frozenset({"render", "resume", "trigger"})

SHARED: Final = frozenset(
    {"json", "profile", "no_input", "progress", "log_file", "rate", "timeout", "poll_interval", "wait", "lock_wait",
     "sheet", "delimiter", "encoding", "header_row", "map", "only", "exclude", "default", "asset", "backgrounds",
     "allow_private"}
)  # fmt: skip
"""Options that mean on every command what they mean on `render`: one variable sets them everywhere."""

_TYPED: Final = keys.FLAGS_ONLY | {
    "all", "in_doubt", "accept_position", "confirm", "forget_payments", "forget_values", "unchecked", "init", "help",
    "version", "show_completion", "install_completion", "data", "field", "typed_field",
}  # fmt: skip
"""What one command line decides and no variable may: it spends, replaces, gives up, or is that command's content."""

_OTHERS: Final = ("BHUMAN_HOME", "BHUMAN_JOURNAL", "BHUMAN_BROWSER", *credentials.VARIABLES)


def declare(command: Any, name: str) -> None:
    """Let the options of a command, and of the commands below it, be set by environment variables."""
    if name not in _READ_WITH_SETTINGS:
        _declare(command, (name,))


def _declare(command: Any, path: tuple[str, ...]) -> None:
    for below, child in getattr(command, "commands", {}).items():
        _declare(child, (*path, below))
    for parameter in command.params:
        names = _variables(parameter, path)
        if names and parameter.envvar is None:
            parameter.envvar = names
            parameter.show_envvar = False  # one rule for all; each in every help would bury the help


def _variables(parameter: Any, path: tuple[str, ...]) -> list[str]:
    name = _name(parameter)
    if not name or name in _TYPED:
        return []
    if name in SHARED:
        return [keys.variable_of(name)]
    whole = keys.variable_of("_".join([*path, name]).replace("-", "_"))
    return list(dict.fromkeys([whole, keys.variable_of(f"{path[0]}_{name}".replace("-", "_"))]))


def _name(parameter: Any) -> str:
    longs = [option for option in parameter.opts if option.startswith("--")]
    return keys.canonical(longs[0]) if longs and parameter.param_type_name == "option" else ""


def unknown(
    environ: Mapping[str, str], commands: Mapping[str, object], load: Callable[[str], Any]
) -> Iterator[tuple[str, str]]:
    """Yield (name, `; did you mean …?`) of variables that look like ours and set nothing.

    A command is only built where a name begins with its name.
    """
    plain = {*settings.variables(), *_OTHERS, *map(keys.variable_of, SHARED)}
    for name in sorted(environ):
        if not name.startswith("BHUMAN") or name in plain:
            continue
        begins = [command for command in commands if name.startswith(_prefix(command))]
        names = set(plain).union(*(_of(load(command)) for command in begins))
        if name not in names:
            yield name, keys.nearest(name, names, shown=str)


def _prefix(command: str) -> str:
    return keys.variable_of(f"{command}_".replace("-", "_"))


def _of(command: Any) -> set[str]:
    own = {variable for parameter in command.params for variable in parameter.envvar or ()}
    return own.union(*(_of(child) for child in getattr(command, "commands", {}).values()))
