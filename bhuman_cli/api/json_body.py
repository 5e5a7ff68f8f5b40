"""JSON from bytes: a value that can be stored and compared, or WireError. Knows no endpoint."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from bhuman_cli.errors import ServiceDown

MAX_DEPTH: Final = 64
_MAX_DIGITS: Final = 40
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
_CONTAINERS: Final = (dict, list)


class WireError(ServiceDown):
    """The service answered with something that can't be read."""


def parse(data: bytes) -> Any:
    """Return the JSON value, free of lone surrogates, NaN and numbers too long to be meant.

    Raises:
        WireError: not JSON, not text, or nested too deeply.
    """
    try:
        text = data.decode(json.detect_encoding(data))
        value = json.loads(text, parse_constant=lambda _: None, parse_int=_whole, parse_float=_finite)
        # A text that was decoded strictly holds a surrogate only where it is written as an escape: hardly ever.
        if _ESCAPED.search(text):
            return _cleaned(value, 0)
        _require_flat(value)
        return value
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise WireError("the answer is not JSON") from None


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _require_flat(value: Any) -> None:
    """Refuse what is nested too deeply, level by level: most values are no container, and are not looked at."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) in _CONTAINERS
        ]
        if not level:
            return
    if any(level):
        raise WireError("the answer is nested too deeply")


def _cleaned(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise WireError("the answer is nested too deeply")
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_cleaned(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): _cleaned(item, depth + 1) for key, item in value.items()}
    return value
