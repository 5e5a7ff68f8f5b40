"""Transport of every request but the paid POST: one attempt, bounded in time and size. Never decides on retries."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
import requests.adapters
import requests.utils
import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from bhuman_cli import net
from bhuman_cli.api import interim
from bhuman_cli.api.retry import Failure
from bhuman_cli.clock import Clock
from bhuman_cli.net import proxies

CONNECT_S: Final = 5.0
TOTAL_S: Final = 30.0
RECORD_BYTES: Final = 4 * 1024 * 1024
LIST_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, ready to be sent; url includes the host, query the pairs after `?`."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    limit_bytes: int = RECORD_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back, read to its end. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """There is no answer to read.

    failure: how far it got. reason: short words for people, without the URL (an id may stand in it).
    """

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason


class Transport:
    """A connection pool that follows no redirects, keeps no cookies and reads no `.netrc`."""

    def __init__(self, *, clock: Clock, pool_size: int, user_agent: str, total_s: float = TOTAL_S) -> None:
        self._clock = clock
        self._total_s = total_s
        self._session = requests.Session()
        # `trust_env` would let ~/.netrc replace the Authorization header; proxies are read below instead.
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.clear()
        self._session.headers.update(
            {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        )
        adapter = _BoundedAdapter(pool_size, total_s)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def send(self, request: Request) -> Response:
        """Send once and read the whole answer.

        Raises:
            NoAnswer: no connection, no complete answer within 30 s, or one over the limit.
        """
        deadline = self._clock.monotonic_s() + self._total_s
        try:
            response = self._session.request(
                request.method,
                request.url,
                params=list(request.query) or None,
                data=request.body,
                headers=dict(request.headers),
                timeout=(CONNECT_S, self._total_s),
                allow_redirects=False,
                stream=True,
                proxies=proxies.proxies_for(request.url),
                verify=net.certificates(os.environ),
            )
            with response:
                return Response(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=self._read(response, request.limit_bytes, deadline),
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise as_no_answer(error) from None

    def _read(self, response: requests.Response, limit_bytes: int, deadline: float) -> bytes:
        pieces: list[bytes] = []
        size = 0
        # read1 returns what is there, so that a server that drips is noticed at the deadline.
        while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
            size += len(piece)
            if size > limit_bytes:
                raise NoAnswer(Failure.TOO_LARGE, f"the answer is larger than {limit_bytes // 2**20} MiB")
            if self._clock.monotonic_s() > deadline:
                raise NoAnswer(Failure.READ, f"the answer was not complete after {self._total_s:.0f} s")
            pieces.append(piece)
        expected = response.headers.get("content-length", "")
        if response.raw.length_remaining:
            raise NoAnswer(Failure.READ, f"the answer ended after {size} of {expected[:20]} bytes")
        return b"".join(pieces)


class _BoundedAdapter(requests.adapters.HTTPAdapter):
    """An adapter whose connections wait for the header block no longer than allowed in all.

    A time-out of `requests` is per read: a server that drips header lines would hold a thread for hours.
    """

    def __init__(self, pool_size: int, total_s: float) -> None:
        self._kinds = {kind: _bounded(kind, total_s) for kind in (HTTPConnection, HTTPSConnection)}
        super().__init__(pool_connections=2, pool_maxsize=pool_size, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool for a request, its connections bounded."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = self._kinds.get(pool.ConnectionCls, pool.ConnectionCls)
        return pool


def _bounded(kind: type[HTTPConnection], total_s: float) -> type[Any]:
    class Bounded(kind):  # type: ignore[valid-type, misc]
        response_class = interim.FinalResponse

        def getresponse(self) -> Any:
            is_cut = threading.Event()
            timer = threading.Timer(total_s, _cut, (self.sock, is_cut))
            timer.daemon = True
            timer.start()
            try:
                response = super().getresponse()
            finally:
                timer.cancel()
            if is_cut.is_set():  # http.client takes a header block that just ends for a whole one
                response.close()
                self.close()
                raise TimeoutError
            return response

    return Bounded


def _cut(connection: Any, is_cut: threading.Event) -> None:
    is_cut.set()
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def as_no_answer(error: Exception) -> NoAnswer:
    """Say in which phase a request failed; `requests` uses one class for "not sent" and "sent, no answer"."""
    chain = _chain(error)
    if any(isinstance(link, requests.exceptions.SSLError | urllib3.exceptions.SSLError) for link in chain):
        if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
            return NoAnswer(
                Failure.CERTIFICATE,
                "the service's certificate is not from an authority that this machine trusts;"
                " behind a company's proxy REQUESTS_CA_BUNDLE names that company's certificate",
            )
        return NoAnswer(Failure.TLS, "the secure connection could not be made (certificate or handshake)")
    if any(isinstance(link, urllib3.exceptions.NameResolutionError) for link in chain):
        return NoAnswer(Failure.CONNECT, "the name of the service could not be resolved")
    if any(isinstance(link, urllib3.exceptions.ProxyError | requests.exceptions.ProxyError) for link in chain):
        return NoAnswer(Failure.CONNECT, "the proxy refused or does not answer")
    # NewConnectionError is a ConnectTimeoutError to urllib3, so it must be asked first.
    if any(isinstance(link, urllib3.exceptions.NewConnectionError | ConnectionRefusedError) for link in chain):
        return NoAnswer(Failure.CONNECT, "the connection was refused or there is no route")
    if any(isinstance(link, _TIMED_OUT_CONNECTING) for link in chain):
        return NoAnswer(Failure.CONNECT, f"no connection within {CONNECT_S:.0f} s")
    if any(
        isinstance(link, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError | TimeoutError) for link in chain
    ):
        return NoAnswer(Failure.READ, "no complete answer in time")
    return NoAnswer(Failure.READ, "the connection broke before the answer was complete")


_TIMED_OUT_CONNECTING: Final[Any] = (
    requests.exceptions.ConnectTimeout,
    urllib3.exceptions.ConnectTimeoutError,
)


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and everything it wraps, in `reason`, `args` or as cause."""
    links: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting and len(links) < 20:
        link = waiting.pop()
        if link in links:
            continue
        links.append(link)
        inside = (getattr(link, "reason", None), link.__cause__, link.__context__, *link.args)
        waiting += [part for part in inside if isinstance(part, BaseException)]
    return links
