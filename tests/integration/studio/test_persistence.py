"""What survives: restarts, kill -9 in the middle of a render, a neighbour in the same home that dies."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import filelock
import pytest
import requests

from bhuman_cli.studio.queue import dispatch
from bhuman_cli.studio.queue.store import StudioStore
from tests.support import small_template
from tests.support.studio import RunningStudio, StudioProcess, accepted, eventually, running_studio, studio_process
from tests.support.webhooks import receiving

NAMES = tuple(f"Name {number}" for number in range(5))
MANY = tuple(f"Name {number}" for number in range(24))


def order(studio: RunningStudio | StudioProcess, names: tuple[str, ...] = NAMES, **fields: Any) -> list[str]:
    body = {
        "campaign_id": studio.campaign_id,
        "variables": ["first_name"],
        "names": [[name] for name in names],
        **fields,
    }
    answer = requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=20)
    ids: list[str] = answer.json()["result"]
    return ids


def states(home: Path) -> list[str]:
    return [row["state"] for row in accepted(home)]


def test_a_restart_shows_what_was_there(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        ids = order(studio)
    with running_studio(tmp_path) as studio:
        answer = requests.get(studio.api("generated_video_by_id"), params={"id": ids[3]}, timeout=10).json()["result"]
        assert (answer["text"], answer["row_index"], answer["status"]) == (["Name 3"], 3, "succeeded")
        # The port is another one, and so are the URLs.
        assert answer["url"].startswith(studio.base_url)
        assert requests.get(answer["url"], timeout=10).status_code == 200


def test_a_studio_killed_in_mid_render_ends_every_row_once(tmp_path: Path) -> None:
    settings = ("--workers", "1", "--template", str(small_template.write(tmp_path)))
    with receiving() as receiver:
        with studio_process(tmp_path, *settings) as studio:
            ids = order(studio, MANY, callback_url=receiver.url)
            eventually(lambda: "succeeded" in states(studio.home), within_s=60)
            studio.kill()
        done_before = {row["id"] for row in accepted(studio.home) if row["state"] == "succeeded"}
        made_before = {identifier: _made_at(studio.home, identifier) for identifier in done_before}
        assert 0 < len(done_before) < len(MANY)
        with studio_process(tmp_path, *settings) as again:
            eventually(lambda: set(states(again.home)) == {"succeeded"}, within_s=90)
            events = receiver.wait_for(lambda got: {event["id"] for event in got} == set(ids), within_s=30)
            for identifier in ids[::13]:
                answer = requests.get(again.api("generated_video_by_id"), params={"id": identifier}, timeout=10)
                video = requests.get(answer.json()["result"]["url"], timeout=10)
                assert video.content[4:8] == b"ftyp"
    rows = {row["id"]: row for row in accepted(again.home)}
    assert list(rows) == ids
    # Finished ones were not made again; nobody was begun more often than once before and once after.
    assert {identifier: _made_at(again.home, identifier) for identifier in done_before} == made_before
    assert all(rows[identifier]["attempts"] == 1 for identifier in done_before)
    assert all(rows[identifier]["attempts"] <= 2 for identifier in ids)
    # A callback under way at the kill is sent again: told at least once, and nobody twice whose video came afterwards.
    told = Counter(event["id"] for event in events)
    assert set(told) == set(ids)
    assert {identifier for identifier, times in told.items() if times > 1} <= done_before
    assert not list((again.home / "media").glob("*/.*"))


def _made_at(home: Path, identifier: str) -> int:
    return (home / "media" / identifier / "video.mp4").stat().st_mtime_ns


def test_a_video_that_was_made_but_not_recorded_is_taken(tmp_path: Path) -> None:
    with running_studio(tmp_path, render="real", faults=["render: stuck"]) as studio:
        (identifier,) = order(studio, ("Alex",))
    folder = _made(studio.home, identifier)
    with contextlib.closing(StudioStore.open(studio.home)) as store:
        _claimed_by_the_dead(store, identifier)
    with running_studio(tmp_path, render="real") as again:
        eventually(lambda: states(again.home) == ["succeeded"])
        assert (folder / "video.mp4").read_bytes() == b"made before the power went"


def test_a_clean_stop_is_no_attempt(tmp_path: Path) -> None:
    template = small_template.write(tmp_path)
    with running_studio(tmp_path, render="real", workers=1, template=template) as studio:
        order(studio, MANY)
        eventually(lambda: "processing" in states(studio.home))
    rows = accepted(studio.home)
    assert all(row["attempts"] == (row["state"] == "succeeded") for row in rows)
    assert "queued" in {row["state"] for row in rows}


def test_what_a_dead_neighbour_had_begun_is_taken_over(tmp_path: Path) -> None:
    with running_studio(tmp_path, faults=["render: stuck"]) as studio:
        (identifier,) = order(studio, ("Alex",))
    _made(studio.home, identifier)
    with contextlib.closing(StudioStore.open(studio.home)) as store:
        _claimed_by_the_dead(store, identifier)
    with running_studio(tmp_path, render="real"):
        assert eventually(lambda: states(studio.home) == ["succeeded"])


def test_placeholders_are_not_for_what_a_rendering_studio_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "LOOK_AGAIN_S", 0.01)
    template = small_template.write(tmp_path)
    with running_studio(tmp_path, render="real", workers=1, template=template) as studio:
        order(studio, MANY)
    left = states(studio.home).count("queued")
    with running_studio(tmp_path) as placeholders:
        order(placeholders, ("Alex",))
        eventually(lambda: states(studio.home)[-1] == "succeeded")
        threading.Event().wait(0.1)
        assert states(studio.home).count("queued") == left > 0
    with running_studio(tmp_path, render="real", template=template):
        eventually(lambda: set(states(studio.home)) == {"succeeded"}, within_s=60)


def test_a_living_neighbour_keeps_its_work_until_it_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "LOOK_AGAIN_S", 0.02)
    with running_studio(tmp_path, faults=["render: stuck"]) as studio:
        mine, orphan = order(studio, ("Alex", "Bob"))
    _made(studio.home, mine)
    _made(studio.home, orphan)
    owners = studio.home / "owners"
    with contextlib.closing(StudioStore.open(studio.home)) as store:
        _claimed_by_the_dead(store, mine, owner="4194304-living")
        _claimed_by_the_dead(store, orphan)
    lock = filelock.FileLock(owners / "4194304-living")
    lock.acquire()
    with running_studio(tmp_path, render="real"):
        eventually(lambda: states(studio.home)[1] == "succeeded")
        assert states(studio.home)[0] == "preparing"
        lock.release()
        eventually(lambda: states(studio.home)[0] == "succeeded")


def test_a_render_that_keeps_killing_its_studio_is_given_up(tmp_path: Path) -> None:
    with running_studio(tmp_path, render="real", faults=["render: stuck"]) as studio:
        (identifier,) = order(studio, ("Alex",))
    with contextlib.closing(StudioStore.open(studio.home)) as store:
        for _ in range(5):
            _claimed_by_the_dead(store, identifier)
    with running_studio(tmp_path, render="real") as again:
        eventually(lambda: states(again.home) == ["failed"])
        answer = requests.get(again.api("generated_video_by_id"), params={"id": identifier}, timeout=10)
        assert "begun 5 times" in answer.json()["result"]["message"]


def _made(home: Path, identifier: str) -> Path:
    """Leave a video's files as a renderer leaves them."""
    folder = home / "media" / identifier
    folder.mkdir(parents=True)
    for name in ("video.mp4", "thumbnail.jpg", "preview.gif", "index.html"):
        (folder / name).write_bytes(b"made before the power went")
    return folder


