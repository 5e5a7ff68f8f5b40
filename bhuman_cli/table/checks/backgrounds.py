"""Backgrounds and callback addresses: read from a file, checked. Fetches nothing."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bhuman_cli import domain
from bhuman_cli.errors import UsageError
from bhuman_cli.net import hosts
from bhuman_cli.table.checks import problems


def callback_problem(url: str, *, loopback_base: bool) -> problems.Problem | None:
    """Return what is wrong with a callback URL: HTTPS it must be, or loopback HTTP for a loopback service."""
    rule = "not an https:// address"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.hostname and not any(sign.isspace() for sign in url):
        is_loopback = parts.scheme.lower() == "http" and hosts.is_loopback_url(url)
        if parts.scheme.lower() == "https" or (is_loopback and loopback_base):
            return None
        if is_loopback:
            rule = "a loopback http:// address, which only a service on this machine can reach"
    return problems.Problem(
        row_index=None, line=None, column="", rule=f"--callback-url: {rule}", hint="--callback-url https://…"
    )


def load_backgrounds(path: Path) -> tuple[domain.Background, ...]:
    """Read a list of backgrounds from JSON, or from `[[backgrounds]]` in TOML.

    Raises:
        UsageError: no such file, malformed, or a field is missing or wrong.
    """
    entries = _list_in(path)
    if not entries:
        raise UsageError(f"{path}: no background in it")
    return tuple(_background(path, number, each) for number, each in enumerate(entries, 1))


def overlap_problems(backgrounds: Sequence[domain.Background]) -> list[problems.Problem]:
    """Return a problem for each pair that is on screen at the same time."""
    spans = [
        (each.start, math.inf if each.end == -1 else each.end, number) for number, each in enumerate(backgrounds, 1)
    ]
    overlaps: list[problems.Problem] = []
    for (start, end, number), (other_start, other_end, other) in itertools.combinations(spans, 2):
        if start < other_end and other_start < end:
            rule = f"backgrounds {number} and {other} overlap in time"
            overlaps.append(
                problems.Problem(row_index=None, line=None, column="", rule=rule, hint="change start or end")
            )
    return overlaps


def _list_in(path: Path) -> list[Any]:
    try:
        data = path.read_bytes()
        if path.suffix.lower() == ".toml":
            import tomllib

            content: Any = tomllib.loads(data.decode("utf-8-sig"))
        else:
            content = json.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--backgrounds {path}: {(error.strerror or 'unreadable').lower()}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--backgrounds {path}: not valid {path.suffix.lstrip('.').upper() or 'JSON'}") from None
    if isinstance(content, Mapping):
        content = content.get("backgrounds", content.get("background"))
    if not isinstance(content, list):
        raise UsageError(f"--backgrounds {path}: needs a list of backgrounds ([[backgrounds]] in TOML)")
    return content


def _background(path: Path, number: int, each: Any) -> domain.Background:
    def wrong(what: str) -> UsageError:
        return UsageError(f"--backgrounds {path}: background {number}: {what}")

    if not isinstance(each, Mapping):
        raise wrong("not an object")
    if strange := sorted(set(each) - {"name", "start", "end", "kind", "config"}):
        raise wrong(f"unknown field {strange[0]!r}; there are name, start, end, kind, config")
    for name, kinds in (("start", (int, float)), ("end", (int, float)), ("kind", (str,)), ("config", (Mapping,))):
        if name not in each:
            raise wrong(f"{name} is missing")
        if not isinstance(each[name], kinds) or isinstance(each[name], bool):
            raise wrong(f"{name} is not {'a number' if float in kinds else 'a text' if str in kinds else 'an object'}")
    start, end, title = float(each["start"]), float(each["end"]), each.get("name", "")
    if not math.isfinite(start) or not math.isfinite(end) or start < 0 or (end != -1 and end <= start):
        raise wrong("start is from 0 on and before end; end -1 is the end of the video")
    if not isinstance(title, str) or not each["kind"].strip():
        raise wrong("name and kind are texts")
    return domain.Background(
        start=each["start"], end=each["end"], kind=each["kind"], config=dict(each["config"]), name=title
    )
