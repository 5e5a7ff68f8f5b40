"""A stand-in that answers at once: takes rows, lists them newest first, counts its requests.

It keeps each record as ready JSON, so that what is measured is its client.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

CAMPAIGN_ID = "6f1c2f6e-4f0a-4a54-9a77-0c1d9c2f7a11"
API = "/api/ai_studio"
_LINKS = "".join(
    f',"{name}":"https://assets.example/%s{ending}"'
    for name, ending in (("url", ".mp4"), ("share_url", ""), ("thumbnail", ".jpg"), ("gif", ".gif"))
)


class Service:
    """Everything it was sent: records in order, and how often each route was asked."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self.order: list[str] = []
        self.counts: Counter[str] = Counter()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, str]:
        """Return the status and the JSON text."""
        parts = urlsplit(target)
        if method == "POST":
            self.counts["submit"] += 1
            return 200, json.dumps(
                {"code": 200, "result": [self._take(*row) for row in enumerate(json.loads(body)["names"])]}
            )
        if parts.path.endswith("/generated_video_by_campaign_id"):
            self.counts["list"] += 1
            query = parse_qs(parts.query)
            page, size = int(query["page"][0]), int(query["size"][0])
            end = len(self.order) - page * size
            ids = self.order[max(0, end - size) : max(0, end)][::-1]
            shown = ",".join(self.records[id_] for id_ in ids)
            return 200, f'{{"code":200,"result":{{"total":{len(self.order)},"videos":[{shown}]}}}}'
        if parts.path == "/counts":
            return 200, json.dumps(self.counts)
        id_ = parse_qs(parts.query).get("id", [parts.path.rpartition("/")[2]])[0]
        self.counts["one" if id_ in self.records else "other"] += 1
        return (200, f'{{"code":200,"result":{self.records[id_]}}}') if id_ in self.records else (404, "{}")

    def _take(self, index: int, values: list[str]) -> str:
        id_ = str(uuid.uuid4())
        self.order.append(id_)
        self.records[id_] = (
            f'{{"id":"{id_}","status":"succeeded","message":"","execution_name":"e","campaign_id":"{CAMPAIGN_ID}"'
            f',"row_index":{index},"text":{json.dumps(values)},"created_at":"2026-11-21T12:00:00"'
            f',"updated_at":"2026-11-21T12:00:05Z"{_LINKS % ((id_,) * 4)}}}'
        )
        return id_


async def _serve() -> None:
    service = Service()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, target, _ = head.split(" ", 2)
                lengths = [line for line in head.split("\r\n") if line.lower().startswith("content-length:")]
                body = await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b""
                status, text = service.answer(method, target, body)
                data = text.encode()
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1 << 26)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run one for the block; yields its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.instant_service"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def counts(url: str) -> Counter[str]:
    """Return how often each route was asked."""
    with urlopen(f"{url}/counts") as answer:
        return Counter(json.loads(answer.read()))


if __name__ == "__main__":
    asyncio.run(_serve())
