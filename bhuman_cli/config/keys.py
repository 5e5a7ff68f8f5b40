"""Table of the settings: their names, how a value is read from TOML, a flag or a variable, and who may give it.

Knows no file and decides no precedence.
"""

from __future__ import annotations

import csv
import difflib
import itertools
import re
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli import durations
from bhuman_cli.errors import UsageError

Reader = Callable[[Any], Any]


class Unfit(Exception):
    """The value is not of the key's kind; the text says what was expected."""


def _as_it_is(text: str) -> Any:
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One setting: how a raw value is read, and what holds when nobody says anything.

    text: turns the text of an environment variable into what `read` takes.
    """

    read: Reader
    default: Any = None
    text: Callable[[str], Any] = _as_it_is


def read_flag(name: str, value: Any) -> Any:
    """Return a flag's value in the form the same key has in a file.

    Raises:
        UsageError: it is not of the key's kind.
    """
    try:
        if name in _COMMA_FLAGS and isinstance(value, list | tuple):
            if not all(names := [_names(flag) for flag in value]):
                # An unset shell variable; without it, every column would be sent.
                raise Unfit("at least one column")
            return tuple(itertools.chain.from_iterable(names))
        return KEYS[name].read(value)
    except Unfit as unfit:
        raise UsageError(f"--{option(name)} must be {unfit}") from None
    except UsageError as error:
        raise UsageError(f"--{option(name)}: {error.message}", hint=error.hint) from None


def read_variable(name: str, variable: str, text: str) -> Any:
    """Return an environment variable's value in the form the same key has in a file.

    Raises:
        UsageError: it is not of the key's kind.
    """
    key = KEYS[name]
    try:
        return key.read(key.text(text))
    except Unfit as unfit:
        raise UsageError(f"{variable} must be {unfit}", hint=f"unset {variable}") from None
    except UsageError as error:
        raise UsageError(f"{variable}: {error.message}", hint=error.hint) from None


def canonical(name: str) -> str:
    """Return the name with `_`, as the code says it."""
    return name.strip().lstrip("-").replace("-", "_")


def option(name: str) -> str:
    """Return the name with `-`, as the command line says it."""
    return name.replace("_", "-")


def nearest(name: str, names: Iterable[str], *, shown: Callable[[str], str] = option) -> str:
    """Return `; did you mean …?` for the most similar of names, "" where none is."""
    close = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)
    return f"; did you mean {shown(close[0])}?" if close else ""


def variable_of(name: str) -> str:
    """Return the environment variable of a setting: `BHUMAN_MAX_ROWS`."""
    return f"BHUMAN_{name.upper()}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Unfit("a text")


def _text_or_number(value: Any) -> str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise Unfit("a text or a whole number")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Unfit("true or false")


def _path(value: Any) -> Path:
    if isinstance(value, str | Path) and str(value).strip() and "\0" not in str(value):
        return Path(value)
    raise Unfit("a path")


def _whole(low: int, high: int) -> Reader:
    def read_whole(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise Unfit(f"a whole number from {low} to {high:,}")

    return read_whole


def _number(low: float, high: float) -> Reader:
    def read_number(value: Any) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise Unfit(f"a number from {low:g} to {high:g}")

    return read_number


def _duration(value: Any) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return durations.parse(value)
    raise Unfit('a duration such as "90s", "15m" or "2h"')


def _choice(*words: str) -> Reader:
    def read_choice(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return str(value)
        raise Unfit(f"one of {', '.join(words)}")

    return read_choice


def _names(value: Any) -> tuple[str, ...]:
    """Read `a,b` (quotes protect a comma), a list of such flags, or a TOML list of names."""
    if isinstance(value, str):
        try:
            parts = next(csv.reader([value], skipinitialspace=True), [])
        except csv.Error:  # a line break
            raise Unfit("a list of names") from None
        return tuple(part.strip() for part in parts if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return tuple(part.strip() for part in value)
    raise Unfit("a list of names")


def _some_names(value: Any) -> tuple[str, ...]:
    if names := _names(value):
        return names
    raise Unfit("at least one column")


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """Read a TOML table, or `NAME=VALUE` texts; the first `=` splits."""
    if isinstance(value, Mapping):
        if not all(isinstance(part, str | int) and not isinstance(part, bool) for part in value.values()):
            raise Unfit('a table of texts, such as { first_name = "First Name" }')
        return tuple((str(name).strip(), str(part)) for name, part in value.items())
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        raise Unfit("a table or a list of NAME=VALUE")
    pairs = []
    for part in value:
        name, equals, rest = part.partition("=") if isinstance(part, str) else ("", "", "")
        if not equals or not name.strip():
            raise Unfit("NAME=VALUE")
        pairs.append((name.strip(), rest))
    return tuple(pairs)


def _table(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise Unfit("a table, such as [checks] with min_rows = 50")


def _rows(value: Any) -> str:
    if isinstance(value, list | tuple) and value and all(isinstance(part, str | int) for part in value):
        return ",".join(str(part) for part in value)
    return _text_or_number(value)


def _switch_text(text: str) -> Any:
    return {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }.get(text.lower(), text)


def _whole_text(text: str) -> Any:
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else text


def _number_text(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _pairs_text(text: str) -> Any:
    """Split at line breaks, else at commas where a NAME=VALUE stands on both sides; quotes protect a comma."""
    if "\n" in text:
        return [line for line in text.splitlines() if line.strip()]
    parts = next(csv.reader([text], skipinitialspace=True), [])
    return parts if all("=" in part for part in parts) else [text]


def _lines_text(text: str) -> Any:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _texts(value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if isinstance(values, list | tuple) and all(isinstance(part, str) and part.strip() for part in values):
        return tuple(values)
    raise Unfit("a text or a list of texts")


def _paths(value: Any) -> tuple[Path, ...]:
    values = [value] if isinstance(value, str | Path) else value
    if isinstance(values, list | tuple):
        return tuple(_path(part) for part in values)
    raise Unfit("a path or a list of paths")


def _take(value: Any) -> str:
    text = _text_or_number(value).replace(" ", "")
    if re.fullmatch(r"[0-9]{1,9}(/day)?", text) and int(text.removesuffix("/day")):
        return text
    raise Unfit("a number of videos such as 10, or 10/day")


def _max_failures(value: Any) -> str:
    text = _text_or_number(value).replace(" ", "")
    if re.fullmatch(r"[0-9]{1,9}|(100|[0-9]{1,2})%", text):
        return text
    raise Unfit("a number of videos such as 10, or a share such as 50%")


KEYS: Final[Mapping[str, Key]] = {
    "campaign": Key(read=_text),
    "instance": Key(read=_text),
    "output": Key(read=_path),
    "sheet": Key(read=_text_or_number),
    "delimiter": Key(read=_text),
    "encoding": Key(read=_text),
    "header_row": Key(read=_whole(1, 1_048_576), text=_whole_text),
    "map": Key(read=_pairs, text=_pairs_text, default=()),
    "only": Key(read=_some_names, default=()),
    "exclude": Key(read=_names, default=()),
    "set": Key(read=_pairs, text=_pairs_text, default=()),
    "default": Key(read=_pairs, text=_pairs_text, default=()),
    "asset": Key(read=_names, default=()),
    "clean": Key(read=_pairs, text=_pairs_text, default=()),
    "say": Key(read=_path),
    "checks": Key(read=_table),
    "backgrounds": Key(read=_path),
    "generation_mode": Key(read=_choice("keep_original", "full_script"), default="keep_original"),
    "lipsync": Key(read=_flag, text=_switch_text),
    "quality": Key(read=_choice("standard", "premium")),
    "callback_url": Key(read=_text),
    "rows": Key(read=_rows),
    "limit": Key(read=_whole(1, 10_000_000), text=_whole_text),
    "sample": Key(read=_whole(1, 10_000_000), text=_whole_text),
    "take": Key(read=_take),
    "first": Key(read=_whole(0, 10_000), text=_whole_text),
    "in_flight": Key(read=_whole(1, 1_000_000), text=_whole_text),
    "max_failures": Key(read=_max_failures, default="50%"),
    "chunk_size": Key(read=_whole(1, 2_000), text=_whole_text, default=500),
    "max_rows": Key(read=_whole(0, 10_000_000), text=_whole_text),
    "dry_run": Key(read=_flag, text=_switch_text, default=False),
    "on_invalid": Key(read=_choice("stop", "skip"), default="stop"),
    "where": Key(read=_texts, text=_lines_text, default=()),
    "visible_only": Key(read=_flag, text=_switch_text, default=False),
    "suppress": Key(read=_paths, text=_lines_text, default=()),
    "on": Key(read=_text),
    "probe": Key(read=_flag, text=_switch_text, default=False),
    "all_columns": Key(read=_flag, text=_switch_text, default=False),
    "row_key": Key(read=_text),
    "share_equal": Key(read=_flag, text=_switch_text, default=True),
    "fail_on_old": Key(read=_flag, text=_switch_text, default=False),
    "strict": Key(read=_flag, text=_switch_text, default=False),
    "no_input": Key(read=_flag, text=_switch_text, default=False),
    "wait": Key(read=_flag, text=_switch_text, default=True),
    "timeout": Key(read=_duration),
    "poll_interval": Key(read=_duration, default=10.0),
    "rate": Key(read=_number(0.01, 1_000), text=_number_text, default=10.0),
    "download": Key(read=_path),
    "local": Key(read=_flag, text=_switch_text, default=False),
    "allow_private": Key(read=_flag, text=_switch_text, default=False),
    "json": Key(read=_flag, text=_switch_text, default=False),
    "progress": Key(read=_choice("auto", "table", "plain", "json", "none"), default="auto"),
    "bom": Key(read=_flag, text=_switch_text, default=False),
    "log_file": Key(read=_path),
    "lock_wait": Key(read=_duration, default=0.0),
    "allow_empty": Key(read=_flag, text=_switch_text, default=False),
    "unit_cost": Key(read=_number(0, 1_000_000), text=_number_text),
    "client": Key(read=_text),
    "variables": Key(read=_names, default=()),
    "base_url": Key(read=_text),
    "profile": Key(read=_text, default="default"),
    "yes": Key(read=_flag, text=_switch_text, default=False),
    "again": Key(read=_flag, text=_switch_text, default=False),
    "retry_failed": Key(read=_flag, text=_switch_text, default=False),
    "redo": Key(read=_choice("rejected")),
    "review": Key(read=_paths, text=_lines_text, default=()),
    "adopt": Key(read=_flag, text=_switch_text, default=False),
    "accept_changes": Key(read=_flag, text=_switch_text, default=False),
    "accept_journal": Key(read=_flag, text=_switch_text, default=False),
    "accept_videos": Key(read=_flag, text=_switch_text, default=False),
    "shared_campaign": Key(read=_flag, text=_switch_text, default=False),
    "force": Key(read=_flag, text=_switch_text, default=False),
    "plan_out": Key(read=_path),
    "apply": Key(read=_path),
    "plan_age": Key(read=_duration),
    "accept_account": Key(read=_flag, text=_switch_text, default=False),
    "accept_failures": Key(read=_flag, text=_switch_text, default=False),
    "insecure_source": Key(read=_flag, text=_switch_text, default=False),
}
"""Every setting: the long options of `render`, and the few that exist only in files or the environment.

