"""GET of a link: every hop checked, and the connection made to the address that was checked. Reads no body."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from bhuman_cli import net
from bhuman_cli.net import addresses, proxies

MAX_HOPS: Final = 5
CONNECT_S: Final = 10.0
READ_S: Final = 30.0

_HEADERS: Final = {"Accept": "video/*,image/*;q=0.9,*/*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "bhuman"}
REDIRECTS: Final = {301, 302, 303, 307, 308}


class Policy(Protocol):
    """Where links may lead; `addresses.Policy` is the one for links that come from a server."""

    def checked(self, url: str, *, by_proxy: bool = False) -> list[str]:
        """Return the addresses the link may be fetched from; see `addresses.Policy`."""
        ...


class Opener:
    """Keep-alive connections of one thread. Sends no credentials and no cookies, reads no netrc."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._adapter = _PinnedAdapter()
        self._trusted = net.certificates(os.environ)
        self._active: requests.Response | None = None
        self._ways: dict[tuple[str, str], _Way] = {}

    @contextmanager
    def get(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        hops: int = MAX_HOPS,
    ) -> Iterator[requests.Response]:
        """Yield the answer, its body unread, after at most so many redirects; with 0 a redirect is an answer, too.

        headers: beside the usual ones. body: sent once, so only without redirects.

        Raises:
            addresses.Refused, addresses.Unreachable: for this link or one it redirects to.
            requests.RequestException: the transport failed.
        """
        for _ in range(hops + 1):
            scheme = addresses.split(url).scheme
            answer = self._send(_request(url, method, headers or {}, body))
            if answer.status_code not in REDIRECTS or not hops:
                break
            place = answer.headers.get("Location", "")
            answer.close()
            following = urljoin(url, place)
            if not place or (scheme == "https" and not following.lower().startswith("https://")):
                raise addresses.RefusedAddress("it redirects to nowhere, or from https to http")
            url = following
        else:
            raise addresses.RefusedAddress(f"it redirects more than {hops} times")
        self._active = answer
        try:
            yield answer
        finally:
            self._active = None
            answer.close()

    def abort(self) -> None:
        """End the read that another thread waits in, so that an interrupt does not have to wait for the server."""
        active = self._active
        if active is not None:
            with contextlib.suppress(Exception):  # it may be over just now
                active.raw.shutdown()

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    def _send(self, request: requests.PreparedRequest) -> requests.Response:
        url = str(request.url)
        parts = addresses.split(url)
        host = (parts.scheme, parts.netloc)
        if host not in self._ways:
            self._ways[host] = self._way(url, parts.scheme)
        way = self._ways[host]
        options: dict[str, Any] = {"proxies": way.proxies, "verify": self._trusted, "timeout": (CONNECT_S, READ_S)}
        for place, address in enumerate(way.addresses):
            self._adapter.address = address
            try:
                return self._adapter.send(request, stream=True, **options)
            except requests.ConnectionError:
                if place == len(way.addresses) - 1:
                    del self._ways[host]  # the host may have moved: the next attempt asks for its address again
                    raise
        del self._ways[host]
        raise addresses.Unreachable("the host's name has no address")

    def _way(self, url: str, scheme: str) -> _Way:
        """Return how to reach this link's host; asked for once, because a lookup for each file costs a round trip."""
        named = {name: proxy for name, proxy in proxies.proxies_for(url).items() if name in {"all", scheme}}
        # A proxy resolves the name itself: what is seen from here is checked, more is not possible.
        ips = self._policy.checked(url, by_proxy=bool(named))
        return _Way(proxies=named, addresses=("",) if named else tuple(ips))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How a host is reached: by a proxy, or at one of these addresses, which were checked."""

    proxies: dict[str, str]
    addresses: tuple[str, ...]


def _request(url: str, method: str, headers: Mapping[str, str], body: bytes | None = None) -> requests.PreparedRequest:
    """Return the request; no session, and nothing of what it adds: it would keep cookies and read netrc."""
    request = requests.PreparedRequest()
    request.prepare_method(method)
    request.prepare_url(url, None)
    request.prepare_headers({**_HEADERS, "Host": urlsplit(str(request.url)).netloc, **headers})
    if body is not None:
        request.prepare_body(body, None)
    return request


def blocks(answer: requests.Response, size: int) -> Iterator[bytes]:
    """Yield the body in blocks of at most size bytes.

    Raises:
        requests.RequestException: the body broke off.
    """
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        yield from answer.iter_content(size)
        return
    # What has arrived, without waiting for a whole block, or a server that drips would be looked at once an hour;
    # and without the copies that decoding makes.
    try:
        while block := answer.raw.read1(size, decode_content=False):
            yield block
    except (urllib3.exceptions.HTTPError, OSError) as problem:
        raise requests.ConnectionError("the body broke off") from problem


class _PinnedAdapter(HTTPAdapter):
    """Connects to `address`: a name resolved a second time could lead somewhere else (DNS rebinding)."""

    def __init__(self) -> None:
        super().__init__(pool_connections=16, pool_maxsize=2)
        self.address = ""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if not self.address:
            return host, tls
        names: Mapping[str, Any] = {}
        if host["scheme"] == "https":
            # The certificate is still checked against the name in the link.
            names = {"server_hostname": host["host"], "assert_hostname": host["host"]}
        return {**host, "host": self.address}, {**tls, **names}
