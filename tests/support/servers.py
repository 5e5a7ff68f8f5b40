"""A server on loopback that answers with exactly the bytes a test wants, and remembers what it was sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

TLS_HANDSHAKE = b"\x16"
Answer = bytes | Callable[[socket.socket], None]


@dataclass(slots=True)
class ByteServer:
    """answers: one per connection, the last one for all that follow; bytes, or a function that talks itself."""

    answers: list[Answer]
    requests: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def reply(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a whole answer that ends its connection."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode() + body


@contextlib.contextmanager
def byte_server(*answers: Answer) -> Iterator[ByteServer]:
    """Serve until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = ByteServer(answers=list(answers), port=listener.getsockname()[1])
    threading.Thread(target=_serve, args=(listener, server), daemon=True).start()
    try:
        yield server
    finally:
        # shutdown wakes the accepting thread; close alone would leave it waiting for ever.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _serve(listener: socket.socket, server: ByteServer) -> None:
    for number in range(10_000):
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        answer = server.answers[min(number, len(server.answers) - 1)]
        with connection, contextlib.suppress(OSError):
            server.requests.append(_read_request(connection))
            if callable(answer):
                answer(connection)
            else:
                connection.sendall(answer)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and not received.startswith(TLS_HANDSHAKE):
        piece = connection.recv(65536)
        if not piece:
            return received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
