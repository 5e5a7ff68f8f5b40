"""The queue on disk: what is committed together, what happens once, what a second process sees."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli.studio.queue import database
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
    assert store.take_owed("me", 9, 9, living=["neighbour"]) == []
    assert store.next_due_s(["neighbour"]) is None
    assert [taken["id"] for taken in store.claim("me", 9)] == ["one"]
    assert len(store.take_owed("me", 9, 9)) == 1


def test_an_end_is_recorded_once(store: stores.StudioStore) -> None:
    accept(store, row("one"), callback_url="http://127.0.0.1/")
    assert store.finish("one", End(state="succeeded"), now="n", due_s=1.0)
    assert not store.finish("one", End(state="failed", message="late"), now="n", due_s=1.0)
    assert not store.finish("unknown", End(state="failed"), now="n", due_s=1.0)
    assert [found["state"] for found in store.accepted()] == ["succeeded"]
    assert len(store.callbacks()) == 1


def taken(store: stores.StudioStore, *, any_order: bool = False) -> list[str]:
    return [owed["event"] for owed in store.take_owed("me", 9, 10, any_order=any_order)]


def test_whatsapp_waits_for_its_completion(store: stores.StudioStore) -> None:
    accept(store, row("one", "succeeded"), callback_url="http://127.0.0.1/", whatsapp=True)
    assert taken(store) == ["completion"]
    assert store.next_due_s() is None
    assert taken(store, any_order=True) == ["whatsapp.ready"]
    store.requeue("me", died=True)
    assert taken(store) == ["completion"]
    store.settle([Settled("one", "completion", "delivered", 0)])
    assert taken(store) == ["whatsapp.ready"]


def test_a_callback_is_sent_by_one_owner_and_given_back_when_it_dies(store: stores.StudioStore) -> None:
    accept(store, row("one", "succeeded"), callback_url="http://127.0.0.1/")
    assert len(store.take_owed("me", 9, 10)) == 1
    assert store.take_owed("you", 9, 10) == []
    assert store.owners() == ["me"]
    store.requeue("me", died=True)
    assert len(store.take_owed("you", 9, 10)) == 1
    store.settle([Settled("one", "completion", "", 20.0)])
    assert store.take_owed("you", 9, 10) == []
    assert store.next_due_s() == 20.0


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    later = ("the process that is sending it", "the process that took it")
    first = "\n".join(line for line in database.DDL.splitlines() if not any(word in line for word in later))
    first = first.replace("accepted_at  TEXT NOT NULL,", "accepted_at  TEXT NOT NULL")
    with contextlib.closing(sqlite3.connect(tmp_path / "studio.sqlite")) as old:
        old.executescript(first + "PRAGMA user_version = 1;")
    with contextlib.closing(stores.StudioStore.open(tmp_path)) as store:
        accept(store, row("one", "succeeded"), callback_url="http://127.0.0.1/")
        assert len(store.take_owed("me", 9, 10)) == 1


def test_a_failed_render_has_no_whatsapp(store: stores.StudioStore) -> None:
    accept(store, row("one"), callback_url="http://127.0.0.1/", whatsapp=True)
    store.finish("one", End(state="failed"), now="n", due_s=0.0)
    assert [owed["event"] for owed in store.callbacks()] == ["completion"]


def test_the_log_forgets_what_is_too_old(store: stores.StudioStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LOGGED_REQUESTS", 2)
    for number in range(1, 5):
        entry = LogEntry(no=number, method="GET", path="/", query="", status=200, fault="", body=None, at="n")
        store.log([entry])
    assert [entry["no"] for entry in store.requests()] == [3, 4]


def test_request_numbers_are_never_given_twice(store: stores.StudioStore, tmp_path: Path) -> None:
    with contextlib.closing(stores.StudioStore.open(tmp_path / "home")) as other:
        starts = [store.reserve_numbers(10), other.reserve_numbers(10), store.reserve_numbers(10)]
    assert starts == [1, 11, 21]


def test_old_bodies_are_forgotten_before_their_entries(
    store: stores.StudioStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "LOGGED_BODIES", 2)
    for number, method in enumerate(["POST", "GET", "POST", "GET", "POST"], 1):
        body = b"{}" if method == "POST" else None
        entry = LogEntry(no=number, method=method, path="/", query="", status=200, fault="", body=body, at="n")
        store.log([entry])
    assert [(entry["no"], entry["body"]) for entry in store.requests()] == [
        (1, None),
        (2, None),
        (3, b"{}"),
        (4, None),
        (5, b"{}"),
    ]
