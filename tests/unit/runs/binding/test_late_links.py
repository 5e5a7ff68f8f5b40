"""Links that come after a video's end: who is asked, how often, and what is believed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal import results
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding import late_links
from tests.support import ledger
from tests.support.ledger import Bench

WHATSAPP = "https://a.example/w.mp4"


def finished(bench: Bench, count: int, **changed: Any) -> Run:
    """A run whose videos are all finished; `changed` is what their records said by then."""
    run = ledger.confirmed(bench.journal, ledger.rows_of(*(f"person {at}" for at in range(count))))
    bench.service.change = lambda record: record | changed
    assert bench.carry_out(run).exit_code == 0
    bench.service.change = lambda record: record
    bench.service.asked.clear()
    return run


def announce(bench: Bench, *places: int) -> list[str]:
    told = [bench.service.accepted[place]["id"] for place in places]
    bench.context.announced = lambda: [GenerationId(item) for item in told]
    return told


def column(bench: Bench, run: Run, name: str) -> list[str]:
    return [row.fields[name] for row in results.rows(bench.journal, run)]


@pytest.mark.parametrize("workers", [0, 4])
def test_an_announced_link_is_taken_from_the_record_of_just_that_row(bench: Bench, workers: int) -> None:
    run = finished(bench, 9)
    told = announce(bench, 7, 2)
    bench.service.change = lambda record: record | {"whatsapp_video_url": WHATSAPP}
    with ThreadPoolExecutor(workers or 1) as pool:
        bench.context.pool = pool if workers else None
        outcome = bench.carry_out(run)
    assert (sorted(bench.service.asked), outcome.requests, outcome.exit_code) == (sorted(told), 0, 0)
    assert column(bench, run, "whatsapp_video_url") == [WHATSAPP if at in {2, 7} else "" for at in range(9)]
    bench.carry_out(run)
    assert len(bench.service.asked) == 2, "what is here is not asked for again"


def test_a_callback_alone_brings_nothing(bench: Bench) -> None:
    run = finished(bench, 20)
    announce(bench, *range(20))
    bench.carry_out(run)
    assert len(bench.service.asked) == late_links.MISSES, "and it does not make us ask for ever"
    assert set(column(bench, run, "whatsapp_video_url")) == {""}


def test_ids_of_others_are_not_asked(bench: Bench) -> None:
    run = finished(bench, 2)
    bench.context.announced = lambda: [GenerationId("0c0ffee0-0000-4000-8000-000000000000")]
    bench.carry_out(run)
    assert bench.service.asked == []


def test_pictures_that_came_late_are_asked_for_by_the_next_command(bench: Bench) -> None:
    run = finished(bench, 3, thumbnail=None, gif=None)
    bench.carry_out(run)
    assert len(bench.service.asked) == 3
    assert "" not in column(bench, run, "gif") + column(bench, run, "thumbnail")


def test_pictures_that_came_during_the_run_are_in_its_own_results(bench: Bench) -> None:
    """The first record shows no GIF yet, the next one does."""
    seen: set[str] = set()

    def late(record: dict[str, Any]) -> dict[str, Any]:
        is_new = record["id"] not in seen
        seen.add(record["id"])
        return record | ({"gif": None} if is_new else {})

    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada", "Bob"))
    bench.service.change = late
    assert bench.carry_out(run).polls == 4
    assert "" not in column(bench, run, "gif")


def test_a_service_without_pictures_is_asked_a_few_times_at_most(bench: Bench) -> None:
    run = finished(bench, 50, gif=None)
    bench.service.change = lambda record: record | {"gif": None}
    bench.carry_out(run)
    assert len(bench.service.asked) == late_links.MISSES


@pytest.mark.parametrize(
    "odd",
    [
        {"campaign_id": "9f1c2f6e-4f0a-4a54-9a77-0c1d9c2f7a11"},
        {"status": "processing"},
        {"url": None},
        {"id": "9f1c2f6e-4f0a-4a54-9a77-0c1d9c2f7a11"},
    ],
)
def test_a_record_that_is_not_this_finished_video_brings_nothing(bench: Bench, odd: dict[str, Any]) -> None:
    run = finished(bench, 1)
    before = [dict(row.fields) for row in results.rows(bench.journal, run)]
    announce(bench, 0)
    bench.service.change = lambda record: record | {"whatsapp_video_url": WHATSAPP} | odd
    assert bench.carry_out(run).exit_code == 0
    assert [dict(row.fields) for row in results.rows(bench.journal, run)] == before


def test_a_service_that_is_down_is_asked_once_and_the_run_is_as_complete_as_before(bench: Bench) -> None:
    run = finished(bench, 9, gif=None)
    bench.service.get_error = errors.ServiceDown("down")
    assert bench.carry_out(run).exit_code == 0
    assert len(bench.service.asked) == 1


def test_no_time_no_wait_and_no_patience_mean_no_questions(bench: Bench) -> None:
    run = finished(bench, 9, gif=None)
    assert bench.carry_out(run, waits=False).exit_code == 0
    assert bench.carry_out(run, timeout_s=0.0).exit_code == 0
    bench.context.stop.press(130)
    bench.carry_out(run)
    assert bench.service.asked == []


def test_only_what_was_announced(bench: Bench) -> None:
    run = finished(bench, 3, gif=None)
    told = announce(bench, 1)
    bench.service.change = lambda record: record | {"whatsapp_video_url": WHATSAPP}
    assert [item.waiting.generation_id for item in late_links.announced_links(bench.context, run)] == told
    assert late_links.fetch_late_links(bench.context, run, announced_only=True) == 1
    assert bench.service.asked == told
