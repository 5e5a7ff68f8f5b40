"""Sending with nowhere to write the answer: it is kept elsewhere, printed, and tried until it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.api.post_result import PostResponse
from bhuman_cli.journal import chunks
from tests.support import ledger
from tests.support.ledger import LOST, Bench
from tests.support.sends import sending, started, statuses, to_the_end


class FullDisk:
    """A journal whose disk is full for so many answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        self._real = chunks.record_answer
        monkeypatch.setattr(chunks, "record_answer", self)

    def __call__(self, *arguments: Any) -> None:
        self.left -= 1
        if self.left >= 0:
            raise errors.JournalError("the journal can't be used: the disk is full")
        self._real(*arguments)


def test_an_answer_that_can_not_be_stored_is_kept_elsewhere_and_tried_until_it_can(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[PostResponse] = []

    def rescue(chunk: chunks.Chunk, response: PostResponse) -> str:
        kept.append(response)
        return "/somewhere/else.json"

    bench.context.save_answer_aside = rescue
    FullDisk(monkeypatch, 3)
    run, sender = started(bench, 1)
    to_the_end(bench, sender)
    assert (len(kept), statuses(bench, run)) == (1, ["queued"])
    cries = [said for said in bench.notices.said if "could not be stored" in said]
    assert len(cries) == 1
    assert "/somewhere/else.json" in cries[0]
    assert bench.clock.slept == [5.0] * 3


def test_with_no_other_place_the_ids_are_printed_as_the_last_resort(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    FullDisk(monkeypatch, 1)
    _run, sender = started(bench, 1)
    to_the_end(bench, sender)
    assert bench.service.accepted[0]["id"] in bench.notices.said[0]
    FullDisk(monkeypatch, 1)
    bench.service.posts = [LOST]
    other = ledger.confirmed(bench.journal, ledger.rows_of("Zoe"), input_path="/in/other.csv")
    to_the_end(bench, sending(bench, other))
    assert "ids: none" in bench.notices.said[1]


def test_a_broken_promise_is_no_full_disk_and_is_not_waited_for(bench: Bench, tmp_path: Path) -> None:
    """The request's chunk is gone: nothing will ever store its answer."""
    kept = tmp_path / "kept"
    bench.context.save_answer_aside = lambda chunk, response: str(kept)
    run, sender = started(bench, 1)

    def gone() -> None:
        bench.journal.execute("PRAGMA foreign_keys=OFF")
        bench.journal.execute("DELETE FROM chunk WHERE run_no = ?", (run.run_no,))
        bench.journal.execute("PRAGMA foreign_keys=ON")

    bench.service.before_answer = gone
    with pytest.raises(errors.JournalError, match="a rule of it would be broken") as caught:
        sender.step()
    assert (caught.value.exit_code, caught.value.fault) == (8, errors.JournalFault.PROMISE)
    assert bench.clock.slept == []
    assert str(kept) in bench.notices.said[0]
    assert "trying again" not in bench.notices.said[0]


def test_asked_to_stop_it_leaves_what_it_could_not_store_as_being_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    FullDisk(monkeypatch, 99)
    run, sender = started(bench, 1)
    bench.service.before_answer = lambda: bench.context.stop.press(143)
    with pytest.raises(errors.JournalError, match="disk is full") as caught:
        sender.step()
    assert caught.value.exit_code == 9, "what was accepted stands outside the journal"
    assert [chunk.state for chunk in chunks.unsettled(bench.journal, run.target_id)] == ["sending"]
