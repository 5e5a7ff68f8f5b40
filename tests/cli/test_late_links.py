"""WhatsApp's link comes after a video's end, by callback: who brings it to the table; no callback is believed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import listener, plain_service
from tests.support.desk import Desk, Ended
from tests.support.plain_service import PlainService

FORGED = "https://evil.example/w.mp4"


@pytest.fixture
def service() -> Iterator[PlainService]:
    with plain_service.running() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, service: PlainService) -> Desk:
    """Three people whose videos are finished; then WhatsApp's link of the second is announced, with a lie in it."""
    found = Desk(tmp_path, service.url)
    found.people(3)
    assert found.render("people.csv").code == 0
    second = service.accepted[1]["id"]
    body = {"event": "whatsapp.ready", "id": second, "whatsapp_video_url": FORGED}
    with listener.running(found.home, base_url=service.url) as running:
        assert running.send(running.request(json.dumps(body).encode())) == 200
    service.seen.clear()
    return found


def is_ready(service: PlainService) -> None:
    service.shape = lambda record: record | {"whatsapp_video_url": f"https://w.example/{record['text'][0]}.mp4"}


def run_id(desk: Desk) -> str:
    return str(json.loads(desk.run("runs", "--json").out)["runs"][0]["run_id"])


def links(desk: Desk) -> list[str]:
    return desk.column("whatsapp_video_url")


@pytest.mark.parametrize("command", ["render", "resume"])
def test_the_next_command_on_a_complete_run_asks_for_just_that_row(
    desk: Desk, service: PlainService, command: str
) -> None:
    is_ready(service)
    again: Ended = desk.render("people.csv") if command == "render" else desk.run("resume", run_id(desk))
    assert (again.code, links(desk)) == (0, ["", "https://w.example/Name1.mp4", ""])
    assert [method for method, _, _ in service.seen] == ["GET"]


@pytest.mark.parametrize("command", ["render", "resume"])
def test_what_only_a_callback_says_never_reaches_the_table(desk: Desk, command: str) -> None:
    again = desk.render("people.csv") if command == "render" else desk.run("resume", run_id(desk))
    assert (again.code, links(desk)) == (0, ["", "", ""])
    assert FORGED not in (desk.folder / "people.results.csv").read_text()


def test_status_and_export_bring_it_too(desk: Desk, service: PlainService) -> None:
    is_ready(service)
    without_key = {name: None for name in desk.env if "KEY" in name}
    looked = desk.run("status", run_id(desk), "--json", env=without_key)
    assert (looked.code, looked.document["rows"]["succeeded"]) == (0, 3)
    assert links(desk)[1] == "https://w.example/Name1.mp4"
    assert len(service.seen) == 1
    assert desk.run("export", "-o", "out.csv").code == 0
    assert len(service.seen) == 1, "it is known by now"
    with (desk.folder / "out.csv").open(newline="") as stream:
        assert [row["whatsapp_video_url"] for row in csv.DictReader(stream)][1] == "https://w.example/Name1.mp4"


def test_an_export_alone_brings_it_and_a_dead_service_does_not_stop_it(desk: Desk, service: PlainService) -> None:
    dead = {"BHUMAN_BASE_URL": "http://127.0.0.1:9"}
    assert desk.run("export", "-o", "early.csv", env=dead).code == 0
    is_ready(service)
    assert desk.run("export", "-o", "out.csv", env=dead).code == 0, "the run's own service is asked"
    assert "https://w.example/Name1.mp4" in (desk.folder / "out.csv").read_text()
