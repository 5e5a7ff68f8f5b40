"""Verbosity of one command line: `-q` and `-v` wherever they stand, and how the command talks without a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from bhuman_cli.terminal.talk import Talk

_QUIET: Final = frozenset({"-q", "--quiet"})
_VERBOSE: Final = frozenset({"-v", "--verbose"})
_HELD: Final = frozenset({"render", "resume"})
"""Commands of cron lines: where nobody watches and nothing is new, they say nothing."""


def split(argv: Sequence[str]) -> tuple[list[str], Talk]:
    """Return the command line without `-q` and `-v`, and how it talks."""
    end = argv.index("--") if "--" in argv else len(argv)
    flags = {word for word in argv[:end] if word in _QUIET | _VERBOSE}
    words = [word for place, word in enumerate(argv) if place >= end or word not in flags]
    talk = Talk(is_quiet=bool(flags & _QUIET), is_verbose=bool(flags & _VERBOSE), as_events=_wants_events(words))
    if words[:1] and words[0] in _HELD and not talk.is_verbose and not _is_watched():
        talk.held = []
    return words, talk


def _wants_events(words: Sequence[str]) -> bool:
    """Say whether `--progress json` is asked for here; settings files are read later."""
    for place, word in enumerate(words):
        if word == "--progress":
            return words[place + 1 : place + 2] == ["json"]
        if word.startswith("--progress="):
            return word == "--progress=json"
    return os.environ.get("BHUMAN_PROGRESS", "").strip() == "json"


def _is_watched() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False
