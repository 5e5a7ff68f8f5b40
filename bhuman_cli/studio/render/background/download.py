"""Download of assets over HTTP: redirects, sizes and times bounded. Where it may go, `reach` decides."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from bhuman_cli import files
from bhuman_cli.studio.render.background import reach
from bhuman_cli.studio.render.background.reach import Place

MOST_BYTES: Final = 300 * 1024 * 1024
MOST_REDIRECTS: Final = 5
WHOLE_S: Final = 60.0
FRESH_S: Final = 600.0
"""An asset is fetched once per batch; ten minutes are a batch."""

_AGENT: Final = "Mozilla/5.0 (compatible; bhuman-studio)"
_CHUNK: Final = 256 * 1024


def final(address: str, *, allow_private: bool, network: reach.Network = reach.SYSTEM) -> Place:
    """Follow redirects without reading the body; every stop on the way is checked.

    Raises:
        FetchError: any stop is refused, unreachable, or answers 400 or more.
    """
    with _answered(address, allow_private=allow_private, network=network) as (place, _):
        return place


def download(address: str, cache_dir: Path, *, allow_private: bool, network: reach.Network = reach.SYSTEM) -> Path:
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
            with _answered(address, allow_private=allow_private, network=network) as (_, answer):
                _save(answer, path)
    return path


def _save(answer: http.client.HTTPResponse, path: Path) -> None:
    with files.aside(path) as temporary, temporary.open("wb") as file:
        for chunk in _chunks(answer):
            file.write(chunk)


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
            raise reach.FetchError(f"is larger than {MOST_BYTES // 2**20} MiB")
        if time.monotonic() > deadline:
            raise reach.FetchError(f"took longer than {WHOLE_S:g} s to arrive")
        yield chunk
    if expected is not None and size < expected:
        raise reach.FetchError("broke off before it was complete")
    if not size:
        raise reach.FetchError("is empty")


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(_CHUNK)
    except (OSError, http.client.HTTPException):
        raise reach.FetchError("broke off before it was complete") from None


@contextmanager
def _answered(
    address: str, *, allow_private: bool, network: reach.Network
) -> Iterator[tuple[Place, http.client.HTTPResponse]]:
    url = address
    for _ in range(MOST_REDIRECTS + 1):
        place = reach.locate(url, allow_private=allow_private, network=network)
        connection, answer = _ask(place, network)
        try:
            if answer.status in {301, 302, 303, 307, 308} and answer.headers.get("Location"):
                url = urllib.parse.urljoin(place.url, answer.headers["Location"])
                continue
            if answer.status >= 400:
                reason = http.client.responses.get(answer.status, "")
                raise reach.FetchError(f"answered {answer.status} {reason}".rstrip())
            yield place, answer
            return
        finally:
            answer.close()
            connection.close()
    raise reach.FetchError("redirects too often")


def _ask(place: Place, network: reach.Network) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = _Pinned(place, network)
    try:
        fields = {"User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        connection.request("GET", place.target, headers=fields if place.secure else fields | place.proxy_fields)
        return connection, connection.getresponse()
    except TimeoutError:
        connection.close()
        raise reach.FetchError(f"did not answer within {reach.CONNECT_S:g} s") from None
    except ssl.SSLCertVerificationError:
        connection.close()
        raise reach.FetchError("is on a host without a valid certificate") from None
    except (OSError, http.client.HTTPException, UnicodeError):
        connection.close()
        raise reach.FetchError("can't be reached") from None


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked, under the name that was asked for."""

    def __init__(self, place: Place, network: reach.Network) -> None:
        host = f"[{place.host}]" if ":" in place.host else place.host
        super().__init__(host, place.port, timeout=reach.CONNECT_S)
        self._network = network
        self._place = place

    def connect(self) -> None:
        plain: Any = self._place.connect(self._network)
        if self._place.secure:
            self.default_port = 443
            plain = reach.tls().wrap_socket(plain, server_hostname=self._place.host)
        self.sock = plain
