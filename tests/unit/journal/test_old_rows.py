"""Rows of long superseded runs are dropped, and nothing that was paid is forgotten by it."""

from __future__ import annotations

import itertools
from pathlib import Path

from bhuman_cli import domain
from bhuman_cli.journal import chunks, forget, generations, results
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import NewRun, Run
from bhuman_cli.runs import runner
from tests.support import ledger

TARGET = domain.Target(service="https://example.com", kind=domain.TargetKind.CAMPAIGN, api_id="a" * 32)


def render(journal: Journal, name: str) -> Run:
    new = NewRun(
        target=TARGET,
        input_path="/table.csv",
        input_sha256="",
        output_path="/table.results.csv",
        columns=("first_name",),
        spec=domain.RenderSpec(variables=("first_name",)),
    )
    rows = [domain.Row(row_index=0, line=2, cells=(name,), values=(name,))]
    return runner.confirm(journal, runner.prepare(journal, new, rows))


def pay(journal: Journal, run: Run, number: int) -> None:
    chunk = chunks.plan(journal, run, list, lambda rows, token: b"{}")
    assert chunk is not None
    chunks.begin_sending(journal, chunk)
    chunks.accept(journal, chunk, [domain.GenerationId(f"id{number}")])
    with journal.transaction():
        journal.execute("UPDATE claim SET status = 'failed', binding = 'confirmed', ended_at = 'now'")


def test_only_the_last_superseded_runs_keep_their_rows_and_all_keep_their_counts(tmp_path: Path) -> None:
    journal = ledger.opened(tmp_path)
    runs = []
    for number in range(7):
        runs.append(render(journal, f"name {number}"))
        pay(journal, runs[-1], number)
    last = render(journal, "name 0")
    kept = [found[0] for found in journal.query("SELECT DISTINCT run_no FROM row ORDER BY run_no")]
    assert kept == [run.run_no for run in runs[-forget.RUNS_WITH_CELLS :]] + [last.run_no]
    for run in runs:
        assert results.tally(journal, run) == {"failed": 1}
    # The oldest run's generation is still what an equal row shows: it was paid, and is not paid again.
    assert [row.fields["id"] for row in results.rows(journal, last)] == ["id0"]


def test_a_run_whose_videos_are_not_finished_keeps_its_rows(tmp_path: Path) -> None:
    journal = ledger.opened(tmp_path)
    first = render(journal, "waiting")
    chunk = chunks.plan(journal, first, list, lambda rows, token: b"{}")
    assert chunk is not None
    chunks.begin_sending(journal, chunk)
    chunks.accept(journal, chunk, [domain.GenerationId("waited-for")])
    for number in itertools.islice(itertools.count(), 5):
        render(journal, f"name {number}")
    assert [item.generation_id for item in generations.waiting(journal, first)] == ["waited-for"]
