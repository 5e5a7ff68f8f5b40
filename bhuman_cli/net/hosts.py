"""Kinds of hosts and addresses: this machine, the public internet, everything between. Looks no name up.

The only place that judges an address: what may be sent in clear, what goes past a proxy and where a link may lead must
never be decided by two rules that differ.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PROTOCOLS: Final = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))  # RFC 6890, 7526
# The whole of today's public IPv6, so that what is assigned later, or to another purpose, is not public by oversight.
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_DOCUMENTATION: Final = ipaddress.IPv6Network("3fff::/20")  # RFC 9637; unknown to older Pythons
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052; local-use NAT64 (RFC 8215) is never public
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})  # RFC 5214


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, by its name or number. Names are not looked up: their meaning may change."""
    host = host.removeprefix("[").removesuffix("]")
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return unmapped(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Say whether a URL leads to this machine."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def unmapped(address: str) -> Address:
    """Return an address without its zone, and as IPv4 where it is only that, written as IPv6.

    Raises:
        ValueError: it is none.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return parsed.ipv4_mapped or parsed if isinstance(parsed, ipaddress.IPv6Address) else parsed


def is_public(address: str | Address) -> bool:
    """Say whether an address is on the public internet; one that wraps another must be, and so must what it wraps."""
    parsed = unmapped(str(address))
    if isinstance(parsed, ipaddress.IPv4Address):
        is_special = parsed.is_multicast or parsed.is_reserved or any(parsed in block for block in _PROTOCOLS)
        return parsed.is_global and not is_special
    last = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
    if parsed in _NAT64:
        return is_public(last)
    wrapped = [parsed.sixtofour, *(parsed.teredo or ())]
    if int(parsed) >> 32 & 0xFFFF_FFFF in _ISATAP:
        wrapped.append(last)
    if not all(is_public(inner) for inner in wrapped if inner is not None):
        return False
    if parsed.sixtofour is not None:
        return True
    return parsed in _GLOBAL_UNICAST and parsed not in _DOCUMENTATION and parsed.is_global
