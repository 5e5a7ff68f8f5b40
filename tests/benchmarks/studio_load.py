"""How much the studio takes: `python -m tests.benchmarks.studio_load`. Prints; asserts nothing.

The studio is one process that renders instantly; the client is this one, over real sockets.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.support.studio import StudioProcess, studio_process

ROWS = 2_000
REQUESTS = 5
READS = 6_000
CONNECTIONS = 8
TARGET_ACCEPT_S = 5.0
TARGET_READS_PER_S = 1_000


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


async def read(studio: StudioProcess, ids: list[str]) -> float:
    """Ask for single videos over a few connections; return answers per second."""
    port = urlsplit(studio.base_url).port
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


def main() -> None:
    """Run both, print both."""
    with tempfile.TemporaryDirectory() as folder, studio_process(Path(folder), "--render", "instant") as studio:
        seconds, ids = accept(studio)
        per_second = asyncio.run(read(studio, ids[:READS]))
    sys.stdout.write(
        f"{len(ids):,} rows accepted in {REQUESTS} requests: {seconds:.2f} s (target < {TARGET_ACCEPT_S:.0f} s)\n"
        f"by-id, one process, {CONNECTIONS} connections: {per_second:,.0f} answers/s "
        f"(target >= {TARGET_READS_PER_S:,})\n"
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )


if __name__ == "__main__":
    main()
