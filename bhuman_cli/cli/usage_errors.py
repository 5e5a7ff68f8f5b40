"""What was wrong with a command line, in the program's own words: one voice for every level, and what was meant.

Reads Typer's exceptions; never says a value back that may be a recipient's or a key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

import typer

from bhuman_cli.errors import UsageError

_NUMBERS = {"valid integer": "a whole number", "valid number": "a number", "greater than": "a larger number"}


def explain(error: typer.TyperException) -> UsageError:
    """Return the program's own error for what Typer could not parse."""
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "bhuman"
    message, meant = _message(error, context)
    return UsageError(message, hint=f"{path} {meant}" if meant else f"{path} --help")


def unknown_command(name: str, commands: Sequence[str], path: str = "bhuman") -> UsageError:
    """Return the error for a command that does not exist, and the one that was probably meant."""
    meant = nearest(name, commands)
    return UsageError(
        f"there is no command `{' '.join([*path.split()[1:], _short(name)])}`{_did_you_mean(meant)}",
        hint=f"{path} {meant} --help" if meant else f"{path} --help",
    )


def unknown_topic(name: str, topics: Sequence[str]) -> UsageError:
    """Return the error for a word that is neither a topic nor a command, and the one that was probably meant."""
    meant = nearest(name, topics)
    return UsageError(
        f"there is no topic or command `{_short(name)}`{_did_you_mean(meant)}", hint=f"bhuman help {meant}".rstrip()
    )


def nearest(word: str, words: Sequence[str]) -> str:
    """Return the one that was probably meant, or "": an unfinished word counts as well as a mistyped one."""
    begun = [name for name in words if len(word.strip("-")) > 2 and name.startswith(word)]
    return next(iter(begun or difflib.get_close_matches(word, words, n=1, cutoff=0.7)), "")


def _message(error: Any, context: Any) -> tuple[str, str]:
    """Return what is wrong, and what to type after the command's name instead ("": its help)."""
    kind = type(error).__name__
    if kind == "NoSuchOption":
        meant = nearest(error.option_name, _options(context))
        return f"there is no option {_short(error.option_name)}{_did_you_mean(meant)}", ""
    if kind == "MissingParameter":
        return f"{_name(error.param)} is missing", ""
    if kind == "BadOptionUsage":
        takes = "takes no value" if "does not take" in error.message else "needs a value"
        return f"{error.option_name} {takes}", ""
    if kind == "BadParameter":
        return _bad_value(error), ""
    if unknown := re.match(r"No such command '(.*?)'\.", error.message, re.S):
        names = list(context.command.commands) if context is not None else []
        error = unknown_command(unknown[1], names, context.command_path if context is not None else "bhuman")
        return error.message, error.hint.split(maxsplit=len(context.command_path.split()))[-1]
    if "unexpected extra argument" in error.message:
        return "too many arguments: a value with blanks or * needs quotes", ""
    return str(error.format_message()), ""


def _bad_value(error: Any) -> str:
    name = _name(error.param)
    if choices := re.search(r"'(.*?)' is not one of (.+?)\.?$", error.message, re.S):
        allowed = re.findall(r"'([^']+)'", choices[2])
        meant = _did_you_mean(nearest(choices[1], allowed))
        return f"{name}: '{_short(choices[1])}' is none of {', '.join(allowed)}{meant}"
    for words, what in _NUMBERS.items():
        if words in error.message:
            return f"{name} takes {what}"
    return f"{name}: {error.message.removeprefix('Value error, ')}"


def _options(context: Any) -> list[str]:
    if context is None:
        return []
    return [name for each in context.command.get_params(context) for name in each.opts if name.startswith("--")]


def _name(param: Any) -> str:
    if param is None:
        return "a value"
    longest = max(param.opts, key=len)
    return str(longest if longest.startswith("-") else param.metavar or longest.upper())


def _did_you_mean(meant: str) -> str:
    return f"; did you mean {f'`{meant}`' if not meant.startswith('-') else meant}?" if meant else ""


def _short(word: str) -> str:
    return "".join(char for char in word[:40] if char.isprintable())
