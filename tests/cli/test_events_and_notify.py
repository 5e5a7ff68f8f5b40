"""`events` with its cursor, `listen --forward-to` as a process, and being told how a command ended."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bhuman_cli.terminal.talk import Talk
from bhuman_cli.workflows import notifications
from tests.support import plain_service, schemas, webhooks
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def lines(text: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in text.splitlines()]
    for event in found:
        number = str(event["schema"])
        assert number == "bhuman.event/1"
        schemas.require_valid({**event, "schema": number})
    return found


def test_what_happened_is_told_once_in_order_with_a_cursor(desk: Desk, service: PlainService) -> None:
    service.shape = lambda record: {**record, "status": "failed", "url": ""} if record["row_index"] == 1 else record
    desk.people(3)
    desk.render("people.csv")
    told = lines(desk.run("events", "--json").out)
    assert [event["event"] for event in told[:3]] == ["accepted"] * 3
    assert sorted(str(event["event"]) for event in told[3:]) == ["failed", "finished", "finished"]
    assert {event["id"] for event in told} == {item["id"] for item in service.accepted}
    cursors = [int(str(event["cursor"])) for event in told]
    assert cursors == sorted(set(cursors))
    assert lines(desk.run("events", "--json", "--since", str(cursors[-2])).out) == told[-1:]
    desk.people(4)
    desk.render("people.csv")
    assert [event["event"] for event in lines(desk.run("events", "--json", "--since", str(cursors[-1])).out)] == [
        "accepted", "finished",
    ]  # fmt: skip


def test_who_follows_reads_what_happens_until_told_to_end(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    desk.render("people.csv")
    words = [sys.executable, "-m", "bhuman_cli", "events", "--json", "--follow"]
    with subprocess.Popen(words, cwd=desk.folder, env=desk.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = lines(process.stdout.readline() + process.stdout.readline())
        desk.people(2)
        desk.render("people.csv")
        told += lines(process.stdout.readline() + process.stdout.readline())
        process.terminate()
        assert process.wait(30) == 143
    assert [event["event"] for event in told] == ["accepted", "finished"] * 2
    assert [event["id"] for event in told] == [video["id"] for video in service.accepted for _ in range(2)]


def test_a_doubt_is_an_event(desk: Desk, service: PlainService) -> None:
    service.posts = [lambda _: plain_service.reply(500, {"error": "later"})]
    desk.people(2)
    assert desk.render("people.csv").code == 9
    assert [event["event"] for event in lines(desk.run("events", "--json").out)] == ["doubt", "doubt"]


@pytest.mark.parametrize(
    ("code", "rows", "wishes", "is_told"),
    [
        (0, {"succeeded": 5}, {"on": ("finished",)}, True),
        (0, {"succeeded": 5}, {}, False),
        (9, {}, {}, True),
        (7, {}, {"on": ("refused",)}, True),
        (7, {}, {"on": ("failed",)}, False),
        (5, {"failed": 1, "succeeded": 9}, {"failed_share": 0.1}, True),
        (5, {"failed": 1, "succeeded": 99}, {"failed_share": 0.1}, False),
        (8, {}, {}, True),
        (6, {}, {}, False),
        (130, {}, {}, False),
    ],
)
def test_who_is_told_of_which_end(code: int, rows: dict[str, int], wishes: dict[str, object], is_told: bool) -> None:
    assert notifications.is_told(wishes, code, rows, has_news=True) is is_told


def test_a_quiet_end_is_told_only_if_wanted() -> None:
    wishes = {"on": ("finished",)}
    assert not notifications.is_told(wishes, 0, {}, has_news=False)
    assert notifications.is_told({**wishes, "empty": True}, 0, {}, has_news=False)


def test_pings_and_messages_reach_their_receivers_and_change_no_exit_code(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    with webhooks.receiving() as receiver:
        port = receiver.url.split(":")[2].partition("/")[0]
        desk.home.mkdir()
        (desk.home / "config.toml").write_text(
            f'[notify]\nurls = ["json://127.0.0.1:{port}/hook"]\nping = "http://127.0.0.1:{port}/ping"\n'
            'on = ["finished", "refused"]\n'
        )
        assert desk.render("people.csv", "--max-rows", "1").code == 7
        assert desk.render("people.csv").code == 0
        assert receiver.pinged == ["/ping/start", "/ping/7", "/ping/start", "/ping"]
        said = [str(event["message"]) for event in receiver.events]
        assert ["exit 7" in said[0], "2 succeeded" in said[1]] == [True, True]
        assert "Name0" not in json.dumps(receiver.events)
    desk.people(3)
    gone = desk.render("people.csv")
    assert (gone.code, len(service.accepted)) == (0, 3)
    assert "could not be sent" in gone.err
    assert port not in gone.err, "addresses are secrets"


def test_what_is_told_names_the_run_and_nobody() -> None:
    said = notifications.words(5, Talk(run_id="r1", rows={"failed": 2}))
    assert ("run r1" in said, "2 failed" in said) == (True, True)


def test_a_mistyped_setting_of_notify_is_2(desk: Desk) -> None:
    desk.people(1)
    desk.home.mkdir()
    (desk.home / "config.toml").write_text("[notify]\nurl = ['x://y']\n")
    ended = desk.render("people.csv")
    assert (ended.code, "did you mean urls" in ended.err) == (2, True)
