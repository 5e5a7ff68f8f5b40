"""The journal's file: modes, versions, foreign and damaged files, and reading along without writing."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bhuman_cli import errors
from bhuman_cli.journal import database, schema
from bhuman_cli.journal.database import FILE_NAME
from bhuman_cli.journal.engine import integrity
from bhuman_cli.runs import runner
from tests.support import ledger
from tests.support.clocks import HeldClock

_DIE_IN_A_COMMIT = """
import os, sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("PRAGMA cache_size=1")
held.execute("BEGIN IMMEDIATE")
for _ in range(2000):
    held.execute("INSERT INTO decision (at, run_id, what, detail) VALUES ('x', 'r', 'torn', ?)", ("d" * 500,))
os._exit(0)
"""


def test_the_folder_and_its_files_are_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    database.open_journal(folder, HeldClock()).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600


def test_a_journal_that_became_readable_to_others_is_closed_to_them_again(tmp_path: Path) -> None:
    ledger.opened(tmp_path).close()
    (tmp_path / FILE_NAME).chmod(0o644)
    ledger.opened(tmp_path).close()
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_commits_are_synced_without_a_write_ahead_log(tmp_path: Path) -> None:
    with contextlib.closing(database.open_journal(tmp_path, HeldClock())) as journal:
        settings = {
            name: journal.query_one(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert {name: found[0] for name, found in settings.items() if found} == {
        "journal_mode": "delete", "synchronous": 3, "foreign_keys": 1,
    }  # fmt: skip


def test_a_failed_transaction_leaves_nothing_behind(tmp_path: Path) -> None:
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        with pytest.raises(errors.JournalError, match="no such table"):
            _write_and_fail(journal)
        assert journal.query_one("SELECT 1 FROM decision") is None
        with journal.transaction():  # and the next one is not inside the failed one
            journal.insert("INSERT INTO decision (at, run_id, what) VALUES ('t', 'r', 'w')")
    with contextlib.closing(ledger.opened(tmp_path)) as again:
        assert [found["what"] for found in again.query("SELECT what FROM decision")] == ["w"]


def _write_and_fail(journal: database.Journal) -> None:
    with journal.transaction():
        journal.insert("INSERT INTO decision (at, run_id, what) VALUES ('t', 'r', 'w')")
        journal.execute("UPDATE missing SET a = 1")


def test_a_newer_journal_is_refused_with_the_way_out(tmp_path: Path) -> None:
    ledger.opened(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as raw:
        raw.execute(f"PRAGMA user_version={schema.VERSION + 1}")
    for opening in (database.open_journal, database.scratch):
        with pytest.raises(errors.JournalError, match="newer bhuman") as caught:
            opening(tmp_path, HeldClock())
        assert caught.value.hint == "pip install --upgrade bhuman"
        assert caught.value.exit_code == 8


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.executescript("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);")
    before = path.read_bytes()
    for opening in (database.open_journal, database.scratch):
        with pytest.raises(errors.JournalError, match="not a bhuman journal"):
            opening(tmp_path, HeldClock())
    assert path.read_bytes() == before


def _version_1(folder: Path) -> None:
    """Make a journal as 0.1.0 made it, with one payment."""
    path = folder / FILE_NAME
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.executescript((Path(__file__).parents[2] / "data" / "journal_v1.sql").read_text())
        raw.executescript(
            f"PRAGMA application_id={schema.APPLICATION_ID}; PRAGMA user_version=1;"
            "INSERT INTO target (target_id, service, kind, api_id) VALUES (1, 'https://h', 'campaign', 'c');"
            "INSERT INTO claim (place, target_id, identity, text_key, generation_id, status)"
            " VALUES (0, 1, x'01', x'02', 'g', 'succeeded');"
        )


def test_a_journal_of_0_1_0_is_brought_up_and_still_knows_what_was_paid(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    _version_1(old)
    for opening in (database.scratch, database.open_journal):  # a dry run reads it as it is
        with contextlib.closing(opening(old, HeldClock())) as journal:
            claim = journal.query_one("SELECT generation_id, forgotten FROM claim")
            assert claim is not None
            assert tuple(claim) == ("g", 0)
    with contextlib.closing(ledger.opened(old)) as migrated, contextlib.closing(ledger.opened(new)) as made:
        assert _layout(migrated) == _layout(made)


def _layout(journal: database.Journal) -> dict[str, list[tuple[object, ...]]]:
    names = [found[0] for found in journal.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    columns = {name: [tuple(column)[:5] for column in journal.query(f"PRAGMA table_info({name})")] for name in names}
    indexes = [(row[0],) for row in journal.query("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name")]
    return {**columns, "indexes": indexes}


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 40, b"short"])
def test_a_damaged_journal_is_said_to_be_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    for opening in (database.open_journal, database.scratch):
        with pytest.raises(errors.JournalError, match="damaged or not a database") as caught:
            opening(tmp_path, HeldClock())
        assert str(tmp_path / FILE_NAME) in caught.value.message
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_a_page_destroyed_inside_is_found_when_it_is_read(tmp_path: Path) -> None:
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        ledger.confirmed(journal, ledger.rows_of(*(f"person {at}" for at in range(300))))
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    with (
        pytest.raises(errors.JournalError, match=r"damaged .*--adopt"),
        contextlib.closing(database.open_journal(tmp_path, HeldClock())) as journal,
    ):
        list(journal.query("SELECT * FROM row"))


def test_a_folder_that_cannot_be_made_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.JournalError, match="can't be used"):
        database.open_journal(tmp_path / "file" / "state", HeldClock())


def test_a_read_only_journal_is_said_to_be_read_only(tmp_path: Path) -> None:
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        journal.execute("PRAGMA query_only=1")  # as on a read-only file system; root may write anywhere else
        with pytest.raises(errors.JournalError, match="read-only"):
            ledger.confirmed(journal, ledger.rows_of("Ada"))


def test_a_full_disk_is_named_and_the_transaction_undone(tmp_path: Path) -> None:
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        pages = journal.query_one("PRAGMA page_count")
        assert pages is not None
        journal.execute(f"PRAGMA max_page_count={pages[0]}")
        with pytest.raises(errors.JournalError, match="the disk is full"):
            ledger.confirmed(journal, ledger.rows_of(*("x" * 5_000 for _ in range(50))))
        journal.execute("PRAGMA max_page_count=1000000")
        assert ledger.confirmed(journal, ledger.rows_of("Ada")).state == "confirmed"


def test_a_journal_held_by_another_process_is_waited_for_then_said(tmp_path: Path) -> None:
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        journal.execute("PRAGMA busy_timeout=50")
        with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(errors.JournalError, match="another process holds it") as caught, journal.transaction():
                pass
        assert caught.value.fault is errors.JournalFault.LOCKED


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system shows no process's open files")
def test_the_program_that_holds_a_journal_is_named(tmp_path: Path) -> None:
    hold = (
        "import sqlite3, sys; held = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "held.execute('BEGIN EXCLUSIVE');"
        "print('held', flush=True); sys.stdin.read()"
    )
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        journal.execute("PRAGMA busy_timeout=50")
        holder = subprocess.Popen(
            [sys.executable, "-c", hold, str(tmp_path / FILE_NAME)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert holder.stdout is not None
            holder.stdout.readline()
            with pytest.raises(errors.JournalError, match=f"process {holder.pid}"), journal.transaction():
                pass
        finally:
            holder.communicate()


def test_a_large_journal_is_checked_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "LARGE_BYTES", 0)
    checks: list[Path | None] = []
    monkeypatch.setattr(integrity, "check", lambda _, path: checks.append(path))
    clock = HeldClock()
    for _ in range(2):
        database.open_journal(tmp_path, clock).close()
    assert len(checks) == 1
    clock.sleep(86_401.0)
    database.open_journal(tmp_path, clock).close()
    assert len(checks) == 2


def test_two_processes_may_make_the_journal_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bhuman_cli import clock; from bhuman_cli.journal import database;"
        "database.open_journal(Path(sys.argv[1]), clock.SystemClock()).close()"
    )
    makers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(4)]
    assert [maker.wait(30) for maker in makers] == [0] * 4
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        assert ledger.confirmed(journal, ledger.rows_of("Ada")).run_id


def test_losing_the_race_to_make_the_tables_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = database._create

    def after_another(connection: sqlite3.Connection) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
            real(other)
        real(connection)

    monkeypatch.setattr(database, "_create", after_another)
    with contextlib.closing(database.open_journal(tmp_path, HeldClock())) as journal:
        assert ledger.confirmed(journal, ledger.rows_of("Ada")).run_id


def test_tables_that_cannot_be_made_at_all_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "TABLES", "CREATE TABLE half (a); CREATE NONSENSE;")
    with pytest.raises(errors.JournalError, match="syntax error"):
        database.open_journal(tmp_path, HeldClock())
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as made:
        assert made.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


# Reading along, for --dry-run and for the variables of the last run.


def test_a_scratch_journal_knows_the_payments_and_writes_nothing(tmp_path: Path) -> None:
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Ada", "Bob")), ledger.new_ids(2))
    before = (tmp_path / FILE_NAME).read_bytes()
    with contextlib.closing(database.scratch(tmp_path, HeldClock())) as scratch:
        assert scratch.path is None
        prepared = runner.prepare(scratch, ledger.new_run(), ledger.rows_of("Ada", "Bob", "Cid"))
        assert (prepared.counts.reused, prepared.counts.new) == (2, 1)
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE_NAME]


def test_a_scratch_journal_says_what_is_wrong_with_one_it_cannot_read(tmp_path: Path) -> None:
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        journal.execute("DROP TABLE decision")
        journal.execute("ALTER TABLE claim RENAME TO lost")
    with pytest.raises(errors.JournalError, match="no such table"):
        database.scratch(tmp_path, HeldClock())


def test_a_scratch_journal_without_a_journal_knows_nothing_and_makes_no_file(tmp_path: Path) -> None:
    with contextlib.closing(database.scratch(tmp_path / "nowhere", HeldClock())) as scratch:
        assert scratch.query_one("SELECT 1 FROM claim") is None
    assert not (tmp_path / "nowhere").exists()


def test_a_scratch_journal_beside_an_empty_file_knows_nothing(tmp_path: Path) -> None:
    """Killed between making the file and making its tables."""
    (tmp_path / FILE_NAME).touch()
    with contextlib.closing(database.scratch(tmp_path, HeldClock())) as scratch:
        assert scratch.query_one("SELECT 1 FROM claim") is None


def test_a_scratch_journal_reads_one_whose_writer_was_killed_in_a_commit(tmp_path: Path) -> None:
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        ledger.sent(journal, ledger.confirmed(journal, ledger.rows_of("Ada")), ledger.new_ids(1))
    subprocess.run([sys.executable, "-c", _DIE_IN_A_COMMIT, str(tmp_path / FILE_NAME)], check=True)
    assert (tmp_path / f"{FILE_NAME}-journal").stat().st_size > 0, "the commit was not torn"
    with contextlib.closing(database.scratch(tmp_path, HeldClock())) as scratch:
        found = scratch.query_one("SELECT count(*) FROM claim WHERE generation_id IS NOT NULL")
        assert found is not None
        assert found[0] == 1
    with contextlib.closing(ledger.opened(tmp_path)) as journal:
        assert journal.query_one("SELECT 1 FROM decision") is None
