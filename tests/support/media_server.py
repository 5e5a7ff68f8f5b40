"""A media host on loopback that serves files and misbehaves on request: truncates, lies, redirects, refuses."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(slots=True)
class Answer:
    """status, body, headers. cut: bytes really sent of those announced. chunked: no length is announced.

    stalls: after what is sent, wait for the server's gate. etag: then ranges are honoured, as If-Range allows.
    cut_share: of what a request would get, what is sent of it.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    chunked: bool = False
    stalls: bool = False
    etag: str = ""
    cut_share: float = 1.0


@dataclass(slots=True)
class MediaServer:
    """answers: per path, used up in order, the last one again and again. asked: how often each path was.

    hold_after: from so many requests on, answers wait for `gate`; `held` says that one does.
    """

    base_url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    hosts: list[str] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)
    hold_after: int = 10**9
    held: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    sent: int = 0

    def put(self, path: str, *answers: Answer) -> str:
        self.answers[path] = list(answers)
        return self.base_url + path

    def note(self, headers: dict[str, str]) -> None:
        self.hosts.append(headers.get("Host", ""))
        self.seen.append(headers)

    def next(self, path: str) -> Answer:
        self.asked[path] += 1
        if self.asked.total() > self.hold_after:
            self.held.set()
            self.gate.wait(30)
        queue = self.answers.get(path, [Answer(status=404)])
        return queue.pop(0) if len(queue) > 1 else queue[0]


@contextmanager
def running(port: int = 0, certificate: Path | None = None) -> Iterator[MediaServer]:
    state = MediaServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.note(dict(self.headers))
            path, _, query = self.path.partition("?")
            answer = state.next(path if path in state.answers else f"{path}?{query}")
            if answer.etag:
                self._ranged(answer)
                return
            self.send_response(answer.status)
            for named in answer.headers.items():
                self.send_header(*named)
            if answer.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(f"{len(answer.body):x}\r\n".encode() + answer.body + b"\r\n")
                if answer.cut is None:
                    self.wfile.write(b"0\r\n\r\n")
                self.close_connection = answer.cut is not None
                return
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(answer.body[: answer.cut])
                if answer.stalls:
                    self.wfile.flush()
                    state.held.set()
                    state.gate.wait(30)
            self.close_connection = answer.cut is not None

        def _ranged(self, answer: Answer) -> None:
            asked = self.headers.get("Range", "") if self.headers.get("If-Range") == answer.etag else ""
            first = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            rest = answer.body[first:]
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{len(answer.body) - 1}/{len(answer.body)}")
            self.send_header("ETag", answer.etag)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            part = rest[: max(1, int(len(rest) * answer.cut_share))]
            with contextlib.suppress(OSError):
                self.wfile.write(part)
                state.sent += len(part)
            self.close_connection = len(part) < len(rest)

        def log_message(self, format: str, *args: object) -> None:
            pass

    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
