"""A run whose results file could not be written is not finished."""

from __future__ import annotations

from dataclasses import replace

from bhuman_cli.errors import ExitCode
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.runs.submit import Ending

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
