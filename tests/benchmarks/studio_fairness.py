"""Whether anybody waits for somebody else, or for the past: `python -m tests.benchmarks.studio_fairness`.

One studio that renders instantly, filled through its API; every figure is a ratio of two measurements of one run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks import report
from tests.support.studio import StudioProcess, studio_process

FEW, MANY = 200, 200_000
PAGE = 100
MEASURED_S = 4.0
CLIENTS = 16


class Client:
    """One connection that is kept."""

    def __init__(self, studio: StudioProcess) -> None:
        self._connection = HTTPConnection(urlsplit(studio.base_url).netloc, timeout=120)
        self._studio = studio

    def get(self, path: str) -> bytes:
        self._connection.request("GET", path, headers=self._studio.bearing)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:200]
        return body

    def order(self, rows: int, target: str = "") -> list[str]:
        names = [[f"Name {row}", "ExampleCo", "https://example.com/x"] for row in range(rows)]
        variables = ["first_name", "company", "cta_url"]
        body = {"campaign_id": target or self._studio.campaign_id, "variables": variables, "names": names}
        path = "/api/ai_studio/pipeline/campaign"
        self._connection.request("POST", path, json.dumps(body), headers=self._studio.basic)
        return list(json.loads(self._connection.getresponse().read())["result"])


def rate(ask: Callable[[], object], within_s: float = MEASURED_S) -> float:
    """Return how often a second something can be asked, one after the other."""
    count, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < within_s:
        ask()
        count += 1
    return count / taken


@contextlib.contextmanager
def beside(ask: Callable[[], object]) -> Iterator[None]:
    """Ask for something else all the time while the block lasts."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            ask()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join(60)


def together(studio: StudioProcess, count: int) -> float:
    """Return how many one-row orders a second so many clients get through."""
    clients = [Client(studio) for _ in range(count)]
    rates = [0.0] * count

    def work(number: int) -> None:
        rates[number] = rate(lambda: clients[number].order(1))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


def usual_ms(ask: Callable[[], object], times: int = 50) -> float:
    """Return how long one question takes where the machine is not busy with others: the fifth that is fastest."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return 1_000 * statistics.quantiles(taken, n=5)[0]


def resident_mib(studio: StudioProcess) -> float:
    """Return the studio's memory."""
    status = Path(f"/proc/{studio.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def pages(client: Client, campaign: str, count: int) -> float:
    """Return the seconds that so many pages of a list take, from its first on."""
    began = time.perf_counter()
    for page in range(count):
        path = f"/api/ai_studio/generated_video_by_campaign_id?campaign_id={campaign}&page={page}&size={PAGE}"
        assert len(json.loads(client.get(path))["result"]["videos"]) == PAGE
    return time.perf_counter() - began


def look(client: Client, small: str) -> dict[str, float]:
    """Measure what must not grow with what was made before."""
    path = f"/api/ai_studio/generated_video_by_campaign_id?campaign_id={small}&page=0&size={PAGE}"
    return {
        "list": usual_ms(lambda: client.get(path)),
        "front": usual_ms(lambda: client.get("/")),
        "order": usual_ms(lambda: client.order(1, small)),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if somebody waits."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.studio_fairness")
    parser.add_argument("--videos", type=int, default=MANY)
    many = parser.parse_args(arguments).videos
    with (
        tempfile.TemporaryDirectory() as folder,
        studio_process(Path(folder), "--render", "instant", "--any-target") as studio,
    ):
        client, poster = Client(studio), Client(studio)
        (asked, *_) = client.order(FEW)
        by_id = f"/api/ai_studio/generated_video_by_id?id={asked}"
        small = "10ca1000-0000-4000-8000-0000000000aa"
        client.order(3, small)
        few = look(client, small)
        alone = rate(lambda: client.get(by_id))
        with beside(lambda: poster.order(2_000, "10ca1000-0000-4000-8000-0000000000bb")):
            crowded = rate(lambda: client.get(by_id))
        one, sixteen = together(studio, 1), together(studio, CLIENTS)
        for _ in range(10):
            client.order(2_000)
        begun_mib = resident_mib(studio)
        fifty, two_hundred = pages(client, studio.campaign_id, 50), pages(client, studio.campaign_id, 200)
        listed_mib = resident_mib(studio)
        for _ in range(many // 2_000):
            client.order(2_000)
        lot = look(client, small)
    lines: list[list[object]] = [
        ["one video by id, alone", report.Figure(name="alone", value=alone, unit="/s")],
        ["beside a poster of 2,000-row requests", report.Figure(name="beside", value=crowded / alone, floor=0.5,
                                                              peer="alone")],
        ["orders of one row, one client", report.Figure(name="one", value=one, unit="/s")],
        ["orders of one row, 16 clients", report.Figure(name="sixteen", value=sixteen, unit="/s")],
        ["16 clients beside one", report.Figure(name="group", value=sixteen / one, unit="x", peer="one client")],
        ["200 pages beside 50", report.Figure(name="pages", value=two_hundred / fifty, unit="x", limit=4.4)],
        ["memory, 20,000 rows listed beside accepted",
         report.Figure(name="memory", value=listed_mib / begun_mib, unit="x", limit=1.1)],
        *[
            [f"{what} beside {many:,} videos", report.Figure(name=name, value=lot[name] / few[name], unit="x",
                                                            limit=1.5, peer=f"{FEW} videos")]
            for name, what in (("list", "a campaign of 3"), ("front", "the front page"), ("order", "an order"))
        ],
    ]  # fmt: skip
    report.show("studio_fairness", "Local studio, ratios of one run", ["what", "figure"], lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
