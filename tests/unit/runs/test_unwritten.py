"""A run whose results file could not be written is not finished."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import history
from bhuman_cli.runs import outcome as outcomes
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.runs.submit import Ending
from tests.support import ledger
from tests.support.ledger import Bench
from tests.support.money_world import Killed

DONE = Outcome(
    run_id="r1",
    tally={"succeeded": 2},
    selected={"succeeded": 2},
    unsent=0,
    submitted=2,
    reused=0,
    requests=1,
    polls=2,
    elapsed_s=1.0,
    ending=Ending.SENT,
    reason="",
    waited=True,
)


def test_a_results_file_that_could_not_be_written_leaves_the_run_to_resume() -> None:
    assert (DONE.exit_code, DONE.next_command) == (ExitCode.OK, None)
    unwritten = replace(DONE, unwritten=True)
    assert (unwritten.exit_code, unwritten.next_command) == (ExitCode.NOT_FINISHED, "bhuman resume r1")
    error = outcomes.as_error(unwritten)
    assert error is not None
    assert "the results file could not be written" in error.message
    waiting = outcomes.as_error(replace(unwritten, tally={"queued": 2}, selected={"queued": 2}))
    assert waiting is not None
    assert "not finished" in waiting.message


@pytest.mark.parametrize("harm", ["full disk", "killed"])
def test_resume_finds_a_run_of_which_only_the_results_are_missing(bench: Bench, harm: str) -> None:
    """`resume --all` from cron must write the links of videos that were paid."""
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada"))

    under_way: list[str] = []

    def seen(record: dict[str, Any]) -> dict[str, Any]:
        under_way.extend(item.stopped for item in history.list_runs(bench.journal))
        return record

    def checkpoint() -> bool:
        if bench.service.polls and harm == "killed":
            raise Killed
        return not bench.service.polls

    bench.service.change = seen
    if harm == "killed":
        with pytest.raises(Killed):
            bench.carry_out(run, checkpoint=checkpoint)
    else:
        assert bench.carry_out(run, checkpoint=checkpoint).exit_code == ExitCode.NOT_FINISHED
    assert [item.run_id for item in history.unfinished(bench.journal)] == [run.run_id]
    (listed,) = history.list_runs(bench.journal)
    assert (listed.stopped, listed.is_finished) == (history.UNWRITTEN, False)
    assert under_way == [""], "a run that is under way has not stopped"
    assert bench.carry_out(run).exit_code == ExitCode.OK
    assert history.unfinished(bench.journal) == []
    assert len(bench.service.accepted) == 1