map, set, default become pairs; only, exclude, asset, variables tuples of names; timeout, poll_interval, lock_wait
seconds; output, backgrounds, download, log_file paths.
"""


def _commandline(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and value and all(isinstance(part, str) and part for part in value):
        return tuple(value)
    raise Unfit('a list of words, such as ["op", "read", "op://vault/bhuman/secret"]; no shell reads it')


def _profiles(value: Any) -> Mapping[str, Mapping[str, Any]]:
    """Read `[profiles.NAME]`: what holds for one profile only."""
    if not isinstance(value, Mapping) or not all(isinstance(part, Mapping) for part in value.values()):
        raise Unfit("tables, such as [profiles.acme]")
    return {str(name): _section(f"profiles.{name}", table, PROFILE_KEYS, option) for name, table in value.items()}


def _budget(value: Any) -> Mapping[str, Any]:
    """Read `[budget]`, or a table below it that is named after a campaign."""
    if not isinstance(value, Mapping):
        raise Unfit("a table, such as [budget]")
    campaigns = {str(name).lower(): _budget(part) for name, part in value.items() if isinstance(part, Mapping)}
    plain = {name: part for name, part in value.items() if not isinstance(part, Mapping)}
    return {**_section("budget", plain, _BUDGET_KEYS), **campaigns}


def _notify(value: Any) -> Mapping[str, Any]:
    """Read `[notify]`: who is told how a command ended."""
    if not isinstance(value, Mapping):
        raise Unfit("a table, such as [notify]")
    return _section("notify", value, _NOTIFY_KEYS)


def _section(
    place: str, table: Mapping[str, Any], fields: Mapping[str, Key], shown: Callable[[str], str] = str
) -> dict[str, Any]:
    """Read a table of a settings file. shown: how a name is written that may have been meant."""
    values: dict[str, Any] = {}
    for written, value in table.items():
        name = canonical(str(written))
        if name not in fields:
            raise UsageError(f"[{place}] has no setting {str(written)[:60]!r}{nearest(name, fields, shown=shown)}")
        try:
            values[name] = fields[name].read(value)
        except Unfit as unfit:
            raise UsageError(f"[{place}] {written} must be {unfit}") from None
    return values


def _addresses(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and all(isinstance(part, str) and "://" in part for part in value):
        return tuple(value)
    raise Unfit('a list of addresses, such as ["mailto://user:password@example.com"]')


def _address(value: Any) -> str:
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        return value.rstrip("/")
    raise Unfit("an https:// address")


def _ends(value: Any) -> tuple[str, ...]:
    words = ("failed", "doubt", "refused", "finished")
    if isinstance(value, list | tuple) and all(part in words for part in value):
        return tuple(value)
    raise Unfit(f"a list of {', '.join(words)}")


def _timezone(value: Any) -> str:
    try:
        return str(zoneinfo.ZoneInfo(_text(value)).key)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Unfit("the name of a time zone, such as Europe/Berlin") from None


_BUDGET_KEYS: Final[Mapping[str, Key]] = {
    "rows_per_day": Key(read=_whole(0, 100_000_000)),
    "rows_per_month": Key(read=_whole(0, 100_000_000)),
    "when_over": Key(read=_choice("refuse", "later")),
}

_NOTIFY_KEYS: Final[Mapping[str, Key]] = {
    "urls": Key(read=_addresses),
    "ping": Key(read=_address),
    "on": Key(read=_ends),
    "failed_share": Key(read=_number(0, 1)),
    "empty": Key(read=_flag),
}

PROFILE_KEYS: Final[Mapping[str, Key]] = {
    "api_key_id": Key(read=_text),
    "api_key_secret_command": Key(read=_commandline),
    "unit_cost": KEYS["unit_cost"],
    "budget": Key(read=_budget),
}
"""What `[profiles.NAME]` of the user's own file may hold."""

USER_KEYS: Final[Mapping[str, Key]] = {
    "api_key_id": PROFILE_KEYS["api_key_id"],
    "api_key_secret_command": PROFILE_KEYS["api_key_secret_command"],
    "profiles": Key(read=_profiles),
    "budget": Key(read=_budget),
    "timezone": Key(read=_timezone),
    "notify": Key(read=_notify),
    "forward_secret": Key(read=_text),
    "journal": Key(read=_text),
}
"""What only the user's own file may hold, and is no option."""

USER_ONLY: Final = frozenset({"base_url", "log_file", "notify", "budget", "timezone", "journal", *USER_KEYS})
"""What a project file may not hold, because it came with somebody's folder."""

FLAGS_ONLY: Final = frozenset(
    {
        "accept_account", "accept_changes", "accept_videos", "accept_failures", "accept_journal", "adopt", "again",
        "apply", "force", "insecure_source", "plan_out", "redo", "retry_failed", "review", "yes",
    }
)  # fmt: skip
"""What spends, replaces or gives up: only ever a flag, typed for one command."""

_COMMA_FLAGS: Final = frozenset({"only", "exclude"})
