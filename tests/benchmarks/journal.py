"""What the journal costs for 100,000 rows, beside bare SQLite: `python -m tests.benchmarks.journal [--rows N]`.

Each figure is the median of several runs, each on a new file in the same folder as the bare one. Commits are counted
for small and for full requests: what a chunk costs in syncs must not depend on how many rows it has. The limit holds
for processor seconds always, and for the clock's where the machine is free: the bare one tells by both of its times.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bhuman_cli import clock, domain
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal import chunks, claims, database, matching, planning, runs
from tests.benchmarks import report

ROWS: Final = 100_000
RUNS: Final = 3
LIMIT_S: Final = 3.0
FREE: Final = 1.5
"""Waiting for the disk is in it, too: a free machine does the bare work in so many times its processor seconds."""
VARIABLES: Final = ("first_name", "company", "cta_url")


def draft_rows(count: int) -> list[planning.DraftRow]:
    """Return checked rows, all different, as the planner hands them over."""
    made = []
    for number in range(count):
        values = (f"Ada {number}", "Lovelace, Byron & Co", f"https://example.com/{number}")
        digest = hashlib.blake2b(json.dumps(values).encode(), digest_size=16).digest()
        row = domain.Row(row_index=number, line=number + 2, cells=(*values, f"p{number}@example.com"), values=values)
        made.append(planning.DraftRow(row=row, identity=digest, text_key=digest))
    return made


def new_run(folder: Path) -> runs.NewRun:
    """Return a run on a local target."""
    return runs.NewRun(
        target=domain.Target(service="local", kind=domain.TargetKind.CAMPAIGN, api_id=str(uuid.UUID(int=7))),
        input_path=str(folder / "campaign.csv"),
        input_sha256="0" * 64,
        output_path=str(folder / "campaign.results.csv"),
        columns=(*VARIABLES, "email"),
        spec=domain.RenderSpec(variables=VARIABLES),
    )


def record_plan(journal: database.Journal, folder: Path, rows: Iterable[planning.DraftRow]) -> runs.Run:
    """Record a draft with its rows, match it with what is paid, confirm it."""
    run = runs.start_draft(journal, new_run(folder))
    planning.add_rows(journal, run, rows)
    matching.match(journal, run)
    return planning.confirm(journal, run)


def next_chunk(journal: database.Journal, run: runs.Run, size: int) -> chunks.Chunk | None:
    """Claim the next rows and freeze their request."""

    def pick(candidates: Iterable[claims.Candidate]) -> list[claims.Candidate]:
        return list(itertools.islice(candidates, size))

    def freeze(rows: Sequence[claims.Candidate], token: str) -> bytes:
        return json.dumps({"names": [row.values for row in rows], "callback_url": token}).encode()

    return chunks.plan(journal, run, pick, freeze)


def record_ids(journal: database.Journal, chunk: chunks.Chunk) -> None:
    """Send a chunk, keep the raw answer, bind the ids: all that is written around one POST."""
    chunks.begin_sending(journal, chunk)
    ids = [GenerationId(str(uuid.uuid4())) for _ in range(chunk.rows)]
    body = json.dumps({"code": 200, "result": ids}).encode()
    chunks.record_answer(journal, chunk, chunks.Answer(status=200, headers={}, body=body))
    chunks.accept(journal, chunk, ids)


class Watch:
    """Adds up seconds by name: the clock's and, as `NAME cpu`, the processor's."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began, used = time.perf_counter(), time.process_time()
        yield
        for key, took in ((name, time.perf_counter() - began), (f"{name} cpu", time.process_time() - used)):
            self.seconds[key] = self.seconds.get(key, 0.0) + took


def seconds(journal: database.Journal, folder: Path, rows: list[planning.DraftRow], size: int) -> dict[str, float]:
    """Return the seconds of each part, in an empty journal."""
    watch = Watch()
    with watch.of("plan"):
        run = record_plan(journal, folder, rows)
    while True:
        with watch.of("claims"):
            chunk = next_chunk(journal, run, size)
        if chunk is None:
            return watch.seconds
        with watch.of("ids"):
            record_ids(journal, chunk)


