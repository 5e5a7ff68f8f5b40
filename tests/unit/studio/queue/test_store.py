"""The queue on disk: what is committed together, what happens once, what a second process sees."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.studio.queue import erasure, request_log
from bhuman_cli.studio.queue import store as stores
from bhuman_cli.studio.queue.entries import Batch, End, LogEntry, NewRow, Settled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[stores.StudioStore]:
    with contextlib.closing(stores.StudioStore.open(tmp_path / "home")) as opened:
        yield opened


def batch(*, callback_url: str = "", whatsapp: bool = False, accepted_by: str = "") -> Batch:
    return Batch(
        request_no=1,
        route="campaign",
        target_kind="campaign",
        target_id="c",
        variables=["a"],
        backgrounds=[],
        options={},
        callback_url=callback_url,
        whatsapp=whatsapp,
        template=None,
        accepted_by=accepted_by,
    )


def accept(
    store: stores.StudioStore, *rows: NewRow, callback_url: str = "", whatsapp: bool = False, accepted_by: str = ""
) -> bool:
    what = batch(callback_url=callback_url, whatsapp=whatsapp, accepted_by=accepted_by)
    return store.accept(what, rows, now_s=0.0, now="2026-01-01T00:00:00Z", due_s=0.0)


def everything(owed: list[str]) -> dict[str, int]:
    return dict.fromkeys(owed, 10)


def row(identifier: str, state: str = "queued") -> NewRow:
    return NewRow(id=identifier, text=[identifier], assets=[], state=state)


def test_a_request_is_accepted_whole_or_not_at_all(store: stores.StudioStore) -> None:
    store.keep_setting("credits_left", "5")
    with pytest.raises(sqlite3.IntegrityError):
        accept(store, row("one"), row("one"))
    assert store.accepted() == []
    assert store.setting("credits_left") == "5"
    assert accept(store, row("one"), row("two"))
    assert not accept(store, *(row(f"more-{number}") for number in range(4)))
    assert store.setting("credits_left") == "3"
    assert len(store.accepted()) == 2


def test_only_one_owner_gets_a_row(store: stores.StudioStore, tmp_path: Path) -> None:
    accept(store, row("one"), row("two"), row("three"))
    with contextlib.closing(stores.StudioStore.open(tmp_path / "home")) as other:
        mine = [taken["id"] for taken in store.claim("me", 2)]
        yours = [taken["id"] for taken in other.claim("you", 2)]
    assert (mine, yours) == (["one", "two"], ["three"])
    assert sorted(store.owners()) == ["me", "you"]


def test_what_a_living_neighbour_accepted_is_its_own(store: stores.StudioStore) -> None:
    url = "http://127.0.0.1/"
    accept(store, row("one"), row("done", "succeeded"), callback_url=url, accepted_by="neighbour")
    assert store.claim("me", 9, living=["neighbour"]) == []
    assert store.take_owed("me", 9, everything, living=["neighbour"]) == ([], None)
    assert [taken["id"] for taken in store.claim("me", 9)] == ["one"]
    assert len(store.take_owed("me", 9, everything)[0]) == 1


def test_an_end_is_recorded_once(store: stores.StudioStore) -> None:
    accept(store, row("one"), callback_url="http://127.0.0.1/")
    assert store.finish("one", End(state="succeeded"), now="n", due_s=1.0)
    assert not store.finish("one", End(state="failed", message="late"), now="n", due_s=1.0)
    assert not store.finish("unknown", End(state="failed"), now="n", due_s=1.0)
    assert [found["state"] for found in store.accepted()] == ["succeeded"]
    assert len(store.callbacks()) == 1


def taken(store: stores.StudioStore, *, any_order: bool = False) -> list[str]:
    return [owed["event"] for owed in store.take_owed("me", 9, everything, any_order=any_order)[0]]


def test_whatsapp_waits_for_its_completion(store: stores.StudioStore) -> None:
    accept(store, row("one", "succeeded"), callback_url="http://127.0.0.1/", whatsapp=True)
    assert taken(store) == ["completion"]
    assert taken(store) == []
    assert taken(store, any_order=True) == ["whatsapp.ready"]
    store.requeue("me", died=True)
    assert taken(store) == ["completion"]
    store.settle([Settled("one", "completion", "delivered", 0)])
    assert taken(store) == ["whatsapp.ready"]


def test_a_callback_is_sent_by_one_owner_and_given_back_when_it_dies(store: stores.StudioStore) -> None:
    accept(store, row("one", "succeeded"), callback_url="http://127.0.0.1/")
    assert len(store.take_owed("me", 9, everything)[0]) == 1
    assert store.take_owed("you", 9, everything) == ([], None)
    assert store.owners() == ["me"]
    store.requeue("me", died=True)
    assert len(store.take_owed("you", 9, everything)[0]) == 1
    store.settle([Settled("one", "completion", "", 20.0)])
    assert store.take_owed("you", 9, everything) == ([], 20.0)


def test_each_receiver_is_sent_what_it_has_room_for(store: stores.StudioStore) -> None:
    for number in range(4):
        accept(store, row(f"silent-{number}", "succeeded"), callback_url="http://127.0.0.1:1/hook")
    accept(store, row("good", "succeeded"), callback_url="http://127.0.0.1:2/hook")

    def room(owed: list[str]) -> dict[str, int]:
        assert owed == ["127.0.0.1:1", "127.0.0.1:2"]
        return {"127.0.0.1:2": 8, "127.0.0.1:1": 2}

    sent = [found["generation_id"] for found in store.take_owed("me", 9, room)[0]]
    assert sent == ["good", "silent-0", "silent-1"]


FIRST_VERSION = """
CREATE TABLE requests (no INTEGER PRIMARY KEY, body BLOB);
CREATE TABLE batches (no INTEGER PRIMARY KEY, request_no INTEGER NOT NULL, route TEXT NOT NULL,
 target_kind TEXT NOT NULL, target_id TEXT NOT NULL, variables TEXT NOT NULL, backgrounds TEXT NOT NULL,
 options TEXT NOT NULL, callback_url TEXT NOT NULL, whatsapp INTEGER NOT NULL, template TEXT,
 accepted_at TEXT NOT NULL);
