from __future__ import annotations

import contextlib
from pathlib import Path

from bhuman_cli.callbacks.notifications import Notifications
from bhuman_cli.callbacks.store import NAME, EventStore
from tests.support import ledger
from tests.unit.callbacks.test_store import event


def beside(folder: Path) -> Notifications:
    return Notifications(ledger.opened(folder))


def test_each_event_is_a_hint_once(tmp_path: Path) -> None:
    hints = beside(tmp_path)
    assert hints() == []
    with EventStore.open(tmp_path / NAME) as store:
        store.add([event(0), event(1)])
        assert hints() == ["id-0", "id-1"]
        assert hints() == []
        store.add([event(0, sha256=b"other"), event(0)])
        assert hints() == ["id-0"]
    hints.close()


def test_a_token_names_the_videos_of_its_request(tmp_path: Path) -> None:
    with EventStore.open(tmp_path / NAME) as store:
        store.add([event(0, token="a"), event(0, token="a", sha256=b"x"), event(1, token="b"), event(2, token="a")])
    hints = beside(tmp_path)
    assert hints.for_token("a") == ["id-0", "id-2"]
    assert hints.for_token("") == []
    hints.close()


def test_a_damaged_file_never_stops_a_run(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"not a database at all, but long enough" * 40)
    hints = beside(tmp_path)
    assert hints() == []
    assert hints.for_token("a") == []
    hints.close()


def test_links_that_were_announced_are_named_newest_first(tmp_path: Path) -> None:
    with contextlib.closing(beside(tmp_path)) as nothing_yet:
        assert nothing_yet.announced() == []
    ready = "whatsapp.ready"
    with EventStore.open(tmp_path / NAME) as store:
        store.add([event(0), event(1, kind=ready), event(2, kind=ready), event(1, kind=ready, sha256=b"x")])
    hints = beside(tmp_path)
    assert hints.announced() == ["id-1", "id-2"]
    assert hints.announced() == ["id-1", "id-2"], "asked for, not handed out"
    hints.close()
    (tmp_path / NAME).write_bytes(b"not a database at all, but long enough" * 40)
    with contextlib.closing(beside(tmp_path)) as damaged:
        assert damaged.announced() == []
