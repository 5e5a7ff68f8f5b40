"""Connections below HTTP: how many there may be, how long they may keep silent, and the ends that servers prevent.

Reaches below ASGI: the connection's own transport travels in the scope.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from uvicorn.protocols.http.h11_impl import H11Protocol

from bhuman_cli.studio.http_answer import HttpAnswer

TRANSPORT: Final = "bhuman.transport"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)

HEAD_S, BODY_S, IDLE_S, UNREAD_S = 10.0, 60.0, 30.0, 60.0
"""How long a request's head may take, its body, the time between two requests, and an answer that nobody reads."""

AT_A_TIME: Final = 16
"""How many connections the loop takes in one turn; those of four turns are open before the oldest of them is closed."""

MOST: Final = 800
SPARE: Final = 64 + 4 * AT_A_TIME
"""Descriptors that are left for files, workers, callbacks, and connections that are only being taken."""


class Connections:
    """The open connections that have no complete request, the oldest first. At the bound they make room."""

    def __init__(self) -> None:
        self._open: set[Protocol] = set()
        self._silent: dict[Protocol, None] = {}

    def add(self, connection: Protocol) -> None:
        """Take a connection in; where there are too many, the oldest without a head goes, else one without its body."""
        while len(self._open) >= bound():
            victim = next(iter(self._silent), None)
            if victim is None:
                victim = next((other for other in self._open if other.is_sending), connection)
            victim.transport.abort()
            self.remove(victim)
            if victim is connection:
                return
        self._open.add(connection)
        self._silent[connection] = None

    def note(self, connection: Protocol, *, silent: bool) -> None:
        """Say whether a connection has no complete request."""
        self._silent.pop(connection, None)
        if silent and connection in self._open:
            self._silent[connection] = None

    def remove(self, connection: Protocol) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._silent.pop(connection, None)


def bound() -> int:
    """Return how many connections there may be with the descriptors of this process."""
    with contextlib.suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return max(16, min(MOST, limit - SPARE)) if limit != resource.RLIM_INFINITY else MOST
    return MOST


def raise_limit() -> None:
    """Take all the descriptors that this process may have."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Protocol(H11Protocol):
    """uvicorn's HTTP protocol, bounded in number and time, whose applications can find their connection."""

    def __init__(self, connections: Connections, **settings: Any) -> None:
        super().__init__(**settings)
        self._among = connections
        self._phase = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    @property
    def is_sending(self) -> bool:
        """Say whether a request's body is still awaited."""
        return self._phase == "body"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport where drop() and raw() look for it."""
        super().connection_made(transport)
        served = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await served(_origin(scope), receive, send)

        self.app = with_transport
        self._among.add(self)
        self._enter("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        super().connection_lost(exc)
        self._among.remove(self)
        self._enter("")
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and see how far the request is."""
        super().data_received(data)
        self._look()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer the whole request of a client that will send no more, if it takes no longer than a head may."""
        self._look()
        if self._phase == "answer":
            self._enter("last")
        return self._phase == "last"

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self._phase == "last":
            self.transport.close()
        self._look()

    def pause_writing(self) -> None:
        """Wait so long for a client that does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it reads."""
        if self._unread is not None:
            self._unread.cancel()
        super().resume_writing()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a request to speak another protocol may be ignored."""

    def _look(self) -> None:
        cycle: Any = self.cycle  # None before the first request
        if self.transport.is_closing():
            self._enter("")
        elif cycle is not None and not cycle.response_complete:
            self._enter("body" if cycle.more_body else "last" if self._phase == "last" else "answer")
        else:
            self._enter("head" if cycle is None or self.conn.trailing_data[0] else "idle")

    def _enter(self, phase: str) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        self._among.note(self, silent=phase in {"head", "idle"})
        if self._deadline is not None:
            self._deadline.cancel()
        within_s = {"head": HEAD_S, "body": BODY_S, "idle": IDLE_S, "last": HEAD_S}.get(phase)
        self._deadline = None if within_s is None else self.loop.call_later(within_s, self.transport.abort)


def _origin(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the scope of a request whose line names the whole URL, as proxies are asked, as if it named the path."""
    raw: bytes = scope["raw_path"]
    if raw[:7].lower() == b"http://":
        parts = urlsplit(scope["path"])
        others = [pair for pair in scope["headers"] if pair[0] != b"host"]
        host = [(b"host", parts.netloc.encode("latin-1", "replace"))]
        path = {"path": parts.path or "/", "raw_path": b"/" + raw[7:].partition(b"/")[2]}
        return {**scope, **path, "headers": others + host}
    return scope


def drop(scope: MutableMapping[str, Any], *, reset: bool = False) -> None:
    """Close the connection without an answer; with a reset instead of an orderly end if asked."""
    transport: asyncio.Transport = scope[TRANSPORT]
    if reset:
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


def half_headers(scope: MutableMapping[str, Any], answer: HttpAnswer) -> None:
    """Send the status line and a piece of the headers, then close."""
    transport: asyncio.Transport = scope[TRANSPORT]
    transport.write(f"HTTP/1.1 {answer.status} OK\r\nserver: studio\r\ncontent-ty".encode())
    transport.close()


def truncated(scope: MutableMapping[str, Any], answer: HttpAnswer, size: int) -> None:
    """Announce the whole body, send `size` bytes of it, then close."""
    early(scope, answer, answer.body[:size], "OK")
    scope[TRANSPORT].close()


def early(scope: MutableMapping[str, Any], answer: HttpAnswer, body: bytes, reason: str = "Refused") -> None:
    """Send an answer while the request is still coming; the connection stays open for what is on its way."""
    head = (
        f"HTTP/1.1 {answer.status} {reason}\r\ncontent-type: {answer.content_type}\r\n"
        f"content-length: {len(answer.body)}\r\nconnection: close\r\n\r\n"
    )
    scope[TRANSPORT].write(head.encode() + body)
