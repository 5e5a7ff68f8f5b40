"""A batch of files from a real server: names, what is kept, what is fetched again, what ends it."""

from __future__ import annotations

import csv
import gzip
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bhuman_cli import errors
from bhuman_cli.delivery import batch, fetch, media
from bhuman_cli.delivery.media import What
from bhuman_cli.net import connect
from tests.support import media_files
from tests.support.downloads import GOOD, StillClock, files, get, row
from tests.support.media_server import Answer, MediaServer


def test_files_arrive_under_their_rows_names_and_are_listed(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    bodies = [media_files.mp4(b"%d" % n * 100) for n in range(12)]
    rows = [row(n, server.put(f"/{n}.mp4", Answer(body)), f"Ann {n}") for n, body in enumerate(bodies)]
    done = get(rows, tmp_path, kit)
    assert [result.state for result in done] == ["fetched"] * 12
    for n, result in enumerate(done):
        assert result.job.path == tmp_path / f"{n:04d}-Ann {n}.mp4"
        assert result.job.path.read_bytes() == bodies[n]
    listed = list(csv.DictReader((tmp_path / "manifest.csv").read_text().splitlines()))
    assert [line["row_index"] for line in listed] == [str(n) for n in range(12)]
    assert {line["file"] for line in listed} | {"manifest.csv"} == files(tmp_path)


def test_a_second_call_asks_for_nothing(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    rows = [row(n, server.put(f"/{n}.mp4", Answer(media_files.mp4()))) for n in range(3)]
    get(rows, tmp_path, kit)
    server.asked.clear()
    assert {result.state for result in get(rows, tmp_path, kit)} == {"kept"}
    assert not server.asked


def test_a_row_rendered_again_replaces_its_file(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    get([row(0, server.put("/a.mp4", Answer(media_files.mp4(b"old"))))], tmp_path, kit)
    newer = row(0, server.put("/b.mp4", Answer(media_files.mp4(b"new"))), id="id-new")
    (done,) = get([newer], tmp_path, kit)
    assert (done.state, done.job.path.read_bytes()) == ("fetched", media_files.mp4(b"new"))
    assert files(tmp_path) == {"0000-Ann.mp4", "manifest.csv"}


def test_a_strangers_file_of_the_same_name_is_put_aside(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    (tmp_path / "0000-Ann.mp4").write_text("mine")
    get([row(0, server.put("/a.mp4", Answer(media_files.mp4())))], tmp_path, kit)
    assert (tmp_path / "0000-Ann.mp4.bak").read_text() == "mine"
    assert (tmp_path / "0000-Ann.mp4").read_bytes() == media_files.mp4()


def test_a_damaged_file_is_fetched_again(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    rows = [row(0, server.put("/a.mp4", Answer(media_files.mp4())))]
    (done,) = get(rows, tmp_path, kit)
    done.job.path.write_bytes(media_files.mp4()[:-50] + b"\xff" * 50)
    done.job.path.write_bytes(b"\0" * len(media_files.mp4()))
    assert get(rows, tmp_path, kit)[0].state == "fetched"


def test_a_server_that_asks_for_time_gets_it(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    clock = StillClock()
    busy = [Answer(status=429, headers={"Retry-After": wait}) for wait in ("7", "9999", "soon")]
    (done,) = get([row(0, server.put("/a.mp4", *busy, GOOD))], tmp_path, replace(kit, clock=clock))
    assert done.state == "fetched"
    first, second, third = clock.slept
    assert 7 <= first < 8
    assert 30 <= second < 31
    assert third < 4


@pytest.mark.parametrize(
    "first",
    [
        Answer(media_files.mp4(), cut=500),
        Answer(media_files.mp4(), chunked=True, cut=0),
        Answer(media_files.mp4()[:700]),
        Answer(media_files.mp4()[:700], chunked=True),
        Answer(media_files.mp4(), headers={"Content-Length": "700"}),
        Answer(media_files.mp4(), headers={"Content-Length": "999999"}, cut=3000),
        Answer(b"<html>please wait</html>", headers={"Content-Type": "text/html"}),
        Answer(b""),
        Answer(status=503),
        Answer(status=429),
    ],
    ids=["cut", "cut-chunked", "short", "short-chunked", "low", "high", "page", "empty", "503", "429"],
)
def test_a_bad_body_is_never_taken_for_the_file(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, first: Answer
) -> None:
    (done,) = get([row(0, server.put("/a.mp4", first, GOOD))], tmp_path, kit)
    assert done.state == "fetched"
    assert done.job.path.read_bytes() == media_files.mp4()
    assert server.asked["/a.mp4"] == 2

    (done,) = get([row(1, server.put("/b.mp4", first))], tmp_path, kit)
    assert done.state == "failed"
    assert done.reason
    assert "/b.mp4" not in done.reason
    assert files(tmp_path) == {"0000-Ann.mp4", "manifest.csv"}


@pytest.mark.parametrize("status", [403, 404])
def test_a_dead_link_is_asked_for_again_once(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, status: int
) -> None:
    dead = server.put("/dead.mp4", Answer(status=status))
    fresh = server.put("/fresh.mp4", GOOD)
    asked: list[str] = []

    def refresh(job: fetch.FetchJob) -> str:
        asked.append(job.generation_id)
        return fresh

    (done,) = get([row(0, dead)], tmp_path, replace(kit, refresh=refresh))
    assert (done.state, asked, server.asked["/dead.mp4"]) == ("fetched", ["id-0"], 1)

    (done,) = get([row(1, dead)], tmp_path, replace(kit, refresh=lambda _: dead))
    assert done.state == "failed"
    assert str(status) in done.reason
    assert server.asked["/dead.mp4"] == 3


def test_a_body_that_is_packed_against_our_wish_is_unpacked(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    packed = Answer(gzip.compress(media_files.mp4()), headers={"Content-Encoding": "gzip"})
    (done,) = get([row(0, server.put("/v.mp4", packed))], tmp_path, kit)
    assert (done.state, done.job.path.read_bytes()) == ("fetched", media_files.mp4())


def test_a_body_without_end_is_given_up(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(media.LIMIT_BYTES, What.VIDEO, 1_000)
    (done,) = get([row(0, server.put("/v.mp4", GOOD))], tmp_path, kit)
    assert done.state == "failed"
    assert "larger than 1000 bytes" in done.reason


def test_a_server_that_trickles_is_given_up(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    class Hurried(StillClock):
        def monotonic_s(self) -> float:
            self.slept.append(1_000.0)
            return sum(self.slept)

    (done,) = get([row(0, server.put("/v.mp4", GOOD))], tmp_path, replace(kit, clock=Hurried()))
    assert (done.state, done.reason) == ("failed", "the server is too slow")


def test_other_answers_are_final(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    (done,) = get([row(0, server.put("/v.mp4", Answer(status=418)))], tmp_path, kit)
    assert (done.state, server.asked["/v.mp4"]) == ("failed", 1)
    assert "418" in done.reason


def test_a_file_that_can_not_be_written_is_one_files_failure(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    rows = [row(n, server.put(f"/{n}.mp4", GOOD)) for n in range(2)]
    (tmp_path / "0000-Ann.mp4.part").mkdir()
    first, second = get(rows, tmp_path, kit)
    assert (first.state, second.state) == ("failed", "fetched")
    assert "can't be written" in first.reason


def test_a_folder_that_is_a_file_is_a_plain_message(kit: fetch.FetchTools, tmp_path: Path) -> None:
    (tmp_path / "m").write_text("")
    with pytest.raises(errors.UsageError, match="choose a folder"):
        get([], tmp_path / "m", kit)


def test_a_decoder_has_the_last_word(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    seen: list[str] = []

    def probe(path: Path, what: What) -> str:
        seen.append(f"{path.name} {what}")
        return "the file is damaged" if len(seen) == 1 else ""

    (done,) = get([row(0, server.put("/v.mp4", GOOD))], tmp_path, replace(kit, probe=probe))
    assert (done.state, seen) == ("fetched", ["0000-Ann.mp4.part video"] * 2)


def test_no_credentials_and_no_cookies_travel(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login u password p\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    sticky = {"Set-Cookie": "id=1; Path=/"}
    rows = [row(n, server.put(f"/{n}.mp4", Answer(media_files.mp4(), headers=sticky))) for n in range(9)]
    get(rows, tmp_path / "out", kit)
    assert len(server.seen) == 9
    for headers in server.seen:
        assert not {"authorization", "cookie"} & {name.lower() for name in headers}


def test_an_interrupt_leaves_the_rest_and_no_half_file(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    rows = [row(n, server.put(f"/{n}.mp4", GOOD)) for n in range(40)]
    wanted = batch.jobs(["first_name"], rows, tmp_path, batch.Choice())

    def interrupted(_: fetch.FetchResult) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch.run(wanted, tmp_path, kit, 2, interrupted)
    assert not list(tmp_path.glob("*.part"))
    here = files(tmp_path) - {"manifest.csv"}
    assert 0 < len(here) < 40
    server.asked.clear()
    again = batch.run(wanted, tmp_path, replace(kit, stop=threading.Event()), 4, lambda _: None)
    assert sum(result.state == "kept" for result in again) == len(here)
    assert sum(server.asked.values()) == 40 - len(here)


def test_an_interrupt_does_not_wait_for_a_server_that_stalls(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    stalling = server.put("/stall.mp4", Answer(media_files.mp4(), cut=500, stalls=True))
    wanted = batch.jobs(
        ["first_name"], [row(0, stalling), row(1, server.put("/a.mp4", GOOD))], tmp_path, batch.Choice()
    )

    def interrupted(_: fetch.FetchResult) -> None:
        assert server.held.wait(10)
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        batch.run(wanted, tmp_path, kit, 2, interrupted)
    server.gate.set()
    assert time.monotonic() - began < connect.READ_S / 3
    assert files(tmp_path) == {"0001.mp4", "manifest.csv"}


def test_a_full_disk_stops_the_batch(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": 10})())
    rows = [row(n, server.put(f"/{n}.mp4", GOOD)) for n in range(20)]
    done = get(rows, tmp_path, kit)
    assert {result.state for result in done} == {"left"}
    assert "the disk is full" in {result.reason for result in done}


def test_two_downloads_do_not_fill_one_folder(server: MediaServer, kit: fetch.FetchTools, tmp_path: Path) -> None:
    rows = [row(0, server.put("/a.mp4", GOOD))]
    wanted = batch.jobs(["first_name"], rows, tmp_path, batch.Choice())
    seen: list[str] = []

    def second(_: fetch.FetchResult) -> None:
        with pytest.raises(errors.Refusal) as refusal:
            batch.run(wanted, tmp_path, kit, 1, lambda _: None)
        seen.append(refusal.value.code)

    batch.run(wanted, tmp_path, kit, 1, second)
    assert seen == ["locked"]


def test_local_links_are_copied_from_the_studios_media_only(kit: fetch.FetchTools, tmp_path: Path) -> None:
    media_root = tmp_path / "media"
    media_root.mkdir()
    (media_root / "a b.mp4").write_bytes(media_files.mp4())
    (tmp_path / "secret.mp4").write_bytes(media_files.mp4())
    (media_root / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    urls = [(media_root / "a b.mp4").as_uri(), (tmp_path / "secret.mp4").as_uri(), (media_root / "link.mp4").as_uri()]
    rows = [row(n, url) for n, url in enumerate(urls)]
    done = get(rows, tmp_path / "out", replace(kit, file_root=media_root))
    assert [result.state for result in done] == ["fetched", "failed", "failed"]
    assert all(result.state == "failed" for result in get(rows, tmp_path / "other", kit))


def test_rows_without_a_video_are_left_out_and_all_kinds_can_be_asked_for(
    server: MediaServer, kit: fetch.FetchTools, tmp_path: Path
) -> None:
    video, gif = server.put("/v.mp4", GOOD), server.put("/v.gif", Answer(media_files.GIF))
    picture = server.put("/v.png", Answer(media_files.PNG))
    rows = [row(0, video, gif=gif, thumbnail=picture), row(1, "", status="failed"), row(2, video, status="queued")]
    done = get(rows, tmp_path, kit, whats=tuple(What))
    assert files(tmp_path) == {"0000-Ann.mp4", "0000-Ann.gif", "0000-Ann.png", "manifest.csv"}
    assert len(done) == 3


def test_a_folder_with_another_programs_manifest_is_left_alone(kit: fetch.FetchTools, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("a,b\n1,2\n")
    with pytest.raises(errors.UsageError, match="not written by bhuman"):
        get([], tmp_path, kit)
    assert (tmp_path / "manifest.csv").read_text() == "a,b\n1,2\n"
