"""Requests that were refused, and those that a person decided about: whose rows go where."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bhuman_cli.domain import ChunkState, GenerationId
from bhuman_cli.journal import chunks, decisions, planning, results
from bhuman_cli.journal.chunks import StaleChunk
from bhuman_cli.journal.database import Journal
from tests.support import ledger
from tests.support.ledger import planned, state_of, statuses

# Refusals.


def test_rejected_rows_cost_nothing_and_are_offered_to_the_next_run(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    chunk = ledger.sent(journal, run, None)
    chunks.reject(journal, chunk, "HTTP 422: bad word")
    assert statuses(journal, run) == ["rejected"]
    assert [row.fields["message"] for row in results.rows(journal, run)] == ["HTTP 422: bad word"]
    assert chunks.plan(journal, run, ledger.pick(9), ledger.freeze) is None, "not by this run"
    later = ledger.confirmed(journal, ledger.rows_of("Ada"))
    assert planned(journal, later).rows == 1


def test_a_refused_retry_gives_the_row_its_failed_render_back(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    ids = ledger.new_ids(1)
    ledger.sent(journal, run, ids)
    _fail(journal, ids[0])
    again = ledger.confirmed(journal, ledger.rows_of("Ada"), retry_failed=True)
    chunk = ledger.sent(journal, again, None)
    assert statuses(journal, again) == ["in_doubt"]
    chunks.reject(journal, chunk, "HTTP 422")
    rows = list(results.rows(journal, again))
    assert (rows[0].fields["status"], rows[0].fields["id"]) == ("failed", ids[0])
    third = ledger.confirmed(journal, ledger.rows_of("Ada"))
    assert planning.counts(journal, third).reused == 1, "still paid"


def test_a_retry_that_is_given_back_is_still_a_retry(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    ids = ledger.new_ids(1)
    ledger.sent(journal, run, ids)
    _fail(journal, ids[0])
    again = ledger.confirmed(journal, ledger.rows_of("Ada"), retry_failed=True)
    planned(journal, again)
    chunks.release_planned(journal, again.target_id)
    assert planning.counts(journal, again).retried == 1
    chunk = ledger.sent(journal, again, ledger.new_ids(1))
    attempt = journal.query_one("SELECT attempt FROM claim WHERE chunk_id = ?", (chunk.chunk_id,))
    assert attempt is not None
    assert attempt[0] == 2


def _fail(journal: Journal, generation_id: GenerationId) -> None:
    with journal.transaction():
        journal.execute(
            "UPDATE claim SET status = 'failed', binding = 'confirmed', ended_at = 'then' WHERE generation_id = ?",
            (generation_id,),
        )


def test_halves_take_the_rows_over_in_one_commit(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "", "Bob", "Cid"))
    chunk = ledger.sent(journal, run, None)
    chunks.split(journal, run, chunk, ledger.freeze, "HTTP 400")
    halves = [
        json.loads(found["body"])["names"] for found in journal.query("SELECT body FROM chunk WHERE state='planned'")
    ]
    assert halves == [[["Ada"], ["Bob"]], [["Cid"]]]
    assert statuses(journal, run) == ["pending", "skipped", "pending", "pending"]
    live = journal.query_one("SELECT count(*) FROM claim WHERE live = 1")
    assert live is not None
    assert live[0] == 3


# What a person decides.


def test_resending_frees_only_what_is_not_bound_and_is_journaled(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob", "Cid"))
    chunk = ledger.sent(journal, run, None)
    chunks.to_mapping(journal, chunk, "1 id")
    chunks.bind(journal, chunk, {1: ledger.new_ids(1)[0]}, reason="1 of 3")
    assert decisions.release_rows(journal, chunk, why="resend", run_id=run.run_id) == 2
    assert statuses(journal, run) == ["pending", "queued", "pending"]
    assert state_of(journal, chunk) == "accepted", "what was bound of it stays paid"
    assert json.loads(planned(journal, run).body)["names"] == [["Ada"], ["Cid"]]
    decision = journal.query_one("SELECT * FROM decision")
    assert decision is not None
    assert (decision["what"], decision["detail"], decision["chunk_id"]) == ("resend", "2 rows", chunk.chunk_id)


def test_freeing_gives_rows_that_shared_the_doubt_back_to_their_runs(journal: Journal) -> None:
    one = ledger.confirmed(journal, ledger.rows_of("Ada"), input_path="/in/one.csv")
    chunk = ledger.sent(journal, one, None)
    chunks.mark_in_doubt(journal, chunk, "lost")
    two = ledger.confirmed(journal, ledger.rows_of("Ada"), input_path="/in/two.csv")
    assert statuses(journal, two) == ["in_doubt"], "doubt is shared, not paid around"
    decisions.release_rows(journal, chunk, why="not accepted", run_id=one.run_id)
    assert (statuses(journal, one), statuses(journal, two)) == (["pending"], ["pending"])
    ledger.sent(journal, one, ledger.new_ids(1))
    assert chunks.plan(journal, two, ledger.pick(9), ledger.freeze) is None, "one video is enough for both"
    assert statuses(journal, two) == ["queued"]


def test_abandoned_rows_count_as_failed_and_are_never_sent_by_themselves(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    chunk = ledger.sent(journal, run, None)
    chunks.mark_in_doubt(journal, chunk, "lost")
    assert decisions.abandon(journal, chunk, run_id=run.run_id) == 2
    assert statuses(journal, run) == ["failed", "failed"]
    assert all("abandoned" in row.fields["message"] for row in results.rows(journal, run))
    later = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    assert (planning.counts(journal, later).new, planning.counts(journal, later).reused) == (0, 2)
    retried = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"), retry_failed=True)
    assert planning.counts(journal, retried).retried == 0, "they may have been paid"
    again = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"), again=True)
    assert planning.counts(journal, again).new == 2, "unless a person says so"


@pytest.mark.parametrize("accept", [True, False])
def test_a_person_settles_conflicts(journal: Journal, accept: bool) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    ids = ledger.new_ids(2)
    ledger.sent(journal, run, ids)
    with journal.transaction():
        journal.execute(
            "UPDATE claim SET binding = 'conflict', status = 'succeeded', url = 'https://x.example', ended_at = 'then'"
            " WHERE generation_id = ?",
            (ids[1],),
        )
    assert statuses(journal, run) == ["queued", "in_doubt"]
    assert decisions.settle_conflicts(journal, run, accept_position=accept) == 1
    shown = list(results.rows(journal, run))[1].fields
    if accept:
        assert (shown["status"], shown["url"], shown["id"]) == ("succeeded", "https://x.example", ids[1])
        assert "accepted by a person" in shown["message"]
    else:
        assert (shown["status"], shown["url"], shown["id"]) == ("failed", "", "")
        assert "another row" in shown["message"]
    decision = journal.query_one("SELECT what FROM decision")
    assert decision is not None
    assert decision[0] == ("accept-position" if accept else "abandon")
    assert decisions.settle_conflicts(journal, run, accept_position=accept) == 0


def test_a_stale_copy_of_a_request_changes_nothing(journal: Journal) -> None:
    """The copy says `sending`, the journal knows better."""
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    chunk = ledger.sent(journal, run, ledger.new_ids(1))
    with pytest.raises(StaleChunk, match="another process changed it"):
        chunks.mark_in_doubt(journal, replace(chunk, state=ChunkState.SENDING), "late")
    assert statuses(journal, run) == ["queued"]
