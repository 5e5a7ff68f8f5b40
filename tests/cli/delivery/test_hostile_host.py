"""500 videos of a real run, fetched by a real `bhuman download` that is killed, from a host that misbehaves."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bhuman_cli.studio.config import CAMPAIGN_ID
from tests.support import media_files, media_server, studio
from tests.support.desk import bare_environment
from tests.support.media_server import Answer, MediaServer

COUNT = 500
PRIVATE = 6
"""Rows whose number modulo ten is this are redirected into the network; they must fail."""


class Films:
    """Decodable videos, one for each row: a placeholder of the studio's with a box of its own at the end."""

    def __init__(self, film: bytes) -> None:
        self._film = film

    def __getitem__(self, number: int) -> bytes:
        return self._film + media_files.box(b"free", number.to_bytes(4, "big") * 3_000)

    def is_whole(self, path: Path) -> bool:
        return path.read_bytes() == self[int(path.name[:4])]


def faults(number: int, path: str, body: bytes) -> list[Answer]:
    good = Answer(body)
    plans: dict[int, list[Answer]] = {
        0: [Answer(body, cut=len(body) // 2), good],
        1: [Answer(status=403)],
        2: [Answer(body, headers={"Content-Length": str(len(body) - 500)}), good],
        3: [Answer(body[:-2_000], chunked=True), good],
        4: [Answer(status=302, headers={"Location": f"/moved{path}"})],
        5: [Answer(status=503), good],
        PRIVATE: [Answer(status=302, headers={"Location": "http://10.11.12.13/v.mp4"})],
        7: [Answer(b"<html>sign in</html>"), good],
    }
    return plans.get(number % 10, [good])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Films]:
    """Return the folder of a run of 500 rows, the host its links lead to, gone by then, and what it served."""
    folder = tmp_path_factory.mktemp("hostile")
    table = folder / "people.csv"
    table.write_text("first_name\n" + "".join(f"Person {n}\n" for n in range(COUNT)))
    with studio.running_studio(folder) as service:
        done = bhuman(folder, service.base_url)("render", str(table), "--poll-interval", "0.1", "--progress", "none")
        assert done.wait(60) == 0
        base_url = service.base_url
        film = next((folder / "studio" / "media").glob("*/video.mp4")).read_bytes()
    return folder, base_url, Films(film)


def bhuman(folder: Path, base_url: str) -> Callable[..., subprocess.Popen[bytes]]:
    environ = {
        **bare_environment(), "BHUMAN_BASE_URL": base_url, "BHUMAN_HOME": str(folder / "home"),
        "BHUMAN_API_KEY_ID": "local", "BHUMAN_API_KEY_SECRET": "local", "BHUMAN_CAMPAIGN_ID": CAMPAIGN_ID,
    }  # fmt: skip

    def start(*words: str) -> subprocess.Popen[bytes]:
        with (folder / "out").open("wb") as out, (folder / "err").open("ab") as err:
            return subprocess.Popen([sys.executable, "-m", "bhuman_cli", *words], env=environ, stdout=out, stderr=err)

    return start


def serve(server: MediaServer, lines: list[dict[str, str]], films: Films) -> None:
    for number, line in enumerate(lines):
        path = urlsplit(line["url"]).path
        server.put(path, *faults(number, path, films[number]))
        server.put(f"/moved{path}", Answer(films[number]))
        fresh = server.put(f"/fresh{path}", Answer(films[number]))
        record = {"id": line["id"], "status": "succeeded", "url": fresh}
        answer = Answer(json.dumps({"code": 200, "result": record}).encode())
        server.put(f"/api/ai_studio/generated_video_by_id?id={line['id']}", answer)


def test_the_result_is_whole_whatever_happens(finished: tuple[Path, str, Films]) -> None:
    folder, base_url, films = finished
    start = bhuman(folder, base_url)
    with (folder / "people.results.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    media = folder / "media"
    with media_server.running(urlsplit(base_url).port or 0) as server:
        serve(server, lines, films)
        for kills in range(1, 4):
            server.held.clear()
            server.gate.clear()
            server.hold_after = server.asked.total() + 120
            process = start("download", str(folder / "people.csv"), "--to", str(media))
            assert server.held.wait(30)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            server.gate.set()
            here = list(media.glob("*.mp4"))
            assert len(here) > 40 * kills
            assert all(map(films.is_whole, here)), "a file under its name is a whole file"
        server.hold_after = 10**9
        process = start("download", str(folder / "people.csv"), "--to", str(media), "--json")
        assert process.wait(60) == 5
    judge(folder, media, json.loads((folder / "out").read_text()), server, films)


def judge(folder: Path, media: Path, found: dict[str, Any], server: MediaServer, films: Films) -> None:
    lost = {number for number in range(COUNT) if number % 10 == PRIVATE}
    assert found["failed"] == len(lost)
    assert found["fetched"] + found["kept"] == COUNT - len(lost)
    assert found["kept"] > 100, "what was there before the kills is not fetched again"
    failed = [item for item in found["files"] if item["state"] == "failed"]
    assert {item["row_index"] for item in failed} == lost
    assert all("private address" in item["reason"] for item in failed)
    names = {path.name for path in media.glob("*.mp4")}
    assert names == {f"{number:04d}-Person {number}.mp4" for number in range(COUNT) if number not in lost}
    assert all(map(films.is_whole, media.glob("*.mp4")))
    assert not list(media.glob("*.part"))
    assert not list(media.glob("*.bak"))
    assert {path.name for path in folder.iterdir()} == {
        "people.csv", "people.results.csv", "home", "studio", "media", "out", "err",
    }  # fmt: skip
    listed = list(csv.DictReader((media / "manifest.csv").read_text().splitlines()))
    assert {line["file"] for line in listed} == names
    assert max(server.asked.values()) <= 6, "no path is asked for again and again"
