"""Copies and additions of journals, between the engines and within one."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from bhuman_cli import errors
from bhuman_cli.journal import chunks
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.engine import dialect, transfer
from bhuman_cli.runs import runner
from tests.support import ledger


def filled(journal: Journal) -> None:
    """Rows of every kind: paid, in doubt, retried, with answers, of two targets."""
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "", "Zo\u00eb \U0001f600", "Dan"))
    chunk = ledger.sent(journal, run, None, limit=2)
    chunks.record_answer(journal, chunk, chunks.Answer(status=200, headers={"A": "b"}, body=bytes(range(256))))
    chunks.accept(journal, chunk, ledger.new_ids(2))
    with journal.transaction():
        journal.execute("UPDATE claim SET status = 'failed', binding = 'confirmed', ended_at = 'then'")
    again = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"), retry_failed=True)
    chunks.mark_in_doubt(journal, ledger.sent(journal, again, None), "lost")


def test_every_table_is_copied() -> None:
    assert set(transfer.TABLES) == set(dialect.columns())


def test_a_copy_is_equal_and_works_on_and_the_source_is_moved(journal: Journal, tmp_path: Path) -> None:
    filled(journal)
    with contextlib.closing(ledger.opened(tmp_path / "copy")) as copy:
        before = transfer.digests(journal)
        steps: list[tuple[int, int]] = []
        rows = transfer.move(journal, copy, lambda done, total: steps.append((done, total)))
        assert steps[-1][0] == steps[-1][1] == 3 * sum(table.rows for table in before.values())
        assert rows == before == transfer.digests(copy) | {"fact": before["fact"]}
        assert rows["claim"].rows == 4
        assert runner.prepare(copy, ledger.new_run(), ledger.rows_of("Ada", "Bob", "New")).counts.new == 1
        with pytest.raises(errors.UsageError, match="is not empty"):
            transfer.copy(journal, copy)


def test_a_flaw_in_the_copy_is_found_and_nothing_of_it_is_kept(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(journal)
    whole = transfer._copy_table

    def flawed(source: Journal, target: Journal, table: str, advance: transfer.Advance) -> None:
        whole(source, target, table, advance)
        if table == "claim":
            target.execute("UPDATE claim SET url = 'x' WHERE claim_id = 1")

    monkeypatch.setattr(transfer, "_copy_table", flawed)
    with contextlib.closing(ledger.opened(tmp_path / "copy")) as copy:
        with pytest.raises(errors.JournalError, match="differs in claim"):
            transfer.move(journal, copy)
        assert transfer.is_empty(copy)
        assert journal.query_one("SELECT 1 FROM fact WHERE name = 'moved_to'") is None


def test_added_payments_are_never_paid_again_and_open_requests_are_in_doubt(journal: Journal, tmp_path: Path) -> None:
    filled(journal)
    with contextlib.closing(ledger.opened(tmp_path / "other")) as other:
        ledger.sent(other, ledger.confirmed(other, ledger.rows_of("Eve")), ledger.new_ids(1))
        first = transfer.add(journal, other)
        assert (first.payments, first.doubtful) == (2 - 1, 1), "Ada's failed one was replaced by the open request"
        assert transfer.add(journal, other) == transfer.Added(payments=0, doubtful=0)
        counts = runner.prepare(
            other, ledger.new_run(), ledger.rows_of("Ada", "Bob", "Zo\u00eb \U0001f600", "Eve", "N")
        ).counts
        assert (counts.new, counts.reused, counts.in_doubt) == (1, 2, 2)


def test_a_sound_journal_breaks_no_promise_and_a_broken_one_is_told(journal: Journal) -> None:
    filled(journal)
    journal.check()
    assert transfer.broken_promises(journal) == []
    (chunk_id,) = random.Random(1).sample([row[0] for row in journal.query("SELECT chunk_id FROM chunk")], 1)
    journal.execute("UPDATE chunk SET state = 'released', sending_at = NULL WHERE chunk_id = ?", (chunk_id,))
    journal.execute("UPDATE claim SET generation_id = NULL WHERE chunk_id = ?", (chunk_id,))
    assert any("still hold rows" in text for text in transfer.broken_promises(journal))
