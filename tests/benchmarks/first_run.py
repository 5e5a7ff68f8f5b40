"""A first run against a service that answers at once, beside a bare loop: `python -m tests.benchmarks.first_run`.

The bare loop submits, lists and writes a CSV with `http.client`; it keeps no journal and checks nothing. Processor
seconds of the client alone, the clock's beside them, and the most memory. `--profile FILE` keeps where the time goes.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import report
from tests.support import instant_service
from tests.support.desk import bare_environment
from tests.support.instant_service import API, CAMPAIGN_ID

LIMIT: Final = 3.0
MIB: Final = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process took. mib: the most memory it had."""

    wall_s: float
    cpu_s: float
    mib: float


def cost(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Cost:
    """Run a command to its good end; return what it took."""
    began = time.perf_counter()
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (folder / "said").read_text()[-2000:]
    return Cost(wall_s=time.perf_counter() - began, cpu_s=used.ru_utime + used.ru_stime, mib=used.ru_maxrss / 1024)


def write_table(path: Path, rows: int, first: int = 0) -> None:
    """Write a table of recipients, all different."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["first_name", "company", "cta_url", "email"])
        for number in range(first, first + rows):
            out.writerow([f"Ada {number}", "Lovelace & Co", f"https://example.com/{number}", f"p{number}@example.com"])


def bare(url: str, folder: Path) -> None:
    """Do the least that a person would write: submit in chunks, list all, write the links beside the rows."""
    with (folder / "people.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    connection = http.client.HTTPConnection(url.partition("//")[2])

    def ask(method: str, path: str, body: bytes | None = None) -> Any:
        connection.request(method, API + path, body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())

    ids: list[str] = []
    for start in range(0, len(rows), 500):
        names = [row[:3] for row in rows[start : start + 500]]
        document = {"campaign_id": CAMPAIGN_ID, "variables": header[:3], "names": names}
        ids += ask("POST", "/pipeline/campaign", json.dumps(document).encode())["result"]
    records: dict[str, dict[str, str]] = {}
    for page in range(-(-len(rows) // 100)):
        listed = ask("GET", f"/generated_video_by_campaign_id?campaign_id={CAMPAIGN_ID}&page={page}&size=100")
        records.update((record["id"], record) for record in listed["result"]["videos"])
    links = ("id", "status", "share_url", "url", "thumbnail", "gif")
    with (folder / "bare.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow([*header, *links])
        out.writerows([*row, *(records[id_][name] for name in links)] for row, id_ in zip(rows, ids, strict=True))


def measure(rows: int, interval: str, profile: str = "") -> list[object]:
    """Return a line of the table."""
    with tempfile.TemporaryDirectory(prefix="first-run-") as name:
        folder = Path(name)
        write_table(folder / "people.csv", rows)
        environment = {**bare_environment(), "PYTHONPATH": str(Path.cwd())}
        with instant_service.running() as url:
            floor = cost([sys.executable, "-m", "tests.benchmarks.first_run", "--bare", url], folder, environment)
        with instant_service.running() as url:
            environment |= {
                "BHUMAN_BASE_URL": url, "BHUMAN_HOME": str(folder / "home"), "BHUMAN_CAMPAIGN_ID": CAMPAIGN_ID,
                "BHUMAN_API_KEY_ID": "k", "BHUMAN_API_KEY_SECRET": "s", "BHUMAN_TOKEN": "t", "BHUMAN_FIRST": "0",
            }  # fmt: skip
            words = ["render", "people.csv", "--max-rows", str(rows), "--poll-interval", interval]
            watched = ["-m", "cProfile", "-o", profile] if profile else []
            ours = cost([sys.executable, *watched, "-m", "bhuman_cli", *words], folder, environment)
            asked = instant_service.counts(url)
        with (folder / "people.results.csv").open(newline="", encoding="utf-8") as file:
            assert all(row["url"] for row in csv.DictReader(file))
    return [
        f"{rows:,} rows, every {interval}",
        report.Figure(name="cpu ratio", value=ours.cpu_s / floor.cpu_s, unit="x", limit=LIMIT, peer="bare loop"),
        report.Figure(name="wall ratio", value=ours.wall_s / floor.wall_s, unit="x"),
        report.Figure(name="cpu", value=ours.cpu_s),
        report.Figure(name="bare cpu", value=floor.cpu_s),
        report.Figure(name="MiB", value=ours.mib, limit=MIB),
        report.Figure(name="lists", value=asked["list"], limit=rows / 100 * 1.04),
        report.Figure(name="single questions", value=asked["one"]),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.first_run")
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000])
    parser.add_argument("--interval", nargs="+", default=["0.2", "10"])
    parser.add_argument("--profile", default="")
    parser.add_argument("--bare", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.bare:
        bare(options.bare, Path.cwd())
        return 0
    lines = [measure(rows, interval, options.profile) for rows in options.rows for interval in options.interval]
    headers = ["first run", "cpu beside bare", "clock", "cpu s", "bare cpu s", "MiB", "list GETs", "single"]
    report.show("first_run", "A first run, list open", headers, lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    sys.exit(main())
