"""Run every benchmark and gather its figures: `python -m tests.benchmarks [NAME ...] [--json FILE]`.

Each is a process of its own, so that one's memory and warm caches are not the next one's. A benchmark is a module of
this folder that can be run by itself; nothing has to be listed anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import report

HERE = Path(__file__).parent


def names() -> list[str]:
    """Return the modules of this folder that can be run."""
    door = 'if __name__ == "__main__":'
    return sorted(
        path.stem
        for path in HERE.glob("*.py")
        if not path.stem.startswith("__") and door in path.read_text(encoding="utf-8")
    )


def run(name: str, folder: Path) -> dict[str, Any]:
    """Run one benchmark; its output goes to the terminal as it comes."""
    print(f"\n## {name}", flush=True)
    began = time.perf_counter()
    environment = {**os.environ, report.FOLDER_VARIABLE: str(folder)}
    done = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], env=environment, check=False)
    took_s = time.perf_counter() - began
    tables = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"{name}-*.json"))]
    load = report.machine()["load"]
    print(f"\n{name}: exit {done.returncode}, {took_s:.1f} s, load {load}", flush=True)
    return {"name": name, "exit": done.returncode, "took_s": round(took_s, 2), "load": load, "tables": tables}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named, or all; return 1 if a benchmark failed or a figure is beyond its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure, beside a peer or a floor."
    )
    known = names()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(known)}")
    parser.add_argument("--json", type=Path, default=Path(tempfile.gettempdir(), "bhuman-benchmarks.json"))
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    print(report.machine_line())
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        results = [run(name, Path(folder)) for name in options.names or known]
    document = {"machine": report.machine(), "benchmarks": results}
    options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    figures = [figure for result in results for table in result["tables"] for figure in table["figures"]]
    beyond = [figure for figure in figures if not figure["holds"]]
    for figure in beyond:
        print(f"beyond its limit: {figure['row']}: {figure['name']} {figure['value']:.2f}, wanted {figure['bound']}")
    broken = [result["name"] for result in results if result["exit"] and all(map(_holds, result["tables"]))]
    for name in broken:
        print(f"broken: {name}")
    print(f"\n{len(figures)} figures, {len(beyond)} beyond their limits; written to {options.json}")
    return int(bool(beyond or broken))


def _holds(table: dict[str, Any]) -> bool:
    return all(figure["holds"] for figure in table["figures"])


if __name__ == "__main__":
    sys.exit(main())
