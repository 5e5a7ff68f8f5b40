"""The studio as a process and inside another one: its first line, its end, its time, its links and pages."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
import requests

from bhuman_cli import clock
from bhuman_cli.cli import app
from bhuman_cli.errors import UsageError
from bhuman_cli.studio.config import StudioConfig
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.queue.callbacks import Sender
from bhuman_cli.studio.queue.dispatch import Dispatcher
from bhuman_cli.studio.queue.leases import Owner
from bhuman_cli.studio.queue.store import StudioStore
from bhuman_cli.studio.server import app as studio_app
from bhuman_cli.studio.server.embedded import Embedded
from tests.support import small_template
from tests.support.studio import RunningStudio, StudioProcess, eventually, running_studio, studio_process


def order(studio: RunningStudio | StudioProcess, *names: str) -> list[str]:
    body = {"campaign_id": studio.campaign_id, "variables": ["first_name"], "names": [[name] for name in names]}
    answer = requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=10)
    ids: list[str] = answer.json()["result"]
    return ids


def status(studio: RunningStudio | StudioProcess, identifier: str) -> str:
    answer = requests.get(studio.api("generated_video_by_id"), params={"id": identifier}, timeout=10)
    word: str = answer.json()["result"]["status"]
    return word


# --- as a process -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_line_is_the_url_and_a_signal_ends_it_well(tmp_path: Path, number: signal.Signals) -> None:
    with studio_process(tmp_path, "--render", "instant", "--fault", "POST *: hang after-acceptance") as studio:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", studio.base_url)
        with pytest.raises(requests.ReadTimeout):
            requests.post(studio.api("webhook"), json={}, timeout=0.2)
        address = urlsplit(studio.base_url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as halfway:
            halfway.sendall(b"POST /api/ai_studio/webhook HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
            assert requests.get(studio.base_url, timeout=10).status_code == 200
            studio.process.send_signal(number)
            assert studio.process.wait(10) == 0
        assert studio.process.stdout is not None
        assert studio.process.stdout.read() == ""
    talk = (tmp_path / "studio.stderr").read_text()
    assert "Traceback" not in talk
    assert "BHUMAN_API_KEY_ID=local" in talk
    assert "rehearsing POST *: hang after-acceptance" in talk


def test_it_serves_though_nobody_reads_its_first_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bhuman_cli", "studio", "serve", "--port", "0", "--render", "instant"]
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [*command, "--home", str(tmp_path)], stdout=writer, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writer)
        assert process.stderr is not None
        url = process.stderr.readline().split()[2]
        eventually(lambda: _answers(url))
        process.send_signal(signal.SIGTERM)
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 0


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(url, timeout=10).status_code == 200
    return False


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device there")
def test_a_first_line_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bhuman_cli", "studio", "serve", "--port", "0", "--render", "instant"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*command, "--home", str(tmp_path)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert ended.returncode == 2
    assert "standard output can't be written" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_own_keys_replace_the_usual_one(tmp_path: Path) -> None:
    with studio_process(tmp_path, "--render", "instant", "--key", "me:secret", "--bearer", "mine") as studio:
        url = studio.api("speakeasy_projects")
        assert requests.get(url, auth=("local", "local"), timeout=10).status_code == 401
        assert requests.get(url, auth=("me", "secret"), timeout=10).status_code == 200
        lists = studio.api("campaigns")
        assert requests.get(lists, headers={"Authorization": "Bearer mine"}, timeout=10).status_code == 200
    assert "secret" not in (tmp_path / "studio.stderr").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "0.0.0.0"],
        ["--access", "everyone"],
        ["--render", "maybe"],
        ["--advance", "days:3"],
        ["--fault", "POST pipeline/campaign: explode"],
        ["--key", "no-secret"],
        ["--port", "99999"],
        ["--faults", "/nowhere/faults.txt"],
    ],
)
def test_wrong_options_are_exit_2_with_a_hint(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["studio", "serve", "--home", str(tmp_path), *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert arguments[0] in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_studio(tmp_path) as studio:
        port = urlsplit(studio.base_url).port
        assert app.run(["studio", "serve", "--home", str(tmp_path / "other"), "--port", str(port)]) == 2
    assert "--port 0" in capsys.readouterr().err


def test_a_file_of_faults_is_read(tmp_path: Path) -> None:
    (tmp_path / "faults.txt").write_text("# a bad day\n\nGET campaigns#1: 503\n")
    with studio_process(tmp_path, "--render", "instant", "--faults", str(tmp_path / "faults.txt")) as studio:
        seen = [requests.get(studio.api("campaigns"), headers=studio.bearing, timeout=10).status_code for _ in range(2)]
    assert seen == [503, 200]


# --- inside another program -------------------------------------------------------------------------------------------


def test_embedded_leaves_signals_threads_and_sockets_as_they_were(tmp_path: Path) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads = set(threading.enumerate())
    with Embedded(StudioConfig(home=tmp_path, render="instant")) as studio:
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        assert requests.get(studio.base_url, timeout=10).status_code == 200
    assert set(threading.enumerate()) <= threads
    with pytest.raises(requests.ConnectionError):
        requests.get(studio.base_url, timeout=2)


def test_embedded_is_ready_at_once(tmp_path: Path) -> None:
    began = time.perf_counter()
    with Embedded(StudioConfig(home=tmp_path, render="instant")) as studio:
        assert requests.get(studio.base_url, timeout=10).status_code == 200
        took = time.perf_counter() - began
    assert took < 2


def test_embedded_says_no_to_a_taken_port(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio, pytest.raises(UsageError, match="can't listen"):
        Embedded(StudioConfig(home=tmp_path / "other", port=urlsplit(studio.base_url).port or 0))


# --- time -------------------------------------------------------------------------------------------------------------


def test_reads_move_a_video_on(tmp_path: Path) -> None:
    with running_studio(tmp_path, advance="reads:3") as studio:
        (identifier,) = order(studio, "Alex")
        seen = [status(studio, identifier) for _ in range(5)]
    assert seen == ["queued", "preparing", "processing", "succeeded", "succeeded"]


def test_seconds_move_a_video_on(tmp_path: Path) -> None:
    with running_studio(tmp_path, advance="seconds:0.4") as studio:
        began = time.monotonic()  # before the order: the studio's own time begins when it takes it
        (identifier,) = order(studio, "Alex")
        seen = [status(studio, identifier)]

        def look() -> bool:
            seen.append(status(studio, identifier))
            return seen[-1] == "succeeded"

        eventually(look)
        assert time.monotonic() - began >= 0.4
    assert list(dict.fromkeys(seen)) == ["queued", "preparing", "processing", "succeeded"]


def test_an_unfinished_record_has_no_media(tmp_path: Path) -> None:
    with running_studio(tmp_path, advance="reads:1") as studio:
        (identifier,) = order(studio, "Alex")
        answer = requests.get(studio.api("generated_video_by_id"), params={"id": identifier}, timeout=10)
        record = answer.json()["result"]
    assert (record["url"], record["thumbnail"], record["gif"], record["message"]) == (None, None, None, None)
    assert "share_url" not in record
    assert "whatsapp_video_url" not in record


# --- links and pages --------------------------------------------------------------------------------------------------


def test_media_honour_ranges_and_heads(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        (identifier,) = order(studio, "Alex")
        url = f"{studio.base_url}/media/{identifier}/video.mp4"
        whole = requests.get(url, timeout=10)
        part = requests.get(url, headers={"Range": "bytes=4-7"}, timeout=10)
        head = requests.head(url, timeout=10)
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole.content)}"
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(whole.content)), b"")
    assert whole.headers["content-type"] == "video/mp4"


def test_media_that_have_not_changed_are_not_sent_again(tmp_path: Path) -> None:
    with running_studio(tmp_path) as studio:
        (identifier,) = order(studio, "Alex")
        url = f"{studio.base_url}/media/{identifier}/video.mp4"
        tag = requests.get(url, timeout=10).headers["etag"]
        same = requests.get(url, headers={"If-None-Match": f'"other", W/{tag}'}, timeout=10)
        changed = requests.get(url, headers={"If-None-Match": '"other"'}, timeout=10)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert changed.status_code == 200


def test_other_machines_get_links_by_the_name_they_asked_for(tmp_path: Path) -> None:
    with running_studio(tmp_path, host="0.0.0.0", allow_remote=True) as studio:
        # Where it listens is no address that anybody can call.
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", studio.base_url)
        (identifier,) = order(studio, "Alex")
        named = {"Host": "studio.lan:8787", **studio.bearing}
        one = requests.get(studio.api(f"generated_video_by_id?id={identifier}"), headers=named, timeout=10)
        some = requests.get(
            studio.api(f"generated_video_by_campaign_id?campaign_id={studio.campaign_id}"), headers=named, timeout=10
        )
    for record in (one.json()["result"], some.json()["result"]["videos"][0]):
        assert record["url"] == f"http://studio.lan:8787/media/{identifier}/video.mp4"
        assert record["share_url"] == f"http://studio.lan:8787/video/{identifier}"


@pytest.mark.parametrize("ticks", range(4))
@pytest.mark.parametrize("work", [Dispatcher, Sender])
def test_work_that_is_woken_while_it_is_told_to_end_ends(
    tmp_path: Path, work: type[Dispatcher] | type[Sender], ticks: int
) -> None:
    async def told() -> bool:
        owner = Owner(tmp_path)
        backend = Backend(config, clock.SystemClock(), "http://127.0.0.1:9")
        working = work(backend, owner)
        task = asyncio.create_task(working.run())
        for _ in range(5):
            await asyncio.sleep(0)
        working.wake()
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=0.3)
        ended = task.done()
        task.cancel()
        await working.close()
        await backend.write(owner.release)
        backend.close()
        return ended

    config = StudioConfig(home=tmp_path, render="instant")
    assert asyncio.run(told())


@pytest.mark.parametrize("render", ["instant", "real"])
def test_file_links_work_from_disk(tmp_path: Path, render: str) -> None:
    template = small_template.write(tmp_path)
    with running_studio(tmp_path, links="file", render=render, template=template) as studio:
        (identifier,) = order(studio, "Alex")
        eventually(lambda: status(studio, identifier) == "succeeded", within_s=60)
        answer = requests.get(studio.api("generated_video_by_id"), params={"id": identifier}, timeout=10)
        record = answer.json()["result"]
    files = {
        field: Path(url2pathname(urlsplit(record[field]).path)) for field in ("url", "thumbnail", "gif", "share_url")
    }
    assert all(record[field].startswith("file:///") for field in files)
    assert files["url"].read_bytes()[4:8] == b"ftyp"
    assert files["thumbnail"].read_bytes()[:2] == b"\xff\xd8"
    assert files["gif"].read_bytes()[:3] == b"GIF"
    assert 'src="video.mp4"' in files["share_url"].read_text()
    assert files["share_url"].parent == files["url"].parent


def test_the_front_page_shows_queue_and_videos(tmp_path: Path) -> None:
    with running_studio(tmp_path, credits=10, faults=["render text=Bob: stuck"]) as studio:
        empty = requests.get(studio.base_url, timeout=10).text
        alex, _ = order(studio, "Alex", "Bob")
        page = requests.get(studio.base_url, timeout=10).text
    assert "bhuman render campaign.csv" in empty
    assert f"/media/{alex}/thumbnail.jpg" in page
    assert re.search(r"<b>8</b> <span class=\"soft\">credits left", page)
    assert re.search(r"<b>1</b> <span class=\"soft\">processing", page)


def test_share_pages_follow_the_video(tmp_path: Path) -> None:
    with running_studio(tmp_path, faults=["render text=Bob: stuck"]) as studio:
        alex, bob = order(studio, "Alex", "Bob")
        done = requests.get(f"{studio.base_url}/video/{alex}", timeout=10).text
        waiting = requests.get(f"{studio.base_url}/video/{bob}", timeout=10).text
        unknown = requests.get(f"{studio.base_url}/video/{studio.campaign_id}", timeout=10)
    assert f'src="/media/{alex}/video.mp4"' in done
    assert "Alex" in done
    assert "is being made" in waiting
    assert unknown.status_code == 404


def test_a_cluster_that_is_not_there_is_said_before_anything_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"), running_studio(tmp_path, render="real", executor="nowhere"):
        pass


def test_work_goes_on_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(studio_app, "AGAIN_S", 0.01)
    failures = iter([sqlite3.OperationalError("database or disk is full")])
    claim = StudioStore.claim

    def fails_once(store: StudioStore, owner: str, limit: int, *, living: Sequence[str] = ()) -> list[sqlite3.Row]:
        for failure in failures:
            raise failure
        return claim(store, owner, limit, living=living)

    monkeypatch.setattr(StudioStore, "claim", fails_once)
    with running_studio(tmp_path, render="real", template=small_template.write(tmp_path), workers=1) as studio:
        (identifier,) = order(studio, "Alex")
        eventually(lambda: status(studio, identifier) == "succeeded", within_s=60)
    assert "goes on after an error" in caplog.text
