from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.callbacks import events
from bhuman_cli.callbacks.feed import Feed
from bhuman_cli.callbacks.store import EventStore

ID = "c10ee155-6202-4cec-9a40-dde536e2ab4e"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with EventStore.open(tmp_path / "callbacks.sqlite3") as found:
        yield found


def add(store: EventStore, **document: str) -> None:
    body = json.dumps({"id": ID, **document}).encode()
    store.add([events.read(body, token="t", received_at="2026-01-01T00:00:00.000Z")])


def test_each_event_is_told_with_the_state_it_leads_to(store: EventStore) -> None:
    add(store, status="failed")
    feed = Feed(store, lambda ids: {ID})
    assert [item.event.status for item in feed.news()] == ["failed"]
    add(store, status="succeeded", url="https://a/v.mp4", video_url="https://v/1")
    add(store, status="processing")
    add(store, event="whatsapp.ready", whatsapp_video_url="https://a/w.mp4")
    told = [item.as_json() for item in feed.news()]
    assert [(item["event"], item["status"], item["late"]) for item in told] == [
        ("completion", "succeeded", False), ("completion", "processing", True), ("whatsapp.ready", "", False),
    ]  # fmt: skip
    assert {item["state"] for item in told} == {"succeeded"}
    assert told[-1]["whatsapp_video_url"] == "https://a/w.mp4"
    assert told[-1]["url"] == "https://a/v.mp4"
    assert told[-1]["share_url"] == "https://v/1"
    assert all(item["known"] for item in told)
    assert list(feed.news()) == []


def test_more_than_one_page_is_told(store: EventStore) -> None:
    for number in range(3):
        store.add(
            [
                events.read(json.dumps({"id": f"{number}-{place}"}).encode(), token="", received_at="t")
                for place in range(300)
            ]
        )
    feed = Feed(store, lambda ids: set())
    assert len(list(feed.news())) == 900


def test_what_could_not_be_read_is_told_later(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, status="succeeded")
    feed = Feed(store, lambda ids: set())

    def broken(_: str, **more: int) -> list[events.Event]:
        raise errors.JournalError("busy")

    monkeypatch.setattr(store, "of", broken)
    with pytest.raises(errors.JournalError):
        list(feed.news())
    monkeypatch.undo()
    assert [item.event.status for item in feed.news()] == ["succeeded"]


def test_what_was_stored_and_not_told_is_told_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "callbacks.sqlite3"
    with EventStore.open(path) as store:
        add(store, status="processing")
        assert len(list(Feed(store, lambda ids: set()).news())) == 1
        add(store, status="succeeded", url="https://a/v.mp4")
        next(Feed(store, lambda ids: set()).news())  # told, and killed before it could be kept
    with EventStore.open(path) as store:
        feed = Feed(store, lambda ids: set())
        assert feed.left() == 1
        assert [item.state.status for item in feed.news()] == ["succeeded"]
        assert feed.left() == 0
    with EventStore.open(path) as store:
        assert list(Feed(store, lambda ids: set()).news()) == []


def test_a_file_with_events_of_before_begins_with_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "callbacks.sqlite3"
    with EventStore.open(path) as store:
        add(store, status="processing")
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript("DROP TABLE callback_told; ALTER TABLE callback RENAME TO event")
    with EventStore.open(path) as store:
        assert list(Feed(store, lambda ids: set()).news()) == []


def test_thousands_of_events_of_one_id_are_read_once_each(store: EventStore) -> None:
    body = json.dumps({"id": ID, "status": "succeeded", "url": "https://a/v.mp4"}).encode()
    for start in range(0, 2_000, 500):
        store.add([events.read(body + b" " * n, token="", received_at="t") for n in range(start, start + 500)])
    rows = 0
    select = store._select

    def counted(*asked: Any, **more: Any) -> list[sqlite3.Row]:
        nonlocal rows
        found = select(*asked, **more)
        rows += len(found)
        return found

    store._select = counted  # type: ignore[method-assign]
    assert len(list(Feed(store, lambda ids: set()).news())) == 2_000
    assert rows <= 2_001
