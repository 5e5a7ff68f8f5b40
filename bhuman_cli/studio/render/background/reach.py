"""Reachable places: addresses taken apart, looked up, and connected to only as they were checked, or by a proxy."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bhuman_cli import errors, net
from bhuman_cli.net import hosts, proxies

CONNECT_S: Final = 10.0
_LONGEST_HEAD: Final = 16 * 1024


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
    """An address taken apart and looked up; connecting to `ips` and not to the name keeps what was checked.

    proxy: what is connected to instead, None where there is none; it looks the name up itself.
    """

    url: str
    secure: bool
    host: str
    port: int
    path: str
    ips: tuple[str, ...]
    proxy: urllib.parse.SplitResult | None = None

    @property
    def netloc(self) -> str:
        """Return host and port as a request names them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def target(self) -> str:
        """Return what a GET names: the path, and for a proxy that reads the request the whole address."""
        return f"http://{self.netloc}{self.path}" if self.proxy is not None and not self.secure else self.path

    @property
    def proxy_fields(self) -> dict[str, str]:
        """Return the header fields that are for the proxy."""
        if self.proxy is None or not self.proxy.username:
            return {}
        user, password = (urllib.parse.unquote(part or "") for part in (self.proxy.username, self.proxy.password))
        return {"Proxy-Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}

    def connect(self, network: Network = SYSTEM) -> socket.socket:
        """Return a connection to the first of its addresses that answers, or to the proxy; https is not begun.

        Raises:
            OSError: none does.
        """
        if self.proxy is not None:
            return self._by_proxy(self.proxy)
        for ip in self.ips[:-1]:
            try:
                return network.dial(ip, self.port)
            except OSError:
                continue
        return network.dial(self.ips[-1], self.port)

    def _by_proxy(self, proxy: urllib.parse.SplitResult) -> socket.socket:
        connection = socket.create_connection((str(proxy.hostname), proxy.port or 80), CONNECT_S)
        if not self.secure:
            return connection
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.proxy_fields.items())
        try:
            connection.sendall(f"CONNECT {self.netloc} HTTP/1.1\r\nHost: {self.netloc}\r\n{fields}\r\n".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = connection.recv(1)  # what comes after the head belongs to the other end
                head += byte
                if not byte or len(head) > _LONGEST_HEAD:
                    raise ConnectionError("the proxy's answer broke off")
            if head.split(b" ", 2)[1:2] != [b"200"]:
                raise ConnectionError("the proxy refused")
        except BaseException:
            connection.close()
            raise
        return connection


def tls() -> ssl.SSLContext:
    """Return what judges certificates: by the bundle that the environment names, as for every other request."""
    bundle = net.certificates(os.environ)
    if isinstance(bundle, bool):
        return ssl.create_default_context()
    is_folder = Path(bundle).is_dir()
    return ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)


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
    proxy = _proxy(parts.geturl())
    if not ips and proxy is None:
        raise FetchError("is on a host that can't be found")
    # All of them: a name with one private address among public ones is a trap.
    if not allow_private and not all(hosts.is_public(ip) for ip in ips):
        raise FetchError("is on a private or local address, which is not allowed")
    path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{urllib.parse.quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    secure = parts.scheme == "https"
    return Place(
        url=parts.geturl(), secure=secure, host=host, port=port, path=path + query, ips=tuple(ips), proxy=proxy
    )


def _proxy(url: str) -> urllib.parse.SplitResult | None:
    try:
        proxy = proxies.proxy_for(url)
    except errors.UsageError as problem:
        raise FetchError(f"can't be reached: {problem.message}") from None
    if proxy is not None and proxy.scheme != "http":
        raise FetchError(f"can't be reached: only an http:// proxy is used for assets, not {proxy.scheme}://")
    return proxy
