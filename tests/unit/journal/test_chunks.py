"""Requests planned, sent, answered and bound."""

from __future__ import annotations

import json

import pytest

from bhuman_cli import errors
from bhuman_cli.domain import ChunkState
from bhuman_cli.journal import chunks, generations, results
from bhuman_cli.journal.chunks import Answer, StaleChunk
from bhuman_cli.journal.database import Journal
from tests.support import ledger
from tests.support.ledger import planned, state_of, statuses

# Planning.


def test_a_plan_claims_its_rows_and_freezes_its_body(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "", "Bob", "Cid"))
    one = planned(journal, run, 2)
    assert (one.state, one.rows) == (ChunkState.PLANNED, 2)
    assert json.loads(one.body)["names"] == [["Ada"], ["Bob"]]
    assert planned(journal, run, 2) == one, "what is planned is planned until it is sent"
    chunks.begin_sending(journal, one)
    two = planned(journal, run, 2)
    assert json.loads(two.body)["names"] == [["Cid"]]
    assert two.token != one.token
    chunks.begin_sending(journal, two)
    assert chunks.plan(journal, run, ledger.pick(2), ledger.freeze) is None


def test_a_row_is_in_at_most_one_live_request(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    chunk = planned(journal, run)
    with pytest.raises(errors.JournalError, match="a rule of it would be broken"), journal.transaction():
        journal.execute(
            "INSERT INTO claim (chunk_id, place, target_id, run_no, row_index, identity, text_key)"
            " VALUES (?, 1, ?, ?, 0, x'00', x'00')",
            (chunk.chunk_id, run.target_id, run.run_no),
        )


def test_an_id_binds_once(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    ids = ledger.new_ids(1)
    ledger.sent(journal, run, ids, limit=1)
    second = ledger.sent(journal, run, None, limit=1)
    with pytest.raises(errors.JournalError, match="a rule of it would be broken"):
        chunks.accept(journal, second, ids)
    assert state_of(journal, second) == "sending", "nothing of the failed acceptance is kept"


def test_a_draft_and_a_superseded_run_send_nothing(journal: Journal) -> None:
    from bhuman_cli.runs import runner

    prepared = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada"))
    with pytest.raises(StaleChunk, match="superseded"):
        chunks.plan(journal, prepared.run, ledger.pick(9), ledger.freeze)
    old = runner.confirm(journal, prepared)
    chunk = planned(journal, old)
    new = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    assert state_of(journal, chunk) == "released"
    with pytest.raises(StaleChunk):
        chunks.begin_sending(journal, chunk)
    with pytest.raises(StaleChunk, match="superseded"):
        chunks.plan(journal, old, ledger.pick(9), ledger.freeze)
    assert statuses(journal, old) == ["pending"], "its unsent row is released"
    assert json.loads(planned(journal, new).body)["names"] == [["Ada"], ["Bob"]]


def test_a_run_superseded_between_plan_and_send_sends_nothing(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    chunk = planned(journal, run)
    with journal.transaction():
        journal.execute("UPDATE run SET state = 'superseded' WHERE run_no = ?", (run.run_no,))
    with pytest.raises(StaleChunk, match="nothing was sent"):
        chunks.begin_sending(journal, chunk)
    assert state_of(journal, chunk) == "planned"


def test_what_another_run_sent_meanwhile_is_shared_not_paid_again(journal: Journal) -> None:
    """Two copies of one program, whose lock does not hold: on a network share, for instance."""
    one = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"), input_path="/in/one.csv")
    two = ledger.confirmed(journal, ledger.rows_of("Ada", "Cid"), input_path="/in/two.csv")
    stale = planned(journal, two)
    ledger.sent(journal, one, ledger.new_ids(2))
    with pytest.raises(StaleChunk):
        chunks.begin_sending(journal, stale)
    assert json.loads(planned(journal, two).body)["names"] == [["Cid"]], "Ada was paid meanwhile"
    assert statuses(journal, two) == ["queued", "pending"]


def test_our_own_sending_does_not_make_our_own_plans_stale(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob", "Cid", "Dan"))
    whole = planned(journal, run)
    chunks.begin_sending(journal, whole)
    chunks.split(journal, run, whole, ledger.freeze, "HTTP 400")
    for names in ([["Ada"], ["Bob"]], [["Cid"], ["Dan"]]):
        half = planned(journal, run)
        assert json.loads(half.body)["names"] == names
        chunks.begin_sending(journal, half)
        chunks.accept(journal, half, ledger.new_ids(2))


@pytest.mark.parametrize("renews", [True, False])
def test_what_was_put_back_is_sent_again_as_another_attempt(journal: Journal, renews: bool) -> None:
    """A stored answer to the first attempt must never be taken for one to the second."""
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob", "Cid"))
    chunk = ledger.sent(journal, run, None, limit=2)
    if renews:
        chunks.reissue(journal, run, chunk, ledger.freeze, "HTTP 429")
    else:
        chunks.release(journal, chunk, "HTTP 401")
    assert statuses(journal, run) == ["pending"] * 3
    again = planned(journal, run, 2)
    assert json.loads(again.body)["names"] == [["Ada"], ["Bob"]]
    assert again.token != chunk.token
    assert chunks.last_answer(journal, again) is None
    chunks.begin_sending(journal, again)
    chunks.accept(journal, again, ledger.new_ids(2))


def test_planned_requests_are_given_back_with_their_rows(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    chunk = planned(journal, run, 1)
    chunks.release_planned(journal, run.target_id)
    assert (state_of(journal, chunk), statuses(journal, run)) == ("released", ["pending", "pending"])
    assert planned(journal, run).rows == 2
    chunks.release_planned(journal, run.target_id + 1)


# Answers.


def test_answers_are_kept_as_they_came_and_the_last_one_counts(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    chunk = ledger.sent(journal, run, None)
    assert chunks.last_answer(journal, chunk) is None
    first = Answer(status=None, headers={}, body=b"", error="lost")
    second = Answer(status=200, headers={"x": "é\udc80"}, body=bytes(range(256)), error="")
    for answer in (first, second):
        chunks.record_answer(journal, chunk, answer)
    assert chunks.last_answer(journal, chunk) == second
    chunks.accept(journal, chunk, ledger.new_ids(1))
    chunks.record_answer(journal, chunk, first)  # whatever state it is in
    assert chunks.last_answer(journal, chunk) == first


def test_a_request_that_is_gone_is_an_error(journal: Journal) -> None:
    with pytest.raises(errors.JournalError, match="lost a request"):
        chunks.get(journal, 77)


def test_known_ids_are_found_among_thousands(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of(*(f"person {at}" for at in range(1_100))))
    ids = ledger.new_ids(1_100)
    ledger.sent(journal, run, ids, limit=2_000)
    strangers = ledger.new_ids(3)
    assert chunks.bound_ids(journal, [*ids, *strangers]) == set(ids)
    assert chunks.bound_ids(journal, []) == set()


# Accepting and binding.


def test_accepted_rows_are_bound_by_place_for_the_time_being(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    ids = ledger.new_ids(2)
    chunk = ledger.sent(journal, run, ids)
    facts = generations.chunk_facts(journal, chunk.chunk_id)
    assert [(fact.place, fact.generation_id, fact.binding) for fact in facts] == [
        (0, ids[0], "provisional"), (1, ids[1], "provisional"),
    ]  # fmt: skip
    assert [fact.values for fact in facts] == [("Ada",), ("Bob",)], "until they are confirmed, by what they must say"
    assert journal.query_one("SELECT 1 FROM row WHERE payload IS NOT NULL") is None


def test_another_number_of_ids_is_never_bound_by_place(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    chunk = ledger.sent(journal, run, None)
    for count in (0, 1, 3):
        with pytest.raises(errors.JournalError, match="can't be bound by place"):
            chunks.accept(journal, chunk, ledger.new_ids(count))


def test_binding_anew_forgets_what_the_other_video_said(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    ids = ledger.new_ids(2)
    chunk = ledger.sent(journal, run, ids)
    with journal.transaction():
        journal.execute("UPDATE claim SET url = 'https://x', status = 'succeeded', seen = 'other', ended_at = 'then'")
    chunks.bind(journal, chunk, {0: ids[1], 1: ids[0]}, reason="")
    facts = generations.chunk_facts(journal, chunk.chunk_id)
    assert [(fact.generation_id, fact.binding, fact.seen, fact.status) for fact in facts] == [
        (ids[1], "confirmed", "", "queued"), (ids[0], "confirmed", "", "queued"),
    ]  # fmt: skip
    assert all(row.fields["url"] == "" for row in results.rows(journal, run))


def test_places_without_evidence_stay_in_doubt(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    chunk = ledger.sent(journal, run, None)
    chunks.to_mapping(journal, chunk, "1 id for 2 rows")
    chunks.bind(journal, chunk, {1: ledger.new_ids(1)[0]}, reason="1 of 2 rows are bound")
    assert statuses(journal, run) == ["in_doubt", "queued"]
    rows = list(results.rows(journal, run))
    assert (rows[0].fields["id"], rows[0].fields["message"]) == ("", "1 of 2 rows are bound")
    assert [found.chunk_id for found in chunks.unsettled(journal, run.target_id)] == [chunk.chunk_id]
    assert chunks.unsettled(journal, run.target_id + 1) == []
