"""Who may call what. Source: API contract, section 5, "access". The document is made from the same table."""

from __future__ import annotations

import base64
import binascii
import hmac
from enum import StrEnum
from typing import Final

from bhuman_cli.studio.config import StudioConfig


class Access(StrEnum):
    """What a route asks for."""

    OPEN = "open"
    ORDER = "order"  # the two routes for which Basic is documented
    BASIC = "basic"  # other generation, integrations, Speakeasy
    LIST = "list"
    EITHER = "either"
    WORKER = "worker"


_STRICT: Final[dict[Access, tuple[str, ...]]] = {
    Access.ORDER: ("basic",),
    Access.BASIC: ("basic",),
    Access.LIST: ("bearer",),
    Access.EITHER: ("basic", "bearer"),
}
_SCHEMES: Final[dict[str, dict[Access, tuple[str, ...]]]] = {
    "strict": _STRICT,
    "open": {**_STRICT, Access.LIST: ("basic", "bearer")},
    "documented": {Access.ORDER: ("basic",), Access.LIST: ("bearer",)},  # what the newest document promises
}


def schemes(access: str, door: Access) -> tuple[str, ...]:
    """Return which kinds of credentials open a door in an `--access` mode; an empty tuple: none do."""
    return _SCHEMES[access].get(door, ())


def asks(door: Access) -> bool:
    """Say whether a door asks for a client's credentials at all."""
    return door not in {Access.OPEN, Access.WORKER}


def why_not(config: StudioConfig, authorization: str | None) -> str:
    """Return what is wrong with credentials that opened nothing."""
    if (authorization or "").strip().lower().startswith("basic") and config.access != "documented":
        return "not open to API keys" if is_known(config, authorization) else "unknown client id or secret"
    return "missing or invalid authorization"


def may_enter(config: StudioConfig, door: Access, authorization: str | None) -> bool:
    """Say whether these credentials open the door."""
    return _known(config, authorization) in schemes(config.access, door)


def is_known(config: StudioConfig, authorization: str | None) -> bool:
    """Say whether these credentials are somebody's, whatever they open."""
    return bool(_known(config, authorization))


def same(one: str, other: str) -> bool:
    """Compare secrets; takes the same time whatever is wrong."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())


def _known(config: StudioConfig, authorization: str | None) -> str:
    scheme, _, rest = (authorization or "").strip().partition(" ")
    match scheme.lower():
        case "basic" if any(same(_decoded(rest), f"{key_id}:{secret}") for key_id, secret in config.keys):
            return "basic"
        case "bearer" if any(same(rest.strip(), token) for token in config.bearers):
            return "bearer"
        case _:
            return ""


def _decoded(encoded: str) -> str:
    try:
        return base64.b64decode("".join(encoded.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
