"""A way to a PostgreSQL server that breaks at a chosen COMMIT: before it, before its answer, or right after it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Final

PHASES: Final = ("before", "between", "after")


class CuttingProxy:
    """Passes on what comes, to the port of a server; counts the COMMITs."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.commits = self.cuts = 0
        self._cut_at, self._phase = 0, ""
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, at: int, phase: str) -> None:
        """Break the connection at the so-manieth COMMIT from now on, once."""
        self.commits, self.cuts, self._cut_at, self._phase = 0, 0, at, phase

    def close(self) -> None:
        """Take no connections any more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._server_port))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            breaks = threading.Event()
            threading.Thread(target=self._to_server, args=(near, far, breaks), daemon=True).start()
            threading.Thread(target=self._to_client, args=(near, far, breaks), daemon=True).start()

    def _to_server(self, near: socket.socket, far: socket.socket, breaks: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if b"COMMIT\0" in data:
                    self.commits += 1
                    if self.commits == self._cut_at and not self.cuts:
                        self.cuts += 1
                        if self._phase == "before":
                            break
                        breaks.set()
                far.sendall(data)
        _end(near, far)

    def _to_client(self, near: socket.socket, far: socket.socket, breaks: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                if breaks.is_set() and self._phase == "between":
                    break
                near.sendall(data)
                if breaks.is_set():
                    break
        _end(near, far)


def _end(*ends: socket.socket) -> None:
    for one in ends:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextlib.contextmanager
def running(port: int) -> Iterator[CuttingProxy]:
    """Run one for the block."""
    proxy = CuttingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
