"""What each kind of table costs to read and to check, beside the barest program that reads it, in CPU seconds.

`python -m tests.benchmarks.table_kinds [--scale 0.1]`; each measurement is a process of its own. The floors: `csv` and
one sha256 a row, a loop of `json.loads`, calamine's cells; for results in a workbook, reading that workbook.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks import report

FIRSTS = ("Ada", "Jürgen", "Zoë", "Olu", "Maria José", "Nguyễn Anh", "李雷", "Søren")
FIRMS = ("Acme", "Lovelace, Byron & Co", "Käsehaus Meier", "Riverside Dental", "Saigon Coffee Works")
HEADER = ("first_name", "company", "product", "cta_url")


def people(number: int) -> tuple[str, ...]:
    """Return a row as people have them."""
    link = f"https://example.com/{number}"
    return f"{FIRSTS[number % 8]} {number}", FIRMS[number % 5], "the team plan", link


def _csv(path: Path, header: Sequence[str], rows: int, row: Callable[[int], Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(header)
        table.writerows(map(row, range(rows)))


def _workbook(path: Path, header: Sequence[str], rows: int, row: Callable[[int], Sequence[str]]) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"strings_to_urls": False}) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate([header, *map(row, range(rows))]):
            sheet.write_row(number, 0, cells)


def make(folder: Path, scale: float) -> dict[str, tuple[Path, int]]:
    """Write one file of each kind; return name → (path, rows)."""
    wide = [f"column {number}" for number in range(300)]
    long = [f"text {number}" for number in range(20)]
    counts = {"csv": 1_000_000, "jsonl": 1_000_000, "xlsx": 200_000, "wide csv": 5_000, "wide xlsx": 5_000}
    counts |= {"long cells": 2_000, "results": 20_000}
    made = {name: (folder / name.replace(" ", "."), max(int(count * scale), 10)) for name, count in counts.items()}
    made = {name: (path.with_suffix(_ending(name)), rows) for name, (path, rows) in made.items()}
    _csv(made["csv"][0], HEADER, made["csv"][1], people)
    with made["jsonl"][0].open("w", encoding="utf-8") as stream:
        for number in range(made["jsonl"][1]):
            stream.write(json.dumps(dict(zip(HEADER, people(number), strict=True)), ensure_ascii=False) + "\n")
    _workbook(made["xlsx"][0], HEADER, made["xlsx"][1], people)
    _workbook(made["results"][0], HEADER, made["results"][1], people)
    cells = [f"value {number}" for number in range(300)]
    _csv(made["wide csv"][0], wide, made["wide csv"][1], lambda number: [str(number), *cells[1:]])
    _workbook(made["wide xlsx"][0], wide, made["wide xlsx"][1], lambda number: [str(number), *cells[1:]])
    text = "word " * 4_000
    _csv(made["long cells"][0], long, made["long cells"][1], lambda number: [f"{number} {text}"] * 20)
    return made


def _ending(name: str) -> str:
    return ".jsonl" if name == "jsonl" else ".xlsx" if name in {"xlsx", "wide xlsx", "results"} else ".csv"


def floor(path: Path) -> int:
    """Read the file with the barest program for its kind; return its rows."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as stream:
            return sum(1 for row in csv.reader(stream) if hashlib.sha256("\x1f".join(row).encode()).digest()) - 1
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as stream:
            return sum(1 for line in stream if json.loads(line))
    import python_calamine

    sheet = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    return sum(1 for _ in sheet.iter_rows()) - 1


def read(path: Path) -> int:
    """Read the file as the program does."""
    from bhuman_cli.table import reader

    return sum(1 for _ in reader.open_table(path, reader.ReadOptions()).records())


def check(path: Path) -> int:
    """Read, map and check the file as a dry run does."""
    from bhuman_cli.table import checked_table

    return sum(1 for _ in checked_table.open_table(path, checked_table.TableOptions()).rows())


def write(path: Path) -> int:
    """Read the workbook and write results into it."""
    from bhuman_cli import domain
    from bhuman_cli.table import reader
    from bhuman_cli.table.output import results_file

    table = reader.open_table(path, reader.ReadOptions())
    fields = {"id": "0b1c", "status": "succeeded", "share_url": "https://v.example/s", "url": "https://v.example/u"}
    rows = [
        domain.ResultRow(cells=row.cells, fields={**fields, "row_index": str(row.row_index)}) for row in table.rows()
    ]
    target = path.with_name("out.xlsx")
    results_file.write_results(target, table.raw_header, rows, results_file.output_style(target, table, path))
    return len(rows)


TASKS = {"floor": floor, "read": read, "check": check, "write": write}


def measure(path: Path, task: str) -> tuple[int, float, float]:
    """Return rows, CPU seconds and peak MiB of one task in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.table_kinds", "--one", task, str(path)]
    rows, took_s, peak_mib = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(rows), float(took_s), float(peak_mib)


_LIMITS = {"read": 6.0, "check": 8.0, "write": 6.0}
"""Times of the floor that no kind may cost: about a third above what was measured."""


def _one(task: str, path: Path) -> None:
    import bhuman_cli.table.checked_table  # noqa: F401 - imports are not what is compared

    started = time.process_time()
    rows = TASKS[task](path)
    took_s = time.process_time() - started
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    print(rows, took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.table_kinds")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args(arguments)
    lines: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, rows) in make(Path(folder), options.scale).items():
            peer, tasks = ("read", ("write",)) if name == "results" else ("floor", ("read", "check"))
            _, floor_s, _ = measure(path, peer)
            for task in tasks:
                count, took_s, peak_mib = measure(path, task)
                if count != rows:
                    raise AssertionError(f"{name}: {count} rows of {rows}")
                lines.append(
                    [f"{name}, {rows:,} rows: {task}", report.Figure(name="cpu", value=took_s, unit=" s"),
                     report.Figure(name="floor", value=floor_s, unit=" s"),
                     report.Figure(name="ratio", value=took_s / floor_s, unit="x", peer=peer, limit=_LIMITS[task]),
                     report.Figure(name="peak", value=peak_mib, unit=" MiB")]
                )  # fmt: skip
    report.show("table_kinds", "Each kind of table, in CPU seconds", ["what", "CPU", "floor", "ratio", "peak"], lines)
    return int(report.missed(lines) > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main())
