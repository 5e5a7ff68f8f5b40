"""Reader of `--data`: a file or stdin as bytes, JSON or an object. Sends nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bhuman_cli import errors

_MAX_BODY_BYTES = 64 * 1024 * 1024


def read_body(source: str) -> bytes:
    """Return the bytes of `--data`: a file, or stdin for `-`.

    Raises:
        UsageError: it can't be read, or is too large to be a request.
    """
    try:
        if source == "-":
            body = sys.stdin.buffer.read(_MAX_BODY_BYTES + 1) if sys.stdin is not None else b""
        else:
            with Path(source).open("rb") as stream:
                body = stream.read(_MAX_BODY_BYTES + 1)
    except OSError as error:
        raise errors.UsageError(f"--data {source}: {error.strerror or 'it can not be read'}") from None
    if len(body) > _MAX_BODY_BYTES:
        raise errors.UsageError(f"--data {source} is larger than {_MAX_BODY_BYTES // 2**20} MiB")
    return body


def read_json(source: str) -> Any:
    """Return the JSON value of `--data`.

    Raises:
        UsageError: unreadable, or not JSON.
    """
    from bhuman_cli.api import wire

    try:
        return wire.parse(read_body(source))
    except wire.WireError:
        raise errors.UsageError(f"--data {source} is not JSON") from None


def read_object(source: str) -> dict[str, Any]:
    """Return the JSON object of `--data`.

    Raises:
        UsageError: it holds something else.
    """
    value = read_json(source)
    if not isinstance(value, dict):
        raise errors.UsageError(f"--data {source} must hold a JSON object")
    return value
