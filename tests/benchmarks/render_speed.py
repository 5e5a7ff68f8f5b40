"""What this program adds on top of the service: time and memory beside a bare script that makes the same requests.

`python -m tests.benchmarks.render_speed [--rows 50000] [--million 1000000]`; every part is a process of its own.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
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


def through_the_service(rows: int, folder: Path) -> list[list[object]]:
    """Render a table through an instant service, beside the bare script."""
    table = folder / "table.csv"
    write_table(table, rows)
    lines: list[list[object]] = []
    walls: dict[str, float] = {}
    for name in ("bare script", "bhuman render"):
        home = folder / name.split()[0]
        home.mkdir()
        with studios.studio_process(home, "--render", "instant", "--access", "open") as running:
            environment = {
                "PATH": os.environ["PATH"],
                "BHUMAN_HOME": str(folder / "home"),
                "BHUMAN_BASE_URL": running.base_url,
                "BHUMAN_API_KEY_ID": "local",
                "BHUMAN_API_KEY_SECRET": "local",
                "PYTHONPATH": str(Path.cwd()),
            }
            if name == "bare script":
                command = [
                    sys.executable,
                    "-m",
                    "tests.benchmarks.render_speed",
                    "--bare",
                    running.base_url,
                    str(table),
                ]
            else:
                command = [
                    sys.executable, "-m", "bhuman_cli", "render", str(table), "-c", CAMPAIGN, "--yes",
                    "--max-rows", str(rows), "--chunk-size", str(CHUNK), "--poll-interval", "1", "--progress", "none",
                ]  # fmt: skip
            cost = measured(command, environment, folder)
        walls[name] = cost.wall_s
        limit = 350 if name == "bhuman render" else None
        ratio: object = ""
        if name == "bhuman render":
            ratio = Figure(
                name="ratio", value=cost.wall_s / walls["bare script"], unit="×", limit=4, peer="bare script"
            )
        peak = Figure(name=f"{name} peak", value=cost.peak_mib, unit=" MiB", limit=limit)
        lines.append([f"{rows:,} rows, {name}", f"{cost.wall_s:.1f} s", f"{cost.cpu_s:.1f} s", peak, ratio, cost.code])
    return lines


def a_million(rows: int, folder: Path) -> list[list[object]]:
    """Plan a large table without sending, and write the results of one from a prepared journal."""
    table = folder / "million.csv"
    write_table(table, rows)
    environment = {"PATH": os.environ["PATH"], "BHUMAN_HOME": str(folder / "home2"), "PYTHONPATH": str(Path.cwd())}
    plan = [sys.executable, "-m", "bhuman_cli", "render", str(table), "-c", CAMPAIGN, "--dry-run", "--progress", "none"]
    dry = measured([*plan, "--max-rows", str(rows)], environment, folder)
    prepare = [*_SELF, "--prepare", str(table), str(folder / "home2")]
    measured(prepare, environment, folder)
    write = [*_SELF, "--write", str(folder / "home2")]
    written = measured(write, environment, folder)
    return [
        [f"{rows:,} rows, {what}", f"{cost.wall_s:.1f} s", f"{cost.cpu_s:.1f} s",
         Figure(name=f"{what} peak", value=cost.peak_mib, unit=" MiB", limit=400), "", cost.code]
        for what, cost in (("render --dry-run", dry), ("results written from a journal", written))
    ]  # fmt: skip


def prepare(table: Path, home: Path) -> None:
    """Fill a journal with a finished run of the table."""
    from bhuman_cli import domain, ports
    from bhuman_cli.journal import store
    from bhuman_cli.journal.drafts import NewRun
    from bhuman_cli.runs import runner
    from bhuman_cli.table import intake

    opened = intake.open_intake(table, intake.IntakeOptions())
    journal = store.open_journal(home, ports.SystemClock())
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
    from bhuman_cli import ports
    from bhuman_cli.journal import generations, history, store
    from bhuman_cli.table import writer

    journal = store.open_journal(home, ports.SystemClock())
    run = history.listing(journal, limit=1)[0].run
    style = writer.OutputStyle(kind="csv")
    writer.write_results(Path(run.output_path), run.columns, generations.results(journal, run), style)


def main() -> int:
    """Print the table; return 1 if a figure is beyond its limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--million", type=int, default=1_000_000)
    parser.add_argument("--bare", nargs=2)
    parser.add_argument("--prepare", nargs=2)
    parser.add_argument("--write")
    options = parser.parse_args()
    if options.bare:
        bare(options.bare[0], Path(options.bare[1]))
    elif options.prepare:
        prepare(Path(options.prepare[0]), Path(options.prepare[1]))
    elif options.write:
        write(Path(options.write))
    else:
        with tempfile.TemporaryDirectory(prefix="bhuman-speed-") as folder:
            lines = through_the_service(options.rows, Path(folder)) + a_million(options.million, Path(folder))
        title = "Time and memory of this program"
        report.show("render_speed", title, ("what", "wall", "cpu", "peak", "beside bare", "exit"), lines)
        return int(any(isinstance(cell, Figure) and not cell.holds for line in lines for cell in line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
