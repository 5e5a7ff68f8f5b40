"""What the studio refuses: other machines, ways out of its folder, bodies too large, workers without the token."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import stat
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from bhuman_cli.errors import ServiceDown, UsageError
from bhuman_cli.studio.config import StudioConfig
from bhuman_cli.studio.queue.store import StudioStore
from bhuman_cli.studio.server import middleware
from tests.support.studio import RunningStudio, eventually, running_studio


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    with running_studio(tmp_path) as running:
        yield running


def one_video(studio: RunningStudio) -> str:
    body = {"campaign_id": studio.campaign_id, "variables": ["first_name"], "names": [["<img src=x onerror=alert(1)>"]]}
    answer = requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=10)
    identifier: str = answer.json()["result"][0]
    return identifier


def raw(studio: RunningStudio, request: bytes) -> bytes:
    address = urlsplit(studio.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.10", "::", "studio.example.com"])
def test_only_loopback_is_bound_unless_allowed(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="only this machine"):
        StudioConfig(home=tmp_path, host=host)
    assert StudioConfig(home=tmp_path, host=host, allow_remote=True).host == host


@pytest.mark.parametrize(
    "tail",
    [
        "../../../studio.sqlite",
        "..%2f..%2fstudio.sqlite",
        "%2e%2e/%2e%2e/worker-token",
        "/etc/passwd",
        "index.html",
        ".",
        "",
    ],
)
def test_there_is_no_way_out_of_the_media_folder(studio: RunningStudio, tail: str) -> None:
    identifier = one_video(studio)
    answer = raw(
        studio, f"GET /media/{identifier}/{tail} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"SQLite" not in answer


@pytest.mark.parametrize(
    "path", ["/swagger-ui/..%2f__init__.py", "/swagger-ui/core.py", "/video/..%2f..", "/media/x/video.mp4"]
)
def test_other_folders_hold_nothing_either(studio: RunningStudio, path: str) -> None:
    answer = raw(studio, f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in {b"404", b"422"}


def test_a_body_over_the_limit_is_read_to_its_end_and_refused(studio: RunningStudio) -> None:
    body = b'{"filler": "' + b"x" * middleware.MAX_BODY_BYTES + b'"}'
    # The connection is not torn down under the client: the same one can be used again.
    with requests.Session() as session:
        answer = session.post(studio.api("pipeline/campaign"), data=body, headers=studio.basic, timeout=30)
        assert answer.status_code == 413
        assert session.get(studio.base_url, timeout=10).status_code == 200
    assert studio.accepted() == []


def test_a_body_at_the_limit_is_looked_at(studio: RunningStudio) -> None:
    head, tail = b'{"filler": "', b'"}'
    body = head + b"x" * (middleware.MAX_BODY_BYTES - len(head) - len(tail)) + tail
    answer = requests.post(studio.api("pipeline/campaign"), data=body, headers=studio.basic, timeout=30)
    assert answer.status_code == 422


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("path", ["/api/ai_studio/pipeline/campaign", "/nowhere", "/api/ai_studio/campaigns"])
def test_of_a_strangers_body_little_is_read_and_nothing_kept(studio: RunningStudio, path: str, framing: str) -> None:
    body = b"x" * 5 * 1024 * 1024
    data = iter([body]) if framing == "chunked" else body
    answer = requests.post(studio.base_url + path, data=data, headers={"Origin": "https://evil.example"}, timeout=30)
    assert (answer.status_code, answer.headers["connection"]) == (401, "close")
    small = requests.post(studio.base_url + path, data=b"x" * 60_000, timeout=30)
    assert small.status_code in {422, 404, 405}, "of a short one it is said what is wrong with it, as documented"
    sent = [entry for entry in studio.requests() if entry["method"] == "POST"]
    assert len(sent) == 2
    assert all(entry["body"] is None for entry in sent)


def test_a_foreign_host_is_refused_before_its_body_comes(studio: RunningStudio) -> None:
    head = b"POST /api/ai_studio/pipeline/campaign HTTP/1.1\r\nhost: rebound.example\r\ncontent-length: 9000000\r\n"
    address = urlsplit(studio.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
        connection.sendall(head + f"authorization: {studio.basic['Authorization']}\r\n\r\n".encode() + b"x" * 1000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 421")


def test_all_bodies_together_have_a_bound_and_wait_for_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "ALL_BODIES_BYTES", middleware.MAX_BODY_BYTES)
    monkeypatch.setattr(middleware, "ROOM_S", 0.2)
    with running_studio(tmp_path) as studio:
        address = urlsplit(studio.base_url)
        key = studio.basic["Authorization"]
        head = f"POST {'/api/ai_studio/pipeline/campaign'} HTTP/1.1\r\nhost: localhost\r\nauthorization: {key}\r\n"
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as holder:
            holder.sendall(head.encode() + b"content-length: 10485760\r\n\r\n{")
            eventually(lambda: one_row(studio).status_code == 503)
            refused = one_row(studio)
            assert "nothing was accepted" in refused.json()["error"]
        eventually(lambda: one_row(studio).status_code == 200)
        assert len(studio.accepted()) == 1


def one_row(studio: RunningStudio) -> requests.Response:
    body = {"campaign_id": studio.campaign_id, "variables": ["first_name"], "names": [["Ana"]]}
    return requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=10)


def test_a_client_that_leaves_in_the_middle_leaves_nothing(studio: RunningStudio) -> None:
    address = urlsplit(studio.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
        head = b"POST /api/ai_studio/pipeline/campaign HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n"
        connection.sendall(head + b'{"campaign_id"')
    assert requests.get(studio.base_url, timeout=10).status_code == 200
    assert studio.accepted() == []


def test_only_workers_with_the_token_report(studio: RunningStudio) -> None:
    studio.faults.replace(["render: stuck"])
    identifier = one_video(studio)
    url, report = studio.api("pipeline/webhook"), {"id": identifier, "status": "succeeded"}
    token = (studio.home / "worker-token").read_text()
    assert requests.post(url, json=report, timeout=10).status_code == 403
    assert requests.post(url, data=b"not json", timeout=10).status_code == 403
    assert (
        requests.post(url, json=report, headers={**studio.basic, "X-Worker-Token": "guess"}, timeout=10).status_code
        == 403
    )
    mine = {"X-Worker-Token": token}
    assert requests.post(url, json={"id": "x"}, headers=mine, timeout=10).status_code == 422
    assert requests.post(url, json={**report, "id": str(uuid.uuid4())}, headers=mine, timeout=10).status_code == 404
    assert [requests.post(url, json=report, headers=mine, timeout=10).json()["result"]["ended"] for _ in range(2)] == [
        True,
        False,
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
def test_the_home_is_private(studio: RunningStudio) -> None:
    modes = {name: stat.S_IMODE((studio.home / name).stat().st_mode) for name in (".", "studio.sqlite", "worker-token")}
    assert modes == {".": 0o700, "studio.sqlite": 0o600, "worker-token": 0o600}


def test_pages_escape_what_recipients_are_called(studio: RunningStudio) -> None:
    studio.faults.replace(["render#2: stuck", "render#3: fail"])
    for identifier in [one_video(studio), one_video(studio), one_video(studio)]:
        for url in (f"{studio.base_url}/video/{identifier}", studio.base_url):
            page = requests.get(url, timeout=10)
            assert page.status_code == 200
            assert "<img src=x" not in page.text
            assert "onerror=alert(1)&gt;" in page.text or url != studio.base_url
            assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_failed_page_hides_the_reason(studio: RunningStudio) -> None:
    studio.faults.replace(["render: fail message='secret internals'"])
    page = requests.get(f"{studio.base_url}/video/{one_video(studio)}", timeout=10)
    assert "BH-RENDER-FAILED" in page.text
    assert "secret internals" not in page.text


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"[" * 100_000,
        b'{"campaign_id":' + b"9" * 6_000 + b"}",
        b'{"campaign_id": "10ca1000-0000-4000-8000-000000000001", "variables": ["a"], "names": [["\\ud800"]]}',
        b'{"campaign_id": "10ca1000-0000-4000-8000-000000000001", "variables": ["a"], "names": [["x"]], '
        b'"backgrounds": [{"start": 1e999, "end": NaN, "kind": "link", "config": {"mode": "basic"}}]}',
        b"",
        b"null",
    ],
    ids=["not UTF-8", "deep", "a long number", "a lone surrogate", "no number", "empty", "null"],
)
def test_hostile_bodies_are_misshapen_not_crashes(studio: RunningStudio, body: bytes) -> None:
    for path in ("pipeline/campaign", "pipeline/pabbly", "try_sample", "campaign", "webhook"):
        assert requests.post(studio.api(path), data=body, headers=studio.basic, timeout=10).status_code in {401, 422}
    assert studio.accepted() == []


def test_a_nul_in_a_value_is_kept(studio: RunningStudio) -> None:
    body = {"campaign_id": studio.campaign_id, "variables": ["a"], "names": [["x\x00y"]]}
    answer = requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=10)
    assert answer.status_code == 200
    assert studio.accepted()[0]["text"] == ["x\x00y"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8787", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("rebound.example.com", 421),
        ("127.0.0.1.example.com:80", 421),
        ("192.168.1.4", 421),
    ],
)
def test_a_name_that_was_made_to_point_here_gets_nothing(studio: RunningStudio, host: str, status: int) -> None:
    for path in ("/", "/api/ai_studio/campaigns"):
        answer = requests.get(studio.base_url + path, headers={**studio.bearing, "Host": host}, timeout=10)
        assert answer.status_code == status


def test_a_store_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "studio.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 40)
    with pytest.raises(ServiceDown, match="can't be used"):
        StudioStore.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceDown, match="can't be used"):
        StudioStore.open(tmp_path / "file")


def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(StudioStore.open(tmp_path)), sqlite3.connect(tmp_path / "studio.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ServiceDown, match="newer"):
        StudioStore.open(tmp_path)
