"""The order of a run: sending and waiting in turns, what ends a wait, and what is said at the end."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.api.post_result import PostResponse
from bhuman_cli.domain import GenerationId, RenderSpec
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import history, results, runs
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import runner
from tests.support import ledger
from tests.support.ledger import Bench


def confirmed(bench: Bench, count: int) -> Run:
    return ledger.confirmed(bench.journal, ledger.rows_of(*(f"person {at}" for at in range(count))))


def test_what_is_accepted_after_the_waiting_ran_dry_is_waited_for_too(bench: Bench) -> None:
    """The first request's videos are finished before the third request goes out."""
    bench.service.before_answer = lambda: bench.clock.pass_s(30)
    run = confirmed(bench, 6)
    bench.service.posts = [_accepted, ledger.answered(422, {"error": "no"})]
    outcome = bench.carry_out(run, chunk_size=2, timeout_s=3_000)
    assert (outcome.exit_code, outcome.tally) == (ExitCode.ROWS_FAILED, {"succeeded": 4, "rejected": 2})


def test_a_run_from_the_first_row_to_the_last_link(bench: Bench) -> None:
    run = ledger.confirmed(bench.journal, ledger.rows_of(*(f"person {at}" for at in range(5)), ""))
    written: list[list[str]] = []
    outcome = bench.carry_out(run, chunk_size=2, checkpoint=lambda: writes(bench, run, written))
    assert (outcome.exit_code, outcome.tally) == (ExitCode.OK, {"succeeded": 5, "skipped": 1})
    assert (outcome.submitted, outcome.reused, outcome.requests, outcome.polls) == (5, 0, 3, 5)
    assert written[0] == [*["pending"] * 5, "skipped"], "at the start"
    assert written[-1] == [*["succeeded"] * 5, "skipped"], "and at the end"
    again = bench.carry_out(run)
    assert (again.submitted, again.reused, again.requests, again.next_command) == (0, 5, 0, None)


def test_it_is_over_with_the_last_answer(bench: Bench) -> None:
    answered_s: list[float] = []

    def noted(record: dict[str, Any]) -> dict[str, Any]:
        answered_s.append(bench.clock.monotonic_s())
        return record

    bench.service.change = noted
    bench.carry_out(confirmed(bench, 3))
    assert bench.clock.monotonic_s() == answered_s[-1]


def writes(bench: Bench, run: Run, written: list[list[str]]) -> bool:
    written.append([row.fields["status"] for row in results.rows(bench.journal, run)])
    return True


def test_several_questions_at_once(bench: Bench) -> None:
    with ThreadPoolExecutor(4) as pool:
        bench.context.pool = pool
        outcome = bench.carry_out(confirmed(bench, 40), chunk_size=10)
    assert (outcome.exit_code, outcome.tally) == (ExitCode.OK, {"succeeded": 40})


def test_a_long_list_is_read_without_a_pause_between_its_pages(bench: Bench) -> None:
    bench.service.page_error = None
    outcome = bench.carry_out(confirmed(bench, 600))
    assert (outcome.tally, outcome.polls) == ({"succeeded": 600}, 0)
    assert outcome.elapsed_s < 15


def test_checkpoints_come_with_news_and_cost_a_twentieth_at_most(bench: Bench) -> None:
    run = confirmed(bench, 200)
    times: list[float] = []

    def slowly() -> bool:
        times.append(bench.clock.monotonic_s())
        bench.clock.pass_s(3.0)
        return True

    bench.carry_out(run, checkpoint=slowly)
    between = [later - earlier for earlier, later in itertools.pairwise(times[:-1])]
    assert all(pause >= 60.0 for pause in between)


def test_without_waiting_each_id_is_asked_once_and_so_confirmed(bench: Bench) -> None:
    bench.service.change = lambda record: {**record, "status": "queued", "url": ""}
    run = confirmed(bench, 3)
    outcome = bench.carry_out(run, waits=False)
    assert (outcome.exit_code, outcome.polls, outcome.tally) == (ExitCode.OK, 3, {"queued": 3})
    assert all(found.fields["id"] for found in results.rows(bench.journal, run))


def test_a_run_that_only_waits_submits_nothing(bench: Bench) -> None:
    run = confirmed(bench, 4)
    ledger.sent(
        bench.journal, run, [GenerationId(item) for item in bench.service.take({"names": [["person 0"]]})], limit=1
    )
    outcome = bench.carry_out(run, submits=False)
    assert (outcome.requests, outcome.tally) == (0, {"succeeded": 1, "pending": 3})


@pytest.mark.parametrize("selected_only", [True, False])
def test_rows_outside_the_selection_hold_up_nobody_but_a_resume(bench: Bench, selected_only: bool) -> None:
    bench.service.down = True
    bench.carry_out(confirmed(bench, 3), waits=False)
    bench.service.down = False
    bench.service.change = lambda record: (
        record if record["text"] == ["person 1"] or bench.clock.monotonic_s() > 900 else {**record, "status": "queued"}
    )
    rows = [row._replace(selected=row.row_index == 1) for row in ledger.rows_of("person 0", "person 1", "person 2")]
    run = ledger.confirmed(bench.journal, rows)
    outcome = bench.carry_out(run, selected_only=selected_only)
    assert outcome.exit_code == ExitCode.OK
    assert (outcome.elapsed_s < 60) == selected_only
    assert outcome.tally == ({"queued": 2, "succeeded": 1} if selected_only else {"succeeded": 3})


