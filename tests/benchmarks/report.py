"""How figures are shown: tables for people, JSON for machines, facts of the machine. It measures nothing."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

FOLDER_VARIABLE: Final = "BENCHMARK_FIGURES"
"""Where `python -m tests.benchmarks` wants the figures of each module as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number. limit: what it must not exceed; floor: what it must reach; peer: what it stands beside."""

    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    floor: float | None = None
    peer: str = ""

    @property
    def holds(self) -> bool:
        return (self.limit is None or self.value <= self.limit) and (self.floor is None or self.value >= self.floor)

    @property
    def bound(self) -> str:
        """Return what it has to keep, as text."""
        bounds = [("≤", self.limit), ("≥", self.floor)]
        return ", ".join(f"{sign} {number:g}" for sign, number in bounds if number is not None)

    def __str__(self) -> str:
        shown = f"{self.value:,.0f}" if abs(self.value) >= 1_000 else f"{self.value:.2f}"
        bound = f" ({self.bound})" if self.bound else ""
        return f"{shown}{self.unit}{bound}{'' if self.holds else ' MISSED'}"


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table with aligned columns."""
    cells = [[str(header) for header in headers], *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Return the facts without which a time means nothing."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else [],
    }


def machine_line() -> str:
    """Return the facts as one line."""
    return ", ".join(f"{name} {value}" for name, value in machine().items() if value not in (None, "", []))


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.split(":", 1)[1].strip() for line in names if line.startswith("model name")), platform.machine())


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def show(module: str, title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; keep its figures (cells that are a Figure) where the collecting command wants them."""
    kept = [list(row) for row in rows]
    print(f"\n### {title}\n\n{table(headers, kept)}", flush=True)
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        figures = [
            {"row": str(row[0]), **asdict(cell), "bound": cell.bound, "holds": cell.holds}
            for row in kept
            for cell in row
            if isinstance(cell, Figure)
        ]
        name = module.rpartition(".")[2]
        number = len(list(Path(folder).glob(f"{name}-*.json")))
        document = {"module": name, "title": title, "figures": figures}
        Path(folder, f"{name}-{number}.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


def missed(rows: Iterable[Sequence[object]]) -> int:
    """Return how many figures are beyond their limits."""
    return sum(isinstance(cell, Figure) and not cell.holds for row in rows for cell in row)


def note(text: str) -> None:
    """Print a sentence to stderr: progress, not a figure."""
    print(text, file=sys.stderr, flush=True)
