"""A loopback receiver of POSTs that remembers them; it can be told to refuse the first ones."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What came, in order, and where to send it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.events: list[dict[str, Any]] = []
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.pinged: list[str] = []
        self.refuse = 0
        self.refusal = 500
        self.changed = threading.Condition()

    def wait_for(self, ready: Callable[[list[dict[str, Any]]], bool], *, within_s: float = 15) -> list[dict[str, Any]]:
        """Return the events as soon as they satisfy `ready`."""
        with self.changed:
            assert self.changed.wait_for(lambda: ready(self.events), within_s), f"only {self.events}"
            return list(self.events)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver; with a certificate at https://localhost."""
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with receiver.changed:
                refused = receiver.refuse > 0
                receiver.refuse -= refused
                if not refused:
                    receiver.events.append(json.loads(body))
                    receiver.posts.append((dict(self.headers), body))
                receiver.changed.notify_all()
            self.send_response(receiver.refusal if refused else 204)
            self.end_headers()

        def do_GET(self) -> None:
            with receiver.changed:
                receiver.pinged.append(self.path)
                receiver.changed.notify_all()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    origin = "http://127.0.0.1"
    if tls is not None:
        server.socket, origin = tls.wrap_socket(server.socket, server_side=True), "https://localhost"
    receiver.url = f"{origin}:{server.server_port}/hook?tenant=7"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
