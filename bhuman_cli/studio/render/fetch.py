"""Owns fetching assets over HTTP: only http(s), only public addresses unless allowed, all bounded."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import socket
import ssl
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

MOST_BYTES: Final = 300 * 1024 * 1024
MOST_REDIRECTS: Final = 5
CONNECT_S: Final = 10.0
WHOLE_S: Final = 60.0
FRESH_S: Final = 600.0
"""An asset is fetched once per batch; ten minutes are a batch."""

_AGENT: Final = "Mozilla/5.0 (compatible; bhuman-studio)"
_CHUNK: Final = 256 * 1024


class FetchError(Exception):
    """The asset can't be had; the message continues a sentence whose subject is the asset. Never holds its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address taken apart and looked up; connecting to `ip` and not to the name keeps what was checked."""

    url: str
    secure: bool
    host: str
    port: int
    path: str
    ip: str


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


def locate(address: str, *, allow_private: bool) -> Place:
    """Complete, check and look up an address.

    Raises:
        FetchError: not http(s), unknown host, or a private address that is not allowed.
    """
    parts = complete(address)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host.encode("idna").decode(), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchError("is on a host that can't be found") from None
    ips = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(_is_public(ip) for ip in ips):
        raise FetchError("is on a private or local address, which is not allowed")
    path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{urllib.parse.quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    secure = parts.scheme == "https"
    return Place(url=parts.geturl(), secure=secure, host=host, port=port, path=path + query, ip=ips[0])


def _is_public(ip: str) -> bool:
    address = ipaddress.ip_address(ip.split("%", maxsplit=1)[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


def final(address: str, *, allow_private: bool) -> Place:
    """Follow redirects without reading the body; every stop on the way is checked.

    Raises:
        FetchError: any stop is refused, unreachable, or answers 400 or more.
    """
    with _answered(address, allow_private=allow_private) as (place, _):
        return place


def download(address: str, cache_dir: Path, *, allow_private: bool) -> Path:
    """Return a file with the asset's bytes, from the cache where it is fresh.

    Raises:
        FetchError: refused, unreachable, too large, too slow, or answered with 400 or more.
    """
    folder = cache_dir / "assets"
    path = folder / hashlib.sha256(f"{allow_private}|{address.strip()}".encode()).hexdigest()[:40]
    if is_fresh(path):
        return path
    folder.mkdir(parents=True, exist_ok=True)
    # Rows share assets, and several processes render rows: one fetches, the others wait for it.
    with FileLock(f"{path}.lock"):
        if not is_fresh(path):
            with _answered(address, allow_private=allow_private) as (_, answer):
                _save(answer, path)
    return path


def _save(answer: http.client.HTTPResponse, path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in _chunks(answer):
                file.write(chunk)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def names_a_picture(address: str) -> bool:
    """Say whether an address ends like a picture or a video: then it is one, and not a page about someone."""
    path = address.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0].lower()
    return path.endswith((".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".webm"))


def is_fresh(path: Path) -> bool:
    """Say whether a cached file is young enough to be of this batch."""
    try:
        return time.time() - path.stat().st_mtime < FRESH_S
    except OSError:
        return False


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    deadline = time.monotonic() + WHOLE_S
    expected = answer.length
    size = 0
    while chunk := _read(answer):
        size += len(chunk)
        if size > MOST_BYTES:
            raise FetchError(f"is larger than {MOST_BYTES // 2**20} MiB")
        if time.monotonic() > deadline:
            raise FetchError(f"took longer than {WHOLE_S:g} s to arrive")
        yield chunk
    if expected is not None and size < expected:
        raise FetchError("broke off before it was complete")
    if not size:
        raise FetchError("is empty")


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(_CHUNK)
    except (OSError, http.client.HTTPException):
        raise FetchError("broke off before it was complete") from None


@contextmanager
def _answered(address: str, *, allow_private: bool) -> Iterator[tuple[Place, http.client.HTTPResponse]]:
    url = address
    for _ in range(MOST_REDIRECTS + 1):
        place = locate(url, allow_private=allow_private)
        connection, answer = _ask(place)
        try:
            if answer.status in {301, 302, 303, 307, 308} and answer.headers.get("Location"):
                url = urllib.parse.urljoin(place.url, answer.headers["Location"])
                continue
            if answer.status >= 400:
                reason = http.client.responses.get(answer.status, "")
                raise FetchError(f"answered {answer.status} {reason}".rstrip())
            yield place, answer
            return
        finally:
            answer.close()
            connection.close()
    raise FetchError("redirects too often")


def _ask(place: Place) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = _Pinned(place)
    try:
        connection.request(
            "GET", place.path, headers={"User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        )
        return connection, connection.getresponse()
    except TimeoutError:
        connection.close()
        raise FetchError(f"did not answer within {CONNECT_S:g} s") from None
    except ssl.SSLCertVerificationError:
        connection.close()
        raise FetchError("is on a host without a valid certificate") from None
    except (OSError, http.client.HTTPException, UnicodeError):
        connection.close()
        raise FetchError("can't be reached") from None


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked, under the name that was asked for."""

    def __init__(self, place: Place) -> None:
        host = f"[{place.host}]" if ":" in place.host else place.host
        super().__init__(host, place.port, timeout=CONNECT_S)
        self._place = place

    def connect(self) -> None:
        plain: Any = socket.create_connection((self._place.ip, self._place.port), CONNECT_S)
        if self._place.secure:
            self.default_port = 443
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=self._place.host)
        self.sock = plain
