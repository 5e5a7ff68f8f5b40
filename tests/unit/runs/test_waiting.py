"""Waiting: who is asked, what is learnt from the answers, and what ends up beside which row."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.api.wire import Page, WireError
from bhuman_cli.domain import Binding, Generation, GenerationId
from bhuman_cli.journal import chunks, generations, history
from bhuman_cli.journal.drafts import Run
from bhuman_cli.journal.history import Adopted
from bhuman_cli.runs import identity, learn, settle, sweep
from bhuman_cli.runs.effects import Stop
from bhuman_cli.runs.learn import Learning
from bhuman_cli.runs.poll import Polling
from bhuman_cli.runs.sweep import Sweep
from tests.support import ledger
from tests.support.ledger import Bench

Change = Callable[[dict[str, Any]], dict[str, Any] | None]
UNFINISHED: Change = lambda record: {**record, "status": "processing", "url": ""}  # noqa: E731 - a name for many tests


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return ledger.bench(tmp_path)


def accepted(bench: Bench, *texts: str, order: Callable[[list[str]], list[str]] = list, limit: int = 500) -> Run:
    """A run whose requests were all accepted, its ids in the given order."""
    run = ledger.confirmed(bench.journal, ledger.rows_of(*texts))
    for start in range(0, len(texts), limit):
        part = [text for text in texts[start : start + limit] if text]
        ids = order(bench.service.take({"names": [[text] for text in part]}))
        ledger.sent(bench.journal, run, [GenerationId(item) for item in ids], limit=limit)
    return run


def waiting(bench: Bench, run: Run, interval_s: float = 10.0) -> Polling:
    polling = Polling(run=run, effects=bench.effects, interval_s=interval_s)
    polling.take()
    return polling


def wait_out(bench: Bench, polling: Polling, most_s: float = 3_600.0) -> None:
    """Turn until nothing is left or the time is over."""
    end_s = bench.clock.monotonic_s() + most_s
    while polling.remaining and not polling.refused and bench.clock.monotonic_s() < end_s:
        due_s = polling.turn()
        bench.clock.pass_s(max(0.01, min(due_s, end_s) - bench.clock.monotonic_s()))
    polling.drain()


def rows(bench: Bench, run: Run) -> list[dict[str, str]]:
    return [dict(row.fields) for row in generations.results(bench.journal, run)]


def statuses(bench: Bench, run: Run) -> list[str]:
    return [row["status"] for row in rows(bench, run)]


def assert_links_are_right(bench: Bench, run: Run) -> None:
    for row in generations.results(bench.journal, run):
        if row.fields["url"]:
            key = row.fields["url"].removeprefix("https://a.example/").removesuffix(".mp4")
            assert bench.service.text_of(key) == list(row.cells)


# Single questions.


@pytest.mark.parametrize("workers", [0, 3])
def test_every_video_is_noticed_once_it_is_finished(bench: Bench, workers: int) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(30)))
    with ThreadPoolExecutor(workers or 1) as pool:
        bench.effects.pool = pool if workers else None
        polling = waiting(bench, run)
        bench.service.change = UNFINISHED
        wait_out(bench, polling, most_s=60)
        assert (polling.ended, polling.remaining) == (0, 30)
        bench.service.change = lambda record: record
        wait_out(bench, polling)
    assert (polling.ended, polling.remaining) == (30, 0)
    assert set(statuses(bench, run)) == {"succeeded"}
    assert_links_are_right(bench, run)


def test_taking_over_twice_is_taking_over_once(bench: Bench) -> None:
    run = accepted(bench, "Ada", "Bob", limit=1)
    polling = waiting(bench, run)
    polling.take()
    polling.take(anew=False)
    assert polling.remaining == 2
    wait_out(bench, polling)
    assert bench.service.polls == 2


def test_an_id_nobody_knows_yet_is_asked_again(bench: Bench) -> None:
    run = accepted(bench, "Ada")
    polling = waiting(bench, run)
    hidden, bench.service.accepted = bench.service.accepted, []
    wait_out(bench, polling, most_s=60)
    assert (polling.remaining, statuses(bench, run)) == (1, ["queued"])
    bench.service.accepted = hidden
    wait_out(bench, polling)
    assert statuses(bench, run) == ["succeeded"]


@pytest.mark.parametrize("error", [errors.ServiceDown("down"), errors.ApiError("odd", status=500), WireError("odd")])
def test_no_good_answer_is_no_news_and_remembered_as_silence(bench: Bench, error: Exception) -> None:
    run = accepted(bench, "Ada")
    polling = waiting(bench, run)
    bench.service.get_error = error
    wait_out(bench, polling, most_s=120)
    assert (polling.good_at_s, polling.remaining, polling.refused) == (0.0, 1, "")
    bench.service.get_error = None
    wait_out(bench, polling)
    assert polling.good_at_s > 100
    assert statuses(bench, run) == ["succeeded"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_refuses_to_be_asked_ends_the_waiting(bench: Bench, status: int) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(20)))
    polling = waiting(bench, run)
    bench.service.get_error = errors.ApiError("generated_video_by_id: the service answered 401", status=status)
    wait_out(bench, polling)
    assert "401" in polling.refused
    assert bench.service.polls <= 4


def test_the_stop_button_ends_the_asking(bench: Bench) -> None:
    run = accepted(bench, "Ada")
    polling = waiting(bench, run)
    bench.clock.pass_s(60)
    bench.effects.stop.press(130)
    polling.turn()
    assert bench.service.polls == 0


def test_questions_in_flight_are_waited_for_at_the_end(bench: Bench) -> None:
    run = accepted(bench, "Ada")
    gate = threading.Event()

    def held_back(record: dict[str, Any]) -> dict[str, Any]:
        gate.wait(5)
        return record

    bench.service.change = held_back
    with ThreadPoolExecutor(1) as pool:
        bench.effects.pool = pool
        polling = waiting(bench, run)
        bench.clock.pass_s(60)
        threading.Timer(0.05, bench.effects.stop.press, [130]).start()
        polling.turn()
        gate.set()
        polling.drain()
    assert statuses(bench, run) == ["succeeded"]


def test_news_from_callbacks_is_asked_about_at_once_and_kept_if_it_came_too_early(bench: Bench) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(50)))
    news = [[GenerationId(bench.service.accepted[40]["id"]), GenerationId("nobody-knows")]]
    bench.effects.hints = lambda: news.pop() if news else []
    bench.service.change = UNFINISHED
    polling = waiting(bench, run, interval_s=1_000)
    assert polling.heard()
    assert not waiting(bench, run).heard()
    bench.service.change = lambda record: record
    polling.turn()
    assert statuses(bench, run)[40] == "succeeded"
    early = GenerationId(bench.service.take({"names": [["late"]]})[0])
    news.append([early])
    assert not polling.heard()
    other = ledger.confirmed(bench.journal, ledger.rows_of(*(f"person {at}" for at in range(50)), "late"))
    chunk = chunks.plan(bench.journal, other, ledger.pick(9), ledger.freeze)
    assert chunk is not None
    chunks.begin_sending(bench.journal, chunk)
    chunks.accept(bench.journal, chunk, [early])
    polling.run = other
    polling.take()
    assert polling.heard(), "the answer that names its id came after the callback"


def test_a_restart_goes_on_where_the_front_was(bench: Bench) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(200)))
    done = {item["id"] for item in bench.service.accepted[:100]}
    bench.service.change = lambda record: record if record["id"] in done else UNFINISHED(record)
    wait_out(bench, waiting(bench, run), most_s=1_200)
    assert statuses(bench, run).count("succeeded") == 100
    bench.service.asked.clear()
    again = waiting(bench, run)
    assert again.remaining == 100
    wait_out(bench, again, most_s=60)
    assert not done & set(bench.service.asked), "what is finished is never asked again"


def test_a_word_about_the_order_is_passed_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    polling = waiting(bench, accepted(bench, "Ada"))
    monkeypatch.setattr(polling._schedule, "notices", lambda: ["not in order"])
    polling.turn()
    assert bench.notices.said == ["not in order"]


# What records say.


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
        (lambda record: {**record, "campaign_id": "another"}, "in_doubt", "belongs to another row"),
        (lambda record: {**record, "text": None, "row_index": 2 - record["row_index"]}, "mixed", ""),
        (lambda record: {**record, "status": "failed", "url": "", "message": "no"}, "failed", "no"),
        (lambda record: {**record, "status": "completed"}, "succeeded", ""),
    ],
)
def test_what_the_records_of_a_request_say_together(bench: Bench, change: Change, expected: str, words: str) -> None:
    run = accepted(bench, "Ada", "Bob", "Cid")
    bench.service.change = change
    polling = waiting(bench, run)
    wait_out(bench, polling)
    if expected == "mixed":
        assert statuses(bench, run) == ["in_doubt", "succeeded", "in_doubt"]
    else:
        assert statuses(bench, run) == [expected] * 3
        assert {row["message"] for row in rows(bench, run)} == {words} or words in rows(bench, run)[0]["message"]
    assert polling.remaining == 0


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
    polling = waiting(bench, run)
    wait_out(bench, polling, most_s=600)
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
    bench.effects.stop.press(130)
    wait_out(bench, waiting(bench, run), most_s=60)
    bench.effects.stop = Stop()
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
    polling = waiting(bench, run)
    wait_out(bench, polling)
    assert statuses(bench, run) == ["succeeded"] * 12
    assert_links_are_right(bench, run)
    assert sum("another order" in said for said in bench.notices.said) == 1


def test_exchanged_ids_are_found_in_the_list_under_their_new_rows(bench: Bench) -> None:
    bench.service.page_error = None
    run = accepted(bench, *(f"person {at}" for at in range(20)), order=lambda ids: ids[::-1])
    bench.service.change = UNFINISHED
    polling = waiting(bench, run)
    wait_out(bench, polling, most_s=15)
    asked = bench.service.polls
    assert (asked, polling.remaining) == (20, 20), "once each, to prove the pairing"
    bench.service.change = lambda record: record
    wait_out(bench, polling)
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
        bench.effects.pool = pool
        polling = waiting(bench, run)
        bench.clock.pass_s(60)
        threading.Timer(0.3, last.set).start()
        polling.turn()
        wait_out(bench, polling)
    assert statuses(bench, run) == ["succeeded"] * 3
    assert_links_are_right(bench, run)


def test_a_conflict_that_can_not_be_resolved_shows_no_link(bench: Bench) -> None:
    run = accepted(bench, "Ada", "Bob", "Cid", order=lambda ids: ids[::-1])
    silent = {"text": None, "row_index": None}
    bench.service.change = lambda record: {**record, **silent} if record["text"] == ["Bob"] else record
    polling = waiting(bench, run)
    wait_out(bench, polling)
    found = rows(bench, run)
    assert [row["status"] for row in found] == ["in_doubt"] * 3
    assert not any(row["url"] or row["id"] for row in found)
    assert polling.remaining == 0, "a conflict is for a person, not for waiting"


def test_what_a_person_accepted_is_not_taken_back_by_a_record(bench: Bench) -> None:
    run = accepted(bench, "Ada", "Bob")
    bench.service.change = lambda record: {**record, "campaign_id": "another", "status": "processing", "url": ""}
    wait_out(bench, waiting(bench, run), most_s=60)
    assert statuses(bench, run) == ["in_doubt"] * 2
    chunks.settle_conflicts(bench.journal, run, accept_position=True)
    bench.service.change = lambda record: {**record, "campaign_id": "another"}
    wait_out(bench, waiting(bench, run))
    assert statuses(bench, run) == ["succeeded"] * 2


def test_an_adopted_generation_was_compared_when_it_was_taken_over(bench: Bench) -> None:
    item = GenerationId(bench.service.take({"names": [["Ada"]]})[0])
    from bhuman_cli.journal import drafts
    from bhuman_cli.runs import runner

    plan = runner.prepare(bench.journal, ledger.new_run(), ledger.rows_of("Ada"))
    key = identity.of_spec(ledger.SPEC)(["Ada"], [])
    queued = Generation(id=item, status="queued")
    history.adopt(bench.journal, plan.run, [Adopted(identity=key, text_key=b"k" * 16, generation=queued)])
    drafts.match(bench.journal, plan.run)
    run = runner.confirm(bench.journal, plan)
    wait_out(bench, waiting(bench, run))
    assert statuses(bench, run) == ["succeeded"]


def test_many_requests_are_learnt_without_keeping_them_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "_MOST_VIEWS", 2)
    run = accepted(bench, *(f"person {at}" for at in range(8)), limit=2)
    polling = waiting(bench, run)
    wait_out(bench, polling)
    assert set(statuses(bench, run)) == {"succeeded"}
    assert len(polling._learning._views) <= 2


def test_binding_anew_is_tried_at_the_first_conflict_and_when_all_have_spoken_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = accepted(bench, "Ada", "Bob", "Cid", order=lambda ids: ids[::-1])
    tried: list[int] = []

    def rebind(*arguments: Any) -> bool:
        tried.append(arguments[2])
        return False

    monkeypatch.setattr(settle, "rebind", rebind)
    learning = Learning(run=run, effects=bench.effects)
    for item in [*generations.waiting(bench.journal, run)] * 2:
        record = bench.service.generation(item.generation_id)
        assert record is not None
        learning.write([(item, record)])
    assert len(tried) == 2
    bindings = {fact.binding for fact in generations.chunk_facts(bench.journal, tried[0])}
    assert bindings == {Binding.CONFLICT, Binding.CONFIRMED}


# The list.


def test_an_open_list_is_read_where_it_is_cheaper(bench: Bench) -> None:
    bench.service.page_error = None
    run = accepted(bench, *(f"person {at}" for at in range(250)))
    wait_out(bench, waiting(bench, run))
    assert set(statuses(bench, run)) == {"succeeded"}
    assert_links_are_right(bench, run)
    assert bench.service.polls == 0
    assert bench.service.pages_read <= 5


def test_a_closed_list_is_asked_once(bench: Bench) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(50)))
    wait_out(bench, waiting(bench, run))
    assert (bench.service.pages_read, set(statuses(bench, run))) == (1, {"succeeded"})


def test_few_rows_are_not_worth_a_list(bench: Bench) -> None:
    bench.service.page_error = None
    run = accepted(bench, "Ada", "Bob")
    wait_out(bench, waiting(bench, run))
    assert bench.service.pages_read == 0


def test_a_list_that_shows_nothing_new_gives_way_to_single_questions(bench: Bench) -> None:
    bench.service.page_error = None
    run = accepted(bench, *(f"person {at}" for at in range(20)))
    hidden, bench.service.accepted = bench.service.accepted, []
    polling = waiting(bench, run)
    wait_out(bench, polling, most_s=600)
    assert 1 <= bench.service.pages_read <= sweep.IDLE_SWEEPS + 1
    assert bench.service.polls > 0
    bench.service.accepted = hidden
    wait_out(bench, polling)
    assert set(statuses(bench, run)) == {"succeeded"}


def test_a_list_that_closes_or_falters_later_is_no_disaster(bench: Bench) -> None:
    bench.service.page_error = None
    run = accepted(bench, *(f"person {at}" for at in range(20)))
    bench.service.change = UNFINISHED
    polling = waiting(bench, run)
    wait_out(bench, polling, most_s=15)
    for error in (errors.ServiceDown("down"), errors.ApiError("odd", status=500), errors.ApiError("no", status=401)):
        bench.service.page_error = error
        wait_out(bench, polling, most_s=40)
    read = bench.service.pages_read
    bench.service.change = lambda record: record
    wait_out(bench, polling)
    assert (set(statuses(bench, run)), bench.service.pages_read) == ({"succeeded"}, read)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as opened:
        yield opened


def test_a_long_list_is_read_in_steps_a_few_pages_at_once(bench: Bench, pool: ThreadPoolExecutor) -> None:
    bench.service.page_error = None
    bench.service.take({"names": [[f"person {at}"] for at in range(1_250)]})
    bench.effects.pool = pool
    reading = Sweep(effects=bench.effects, interval_s=10.0)
    assert reading.is_cheaper(1_250)
    assert reading.step(1_250) == [], "it is not time yet"
    bench.clock.pass_s(10)
    steps: list[int] = []
    while len(steps) < 9 and sum(steps) < 1_250:
        steps.append(len(reading.step(1_250)))
    assert (sum(steps), len(steps)) == (1_250, 2)
    assert reading.due_s - bench.clock.monotonic_s() == 60.0, "without news a long list is read rarely"
    bench.clock.pass_s(60)
    reading.step(1_250)
    reading.note_news()
    reading.step(1_250)
    assert reading.due_s - bench.clock.monotonic_s() == 10.0


def test_a_list_that_refuses_in_the_middle_ends_the_sweep(bench: Bench) -> None:
    bench.service.page_error = None
    reading = Sweep(effects=bench.effects, interval_s=10.0)
    assert reading.is_cheaper(50)
    bench.clock.pass_s(10)
    bench.service.page_error = errors.ApiError("odd", status=500)
    assert reading.step(50) == []
    assert reading.is_cheaper(50), "it may be better next time"
    bench.clock.pass_s(10)
    bench.service.page_error = errors.ApiError("no", status=403)
    assert reading.step(50) == []
    assert not reading.is_cheaper(50)


def test_a_list_without_a_total_is_read_page_by_page_and_stops_with_the_button(
    bench: Bench, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.service.page_error = None
    bench.service.take({"names": [[f"person {at}"] for at in range(1_000)]})
    bench.effects.pool = pool
    real = bench.service.page

    def without_total(self: object, number: int) -> Page:
        return Page(total=None, generations=real(number).generations)

    monkeypatch.setattr(type(bench.service), "page", without_total)
    reading = Sweep(effects=bench.effects, interval_s=10.0)
    assert reading.is_cheaper(2_500)
    bench.clock.pass_s(10)
    assert len(reading.step(2_500)) == 200
    bench.effects.stop.press(130)
    reading.step(2_500)
    assert reading.due_s > bench.clock.monotonic_s()
