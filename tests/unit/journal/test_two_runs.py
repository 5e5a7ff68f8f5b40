"""Two targets, two files and two runs in one journal: what is done to one leaves the others alone."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bhuman_cli.domain import Binding, Generation, GenerationId, Row, Target, TargetKind
from bhuman_cli.errors import JournalError
from bhuman_cli.journal import chunks, comparison, decisions, generations, history, planning, results, traffic
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import runner
from tests.support import ledger
from tests.support.ledger import freeze, planned, statuses

OTHER = Target(
    service="https://studio.example", kind=TargetKind.CAMPAIGN, api_id="0f9a2b1c-7e0a-4a54-9a77-0c1d9c2f7a22"
)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A run that something is done to, one of another file on its target, and one on another target."""

    run: Run
    of_other_file: Run
    on_other_target: Run

    @property
    def others(self) -> tuple[Run, Run]:
        return self.of_other_file, self.on_other_target


def with_sample(journal: Journal, path: str, target: Target, rows: list[Row]) -> Run:
    """A confirmed run of which all but the first row wait for a word."""
    prepared = runner.prepare(journal, ledger.new_run(input_path=path, target=target), rows)
    planning.keep_sample(journal, prepared.run, 1)
    return runner.confirm(journal, prepared)


def neighbours(journal: Journal) -> Neighbours:
    """Three runs of three rows; of each the first is sent and accepted, the others wait."""
    made = []
    for number, (path, target) in enumerate(
        (("/in/a.csv", ledger.TARGET), ("/in/b.csv", ledger.TARGET), ("/in/a.csv", OTHER))
    ):
        run = with_sample(journal, path, target, ledger.rows_of(*(f"person {number} {at}" for at in range(3))))
        ledger.sent(journal, run, ledger.new_ids(1), limit=1)
        made.append(run)
    return Neighbours(*made)


def test_declining_a_sample_drops_only_its_own_rows(journal: Journal) -> None:
    near = neighbours(journal)
    planning.decline_sample(journal, near.run)
    assert planning.rows_after_sample(journal, near.run) == 0
    assert [planning.rows_after_sample(journal, run) for run in near.others] == [2, 2]


def test_releasing_a_sample_releases_only_its_own_rows(journal: Journal) -> None:
    near = neighbours(journal)
    planning.release_sample(journal, near.run)
    assert [planning.rows_after_sample(journal, run) for run in near.others] == [2, 2]
    assert results.unsent(journal, near.run) == 2


