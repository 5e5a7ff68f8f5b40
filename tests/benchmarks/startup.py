"""How soon a command answers, beside the smallest possible Typer program: `python -m tests.benchmarks.startup`.

Each case runs by turns with its peer in this run, so that both meet the same machine; the best of each counts, because
everything that disturbs a start-up makes it longer.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks import report

ROUNDS: Final = 15

PEER: Final = '''
import typer

app = typer.Typer()


def show_version(value: bool) -> None:
    if value:
        typer.echo("peer 1.0")
        raise typer.Exit()


@app.callback()
def peer(version: bool = typer.Option(False, "--version", callback=show_version, is_eager=True)) -> None:
    """The smallest program with these commands."""


@app.command()
def render(file: str) -> None:
    """Render."""


@app.command()
def runs() -> None:
    """List."""


app()
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The arguments, the same for both, and how many times longer ours may take."""

    arguments: tuple[str, ...]
    limit: float


CASES: Final = (
    Case(arguments=("--help",), limit=1.4),
    Case(arguments=("--version",), limit=1.3),
    Case(arguments=("render", "--help"), limit=1.5),
    Case(arguments=("runs",), limit=1.5),
)


def program() -> list[str]:
    """Return the installed command, or the module where there is none."""
    script = Path(sys.executable).with_name("bhuman")
    return [str(script)] if script.exists() else [sys.executable, "-m", "bhuman_cli"]


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def once(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds one start takes, and the processor's; a command that fails is not a measurement."""
    used_s, began = _processor_s(), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    took_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return took_s, _processor_s() - used_s


def measure(case: Case, peer: Path, environment: dict[str, str], rounds: int) -> list[object]:
    """Return the row of one case."""
    ours, theirs = [*program(), *case.arguments], [sys.executable, str(peer), *case.arguments]
    for command in (ours, theirs):  # the first start writes byte code
        once(command, environment)
    pairs = [(once(ours, environment), once(theirs, environment)) for _ in range(rounds)]
    (ours_s, ours_cpu), (peer_s, peer_cpu) = (
        [min(times) for times in zip(*side, strict=True)] for side in zip(*pairs, strict=True)
    )
    peer_name = "smallest Typer program"
    return [
        f"bhuman {' '.join(case.arguments)}",
        report.Figure(name="ours", value=ours_s * 1_000, unit=" ms"),
        report.Figure(name="peer", value=peer_s * 1_000, unit=" ms"),
        report.Figure(name="ratio", value=ours_s / peer_s, unit="x", limit=case.limit, peer=peer_name),
        report.Figure(name="processor ratio", value=ours_cpu / peer_cpu, unit="x", peer=peer_name),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a ratio is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.startup")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        peer = Path(folder, "peer.py")
        peer.write_text(PEER, encoding="utf-8")
        environment = {**os.environ, "BHUMAN_HOME": str(Path(folder, "home"))}
        rows = [measure(case, peer, environment, options.rounds) for case in CASES]
    report.show("startup", "Start-up", ["command", "best", "peer, best", "ratio", "of processor time"], rows)
    return int(report.missed(rows) > 0)


if __name__ == "__main__":
    sys.exit(main())
