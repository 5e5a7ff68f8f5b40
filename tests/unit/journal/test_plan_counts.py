"""A plan tells rows that are paid from rows of which nobody knows."""

from __future__ import annotations

from pathlib import Path

from bhuman_cli import domain
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal import chunks, planning
from bhuman_cli.runs import runner
from tests.support import ledger


def test_rows_in_doubt_are_neither_new_nor_reused(tmp_path: Path) -> None:
    journal = ledger.opened(tmp_path)
    rows = [ledger.row(number, name) for number, name in enumerate(("Ada", "Bob", "Cem"))]
    run = runner.confirm(journal, runner.prepare(journal, ledger.new_run(), rows))
    for number in range(2):
        chunk = chunks.plan(journal, run, lambda found: list(found)[:1], lambda picked, token: b"{}")
        assert chunk is not None
        chunks.begin_sending(journal, chunk)
        if number:
            chunks.mark_in_doubt(journal, chunk, "nobody knows")
        else:
            chunks.accept(journal, chunk, [GenerationId("id0")])
    planned = runner.prepare(journal, ledger.new_run(), rows).counts
    assert planned == planning.PlanCounts(new=1, retried=0, reused=1, in_doubt=1, rows=3, invalid=0)
    assert chunks.unsettled(journal, run.target_id)[0].state == domain.ChunkState.IN_DOUBT
