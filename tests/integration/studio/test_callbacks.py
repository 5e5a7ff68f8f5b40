"""Callbacks on real sockets: who gets what, how often, in which shape, and who gets nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bhuman_cli.studio.queue import callbacks
from bhuman_cli.studio.queue.store import StudioStore
from tests.support import certificates
from tests.support.studio import RunningStudio, eventually, running_studio, studio_process
from tests.support.webhooks import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def order(studio: Any, url: str | None, names: tuple[str, ...] = ("Alex",), **fields: Any) -> list[str]:
    body = {
        "campaign_id": studio.campaign_id,
        "variables": ["first_name"],
        "names": [[name] for name in names],
        **fields,
    }
    if url is not None:
        body["callback_url"] = url
    answer = requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=10)
    ids: list[str] = answer.json()["result"]
    return ids


def outcomes(studio: RunningStudio) -> list[str]:
    with contextlib.closing(StudioStore.open(studio.home)) as store:
        return [row["outcome"] for row in store.callbacks()]


def test_one_completion_per_video_in_the_documented_shape(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path, faults=["render text=Bob: fail"]) as studio:
        alex, bob = order(studio, receiver.url, ("Alex", "Bob"))
        events = {event["id"]: event for event in receiver.wait_for(lambda got: len(got) == 2)}
    media = f"{studio.base_url}/media/{alex}"
    assert events[alex] == {
        "id": alex,
        "campaign_id": studio.campaign_id,
        "status": "succeeded",
        "video_url": f"{studio.base_url}/video/{alex}",
        "url": f"{media}/video.mp4",
        "thumbnail": f"{media}/thumbnail.jpg",
        "gif": f"{media}/preview.gif",
        "campaign_result_id": None,
    }
    assert events[bob] == {
        "id": bob,
        "campaign_id": studio.campaign_id,
        "status": "failed",
        "video_url": "",
        "url": "",
        "thumbnail": "",
        "gif": "",
        "campaign_result_id": None,
    }


def test_an_instance_gets_the_website_shape(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path) as studio:
        body = {
            "video_instance_id": studio.instance_id,
            "variables": ["a"],
            "names": [["x"]],
            "callback_url": receiver.url,
        }
        requests.post(studio.api("try_sample"), json=body, headers=studio.basic, timeout=10)
        (event,) = receiver.wait_for(lambda got: len(got) == 1)
    assert event.keys() == {"id", "status", "share_url", "url", "thumbnail", "gif", "message", "row_index"}


@pytest.mark.parametrize("refusal", [500, 404, 302])
def test_a_refused_callback_comes_again(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    receiver.refusal = refusal
    monkeypatch.setattr(callbacks, "PAUSES_S", (0.01, 0.01, 0.01))
    receiver.refuse = 2
    with running_studio(tmp_path) as studio:
        (identifier,) = order(studio, receiver.url)
        assert [event["id"] for event in receiver.wait_for(lambda got: len(got) == 1)] == [identifier]


def test_a_callback_that_nobody_takes_is_given_up(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "PAUSES_S", (0.01,))
    receiver.refuse = 99
    with running_studio(tmp_path) as studio:
        order(studio, receiver.url)
        eventually(lambda: outcomes(studio) == ["given up after 2 attempts"])
    assert receiver.refuse == 97
    assert receiver.events == []


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "http://10.0.0.1/hook",
        "http://127.0.0.1.example.com/",
        "ftp://127.0.0.1/",
        "not a url",
    ],
)
def test_other_machines_are_not_called(url: str) -> None:
    assert callbacks.refusal(url, allow_remote=False)


def test_a_callback_that_was_not_sent_is_said_on_the_front_page(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        order(studio, "https://example.com/hook", ("A", "B"))
        eventually(lambda: "" not in outcomes(studio))
        assert "2 refused: not on this machine" in requests.get(studio.base_url, timeout=10).text


def test_other_machines_are_called_where_that_was_allowed() -> None:
    assert callbacks.refusal("https://example.com/hook", allow_remote=True) == ""
    assert callbacks.refusal("http://localhost:1/hook", allow_remote=False) == ""


def test_a_saved_webhook_stands_in_for_a_missing_url(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path) as studio:
        saved = requests.post(
            studio.api("webhook"), json={"name": "mine", "webhook": receiver.url}, headers=studio.basic, timeout=10
        )
        assert saved.json()["result"]["webhook"] == receiver.url
        listed = requests.get(studio.api("webhook"), headers=studio.bearing, timeout=10).json()["result"]
        assert [hook["name"] for hook in listed] == ["mine"]
        (identifier,) = order(studio, "")
        assert receiver.wait_for(lambda got: len(got) == 1)[0]["id"] == identifier


def test_whatsapp_ready_follows_where_the_campaign_asks_for_it(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path) as studio:
        url = studio.api(f"campaign?id={studio.campaign_id}")
        assert requests.patch(url, json={"whatsapp": True}, headers=studio.bearing, timeout=10).status_code == 200
        (identifier,) = order(studio, receiver.url)
        first, second = receiver.wait_for(lambda got: len(got) == 2)
    assert "event" not in first
    assert second == {
        "event": "whatsapp.ready",
        "id": identifier,
        "campaign_id": studio.campaign_id,
        "whatsapp_video_url": first["url"],
    }


def test_reads_bring_the_callback_about(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path, advance="reads:2") as studio:
        (identifier,) = order(studio, receiver.url)
        seen = []
        for _ in range(3):
            record = requests.get(studio.api("generated_video_by_id"), params={"id": identifier}, timeout=10).json()
            seen.append(record["result"]["status"])
            if len(seen) < 3:
                assert outcomes(studio) == []
        assert seen == ["queued", "preparing", "succeeded"]
        receiver.wait_for(lambda got: len(got) == 1)


def test_owed_callbacks_survive_a_kill(tmp_path: Path, receiver: Receiver) -> None:
    with studio_process(tmp_path, "--render", "instant", "--advance", "seconds:2") as studio:
        (identifier,) = order(studio, receiver.url)
        studio.kill()
    assert receiver.events == []
    with studio_process(tmp_path, "--render", "instant"):
        assert [event["id"] for event in receiver.wait_for(lambda got: len(got) == 1)] == [identifier]


def test_studios_that_share_a_home_send_each_callback_once(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path) as one, running_studio(tmp_path) as other:
        names = tuple(f"Name {number}" for number in range(40))
        ids = [*order(one, receiver.url, names), *order(other, receiver.url, names)]
        receiver.wait_for(lambda got: {event["id"] for event in got} == set(ids))
        eventually(lambda: set(outcomes(one)) == {"delivered"})
    assert sorted(event["id"] for event in receiver.events) == sorted(ids)


# --- rehearsed --------------------------------------------------------------------------------------------------------


def test_repeated(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path, faults=["callback#1: repeat n=2"]) as studio:
        (identifier,) = order(studio, receiver.url)
        assert [event["id"] for event in receiver.wait_for(lambda got: len(got) == 3)] == [identifier] * 3


def test_lost(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path, faults=["callback#1: lost"]) as studio:
        order(studio, receiver.url)
        eventually(lambda: outcomes(studio) == ["lost: rehearsed"])
        (second,) = order(studio, receiver.url)
        assert [event["id"] for event in receiver.wait_for(lambda got: len(got) == 1)] == [second]


def test_forged(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path, faults=["callback: forged"]) as studio:
        (identifier,) = order(studio, receiver.url)
        forged, true = receiver.wait_for(lambda got: len(got) == 2)
    assert forged["id"] != identifier
    assert forged["status"] == "succeeded"
    assert true["id"] == identifier


def test_reordered(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path, faults=["callback: reorder"]) as studio:
        ids = order(studio, receiver.url, ("A", "B", "C"))
        events = receiver.wait_for(lambda got: len(got) == 3)
    assert [event["id"] for event in events] == ids[::-1]


def test_late_and_in_the_shape_of_2023(tmp_path: Path, receiver: Receiver) -> None:
    with running_studio(tmp_path, faults=["callback#1: late seconds=0.3", "callback#1: shape is=2023"]) as studio:
        first, second = order(studio, receiver.url, ("A", "B"))
        events = receiver.wait_for(lambda got: len(got) == 2)
    assert [event["id"] for event in events] == [second, first]
    assert events[1].keys() == {"id", "status", "video_url", "url", "thumbnail", "gif"}


def test_a_certificate_that_the_environment_names_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(certificates.self_signed(tmp_path)) as receiver, running_studio(tmp_path / "home") as studio:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / certificates.FILE_NAME))
        order(studio, receiver.url)
        assert len(receiver.wait_for(lambda got: len(got) == 1)) == 1
