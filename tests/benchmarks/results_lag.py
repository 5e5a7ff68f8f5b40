"""How soon a finished video stands in the results file: `python -m tests.benchmarks.results_lag [--rows N]`.

A real `bhuman render` waits for a studio that ends videos a while after it took them; this process looks on: at the
journal for when a finish was noticed, at the file for when it stood there. Promised: within two checkpoints, so of the
files written after a finish was noticed the second has it at the latest.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import itertools
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bhuman_cli.runs import runner
from bhuman_cli.studio.config import CAMPAIGN_ID
from tests.benchmarks import report
from tests.support import studio as studios

CHECKPOINTS: Final = 2
SECONDS: Final = 6.0
"""How long the studio takes for a video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The results file as it stood from `at` on: the ids that have their video in it."""

    at: float
    ids: frozenset[str]


def watched(process: subprocess.Popen[bytes], results: Path) -> list[Version]:
    """Keep every version of the file until the process ends."""
    versions: list[Version] = []
    seen = 0
    while True:
        is_over = process.poll() is not None
        with contextlib.suppress(FileNotFoundError):
            if (status := results.stat()).st_mtime_ns != seen:
                seen = status.st_mtime_ns
                lines = csv.DictReader(io.StringIO(results.read_text("utf-8")))
                ids = frozenset(line["id"] for line in lines if line["status"] == "succeeded")
                versions.append(Version(at=seen / 1e9, ids=ids))
        if is_over:
            return versions
        time.sleep(0.05)


def noticed(home: Path) -> dict[str, float]:
    """Return when the journal learned of each end."""
    path = next(path for path in home.rglob("*.sqlite3") if _has_claims(path))
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows: list[tuple[str, str]] = connection.execute(
            "SELECT generation_id, ended_at FROM claim WHERE status = 'succeeded'"
        ).fetchall()
    return {generation: datetime.fromisoformat(ended_at).timestamp() for generation, ended_at in rows}


def _has_claims(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'claim'").fetchone())


def one_run(folder: Path, rows: int) -> dict[str, float]:
    """Render a table and return the figures of its results file."""
    table = folder / "people.csv"
    table.write_text("first_name\n" + "".join(f"Person {n}\n" for n in range(rows)))
    advance = ("--render", "instant", "--advance", f"seconds:{SECONDS:g}")
    with studios.studio_process(folder, *advance) as service:
        environment: dict[str, Any] = {
            **os.environ, "BHUMAN_BASE_URL": service.base_url, "BHUMAN_HOME": str(folder / "home"),
            "BHUMAN_API_KEY_ID": "local", "BHUMAN_API_KEY_SECRET": "local", "BHUMAN_CAMPAIGN_ID": CAMPAIGN_ID,
        }  # fmt: skip
        words = ["render", str(table), "--poll-interval", "1", "--progress", "none", "--chunk-size", "100"]
        process = subprocess.Popen(
            [sys.executable, "-m", "bhuman_cli", *words], env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        versions = watched(process, folder / "people.results.csv")
    ends = noticed(folder / "home")
    assert process.returncode == 0, process.returncode
    assert len(ends) == rows == len(versions[-1].ids), (len(ends), len(versions[-1].ids))
    return figures(versions, ends)


def figures(versions: list[Version], ends: dict[str, float]) -> dict[str, float]:
    """Return how late the ends stood in the file: in versions written after the notice, and in seconds."""
    counts, waits = [], []
    for generation, at in ends.items():
        later = [version for version in versions if version.at >= at]
        place = next(place for place, version in enumerate(later) if generation in version.ids)
        counts.append(place + 1)
        waits.append(max(0.0, later[place].at - at))
    gaps = [after.at - before.at for before, after in itertools.pairwise(versions)]
    return {
        "checkpoints": max(counts),
        "median": statistics.median(waits),
        "worst": max(waits),
        "gap": max(gaps, default=0.0),
        "versions": len(versions),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a video came later than promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.results_lag")
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    rounds = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="results-lag-") as folder:
            rounds.append(one_run(Path(folder), options.rows))
    found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    worst = max(one["checkpoints"] for one in rounds)
    allowed_s = CHECKPOINTS * runner._CHECKPOINT_S
    lines: list[list[object]] = [
        ["files written after the notice until it is in one, worst of all",
         report.Figure(name="checkpoints", value=worst, limit=CHECKPOINTS)],
        ["from the notice to the file, median", report.Figure(name="median", value=found["median"], unit=" s")],
        ["from the notice to the file, worst",
         report.Figure(name="worst", value=found["worst"], unit=" s", limit=allowed_s, peer="two checkpoints")],
        ["files written", report.Figure(name="versions", value=found["versions"])],
        ["longest time without a new file", report.Figure(name="gap", value=found["gap"], unit=" s")],
    ]  # fmt: skip
    title = f"{options.rows:,} videos on their way into the results file, medians of {options.rounds} runs"
    report.show("results_lag", title, ["what", "figure"], lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
