"""The life of a paid request on disk: every transition starts where it may, and nowhere else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.domain import ChunkState, GenerationId
from bhuman_cli.journal import chunks, drafts, generations
from bhuman_cli.journal.chunks import Answer, Chunk, StaleChunk
from bhuman_cli.journal.drafts import Run
from bhuman_cli.journal.store import Journal
from tests.support import ledger


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with contextlib.closing(ledger.opened(tmp_path)) as opened:
        yield opened


def planned(journal: Journal, run: Run, limit: int = 500) -> Chunk:
    chunk = chunks.plan(journal, run, ledger.pick(limit), ledger.freeze)
    assert chunk is not None
    return chunk


def state_of(journal: Journal, chunk: Chunk) -> str:
    return chunks.get(journal, chunk.chunk_id).state


def statuses(journal: Journal, run: Run) -> list[str]:
    return [row.fields["status"] for row in generations.results(journal, run)]


# Which transition starts from which state.

_REACH: dict[str, Callable[[Journal, Run, Chunk], object]] = {
    "planned": lambda journal, run, chunk: None,
    "sending": lambda journal, run, chunk: chunks.begin_sending(journal, chunk),
    "mapping": lambda journal, run, chunk: _then(journal, chunk, lambda: chunks.to_mapping(journal, chunk, "m")),
    "accepted": lambda journal, run, chunk: _then(
        journal, chunk, lambda: chunks.accept(journal, chunk, ledger.new_ids(2))
    ),
    "rejected": lambda journal, run, chunk: _then(journal, chunk, lambda: chunks.reject(journal, chunk, "r")),
    "in_doubt": lambda journal, run, chunk: _then(journal, chunk, lambda: chunks.doubt(journal, chunk, "d")),
    "split": lambda journal, run, chunk: _then(
        journal, chunk, lambda: chunks.split(journal, run, chunk, ledger.freeze, "s")
    ),
    "released": lambda journal, run, chunk: chunks.release_planned(journal, run.target_id),
}

_MOVES: dict[str, tuple[Callable[[Journal, Run, Chunk], object], set[str], str]] = {
    "begin_sending": (lambda journal, run, chunk: chunks.begin_sending(journal, chunk), {"planned"}, "sending"),
    "accept": (
        lambda journal, run, chunk: chunks.accept(journal, chunk, ledger.new_ids(2)),
        {"sending", "in_doubt"}, "accepted",
    ),
    "bind": (
        lambda journal, run, chunk: chunks.bind(journal, chunk, dict(enumerate(ledger.new_ids(2))), reason=""),
        {"mapping", "in_doubt", "accepted"}, "accepted",
    ),
    "bind_part": (
        lambda journal, run, chunk: chunks.bind(journal, chunk, dict(enumerate(ledger.new_ids(1))), reason="half"),
        {"mapping", "in_doubt", "accepted"}, "in_doubt",
    ),
    "to_mapping": (
        lambda journal, run, chunk: chunks.to_mapping(journal, chunk, "m"), {"sending", "in_doubt"}, "mapping",
    ),
    "doubt": (lambda journal, run, chunk: chunks.doubt(journal, chunk, "d"), {"sending", "mapping"}, "in_doubt"),
    "back": (lambda journal, run, chunk: chunks.back(journal, chunk, "b"), {"sending"}, "released"),
    "renew": (
        lambda journal, run, chunk: chunks.renew(journal, run, chunk, ledger.freeze, "n"), {"sending"}, "released",
    ),
    "reject": (lambda journal, run, chunk: chunks.reject(journal, chunk, "r"), {"sending", "planned"}, "rejected"),
    "split": (
        lambda journal, run, chunk: chunks.split(journal, run, chunk, ledger.freeze, "s"), {"sending"}, "split",
    ),
    "free": (
        lambda journal, run, chunk: chunks.free(journal, chunk, why="resend", run_id=run.run_id),
        {"in_doubt"}, "released",
    ),
    "abandon": (
        lambda journal, run, chunk: chunks.abandon(journal, chunk, run_id=run.run_id), {"in_doubt"}, "accepted",
    ),
}  # fmt: skip


def _then(journal: Journal, chunk: Chunk, act: Callable[[], object]) -> None:
    chunks.begin_sending(journal, chunk)
    act()


@pytest.mark.parametrize("state", list(_REACH))
@pytest.mark.parametrize("move", list(_MOVES))
def test_every_transition_starts_only_where_it_may(journal: Journal, state: str, move: str) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    chunk = planned(journal, run)
    _REACH[state](journal, run, chunk)
    act, starts, after = _MOVES[move]
    before = _everything(journal)
    if state in starts:
        act(journal, run, chunk)
        assert state_of(journal, chunk) == after
    else:
        with pytest.raises(StaleChunk):
            act(journal, run, chunk)
        assert _everything(journal) == before, "a refused transition changes nothing"


def _everything(journal: Journal) -> list[Any]:
    tables = ("target", "run", "row", "chunk", "claim", "answer", "decision")
    return [[tuple(found) for found in journal.query(f"SELECT * FROM {table}")] for table in tables]


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
    with pytest.raises(errors.JournalError, match="UNIQUE"), journal.transaction():
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
    with pytest.raises(errors.JournalError, match="UNIQUE"):
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
        chunks.renew(journal, run, chunk, ledger.freeze, "HTTP 429")
    else:
        chunks.back(journal, chunk, "HTTP 401")
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
    assert chunks.known_ids(journal, [*ids, *strangers]) == set(ids)
    assert chunks.known_ids(journal, []) == set()


# Accepting and binding.


def test_accepted_rows_are_bound_by_place_for_the_time_being(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    ids = ledger.new_ids(2)
    chunk = ledger.sent(journal, run, ids)
    facts = generations.chunk_facts(journal, chunk.chunk_id)
    assert [(fact.place, fact.generation_id, fact.binding) for fact in facts] == [
        (0, ids[0], "provisional"), (1, ids[1], "provisional"),
    ]  # fmt: skip
    assert chunks.get(journal, chunk.chunk_id).body == b"", "what can't be sent again need not be kept"
    assert journal.one("SELECT 1 FROM row WHERE payload IS NOT NULL") is None


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
    assert all(row.fields["url"] == "" for row in generations.results(journal, run))


def test_places_without_evidence_stay_in_doubt(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    chunk = ledger.sent(journal, run, None)
    chunks.to_mapping(journal, chunk, "1 id for 2 rows")
    chunks.bind(journal, chunk, {1: ledger.new_ids(1)[0]}, reason="1 of 2 rows are bound")
    assert statuses(journal, run) == ["in_doubt", "queued"]
    rows = list(generations.results(journal, run))
    assert (rows[0].fields["id"], rows[0].fields["message"]) == ("", "1 of 2 rows are bound")
    assert [found.chunk_id for found in chunks.unsettled(journal, run.target_id)] == [chunk.chunk_id]
    assert chunks.unsettled(journal, run.target_id + 1) == []


# Refusals.


def test_rejected_rows_cost_nothing_and_are_offered_to_the_next_run(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    chunk = ledger.sent(journal, run, None)
    chunks.reject(journal, chunk, "HTTP 422: bad word")
    assert statuses(journal, run) == ["rejected"]
    assert [row.fields["message"] for row in generations.results(journal, run)] == ["HTTP 422: bad word"]
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
    rows = list(generations.results(journal, again))
    assert (rows[0].fields["status"], rows[0].fields["id"]) == ("failed", ids[0])
    third = ledger.confirmed(journal, ledger.rows_of("Ada"))
    assert drafts.counts(journal, third).reused == 1, "still paid"


def test_a_retry_that_is_given_back_is_still_a_retry(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    ids = ledger.new_ids(1)
    ledger.sent(journal, run, ids)
    _fail(journal, ids[0])
    again = ledger.confirmed(journal, ledger.rows_of("Ada"), retry_failed=True)
    planned(journal, again)
    chunks.release_planned(journal, again.target_id)
    assert drafts.counts(journal, again).retried == 1
    chunk = ledger.sent(journal, again, ledger.new_ids(1))
    attempt = journal.one("SELECT attempt FROM claim WHERE chunk_id = ?", (chunk.chunk_id,))
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
    live = journal.one("SELECT count(*) FROM claim WHERE live = 1")
    assert live is not None
    assert live[0] == 3


# What a person decides.


def test_resending_frees_only_what_is_not_bound_and_is_journaled(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob", "Cid"))
    chunk = ledger.sent(journal, run, None)
    chunks.to_mapping(journal, chunk, "1 id")
    chunks.bind(journal, chunk, {1: ledger.new_ids(1)[0]}, reason="1 of 3")
    assert chunks.free(journal, chunk, why="resend", run_id=run.run_id) == 2
    assert statuses(journal, run) == ["pending", "queued", "pending"]
    assert state_of(journal, chunk) == "accepted", "what was bound of it stays paid"
    assert json.loads(planned(journal, run).body)["names"] == [["Ada"], ["Cid"]]
    decision = journal.one("SELECT * FROM decision")
    assert decision is not None
    assert (decision["what"], decision["detail"], decision["chunk_id"]) == ("resend", "2 rows", chunk.chunk_id)


def test_freeing_gives_rows_that_shared_the_doubt_back_to_their_runs(journal: Journal) -> None:
    one = ledger.confirmed(journal, ledger.rows_of("Ada"), input_path="/in/one.csv")
    chunk = ledger.sent(journal, one, None)
    chunks.doubt(journal, chunk, "lost")
    two = ledger.confirmed(journal, ledger.rows_of("Ada"), input_path="/in/two.csv")
    assert statuses(journal, two) == ["in_doubt"], "doubt is shared, not paid around"
    chunks.free(journal, chunk, why="not accepted", run_id=one.run_id)
    assert (statuses(journal, one), statuses(journal, two)) == (["pending"], ["pending"])
    ledger.sent(journal, one, ledger.new_ids(1))
    assert chunks.plan(journal, two, ledger.pick(9), ledger.freeze) is None, "one video is enough for both"
    assert statuses(journal, two) == ["queued"]


def test_abandoned_rows_count_as_failed_and_are_never_sent_by_themselves(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    chunk = ledger.sent(journal, run, None)
    chunks.doubt(journal, chunk, "lost")
    assert chunks.abandon(journal, chunk, run_id=run.run_id) == 2
    assert statuses(journal, run) == ["failed", "failed"]
    assert all("abandoned" in row.fields["message"] for row in generations.results(journal, run))
    later = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    assert (drafts.counts(journal, later).new, drafts.counts(journal, later).reused) == (0, 2)
    retried = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"), retry_failed=True)
    assert drafts.counts(journal, retried).retried == 2, "unless a person says so"


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
    assert chunks.settle_conflicts(journal, run, accept_position=accept) == 1
    shown = list(generations.results(journal, run))[1].fields
    if accept:
        assert (shown["status"], shown["url"], shown["id"]) == ("succeeded", "https://x.example", ids[1])
        assert "accepted by a person" in shown["message"]
    else:
        assert (shown["status"], shown["url"], shown["id"]) == ("failed", "", "")
        assert "another row" in shown["message"]
    decision = journal.one("SELECT what FROM decision")
    assert decision is not None
    assert decision[0] == ("accept-position" if accept else "abandon")
    assert chunks.settle_conflicts(journal, run, accept_position=accept) == 0


def test_a_stale_copy_of_a_request_changes_nothing(journal: Journal) -> None:
    """The copy says `sending`, the journal knows better."""
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    chunk = ledger.sent(journal, run, ledger.new_ids(1))
    with pytest.raises(StaleChunk, match="another process changed it"):
        chunks.doubt(journal, replace(chunk, state=ChunkState.SENDING), "late")
    assert statuses(journal, run) == ["queued"]
