"""Reachable places: addresses taken apart, looked up, and connected to only as they were checked."""

from __future__ import annotations

import socket
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bhuman_cli.net import hosts

CONNECT_S: Final = 10.0


class FetchError(Exception):
    """The asset can't be had; the message continues a sentence whose subject is the asset. Never holds its address."""


def _look_up(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in answers))


def _dial(ip: str, port: int) -> socket.socket:
    return socket.create_connection((ip, port), CONNECT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How names become addresses, and addresses connections.

    lookup: (name, port) → its addresses, OSError if there are none. dial: (address, port) → a connected socket.
    """

    lookup: Callable[[str, int], list[str]] = _look_up
    dial: Callable[[str, int], socket.socket] = _dial


SYSTEM: Final = Network()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address taken apart and looked up; connecting to `ips` and not to the name keeps what was checked."""

    url: str
    secure: bool
    host: str
    port: int
    path: str
    ips: tuple[str, ...]

    def connect(self, network: Network = SYSTEM) -> socket.socket:
        """Return a connection to the first of its addresses that answers.

        Raises:
            OSError: none does.
        """
        for ip in self.ips[:-1]:
            try:
                return network.dial(ip, self.port)
            except OSError:
                continue
        return network.dial(self.ips[-1], self.port)


def complete(address: str) -> urllib.parse.SplitResult:
    """Take an address apart; without a scheme it is https. Looks nothing up.

    Raises:
        FetchError: not http(s), or no address at all.
    """
    url = address.strip()
    try:
        parts = urllib.parse.urlsplit(url if "://" in url else f"https://{url}")
        plain = " " not in parts.netloc and not any(ord(letter) < 32 for letter in url)
        usable = bool(parts.hostname) and parts.port != 0 and plain
    except ValueError:
        usable = False
    scheme = url.split(":", 1)[0].lower()
    if "://" in url and scheme not in {"http", "https"}:
        raise FetchError(f"must be an http or https address, not {scheme[:20]}")
    if not usable:
        raise FetchError("is not a usable address")
    return parts


def locate(address: str, *, allow_private: bool, network: Network = SYSTEM) -> Place:
    """Complete, check and look up an address.

    Raises:
        FetchError: not http(s), unknown host, or a private address that is not allowed.
    """
    parts = complete(address)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        ips = network.lookup(host.encode("idna").decode(), port)
    except (OSError, UnicodeError):
        ips = []
    if not ips:
        raise FetchError("is on a host that can't be found")
    # All of them: a name with one private address among public ones is a trap.
    if not allow_private and not all(hosts.is_public(ip) for ip in ips):
        raise FetchError("is on a private or local address, which is not allowed")
    path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{urllib.parse.quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    secure = parts.scheme == "https"
    return Place(url=parts.geturl(), secure=secure, host=host, port=port, path=path + query, ips=tuple(ips))
