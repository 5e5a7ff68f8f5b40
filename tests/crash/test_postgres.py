"""The promises on a real server, some of them; the long run is `python -m tests.crash --postgres 200`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.journal import chunks, results, targets
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


def test_a_connection_that_breaks_around_a_commit_breaks_no_promise(postgres: Server) -> None:
    """What a COMMIT without an answer did is looked at, never repeated."""
    score = histories.score("cut", servers.cut(postgres, ("ok",), stride=6))
    assert score.broken == {}, score.examples
    assert score.histories > 10


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("53100", errors.JournalFault.FULL),  # no room on the server's disk
        ("40P01", errors.JournalFault.LOCKED),  # deadlock
        ("40001", errors.JournalFault.LOCKED),  # serialization
        ("57014", errors.JournalFault.GONE),  # cancelled by the statement's time limit
    ],
)
@pytest.mark.parametrize("place", ["UPDATE ON chunk", "INSERT ON answer"])
def test_an_error_of_the_server_sends_nothing_twice_and_loses_no_id(
    tmp_path: Path, postgres: Server, place: str, code: str, fault: errors.JournalFault
) -> None:
    """The server itself refuses, once, where a request becomes `sending` or where its answer is stored."""
    bench = ledger.bench(tmp_path)
    with contextlib.closing(PostgresJournal(postgres.url(), bench.clock)) as journal:
        bench.context.journal = bench.journal = journal
        run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob"))
        journal.execute("CREATE SEQUENCE attempts")
        journal.execute(
            "CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('attempts') = 1 THEN"
            f" RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$"
        )
        when = "WHEN (NEW.state = 'sending')" if "chunk" in place else ""
        journal.execute(f"CREATE TRIGGER refuses BEFORE {place} FOR EACH ROW {when} EXECUTE FUNCTION refuse_once()")
        if "chunk" in place and fault is not errors.JournalFault.GONE:
            with pytest.raises(errors.JournalError) as refused:
                to_the_end(bench, sending(bench, run))
            assert (refused.value.fault, refused.value.exit_code) == (fault, errors.ExitCode.DOWN)
            assert bench.service.accepted == []
        to_the_end(bench, sending(bench, run))
        assert statuses(bench, run) == ["queued", "queued"]
        assert len(bench.service.accepted) == 2


def test_what_a_server_prefers_changes_no_rule(postgres: Server) -> None:
    """Another time zone, encoding and isolation: a writer that waited sees what was written meanwhile."""
    import psycopg

    address = postgres.url("preferring")
    name = "prefers"
    with psycopg.connect(address.partition("?")[0], autocommit=True) as other:
        other.execute(f"CREATE ROLE {name} LOGIN SUPERUSER")
        for setting in (
            "timezone = 'Asia/Kathmandu'", "default_transaction_isolation = 'serializable'",
            "client_encoding = 'LATIN1'", "datestyle = 'German'", "bytea_output = 'escape'",
        ):  # fmt: skip
            other.execute(f"ALTER ROLE {name} SET {setting}")
    address = address.replace("postgres@", f"{name}@")
    with (
        contextlib.closing(PostgresJournal(address, HeldClock())) as one,
        contextlib.closing(PostgresJournal(address, HeldClock())) as two,
    ):
        run = ledger.confirmed(one, ledger.rows_of("Zo\u00eb \U0001f600", "Bob"))
        ids = ledger.new_ids(2)
        ledger.sent(one, run, ids)
        assert [row.cells for row in results.rows(two, run)] == [("Zo\u00eb \U0001f600",), ("Bob",)]
        assert [row[0] for row in two.query("SELECT generation_id FROM claim ORDER BY place")] == list(ids)
        facts = two.server_facts()
        assert abs((facts.at - datetime.now(UTC)).total_seconds()) < 60
        ended = threading.Event()

        def wait_and_add() -> None:
            with two.transaction():
                two.execute("UPDATE target SET epoch = epoch + 1")
            ended.set()

        with one.transaction():
            one.execute("UPDATE target SET epoch = 40")
            waiter = threading.Thread(target=wait_and_add)
            waiter.start()
            ended.wait(0.2)
            assert not ended.is_set(), "one writer at a time"
        waiter.join(30)
        assert targets.epoch(one, run.target_id) == 41


def test_a_large_answer_is_streamed_while_others_are_read_and_written(postgres: Server) -> None:
    with contextlib.closing(PostgresJournal(postgres.url(), HeldClock())) as journal:
        for in_transaction in (False, True):
            with journal.transaction() if in_transaction else contextlib.nullcontext():
                seen = 0
                for row in journal.query("SELECT n, repeat('x', 100) FROM generate_series(1, 5000) AS n"):
                    seen += 1
                    assert row[0] == seen
                    if seen == 3000:
                        journal.execute("INSERT INTO fact (name, value) VALUES (?, '')", (f"row {in_transaction}",))
                        names = list(journal.query("SELECT name FROM fact WHERE name LIKE 'row%'"))
                        assert len(names) == 1 + in_transaction
                assert seen == 5000
        next(journal.query("SELECT n FROM generate_series(1, 5000) AS n"))  # and given up half-way
        assert journal.query_one("SELECT 1 FROM pg_cursors WHERE is_holdable") is None


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
