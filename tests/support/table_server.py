"""An HTTPS server that is many hosts at once, and the CONNECT proxy through which their real names lead to it.

Nothing in the program knows of it: it is reached by `HTTPS_PROXY`, and believed by the tests' own authority.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOSTS = (
    "docs.google.com", "drive.google.com", "accounts.google.com", "*.googleusercontent.com", "www.dropbox.com",
    "onedrive.live.com", "1drv.ms", "acme.sharepoint.com", "raw.githubusercontent.com", "files.example",
    "localhost",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Answer:
    """What one address answers. cut: bytes really sent. drip_s: seconds between single bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class TableServer:
    """answers: by `host/path?query`. asked: what was asked, and with which headers. ends: closes dripping answers."""

    ca: Path
    proxy: str = ""
    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)

    @property
    def env(self) -> dict[str, str | None]:
        """Return what leads a command here."""
        return {"HTTPS_PROXY": self.proxy, "REQUESTS_CA_BUNDLE": str(self.ca), "NO_PROXY": "127.0.0.1"}

    def put(self, place: str, body: str | bytes = b"", **more: object) -> None:
        """Let `host/path?query` answer."""
        content = body.encode() if isinstance(body, str) else body
        self.answers[place] = Answer(body=content, **more)  # type: ignore[arg-type]

    def places(self) -> list[str]:
        """Return what was asked, in order."""
        return [place for place, _ in self.asked]


def _certificates(folder: Path) -> ssl.SSLContext:
    """Make an authority and a certificate of all hosts signed by it."""
    names = ",".join([*(f"DNS:{host}" for host in HOSTS), "IP:127.0.0.1"])
    authority = ["-x509", "-days", "2", "-subj", "/CN=Tests", "-keyout", "ca.key", "-out", "ca.pem"]
    leaf = ["-subj", "/CN=tables", "-keyout", "key.pem", "-out", "leaf.csr"]
    (folder / "names.ext").write_text(f"subjectAltName={names}\n")
    for words in (
        ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *authority],
        ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *leaf],
        ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
         "-extfile", "names.ext", "-out", "leaf.pem"],
    ):  # fmt: skip
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "key.pem")
    return context


@contextlib.contextmanager
def running(folder: Path) -> Iterator[TableServer]:
    """Serve all hosts, and the proxy, until the block ends."""
    context = _certificates(folder)
    state = TableServer(ca=folder / "ca.pem")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            host = self.headers.get("Host", "")
            place = f"{host}{self.path}"
            state.asked.append((place, {name.lower(): value for name, value in self.headers.items()}))
            answer = state.answers.get(place) or state.answers.get(place.partition("?")[0]) or Answer(status=404)
            tag = answer.headers.get("ETag")
            if tag and self.headers.get("If-None-Match") == tag:
                answer = Answer(status=304, headers={"ETag": tag})
            self.send_response(answer.status)
            length = {} if answer.status == 304 else {"Content-Length": str(len(answer.body))}
            for name, value in {**length, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self._send(answer)
            self.close_connection = answer.cut is not None or bool(answer.drip_s)

        def _send(self, answer: Answer) -> None:
            with contextlib.suppress(OSError):
                if not answer.drip_s:
                    self.wfile.write(answer.body[: answer.cut])
                    return
                for at in range(len(answer.body)):
                    if state.ends.wait(answer.drip_s):
                        return
                    self.wfile.write(answer.body[at : at + 1])

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self) -> tuple[ssl.SSLSocket, object]:
            connection, address = self.socket.accept()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that does not believe the certificate goes away

    server = Server(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    with _proxy(state):
        try:
            yield state
        finally:
            state.ends.set()
            server.shutdown()
            server.server_close()


@contextlib.contextmanager
def _proxy(state: TableServer) -> Iterator[None]:
    """Lead every CONNECT to the server, whatever host it names."""
    listener = socket.create_server(("127.0.0.1", 0))
    state.proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_tunnel, args=(client, state.port), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _tunnel(client: socket.socket, port: int) -> None:
    with client, contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        with socket.create_connection(("127.0.0.1", port)) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def age(path: Path, seconds: float) -> None:
    """Make a file older."""
    import os

    then = time.time() - seconds
    os.utime(path, (then, then))
