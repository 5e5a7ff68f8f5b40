"""How fast, and in how much memory, a million rows are read and checked, beside pandas on the same file.

Run as `python -m tests.benchmarks.table_read [ROWS]`. Each measurement is a process of its own, so that one's memory
is not the other's; pandas only parses, ours reads, maps, checks and looks for equal rows.
"""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = 1_000_000
REPEATS = 3
MAX_RATIO = 4.0
MAX_PEAK_MIB = 300
_TASKS = {
    "pandas.read_csv(dtype=str)": "pandas",
    "ours: read": "read",
    "ours: read, map, check": "check",
    "ours: read, map, check, write": "write",
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
    from bhuman_cli.table import intake

    opened = intake.open_intake(path, intake.IntakeOptions(exclude=["email"]))
    return sum(row.state == "pending" for row in opened.rows())


def _write(path: Path) -> int:
    from bhuman_cli import domain
    from bhuman_cli.table import intake, writer

    opened = intake.open_intake(path, intake.IntakeOptions(exclude=["email"]))
    target = path.with_suffix(".results.csv")
    style = writer.output_style(target, opened.table, path)
    results = (
        domain.ResultRow(cells=row.cells, fields={"row_index": str(row.row_index), "status": "pending"})
        for row in opened.rows()
    )
    writer.write_results(target, opened.columns, results, style)
    return sum(1 for _ in target.open("rb")) - 1


def _one(task: str, path: Path) -> None:
    # Imports are not what is compared.
    importlib.import_module("pandas" if task == "pandas" else "bhuman_cli.table.intake")
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


def main(rows: int = ROWS) -> int:
    """Print the table; 1 if ours is slower or larger than promised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        make_file(path, rows)
        print(f"{rows:,} rows, {path.stat().st_size / (1 << 20):.0f} MiB")
        print(f"{'':32} {'seconds':>8} {'rows/s':>10} {'peak MiB':>9} {'x pandas':>9}")
        found: dict[str, tuple[float, float]] = {}
        for label, task in _TASKS.items():
            # The best of a few: whatever else the machine does only ever adds.
            runs = [measure(path, task) for _ in range(1 if task == "write" else REPEATS)]
            if any(count != rows for count, _, _ in runs):
                raise AssertionError(f"{label}: {runs}")
            count, elapsed_s, peak_mib = min(runs, key=lambda run: run[1])
            found[task] = elapsed_s, peak_mib
            ratio = elapsed_s / found["pandas"][0]
            print(f"{label:32} {elapsed_s:8.2f} {count / elapsed_s:10,.0f} {peak_mib:9.0f} {ratio:9.2f}")
    ratio, peak_mib = found["check"][0] / found["pandas"][0], found["check"][1]
    return 0 if ratio <= MAX_RATIO and peak_mib <= MAX_PEAK_MIB else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ROWS))