def test_a_timeout_ends_the_wait_and_says_so(bench: Bench) -> None:
    bench.service.change = lambda record: {**record, "status": "queued", "url": ""}
    outcome = bench.carry_out(confirmed(bench, 3), timeout_s=90.0)
    assert outcome.exit_code == ExitCode.NOT_FINISHED
    assert 90 <= outcome.elapsed_s < 120
    assert outcome.next_command == f"bhuman resume {outcome.run_id}"


def test_a_timeout_before_everything_was_sent_leaves_the_rest_unsent(bench: Bench) -> None:
    bench.service.posts = [_accepted, ledger.answered(429, {}, retry_after="600")]
    outcome = bench.carry_out(confirmed(bench, 4), chunk_size=2, timeout_s=60.0)
    assert (outcome.exit_code, outcome.tally) == (ExitCode.NOT_FINISHED, {"succeeded": 2, "pending": 2})
    assert (outcome.ending, outcome.unsent) == ("stopped", 2)


def test_without_a_timeout_the_wait_ends_two_hours_after_a_row_last_finished(bench: Bench) -> None:
    late = 3_000.0

    def change(record: dict[str, Any]) -> dict[str, Any]:
        done = record["text"] == ["person 0"] and bench.clock.monotonic_s() > late
        return record if done else {**record, "status": "queued", "url": ""}

    bench.service.change = change
    outcome = bench.carry_out(confirmed(bench, 2))
    assert outcome.tally == {"succeeded": 1, "queued": 1}
    assert late + runner.PATIENCE_S <= outcome.elapsed_s < late + runner.PATIENCE_S + 600


def test_silence_for_the_last_minute_is_down_and_before_that_it_is_not_finished(bench: Bench) -> None:
    run = confirmed(bench, 3)
    bench.service.down = True
    assert bench.carry_out(run, timeout_s=59.0).exit_code == ExitCode.NOT_FINISHED
    assert bench.carry_out(run, timeout_s=100.0).exit_code == ExitCode.DOWN
    bench.service.down = False
    assert bench.carry_out(run).exit_code == ExitCode.OK


def test_no_connection_to_submit_is_down_with_nothing_uncertain(bench: Bench) -> None:
    bench.service.always = ledger.REFUSED
    run = confirmed(bench, 3)
    outcome = bench.carry_out(run)
    assert (outcome.exit_code, outcome.tally) == (ExitCode.DOWN, {"pending": 3})
    assert runs.find(bench.journal, run.run_id).stopped == "no connection: the connection was refused"
    bench.service.always = None
    assert bench.carry_out(run).exit_code == ExitCode.OK
    assert runs.find(bench.journal, run.run_id).stopped == ""


def test_a_long_pause_of_the_sending_never_holds_up_the_waiting(bench: Bench) -> None:
    bench.service.posts = [_accepted, ledger.answered(429, {}, retry_after="600")]
    run = confirmed(bench, 2)
    finished: list[float] = []

    def look() -> bool:
        tally = results.tally(bench.journal, run)
        finished.extend([bench.clock.monotonic_s()] * (tally.get("succeeded") == 1 and not finished))
        return True

    outcome = bench.carry_out(run, chunk_size=1, checkpoint=look)
    assert outcome.exit_code == ExitCode.OK
    assert finished[0] < 60, "the first row's link is written while the second waits to be sent"


def test_a_refused_question_ends_the_run_with_credentials(bench: Bench) -> None:
    bench.service.get_error = errors.ApiError("refused", status=401)
    outcome = bench.carry_out(confirmed(bench, 3))
    assert (outcome.exit_code, outcome.refused) == (ExitCode.CREDENTIALS, "refused")


def test_the_stop_button_ends_sending_and_waiting(bench: Bench) -> None:
    run = confirmed(bench, 4)
    bench.service.before_answer = lambda: bench.context.stop.press(130)
    outcome = bench.carry_out(run, chunk_size=2)
    assert (outcome.exit_code, outcome.tally) == (ExitCode.INTERRUPTED, {"queued": 2, "pending": 2})


# Doubts.


def test_a_doubt_that_evidence_settles_at_the_end_is_waited_for_in_the_same_command(bench: Bench) -> None:
    """The list shows the videos of the lost answer; they finish a little later."""
    bench.service.page_error = None
    bench.service.posts = [_lost]

    def change(record: dict[str, Any]) -> dict[str, Any]:
        is_done = record["text"] == ["person 2"] or bench.clock.monotonic_s() > 600
        return record if is_done else {**record, "status": "queued", "url": ""}

    bench.service.change = change
    outcome = bench.carry_out(confirmed(bench, 3), chunk_size=2)
    assert (outcome.exit_code, outcome.tally, len(bench.service.accepted)) == (ExitCode.OK, {"succeeded": 3}, 3)


