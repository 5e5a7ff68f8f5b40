"""Access to routes: who may call what. Source: API contract, section 5, "access"."""

from __future__ import annotations

import base64
import binascii
import hmac
from enum import StrEnum

from bhuman_cli.studio.config import StudioConfig


class Access(StrEnum):
    """What a route asks for."""

    ORDER = "order"  # the two routes that the newest document promises a key
    BASIC = "basic"  # the other integrations, Speakeasy
    LIST = "list"  # bearer; Basic too where access is open
    EITHER = "either"


_FOR_KEYS = {
    "strict": {Access.ORDER, Access.BASIC, Access.EITHER},
    "open": set(Access),
    "documented": {Access.ORDER},  # exactly what the newest document promises
}
_FOR_TOKENS = {
    "strict": {Access.LIST, Access.EITHER},
    "open": {Access.LIST, Access.EITHER},
    "documented": {Access.LIST},
}


def may_enter(config: StudioConfig, door: Access, authorization: str | None) -> bool:
    """Say whether these credentials open the door. Comparisons take the same time whatever is wrong."""
    scheme, _, rest = (authorization or "").strip().partition(" ")
    match scheme.lower():
        case "basic":
            return is_known_pair(config, rest) and door in _FOR_KEYS[config.access]
        case "bearer":
            return any(_same(rest.strip(), token) for token in config.bearers) and door in _FOR_TOKENS[config.access]
        case _:
            return False


def is_known_pair(config: StudioConfig, encoded: str) -> bool:
    """Say whether `encoded` is the base64 of a Client ID and its secret."""
    try:
        pair = base64.b64decode("".join(encoded.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return False
    return any(_same(pair, f"{key_id}:{secret}") for key_id, secret in config.keys)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
