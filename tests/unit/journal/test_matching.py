"""Equal rows are one purchase: who shows whose video, as a table of cases and in a journal."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from bhuman_cli.domain import GenerationId
from bhuman_cli.journal import chunks, matching, planning, results, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.matching import Assignment, EqualRow, PaidVideo
from bhuman_cli.runs import runner
from tests.support import ledger

DONE, WAITING, LOST, FAILED = range(4)


def rows(*shown: int | None, unselected: int = 0) -> list[EqualRow]:
    listed = [EqualRow(at, at < len(shown) - unselected, video, None) for at, video in enumerate(shown)]
    return sorted(listed, key=lambda row: not row.selected)


@pytest.mark.parametrize(
    ("equal", "videos", "shown", "expected"),
    [
        pytest.param(rows(None, None, None), [], {}, {1: ("of", 0), 2: ("of", 0)}, id="the first is rendered"),
        pytest.param(rows(None, None), [(7, DONE)], {}, {0: 7, 1: ("of", 0)}, id="one was paid"),
        pytest.param(rows(None, None, None), [(7, DONE), (8, DONE)], {}, {0: 8, 1: 7, 2: ("of", 1)}, id="two: oldest"),
        pytest.param(rows(None, None), [(7, DONE), (8, WAITING)], {0: 8, 1: 7}, {0: 8, 1: 7}, id="each keeps its own"),
        pytest.param(rows(None, None), [(7, FAILED), (8, DONE)], {0: 7}, {0: 8, 1: ("of", 0)}, id="no failed one"),
        pytest.param(rows(None, None), [(7, FAILED)], {}, {0: 7, 1: ("of", 0)}, id="all failed"),
        pytest.param(rows(None, None, None), [(7, LOST), (8, WAITING)], {}, {0: 8, 1: 7, 2: ("of", 0)}, id="in doubt"),
        pytest.param(rows(5, None), [(5, DONE)], {}, {1: ("of", 0)}, id="one has it already"),
        pytest.param(rows(None, None, unselected=1), [], {}, {}, id="a row that is not meant waits for nothing"),
        pytest.param(rows(None, None, unselected=1), [(7, DONE)], {}, {0: 7, 1: ("of", 0)}, id="but shows one"),
    ],
)
def test_who_shows_whose_video(
    equal: list[EqualRow],
    videos: list[tuple[int, int]],
    shown: dict[int, int],
    expected: dict[int, int | tuple[str, int]],
) -> None:
    dealt = matching.assign(equal, [PaidVideo(*video) for video in videos], shown, shares=True)
    assert {item.row_index: item.video or ("of", item.owner) for item in dealt} == expected


def test_without_sharing_only_rows_beyond_the_pool_are_new() -> None:
    dealt = list(matching.assign(rows(None, None, None), [PaidVideo(7, DONE)], {}, shares=False))
    assert dealt == [Assignment(0, video=7)]


def messages(journal: Journal, run: runs.Run) -> list[str]:
    return [row.fields["message"] for row in results.rows(journal, run)]


def test_equal_rows_cost_one_and_all_show_it(journal: Journal) -> None:
    plan = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob", "Ada", "Ada"))
    assert (plan.counts.new, plan.counts.shared, plan.counts.rows) == (2, 2, 4)
    run = runner.confirm(journal, plan)
    ids = ledger.new_ids(2)
    ledger.sent(journal, run, ids)
    shown = [row.fields["id"] for row in results.rows(journal, run)]
    assert [item for item in shown if item] in ([ids[0], ids[1], ids[0], ids[0]], [])
    assert results.tally(journal, run) == {"queued": 4}
    assert results.paid_rows(journal, run) == 2, "videos are counted, not rows"
    assert messages(journal, run)[2:] == ["shares the video of line 2; accepted, not confirmed yet"] * 2
    more = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob", "Ada", "Ada", "Ada"))
    assert (more.counts.new, more.counts.reused, more.counts.shared) == (0, 2, 3)


def test_a_refused_row_is_refused_for_all_that_wait_for_its_video(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Ada"))
    chunk = ledger.sent(journal, run, None)
    assert chunk.rows == 1
    chunks.reject(journal, chunk, "no such name")
    assert results.tally(journal, run) == {"rejected": 2}
    assert chunks.plan(journal, run, ledger.pick(9), ledger.freeze) is None
    again = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Ada"))
    assert (again.counts.new, again.counts.shared) == (1, 1), "it cost nothing and is offered again"


def test_rows_paid_each_by_an_earlier_version_keep_their_own(journal: Journal) -> None:
    ids = ledger.new_ids(3)
    people = [ledger.row(at, "Ada")._replace(cells=("Ada", f"{at}@example.com")) for at in range(3)]
    ledger.sent(journal, ledger.confirmed(journal, people, options={"share_equal": False}), ids)
    before = {row.cells[1]: row.fields["id"] for row in results.rows(journal, runs.find(journal, _last(journal)))}
    turned = [people[2 - at]._replace(row_index=at, line=at + 2) for at in range(3)]
    run = ledger.confirmed(journal, [*turned, ledger.row(3, "Ada")])
    after = {row.cells[-1]: row.fields["id"] for row in results.rows(journal, run)}
    assert {address: after[address] for address in before} == before
    assert planning.counts(journal, run).shared == 1


def _last(journal: Journal) -> str:
    found = journal.query_one("SELECT run_id FROM run ORDER BY run_no DESC LIMIT 1")
    return str(found[0]) if found else ""


def test_a_failed_video_is_retried_once_for_all_that_show_it(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Ada", "Ada"))
    (lost,) = ledger.new_ids(1)
    ledger.sent(journal, run, [lost])
    with journal.transaction():
        journal.execute("UPDATE claim SET status = 'failed', ended_at = 'x', binding = 'confirmed'")
    plan = runner.prepare(journal, ledger.new_run(retry_failed=True), ledger.rows_of("Ada", "Ada", "Ada"))
    assert (plan.counts.retried, plan.counts.shared) == (1, 2)


def test_again_pays_once_for_an_identity(journal: Journal) -> None:
    ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Ada", "Ada")), ledger.new_ids(1))
    plan = runner.prepare(journal, ledger.new_run(again=True), ledger.rows_of("Ada", "Ada"))
    assert (plan.counts.new, plan.counts.shared) == (1, 1)


def test_one_id_belongs_to_one_identity(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    (one,) = ledger.new_ids(1)
    ledger.sent(journal, run, [one, GenerationId("00000000-0000-4000-8000-000000000002")])
    with pytest.raises(Exception, match=r"(?i)unique"), journal.transaction():
        journal.execute("UPDATE claim SET generation_id = ?", (one,))


@pytest.mark.parametrize("kind", ["again", "one more", "retry", "equal"])
def test_planning_grows_with_the_rows(journal: Journal, kind: str) -> None:
    """Four times the rows cost at most five times the steps; a person repeats these."""
    if journal.path is None:
        pytest.skip("a server does not count its steps")
    taken = []
    for size in (120, 480):
        names = [f"{size}-{at // 4 if kind == 'equal' else at}" for at in range(size)]
        new = {"input_path": f"/in/{size}.csv", "target": replace(ledger.TARGET, api_id=f"{size:036d}")}
        sharing = {"options": {"share_equal": kind != "equal"}}
        first = ledger.confirmed(journal, ledger.rows_of(*names), **new, **sharing)
        ledger.sent(journal, first, ledger.new_ids(size))
        if kind == "retry":
            with journal.transaction():
                journal.execute("UPDATE claim SET status = 'failed' WHERE run_no = ?", (first.run_no,))
        rows = ledger.rows_of(*names, *(["more"] if kind == "one more" else []))
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection: sqlite3.Connection = journal._connection
        connection.set_progress_handler(count, 100)
        plan = runner.prepare(journal, ledger.new_run(**new, retry_failed=kind == "retry", **sharing), rows)
        connection.set_progress_handler(None, 0)
        assert plan.counts.new == (kind == "one more")
        taken.append(steps)
    assert taken[1] <= 5 * taken[0], taken
