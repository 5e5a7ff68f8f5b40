"""What an earlier stop left behind: judged from the stored answer, else in doubt; never sent again by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.api.post_result import PostResponse
from bhuman_cli.journal import chunks, results
from bhuman_cli.journal.chunks import Answer, Chunk
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import recovery
from tests.support import ledger
from tests.support.ledger import Bench, answered

IDS = ledger.new_ids(2)
GOOD = answered(200, {"code": 200, "result": IDS})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return ledger.bench(tmp_path / "home")


def interrupted(bench: Bench, response: PostResponse | None = None) -> tuple[Run, Chunk]:
    """A process that ended while a request for two rows was on its way, or just after its answer was stored."""
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada", "Bob"))
    chunk = ledger.sent(bench.journal, run, None)
    if response is not None:
        answer = Answer(status=response.status, headers=response.headers, body=response.body, error=response.error)
        chunks.record_answer(bench.journal, chunk, answer)
    return run, chunk


def statuses(bench: Bench, run: Run) -> set[str]:
    return {row.fields["status"] for row in results.rows(bench.journal, run)}


@pytest.mark.parametrize(
    ("response", "state", "shown"),
    [
        (None, "in_doubt", "in_doubt"),
        (GOOD, "accepted", "queued"),
        (answered(200, {"result": IDS[:1]}), "mapping", "in_doubt"),
        (answered(502, b"bad gateway"), "in_doubt", "in_doubt"),
        (answered(200, b"", error="broke off"), "in_doubt", "in_doubt"),
        (answered(422, {"error": "no"}), "released", "pending"),
        (answered(400, {"error": "no"}), "released", "pending"),
        (answered(401, {}), "released", "pending"),
        (answered(429, {}), "released", "pending"),
        (ledger.LOST, "in_doubt", "in_doubt"),
    ],
)
def test_a_request_on_its_way_is_judged_from_its_stored_answer(
    bench: Bench, response: PostResponse | None, state: str, shown: str
) -> None:
    run, chunk = interrupted(bench, response)
    recovery.reopen(bench.journal, run.target_id, [])
    found = chunks.get(bench.journal, chunk.chunk_id)
    assert (found.state, statuses(bench, run)) == (state, {shown})
    if response is None:
        assert found.reason == recovery.KILLED
    recovery.reopen(bench.journal, run.target_id, [])
    assert chunks.get(bench.journal, chunk.chunk_id).state == state, "a second recovery changes nothing"


def test_what_was_only_planned_is_given_back(bench: Bench) -> None:
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada"))
    chunk = chunks.plan(bench.journal, run, ledger.pick(9), ledger.freeze)
    assert chunk is not None
    recovery.reopen(bench.journal, run.target_id, [])
    assert chunks.get(bench.journal, chunk.chunk_id).state == "released"
    assert statuses(bench, run) == {"pending"}


def test_doubts_and_mappings_are_left_to_evidence(bench: Bench) -> None:
    run, chunk = interrupted(bench)
    chunks.mark_in_doubt(bench.journal, chunk, "lost")
    recovery.reopen(bench.journal, run.target_id, [])
    assert chunks.get(bench.journal, chunk.chunk_id).reason == "lost"


def test_ids_that_are_bound_already_are_no_answer(bench: Bench) -> None:
    first = ledger.confirmed(bench.journal, ledger.rows_of("Zoe", "Yan"), input_path="/in/other.csv")
    ledger.sent(bench.journal, first, IDS)
    run, chunk = interrupted(bench, GOOD)
    recovery.reopen(bench.journal, run.target_id, [])
    assert chunks.get(bench.journal, chunk.chunk_id).state == "in_doubt"


def test_an_answer_kept_outside_the_journal_is_found_stored_and_judged(bench: Bench, tmp_path: Path) -> None:
    run, chunk = interrupted(bench)
    places = [tmp_path / "missing", tmp_path]
    kept = recovery.save_answer_aside(chunk, GOOD, places, ledger.TARGET)
    assert Path(kept).parent == tmp_path
    assert Path(kept).stat().st_mode & 0o777 == 0o600
    recovery.reopen(bench.journal, run.target_id, places)
    assert statuses(bench, run) == {"queued"}
    stored = chunks.last_answer(bench.journal, chunk)
    assert stored is not None
    assert (stored.status, stored.body) == (GOOD.status, GOOD.body)


def test_nowhere_to_keep_an_answer(bench: Bench, tmp_path: Path) -> None:
    _, chunk = interrupted(bench)
    assert recovery.save_answer_aside(chunk, GOOD, [tmp_path / "missing"], ledger.TARGET) == ""
    assert recovery.save_answer_aside(chunk, GOOD, [], ledger.TARGET) == ""


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"status": 200, "headers": {}, "body": "%%", "error": 5}'])
def test_a_kept_answer_that_can_not_be_read_is_no_answer(bench: Bench, tmp_path: Path, content: Any) -> None:
    run, chunk = interrupted(bench)
    kept = Path(recovery.save_answer_aside(chunk, GOOD, [tmp_path], ledger.TARGET))
    kept.write_text(content)
    recovery.reopen(bench.journal, run.target_id, [tmp_path])
    assert chunks.get(bench.journal, chunk.chunk_id).state == "in_doubt"


def test_a_refusal_that_broke_off_and_was_kept_aside_is_no_refusal(bench: Bench, tmp_path: Path) -> None:
    run, chunk = interrupted(bench)
    response = answered(400, b'{"error": "no', error="the answer broke off")
    assert recovery.save_answer_aside(chunk, response, [tmp_path], run.target)
    recovery.reopen(bench.journal, run.target_id, [tmp_path])
    assert statuses(bench, run) == {"in_doubt"}
