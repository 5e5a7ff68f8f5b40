"""Settling doubt by stored answers and callbacks; binding anew; whose video it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.api.post_result import PostResponse
from bhuman_cli.domain import Generation, GenerationId, Target, TargetKind
from bhuman_cli.journal import chunks, generations
from bhuman_cli.journal.chunks import Answer, Chunk
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding import doubts, video_list
from tests.support import ledger
from tests.support.doubts import links_are_right, lost, shown
from tests.support.ledger import Bench, answered

pytestmark = pytest.mark.usefixtures("open_list")


# Stored answers and callbacks.


def answer(bench: Bench, chunk: Chunk, response: PostResponse) -> None:
    chunks.record_answer(
        bench.journal,
        chunk,
        Answer(status=response.status, headers=response.headers, body=response.body, error=response.error),
    )


def test_ids_in_a_stored_answer_are_asked_later_when_they_could_not_be_asked_at_once(bench: Bench) -> None:
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada", "Bob"))
    chunk = ledger.sent(bench.journal, run, None)
    ids = bench.service.take({"names": [["Ada"], ["Bob"]]})
    answer(bench, chunk, answered(200, {"result": [*ids, "more"]}))
    chunks.to_mapping(bench.journal, chunk, "3 ids")
    bench.service.down = True
    assert doubts.map_chunk(bench.context, run, chunk, [GenerationId(item) for item in ids], "3 ids") == 0
    assert chunks.get(bench.journal, chunk.chunk_id).state == "mapping"
    assert shown(bench, run) == ["in_doubt"] * 2
    bench.service.down = False
    assert doubts.settle_doubts(bench.context, run) == []
    assert shown(bench, run) == ["succeeded"] * 2
    assert links_are_right(bench, run)


def test_ids_nobody_knows_leave_the_rows_in_doubt_for_a_person(bench: Bench) -> None:
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada"))
    chunk = ledger.sent(bench.journal, run, None)
    chunks.to_mapping(bench.journal, chunk, "odd")
    assert doubts.map_chunk(bench.context, run, chunk, ledger.new_ids(2), "odd") == 0
    assert chunks.get(bench.journal, chunk.chunk_id).state == "in_doubt"


def test_ids_of_another_campaign_or_of_other_rows_bind_nothing(bench: Bench) -> None:
    run, chunk = lost(bench, "Ada")
    ids = [GenerationId(item["id"]) for item in bench.service.accepted]
    bench.service.change = lambda record: {**record, "campaign_id": "another"}
    assert doubts.map_chunk(bench.context, run, chunk, ids, "odd") == 0
    bench.service.change = lambda record: {**record, "text": ["Zoe"]}
    assert doubts.map_chunk(bench.context, run, chunk, ids, "odd") == 0
    assert shown(bench, run) == ["in_doubt"]


def test_ids_that_are_bound_already_are_not_asked_again(bench: Bench) -> None:
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada", "Bob"))
    chunk = ledger.sent(bench.journal, run, None)
    first, second = (GenerationId(item) for item in bench.service.take({"names": [["Ada"], ["Bob"]]}))
    chunks.to_mapping(bench.journal, chunk, "half")
    assert doubts.map_chunk(bench.context, run, chunk, [first], "half") == 1
    bench.service.asked.clear()
    assert doubts.map_chunk(bench.context, run, chunk, [first, second], "half") == 1
    assert bench.service.asked == [second]
    assert shown(bench, run) == ["succeeded"] * 2


def test_callbacks_on_the_attempts_own_token_name_its_videos(bench: Bench) -> None:
    run, chunk = lost(bench, "Ada", "Bob")
    bench.service.page_error = errors.ApiError("closed", status=401)
    ids = [GenerationId(item["id"]) for item in bench.service.accepted]
    known: dict[str, list[GenerationId]] = {chunk.token: ids[:1]}
    bench.context.callbacks = lambda token: known.get(token, [])
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    assert shown(bench, run) == ["succeeded", "in_doubt"]
    known[chunk.token] = ids
    assert doubts.settle_doubts(bench.context, run) == []
    assert shown(bench, run) == ["succeeded", "succeeded"]
    assert links_are_right(bench, run)


def test_a_request_that_is_being_sent_is_left_to_its_sender(bench: Bench) -> None:
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada"))
    chunk = ledger.sent(bench.journal, run, None)
    answer(bench, chunk, answered(422, {"error": "no"}))
    doubts.settle_doubts(bench.context, run)
    assert chunks.get(bench.journal, chunk.chunk_id).state == "sending"


def test_a_stored_refusal_frees_what_another_copy_had_called_doubtful(bench: Bench) -> None:
    run, chunk = lost(bench, "Ada", accepted=False)
    answer(bench, chunk, answered(422, {"error": "no"}))
    assert doubts.settle_doubts(bench.context, run) == []
    assert shown(bench, run) == ["pending"]


@pytest.mark.parametrize("response", [answered(500, b"oops"), answered(200, b"")])
def test_a_stored_answer_without_ids_settles_nothing(bench: Bench, response: PostResponse) -> None:
    run, chunk = lost(bench, "Ada", accepted=False)
    answer(bench, chunk, response)
    assert len(doubts.settle_doubts(bench.context, run)) == 1


def test_a_stored_answer_whose_ids_are_all_bound_asks_nobody(bench: Bench) -> None:
    other = ledger.confirmed(bench.journal, ledger.rows_of("Zoe"), input_path="/in/other.csv")
    ids = ledger.new_ids(1)
    ledger.sent(bench.journal, other, ids)
    run, chunk = lost(bench, "Ada", accepted=False)
    answer(bench, chunk, answered(200, {"result": ids}))
    assert len(doubts.settle_doubts(bench.context, run)) == 1
    assert bench.service.asked == []


# Binding anew.


def exchanged(bench: Bench, *texts: str) -> tuple[Run, Chunk]:
    """A run whose ids came in another order."""
    run = ledger.confirmed(bench.journal, ledger.rows_of(*texts))
    ids = [GenerationId(item) for item in bench.service.take({"names": [[text] for text in texts]})]
    return run, ledger.sent(bench.journal, run, ids[::-1])


def test_a_whole_proven_pairing_is_bound_anew(bench: Bench) -> None:
    run, chunk = exchanged(bench, "Ada", "Bob", "Cid")
    assert doubts.rebind(bench.context, run, chunk.chunk_id)
    assert shown(bench, run) == ["succeeded"] * 3
    assert links_are_right(bench, run)
    assert any("another order" in said for said in bench.notices.said)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: None if record["text"] == ["Bob"] else record,
        lambda record: {**record, "text": None} if record["text"] == ["Bob"] else record,
        lambda record: {**record, "campaign_id": "another"} if record["text"] == ["Bob"] else record,
        lambda record: {**record, "text": ["Zoe"]} if record["text"] == ["Bob"] else record,
    ],
)
def test_half_a_pairing_is_none(bench: Bench, change: Callable[[dict[str, Any]], Any]) -> None:
    run, chunk = exchanged(bench, "Ada", "Bob", "Cid")
    before = [fact.generation_id for fact in generations.chunk_facts(bench.journal, chunk.chunk_id)]
    bench.service.change = change
    assert not doubts.rebind(bench.context, run, chunk.chunk_id)
    assert [fact.generation_id for fact in generations.chunk_facts(bench.journal, chunk.chunk_id)] == before


# Whose video it is.


@pytest.mark.parametrize(
    ("kind", "raw", "foreign"),
    [
        (TargetKind.CAMPAIGN, {"campaign_id": "another"}, True),
        (TargetKind.CAMPAIGN, {"campaign_id": ledger.TARGET.api_id.upper()}, False),
        (TargetKind.CAMPAIGN, {"campaign_id": None}, False),
        (TargetKind.CAMPAIGN, {"campaign_id": ""}, False),
        (TargetKind.CAMPAIGN, {"campaign_id": 5}, False),
        (TargetKind.CAMPAIGN, {"video_instance_id": "another"}, False),
        (TargetKind.INSTANCE, {"video_instance_id": "another"}, True),
        (TargetKind.CAMPAIGN, {}, False),
    ],
)
def test_a_record_of_another_target_is_foreign(kind: TargetKind, raw: dict[str, Any], foreign: bool) -> None:
    target = Target(service=ledger.TARGET.service, kind=kind, api_id=ledger.TARGET.api_id)
    assert video_list.is_foreign(Generation(id=GenerationId("x"), status="", raw=raw), target) is foreign
