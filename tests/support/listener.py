"""A real `bhuman listen` process on loopback, and callbacks sent to it over raw sockets."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bhuman_cli.callbacks.store import NAME, EventStore
from tests.support.desk import bare_environment


class Listener:
    """callback_url as printed; home is its BHUMAN_HOME."""

    def __init__(self, process: subprocess.Popen[str], home: Path, callback_url: str) -> None:
        self.process, self.home, self.callback_url = process, home, callback_url
        self.parts = urlsplit(callback_url)

    def store(self) -> EventStore:
        return EventStore.open(self.home / NAME, read_only=True)

    def request(self, body: bytes, *, token: str = "", path: str = "") -> bytes:
        """Return one whole HTTP request."""
        where = path or self.parts.path + (f"/{token}" if token else "")
        head = f"POST {where} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return head.encode() + body

    def send(self, request: bytes) -> int:
        """Send one request on a connection of its own; return the status, 0 without a whole answer."""
        try:
            with socket.create_connection(("127.0.0.1", self.parts.port or 0), timeout=10) as connection:
                connection.sendall(request)
                answer = b""
                while piece := connection.recv(4096):
                    answer += piece
        except OSError:
            answer = b""
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]) if rest else 0

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


@contextmanager
def running(
    home: Path, *options: str, port: int = 0, base_url: str = "http://127.0.0.1:9", journal: str = ""
) -> Iterator[Listener]:
    command = [sys.executable, "-m", "bhuman_cli", "listen", "--json", "--port", str(port), *options]
    environ = {**bare_environment(), "BHUMAN_HOME": str(home), "BHUMAN_BASE_URL": base_url}
    environ |= {"BHUMAN_JOURNAL": journal} if journal else {}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        first = json.loads(process.stdout.readline())
        yield Listener(process, home, first["callback_url"])
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def event(number: int, **more: str) -> bytes:
    """Return a completion's body with an id of its own."""
    identifier = f"{number:08x}-6202-4cec-9a40-dde536e2ab4e"
    links = {"video_url": f"https://v.example/{number}", "url": f"https://a.example/{number}.mp4"}
    return json.dumps({"id": identifier, "campaign_id": "c", "status": "succeeded", **links, **more}).encode()