def measure(rows: list[planning.DraftRow], size: int) -> dict[str, float]:
    """Return the seconds of each part, on a new journal, and of the bare work."""
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="journal-") as name:
        journal = database.open_journal(Path(name), clock.SystemClock())
        took = seconds(journal, Path(name), rows, size)
        journal.close()
        with watch.of("bare"):
            bare(Path(name), rows)
    return took | watch.seconds


def bare(folder: Path, rows: list[planning.DraftRow]) -> None:
    """Do the least: one table, one key, the same texts, one synced commit."""
    connection = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    connection.execute("PRAGMA synchronous=EXTRA")
    connection.execute("CREATE TABLE row (row_index INTEGER PRIMARY KEY, identity BLOB, cells TEXT, payload TEXT)")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO row VALUES (?, ?, ?, ?)",
        ((item.row.row_index, item.identity, json.dumps(item.row.cells), json.dumps(item.row.values)) for item in rows),
    )
    connection.execute("COMMIT")
    connection.close()


def commits_a_chunk(size: int) -> float:
    """Count the commits of one chunk's life, from claiming its rows to its ids."""
    with tempfile.TemporaryDirectory(prefix="journal-") as name:
        journal = database.open_journal(Path(name), clock.SystemClock())
        run = record_plan(journal, Path(name), draft_rows(size))
        commits: list[str] = []
        journal._connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        chunk = next_chunk(journal, run, size)
        assert chunk is not None
        record_ids(journal, chunk)
        journal.close()
        return float(len(commits))


def median_of(make: Callable[[], dict[str, float]], runs: int) -> dict[str, float]:
    """Return the median of each figure."""
    made = [make() for _ in range(runs)]
    return {name: statistics.median(one[name] for one in made) for name in made[0]}


def line(what: str, name: str, took: dict[str, float], limit: float | None, *, is_free: bool) -> list[object]:
    """Return one line of the table."""
    return [
        what,
        report.Figure(name=name, value=took[name], limit=limit if is_free else None),
        report.Figure(name=f"{name} cpu", value=took[f"{name} cpu"], limit=limit),
        report.Figure(name=f"{name} ratio", value=took[name] / took["bare"], unit="x", peer="bare SQLite"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.journal")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args(arguments)
    rows = draft_rows(options.rows)
    took = median_of(lambda: measure(rows, domain.MAX_ROWS_PER_REQUEST), options.runs)
    small, full = commits_a_chunk(20), commits_a_chunk(domain.MAX_ROWS_PER_REQUEST)
    is_free = took["bare"] <= FREE * took["bare cpu"]
    figures = [
        line("the plan: draft, rows, match, confirm", "plan", took, LIMIT_S, is_free=is_free),
        line("the requests: claims and frozen bodies", "claims", took, None, is_free=is_free),
        line("the ids: sending, raw answers, binding", "ids", took, LIMIT_S, is_free=is_free),
        line("bare SQLite: the same texts in one table", "bare", took, None, is_free=is_free),
    ]
    headers = [
        f"{options.rows:,} rows, {domain.MAX_ROWS_PER_REQUEST:,} a request", "s, median", "processor s", "beside bare"
    ]  # fmt: skip
    report.show(
        "journal", f"Journal, {options.runs} runs{'' if is_free else '; the machine is busy'}", headers, figures
    )
    counted: list[list[object]] = [
        ["20 rows", report.Figure(name="commits", value=small)],
        [f"{domain.MAX_ROWS_PER_REQUEST:,} rows", report.Figure(name="commits", value=full, limit=small)],
    ]
    report.show("journal", "Commits", ["one request of", "commits"], counted)
    return int(report.missed([*figures, *counted]) > 0)


if __name__ == "__main__":
    sys.exit(main())
