"""A request whose answer nobody got, at a bench; and what its rows show afterwards."""

from __future__ import annotations

from bhuman_cli.journal import chunks, results
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.runs import Run
from tests.support import ledger
from tests.support.ledger import Bench

MINUTES = 60.0


def lost(bench: Bench, *texts: str, accepted: bool = True, path: str = "/in/people.csv") -> tuple[Run, Chunk]:
    """A run whose only request was answered by nobody; the service took it or not."""
    each = {"share_equal": False}  # equal texts are what makes evidence hard to read
    run = ledger.confirmed(bench.journal, ledger.rows_of(*texts), input_path=path, options=each)
    chunk = ledger.sent(bench.journal, run, None)
    if accepted:
        bench.service.take({"names": [[text] for text in texts]})
    chunks.mark_in_doubt(bench.journal, chunk, "after sending: reset")
    return run, chunk


def shown(bench: Bench, run: Run) -> list[str]:
    return ledger.statuses(bench.journal, run)


def links_are_right(bench: Bench, run: Run) -> bool:
    rows = [row for row in results.rows(bench.journal, run) if row.fields["id"]]
    return all(bench.service.text_of(row.fields["id"]) == list(row.cells) for row in rows)
