"""How much the studio takes: `python -m tests.benchmarks.studio_load [--rounds N]`.

The studio is one process that renders instantly; the client is this one, over real sockets. Beside it, in the same
rounds, the same reads from a server of the same kind that answers from memory: what the web server alone costs. The
floor holds for each processor second always, and for the clock's where the studio had its processor to itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.benchmarks import report
from tests.support.studio import StudioProcess, studio_process

ROWS = 2_000
REQUESTS = 5
READS = 6_000
CONNECTIONS = 8
ACCEPT_S = 5.0
READS_PER_S = 1_000
ALONE = 0.8
"""The share of the clock's time that a busy studio gets on a free machine."""
PEER = """
import json, sys, uvicorn


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    record = {"id": scope["query_string"][3:].decode(), "status": "succeeded", "url": "u" * 100, "text": "t" * 60}
    body = json.dumps({"code": 200, "result": record}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off")
"""


def accept(studio: StudioProcess) -> tuple[float, list[str]]:
    """Submit 10,000 rows in 5 requests; return the seconds it took and the ids."""
    ids: list[str] = []
    began = time.perf_counter()
    for number in range(REQUESTS):
        names = [[f"Name {number}-{row}", "ExampleCo", f"https://example.com/{row}"] for row in range(ROWS)]
        body = {"campaign_id": studio.campaign_id, "variables": ["first_name", "company", "cta_url"], "names": names}
        answer = requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=60)
        ids += answer.json()["result"]
    return time.perf_counter() - began, ids


async def read(base_url: str, ids: list[str]) -> float:
    """Ask for single videos over a few connections; return answers per second."""
    port = urlsplit(base_url).port
    shares = [ids[number::CONNECTIONS] for number in range(CONNECTIONS)]

    async def ask(share: list[str]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for identifier in share:
            writer.write(
                f"GET /api/ai_studio/generated_video_by_id?id={identifier} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            record = json.loads(await reader.readexactly(size))["result"]
            assert record["id"] == identifier
            assert record["status"] == "succeeded"
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(ask(share) for share in shares))
    return len(ids) / (time.perf_counter() - began)


@contextmanager
def peer() -> Iterator[str]:
    """Run the server that only answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", PEER, str(port)]) as process:
        try:
            for _ in range(200):
                with socket.socket() as knock:
                    if knock.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def one_round() -> dict[str, float]:
    """Measure a new studio and the peer, one after the other."""
    with tempfile.TemporaryDirectory() as folder, studio_process(Path(folder), "--render", "instant") as studio:
        accept_s, ids = accept(studio)
        used_s = processor_s(studio.process.pid)
        per_second = asyncio.run(read(studio.base_url, ids[:READS]))
        cpu_s = processor_s(studio.process.pid) - used_s
    with peer() as base_url:
        floor = asyncio.run(read(base_url, ids[:READS]))
    return {
        "accept": accept_s, "reads": per_second, "reads cpu": READS / cpu_s, "share": cpu_s * per_second / READS,
        "peer": floor, "ratio": floor / per_second,
    }  # fmt: skip


def processor_s(pid: int) -> float:
    """Return the processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if the studio is slower than promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.studio_load")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = [one_round() for _ in range(parser.parse_args(arguments).rounds)]
    found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    floor = READS_PER_S if found["share"] >= ALONE else None
    per_cpu = report.Figure(name="reads cpu", value=found["reads cpu"], unit="/s", floor=READS_PER_S)
    lines: list[list[object]] = [
        [
            f"{ROWS * REQUESTS:,} rows accepted in {REQUESTS} requests",
            report.Figure(name="accept", value=found["accept"], unit=" s", limit=ACCEPT_S),
        ],
        [
            f"single videos read over {CONNECTIONS} connections",
            report.Figure(name="reads", value=found["reads"], unit="/s", floor=floor),
        ],
        ["the same for a second of the studio's processor", per_cpu],
        ["share of the time that the studio had a processor", report.Figure(name="share", value=found["share"])],
        ["the same from a server that answers from memory", report.Figure(name="peer", value=found["peer"], unit="/s")],
        ["time of a read beside it", report.Figure(name="ratio", value=found["ratio"], unit="x", peer="memory")],
    ]
    report.show("studio_load", f"Local studio, one process, medians of {len(rounds)} rounds", ["what", "median"], lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
