"""Downloads go on where they broke off, from the same version of the file, and never from somebody else's part."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bhuman_cli.delivery import fetch, partial
from tests.support import media_files
from tests.support.downloads import get, row
from tests.support.media_server import Answer, MediaServer

FILM = media_files.mp4() + b"\0\0\x40\x08free" + bytes(range(256)) * 64  # 16 kB more, in a box of their own
TAGGED = Answer(FILM, etag='"v1"')


def interrupted_part(folder: Path, size: int, *, owner: str = "id-0 video", etag: str = '"v1"') -> Path:
    """Leave what a killed download leaves."""
    part = partial.Partial(folder / "0000-Ann.mp4", owner)
    part.begin(etag, len(FILM))
    part.path.write_bytes(FILM[:size])
    return part.path


def test_after_a_kill_only_the_missing_bytes_are_fetched(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    interrupted_part(tmp_path, len(FILM) - 1_000)
    (done,) = get([row(0, server.put("/a.mp4", TAGGED))], tmp_path, kit)
    assert (done.state, done.size, done.job.path.read_bytes()) == ("fetched", len(FILM), FILM)
    assert server.sent == 1_000
    assert not list(tmp_path.glob("*.part*"))


def test_a_line_that_always_breaks_at_95_percent_ends_well(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    (done,) = get([row(0, server.put("/a.mp4", replace(TAGGED, cut_share=0.95)))], tmp_path, kit)
    assert (done.state, done.job.path.read_bytes()) == ("fetched", FILM)
    assert server.sent == len(FILM)


def test_a_file_that_comes_in_pieces_and_is_bad_each_time_is_given_up(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    bad = Answer(FILM[:40] + bytes(60_000), etag='"v1"', cut_share=0.5)
    (done,) = get([row(0, server.put("/a.mp4", bad))], tmp_path, kit)
    assert (done.state, "mp4" in done.reason) == ("failed", True)
    assert server.sent <= fetch.ATTEMPTS * len(bad.body)
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize(
    ("owner", "etag", "now"),
    [("id-9 video", '"v1"', '"v1"'), ("id-0 video", '"v1"', '"v2"'), ("id-0 video", 'W/"v1"', 'W/"v1"')],
    ids=["another-row", "another-version", "weak"],
)
def test_what_may_be_another_file_is_begun_again(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, owner: str, etag: str, now: str
) -> None:
    path = interrupted_part(tmp_path, 5_000, owner=owner, etag=etag)
    path.write_bytes(b"x" * 5_000)
    (done,) = get([row(0, server.put("/a.mp4", Answer(FILM, etag=now)))], tmp_path, kit)
    assert (done.state, done.job.path.read_bytes()) == ("fetched", FILM)
    assert server.sent == len(FILM)


def test_a_strangers_part_is_never_continued(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    (tmp_path / "0000-Ann.mp4.part").write_bytes(b"a browser's" * 100)
    (done,) = get([row(0, server.put("/a.mp4", TAGGED))], tmp_path, kit)
    assert (done.state, done.job.path.read_bytes()) == ("fetched", FILM)
    assert "Range" not in server.seen[0]


def test_a_restart_of_the_machine_makes_a_part_worthless(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    path = interrupted_part(tmp_path, 5_000)
    note = path.with_name(f"{path.name}.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "boot": "an earlier one"}))
    path.write_bytes(bytes(5_000))  # what was not synced may come back as zeros
    (done,) = get([row(0, server.put("/a.mp4", TAGGED))], tmp_path, kit)
    assert done.job.path.read_bytes() == FILM


def test_an_interrupted_file_waits_for_the_next_call(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    (done,) = get([row(0, server.put("/a.mp4", replace(TAGGED, cut_share=0.5), Answer(status=503)))], tmp_path, kit)
    assert done.state == "failed"
    assert (tmp_path / "0000-Ann.mp4.part").stat().st_size == len(FILM) // 2
    (done,) = get([row(0, server.put("/a.mp4", TAGGED))], tmp_path, kit)
    assert (done.state, done.job.path.read_bytes(), server.sent) == ("fetched", FILM, len(FILM))


class PassingTime:
    """A clock of which every look takes a second: a drip of a byte a look is over when the limit is."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> object:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        self.now_s += 1.0
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def drip() -> Iterator[str]:
    """Serve a byte, and the next one when it was taken, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                head = f'HTTP/1.1 200 OK\r\nETag: "v"\r\nContent-Length: {len(FILM) * 100}\r\n\r\n'
                try:
                    connection.sendall(head.encode())
                    while not over.wait(0.0005):
                        connection.sendall(b"x")
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v.mp4"
    over.set()
    listener.close()


def test_a_drip_ends_within_the_limit(drip: str, kit: fetch.FetchTools, tmp_path: Path) -> None:
    clock = PassingTime()
    (done,) = get([row(0, drip)], tmp_path, replace(kit, clock=clock))  # type: ignore[arg-type]
    assert (done.state, done.reason) == ("failed", "the server is too slow")
    assert clock.now_s <= 1.05 * fetch.FILE_S


def test_a_body_of_unknown_length_leaves_the_reserve(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_LOOK_BYTES", 1_000)
    monkeypatch.setattr(fetch, "_BLOCK", 1_000)
    looks = iter([10**12, 10**12])  # before the first byte there is room
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": next(looks, 10)})())
    (done,) = get([row(0, server.put("/a.mp4", Answer(FILM, chunked=True)))], tmp_path, kit)
    assert (done.state, done.reason) == ("left", "the disk is full")
    assert not list(tmp_path.glob("*.part*"))
