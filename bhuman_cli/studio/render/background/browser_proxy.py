"""Proxy that is the browser's only way out: on loopback, connecting only to addresses that it checked.

What a page loads, and where it leads, is its author's choice; so the check can't be left to the browser, whose own
lookup may answer differently a moment later. Reads no more than the head of a message, and keeps nothing.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import socketserver
import threading
import urllib.parse
from io import BufferedReader
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, cast

from bhuman_cli.studio.render.background import reach

IDLE_S: Final = 30.0
LONGEST_HEAD_BYTES: Final = 64 * 1024
MOST_BODY_BYTES: Final = 10 * 1024 * 1024
AT_ONCE: Final = 128
_CHUNK: Final = 64 * 1024
_OF_ONE_HOP: Final = {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade", "te", "trailer"}


class BrowserProxy:
    """A proxy while the `with` lasts: `with Gate(allow_private=False) as gate: gate.port`."""

    def __init__(self, *, allow_private: bool, network: reach.Network = reach.SYSTEM) -> None:
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.allow_private, self._server.network = allow_private, network
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="gate")

    @property
    def port(self) -> int:
        """Return where it listens on loopback."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more connections, and drop those that are open."""
        self._server.shutdown()
        self._server.server_close()
        self._server.drop()
        self._thread.join()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = AT_ONCE
    allow_private = False
    network = reach.SYSTEM

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._room = threading.BoundedSemaphore(AT_ONCE)

    @contextlib.contextmanager
    def holding(self, connection: socket.socket) -> Any:
        """Know a connection while it is used, so that the end of the gate is its end."""
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def drop(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a connection that breaks is the page's affair."""


class _Connection(socketserver.StreamRequestHandler):
    server: _Server
    timeout = IDLE_S

    def handle(self) -> None:
        with self.server._room, self.server.holding(self.request):
            lines = _head(cast("BinaryIO", self.rfile))
            method, target = lines[0].split(" ", 2)[:2]
            try:
                if method == "CONNECT":
                    self._tunnel(target)
                else:
                    self._pass_on(method, target, lines[1:])
            except reach.FetchError:
                self._refuse("403 Forbidden")
            except OSError:
                self._refuse("502 Bad Gateway")

    def _tunnel(self, target: str) -> None:
        place = self._located(f"https://{target}")
        with place.connect(self.server.network) as onward, self.server.holding(onward):
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _copy_both_ways(self.request, onward)

    def _pass_on(self, method: str, target: str, fields: list[str]) -> None:
        """Send one request on, and its answer back; the next one may be for another host, and gets a new connection."""
        parts = urllib.parse.urlsplit(target)
        if parts.scheme != "http":
            raise reach.FetchError("is not for a proxy")
        place = self._located(target)
        query = f"?{parts.query}" if parts.query else ""
        headers = [line for line in fields if line.split(":", 1)[0].strip().lower() not in _OF_ONE_HOP]
        origin = f"http://{place.netloc}" if place.proxy is not None else ""
        for_proxy = [*(f"{name}: {value}" for name, value in place.proxy_fields.items()), "Connection: close"]
        with place.connect(self.server.network) as onward, self.server.holding(onward):
            onward.settimeout(IDLE_S)
            onward.sendall(_lines([f"{method} {origin}{parts.path or '/'}{query} HTTP/1.1", *headers, *for_proxy]))
            onward.sendall(self.rfile.read(_body_bytes(headers)))
            with onward.makefile("rb") as answer:
                status, *back = _final_head(answer)
                told = [line for line in back if line.split(":", 1)[0].strip().lower() not in _OF_ONE_HOP]
                self.wfile.write(_lines([status, *told, "Connection: close"]))
                self._copy(answer, _told(back).get("content-length", ""))

    def _copy(self, answer: BufferedReader, length: str) -> None:
        """Copy an answer's body; a server that does not close after it must not keep us."""
        left = int(length) if length.isdecimal() else None
        while left != 0 and (chunk := answer.read1(_CHUNK)):
            self.wfile.write(chunk)
            left = None if left is None else max(0, left - len(chunk))

    def _located(self, address: str) -> reach.Place:
        return reach.locate(address, allow_private=self.server.allow_private, network=self.server.network)

    def _refuse(self, status: str) -> None:
        with contextlib.suppress(OSError):
            self.wfile.write(_lines([f"HTTP/1.1 {status}", "Content-Length: 0", "Connection: close"]))


def _head(stream: BinaryIO) -> list[str]:
    """Read a message's head.

    Raises:
        OSError: it broke off, or is none.
    """
    lines: list[str] = []
    room = LONGEST_HEAD_BYTES
    while (line := stream.readline(room)) not in {b"\r\n", b"\n"}:
        room -= len(line)
        if not line.endswith(b"\n") or room <= 0:
            raise ConnectionError
        lines.append(line.decode("latin-1").rstrip("\r\n"))
    if not lines or len(lines[0].split(" ", 2)) < 2:
        raise ConnectionError
    return lines


def _final_head(stream: BinaryIO) -> list[str]:
    """Read an answer's head, past those that only announce it."""
    while (lines := _head(stream))[0].split(" ", 2)[1].startswith("1"):
        continue
    return lines


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


def _body_bytes(fields: list[str]) -> int:
    """Return how many bytes of a request follow its head.

    Raises:
        OSError: too many, or that can't be told.
    """
    told = _told(fields)
    length = told.get("content-length", "0")
    if "transfer-encoding" in told or not length.isdecimal() or int(length) > MOST_BODY_BYTES:
        raise ConnectionError
    return int(length)


def _told(fields: list[str]) -> dict[str, str]:
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}


def _copy_both_ways(one: socket.socket, other: socket.socket) -> None:
    """Copy until either side ends, or both are silent for long."""
    for end in (one, other):
        end.settimeout(IDLE_S)
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while events := ready.select(IDLE_S):
            for key, _ in events:
                data = cast("socket.socket", key.fileobj).recv(_CHUNK)
                if not data:
                    return
                key.data.sendall(data)
