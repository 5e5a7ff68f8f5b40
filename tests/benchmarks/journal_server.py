"""What a journal on a server costs beside one in a file: `python -m tests.benchmarks.journal_server [--rows N]`.

The server is a real PostgreSQL on loopback that syncs every commit. Both write the same plan and ids, in turns; then
the whole journal is copied to the server and back, and compared.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bhuman_cli import clock, domain
from bhuman_cli.journal import database, planning
from bhuman_cli.journal.engine import transfer
from tests.benchmarks import journal, report
from tests.support import postgres

LIMIT: Final = 3.0


def measure(rows: list[planning.DraftRow], address: str) -> dict[str, float]:
    """Return the seconds of the plan and of the ids, in a new journal."""
    with tempfile.TemporaryDirectory(prefix="journal-") as name:
        opened = database.open_journal(Path(name), clock.SystemClock(), address)
        with contextlib.closing(opened) as made:
            return journal.seconds(made, Path(name), rows, domain.MAX_ROWS_PER_REQUEST)


def copies(rows: list[planning.DraftRow], server: postgres.Server) -> tuple[float, float]:
    """Return the seconds of a copy to the server, and of one back."""
    with tempfile.TemporaryDirectory(prefix="journal-") as name:
        took = []
        first = database.open_file(Path(name, "first.sqlite3"), clock.SystemClock())
        journal.seconds(first, Path(name), rows, domain.MAX_ROWS_PER_REQUEST)
        before = transfer.digests(first)
        places = (
            database.open_journal(Path(name), clock.SystemClock(), server.url()),
            database.open_file(Path(name, "back.sqlite3"), clock.SystemClock()),
        )
        source = first
        for place in places:
            began = time.perf_counter()
            arrived = transfer.copy(source, place)
            took.append(time.perf_counter() - began)
            assert arrived == before
            source = place
        for one in (first, *places):
            one.close()
    return took[0], took[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return 1 if a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.journal_server")
    parser.add_argument("--rows", type=int, default=journal.ROWS)
    parser.add_argument("--runs", type=int, default=journal.RUNS)
    options = parser.parse_args(arguments)
    rows = journal.draft_rows(options.rows)
    with postgres.running(is_durable=True) as server:
        took: dict[str, dict[str, list[float]]] = {where: {"plan": [], "ids": []} for where in ("file", "server")}
        for _ in range(options.runs):
            for where, address in (("file", ""), ("server", server.url())):
                for part, seconds in measure(rows, address).items():
                    if part in took[where]:
                        took[where][part].append(seconds)
        there, back = copies(rows, server)
    figures: list[list[object]] = [
        [
            f"{part} of {options.rows:,} rows",
            report.Figure(name=f"{part} file", value=min(took["file"][part])),
            report.Figure(name=f"{part} server", value=min(took["server"][part])),
            report.Figure(
                name=f"{part} ratio", value=min(took["server"][part]) / min(took["file"][part]), unit="x", limit=LIMIT,
                peer="SQLite",
            ),
        ]
        for part in ("plan", "ids")
    ]  # fmt: skip
    report.show("journal_server", "Journal on a server", ["what", "file, s", "server, s", "ratio"], figures)
    copied: list[list[object]] = [
        ["to the server", report.Figure(name="copy there", value=there)],
        ["back into a file", report.Figure(name="copy back", value=back)],
    ]
    report.show("journal_server", "Copies, equal by counts and digests", ["copy", "s"], copied)
    return int(report.missed(figures) > 0)


if __name__ == "__main__":
    sys.exit(main())
