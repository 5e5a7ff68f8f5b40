"""The promises on a real server, some of them; the long run is `python -m tests.crash --postgres 200`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.journal import chunks, targets
from bhuman_cli.journal.engine.postgres import PostgresJournal
from bhuman_cli.runs import epoch_file
from tests.crash import histories, servers
from tests.support import ledger
from tests.support.clocks import HeldClock
from tests.support.postgres import Server, running
from tests.support.sends import sending, statuses, to_the_end


def test_some_histories_on_a_server_keep_every_promise(postgres: Server) -> None:
    score = histories.score("postgres", servers.told(postgres.url(), 8, seed=7))
    assert score.broken == {}, score.examples


def opened(server: Server) -> PostgresJournal:
    return PostgresJournal(server.url("kept"), HeldClock())


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server that tests may stop; the shared one goes on."""
    with running() as server:
        yield server


@pytest.mark.parametrize("stop_at", ["BEGIN", "COMMIT", "after COMMIT"])
def test_a_server_that_dies_while_a_request_becomes_sending_pays_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mortal: Server, stop_at: str
) -> None:
    """Stopped as if the power went, before and after the commit, and started again: the same process goes on."""
    bench = ledger.bench(tmp_path)
    with contextlib.closing(PostgresJournal(mortal.url(), bench.clock)) as journal:
        bench.context.journal = bench.journal = journal
        run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
        whole = chunks.begin_sending
        died: list[str] = []

        class Cut:
            """The connection; its server stops at a statement."""

            def __init__(self, real: Any) -> None:
                self.real = real

            def execute(self, sql: object, *more: object) -> Any:
                if stop_at == sql:
                    mortal.stop()
                found = self.real.execute(sql, *more)
                if stop_at == f"after {sql}":
                    mortal.stop()
                    return self.real.execute("SELECT 1")
                return found

            def __getattr__(self, name: str) -> Any:
                return getattr(self.real, name)

        def dying(*given: Any, **named: Any) -> int:
            if died:
                return whole(*given, **named)
            died.append(stop_at)
            real = journal._connection
            journal._connection = Cut(real)
            try:
                return whole(*given, **named)
            finally:
                journal._connection = real
                mortal.start()

        monkeypatch.setattr(chunks, "begin_sending", dying)
        to_the_end(bench, sending(bench, run))
        assert died == [stop_at]
        assert statuses(bench, run) == ["queued", "queued"]
        assert len(bench.service.accepted) == 2
        assert chunks.unsettled(journal, run.target_id) == []


def test_a_stand_by_that_took_over_without_the_last_commits_is_an_old_journal(tmp_path: Path) -> None:
    import shutil

    with running() as server:
        with contextlib.closing(opened(server)) as journal:
            run = ledger.confirmed(journal, ledger.rows_of("Ada"))
            ledger.sent(journal, run, ledger.new_ids(1))
            assert epoch_file.refusal(journal, run, tmp_path) is None
        server.stop("fast")
        shutil.copytree(server.data, server.folder / "standby", symlinks=True)
        server.start()
        with contextlib.closing(opened(server)) as journal:
            later = ledger.confirmed(journal, ledger.rows_of("Bob"), input_path="/in/late.csv")
            ledger.sent(journal, later, ledger.new_ids(1))
            assert epoch_file.refusal(journal, later, tmp_path) is None
            assert targets.epoch(journal, later.target_id) == 2
        server.stop("fast")
        server.become(server.folder / "standby")
        server.promote()
        with contextlib.closing(opened(server)) as journal:
            refused = epoch_file.refusal(journal, run, tmp_path)
            assert refused is not None
            assert refused.code == "old_journal"
            # A machine that saw no more than the stand-by knows is told of the other history, once.
            (seen := tmp_path / "other").mkdir()
            epoch_file._write(epoch_file._path(seen, run.target), 1, (journal.server()[0], "1"))
            refused = epoch_file.refusal(journal, run, seen)
            assert refused is not None
            assert "another history" in refused.message
            epoch_file.accept(journal, run, seen)
            assert epoch_file.refusal(journal, run, seen) is None


def test_a_journal_of_a_newer_version_and_a_read_only_one_are_told(postgres: Server) -> None:
    address = postgres.url()
    with contextlib.closing(PostgresJournal(address, HeldClock())) as journal:
        journal.execute("SET default_transaction_read_only = on")
        with pytest.raises(errors.JournalError) as read_only:
            ledger.confirmed(journal, ledger.rows_of("Ada"))
        assert read_only.value.fault is errors.JournalFault.READ_ONLY
        journal.execute("SET default_transaction_read_only = off")
        journal.execute("UPDATE journal_version SET version = 99")
    with pytest.raises(errors.JournalError, match="newer bhuman") as newer:
        PostgresJournal(address, HeldClock())
    assert newer.value.fault is errors.JournalFault.NEWER


def test_a_machine_that_slept_before_the_first_byte_sends_nothing(tmp_path: Path) -> None:
    bench = ledger.bench(tmp_path)
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada"))
    clock = iter([0.0, 60.0, 60.0, 60.1])
    bench.context.elapsed_s = lambda: next(clock)
    to_the_end(bench, sending(bench, run))
    assert len(bench.service.accepted) == 1, "the first attempt sent nothing"
    states = [row[0] for row in bench.journal.query("SELECT state FROM chunk ORDER BY chunk_id")]
    assert states == ["released", "accepted"]
    reasons = [row[0] for row in bench.journal.query("SELECT reason FROM chunk ORDER BY chunk_id")]
    assert reasons[0].startswith("not sent: this machine slept")
