"""Hints as commands that work when pasted. Does not decide what to hint at."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence
from typing import Final

from bhuman_cli import shell

_COMMANDS: Final = (
    "bhuman", "pip", "export", "ls", "mkdir", "chmod", "mv", "rm", "df", "timedatectl", "BHUMAN_BASE_URL=",
    "set ", "$env:", "dir", "icacls", "del", "Remove-Item", "fsutil", "Get-PSDrive",
)  # fmt: skip
_BLANK: Final = re.compile(r"[A-Z]{4}|[,…]$")  # a word in capitals stands for something to fill in
_LONG: Final = {"-m": "--map", "-o": "--output", "-c": "--campaign", "-i": "--instance"}


def is_command(hint: str) -> bool:
    """Say whether a hint is something for the shell, and not a sentence."""
    return hint.startswith(_COMMANDS)


def whole(hint: str, argv: Sequence[str]) -> str:
    """Return a hint that is an option (`--max-rows 37`) as the command that was typed, with it; others unchanged.

    A login is for the profile that was named. An option that was given already is given its new value, the most
    similar one where it was given several times; "" if that is what was typed.
    """
    name, *value = _option(hint)
    if hint.startswith("bhuman login") and (profile := _given(argv, "--profile")):
        return f"{hint} --profile {shell.quote(profile)}"
    if not name or not argv:
        return hint
    words = list(argv)
    places = [place for place, word in enumerate(words) if _name(word) == _name(name)] if value else []
    if not places:
        return shell.join(["bhuman", *words, name, *value])
    nearest = max(places, key=lambda place: difflib.SequenceMatcher(None, _value(words, place), value[0]).ratio())
    width = 1 if "=" in words[nearest] and words[nearest].startswith("--") else 2
    words[nearest : nearest + width] = [name, *value]
    return shell.join(["bhuman", *words]) if words != list(argv) else ""


def _given(argv: Sequence[str], option: str) -> str:
    places = [place for place, word in enumerate(argv) if _name(word) == option]
    return _value(argv, places[-1]) if places else ""


def _option(hint: str) -> list[str]:
    """Return the option and its value, if there is nothing else in the hint and nothing to be filled in."""
    try:
        words = shlex.split(hint) if hint.startswith("-") else []
    except ValueError:
        words = []
    is_whole = bool(words) and len(words) < 3 and not any(_BLANK.search(word) for word in words[1:])
    return words if is_whole else [""]


def _name(word: str) -> str:
    plain = word.partition("=")[0] if word.startswith("--") else word
    return _LONG.get(plain, plain)


def _value(words: Sequence[str], place: int) -> str:
    before, equals, after = words[place].partition("=")
    if equals and before.startswith("--"):
        return after
    return words[place + 1] if place + 1 < len(words) else ""
