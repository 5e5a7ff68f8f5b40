"""Waiting: who is asked, and what no answer, an early one or a late one means."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.api.wire import WireError
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal import chunks
from tests.support import ledger
from tests.support.ledger import Bench
from tests.support.waits import UNFINISHED, accepted, assert_links_are_right, statuses, wait_out, waiting


@pytest.mark.parametrize("workers", [0, 3])
def test_every_video_is_noticed_once_it_is_finished(bench: Bench, workers: int) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(30)))
    with ThreadPoolExecutor(workers or 1) as pool:
        bench.context.pool = pool if workers else None
        poller = waiting(bench, run)
        bench.service.change = UNFINISHED
        wait_out(bench, poller, most_s=60)
        assert (poller.ended, poller.remaining) == (0, 30)
        bench.service.change = lambda record: record
        wait_out(bench, poller)
    assert (poller.ended, poller.remaining) == (30, 0)
    assert set(statuses(bench, run)) == {"succeeded"}
    assert_links_are_right(bench, run)


def test_taking_over_twice_is_taking_over_once(bench: Bench) -> None:
    run = accepted(bench, "Ada", "Bob", limit=1)
    poller = waiting(bench, run)
    poller.load_waiting()
    poller.load_waiting(anew=False)
    assert poller.remaining == 2
    wait_out(bench, poller)
    assert bench.service.polls == 2


def test_an_id_nobody_knows_yet_is_asked_again(bench: Bench) -> None:
    run = accepted(bench, "Ada")
    poller = waiting(bench, run)
    hidden, bench.service.accepted = bench.service.accepted, []
    wait_out(bench, poller, most_s=60)
    assert (poller.remaining, statuses(bench, run)) == (1, ["queued"])
    bench.service.accepted = hidden
    wait_out(bench, poller)
    assert statuses(bench, run) == ["succeeded"]


@pytest.mark.parametrize("error", [errors.ServiceDown("down"), errors.ApiError("odd", status=500), WireError("odd")])
def test_no_good_answer_is_no_news_and_remembered_as_silence(bench: Bench, error: Exception) -> None:
    run = accepted(bench, "Ada")
    poller = waiting(bench, run)
    bench.service.get_error = error
    wait_out(bench, poller, most_s=120)
    assert (poller.good_at_s, poller.remaining, poller.refused) == (0.0, 1, "")
    bench.service.get_error = None
    wait_out(bench, poller)
    assert poller.good_at_s > 100
    assert statuses(bench, run) == ["succeeded"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_service_that_refuses_to_be_asked_ends_the_waiting(bench: Bench, status: int) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(20)))
    poller = waiting(bench, run)
    bench.service.get_error = errors.ApiError("generated_video_by_id: the service answered 401", status=status)
    wait_out(bench, poller)
    assert "401" in poller.refused
    assert bench.service.polls <= 4


def test_the_stop_button_ends_the_asking(bench: Bench) -> None:
    run = accepted(bench, "Ada")
    poller = waiting(bench, run)
    bench.clock.pass_s(60)
    bench.context.stop.press(130)
    poller.step()
    assert bench.service.polls == 0


def test_questions_in_flight_are_waited_for_at_the_end(bench: Bench) -> None:
    run = accepted(bench, "Ada")
    gate = threading.Event()

    def held_back(record: dict[str, Any]) -> dict[str, Any]:
        gate.wait(5)
        return record

    bench.service.change = held_back
    with ThreadPoolExecutor(1) as pool:
        bench.context.pool = pool
        poller = waiting(bench, run)
        bench.clock.pass_s(60)
        threading.Timer(0.05, bench.context.stop.press, [130]).start()
        poller.step()
        gate.set()
        poller.drain()
    assert statuses(bench, run) == ["succeeded"]


def test_news_from_callbacks_is_asked_about_at_once_and_kept_if_it_came_too_early(bench: Bench) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(50)))
    news = [[GenerationId(bench.service.accepted[40]["id"]), GenerationId("nobody-knows")]]
    bench.context.hints = lambda: news.pop() if news else []
    bench.service.change = UNFINISHED
    poller = waiting(bench, run, interval_s=1_000)
    assert poller.has_callbacks()
    assert not waiting(bench, run).has_callbacks()
    bench.service.change = lambda record: record
    poller.step()
    assert statuses(bench, run)[40] == "succeeded"
    early = GenerationId(bench.service.take({"names": [["late"]]})[0])
    news.append([early])
    assert not poller.has_callbacks()
    other = ledger.confirmed(bench.journal, ledger.rows_of(*(f"person {at}" for at in range(50)), "late"))
    chunk = chunks.plan(bench.journal, other, ledger.pick(9), ledger.freeze)
    assert chunk is not None
    chunks.begin_sending(bench.journal, chunk)
    chunks.accept(bench.journal, chunk, [early])
    poller.run = other
    poller.load_waiting()
    assert poller.has_callbacks(), "the answer that names its id came after the callback"


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
    poller = waiting(bench, accepted(bench, "Ada"))
    monkeypatch.setattr(poller._schedule, "notices", lambda: ["not in order"])
    poller.step()
    assert bench.notices.said == ["not in order"]


@pytest.mark.parametrize("workers", [0, 3])
def test_what_an_earlier_command_left_is_asked_at_once_while_it_is_finished(bench: Bench, workers: int) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(60)))
    with ThreadPoolExecutor(workers or 1) as pool:
        bench.context.pool = pool if workers else None
        assert bench.carry_out(run).exit_code == 0
    assert bench.service.polls == 60
    assert bench.clock.monotonic_s() < 1


def test_what_is_not_finished_is_left_to_its_time(bench: Bench) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(60)))
    bench.service.change = UNFINISHED
    bench.carry_out(run, timeout_s=1.0)
    assert bench.service.polls == 10


def test_a_machine_that_slept_past_the_end_asks_once_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = accepted(bench, "Ada", "Bob")
    bench.service.change = UNFINISHED

    def asleep() -> None:
        bench.clock.pass_s(3_600.0)
        bench.service.change = lambda record: record

    monkeypatch.setattr(type(bench.notices), "update", lambda _: asleep())
    bench.carry_out(run, timeout_s=60.0)
    assert statuses(bench, run) == ["succeeded"] * 2


def test_a_word_that_nobody_knows_is_said_once(bench: Bench) -> None:
    run = accepted(bench, "Ada", "Bob")
    bench.service.change = lambda record: {**record, "status": "done"}
    bench.carry_out(run, timeout_s=30.0)
    assert len([said for said in bench.notices.said if "'done'" in said]) == 1


def test_a_service_that_is_away_is_not_asked_on_and_on(bench: Bench) -> None:
    run = accepted(bench, *(f"person {at}" for at in range(60)))
    bench.service.get_error = errors.ServiceDown("down")
    bench.carry_out(run, timeout_s=1.0)
    assert bench.service.polls == 10
