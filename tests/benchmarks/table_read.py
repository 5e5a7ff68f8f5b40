"""How fast, and in how much memory, a million rows are read and checked, beside pandas on the same file.

`python -m tests.benchmarks.table_read [--rows N]`; each measurement is a process of its own, so that one's memory is
not the other's. pandas only parses, ours reads, maps, checks and looks for equal rows.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import report

ROWS = 1_000_000
ROUNDS = 3
MAX_RATIO = 4.0
MAX_PEAK_MIB = 300
_TASKS = {
    "pandas": "pandas.read_csv(dtype=str)",
    "read": "ours: read",
    "check": "ours: read, map, check",
    "write": "ours: read, map, check, write",
}


def make_file(path: Path, rows: int) -> None:
    """Write a campaign as people have them: names, companies with commas, an address, a link."""
    firsts = ["Ada", "Jürgen", "Zoë", "Olu", "Maria José", "Nguyễn Anh", "李雷", "Søren"]
    firms = ["Acme", '"Lovelace, Byron & Co"', "Käsehaus Meier", "Riverside Dental", "Saigon Coffee Works"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("first_name,company,product,email,cta_url\r\n")
        for number in range(rows):
            first, firm = firsts[number % 8], firms[number % 5]
            stream.write(
                f"{first} {number},{firm},the team plan,p{number}@example.com,https://example.com/{number}\r\n"
            )


def _pandas(path: Path) -> int:
    import pandas as pd

    return len(pd.read_csv(path, dtype=str))


def _read(path: Path) -> int:
    from bhuman_cli.table import reader

    return sum(1 for _ in reader.open_table(path, reader.ReadOptions()).records())


def _check(path: Path) -> int:
    from bhuman_cli.table import checked_table

    opened = checked_table.open_table(path, checked_table.TableOptions(exclude=["email"]))
    return sum(row.state == "pending" for row in opened.rows())


def _write(path: Path) -> int:
    from bhuman_cli import domain
    from bhuman_cli.table import checked_table
    from bhuman_cli.table.output import results_file

    opened = checked_table.open_table(path, checked_table.TableOptions(exclude=["email"]))
    target = path.with_suffix(".results.csv")
    style = results_file.output_style(target, opened.table, path)
    results = (
        domain.ResultRow(cells=row.cells, fields={"row_index": str(row.row_index), "status": "pending"})
        for row in opened.rows()
    )
    results_file.write_results(target, opened.columns, results, style)
    return sum(1 for _ in target.open("rb")) - 1


def _one(task: str, path: Path) -> None:
    # Imports are not what is compared.
    importlib.import_module("pandas" if task == "pandas" else "bhuman_cli.table.checked_table")
    started = time.perf_counter()
    rows = {"pandas": _pandas, "read": _read, "check": _check, "write": _write}[task](path)
    elapsed_s = time.perf_counter() - started
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    print(rows, elapsed_s, peak_mib)


def measure(path: Path, task: str) -> tuple[int, float, float]:
    """Return rows, seconds and peak MiB of one task in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.table_read", "--one", task, str(path)]
    rows, elapsed_s, peak_mib = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(rows), float(elapsed_s), float(peak_mib)


def measured(path: Path, rows: int, repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Let the tasks take turns; return seconds and peaks."""
    found: dict[str, list[tuple[float, float]]] = {task: [] for task in _TASKS}
    for _ in range(repeats):
        for task in _TASKS:
            count, elapsed_s, peak_mib = measure(path, task)
            if count != rows:
                raise AssertionError(f"{task}: {count} rows of {rows}")
            found[task].append((elapsed_s, peak_mib))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if ours is slower or larger than promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.table_read")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        make_file(path, options.rows)
        found = measured(path, options.rows, options.rounds)
    lines: list[list[object]] = []
    for task, label in _TASKS.items():
        seconds, peaks = zip(*found[task], strict=True)
        ratios = [mine / theirs for (mine, _), (theirs, _) in zip(found[task], found["pandas"], strict=True)]
        limits = (MAX_RATIO, MAX_PEAK_MIB) if task == "check" else (None, None)
        took_s = statistics.median(seconds)
        peak = report.Figure(name="peak", value=statistics.median(peaks), unit=" MiB", limit=limits[1])
        ratio = report.Figure(name="ratio", value=statistics.median(ratios), unit="x", limit=limits[0], peer="pandas")
        lines.append(
            [label, report.Figure(name="wall", value=took_s, unit=" s"),
             report.Figure(name="rate", value=options.rows / took_s, unit=" rows/s"), peak, ratio]
        )  # fmt: skip
    title = f"{options.rows:,} rows of a CSV, medians of {options.rounds} rounds, each a process of its own"
    report.show("table_read", title, ["what", "time", "rate", "peak memory", "beside pandas"], lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main())