def test_rows_that_were_certainly_not_accepted_are_sent_in_the_same_command(bench: Bench) -> None:
    """The lost request never arrived; a long wait for the others lets the grace time pass."""
    bench.service.page_error = None
    bench.service.posts = [ledger.LOST]
    bench.service.change = lambda record: (
        record if bench.clock.monotonic_s() > 1_200 else {**record, "status": "queued", "url": ""}
    )
    outcome = bench.carry_out(confirmed(bench, 3), chunk_size=2)
    assert (outcome.exit_code, outcome.tally, len(bench.service.accepted)) == (ExitCode.OK, {"succeeded": 3}, 3)
    assert outcome.submitted == 3


def test_the_rounds_of_one_command_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_ROUNDS", 1)
    bench.service.page_error = None
    bench.service.posts = [ledger.LOST]
    bench.service.change = lambda record: (
        record if bench.clock.monotonic_s() > 1_200 else {**record, "status": "queued", "url": ""}
    )
    outcome = bench.carry_out(confirmed(bench, 3), chunk_size=2)
    assert (outcome.exit_code, outcome.tally) == (ExitCode.NOT_FINISHED, {"succeeded": 1, "pending": 2})
    assert outcome.next_command == f"bhuman resume {outcome.run_id}"


def test_doubts_of_another_file_stop_this_one_before_it_pays(bench: Bench) -> None:
    bench.service.posts = [ledger.LOST, ledger.LOST]
    first = bench.carry_out(confirmed(bench, 2), chunk_size=1)
    assert (first.exit_code, first.tally) == (ExitCode.IN_DOUBT, {"in_doubt": 2})
    other = ledger.confirmed(bench.journal, ledger.rows_of("Zoe"), input_path="/in/other.csv")
    blocked = bench.carry_out(other)
    assert (blocked.exit_code, blocked.tally, blocked.requests) == (ExitCode.IN_DOUBT, {"pending": 1}, 0)


def test_a_doubt_of_another_file_is_none_of_this_ones_business(bench: Bench) -> None:
    bench.service.posts = [ledger.LOST]
    bench.carry_out(confirmed(bench, 1))
    other = ledger.confirmed(bench.journal, ledger.rows_of("Zoe"), input_path="/in/other.csv")
    assert bench.carry_out(other).exit_code == ExitCode.OK


def test_a_doubt_without_evidence_is_looked_at_for_twenty_seconds_and_left_to_a_person(bench: Bench) -> None:
    bench.service.page_error = None
    bench.service.posts = [ledger.LOST]
    outcome = bench.carry_out(confirmed(bench, 3), chunk_size=2)
    assert (outcome.exit_code, outcome.tally) == (ExitCode.IN_DOUBT, {"succeeded": 1, "in_doubt": 2})
    assert outcome.elapsed_s < 60
    looks = 1 + 1 + 4  # while one is made, when the waiting ends, and every 5 s for 20 s; the audit reads it, too
    assert bench.service.pages_read == 2 * looks + 1, "each look reads page 0, which is short, and once more"
    bench.service.page_error = errors.ApiError("closed", status=401)
    slept = len(bench.clock.slept)
    assert bench.carry_out(runs.find(bench.journal, outcome.run_id)).exit_code == ExitCode.IN_DOUBT
    assert len(bench.clock.slept) == slept, "a closed list is not looked at again and again"


def test_the_audit_says_what_nobody_asked_for(bench: Bench) -> None:
    bench.service.page_error = None

    def colleague() -> None:
        bench.service.take({"names": [["stranger"]]})

    bench.service.before_answer = colleague
    outcome = bench.carry_out(confirmed(bench, 1))
    assert (outcome.exit_code, outcome.audit) == (ExitCode.OK, 1)
    assert any("did not ask for" in said for said in bench.notices.said)


def test_videos_that_are_gone_from_disk_are_planned_anew(bench: Bench) -> None:
    run = confirmed(bench, 2)
    bench.carry_out(run)
    plan = runner.prepare(
        bench.journal, ledger.new_run(), ledger.rows_of("person 0", "person 1"),
        gone=lambda journal, target: [history.shared_videos(journal, target)[0][0]],
    )  # fmt: skip
    assert (plan.counts.new, plan.counts.reused) == (1, 1)


def test_a_row_without_values_is_planned_like_any_other(bench: Bench) -> None:
    """Only assets, or only constants: what tells the rows apart is then not a value."""
    rows = [ledger.row(at, assets=(f"https://{at}.example",)) for at in range(2)]
    plan = runner.prepare(bench.journal, ledger.new_run(spec=RenderSpec(variables=())), rows)
    keys = {found["identity"] for found in bench.journal.query("SELECT identity FROM row")}
    assert (plan.counts.new, len(keys)) == (2, 2)


def _accepted(service: ledger.ScriptedService, body: dict[str, Any]) -> PostResponse:
    return ledger.answered(200, {"code": 200, "result": service.take(body)})


def _lost(service: ledger.ScriptedService, body: dict[str, Any]) -> PostResponse:
    service.take(body)
    return ledger.LOST
