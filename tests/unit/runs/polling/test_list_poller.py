"""Reading a target's list while that is cheaper than single questions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bhuman_cli import errors
from bhuman_cli.api.wire import Page
from bhuman_cli.runs.polling import list_poller
from bhuman_cli.runs.polling.list_poller import ListPoller
from tests.support.ledger import Bench
from tests.support.waits import UNFINISHED, accepted, assert_links_are_right, statuses, wait_out, waiting


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
    poller = waiting(bench, run)
    wait_out(bench, poller, most_s=600)
    assert 1 <= bench.service.pages_read <= list_poller.IDLE_SWEEPS + 1
    assert bench.service.polls > 0
    bench.service.accepted = hidden
    wait_out(bench, poller)
    assert set(statuses(bench, run)) == {"succeeded"}


def test_a_list_that_closes_or_falters_later_is_no_disaster(bench: Bench) -> None:
    bench.service.page_error = None
    run = accepted(bench, *(f"person {at}" for at in range(20)))
    bench.service.change = UNFINISHED
    poller = waiting(bench, run)
    wait_out(bench, poller, most_s=15)
    for error in (errors.ServiceDown("down"), errors.ApiError("odd", status=500), errors.ApiError("no", status=401)):
        bench.service.page_error = error
        wait_out(bench, poller, most_s=40)
    read = bench.service.pages_read
    bench.service.change = lambda record: record
    wait_out(bench, poller)
    assert (set(statuses(bench, run)), bench.service.pages_read) == ({"succeeded"}, read)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as opened:
        yield opened


def test_a_long_list_is_read_in_steps_a_few_pages_at_once(bench: Bench, pool: ThreadPoolExecutor) -> None:
    bench.service.page_error = None
    ids = dict.fromkeys(bench.service.take({"names": [[f"person {at}"] for at in range(1_250)]}), 1)
    bench.context.pool = pool
    reading = ListPoller(context=bench.context, interval_s=10.0)
    assert reading.is_cheaper(1_250)
    assert reading.step(ids) == [], "it is not time yet"
    bench.clock.pass_s(10)
    steps: list[int] = []
    while len(steps) < 9 and sum(steps) < 1_250:
        steps.append(len(reading.step(ids)))
    assert (sum(steps), len(steps)) == (1_250, 2)
    assert reading.due_s - bench.clock.monotonic_s() == 60.0, "without news a long list is read rarely"
    bench.clock.pass_s(60)
    reading.step(ids)
    reading.note_news()
    reading.step(ids)
    assert reading.due_s - bench.clock.monotonic_s() == 10.0


@pytest.mark.parametrize("order", ["oldest first", "newest first"])
def test_hardly_a_page_is_read_twice_while_more_is_accepted(bench: Bench, pool: ThreadPoolExecutor, order: str) -> None:
    bench.service.page_error = None
    bench.context.pool = pool
    reading = ListPoller(context=bench.context, interval_s=1.0)
    waiting: dict[str, int] = {}
    accepted = 0
    for turn in range(30):
        if turn % 2 == 0 and accepted < 1_800:
            taken = list(bench.service.accepted)
            ids = bench.service.take({"names": [[f"person {at}"] for at in range(accepted, accepted + 300)]})
            new = bench.service.accepted[-300:]
            bench.service.accepted[:] = [*new[::-1], *taken] if order == "newest first" else [*taken, *new]
            waiting |= {id_: accepted + at for at, id_ in enumerate(ids, 1)}
            accepted += 300
        if reading.is_cheaper(len(waiting)):
            for record in reading.step(waiting):
                if waiting.pop(record.id, None) is not None:
                    reading.note_news()
        bench.clock.pass_s(0.4)
    assert not waiting
    assert bench.service.pages_read <= 22, "18 pages hold all"


def test_a_list_that_refuses_in_the_middle_ends_the_sweep(bench: Bench) -> None:
    bench.service.page_error = None
    reading = ListPoller(context=bench.context, interval_s=10.0)
    assert reading.is_cheaper(50)
    bench.clock.pass_s(10)
    bench.service.page_error = errors.ApiError("odd", status=500)
    assert reading.step(dict.fromkeys("ab", 1)) == []
    assert reading.is_cheaper(50), "it may be better next time"
    bench.clock.pass_s(10)
    bench.service.page_error = errors.ApiError("no", status=403)
    assert reading.step(dict.fromkeys("ab", 1)) == []
    assert not reading.is_cheaper(50)


def test_a_list_without_a_total_is_read_page_by_page_and_stops_with_the_button(
    bench: Bench, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.service.page_error = None
    ids = dict.fromkeys(bench.service.take({"names": [[f"person {at}"] for at in range(1_000)]}), 1)
    bench.context.pool = pool
    real = bench.service.page

    def without_total(self: object, number: int) -> Page:
        return Page(total=None, generations=real(number).generations)

    monkeypatch.setattr(type(bench.service), "page", without_total)
    reading = ListPoller(context=bench.context, interval_s=10.0)
    assert reading.is_cheaper(2_500)
    bench.clock.pass_s(10)
    assert len(reading.step(ids)) == 200
    bench.context.stop.press(130)
    reading.step(ids)
    assert reading.due_s > bench.clock.monotonic_s()
