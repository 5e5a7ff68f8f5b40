from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bhuman_cli import errors
from bhuman_cli.callbacks import receiver
from bhuman_cli.callbacks.events import Event
from bhuman_cli.callbacks.store import EventStore

SECRET = "s" * 32


class HandClock:
    """Moves when told."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Running:
    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.store = EventStore.open(folder / "callbacks.sqlite3")
        self.woken = threading.Event()
        self.group = receiver.GroupCommit(self.store, self.woken.set)
        self.server = receiver.Server(receiver.Receiver(SECRET, self.group.put, self.clock), "127.0.0.1", 0)
        self.thread = threading.Thread(target=self.server.serve, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.stop()
        self.thread.join()
        self.group.close()
        self.store.close()

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode().strip()
        finally:
            connection.close()

    def post(self, document: object, token: str = "", secret: str = SECRET) -> tuple[int, str]:
        path = f"/cb/{secret}" + (f"/{token}" if token else "")
        return self.ask("POST", path, json.dumps(document).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    found = Running(tmp_path)
    yield found
    found.close()


def test_an_event_is_stored_before_it_is_answered(running: Running) -> None:
    assert running.post({"id": "a", "status": "succeeded"}, "tok") == (200, "stored")
    ((position, stored),) = running.store.since(0)
    assert (position, stored.generation_id, stored.token, stored.status) == (1, "a", "tok", "succeeded")
    assert stored.body == b'{"id": "a", "status": "succeeded"}'
    assert stored.received_at == "2026-01-01T00:00:00.000Z"
    assert running.woken.is_set()


def test_a_duplicate_is_answered_alike_and_stored_once(running: Running) -> None:
    assert running.post({"id": "a"}) == (200, "stored")
    assert running.post({"id": "a"}) == (200, "known already")
    assert running.store.count_after(0) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/cb/" + "x" * 32, b'{"id": "a"}', 404),
        ("POST", "/", b'{"id": "a"}', 404),
        ("GET", "/cb/" + "x" * 32, b"", 404),
        ("GET", f"/cb/{SECRET}", b"", 200),
        ("PUT", f"/cb/{SECRET}", b'{"id": "a"}', 405),
        ("POST", f"/cb/{SECRET}", b"not json", 400),
        ("POST", f"/cb/{SECRET}", b"{}", 400),
        ("POST", f"/cb/{SECRET}", b'{"id": "a", "pad": "' + b"x" * receiver.MAX_BODY_BYTES + b'"}', 413),
    ],
)
def test_everything_else_is_refused_and_not_stored(
    running: Running, method: str, path: str, body: bytes, status: int
) -> None:
    found, words = running.ask(method, path, body)
    assert found == status
    assert SECRET not in words
    assert running.store.count_after(0) == 0


def test_a_body_without_an_announced_length_is_bounded_as_well(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.server.port), timeout=10) as raw:
        raw.sendall(f"POST /cb/{SECRET} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        block = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        answer = b""
        try:
            for _ in range(40):
                raw.sendall(block)
            raw.sendall(b"0\r\n\r\n")
            answer = raw.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert not answer or b" 413 " in answer.splitlines()[0]
    assert running.store.count_after(0) == 0
    assert running.post({"id": "a"})[0] == 200


def test_a_store_that_fails_is_never_answered_with_success(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> list[bool]:
        raise errors.JournalError("disk full")

    monkeypatch.setattr(running.store, "add", full)
    assert running.post({"id": "a"}) == (503, "not stored")
    monkeypatch.undo()
    assert running.post({"id": "a"}) == (200, "stored")


def test_many_at_once_share_commits_and_none_is_lost(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    add = running.store.add

    def counted(events: list[Event]) -> list[bool]:
        commits.append(len(events))
        return add(events)

    monkeypatch.setattr(running.store, "add", counted)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: running.post({"id": f"id-{n % 200}"}), range(300)))
    assert {status for status, _ in answers} == {200}
    assert sum(words == "stored" for _, words in answers) == 200
    assert len(running.store.hints(0)[1]) == 200  # positions may have gaps, events not
    assert sum(commits) == 300
    assert len(commits) < 300


def test_a_flood_is_slowed_down_and_let_in_again(running: Running) -> None:
    bucket = receiver.Bucket(running.clock)
    assert sum(bucket.takes() for _ in range(receiver.BURST + 50)) == receiver.BURST
    running.clock.at += 0.1
    assert sum(bucket.takes() for _ in range(500)) == 100


def test_a_taken_port_is_a_plain_message(running: Running) -> None:
    with pytest.raises(errors.UsageError, match="can't be listened on") as refused:
        receiver.Server(receiver.Receiver(SECRET, running.group.put, running.clock), "127.0.0.1", running.server.port)
    assert refused.value.hint == f"--port {running.server.port + 1}"
    with pytest.raises(errors.UsageError) as unknown:
        receiver.Server(receiver.Receiver(SECRET, running.group.put, running.clock), "192.0.2.1", 0)
    assert unknown.value.hint == "--host 127.0.0.1", "no other port helps a wrong address"
