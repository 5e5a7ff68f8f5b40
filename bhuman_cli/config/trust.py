"""Trust in project files: which of their settings count only once a person said so, and for which files one did.

A file that came with somebody's folder may narrow what a run does; it may not spend more, ask less, or send elsewhere.
Asks nobody and refuses nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bhuman_cli import files
from bhuman_cli.config import project_file

FILE_NAME: Final = "trusted.json"
_DEFAULT_MAX_ROWS: Final = 2_000
_DEFAULT_FIRST: Final = 3
_DEFAULT_MAX_FAILURES: Final = 50  # percent, of the last twenty
_DEFAULT_FAILED_ROWS: Final = 10

_SPENDS_OR_REDIRECTS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "max_rows": lambda value: bool(value > _DEFAULT_MAX_ROWS),
    "max_failures": lambda value: _is_lax(str(value)),
    "first": lambda value: bool(value < _DEFAULT_FIRST),
    "quality": lambda value: bool(value == "premium"),
    "all_columns": bool,
    "share_equal": lambda value: not value,
    "shared_campaign": bool,
    "callback_url": bool,
    "profile": bool,
    "no_input": bool,
    "allow_private": bool,
}


def demands(path: Path, values: Mapping[str, Any]) -> list[str]:
    """Return the names of a project file's settings that count only once the file is trusted, in the file's order."""
    outside = project_file.outside(path, values)
    return [
        name
        for name, value in values.items()
        if name in outside or (name in _SPENDS_OR_REDIRECTS and _SPENDS_OR_REDIRECTS[name](value))
    ]


def fingerprint(path: Path, raw: bytes) -> str:
    """Return what a person trusts: the file's absolute path and its bytes, as one hash."""
    return hashlib.sha256(os.path.abspath(path).encode("utf-8", "surrogateescape") + b"\0" + raw).hexdigest()  # noqa: PTH100 - resolve() would follow links


def is_trusted(state: Path, print_: str) -> bool:
    """Say whether a person trusted exactly this file."""
    return print_ in _load(state).values()


def keep(state: Path, path: Path, print_: str) -> None:
    """Remember that a person trusts the file; an older trust in the same path is replaced.

    state: the folder, which exists.
    """
    with files.replacing(state / FILE_NAME) as stream:
        fingerprints = {**_load(state), os.path.abspath(path): print_}  # noqa: PTH100 - resolve() would follow links
        stream.write(json.dumps(fingerprints, indent=1).encode("utf-8", "surrogateescape"))


def _load(state: Path) -> dict[str, str]:
    try:
        fingerprints = json.loads((state / FILE_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}  # nothing is trusted then: the safe reading of a damaged file
    items = fingerprints.items() if isinstance(fingerprints, dict) else ()
    return {str(path): str(fingerprint) for path, fingerprint in items}


def _is_lax(text: str) -> bool:
    number, percent, _ = text.partition("%")
    return float(number) > (_DEFAULT_MAX_FAILURES if percent else _DEFAULT_FAILED_ROWS)