CREATE TABLE generations (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
 batch_no INTEGER NOT NULL REFERENCES batches(no), api_row_index INTEGER NOT NULL, text TEXT NOT NULL,
 assets TEXT NOT NULL, state TEXT NOT NULL, owner TEXT, attempts INTEGER NOT NULL DEFAULT 0,
 message TEXT NOT NULL DEFAULT '', placeholder INTEGER NOT NULL DEFAULT 0, accepted_s REAL NOT NULL,
 updated_at TEXT NOT NULL);
CREATE INDEX generations_by_batch ON generations (batch_no, seq);
CREATE TABLE callbacks (generation_id TEXT NOT NULL REFERENCES generations(id), event TEXT NOT NULL, url TEXT NOT NULL,
 attempts INTEGER NOT NULL DEFAULT 0, due_s REAL NOT NULL, outcome TEXT NOT NULL DEFAULT '',
 PRIMARY KEY (generation_id, event));
CREATE INDEX callbacks_owed ON callbacks (due_s) WHERE outcome = '';
CREATE TABLE things (kind TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, record TEXT NOT NULL,
 PRIMARY KEY (kind, id));
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
PRAGMA user_version = 1;
"""


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "studio.sqlite")) as old, old:
        old.executescript(FIRST_VERSION)
        for no, (target, rows) in enumerate((("c", 2), ("d", 1), ("c", 3)), 1):
            old.execute(f"INSERT INTO batches VALUES ({no},1,'r','campaign','{target}','[]','[]','{{}}','',0,NULL,'n')")
            for place in range(rows):
                old.execute(
                    "INSERT INTO generations (id, batch_no, api_row_index, text, assets, state, accepted_s, updated_at)"
                    f" VALUES ('{no}-{place}', {no}, {place}, '[]', '[]', 'succeeded', 0, 'n')"
                )
        old.execute("INSERT INTO callbacks (generation_id, event, url, due_s) VALUES ('1-0', 'completion', 'u', 0)")
    with contextlib.closing(stores.StudioStore.open(tmp_path)) as store:
        accept(store, row("new"), row("newer"))
        total, page = store.generations("campaign", "c", offset=1, limit=5)
        assert (total, [found["id"] for found in page]) == (7, ["1-1", "3-0", "3-1", "3-2", "new"])
        assert store.counts() == {"succeeded": 6, "queued": 2}
        assert store.callback_outcomes() == {"owed": 1}
        assert len(store.take_owed("me", 9, everything)[0]) == 1


def test_a_failed_render_has_no_whatsapp(store: stores.StudioStore) -> None:
    accept(store, row("one"), callback_url="http://127.0.0.1/", whatsapp=True)
    store.finish("one", End(state="failed"), now="n", due_s=0.0)
    assert [owed["event"] for owed in store.callbacks()] == ["completion"]


def numbered(count: int, method: str = "GET", body: bytes | None = None) -> list[LogEntry]:
    return [
        LogEntry(no=no, method=method, path="/" * 9_000, query="", status=200, fault="", body=body, at="n")
        for no in range(1, count + 1)
    ]


def logged(home: Path, entries: list[LogEntry]) -> list[dict[str, Any]]:
    async def write() -> None:
        log = request_log.RequestLog(home)
        for entry in entries:
            await log.add(entry)
            await log.flush()
        log.close()

    asyncio.run(write())
    return request_log.read(home)


def test_the_log_forgets_what_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "LOGGED_REQUESTS", 2)
    entries = logged(tmp_path, numbered(4))
    assert [(entry["no"], len(entry["path"])) for entry in entries] == [(3, 2_000), (4, 2_000)]


def test_request_numbers_are_never_given_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "_BLOCK", 10)

    async def numbers() -> list[int]:
        one, other = request_log.RequestLog(tmp_path), request_log.RequestLog(tmp_path)
        given = [await log.number() for log in (one, other, one) for _ in range(8)]
        one.close()
        other.close()
        return given

    given = asyncio.run(numbers())
    assert given == [*range(1, 9), *range(11, 19), 9, 10, *range(21, 27)]


@pytest.mark.parametrize(("bodies", "size"), [(2, 1_000), (9, 10)])
def test_old_bodies_are_forgotten_before_their_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bodies: int, size: int
) -> None:
    monkeypatch.setattr(request_log, "LOGGED_BODIES", bodies)
    monkeypatch.setattr(request_log, "LOGGED_BYTES", size)
    entries = logged(tmp_path, numbered(5, "POST", b"5 B.."))
    assert [(entry["no"], entry["body"] is not None) for entry in entries] == [
        (1, False),
        (2, False),
        (3, False),
        (4, True),
        (5, True),
    ]


LIMIT = 1_000


def steps(store: stores.StudioStore, ask: Callable[[], Any]) -> int:
    """Count what SQLite does, in hundreds of its steps: a scan of everything shows, however fast the machine is."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    connection = store.database._connection
    connection.set_progress_handler(step, 100)
    ask()
    connection.set_progress_handler(None, 0)
    return count


