"""What records say, and what ends up beside which row."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bhuman_cli.domain import Binding, Generation, GenerationId
from bhuman_cli.journal import decisions, generations, history, matching
from bhuman_cli.journal.history import AdoptedGeneration
from bhuman_cli.runs import identity
from bhuman_cli.runs.binding import doubts, record_updates
from bhuman_cli.runs.binding.record_updates import RecordUpdater
from bhuman_cli.runs.context import Stop
from tests.support import ledger
from tests.support.ledger import Bench
from tests.support.waits import UNFINISHED, Change, accepted, assert_links_are_right, rows, statuses, wait_out, waiting


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        (lambda record: {**record, "text": None}, "succeeded", ""),
        (lambda record: {**record, "text": None, "row_index": record["row_index"] + 1}, "succeeded", ""),
        (lambda record: {**record, "text": None, "row_index": None}, "succeeded", "bound by position"),
        (lambda record: {**record, "text": [f"<{record['text'][0]}>"]}, "succeeded", ""),
        (
            lambda record: {**record, "text": [f"<{record['text'][0]}>"], "row_index": None},
            "succeeded",
            "bound by position",
        ),
        (lambda record: {**record, "campaign_id": "another"}, "in_doubt", "belongs to another campaign"),
        (lambda record: {**record, "text": None, "row_index": 2 - record["row_index"]}, "mixed", ""),
        (lambda record: {**record, "status": "failed", "url": "", "message": "no"}, "failed", "no"),
        (lambda record: {**record, "status": "completed"}, "succeeded", ""),
    ],
)
def test_what_the_records_of_a_request_say_together(bench: Bench, change: Change, expected: str, words: str) -> None:
    run = accepted(bench, "Ada", "Bob", "Cid")
    bench.service.change = change
    poller = waiting(bench, run)
    wait_out(bench, poller)
    if expected == "mixed":
        assert statuses(bench, run) == ["in_doubt", "succeeded", "in_doubt"]
    else:
        assert statuses(bench, run) == [expected] * 3
        assert {row["message"] for row in rows(bench, run)} == {words} or words in rows(bench, run)[0]["message"]
    assert poller.remaining == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda record: {**record, "text": ["<odd>", *record["text"]]},
        lambda record: {**record, "text": ["<odd>", *record["text"]], "row_index": None},
        lambda record: {**record, "text": None, "row_index": record["row_index"] + 1},
    ],
)
def test_videos_whose_row_only_the_whole_request_can_tell_do_not_hold_up_the_others(
    bench: Bench, change: Change
) -> None:
    """What is finished moves the front on, though it is not known yet whose it is."""
    run = accepted(bench, *(f"person {at}" for at in range(150)))
    bench.service.change = change
    poller = waiting(bench, run)
    wait_out(bench, poller, most_s=600)
    assert set(statuses(bench, run)) == {"succeeded"}
    assert bench.service.polls == 150
    assert_links_are_right(bench, run)


@pytest.mark.parametrize("first", range(4))
def test_a_row_that_was_bound_anew_is_asked_about_its_own_video(bench: Bench, first: int) -> None:
    """One video is finished early, beside the wrong row; the row's own one takes longer."""
    run = accepted(bench, *(f"person {at}" for at in range(4)), order=lambda ids: ids[1:] + ids[:1])

    def change(record: dict[str, Any]) -> dict[str, Any] | None:
        is_done = record["text"] == [f"person {first}"] or bench.clock.monotonic_s() > 300
        return record if is_done else UNFINISHED(record)

    bench.service.change = change
    wait_out(bench, waiting(bench, run))
    assert statuses(bench, run) == ["succeeded"] * 4
    assert_links_are_right(bench, run)


def test_a_finished_video_whose_row_turns_out_to_be_another_is_replaced_in_the_queue(bench: Bench) -> None:
    """Its record says nothing at first; when the others prove another order, its row waits for another video."""
    run = accepted(bench, *(f"person {at}" for at in range(3)), order=lambda ids: ids[1:] + ids[:1])
    spoken: list[bool] = []

    def change(record: dict[str, Any]) -> dict[str, Any] | None:
        late = bench.clock.monotonic_s() > 300
        if record["text"] == ["person 1"]:
            return record if spoken else {**record, "text": ["<odd>"], "row_index": None}
        if record["text"] == ["person 2"] and bench.clock.monotonic_s() > 100:
            spoken.append(True)
        silent = {**record, "text": ["<odd>"], "row_index": None}
        return record if late else UNFINISHED(record if spoken else silent)

    bench.service.change = change
    wait_out(bench, waiting(bench, run))
    assert statuses(bench, run) == ["succeeded"] * 3
    assert_links_are_right(bench, run)


def test_a_restart_knows_again_what_only_the_whole_request_can_tell(bench: Bench) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(40)))

    def change(record: dict[str, Any]) -> dict[str, Any]:
        odd = {**record, "text": ["<odd>"], "row_index": None}
        return odd if record["row_index"] < 20 or bench.clock.monotonic_s() > 500 else UNFINISHED(odd) or odd

    bench.service.change = change
    bench.context.stop.press(130)
    wait_out(bench, waiting(bench, run), most_s=60)
    bench.context.stop = Stop()
    wait_out(bench, waiting(bench, run), most_s=400)
    wait_out(bench, waiting(bench, run), most_s=3_000)
    assert set(statuses(bench, run)) == {"succeeded"}


