"""`python -m tests.benchmarks.strangers`: strangers who hold connections, and strangers who send without credentials.

A real `bhuman listen` under 1,000 idle and 200 dripping connections answers a callback; a real `bhuman studio serve`
takes POSTs of 5 MiB from anybody, and its disk stays as it was.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks import report
from tests.support import listener, studio

CALLBACKS = 20
SLOWEST_S = 1.0
GROWN_MIB = 64.0
BODY_BYTES = 5 * 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a callback waits too long or the disk fills."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.strangers")
    parser.add_argument("--idle", type=int, default=1_000)
    parser.add_argument("--dripping", type=int, default=200)
    parser.add_argument("--posts", type=int, default=1_000)
    chosen = parser.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    took_s, missing = held(chosen.idle, chosen.dripping)
    grown_mib, statuses = filled(chosen.posts)
    lines: list[list[object]] = [
        ["median real callback", report.Figure(name="median", value=statistics.median(took_s), unit=" s")],
        ["slowest real callback", report.Figure(name="slowest", value=max(took_s), unit=" s", limit=SLOWEST_S)],
        ["real callbacks without a 2xx", report.Figure(name="missing", value=missing, limit=0)],
        ["studio's disk gained", report.Figure(name="disk", value=grown_mib, unit=" MiB", limit=GROWN_MIB)],
        [f"answers: {statuses}", report.Figure(name="posts", value=chosen.posts)],
    ]
    title = (
        f"{chosen.idle} idle and {chosen.dripping} dripping connections; {chosen.posts} POSTs of 5 MiB from strangers"
    )
    report.show("strangers", title, ["what", "figure"], lines)
    return int(report.missed(lines) > 0)


def held(idle: int, dripping: int) -> tuple[list[float], int]:
    """Return how long some real callbacks took beside such connections, and how many got no 2xx."""
    over = threading.Event()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        running = stack.enter_context(listener.running(Path(folder)))

        def connect() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", running.parts.port or 0), timeout=30))

        lines = [connect() for _ in range(idle)]
        slow = [connect() for _ in range(dripping)]
        head = b"POST /x HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 10_000

        def drip() -> None:
            for place in range(len(head)):
                for connection in slow:
                    with contextlib.suppress(OSError):
                        connection.send(head[place : place + 1])
                if over.wait(0.5):
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        took, missing = [], 0
        for number in range(CALLBACKS):
            began = time.perf_counter()
            missing += running.send(running.request(listener.event(number))) // 100 != 2
            took.append(time.perf_counter() - began)
            over.wait(0.5)
        over.set()
        thread.join()
        assert len(lines) == idle
        return took, missing


def filled(posts: int) -> tuple[float, dict[int, int]]:
    """Return by how many MiB the studio's folder grew, and the answers by status."""
    body = b'{"names": [["' + b"x" * (BODY_BYTES - 40) + b'"]]}'
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with studio.studio_process(home) as running:
            parts = urlsplit(running.base_url)
            before = _size(home)

            def post(number: int) -> int:
                secret = "" if number % 2 else "Authorization: Basic d3Jvbmc6d3Jvbmc=\r\n"
                head = (
                    f"POST {studio.API}/pipeline/campaign HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                    f"Origin: http://evil.example\r\n{secret}Content-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n"
                )
                answer = b""
                with contextlib.suppress(OSError), socket.create_connection((parts.hostname, parts.port), 30) as line:
                    with contextlib.suppress(OSError):  # it may close before all is sent, and says why
                        line.sendall(head.encode() + body)
                    answer = line.recv(4096)
                return int(answer.split(b" ", 2)[1]) if answer else 0

            with ThreadPoolExecutor(8) as pool:
                statuses = list(pool.map(post, range(posts)))
            return (_size(home) - before) / 2**20, {status: statuses.count(status) for status in sorted(set(statuses))}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    raise SystemExit(main())