def _claimed_by_the_dead(store: StudioStore, identifier: str, owner: str = "4194304-dead") -> None:
    """Leave the row as an owner leaves it that claimed it and did no more."""
    store._db.execute("UPDATE generations SET state = 'queued' WHERE id = ?", (identifier,))
    store.claim(owner, 1)


def test_a_neighbour_of_another_kind_leaves_orders_balance_and_callbacks_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LOOK_AGAIN_S", 0.02)
    template = small_template.write(tmp_path)
    with (
        receiving() as receiver,
        running_studio(tmp_path, render="real", workers=1, template=template) as studio,
        running_studio(tmp_path, credits=0) as placeholders,
    ):
        ids = order(studio, callback_url=receiver.url)
        events = receiver.wait_for(lambda got: {event["id"] for event in got} == set(ids), within_s=60)
        assert placeholders.home == studio.home
    assert {event["url"] for event in events} == {f"{studio.base_url}/media/{one}/video.mp4" for one in ids}
    assert all((studio.home / "media" / one / "video.mp4").is_file() for one in ids)


def test_credits_are_spent_once_and_stay_spent(tmp_path: Path) -> None:
    with running_studio(tmp_path, credits=7) as studio:
        assert len(order(studio)) == 5
        refused = requests.post(
            studio.api("pipeline/campaign"),
            json={"campaign_id": studio.campaign_id, "variables": ["a"], "names": [["x"], ["y"], ["z"]]},
            headers=studio.basic,
            timeout=10,
        )
        assert (refused.status_code, refused.json()["code"]) == (200, 1001)
    with running_studio(tmp_path, credits=7) as studio:
        assert len(order(studio, ("x", "y"))) == 2
    assert len(accepted(studio.home)) == 7
    with running_studio(tmp_path, credits=50) as studio:
        assert len(order(studio)) == 5


def test_ten_thousand_rows_are_taken_quickly(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        took = 0.0
        for _ in range(5):
            body = {"campaign_id": studio.campaign_id, "variables": ["a"], "names": [[str(n)] for n in range(2_000)]}
            answer = requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=30)
            took += answer.elapsed.total_seconds()
        assert len(studio.accepted()) == 10_000
    assert took < 5
