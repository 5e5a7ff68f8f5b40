"""The order of a run: sending and waiting in turns, what ends a wait, and what is said at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bhuman_cli.api.sent import Came
from bhuman_cli.errors import ExitCode
from tests.support import ledger


def test_what_is_accepted_after_the_waiting_ran_dry_is_waited_for_too(tmp_path: Path) -> None:
    """The first request's videos are finished before the third request goes out."""
    bench = ledger.bench(tmp_path)
    bench.service.before_answer = lambda: bench.clock.pass_s(30)
    run = ledger.confirmed(bench.journal, ledger.rows_of(*(f"person {at}" for at in range(6))))
    bench.service.posts = [_accepted, ledger.answered(422, {"error": "no"})]
    outcome = bench.carry_out(run, chunk_size=2, timeout_s=3_000)
    assert (outcome.exit_code, outcome.tally) == (ExitCode.ROWS_FAILED, {"succeeded": 4, "rejected": 2})


def _accepted(service: ledger.ScriptedService, body: dict[str, Any]) -> Came:
    return ledger.answered(200, {"code": 200, "result": service.take(body)})
