"""A cut at every statement of every transition: afterwards the journal is as before, as if nothing had begun."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bhuman_cli.domain import Binding, Generation, GenerationId
from bhuman_cli.journal import chunks, decisions, generations, history, listed, planning, runs, schema, targets
from bhuman_cli.journal.chunks import Answer, Chunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import AdoptedGeneration
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import runner
from tests.support import ledger
from tests.support.ledger import freeze, pick, planned


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A file's journal only: a server's statements are its own, and are cut by stopping it."""
    with contextlib.closing(ledger.opened(tmp_path)) as opened:
        yield opened


Act = Callable[[Journal, Run, Chunk], object]
_WRITES = ("execute", "execute_many", "insert")


class Cut(Exception):
    """The program ends here."""


def _sending(journal: Journal, run: Run, chunk: Chunk) -> None:
    chunks.begin_sending(journal, chunk)


def _doubtful(journal: Journal, run: Run, chunk: Chunk) -> None:
    chunks.begin_sending(journal, chunk)
    chunks.mark_in_doubt(journal, chunk, "lost")


def _mapping(journal: Journal, run: Run, chunk: Chunk) -> None:
    chunks.begin_sending(journal, chunk)
    chunks.to_mapping(journal, chunk, "odd")


def _accepted(journal: Journal, run: Run, chunk: Chunk) -> None:
    chunks.begin_sending(journal, chunk)
    chunks.accept(journal, chunk, IDS)


def _conflicting(journal: Journal, run: Run, chunk: Chunk) -> None:
    _accepted(journal, run, chunk)
    with journal.transaction():
        claims = [fact.claim_id for fact in generations.chunk_facts(journal, chunk.chunk_id)]
        generations.save_bindings(journal, dict.fromkeys(claims, Binding.CONFLICT))


def _nothing(journal: Journal, run: Run, chunk: Chunk) -> None:
    return


def _given_back(journal: Journal, run: Run, chunk: Chunk) -> None:
    chunks.release_planned(journal, run.target_id)


def _draft(journal: Journal, run: Run, chunk: Chunk) -> None:
    runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob", "Cid"))


def _confirm(journal: Journal, run: Run, chunk: Chunk) -> None:
    found = journal.query_one("SELECT run_id FROM run WHERE state = 'draft'")
    assert found is not None
    planning.confirm(journal, runs.find(journal, found[0]))


IDS = [GenerationId(f"00000000-0000-4000-8000-00000000000{at}") for at in range(2)]
_ADOPTED = [
    AdoptedGeneration(
        identity=b"i" * 16, text_key=b"t" * 16, generation=Generation(id=ledger.new_ids(1)[0], status="queued")
    )
]

VERBS: dict[str, tuple[Act, Act]] = {
    "plan": (_given_back, lambda journal, run, chunk: chunks.plan(journal, run, pick(2), freeze)),
    "begin_sending": (_nothing, lambda journal, run, chunk: chunks.begin_sending(journal, chunk)),
    "record_answer": (_sending, lambda journal, run, chunk: chunks.record_answer(
        journal, chunk, Answer(status=200, headers={}, body=b"x"))),
    "accept": (_sending, lambda journal, run, chunk: chunks.accept(journal, chunk, IDS)),
    "bind": (_mapping, lambda journal, run, chunk: chunks.bind(
        journal, chunk, dict(enumerate(IDS)), reason="", is_anew=False)),
    "to_mapping": (_sending, lambda journal, run, chunk: chunks.to_mapping(journal, chunk, "m")),
    "mark_in_doubt": (_sending, lambda journal, run, chunk: chunks.mark_in_doubt(journal, chunk, "d")),
    "release": (_sending, lambda journal, run, chunk: chunks.release(journal, chunk, "b")),
    "reissue": (_sending, lambda journal, run, chunk: chunks.reissue(journal, run, chunk, freeze, "n")),
    "reject": (_sending, lambda journal, run, chunk: chunks.reject(journal, chunk, "r")),
    "split": (_sending, lambda journal, run, chunk: chunks.split(journal, run, chunk, freeze, "s")),
    "release_rows": (_doubtful, lambda journal, run, chunk: decisions.release_rows(
        journal, chunk, why="resend", run_id=run.run_id)),
    "abandon": (_doubtful, lambda journal, run, chunk: decisions.abandon(journal, chunk, run_id=run.run_id)),
    "accept_position": (_conflicting, lambda journal, run, chunk: decisions.settle_conflicts(
        journal, run, accept_position=True)),
    "give_up": (_conflicting, lambda journal, run, chunk: decisions.settle_conflicts(
        journal, run, accept_position=False)),
    "adopt": (_nothing, lambda journal, run, chunk: history.adopt(journal, run, _ADOPTED)),
    "confirm": (_draft, _confirm),
    "note_missing": (_accepted, lambda journal, run, chunk: generations.note_missing(
        journal, [1, 2], now=journal.clock.now())),
    "service_time": (_doubtful, lambda journal, run, chunk: targets.note_service_time(
        journal, chunk.chunk_id, at="2026-11-21T12:00:00.000Z", offset_s=1.5)),
    "listed": (_nothing, lambda journal, run, chunk: listed.keep(
        journal, run.target_id, listed.OTHERS, [(item, ["m"]) for item in IDS])),
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_a_cut_at_any_statement_leaves_everything_as_it_was(journal: Journal, verb: str) -> None:
    before, act = VERBS[verb]
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob", "Cid"))
    chunk = planned(journal, run, 2)
    before(journal, run, chunk)
    statements = 0
    while True:
        statements += 1
        was = _everything(journal)
        try:
            with _cut_at(journal, statements):
                act(journal, run, chunk)
        except Cut:
            assert _everything(journal) == was, f"cut at statement {statements}"
            continue
        break
    assert statements > 1, "it writes nothing?"
    assert _everything(journal) != was


@contextlib.contextmanager
def _cut_at(journal: Journal, number: int) -> Iterator[None]:
    """Let the statement with this number raise."""
    count = 0

    def counting(name: str) -> Callable[..., Any]:
        whole = getattr(type(journal), name)

        def counted(self: Journal, *given: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                raise Cut
            return whole(self, *given)

        return counted

    with contextlib.ExitStack() as stack:
        for name in _WRITES:
            stack.enter_context(mock.patch.object(type(journal), name, counting(name)))
        yield


def _everything(journal: Journal) -> dict[str, list[str]]:
    tables = re.findall(r"CREATE TABLE (\w+)", schema.TABLES)
    return {
        name: sorted(repr([row[at] for at in range(len(row))]) for row in journal.query(f"SELECT * FROM {name}"))
        for name in tables
    }
