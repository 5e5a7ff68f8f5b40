"""The studio among clients that send nothing, receivers that say nothing, and disks that take nothing."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from bhuman_cli.studio.server import raw_connection
from tests.support import small_template
from tests.support.studio import RunningStudio, StudioProcess, StudioUnderTest, eventually, running_studio
from tests.support.studio import studio_process as process
from tests.support.webhooks import receiving

IDLE = 400


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    with running_studio(tmp_path) as running:
        yield running


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Let this process have descriptors enough to take all of those of another one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 200:
        pytest.skip("this machine lets no process open so many connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def order(studio: StudioUnderTest, *names: str, callback_url: str = "") -> list[str]:
    body = {"campaign_id": studio.campaign_id, "variables": ["first_name"], "names": [[name] for name in names]}
    answer = requests.post(
        studio.api("pipeline/campaign"), json={**body, "callback_url": callback_url}, headers=studio.basic, timeout=30
    )
    return list(answer.json()["result"])


@pytest.mark.usefixtures("many_descriptors")
def test_idle_connections_beyond_the_descriptors_silence_nobody(tmp_path: Path) -> None:
    with process(tmp_path, "--render", "instant") as studio, contextlib.ExitStack() as silent:
        resource.prlimit(studio.process.pid, resource.RLIMIT_NOFILE, (256, 256))
        address = urlsplit(studio.base_url)
        for _ in range(IDLE):
            silent.enter_context(socket.create_connection((address.hostname or "", address.port or 0), timeout=10))
        began = time.monotonic()
        assert requests.get(studio.base_url, timeout=20).status_code == 200
        assert len(order(studio, "Ana")) == 1
        assert time.monotonic() - began < 4
    talk = (tmp_path / "studio.stderr").read_text().splitlines()
    assert len(talk) < 10, "one line a minute for one cause"
    assert not any("Traceback" in line for line in talk)


def test_a_connection_has_so_long_for_its_head_and_its_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_connection, "HEAD_S", 0.2)
    monkeypatch.setattr(raw_connection, "BODY_S", 0.4)
    sent = {
        "nothing": b"",
        "half a head": b"GET / HTTP/1.1\r\nhost: lo",
        "half a body": b"POST /api/ai_studio/webhook HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{",
    }
    with running_studio(tmp_path) as studio:
        address = urlsplit(studio.base_url)
        for what, piece in sent.items():
            with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
                connection.sendall(piece)
                with contextlib.suppress(ConnectionResetError):
                    assert connection.recv(1000) == b"", what
        assert requests.get(studio.base_url, timeout=10).status_code == 200


def test_a_silent_receiver_keeps_no_other_waiting(studio: RunningStudio) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent, receiving() as good:
        port = silent.getsockname()[1]
        order(studio, *(f"silent {number}" for number in range(100)), callback_url=f"http://127.0.0.1:{port}/hook")
        began = time.monotonic()
        ids = order(studio, "Ana", "Ben", "Cleo", callback_url=good.url)
        eventually(lambda: len(good.events) == 3, within_s=20)
        assert time.monotonic() - began < 5, "the other one's time limit is ten seconds"
        assert sorted(event["id"] for event in good.events) == sorted(ids)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small file system")
def test_rows_wait_for_room_on_a_full_disk_and_are_rendered_then(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="bhuman-small-"))
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", home], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        template = small_template.write(tmp_path)
        settings = ("--workers", "1", "--template", str(template), "--home", str(home))
        with process(tmp_path, *settings) as studio:
            (first,) = order(studio, "Ana")
            eventually(lambda: state(studio, first) == "succeeded", within_s=90)
            filler = home / "filler"
            free = shutil.disk_usage(home).free
            filler.write_bytes(b"x" * (free - 96 * 1024))  # room for the queue, none for a video
            later = order(studio, "Ben", "Cleo")
            stderr = tmp_path / "studio.stderr"
            eventually(lambda: "what is queued waits" in stderr.read_text(), within_s=90)
            assert {state(studio, identifier) for identifier in later} <= {"queued", "preparing", "processing"}
            filler.unlink()
            eventually(lambda: [state(studio, one) for one in later] == ["succeeded"] * 2, within_s=90)
            assert [row["attempts"] for row in studio.accepted()] == [1, 1, 1], "no room is no attempt"
        assert not list((home / "media").rglob(".*")), "nothing hidden is left"
        assert stderr.read_text().count("what is queued waits") == 1
    finally:
        subprocess.run(["umount", "-l", home], check=False)
        home.rmdir()


def state(studio: StudioProcess, identifier: str) -> str:
    answer = requests.get(studio.api("generated_video_by_id"), params={"id": identifier}, timeout=10)
    return str(answer.json()["result"]["status"])


def raw(studio: RunningStudio, request: str) -> str:
    address = urlsplit(studio.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
        connection.sendall(request.encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received.decode("latin-1")


def test_a_whole_url_in_the_request_line_names_its_host(studio: RunningStudio) -> None:
    ask = "GET {} HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n"
    assert raw(studio, ask.format(f"{studio.base_url}/api/ai_studio/nothing?x=1")).startswith("HTTP/1.1 404")
    assert raw(studio, ask.format(f"{studio.base_url}/")).startswith("HTTP/1.1 200")
    assert raw(studio, ask.format("http://other.example/")).startswith("HTTP/1.1 421")
    upgrade = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n\r\n"
    assert raw(studio, upgrade).startswith("HTTP/1.1 200")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'\xef\xbb\xbf{"name": "x", "webhook": "http://127.0.0.1/"}', {}, 200),
        (b'{"name": "x", "webhook": "http://127.0.0.1/"}', {"content-type": "application/json; charset=UTF-8"}, 200),
        ('{"name": "x"}'.encode("utf-16"), {}, 415),
        (b"{}", {"content-type": "application/json; charset=latin-1"}, 415),
        (b"\x1f\x8b\x08", {"content-encoding": "gzip"}, 415),
    ],
)
def test_an_encoding_that_is_not_read_is_named(
    studio: RunningStudio, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = requests.post(studio.api("webhook"), data=body, headers={**studio.basic, **headers}, timeout=10)
    assert answer.status_code == status


def test_head_is_answered_as_get_is(studio: RunningStudio) -> None:
    (identifier,) = order(studio, "Ana")
    for path in ("", f"/api/ai_studio/generated_video_by_id?id={identifier}", f"/video/{identifier}", "/nowhere"):
        got, head = (requests.request(method, studio.base_url + path, timeout=10) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-length"] == got.headers["content-length"]


def test_allow_names_every_method_of_a_path(studio: RunningStudio) -> None:
    for path, methods in {"campaign": "GET, HEAD, PATCH, POST", "campaigns": "GET, HEAD", "try_sample": "POST"}.items():
        answer = requests.options(studio.api(path), timeout=10)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)


def test_media_are_asked_for_in_parts_and_once(studio: RunningStudio) -> None:
    (identifier,) = order(studio, "Ana")
    url = f"{studio.base_url}/media/{identifier}/video.mp4"
    whole = requests.get(url, timeout=10)

    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.get(url, headers=named, timeout=10).status_code

    assert status(range="bytes=0-9") == 206
    assert status(range="bytes=99999999-") == 416
    for passed_over in ("rows=0-9", "bytes=9-1", "bytes=x", "bytes"):
        assert status(range=passed_over) == 200
    assert status(if_none_match=whole.headers["etag"]) == 304
    assert status(if_none_match="*") == 304
    assert status(if_none_match='"other"', if_modified_since=whole.headers["last-modified"]) == 200
    assert status(if_modified_since=whole.headers["last-modified"]) == 304
    assert status(if_modified_since="Mon, 01 Jan 2001 00:00:00 GMT") == 200
    assert status(if_modified_since="nonsense") == 200


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/video/10ca1000-0000-4000-8000-00000000dead", 404, "There is nothing here"),
        ("/video/mistyped", 422, "This address is misspelt"),
        ("/api/ai_studio/campaigns", 401, "This needs credentials"),
        ("/nowhere/<script>", 404, "There is nothing here"),
    ],
)
def test_a_browser_is_told_what_is_wrong_on_a_page(studio: RunningStudio, path: str, status: int, title: str) -> None:
    accept = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = requests.get(studio.base_url + path, headers=accept, timeout=10)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{title}</h1>" in page.text
    assert 'href="/"' in page.text
    assert "<script" not in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert requests.get(studio.base_url + path, timeout=10).headers["content-type"] == "application/json"
