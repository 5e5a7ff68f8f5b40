"""Addresses that links may lead to: one comes from a server and may point into the user's network."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from bhuman_cli.net import hosts

Resolve = Callable[[str, int], Sequence[str]]


class RefusedAddress(Exception):
    """The link leads where it must not be followed; the text says why, without the link."""


class Unreachable(Exception):
    """The host's name has no address at the moment."""


def resolve(host: str, port: int) -> list[str]:
    """Return the host's addresses in the system's order of preference."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise Unreachable("the host's name can't be resolved") from problem
    return list(dict.fromkeys(str(entry[4][0]) for entry in answers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Where links may lead.

    base_url: the service in use. If it is on loopback, loopback is allowed; if it is at a private address, that one is.
    allow_private: the user said `--allow-private`.
    """

    base_url: str = ""
    allow_private: bool = False
    resolve: Resolve = resolve

    def checked(self, url: str, *, by_proxy: bool = False) -> list[str]:
        """Return the addresses the link may be fetched from: connect to these, never to the name again.

        by_proxy: a name that has no address here may have one there.

        Raises:
            Refused: not http(s), credentials inside, or an address inside a private network.
            Unreachable: the name has no address.
        """
        parts = split(url)
        host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
        try:
            ips = list(self.resolve(host, port))
        except Unreachable:
            if by_proxy:
                return []
            raise
        if not self.allow_private:
            home = _home(self.base_url, self.resolve)
            for address in map(hosts.unmapped, ips):
                if not (hosts.is_public(address) or address in home or (address.is_loopback and _any_loopback(home))):
                    raise RefusedAddress("it leads to a private address (--allow-private permits that)")
        return ips


@functools.lru_cache(maxsize=8)
def _home(base_url: str, resolve: Resolve) -> frozenset[hosts.Address]:
    """Return the private addresses of the service in use, asked for once."""
    host = urlsplit(base_url).hostname
    if not host:
        return frozenset()
    try:
        return frozenset(address for address in map(hosts.unmapped, resolve(host, 0)) if not hosts.is_public(address))
    except Unreachable:
        return frozenset()


def split(url: str) -> SplitResult:
    """Return the parts of an http(s) link.

    Raises:
        Refused: any other scheme, no host, a broken port, or credentials in the link.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as problem:
        raise RefusedAddress("it is not a link") from problem
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RefusedAddress("it is not an http(s) link")
    if parts.username is not None or parts.password is not None:
        raise RefusedAddress("it holds a user name")
    return parts


def _any_loopback(addresses: frozenset[hosts.Address]) -> bool:
    return any(address.is_loopback for address in addresses)
