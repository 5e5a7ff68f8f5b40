"""What this program adds on top of the service: time and memory beside bare scripts that do the least.

`python -m tests.benchmarks.render_speed [--rows 50000] [--million 1000000] [--rounds 3]`. Every part is a process of
its own; they take turns with what they stand beside, and every round has a new service. Medians, of memory the largest.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.report import Figure
from tests.support import studio as studios

CHUNK = 2_000
CAMPAIGN = "10ca1000-0000-4000-8000-000000000001"
_SELF = (sys.executable, "-m", "tests.benchmarks.render_speed")
_BHUMAN = (sys.executable, "-m", "bhuman_cli")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process cost."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    code: int


def measured(command: Sequence[str], environment: dict[str, str], folder: Path) -> Cost:
    """Run a command; its output goes to a file."""
    began = time.perf_counter()
    with (folder / "output.txt").open("ab") as output:
        child = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall_s=time.perf_counter() - began,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,
        code=child.returncode,
    )


def write_table(path: Path, rows: int) -> None:
    """Write a table of five columns, every row another."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("first_name", "company", "product", "email", "city"))
        table.writerows(
            (f"Name{n}", f"Company {n}", f"product {n % 7}", f"n{n}@example.com", f"City {n % 100}")
            for n in range(rows)
        )


