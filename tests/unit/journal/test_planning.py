"""The beginning of a run: drafts, what of them is paid already, samples, confirmation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bhuman_cli import domain, errors
from bhuman_cli.domain import Background, GenerationId, RenderSpec, RowState, Target, TargetKind
from bhuman_cli.journal import chunks, decisions, history, planning, results, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.planning import PlanCounts
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import runner
from tests.support import ledger


def prepared(journal: Journal, *texts: str, **fields: object) -> runner.PreparedRun:
    return runner.prepare(journal, ledger.new_run(**fields), ledger.rows_of(*texts))


def shown(journal: Journal, run: Run) -> list[tuple[str, str]]:
    ids = journal.query(
        "SELECT coalesce(generation_id, '') FROM row LEFT JOIN claim USING (claim_id) WHERE row.run_no = ? ORDER BY"
        " row.row_index",
        (run.run_no,),
    )
    return list(zip(ledger.statuses(journal, run), [found[0] for found in ids], strict=True))


def finish(journal: Journal, generation: GenerationId, status: str, url: str = "") -> None:
    with journal.transaction():
        journal.execute(
            "UPDATE claim SET status = ?, url = ?, binding = 'confirmed', ended_at = 'then' WHERE generation_id = ?",
            (status, url, generation),
        )


def test_a_run_is_read_back_as_it_was_stored(journal: Journal) -> None:
    background = Background(start=0, end=-1, kind="link", config={"mode": "basic"}, name="page")
    spec = RenderSpec(
        variables=("first_name", "company"), backgrounds=(background,), generation_mode="full_script", lipsync=False
    )
    new = ledger.new_run(spec=spec, columns=("a", "b\ud800"), options={"chunk_size": 7}, again=True, retry_failed=True)
    run = runs.start_draft(journal, new)
    assert (run.spec, run.columns, run.target) == (spec, ("a", "b\ud800"), ledger.TARGET)
    assert (run.state, run.again, run.options) == ("draft", True, {"chunk_size": 7, "retry_failed": True})
    assert runs.find(journal, run.run_id) == run
    with pytest.raises(errors.UsageError, match="knows no run r-nobody"):
        runs.find(journal, "r-nobody")


def test_a_draft_claims_nothing_and_the_next_one_replaces_it(journal: Journal) -> None:
    first = prepared(journal, "Ada", "Bob")
    other = prepared(journal, "Ada", target=replace(ledger.TARGET, api_id="another"))
    second = prepared(journal, "Ada")
    assert journal.query_one("SELECT 1 FROM claim") is None
    runs = {found[0] for found in journal.query("SELECT run_id FROM run")}
    assert runs == {second.run.run_id, other.run.run_id}, "drafts on other targets are not ours to delete"
    rows = journal.query_one("SELECT count(*) FROM row")
    assert rows is not None
    assert rows[0] == 2, "the deleted draft took its rows along"
    with pytest.raises(errors.JournalError, match="deleted this plan"):
        runner.confirm(journal, first)


def test_a_plan_is_confirmed_once(journal: Journal) -> None:
    plan = prepared(journal, "Ada")
    run = runner.confirm(journal, plan)
    assert run.state == "confirmed"
    with pytest.raises(errors.JournalError, match="deleted this plan"):
        runner.confirm(journal, plan)


def test_confirming_supersedes_earlier_runs_of_the_same_file_on_the_same_target_only(journal: Journal) -> None:
    elsewhere = replace(ledger.TARGET, kind=TargetKind.INSTANCE)
    old = ledger.confirmed(journal, ledger.rows_of("Ada"))
    file = ledger.confirmed(journal, ledger.rows_of("Ada"), input_path="/in/other.csv")
    target = ledger.confirmed(journal, ledger.rows_of("Ada"), target=elsewhere)
    new = ledger.confirmed(journal, ledger.rows_of("Ada"))
    states = {run.run_id: runs.find(journal, run.run_id) for run in (old, file, target, new)}
    assert [states[run.run_id].state for run in (old, file, target, new)] == [
        "superseded", "confirmed", "confirmed", "confirmed",
    ]  # fmt: skip
    assert states[old.run_id].superseded_by == new.run_id


def test_counts_are_of_selected_rows(journal: Journal) -> None:
    rows = [
        *ledger.rows_of("Ada", "", "Bob"),
        ledger.row(3, "Cid")._replace(selected=False),
        ledger.row(4, state=RowState.INVALID, message="empty"),
    ]
    plan = runner.prepare(journal, ledger.new_run(), rows)
    assert plan.counts == PlanCounts(new=2, retried=0, reused=0, rows=4, invalid=1)
    assert [status for status, _ in shown(journal, plan.run)] == ["pending", "skipped", "pending", "skipped", "invalid"]


EACH: dict[str, object] = {"options": {"share_equal": False}}


def test_only_the_rows_beyond_the_pool_are_new(journal: Journal) -> None:
    ids = ledger.new_ids(2)
    ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Ada", "Ada"), **EACH), ids)
    plan = prepared(journal, "Ada", "Bob", "Ada", "Ada", **EACH)
    assert (plan.counts.reused, plan.counts.new) == (2, 2)
    assert {generation for _, generation in shown(journal, plan.run)} == {*ids, ""}


def test_the_best_of_the_pool_comes_first_then_the_newest(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of(*["Ada"] * 6), **EACH)
    failed, waiting, done, newer, conflict, lost = ids = ledger.new_ids(6)
    ledger.sent(journal, run, ids)
    finish(journal, failed, "failed")
    finish(journal, done, "succeeded", "https://x.example/1")
    finish(journal, newer, "succeeded", "https://x.example/2")
    with journal.transaction():
        journal.execute("UPDATE claim SET binding = 'conflict' WHERE generation_id = ?", (conflict,))
        journal.execute("UPDATE claim SET generation_id = NULL WHERE generation_id = ?", (lost,))
    order = [
        next(found for _, found in shown(journal, prepared(journal, *["Ada"] * size, **EACH).run)[size - 1 :])
        for size in (1, 2, 3)
    ]
    assert order == [newer, done, waiting]
    states = [status for status, _ in shown(journal, prepared(journal, *["Ada"] * 6, **EACH).run)]
    assert states == ["succeeded", "succeeded", "queued", "in_doubt", "in_doubt", "failed"]


def test_selected_rows_are_served_before_the_others(journal: Journal) -> None:
    ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Ada")), ledger.new_ids(1))
    rows = [ledger.row(0, "Ada")._replace(selected=False), ledger.row(1, "Ada")]
    plan = runner.prepare(journal, ledger.new_run(), rows)
    assert (plan.counts.reused, plan.counts.new) == (1, 0)
    assert [status for status, _ in shown(journal, plan.run)] == ["queued", "queued"], "equal: it shows the same video"


@pytest.mark.parametrize(
    "target",
    [
        replace(ledger.TARGET, service="https://other.example"),
        replace(ledger.TARGET, api_id="00000000-0000-4000-8000-000000000000"),
        replace(ledger.TARGET, kind=TargetKind.INSTANCE),
        Target(service=domain.LOCAL_SERVICE, kind=TargetKind.CAMPAIGN, api_id=ledger.TARGET.api_id),
    ],
)
def test_what_was_paid_on_one_target_is_not_paid_on_another(journal: Journal, target: Target) -> None:
    ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Ada")), ledger.new_ids(1))
    assert prepared(journal, "Ada", target=target).counts.new == 1
    assert prepared(journal, "Ada").counts.new == 0


def test_rejected_freed_and_planned_requests_are_not_paid(journal: Journal) -> None:
    for end in ("rejected", "planned", "released"):
        run = ledger.confirmed(journal, ledger.rows_of(end))
        if end == "planned":
            chunks.plan(journal, run, ledger.pick(9), ledger.freeze)
        else:
            chunk = ledger.sent(journal, run, None)
            if end == "rejected":
                chunks.reject(journal, chunk, "no")
            else:
                chunks.mark_in_doubt(journal, chunk, "lost")
                decisions.release_rows(journal, chunk, why="resend", run_id=run.run_id)
        assert prepared(journal, end).counts == PlanCounts(new=1, retried=0, reused=0, rows=1, invalid=0), end


def test_again_looks_into_the_pool_only_for_rows_outside_the_selection(journal: Journal) -> None:
    ids = ledger.new_ids(2)
    ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Ada", "Bob")), ids)
    rows = [ledger.row(0, "Ada"), ledger.row(1, "Bob")._replace(selected=False)]
    plan = runner.prepare(journal, ledger.new_run(again=True), rows)
    assert (plan.counts.new, plan.counts.reused) == (1, 0)
    assert shown(journal, plan.run) == [("pending", ""), ("queued", ids[1])]
    assert prepared(journal, "Ada", "Bob").counts.reused == 2


def test_failed_rows_are_retried_only_when_asked_and_three_times_in_all(journal: Journal) -> None:
    rows = ledger.rows_of("Ada", "Bob")
    ids = ledger.new_ids(2)
    ledger.sent(journal, ledger.confirmed(journal, rows), ids)
    finish(journal, ids[0], "failed")
    assert prepared(journal, "Ada", "Bob").counts.retried == 0
    paid = 0
    for attempt in (2, 3):
        plan = prepared(journal, "Ada", "Bob", retry_failed=True)
        assert (plan.counts.retried, plan.counts.reused, plan.counts.new) == (1, 1, 0), attempt
        again = ledger.new_ids(1)
        ledger.sent(journal, runner.confirm(journal, plan), again)
        finish(journal, again[0], "failed")
        paid += 1
    last = prepared(journal, "Ada", "Bob", retry_failed=True)
    assert (last.counts.retried, last.counts.reused) == (0, 2)
    assert paid == 2


def test_a_sample_is_the_first_valid_rows_whether_paid_or_not(journal: Journal) -> None:
    ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Bob")), ledger.new_ids(1))
    plan = prepared(journal, "", "Ada", "Bob", "Cid", "Dan")
    planning.keep_sample(journal, plan.run, 2)
    assert planning.rows_after_sample(journal, plan.run) == 2
    run = runner.confirm(journal, plan)
    assert chunks.plan(journal, run, ledger.pick(9), ledger.freeze) is not None
    assert results.unsent(journal, run) == 3, "the planned one, and the two held back"
    planning.release_sample(journal, run)
    assert planning.rows_after_sample(journal, run) == 0


def test_a_declined_sample_is_never_sent_later(journal: Journal) -> None:
    plan = prepared(journal, "Ada", "Bob")
    planning.keep_sample(journal, plan.run, 1)
    run = runner.confirm(journal, plan)
    ledger.sent(journal, run, ledger.new_ids(1))
    planning.decline_sample(journal, run)
    planning.release_sample(journal, run)
    assert chunks.plan(journal, run, ledger.pick(9), ledger.freeze) is None
    ended = history.summarize(journal, runs.find(journal, run.run_id))
    assert ended.stopped == "declined after the sample"
    assert ended.unsent == 0
    ended.tally["succeeded"] = ended.tally.pop("queued")
    assert ended.is_finished, "what a person declined waits for nothing"


def test_a_retried_row_that_was_held_back_is_still_a_retry(journal: Journal) -> None:
    ids = ledger.new_ids(2)
    ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Ada", "Bob")), ids)
    for item in ids:
        finish(journal, item, "failed")
    plan = prepared(journal, "Ada", "Bob", retry_failed=True)
    planning.keep_sample(journal, plan.run, 1)
    run = runner.confirm(journal, plan)
    planning.release_sample(journal, run)
    assert planning.counts(journal, run).retried == 2


def test_what_should_be_there_and_is_not_is_an_error(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    monkeypatch.setattr(type(journal), "query_one", lambda *_: None)
    for ask in (lambda: runs.target_key(journal, ledger.TARGET), lambda: planning.counts(journal, run)):
        with pytest.raises(errors.JournalError, match="the journal lost"):
            ask()
    assert planning.rows_after_sample(journal, run) == 0
