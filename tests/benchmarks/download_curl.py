"""`python -m tests.benchmarks.download_curl`: 500 videos from a local studio, ours beside `curl -Z` in the same run.

All write every file under its own name into an empty folder; they take turns, each round in another order. Ours also
looks for each file's end, and once more with the decoder's check of every file.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bhuman_cli import domain
from bhuman_cli.clock import SystemClock
from bhuman_cli.delivery import batch, fetch
from bhuman_cli.net import addresses
from bhuman_cli.studio.config import CAMPAIGN_ID
from bhuman_cli.workflows.results import download
from tests.benchmarks import report
from tests.support import media_files, studio

ALLOWED = 1.3
CURL, OURS, CHECKED = "curl -Z", "bhuman", "bhuman, opened by the decoder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """What one contestant took in one round."""

    wall_s: float
    cpu_s: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if ours takes too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.download_curl")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--kilobytes", type=int, default=800, help="size of each; a 5 s video has about 800")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=batch.WORKERS)
    chosen = parser.parse_args(arguments)
    if shutil.which("curl") is None:
        report.note("there is no curl to compare with")
        return 0
    with tempfile.TemporaryDirectory() as folder, studio.studio_process(Path(folder), "--render", "instant") as service:
        rows = rendered(Path(folder), service, chosen.files)
        for path in service.home.glob("media/*/video.mp4"):
            path.write_bytes(path.read_bytes() + media_files.box(b"free", os.urandom(chosen.kilobytes * 1000)))
        laps = measured(Path(folder), service, rows, chosen)
    return shown(laps, chosen)


def rendered(folder: Path, service: studio.StudioProcess, count: int) -> list[domain.ResultRow]:
    """Let `render` make so many videos; return the results."""
    table = folder / "people.csv"
    table.write_text("first_name\n" + "".join(f"Person {n}\n" for n in range(count)))
    environ = {
        **os.environ, "BHUMAN_BASE_URL": service.base_url, "BHUMAN_HOME": str(folder / "home"),
        "BHUMAN_API_KEY_ID": "local", "BHUMAN_API_KEY_SECRET": "local", "BHUMAN_CAMPAIGN_ID": CAMPAIGN_ID,
    }  # fmt: skip
    words = ["render", str(table), "--poll-interval", "0.1", "--progress", "none"]
    subprocess.run([sys.executable, "-m", "bhuman_cli", *words], env=environ, check=True, capture_output=True)
    with (folder / "people.results.csv").open(newline="", encoding="utf-8") as file:
        return [domain.ResultRow(cells=(line["first_name"],), fields=line) for line in csv.DictReader(file)]


def measured(
    folder: Path, service: studio.StudioProcess, rows: list[domain.ResultRow], chosen: argparse.Namespace
) -> dict[str, list[Lap]]:
    """Let the contestants take turns."""
    kit = fetch.FetchTools(
        policy=addresses.Policy(base_url=service.base_url), clock=SystemClock(), stop=threading.Event()
    )
    checking = replace(kit, probe=download.decoder())
    contestants: list[tuple[str, Callable[[Path], None]]] = [
        (CURL, lambda to: curl(to, rows, chosen.workers)),
        (OURS, lambda to: own(to, rows, chosen.workers, kit)),
        (CHECKED, lambda to: own(to, rows, chosen.workers, checking)),
    ]
    laps: dict[str, list[Lap]] = {name: [] for name, _ in contestants}
    for number in range(-1, chosen.rounds):
        turn = number % len(contestants)
        for name, work in contestants[turn:] + contestants[:turn]:
            lap = timed(work, folder / "files")
            if number >= 0:  # the first round only warms caches
                laps[name].append(lap)
    return laps


def timed(work: Callable[[Path], None], folder: Path) -> Lap:
    """Return what the work took; making and removing the folder is not in it."""
    folder.mkdir()
    used_s, began = _cpu_s(), time.perf_counter()
    work(folder)
    lap = Lap(wall_s=time.perf_counter() - began, cpu_s=_cpu_s() - used_s)
    shutil.rmtree(folder)
    return lap


def _cpu_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def own(folder: Path, rows: list[domain.ResultRow], workers: int, kit: fetch.FetchTools) -> None:
    choice = batch.Choice(template="{row_index:04d}-{first_name}")
    wanted = batch.jobs(["first_name"], rows, folder, choice)
    done = batch.run(wanted, folder, kit, workers, lambda _: None)
    assert {result.state for result in done} == {fetch.State.FETCHED}, {result.reason for result in done}


def curl(folder: Path, rows: list[domain.ResultRow], workers: int) -> None:
    config = folder / "config"
    config.write_text(
        "".join(f'url = "{row.fields["url"]}"\noutput = "{folder}/{n:04d}.mp4"\n' for n, row in enumerate(rows))
    )
    command = ["curl", "-sS", "--no-progress-meter", "--fail", "-Z", "--parallel-max", str(workers), "-K", str(config)]
    subprocess.run(command, check=True)
    assert len(list(folder.glob("*.mp4"))) == len(rows)


def shown(laps: dict[str, list[Lap]], chosen: argparse.Namespace) -> int:
    """Show medians; the ratio is the median of the rounds' ratios, because a busy moment meets a whole round."""
    lines: list[list[object]] = []
    for name, mine in laps.items():
        ratios = [lap.wall_s / theirs.wall_s for lap, theirs in zip(mine, laps[CURL], strict=True)]
        best = min(lap.wall_s for lap in mine) / min(lap.wall_s for lap in laps[CURL])
        cells: list[object] = ["", ""]
        if name != CURL:
            cells = [
                report.Figure(name="ratio", value=statistics.median(ratios), unit="x", limit=ALLOWED, peer=CURL),
                report.Figure(name="ratio of the best", value=best, unit="x", peer=CURL),
            ]
        wall, cpu = (
            statistics.median(values) for values in zip(*((lap.wall_s, lap.cpu_s) for lap in mine), strict=True)
        )
        rate = chosen.files * chosen.kilobytes / 1000 / wall
        lines.append(
            [name, report.Figure(name="wall", value=wall, unit=" s"), report.Figure(name="cpu", value=cpu, unit=" s"),
             report.Figure(name="rate", value=rate, unit=" MB/s"), *cells]
        )  # fmt: skip
    title = (
        f"Download of {chosen.files} files of {chosen.kilobytes} kB, {chosen.workers} at once, {chosen.rounds} rounds"
    )
    headers = ["who", "wall, median", "own processor time", "rate", "beside curl", "best beside best"]
    report.show("download_curl", title, headers, lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
