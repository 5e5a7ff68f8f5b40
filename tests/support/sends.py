"""Sending at a bench: people to send, a sender, steps to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bhuman_cli.api.post_result import PostResponse
from bhuman_cli.domain import Row
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.request import Shape
from bhuman_cli.runs.submit import Submitter
from tests.support import ledger
from tests.support.ledger import Bench, ScriptedService, answered


def people(count: int) -> list[Row]:
    return ledger.rows_of(*(f"person {at}" for at in range(count)))


def sending(bench: Bench, run: Run, chunk_size: int = 500) -> Submitter:
    shape = Shape(target=run.target, spec=run.spec)
    return Submitter(run=run, shape=shape, chunk_size=chunk_size, context=bench.context)


def to_the_end(bench: Bench, sender: Submitter) -> list[float]:
    """Step until sending ends; return the pauses that were asked for."""
    pauses = []
    while sender.ending is None:
        pause = sender.step()
        bench.clock.pass_s(pause)
        pauses += [pause] if pause else []
    return pauses


def started(bench: Bench, count: int, chunk_size: int = 500) -> tuple[Run, Submitter]:
    run = ledger.confirmed(bench.journal, people(count))
    return run, sending(bench, run, chunk_size)


def refusing(word: str, status: int = 400) -> Callable[[ScriptedService, dict[str, Any]], PostResponse]:
    """Refuse requests in which a row says the word."""

    def post(service: ScriptedService, body: dict[str, Any]) -> PostResponse:
        bad = [at for at, row in enumerate(body["names"]) if word in row[0]]
        if bad:
            return answered(status, {"code": status, "error": f"row {bad[0]}: not allowed"})
        return answered(200, {"code": 200, "result": service.take(body)})

    return post


def statuses(bench: Bench, run: Run) -> list[str]:
    return ledger.statuses(bench.journal, run)
