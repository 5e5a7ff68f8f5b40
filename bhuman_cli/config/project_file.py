"""Owns the project file: which one is read, which keys it may hold, what their values become. Decides no precedence."""

from __future__ import annotations

import csv
import difflib
import itertools
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli import durations
from bhuman_cli.errors import UsageError

COMMON_NAME: Final = "bhuman.toml"
_MAX_BYTES: Final = 4 * 1024 * 1024

Reader = Callable[[Any], Any]


class _Unfit(Exception):
    """The value is not of the key's kind; the text says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One setting: how a raw value is read, and what holds when nobody says anything."""

    read: Reader
    default: Any = None


def find(input_path: Path | None, folder: Path) -> Path | None:
    """Return the first that exists: `<stem>.toml` beside the input, `bhuman.toml` there, `bhuman.toml` in `folder`."""
    places = [folder / COMMON_NAME]
    if input_path is not None:
        places = [input_path.with_suffix(".toml"), input_path.parent / COMMON_NAME, *places]
    return next((place for place in places if place != input_path and place.is_file()), None)


def read(path: Path, *, is_project: bool = True) -> dict[str, Any]:
    """Return the settings of a TOML file under their canonical names, paths made relative to it.

    is_project: the user file may also hold the base URL and the profile.

    Raises:
        UsageError: unreadable, not TOML, a forbidden or unknown key, or a value of the wrong kind.
    """
    values: dict[str, Any] = {}
    for written, value in _load(path).items():
        name = canonical(written)
        if name in values:
            raise UsageError(f"{path.name}: {written} stands there twice, once with - and once with _")
        _refuse_forbidden(path, written, name, is_project=is_project)
        try:
            read_value = KEYS[name].read(value)
            if name == "only" and not read_value:
                raise _Unfit("at least one column")
        except _Unfit as unfit:
            raise UsageError(f"{path.name}: {written} must be {unfit}") from None
        except UsageError as error:
            raise UsageError(f"{path.name}: {written}: {error.message}", hint=error.hint) from None
        values[name] = _beside(path, read_value)
    return values


def read_flag(name: str, value: Any) -> Any:
    """Return a flag's or variable's value in the form the same key has in a file.

    Raises:
        UsageError: it is not of the key's kind.
    """
    try:
        if name in _COMMA_FLAGS and isinstance(value, list | tuple):
            if not all(names := [_names(flag) for flag in value]):
                # An unset shell variable; without it, every column would be sent.
                raise _Unfit("at least one column")
            return tuple(itertools.chain.from_iterable(names))
        return KEYS[name].read(value)
    except _Unfit as unfit:
        raise UsageError(f"--{option(name)} must be {unfit}") from None
    except UsageError as error:
        raise UsageError(f"--{option(name)}: {error.message}", hint=error.hint) from None


def canonical(name: str) -> str:
    """Return the name with `_`, as the code says it."""
    return name.strip().lstrip("-").replace("-", "_")


def option(name: str) -> str:
    """Return the name with `-`, as the command line says it."""
    return name.replace("_", "-")


def _load(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
        if len(raw) > _MAX_BYTES:
            raise UsageError(f"{path.name} is too large to be a settings file ({len(raw)} bytes)")
        # Editors on Windows put a byte order mark first, which TOML does not know.
        return tomllib.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path.name} can't be read: {error.strerror or 'unreadable'}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path.name} is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"{path.name} is not valid TOML: {str(error)[:200]}") from None


def _refuse_forbidden(path: Path, written: str, name: str, *, is_project: bool) -> None:
    plain = name.lower().removeprefix("bhuman_")
    if plain in _CREDENTIALS:
        raise UsageError(f"{path.name}: {written} is a credential, and those are never kept in it", hint="bhuman login")
    if plain in FLAGS_ONLY:
        raise UsageError(f"{path.name}: {written} can only be given on the command line, as --{option(plain)}")
    if plain in _COMMANDS:
        raise UsageError(f"{path.name}: {written}: a settings file can't run commands")
    if plain in _USER_ONLY and is_project:
        where = "BHUMAN_BASE_URL or the user file" if plain == "base_url" else "--profile or BHUMAN_PROFILE"
        raise UsageError(f"{path.name}: {written} can't stand in a project file; use {where}")
    if name not in KEYS or name in _NOT_IN_FILES:
        known = sorted(set(KEYS) - _NOT_IN_FILES - (set(_USER_ONLY) if is_project else set()))
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        meant = f"; did you mean {option(close[0])}?" if close else ""
        raise UsageError(f"{path.name}: there is no setting {written[:60]!r}{meant}", hint="bhuman render --help")


def _beside(path: Path, value: Any) -> Any:
    """Make paths relative to the file that names them, whatever the working directory of the command."""
    if not isinstance(value, Path):
        return value
    try:
        return path.parent / value.expanduser()
    except RuntimeError:  # `~` without any home folder
        return path.parent / value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _Unfit("a text")


def _text_or_number(value: Any) -> str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise _Unfit("a text or a whole number")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _Unfit("true or false")


def _path(value: Any) -> Path:
    if isinstance(value, str | Path) and str(value).strip() and "\0" not in str(value):
        return Path(value)
    raise _Unfit("a path")


