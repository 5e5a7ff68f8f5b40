"""A server that answers the paid request with whatever bytes a test wants, on raw sockets on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from bhuman_cli.api import paid_post
from bhuman_cli.api.paid_post import PaidRequest
from bhuman_cli.api.post_result import NotSent, PostResponse

BODY = b'{"names": [["Ada"]]}'
GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"result":[]}'

Script = Callable[[socket.socket], None]


class Listener:
    """A server of one connection after another. got: the bytes of each, in order."""

    def __init__(self, script: Script) -> None:
        self.got: list[bytes] = []
        self.intents_when_bytes_came: list[int] = []
        self.intents = 0
        self.done = threading.Event()
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.got.append(read_request(connection))
                self.intents_when_bytes_came.append(self.intents)
                self._script(connection)
            self.done.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def send(self, path: str = "/api/ai_studio/pipeline/campaign", **limits: float) -> NotSent | PostResponse:
        return paid_post.post_once(
            PaidRequest(
                url=f"http://127.0.0.1:{self.port}{path}", body=BODY, headers={"Authorization": "Basic abc"}, **limits
            ),
            self._intend, "test-agent",
        )  # fmt: skip

    def _intend(self) -> None:
        self.intents += 1


def read_request(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data or not data.endswith(BODY):
        piece = connection.recv(65_536)
        if not piece:
            return data
        data += piece
    return data
