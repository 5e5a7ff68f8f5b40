"""Owns bytes to JSON: whatever comes, a value that can be stored and compared, or WireError. Knows no endpoint."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from bhuman_cli.errors import ServiceDown

MAX_DEPTH: Final = 64
_MAX_DIGITS: Final = 40
_SURROGATE = re.compile("[\ud800-\udfff]")


class WireError(ServiceDown):
    """The service answered with something that can't be read."""


def parse(data: bytes) -> Any:
    """Return the JSON value, free of lone surrogates, NaN and numbers too long to be meant.

    Raises:
        WireError: not JSON, not text, or nested too deeply.
    """
    try:
        text = data.decode(json.detect_encoding(data))
        value = json.loads(text, parse_constant=lambda _: None, parse_int=_whole)
        return _cleaned(value, 0)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise WireError("the answer is not JSON") from None


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _cleaned(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise WireError("the answer is nested too deeply")
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_cleaned(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): _cleaned(item, depth + 1) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