def test_failed_rows_to_be_retried_wait_for_the_sample_too(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob", "Cid"))
    chunk = ledger.sent(journal, run, ledger.new_ids(3))
    with journal.transaction():
        facts = generations.chunk_facts(journal, chunk.chunk_id)
        for fact in facts:
            assert fact.generation_id is not None
            generations.record(journal, fact.claim_id, Generation(id=fact.generation_id, status="failed"), "own")
        generations.save_bindings(journal, dict.fromkeys([fact.claim_id for fact in facts], Binding.CONFIRMED))
    again = runner.prepare(journal, ledger.new_run(retry_failed=True), ledger.rows_of("Ada", "Bob", "Cid"))
    assert again.counts.retried == 3
    planning.keep_sample(journal, again.run, 1)
    assert planned(journal, runner.confirm(journal, again)).rows == 1


def test_a_target_of_its_own_epoch_renews_and_splits_beside_another(journal: Journal) -> None:
    near = neighbours(journal)
    planning.release_sample(journal, near.on_other_target)
    for _ in range(2):  # requests of the others move their own target's epoch only
        planning.release_sample(journal, near.run)
    first = planned(journal, near.on_other_target)
    chunks.begin_sending(journal, first)
    chunks.reissue(journal, near.on_other_target, first, freeze, "429")
    second = planned(journal, near.on_other_target)
    chunks.begin_sending(journal, second)
    chunks.split(journal, near.on_other_target, second, freeze, "400")
    for _ in range(2):
        half = planned(journal, near.on_other_target)
        chunks.begin_sending(journal, half)
        chunks.accept(journal, half, ledger.new_ids(1))
    assert statuses(journal, near.on_other_target) == ["queued"] * 3


def test_a_draft_s_number_never_names_another_plan(journal: Journal) -> None:
    first = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada"))
    second = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Bob"))
    assert second.run.run_no != first.run.run_no
    with pytest.raises(JournalError, match="deleted this plan"):
        planning.confirm(journal, first.run)


def test_a_generation_is_the_video_of_one_row_of_a_run(journal: Journal) -> None:
    near = neighbours(journal)
    with pytest.raises((JournalError, sqlite3.Error)):
        journal.execute("UPDATE row SET claim_id = 1 WHERE run_no = ? AND row_index < 2", (near.run.run_no,))


@pytest.mark.parametrize("gone", ["url", "share_url", "thumbnail", "gif", "whatsapp_video_url", "execution_name"])
def test_no_later_record_erases_what_is_known(journal: Journal, gone: str) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    ids = ledger.new_ids(1)
    claim = generations.chunk_facts(journal, ledger.sent(journal, run, ids).chunk_id)[0].claim_id
    names = ("url", "share_url", "thumbnail", "gif", "whatsapp_video_url", "execution_name")
    whole: dict[str, Any] = {name: f"https://x.example/{name}" for name in names}
    with journal.transaction():
        generations.record(journal, claim, Generation(id=ids[0], status="succeeded", **whole), "own")
        generations.record(journal, claim, Generation(id=ids[0], status="succeeded", **{**whole, gone: ""}), "own")
        generations.save_bindings(journal, {claim: Binding.CONFIRMED})
    fields = next(iter(results.rows(journal, run))).fields
    assert {name: fields[name] for name in names} == whole


@pytest.mark.parametrize("binding", [Binding.CONFIRMED, Binding.POSITION, Binding.PROVISIONAL, Binding.CONFLICT])
def test_a_video_ends_once_it_is_settled_whose_it_is(journal: Journal, binding: Binding) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    ids = ledger.new_ids(1)
    claim = generations.chunk_facts(journal, ledger.sent(journal, run, ids).chunk_id)[0].claim_id
    with journal.transaction():
        journal.execute("UPDATE claim SET binding = ? WHERE claim_id = ?", (str(binding), claim))
        generations.record(journal, claim, Generation(id=ids[0], status="succeeded", url="https://x.example/1"), "own")
        generations.mark_finished(journal, [claim])
    assert (generations.waiting(journal, run) == []) == (binding in {Binding.CONFIRMED, Binding.POSITION})


def test_freeing_a_request_takes_only_its_own_rows_out_of_the_pool(journal: Journal) -> None:
    near = neighbours(journal)
    for run in (near.run, *near.others):
        planning.release_sample(journal, run)
        chunk = ledger.sent(journal, run, None)
        chunks.mark_in_doubt(journal, chunk, "lost")
        if run is near.run:
            decisions.release_rows(journal, chunk, why="resend", run_id=run.run_id)
    assert statuses(journal, near.run)[1:] == ["pending"] * 2
    assert all(statuses(journal, run)[1:] == ["in_doubt"] * 2 for run in near.others)
    freed = journal.query_one("SELECT state FROM chunk WHERE run_no = ? ORDER BY chunk_id DESC", (near.run.run_no,))
    assert freed is not None
    assert freed[0] == "released", "nothing of it was accepted"


def test_what_was_accepted_elsewhere_does_not_make_a_wrong_campaign_right(journal: Journal) -> None:
    near = neighbours(journal)
    fresh = ledger.confirmed(journal, ledger.rows_of("Zoe"), input_path="/in/new.csv")
    assert history.has_accepted(journal, near.run)
    assert not history.has_accepted(journal, fresh)


def test_an_id_that_the_service_does_not_know_is_gone_after_a_day_and_three_looks(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    facts = generations.chunk_facts(journal, ledger.sent(journal, run, ledger.new_ids(2)).chunk_id)
    first, other = (fact.claim_id for fact in facts)
    now = journal.clock.now()
    day = timedelta(days=1)
    assert generations.note_missing(journal, [first], now=now) == set()
    assert generations.note_missing(journal, [first], now=now + day) == set(), "two looks"
    assert generations.note_missing(journal, [other], now=now) == set()
    for minutes in (1, 2, 3):
        assert generations.note_missing(journal, [other], now=now + timedelta(minutes=minutes)) == set(), "no day"
    assert generations.note_missing(journal, [first], now=now + day) == {first}
    assert statuses(journal, run) == ["failed", "queued"]
    assert next(iter(results.rows(journal, run))).fields["message"].endswith("gone at the service")
    with journal.transaction():
        known = GenerationId(str(facts[1].generation_id))
        generations.record(journal, other, Generation(id=known, status="queued"), "own")
    assert generations.note_missing(journal, [other], now=now + day) == set(), "it was seen meanwhile"
    retried = runner.prepare(journal, ledger.new_run(retry_failed=True), ledger.rows_of("Ada", "Bob"))
    assert (retried.counts.retried, retried.counts.new) == (1, 0)


def test_old_videos_are_those_that_more_rows_show_than_the_series_did(journal: Journal) -> None:
    first = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    ids = ledger.new_ids(2)
    ledger.sent(journal, first, ids)
    with journal.transaction():
        journal.execute("UPDATE claim SET status = 'succeeded', url = 'u', ended_at = ?", (journal.now(),))
    later = journal.clock.now() + timedelta(days=2)

    def old(path: str, *names: str) -> list[str]:
        run = runner.prepare(journal, ledger.new_run(input_path=path), ledger.rows_of(*names)).run
        return [id_ for _, id_ in generations.old_videos_of_new_rows(journal, run, asked_before=later)]

    assert old(first.input_path, "Ada", "Bob") == [], "each row showed its video before"
    assert old(first.input_path, "Ada", "Bob", "Bob") == [ids[1]], "a further row shows one"
    assert old("/in/other.csv", "Ada") == [ids[0]], "another file"
    run = runner.prepare(journal, ledger.new_run(input_path="/in/other.csv"), ledger.rows_of("Ada", "Bob")).run
    (ada, bob) = (claim for claim, _ in generations.old_videos_of_new_rows(journal, run, asked_before=later))
    generations.note_asked(journal, [ada, bob], gone=[bob])
    assert [row["status"] for row in journal.query("SELECT status FROM claim ORDER BY claim_id")] == [
        "succeeded", "failed",
    ]  # fmt: skip
    journal.clock.pass_s(60.0)  # type: ignore[attr-defined]
    again = generations.old_videos_of_new_rows(journal, run, asked_before=journal.clock.now() - timedelta(days=1))
    assert again == [], "asked a moment ago"
    assert traffic.counts(journal, run, last=20).ended == (False,), "a video that is gone is no failed render"


def test_a_day_s_videos_are_counted_over_files_that_continue_one_another(journal: Journal) -> None:
    first = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    ledger.sent(journal, first, ledger.new_ids(2))
    other = ledger.confirmed(journal, ledger.rows_of("Cid"), input_path="/in/other.csv")
    since = journal.clock.now() - timedelta(hours=1)
    assert traffic.sent_of_files_since(journal, other, since) == 0
    assert traffic.sent_of_files_since(journal, other, since, {first.input_path}) == 2
    earlier = comparison.earlier_files(journal, other)[0]
    assert (earlier.input_path, earlier.paid) == (first.input_path, 2)
    comparison.set_continues(journal, other, earlier)
    assert traffic.sent_of_files_since(journal, other, since) == 2
    third = ledger.confirmed(journal, ledger.rows_of("Dan"), input_path="/in/third.csv")
    ledger.sent(journal, other, ledger.new_ids(3)[2:])
    comparison.set_continues(journal, third, comparison.earlier_files(journal, third)[0])
    assert traffic.sent_of_files_since(journal, third, since) == 3, "all of them name the first"
