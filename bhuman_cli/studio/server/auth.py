"""Owns who may call what. Source: API contract, section 5, "access"."""

from __future__ import annotations

import base64
import binascii
import hmac
from enum import StrEnum

from bhuman_cli.studio.config import StudioConfig


class Access(StrEnum):
    """What a route asks for."""

    BASIC = "basic"  # generation, integrations, Speakeasy
    LIST = "list"  # bearer; Basic too where access is open
    EITHER = "either"


def may_enter(config: StudioConfig, door: Access, authorization: str | None) -> bool:
    """Say whether these credentials open the door. Comparisons take the same time whatever is wrong."""
    scheme, _, rest = (authorization or "").strip().partition(" ")
    match scheme.lower():
        case "basic":
            allowed = door is not Access.LIST or config.access == "open"
            return _known_pair(config, rest) and allowed
        case "bearer":
            allowed = door is not Access.BASIC
            return any(_same(rest.strip(), token) for token in config.bearers) and allowed
        case _:
            return False


def _known_pair(config: StudioConfig, encoded: str) -> bool:
    try:
        pair = base64.b64decode("".join(encoded.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return False
    return any(_same(pair, f"{key_id}:{secret}") for key_id, secret in config.keys)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