def bare(base_url: str, table: Path) -> None:
    """Do what the job needs and nothing else: no checks, no journal, no care. The floor to compare with."""
    host = base_url.removeprefix("http://")
    with table.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    connection = http.client.HTTPConnection(host)
    headers = {
        "Authorization": "Basic " + b64encode(b"local:local").decode(),
        "Content-Type": "application/json",
    }
    ids: list[str] = []
    for start in range(0, len(rows), CHUNK):
        body = {"campaign_id": CAMPAIGN, "variables": header, "names": rows[start : start + CHUNK]}
        connection.request("POST", "/api/ai_studio/pipeline/campaign", json.dumps(body), headers)
        ids += json.loads(connection.getresponse().read())["result"]
    records: dict[str, dict[str, str]] = {}
    while len(records) < len(ids):
        for page in range(-(-len(ids) // 100)):
            path = f"/api/ai_studio/generated_video_by_campaign_id?campaign_id={CAMPAIGN}&page={page}&size=100"
            connection.request("GET", path, headers=headers)
            found = json.loads(connection.getresponse().read())["result"]
            records |= {item["id"]: item for item in found["videos"] if item["status"] == "succeeded"}
    with table.with_suffix(".bare.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*header, "id", "share_url", "url"])
        for row, generation in zip(rows, ids, strict=True):
            record = records[generation]
            writer.writerow([*row, generation, record["share_url"], record["url"]])


def through_the_service(table: Path, rows: int, rounds: int) -> list[list[object]]:
    """Render a table through an instant service, in turns with the bare script."""
    costs: dict[str, list[Cost]] = {"bare script": [], "bhuman render": []}
    for _ in range(rounds):
        for name, mine in costs.items():
            with tempfile.TemporaryDirectory(dir=table.parent) as home:
                mine.append(served(name, Path(home), table, rows))
    return [
        line(f"{rows:,} rows, {name}", mine, beside=costs["bare script"], limits=limits)
        for (name, mine), limits in zip(costs.items(), (None, (350, 4)), strict=True)
    ]


def served(name: str, home: Path, table: Path, rows: int) -> Cost:
    """Let one of the two work with a service of its own."""
    with studios.studio_process(home, "--render", "instant", "--access", "open") as running:
        environment = {
            **_environment(home), "BHUMAN_BASE_URL": running.base_url, "BHUMAN_API_KEY_ID": "local",
            "BHUMAN_API_KEY_SECRET": "local",
        }  # fmt: skip
        command = [*_SELF, "--bare", running.base_url, str(table)]
        if name == "bhuman render":
            command = [
                *_BHUMAN, "render", str(table), "-c", CAMPAIGN, "--yes", "--max-rows", str(rows), "--chunk-size",
                str(CHUNK), "--poll-interval", "1", "--progress", "none", "-o", str(home / "results.csv"),
            ]  # fmt: skip
        return measured(command, environment, home)


def a_million(table: Path, rows: int, rounds: int) -> list[list[object]]:
    """Plan a large table without sending, and write the results of one from a prepared journal."""
    home, copy = table.parent / "home", table.parent / "copy.csv"
    results = table.with_suffix(".results.csv")
    environment = _environment(home)
    plan = ["render", str(table), "-c", CAMPAIGN, "--dry-run", "--progress", "none", "--max-rows", str(rows)]
    parts = {
        "the table copied by csv": [*_SELF, "--copy", str(table), str(copy)],
        "render --dry-run": [*_BHUMAN, *plan],
        "results copied by csv": [*_SELF, "--copy", str(results), str(copy)],
        "results from a journal": [*_SELF, "--write", str(home)],
    }
    for command in ([*_SELF, "--prepare", str(table), str(home)], parts["results from a journal"]):
        measured(command, environment, table.parent)
    costs: dict[str, list[Cost]] = {what: [] for what in parts}
    for _ in range(rounds):
        for what, command in parts.items():
            costs[what].append(measured(command, environment, table.parent))
    return [
        line(f"{rows:,} rows, {what}", costs[what], beside=costs[peer], limits=(400, None) if what != peer else None)
        for what, peer in zip(parts, [list(parts)[place] for place in (0, 0, 2, 2)], strict=True)
    ]


def line(
    what: str, mine: list[Cost], *, beside: list[Cost], limits: tuple[float | None, float | None] | None
) -> list[object]:
    """Return a line of the table. limits: of the peak and of the ratio; None for the peer itself."""
    peak_limit, ratio_limit = limits or (None, None)
    wall_s, peer_s = (statistics.median(cost.wall_s for cost in costs) for costs in (mine, beside))
    ratio = wall_s / peer_s  # of medians: a round takes minutes, so its two halves don't meet the same machine
    return [
        what,
        Figure(name="wall", value=wall_s, unit=" s"),
        Figure(name="cpu", value=statistics.median(cost.cpu_s for cost in mine), unit=" s"),
        Figure(name="peak", value=max(cost.peak_mib for cost in mine), unit=" MiB", limit=peak_limit),
        Figure(name="ratio", value=ratio, unit="x", limit=ratio_limit, peer="bare script") if limits else "",
        Figure(name="worst exit code", value=max(cost.code for cost in mine), limit=0),
    ]


def copy(source: Path, target: Path) -> None:
    """Read a table and write it again: the least that planning or writing one takes."""
    with source.open(newline="", encoding="utf-8") as old, target.open("w", newline="", encoding="utf-8") as new:
        csv.writer(new).writerows(csv.reader(old))


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "BHUMAN_HOME": str(home), "PYTHONPATH": str(Path.cwd())}


def prepare(table: Path, home: Path) -> None:
    """Fill a journal with a finished run of the table."""
    from bhuman_cli import clock, domain
    from bhuman_cli.journal import database
    from bhuman_cli.journal.runs import NewRun
    from bhuman_cli.runs import runner
    from bhuman_cli.table import checked_table

    opened = checked_table.open_table(table, checked_table.TableOptions())
    journal = database.open_journal(home, clock.SystemClock())
    new = NewRun(
        target=domain.Target(service="https://example.com", kind=domain.TargetKind.CAMPAIGN, api_id=CAMPAIGN),
        input_path=str(table),
        input_sha256="",
        output_path=str(table.with_suffix(".results.csv")),
        columns=opened.columns,
        spec=domain.RenderSpec(variables=opened.variables),
    )
    run = runner.confirm(journal, runner.prepare(journal, new, opened.rows()))
    with journal.transaction():
        journal.execute(
            "INSERT INTO claim (place, target_id, run_no, row_index, identity, text_key, generation_id, binding,"
            " status, url, share_url, ended_at) SELECT row_index, ?, run_no, row_index, identity, text_key,"
            " printf('00000000-0000-4000-8000-%012d', row_index), 'confirmed', 'succeeded',"
            " 'https://assets.example.com/' || row_index || '.mp4', 'https://videos.example.com/' || row_index, 'now'"
            " FROM row WHERE run_no = ?",
            (run.target_id, run.run_no),
        )
        journal.execute(
            "UPDATE row SET claim_id = claim.claim_id, plan = 'sent' FROM claim WHERE claim.run_no = row.run_no"
            " AND claim.row_index = row.row_index AND row.run_no = ?",
            (run.run_no,),
        )
    journal.close()


def write(home: Path) -> None:
    """Write the results of the journal's newest run."""
    from bhuman_cli import clock
    from bhuman_cli.journal import database, history, results
    from bhuman_cli.table.output import results_file

    journal = database.open_journal(home, clock.SystemClock())
    run = history.list_runs(journal, limit=1)[0].run
    style = results_file.OutputStyle(kind="csv")
    results_file.write_results(Path(run.output_path), run.columns, results.rows(journal, run), style)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.render_speed")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--million", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bhuman-speed-") as name:
        tables = []
        for rows in (options.rows, options.million):
            tables.append(Path(name, f"{rows}.csv"))
            write_table(tables[-1], rows)
        lines = through_the_service(tables[0], options.rows, options.rounds)
        lines += a_million(tables[1], options.million, options.rounds)
    title = f"Time and memory of this program, medians of {options.rounds} rounds"
    report.show("render_speed", title, ("what", "wall", "cpu", "peak", "beside the bare one", "exit"), lines)
    return int(report.missed(lines) > 0)


def part(words: Sequence[str]) -> None:
    """Do what one of the processes does."""
    match words:
        case ["--bare", base_url, table]:
            bare(base_url, Path(table))
        case ["--copy", source, target]:
            copy(Path(source), Path(target))
        case ["--prepare", table, home]:
            prepare(Path(table), Path(home))
        case ["--write", home]:
            write(Path(home))


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in {"--bare", "--copy", "--prepare", "--write"}:
        part(sys.argv[1:])
    else:
        sys.exit(main())
