"""The one request that costs money: sent once, on a fresh connection, never retried, never redirected.

The moment before the first byte is handed to the caller, so that intent is on disk before effect; whether that moment
was reached is what tells "certainly not sent" from "nobody knows". Decides nothing about what an answer means.
"""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests
import requests.adapters
import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from bhuman_cli import net
from bhuman_cli.api import interim, transport
from bhuman_cli.api.post_result import NotSent, PostResponse
from bhuman_cli.api.retry import Failure
from bhuman_cli.net import proxies

FIRST_BYTE_S: Final = 300.0
TOTAL_S: Final = 600.0  # a short time-out would create doubt
CONNECT_S: Final = 10.0
LIMIT_BYTES: Final = 16 * 1024 * 1024  # 2,000 ids are 80 kB
_PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidRequest:
    """A frozen request. body: sent as it is. headers: with credentials, so never shown."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    first_byte_s: float = FIRST_BYTE_S
    total_s: float = TOTAL_S


def post_once(request: PaidRequest, before_first_byte: Callable[[], None], user_agent: str) -> NotSent | PostResponse:
    """Send the request once and read what comes.

    before_first_byte: called when the connection (TLS and proxy included) stands and before anything of the request
        is written. If it raises, nothing is sent and the exception passes through.
    Source: API contract, "pipeline/campaign": no idempotency key.
    """
    attempt = _Attempt(before_first_byte)
    watchdog = threading.Timer(request.total_s, attempt.cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        return _exchange(request, attempt, user_agent)
    finally:
        watchdog.cancel()


class _Attempt:
    """One connection's way: not connected, about to send, cut by the watchdog."""

    def __init__(self, before_first_byte: Callable[[], None]) -> None:
        self._before_first_byte = before_first_byte
        self.is_sending = False
        self.is_cut = False
        self._socket: Any = None

    def connected(self, connection: Any) -> None:
        self._socket = connection.sock
        self._before_first_byte()
        self.is_sending = True

    def cut(self) -> None:
        self.is_cut = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


def _exchange(request: PaidRequest, attempt: _Attempt, user_agent: str) -> NotSent | PostResponse:
    session = requests.Session()
    session.trust_env = False  # ~/.netrc would replace the Authorization header
    session.headers.clear()
    adapter = _OnceAdapter(attempt)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    with session:
        try:
            response = session.post(
                request.url,
                data=request.body,
                headers={
                    "User-Agent": user_agent,
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "Content-Type": "application/json",
                    **request.headers,
                },
                timeout=(CONNECT_S, request.first_byte_s),
                allow_redirects=False,  # a 307 would send the whole paid body once more
                stream=True,
                proxies=proxies.proxies_for(request.url),
                verify=net.certificates(os.environ),
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            return _failed(error, attempt)
        with response:
            return _read(response, attempt)


def _failed(error: Exception, attempt: _Attempt) -> NotSent | PostResponse:
    failed = transport.as_no_answer(error)
    reason = failed.reason
    if not attempt.is_sending:
        return NotSent(reason=reason, is_lasting=failed.failure is Failure.CERTIFICATE)
    if attempt.is_cut:
        reason = "no complete answer in time"
    return PostResponse(status=None, headers={}, body=b"", error=f"after sending: {reason}")


def _read(response: requests.Response, attempt: _Attempt) -> PostResponse:
    headers = {name.lower(): value for name, value in response.headers.items() if name.lower() != "set-cookie"}
    pieces: list[bytes] = []
    size = 0
    error = ""
    try:
        while piece := response.raw.read1(_PIECE_BYTES, decode_content=False):
            pieces.append(piece)
            size += len(piece)
            if size > LIMIT_BYTES:
                error = f"the answer is larger than {LIMIT_BYTES // 2**20} MiB"
                break
        if not error and response.raw.length_remaining:
            error = "the answer is shorter than it said"
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError):
        error = "the answer broke off"
    if attempt.is_cut:
        error = "no complete answer in time"
    return PostResponse(status=response.status_code, headers=headers, body=b"".join(pieces), error=error)


class _WholeHeaders:
    """A reader that notices when a header block ends with the connection instead of an empty line."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._file.readline(limit)
        if not line:
            raise http.client.IncompleteRead(b"")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _WholeResponse(interim.FinalResponse):
    """`http.client` returns a clean answer with an empty body when the header block is cut; this one says so."""

    def begin(self) -> None:
        file = self.fp
        self.fp = _WholeHeaders(file)  # type: ignore[assignment] # only readline and close are used meanwhile
        try:
            super().begin()
        finally:
            if self.fp is not None:
                self.fp = file


class _OnceAdapter(requests.adapters.HTTPAdapter):
    """An adapter whose connections say when they stand."""

    def __init__(self, attempt: _Attempt) -> None:
        self._attempt = attempt
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool for a request, its connections watched."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        secure = isinstance(pool, HTTPSConnectionPool)
        pool.ConnectionCls = _watched(HTTPSConnection if secure else HTTPConnection, self._attempt)
        return pool


def _watched(kind: type[HTTPConnection], attempt: _Attempt) -> type[Any]:
    class Watched(kind):  # type: ignore[valid-type, misc]
        response_class = _WholeResponse

        def connect(self) -> None:
            super().connect()
            attempt.connected(self)

    return Watched
