"""Durations such as `90s`, `15m`, `2h`: read and shown. Pure."""

from __future__ import annotations

import re
from typing import Final

from bhuman_cli.errors import UsageError

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_WHOLE = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_LONGEST_S: Final = 366 * 86_400.0


def parse(text: str | float) -> float:
    """Return seconds; a bare number is seconds, parts may be joined (`1h30m`).

    Raises:
        UsageError: it is not a duration, or longer than a year.
    """
    compact = re.sub(r"\s+", "", str(text)).lower()
    if _NUMBER.fullmatch(compact):
        seconds = float(compact)
    elif _WHOLE.fullmatch(compact):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(compact))
    else:
        raise UsageError(f"{str(text)[:40]!r} is not a duration", hint="write 90s, 15m or 2h")
    if seconds > _LONGEST_S:
        raise UsageError(f"{str(text)[:40]!r} is longer than a year", hint="write 90s, 15m or 2h")
    return seconds


def ago(seconds: float) -> str:
    """Return how long something is past, for people: `just now`, `40 s ago`, `2 min ago`, `3 days ago`."""
    if seconds < 10:
        return "just now"
    if seconds < 90:
        return f"{seconds:.0f} s ago"
    for limit_s, unit_s, name in ((5_400, 60, "min"), (129_600, 3_600, "h")):
        if seconds < limit_s:
            return f"{round(seconds / unit_s)} {name} ago"
    return f"{round(seconds / 86_400)} days ago"


def show(seconds: float) -> str:
    """Return a short form for people: `0.4 s`, `90 s`, `15 min`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, left = divmod(hours, 24)
    return f"{days} d {left} h" if left else f"{days} d"
