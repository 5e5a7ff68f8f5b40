"""Project and user settings files: which one is read, which keys it may hold, where its paths lead.

Decides no precedence.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bhuman_cli.config import keys
from bhuman_cli.config.keys import Unfit, canonical, option
from bhuman_cli.errors import UsageError

COMMON_NAME: Final = "bhuman.toml"
_MAX_BYTES: Final = 4 * 1024 * 1024


def find(input_path: Path | None, folder: Path) -> Path | None:
    """Return the first that exists: `<stem>.toml` beside the input, `bhuman.toml` there, `bhuman.toml` in `folder`."""
    places = [folder / COMMON_NAME]
    if input_path is not None:
        places = [input_path.with_suffix(".toml"), input_path.parent / COMMON_NAME, *places]
    return next((place for place in places if place != input_path and place.is_file()), None)


def read_bytes(path: Path) -> bytes:
    """Return a settings file's bytes.

    Raises:
        UsageError: it can't be read, or is too large to be one.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path.name} can't be read: {error.strerror or 'unreadable'}") from None
    if len(raw) > _MAX_BYTES:
        raise UsageError(f"{path.name} is too large to be a settings file ({len(raw)} bytes)")
    return raw


def read(path: Path, *, is_project: bool = True, raw: bytes | None = None) -> dict[str, Any]:
    """Return the settings of a TOML file under their canonical names, paths made relative to it.

    is_project: False for the user's own file, which may also say what nobody else may. raw: its bytes, if read already.

    Raises:
        UsageError: unreadable, not TOML, a forbidden or unknown key, or a value of the wrong kind.
    """
    values: dict[str, Any] = {}
    for written, value in _parse(path, read_bytes(path) if raw is None else raw).items():
        name = canonical(written)
        if name in values:
            raise UsageError(f"{path.name}: {written} stands there twice, once with - and once with _")
        _refuse_forbidden(path, written, name, is_project=is_project)
        key = keys.KEYS.get(name) or keys.USER_KEYS[name]
        try:
            read_value = key.read(value)
        except Unfit as unfit:
            raise UsageError(f"{path.name}: {written} must be {unfit}") from None
        except UsageError as error:
            raise UsageError(f"{path.name}: {written}: {error.message}", hint=error.hint) from None
        values[name] = _beside(path, read_value)
    return values


def outside(path: Path, values: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings whose paths lead out of the file's folder, links followed."""
    folder = os.path.realpath(path.parent)
    names = []
    for name, value in values.items():
        places = value if isinstance(value, tuple) else (value,)
        real = [os.path.realpath(place) for place in places if isinstance(place, Path)]
        if any(os.path.commonpath([folder, place]) != folder for place in real):
            names.append(name)
    return names


def _parse(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        # Editors on Windows put a byte order mark first, which TOML does not know.
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UsageError(f"{path.name} is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"{path.name} is not valid TOML: {str(error)[:200]}") from None


def _refuse_forbidden(path: Path, written: str, name: str, *, is_project: bool) -> None:
    plain = name.lower().removeprefix("bhuman_")
    is_users_own = not is_project and plain in keys.USER_KEYS
    if plain in _CREDENTIALS and not is_users_own:
        raise UsageError(f"{path.name}: {written} is a credential, and those are never kept in it", hint="bhuman login")
    if plain in keys.FLAGS_ONLY:
        raise UsageError(f"{path.name}: {written} can only be given on the command line, as --{option(plain)}")
    if plain in _COMMANDS and not is_users_own:
        raise UsageError(f"{path.name}: {written}: a settings file can't run commands")
    if plain in keys.USER_ONLY and is_project:
        raise UsageError(f"{path.name}: {written} can't stand in a project file; {_instead(plain)}")
    if name not in keys.KEYS and not (is_users_own and name == plain):
        allowed = set(keys.KEYS) - keys.FLAGS_ONLY
        allowed = allowed - keys.USER_ONLY if is_project else allowed | set(keys.USER_KEYS)
        meant = keys.nearest(name, allowed)
        raise UsageError(f"{path.name}: there is no setting {written[:60]!r}{meant}", hint="bhuman render --help")


def _instead(name: str) -> str:
    if name in keys.KEYS:
        return f"use {keys.variable_of(name)} or config.toml in your own settings folder"
    return "it belongs into config.toml in your own settings folder"


def _beside(path: Path, value: Any) -> Any:
    """Make paths relative to the file that names them, whatever the working directory of the command."""
    if isinstance(value, tuple):
        return tuple(_beside(path, part) for part in value)
    if not isinstance(value, Path):
        return value
    try:
        return path.parent / value.expanduser()
    except RuntimeError:  # `~` without any home folder
        return path.parent / value


_CREDENTIALS: Final = frozenset(
    {"api_key", "api_key_id", "api_key_secret", "client_id", "client_secret", "basic_auth"}
    | {"token", "bearer", "secret", "password", "key", "credentials", "api_key_command"}
)
_COMMANDS: Final = frozenset(
    {
        "command",
        "api_key_secret_command",
        "secret_command",
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