def test_exchanged_ids_without_text_never_show_the_wrong_link(bench: Bench) -> None:
    """Two rows, counted from nought, exchanged: it looks like one row counted from one."""
    run = accepted(bench, "Ada", "Bob", order=lambda ids: ids[::-1])
    bench.service.change = lambda record: {**record, "text": None}
    wait_out(bench, waiting(bench, run))
    assert statuses(bench, run) == ["in_doubt", "in_doubt"]


def test_shuffled_ids_with_text_are_bound_to_their_own_rows(bench: Bench) -> None:
    texts = [f"person {at}" for at in range(12)]
    run = accepted(bench, *texts, order=lambda ids: ids[5:] + ids[:5])
    poller = waiting(bench, run)
    wait_out(bench, poller)
    assert statuses(bench, run) == ["succeeded"] * 12
    assert_links_are_right(bench, run)
    assert sum("another order" in said for said in bench.notices.said) == 1


def test_exchanged_ids_are_found_in_the_list_under_their_new_rows(bench: Bench) -> None:
    bench.service.page_error = None
    run = accepted(bench, *(f"person {at}" for at in range(20)), order=lambda ids: ids[::-1])
    bench.service.change = UNFINISHED
    poller = waiting(bench, run)
    wait_out(bench, poller, most_s=15)
    asked = bench.service.polls
    assert (asked, poller.remaining) == (20, 20), "once each, to prove the pairing"
    bench.service.change = lambda record: record
    wait_out(bench, poller)
    assert (statuses(bench, run), bench.service.polls) == (["succeeded"] * 20, asked)
    assert_links_are_right(bench, run)


def test_a_question_in_flight_while_its_row_is_bound_anew_is_no_conflict(bench: Bench) -> None:
    """The answer about the old id comes last: it says nothing about the row any more."""
    run = accepted(bench, "Ada", "Bob", "Cid", order=lambda ids: ids[1:] + ids[:1])
    last = threading.Event()
    slow = bench.service.accepted[0]["id"]
    asked: list[str] = []

    def held_back(record: dict[str, Any]) -> dict[str, Any]:
        asked.append(record["id"])
        if record["id"] == slow and asked.count(slow) == 1:
            last.wait(5)
        return record

    bench.service.change = held_back
    with ThreadPoolExecutor(3) as pool:
        bench.context.pool = pool
        poller = waiting(bench, run)
        bench.clock.pass_s(60)
        threading.Timer(0.3, last.set).start()
        poller.step()
        wait_out(bench, poller)
    assert statuses(bench, run) == ["succeeded"] * 3
    assert_links_are_right(bench, run)


def test_a_conflict_that_can_not_be_resolved_shows_no_link(bench: Bench) -> None:
    run = accepted(bench, "Ada", "Bob", "Cid", order=lambda ids: ids[::-1])
    silent = {"text": None, "row_index": None}
    bench.service.change = lambda record: {**record, **silent} if record["text"] == ["Bob"] else record
    poller = waiting(bench, run)
    wait_out(bench, poller)
    found = rows(bench, run)
    assert [row["status"] for row in found] == ["in_doubt"] * 3
    assert not any(row["url"] or row["id"] for row in found)
    assert poller.remaining == 0, "a conflict is for a person, not for waiting"


def test_what_a_person_accepted_is_not_taken_back_by_a_record(bench: Bench) -> None:
    run = accepted(bench, "Ada", "Bob")
    bench.service.change = lambda record: {**record, "campaign_id": "another", "status": "processing", "url": ""}
    wait_out(bench, waiting(bench, run), most_s=60)
    assert statuses(bench, run) == ["in_doubt"] * 2
    decisions.settle_conflicts(bench.journal, run, accept_position=True)
    bench.service.change = lambda record: {**record, "campaign_id": "another"}
    wait_out(bench, waiting(bench, run))
    assert statuses(bench, run) == ["succeeded"] * 2


def test_an_adopted_generation_was_compared_when_it_was_taken_over(bench: Bench) -> None:
    item = GenerationId(bench.service.take({"names": [["Ada"]]})[0])
    from bhuman_cli.runs import runner

    plan = runner.prepare(bench.journal, ledger.new_run(), ledger.rows_of("Ada"))
    key = identity.of_spec(ledger.SPEC)(["Ada"], [])
    queued = Generation(id=item, status="queued")
    history.adopt(bench.journal, plan.run, [AdoptedGeneration(identity=key, text_key=b"k" * 16, generation=queued)])
    matching.match(bench.journal, plan.run)
    run = runner.confirm(bench.journal, plan)
    wait_out(bench, waiting(bench, run))
    assert statuses(bench, run) == ["succeeded"]


def test_many_requests_are_learnt_without_keeping_them_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_updates, "_MOST_VIEWS", 2)
    run = accepted(bench, *(f"person {at}" for at in range(8)), limit=2)
    poller = waiting(bench, run)
    wait_out(bench, poller)
    assert set(statuses(bench, run)) == {"succeeded"}
    assert len(poller._updater._views) <= 2


def test_binding_anew_is_tried_at_the_first_conflict_and_when_all_have_spoken_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = accepted(bench, "Ada", "Bob", "Cid", order=lambda ids: ids[::-1])
    tried: list[int] = []

    def rebind(*arguments: Any) -> bool:
        tried.append(arguments[2])
        return False

    monkeypatch.setattr(doubts, "rebind", rebind)
    learning = RecordUpdater(run=run, context=bench.context)
    for item in [*generations.waiting(bench.journal, run)] * 2:
        record = bench.service.generation(item.generation_id)
        assert record is not None
        learning.write([(item, record)])
    assert len(tried) == 2
    bindings = {fact.binding for fact in generations.chunk_facts(bench.journal, tried[0])}
    assert bindings == {Binding.CONFLICT, Binding.CONFIRMED}
