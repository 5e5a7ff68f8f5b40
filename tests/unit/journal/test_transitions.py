"""Every transition of a request starts where it may, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bhuman_cli.journal import chunks, decisions
from bhuman_cli.journal.chunks import Chunk, StaleChunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from tests.support import ledger
from tests.support.ledger import planned, state_of

# Which transition starts from which state.

_REACH: dict[str, Callable[[Journal, Run, Chunk], object]] = {
    "planned": lambda journal, run, chunk: None,
    "sending": lambda journal, run, chunk: chunks.begin_sending(journal, chunk),
    "mapping": lambda journal, run, chunk: _then(journal, chunk, lambda: chunks.to_mapping(journal, chunk, "m")),
    "accepted": lambda journal, run, chunk: _then(
        journal, chunk, lambda: chunks.accept(journal, chunk, ledger.new_ids(2))
    ),
    "rejected": lambda journal, run, chunk: _then(journal, chunk, lambda: chunks.reject(journal, chunk, "r")),
    "in_doubt": lambda journal, run, chunk: _then(journal, chunk, lambda: chunks.mark_in_doubt(journal, chunk, "d")),
    "split": lambda journal, run, chunk: _then(
        journal, chunk, lambda: chunks.split(journal, run, chunk, ledger.freeze, "s")
    ),
    "released": lambda journal, run, chunk: chunks.release_planned(journal, run.target_id),
}

_REFUSED = {"sending", "mapping"}  # a refusal that names ids is mapping until they are asked

_MOVES: dict[str, tuple[Callable[[Journal, Run, Chunk], object], set[str], str]] = {
    "begin_sending": (lambda journal, run, chunk: chunks.begin_sending(journal, chunk), {"planned"}, "sending"),
    "accept": (
        lambda journal, run, chunk: chunks.accept(journal, chunk, ledger.new_ids(2)),
        {"sending", "in_doubt"}, "accepted",
    ),
    "bind": (
        lambda journal, run, chunk: chunks.bind(journal, chunk, dict(enumerate(ledger.new_ids(2))), reason=""),
        {"mapping", "in_doubt", "accepted"}, "accepted",
    ),
    "bind_part": (
        lambda journal, run, chunk: chunks.bind(journal, chunk, dict(enumerate(ledger.new_ids(1))), reason="half"),
        {"mapping", "in_doubt", "accepted"}, "in_doubt",
    ),
    "to_mapping": (
        lambda journal, run, chunk: chunks.to_mapping(journal, chunk, "m"), {"sending", "in_doubt"}, "mapping",
    ),
    "mark_in_doubt": (
        lambda journal, run, chunk: chunks.mark_in_doubt(journal, chunk, "d"), {"sending", "mapping"}, "in_doubt",
    ),
    "release": (lambda journal, run, chunk: chunks.release(journal, chunk, "b"), _REFUSED, "released"),
    "reissue": (
        lambda journal, run, chunk: chunks.reissue(journal, run, chunk, ledger.freeze, "n"), _REFUSED, "released",
    ),
    "reject": (lambda journal, run, chunk: chunks.reject(journal, chunk, "r"), {*_REFUSED, "planned"}, "rejected"),
    "split": (
        lambda journal, run, chunk: chunks.split(journal, run, chunk, ledger.freeze, "s"), _REFUSED, "split",
    ),
    "release_rows": (
        lambda journal, run, chunk: decisions.release_rows(journal, chunk, why="resend", run_id=run.run_id),
        {"in_doubt"}, "released",
    ),
    "abandon": (
        lambda journal, run, chunk: decisions.abandon(journal, chunk, run_id=run.run_id), {"in_doubt"}, "accepted",
    ),
}  # fmt: skip


def _then(journal: Journal, chunk: Chunk, act: Callable[[], object]) -> None:
    chunks.begin_sending(journal, chunk)
    act()


@pytest.mark.parametrize("state", list(_REACH))
@pytest.mark.parametrize("move", list(_MOVES))
def test_every_transition_starts_only_where_it_may(journal: Journal, state: str, move: str) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
    chunk = planned(journal, run)
    _REACH[state](journal, run, chunk)
    act, starts, after = _MOVES[move]
    before = _everything(journal)
    if state in starts:
        act(journal, run, chunk)
        assert state_of(journal, chunk) == after
    else:
        with pytest.raises(StaleChunk):
            act(journal, run, chunk)
        assert _everything(journal) == before, "a refused transition changes nothing"


def _everything(journal: Journal) -> list[Any]:
    tables = ("target", "run", "row", "chunk", "claim", "answer", "decision")
    return [[tuple(found) for found in journal.query(f"SELECT * FROM {table}")] for table in tables]
