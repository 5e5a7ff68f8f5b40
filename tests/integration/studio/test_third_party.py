"""A client that was written for the real service in 2023, in PHP over curl: only the host is another one.

Its habits are kept: one Basic header for everything, a Content-Type on GETs once a POST was made, no other checks than
whether the body is empty.
"""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.studio import RunningStudio, running_studio


class OldClient:
    """The calls of that client, request by request."""

    def __init__(self, base_url: str, key_id: str, secret: str) -> None:
        self.host = urlsplit(base_url).netloc
        pair = base64.b64encode(f"{key_id}:{secret}".encode()).decode()
        self.headers = [("Authorization", f"Basic {pair}")]

    def send(self, path: str, method: str = "GET", payload: Any = None) -> Any:
        if payload is not None:
            self.headers.append(("Content-Type", "application/json"))
        body = json.dumps(payload).encode() if payload is not None else b""
        connection = http.client.HTTPConnection(self.host, timeout=10)
        connection.putrequest(method, path)
        for name, value in self.headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse().read()
        connection.close()
        assert answer, "this client gives up on an empty body"
        return json.loads(answer)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    with running_studio(tmp_path, access="open") as running:
        yield running


def test_its_calls_work_with_open_access(studio: RunningStudio) -> None:
    client = OldClient(studio.base_url, studio.key_id, studio.secret)
    listed = client.send("/api/ai_studio/video_instances?page=0&size=100")["result"]
    assert listed["total"] == 1
    (instance,) = listed["instances"]
    (same,) = client.send(f"/api/ai_studio/video_instance?id={instance['id']}")["result"]
    assert same == instance
    expected = {"id", "name", "user_id", "folder_id", "actor_id", "product_id", "industry", "use_case", "created_at"}
    assert instance.keys() >= expected

    names = [["Don", "Apple"], ["James", "Google"]]
    order = {"callback_url": "", "names": names, "variables": ["name", "company"], "video_instance_id": instance["id"]}
    ids = client.send("/api/ai_studio/try_sample", "POST", order)["result"]
    assert len(ids) == 2

    query = f"video_instance_id={instance['id']}&page=0&size=100"
    videos = client.send(f"/api/ai_studio/generated_video_by_video_instance_id?{query}")["result"]["videos"]
    assert [video["id"] for video in videos] == ids
    assert [video["text"] for video in videos] == names


def test_the_same_lists_are_closed_to_it_today(tmp_path: Path) -> None:
    with running_studio(tmp_path) as strict:
        client = OldClient(strict.base_url, strict.key_id, strict.secret)
        for path in ("video_instances?page=0&size=100", f"video_instance?id={strict.instance_id}", "campaigns"):
            assert client.send(f"/api/ai_studio/{path}")["code"] == 401


@pytest.mark.skipif(which("curl") is None, reason="no curl here")
def test_curl_that_waits_for_100_continue_is_served(studio: RunningStudio, tmp_path: Path) -> None:
    body = {"video_instance_id": studio.instance_id, "variables": ["a"], "names": [["x" * 5_000_000]]}
    (tmp_path / "body.json").write_text(json.dumps(body))
    url = studio.api("try_sample")
    command = ["curl", "-sS", "-m", "20", "-u", "local:local", "-d", f"@{tmp_path / 'body.json'}", url]
    answer = subprocess.run(command, capture_output=True, check=True, text=True, timeout=30)
    assert len(json.loads(answer.stdout)["result"]) == 1


def test_a_key_pair_wrapped_by_base64_is_read(studio: RunningStudio) -> None:
    client = OldClient(studio.base_url, studio.key_id, studio.secret)
    pair = base64.b64encode(b"local:local").decode()
    client.headers = [("Authorization", f"Basic {pair[:8]} {pair[8:]}")]
    assert client.send("/api/ai_studio/video_instances?page=0&size=1")["code"] == 200
