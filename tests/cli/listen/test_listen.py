from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bhuman_cli.callbacks import address
from tests.support import listener, media_server
from tests.support.media_server import Answer


def test_events_are_told_with_the_state_they_lead_to(tmp_path: Path) -> None:
    with listener.running(tmp_path) as running:
        assert running.send(running.request(listener.event(1), token="tok")) == 200
        assert running.send(running.request(listener.event(1), token="tok")) == 200
        assert running.send(running.request(listener.event(1, status="processing"), token="tok")) == 200
        assert running.process.stdout is not None
        first, second = (json.loads(running.process.stdout.readline()) for _ in range(2))
    assert (first["event"], first["status"], first["state"], first["token"]) == (
        "completion",
        "succeeded",
        "succeeded",
        "tok",
    )
    assert first["share_url"] == "https://v.example/1"
    assert not first["known"]
    assert (second["status"], second["state"], second["late"]) == ("processing", "succeeded", True)


def test_killed_at_any_moment_no_answered_event_is_lost(tmp_path: Path) -> None:
    answered: set[str] = set()
    with listener.running(tmp_path) as running:
        enough = threading.Event()

        def send(number: int) -> None:
            body = listener.event(number)
            if running.send(running.request(body)) == 200:
                answered.add(json.loads(body)["id"])
                if len(answered) >= 60:
                    enough.set()

        with ThreadPoolExecutor(8) as pool:
            sending = [pool.submit(send, number) for number in range(2_000)]
            assert enough.wait(30)
            running.end(signal.SIGKILL)
            for future in sending:
                future.cancel()
    assert 60 <= len(answered) < 2_000
    with listener.running(tmp_path) as again:
        assert again.send(again.request(listener.event(5_000))) == 200
        with again.store() as store:
            stored = {hint.generation_id for hint in store.hints(0)[1]}
    assert answered <= stored


def test_the_address_survives_a_restart_and_is_live_only_meanwhile(tmp_path: Path) -> None:
    with listener.running(tmp_path, "--public-url", "https://hooks.example.com/in/") as running:
        found = address.load(tmp_path)
        assert found is not None
        assert found.callback_url() == running.callback_url
        assert running.callback_url.startswith("https://hooks.example.com/in/cb/")
        assert running.end(signal.SIGTERM) == 143
    assert address.load(tmp_path) is None
    with listener.running(tmp_path) as again:
        assert again.parts.path.split("/")[-1] == found.secret
        assert again.end(signal.SIGINT) == 130


def test_a_second_listener_is_refused(tmp_path: Path) -> None:
    with listener.running(tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "bhuman_cli", "listen", "--port", "0", "--json"],
            env={"BHUMAN_HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 7
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "locked"
    assert done.stdout == ""


def test_a_person_can_try_the_address_in_a_browser(tmp_path: Path) -> None:
    with listener.running(tmp_path) as running, urllib.request.urlopen(running.callback_url, timeout=10) as answer:
        assert answer.read() == b"bhuman listen is here\n"
        assert "Server" not in answer.headers


def test_confirming_asks_the_service_and_not_the_callback(tmp_path: Path) -> None:
    with media_server.running() as server:
        record = {"id": "00000001-6202-4cec-9a40-dde536e2ab4e", "status": "processing"}
        answer = Answer(json.dumps({"code": 200, "result": record}).encode())
        server.put(f"/api/ai_studio/generated_video_by_id?id={record['id']}", answer)
        with listener.running(tmp_path, "--confirm", base_url=server.base_url) as running:
            assert running.send(running.request(listener.event(1))) == 200
            assert running.process.stdout is not None
            found = json.loads(running.process.stdout.readline())
    assert (found["status"], found["confirmed"]) == ("succeeded", "processing")


def test_files_are_private(tmp_path: Path) -> None:
    with listener.running(tmp_path) as running:
        running.send(running.request(listener.event(1)))
        for name in ("callbacks.sqlite3", "listen.json"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