def test_work_grows_with_what_is_open_and_not_with_what_was_done(tmp_path: Path) -> None:
    def questions(home: Path, done: int) -> dict[str, int]:
        with contextlib.closing(stores.StudioStore.open(home)) as store:
            for first in range(0, done, LIMIT):
                old = [row(f"old-{number}", "succeeded") for number in range(first, first + LIMIT)]
                accept(store, *old, callback_url="http://127.0.0.1/")
            store._db.execute("UPDATE callbacks SET outcome = 'delivered'")
            small = dataclasses.replace(batch(), target_id="small")
            store.accept(small, [row("a"), row("b"), row("c")], now_s=0, now="n", due_s=0)
            page = functools.partial(store.generations, "campaign", limit=100)
            return {
                "claim": steps(store, lambda: store.claim("me", 2)),
                "owners": steps(store, store.owners),
                "requeue": steps(store, lambda: store.requeue("me", died=False)),
                "owed": steps(store, lambda: store.take_owed("me", 9, everything)),
                "a small campaign": steps(store, lambda: page("small", offset=0)),
                "the first page": steps(store, lambda: page("c", offset=0)),
                "the last page": steps(store, lambda: page("c", offset=done - 100)),
                "counts": steps(store, store.counts),
                "outcomes": steps(store, store.callback_outcomes),
                "front page": steps(store, lambda: store.latest(24)),
            }

    few, many = questions(tmp_path / "few", LIMIT), questions(tmp_path / "many", 10 * LIMIT)
    assert {name: (few[name], count) for name, count in many.items() if count > 1.5 * few[name] + 2} == {}


def test_nothing_of_what_is_erased_stays_in_any_file(tmp_path: Path) -> None:
    secret = "Rumpelstilzchen"
    logged(tmp_path, [dataclasses.replace(numbered(1, "POST", secret.encode())[0], query=secret)])
    with contextlib.closing(stores.StudioStore.open(tmp_path)) as store:
        accept(store, NewRow(id="one", text=[secret], assets=[], state="succeeded"), callback_url="http://127.0.0.1/")
        assert erasure.known(tmp_path, ["one", "two"]) == ["one"]
        erasure.erase(tmp_path, ["one"])  # while a studio has the files open
        assert erasure.known(tmp_path, ["one"]) == []
        assert not [
            path.name for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
        ]
        assert store.counts() == {"succeeded": 1}
        assert store.callback_outcomes() == {}
