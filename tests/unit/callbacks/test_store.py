from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli import errors
from bhuman_cli.callbacks.events import Event
from bhuman_cli.callbacks.store import EventStore, Hint
from bhuman_cli.journal.engine.postgres import PostgresJournal
from tests.support.clocks import HeldClock
from tests.support.postgres import Server


def event(n: int = 0, **more: object) -> Event:
    given = {"generation_id": f"id-{n}", "kind": "completion", "token": "", "status": "succeeded", "received_at": "t",
             "body": b"{}", "sha256": b"%d" % n, **more}  # fmt: skip
    return Event(**given)  # type: ignore[arg-type]


def test_events_are_private_and_still_there_after_closing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "callbacks.sqlite3"
    with EventStore.open(path) as store:
        assert store.add([event(0), event(1)]) == [True, True]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with EventStore.open(path) as store:
        assert [stored for _, stored in store.since(0)] == [event(0), event(1)]
        assert store.count_after(0) == 2


@pytest.fixture(params=["file", "server"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[EventStore]:
    """A store beside a journal in a file, and one in the database of a journal on a server."""
    if request.param == "file":
        with EventStore.open(tmp_path / "c") as opened:
            yield opened
        return
    server: Server = request.getfixturevalue("postgres")
    shared = PostgresJournal(server.url(), HeldClock())
    with contextlib.closing(shared), EventStore.beside(shared) as opened:
        yield opened


def test_a_duplicate_changes_nothing_but_another_body_event_or_url_is_kept(store: EventStore) -> None:
    others = [event(sha256=b"x"), event(kind="whatsapp.ready"), event(token="t")]
    assert store.add([event(), event(), *others]) == [True, False, True, True, True]
    assert store.add([event()]) == [False]
    assert [kept.sha256 for kept in store.of("id-0")] == [b"0", b"x", b"0", b"0"]
    assert [kept.token for kept in store.of("id-0", newest=1)] == ["t"]
    assert [hint.generation_id for hint in store.for_token("t")] == ["id-0"]
    assert store.ids_of_kind("whatsapp.ready") == ["id-0"]


def test_events_move_with_their_journal_and_are_told_once(store: EventStore, tmp_path: Path) -> None:
    body = bytes(range(256))
    with EventStore.open(tmp_path / "source") as source:
        source.add([event(at, body=body, status="Zo\u00eb \U0001f600") for at in range(501)])
        source.note_told(500)
        assert store.take_over(source) == 501
        assert store.count_after(store.told()) == 1
        assert store.take_over(source) == 501
        assert [kept for _, kept in store.since(0, limit=1_000)] == [kept for _, kept in source.since(0, limit=1_000)]
    assert store.forget(["id-0", "id-9000"]) == 1
    assert store.add([event(0), event(1, body=body)]) == [True, False]


def test_another_process_reads_hints_while_events_arrive(tmp_path: Path) -> None:
    path = tmp_path / "c"
    with EventStore.open(path, read_only=True) as reader:
        assert reader.hints(0) == (0, [])
        assert not path.exists()
        with EventStore.open(path) as writer:
            writer.add([event(0, token="a"), event(1, token="b")])
            position, hints = reader.hints(0)
            assert [hint.generation_id for hint in hints] == ["id-0", "id-1"]
            assert reader.hints(position) == (position, [])
            writer.add([event(2, token="a", status="failed")])
            assert reader.hints(position)[1] == [
                Hint(generation_id="id-2", token="a", status="failed", received_at="t")
            ]
            assert [hint.generation_id for hint in reader.for_token("a")] == ["id-0", "id-2"]
            assert reader.for_token("") == []
            with pytest.raises(errors.JournalError):
                reader.add([event(3)])


def test_forgetting_leaves_no_trace_in_the_file(tmp_path: Path) -> None:
    with EventStore.open(tmp_path / "c") as store:
        store.add([event(0, body=b"https://secret.example/0"), event(0, kind="k"), event(1, body=b"https://kept/1")])
        assert store.forget(["id-0", "id-9"]) == 2
        assert [stored.generation_id for _, stored in store.since(0)] == ["id-1"]
        assert store.add([event(2)]) == [True]
        assert store.since(3)[0][0] == 4, "a position is never used twice, so a reader misses nothing"
    content = (tmp_path / "c").read_bytes()
    assert b"secret.example" not in content
    assert b"https://kept/1" in content


def test_nothing_of_a_group_that_fails_is_stored(tmp_path: Path) -> None:
    with EventStore.open(tmp_path / "c") as store:
        with pytest.raises(errors.JournalError):
            store.add([event(0), event(1, body=None)])
        assert store.count_after(0) == 0
        assert store.add([event(2)]) == [True]


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be looked at", b"SQLite format 3\0" + b"\xff" * 200]
)
def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c"
    path.write_bytes(content)
    with pytest.raises(errors.JournalError, match="can't be used"):
        EventStore.open(path).add([event()])
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA application_id = 7")
        other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(errors.JournalError):
        EventStore.open(path)


def test_what_is_synced_is_synced_in_full(tmp_path: Path) -> None:
    with EventStore.open(tmp_path / "c") as store:
        connection = store._opened()._connection
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 3


def test_a_reader_can_not_forget(tmp_path: Path) -> None:
    with EventStore.open(tmp_path / "c") as store:
        store.add([event()])
    with EventStore.open(tmp_path / "c", read_only=True) as reader:
        with pytest.raises(errors.JournalError):
            reader.forget(["id-0"])
        assert len(reader.of("id-0")) == 1
