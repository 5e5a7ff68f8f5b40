"""The closing audit: what nobody asked for is named, and a long list is read only as far as the run goes."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from bhuman_cli import errors
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding import unexpected_videos
from tests.support import ledger
from tests.support.ledger import Bench

pytestmark = pytest.mark.usefixtures("open_list")


def rendered(bench: Bench, before: int, during: int = 1) -> tuple[Run, datetime, list[str]]:
    """So many earlier videos, then a run's own and strangers'; returns the run, its start, the strangers."""
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada"))
    for number in range(before):
        bench.service.take({"names": [[f"before {number}"]]})
        bench.clock.pass_s(60)
    since = bench.clock.now()
    ledger.sent(bench.journal, run, [GenerationId(item) for item in bench.service.take({"names": [["Ada"]]})])
    return run, since, bench.service.take({"names": [["Zoe"]] * during})


def found_ids(bench: Bench, run: Run, since: datetime) -> list[str]:
    return [video.id for video in unexpected_videos.find_unexpected(bench.context, run, since)]


def test_rows_that_a_stranger_s_video_equals_are_named_by_their_lines(bench: Bench) -> None:
    run, since, _ = rendered(bench, 0)
    assert (
        unexpected_videos.lines_of(bench.context, run, unexpected_videos.find_unexpected(bench.context, run, since))
        == []
    )
    bench.service.take({"names": [["Ada"]]})
    videos = unexpected_videos.find_unexpected(bench.context, run, since)
    assert unexpected_videos.lines_of(bench.context, run, videos) == [2]


def test_videos_that_nobody_asked_for_are_named(bench: Bench) -> None:
    run, since, stranger = rendered(bench, before=1)
    assert found_ids(bench, run, since) == stranger
    bench.service.page_error = errors.ApiError("closed", status=403)
    assert found_ids(bench, run, since) == []


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(("during", "at_once", "pages"), [(1, 1, 2), (250, 1, 5), (250, 4, 6), (900, 4, 16)])
def test_a_long_list_is_read_from_its_newer_end(
    bench: Bench, *, newest_first: bool, during: int, at_once: int, pages: int
) -> None:
    run, since, strangers_ids = rendered(bench, before=1_599 - during, during=during)
    if newest_first:
        bench.service.accepted.reverse()
    with ThreadPoolExecutor(at_once) as pool:
        bench.context.pool = pool if at_once > 1 else None
        assert sorted(found_ids(bench, run, since)) == sorted(strangers_ids)
    assert bench.service.pages_read <= pages, "of sixteen"


def test_a_run_of_many_pages_reads_them_all(bench: Bench) -> None:
    run, _, stranger = rendered(bench, before=450)
    since = datetime.fromisoformat(bench.service.accepted[0]["at"].isoformat())
    found = found_ids(bench, run, since)
    assert len(found) == 451
    assert set(stranger) <= set(found)


def test_a_list_without_order_is_read_to_its_end(bench: Bench) -> None:
    run, since, stranger = rendered(bench, before=450)
    random.Random(1).shuffle(bench.service.accepted)
    assert found_ids(bench, run, since) == stranger
    assert bench.service.pages_read > 5


@pytest.mark.parametrize("told", [{"created_at": None}, {"created_at": "yesterday"}])
def test_a_list_without_times_names_nobody(bench: Bench, told: dict[str, object]) -> None:
    run, since, _ = rendered(bench, before=250)
    bench.service.change = lambda record: {**record, **told}
    assert found_ids(bench, run, since) == []
