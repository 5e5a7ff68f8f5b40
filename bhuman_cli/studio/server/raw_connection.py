"""Raw connections that break HTTP on purpose: half headers, wrong lengths, connections that just end.

Reaches below ASGI: the connection's own transport travels in the scope.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import MutableMapping
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from bhuman_cli.studio.http_answer import HttpAnswer

TRANSPORT: Final = "bhuman.transport"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class Protocol(H11Protocol):
    """uvicorn's HTTP protocol, whose applications can find their connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport where drop() and raw() look for it."""
        super().connection_made(transport)
        served = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = transport
            await served(scope, receive, send)

        self.app = with_transport


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
    transport: asyncio.Transport = scope[TRANSPORT]
    length = len(answer.body)
    head = f"HTTP/1.1 {answer.status} OK\r\ncontent-type: {answer.content_type}\r\ncontent-length: {length}\r\n\r\n"
    transport.write(head.encode() + answer.body[:size])
    transport.close()
