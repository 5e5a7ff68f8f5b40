"""A run that is accepted and waited for, with a clock that stands still: helpers for tests of the waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bhuman_cli.domain import GenerationId
from bhuman_cli.journal import results
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.polling.poller import Poller
from tests.support import ledger
from tests.support.ledger import Bench

Change = Callable[[dict[str, Any]], dict[str, Any] | None]
UNFINISHED: Change = lambda record: {**record, "status": "processing", "url": ""}  # noqa: E731 - a name for many tests


def accepted(bench: Bench, *texts: str, order: Callable[[list[str]], list[str]] = list, limit: int = 500) -> Run:
    """A run whose requests were all accepted, its ids in the given order."""
    run = ledger.confirmed(bench.journal, ledger.rows_of(*texts))
    for start in range(0, len(texts), limit):
        part = [text for text in texts[start : start + limit] if text]
        ids = order(bench.service.take({"names": [[text] for text in part]}))
        ledger.sent(bench.journal, run, [GenerationId(item) for item in ids], limit=limit)
    return run


def waiting(bench: Bench, run: Run, interval_s: float = 10.0) -> Poller:
    poller = Poller(run=run, context=bench.context, interval_s=interval_s)
    poller.load_waiting()
    return poller


def wait_out(bench: Bench, poller: Poller, most_s: float = 3_600.0) -> None:
    """Turn until nothing is left or the time is over."""
    end_s = bench.clock.monotonic_s() + most_s
    while poller.remaining and not poller.refused and bench.clock.monotonic_s() < end_s:
        due_s = poller.step()
        bench.clock.pass_s(max(0.01, min(due_s, end_s) - bench.clock.monotonic_s()))
    poller.drain()


def rows(bench: Bench, run: Run) -> list[dict[str, str]]:
    return [dict(row.fields) for row in results.rows(bench.journal, run)]


def statuses(bench: Bench, run: Run) -> list[str]:
    return [row["status"] for row in rows(bench, run)]


def assert_links_are_right(bench: Bench, run: Run) -> None:
    for row in results.rows(bench.journal, run):
        if row.fields["url"]:
            key = row.fields["url"].removeprefix("https://a.example/").removesuffix(".mp4")
            assert bench.service.text_of(key) == list(row.cells)
