"""`python -m tests.benchmarks.download_curl`: 500 videos from a local studio, ours beside `curl -Z` in the same run.

Both write every file under its own name into an empty folder, alternating, best of three each. Ours also looks
for each file's end. Prints both; fails if ours takes more than 1.3 times as long.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bhuman_cli import domain
from bhuman_cli.cli import download
from bhuman_cli.delivery import addresses, batch, fetch, media
from bhuman_cli.ports import SystemClock
from bhuman_cli.studio.config import CAMPAIGN_ID
from tests.support import media_files, studio

ALLOWED = 1.3
Probe = Callable[[Path, media.What], str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--kilobytes", type=int, default=800, help="size of each; a 5 s video has about 800")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=batch.WORKERS)
    chosen = parser.parse_args()
    if shutil.which("curl") is None:
        print("there is no curl to compare with")
        return 0
    with tempfile.TemporaryDirectory() as folder, studio.studio_process(Path(folder), "--render", "instant") as service:
        rows = rendered(Path(folder), service, chosen.files)
        for path in service.home.glob("media/*/video.mp4"):
            path.write_bytes(path.read_bytes() + media_files.box(b"free", os.urandom(chosen.kilobytes * 1000)))
        return compare(Path(folder), service.base_url, rows, chosen)


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


def compare(folder: Path, base_url: str, rows: list[domain.ResultRow], chosen: argparse.Namespace) -> int:
    ours, curls = [], []
    for number in range(chosen.rounds):
        curls.append(curl(folder / f"curl{number}", rows, chosen.workers))
        ours.append(own(folder / f"own{number}", base_url, rows, chosen.workers))
    checked = own(folder / "checked", base_url, rows, chosen.workers, probe=download.decoder())
    size = chosen.files * chosen.kilobytes / 1000
    for name, times in (("curl -Z", curls), ("bhuman", ours)):
        shown = ", ".join(f"{seconds:.2f}" for seconds in times)
        print(f"{name:8} {shown} s · best {size / min(times):.0f} MB/s · median {statistics.median(times):.2f} s")
    print(f"bhuman   {checked:.2f} s with every video opened by the decoder as well")
    factor = min(ours) / min(curls)
    print(f"{chosen.files} files of {chosen.kilobytes} kB: {factor:.2f} times curl's time (allowed {ALLOWED})")
    return 0 if factor <= ALLOWED else 1


def own(folder: Path, base_url: str, rows: list[domain.ResultRow], workers: int, probe: Probe | None = None) -> float:
    began = time.perf_counter()
    choice = batch.Choice(template="{row_index:04d}-{first_name}")
    wanted = batch.jobs(["first_name"], rows, folder, choice)
    kit = fetch.Kit(policy=addresses.Policy(base_url=base_url), clock=SystemClock(), stop=threading.Event())
    kit = replace(kit, probe=probe) if probe else kit
    done = batch.run(wanted, folder, kit, workers, lambda _: None)
    took = time.perf_counter() - began
    assert {result.state for result in done} == {fetch.State.FETCHED}, {result.reason for result in done}
    shutil.rmtree(folder)
    return took


def curl(folder: Path, rows: list[domain.ResultRow], workers: int) -> float:
    folder.mkdir()
    config = folder / "config"
    config.write_text(
        "".join(f'url = "{row.fields["url"]}"\noutput = "{folder}/{n:04d}.mp4"\n' for n, row in enumerate(rows))
    )
    began = time.perf_counter()
    command = ["curl", "-sS", "--no-progress-meter", "--fail", "-Z", "--parallel-max", str(workers), "-K", str(config)]
    subprocess.run(command, check=True)
    took = time.perf_counter() - began
    assert len(list(folder.glob("*.mp4"))) == len(rows)
    shutil.rmtree(folder)
    return took


if __name__ == "__main__":
    raise SystemExit(main())