def _whole(low: int, high: int) -> Reader:
    def read_whole(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise _Unfit(f"a whole number from {low} to {high:,}")

    return read_whole


def _number(low: float, high: float) -> Reader:
    def read_number(value: Any) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise _Unfit(f"a number from {low:g} to {high:g}")

    return read_number


def _duration(value: Any) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return durations.parse(value)
    raise _Unfit('a duration such as "90s", "15m" or "2h"')


def _choice(*words: str) -> Reader:
    def read_choice(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return str(value)
        raise _Unfit(f"one of {', '.join(words)}")

    return read_choice


def _names(value: Any) -> tuple[str, ...]:
    """Read `a,b` (quotes protect a comma), a list of such flags, or a TOML list of names."""
    if isinstance(value, str):
        try:
            parts = next(csv.reader([value], skipinitialspace=True), [])
        except csv.Error:  # a line break
            raise _Unfit("a list of names") from None
        return tuple(part.strip() for part in parts if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return tuple(part.strip() for part in value)
    raise _Unfit("a list of names")


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """Read a TOML table, or `NAME=VALUE` texts; the first `=` splits."""
    if isinstance(value, Mapping):
        if not all(isinstance(part, str | int) and not isinstance(part, bool) for part in value.values()):
            raise _Unfit('a table of texts, such as { first_name = "First Name" }')
        return tuple((str(name).strip(), str(part)) for name, part in value.items())
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        raise _Unfit("a table or a list of NAME=VALUE")
    pairs = []
    for part in value:
        name, equals, rest = part.partition("=") if isinstance(part, str) else ("", "", "")
        if not equals or not name.strip():
            raise _Unfit("NAME=VALUE")
        pairs.append((name.strip(), rest))
    return tuple(pairs)


def _rows(value: Any) -> str:
    if isinstance(value, list | tuple) and value and all(isinstance(part, str | int) for part in value):
        return ",".join(str(part) for part in value)
    return _text_or_number(value)


KEYS: Final[Mapping[str, Key]] = {
    "campaign": Key(read=_text),
    "instance": Key(read=_text),
    "output": Key(read=_path),
    "sheet": Key(read=_text_or_number),
    "delimiter": Key(read=_text),
    "encoding": Key(read=_text),
    "header_row": Key(read=_whole(1, 1_048_576)),
    "map": Key(read=_pairs, default=()),
    "only": Key(read=_names, default=()),
    "exclude": Key(read=_names, default=()),
    "set": Key(read=_pairs, default=()),
    "default": Key(read=_pairs, default=()),
    "asset": Key(read=_names, default=()),
    "backgrounds": Key(read=_path),
    "generation_mode": Key(read=_choice("keep_original", "full_script"), default="keep_original"),
    "lipsync": Key(read=_flag),
    "callback_url": Key(read=_text),
    "rows": Key(read=_rows),
    "limit": Key(read=_whole(1, 10_000_000)),
    "sample": Key(read=_whole(1, 10_000_000)),
    "chunk_size": Key(read=_whole(1, 2_000), default=500),
    "max_rows": Key(read=_whole(0, 10_000_000)),
    "dry_run": Key(read=_flag, default=False),
    "on_invalid": Key(read=_choice("stop", "skip"), default="stop"),
    "strict": Key(read=_flag, default=False),
    "no_input": Key(read=_flag, default=False),
    "wait": Key(read=_flag, default=True),
    "timeout": Key(read=_duration),
    "poll_interval": Key(read=_duration, default=10.0),
    "rate": Key(read=_number(0.01, 1_000), default=10.0),
    "download": Key(read=_path),
    "local": Key(read=_flag, default=False),
    "json": Key(read=_flag, default=False),
    "progress": Key(read=_choice("auto", "table", "plain", "json", "none"), default="auto"),
    "bom": Key(read=_flag, default=False),
    "log_file": Key(read=_path),
    "lock_wait": Key(read=_duration, default=0.0),
    "allow_empty": Key(read=_flag, default=False),
    "unit_cost": Key(read=_number(0, 1_000_000)),
    "variables": Key(read=_names, default=()),
    "base_url": Key(read=_text),
    "profile": Key(read=_text, default="default"),
    "yes": Key(read=_flag, default=False),
    "again": Key(read=_flag, default=False),
    "retry_failed": Key(read=_flag, default=False),
    "adopt": Key(read=_flag, default=False),
    "accept_changes": Key(read=_flag, default=False),
    "force": Key(read=_flag, default=False),
    "insecure_source": Key(read=_flag, default=False),
}
"""Every setting: the long options of `render`, and the few that exist only in files or the environment.

map, set, default become pairs; only, exclude, asset, variables tuples of names; timeout, poll_interval, lock_wait
seconds; output, backgrounds, download, log_file paths.
"""

FLAGS_ONLY: Final = frozenset({"yes", "again", "retry_failed", "adopt", "accept_changes", "force", "insecure_source"})
_COMMA_FLAGS: Final = frozenset({"only", "exclude"})
_NOT_IN_FILES: Final = FLAGS_ONLY
_USER_ONLY: Final = frozenset({"base_url", "profile"})
_CREDENTIALS: Final = frozenset(
    {"api_key", "api_key_id", "api_key_secret", "client_id", "client_secret", "basic_auth"}
    | {"token", "bearer", "secret", "password", "key", "credentials"}
)
_COMMANDS: Final = frozenset(
    {
        "command",
        "commands",
        "exec",
        "execute",
        "run",
        "shell",
        "hook",
        "hooks",
        "script",
        "before",
        "after",
        "on_finish",
    }
)
