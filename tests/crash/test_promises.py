"""The real command and the promise about money, where a journal, a file, a key, a signal or a disk is not as usual."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.support import plain_service, small_template, terminal
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def texts(service: PlainService) -> list[str]:
    return [item["text"][0] for item in service.accepted]


class Gate:
    """A POST that is accepted and answered only when the test says so."""

    def __init__(self, service: PlainService) -> None:
        self._service = service
        self.arrived = threading.Event()
        self.may_answer = threading.Event()
        self.answers = True

    def __call__(self, body: dict[str, Any]) -> plain_service.Reply | None:
        ids = self._service.accept(body)
        self.arrived.set()
        assert self.may_answer.wait(30)
        return plain_service.reply(200, {"code": 200, "result": ids}) if self.answers else None


def begun(desk: Desk, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bhuman_cli", *arguments],
        cwd=desk.folder, env=desk.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_declined_plan_is_never_paid_by_resume(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    command = [sys.executable, "-m", "bhuman_cli", "render", "people.csv"]
    with terminal.terminal(command, folder=desk.folder, env=desk.environment()) as screen:
        screen.wait_for("Submit 3 rows")
        screen.type("n\r")
        assert screen.end() == 0
    assert desk.run("resume", "--all").code == 0
    assert desk.run("resume").code == 0
    assert service.bodies == []


def test_rows_deleted_from_the_file_are_not_sent_by_an_older_run(desk: Desk, service: PlainService) -> None:
    desk.people(4)
    service.posts = [plain_service.refusing(429, Retry_After="3600")]
    older = desk.render("people.csv", "--chunk-size", "2", "--json")
    assert (older.code, older.rows["pending"]) == (6, 4)
    desk.people(1)
    assert desk.render("people.csv").code == 0
    assert desk.run("resume", "--all").code == 0
    assert desk.run("resume", older.document["run_id"], "--poll-interval", "0.05").code in {0, 6}
    assert texts(service) == ["Name0"]


def test_other_keys_order_sizes_and_callbacks_do_not_pay_again(desk: Desk, service: PlainService) -> None:
    people = [(f"Name{at}", f"Company {at}") for at in range(4)]
    desk.table("people.csv", people)
    assert desk.render("people.csv").code == 0
    desk.table("people.csv", [(b, a) for a, b in reversed(people)], header=("company", "first_name"))
    url = f"{service.url}/hook"
    ended = desk.render("people.csv", "--chunk-size", "1", "--callback-url", url, "--json")
    assert (ended.code, ended.rows["reused"], ended.rows["submitted"]) == (0, 4, 0)
    rotated = {"BHUMAN_API_KEY_ID": None, "BHUMAN_API_KEY_SECRET": None, "BHUMAN_TOKEN": plain_service.TOKEN}
    assert desk.render("people.csv", "--json", env=rotated).code in {0, 4}
    assert len(service.bodies) == 1


def test_two_runs_at_once_one_works_and_one_names_it(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    gate = Gate(service)
    service.posts = [gate]
    first = begun(desk, "render", "people.csv", "--poll-interval", "0.05")
    assert gate.arrived.wait(30)
    second = desk.render("people.csv", "--json")
    third = desk.run("resume", "--all")
    gate.may_answer.set()
    first.communicate(timeout=30)
    assert (second.code, second.error["code"]) == (7, "locked")
    assert f"process {first.pid}" in second.error["message"]
    assert (third.code, "is skipped" in third.err) == (0, True)
    assert (first.returncode, len(service.accepted)) == (0, 2)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_request_in_flight(
    desk: Desk, service: PlainService, number: signal.Signals, code: int
) -> None:
    desk.people(4)
    gate = Gate(service)
    service.posts = [gate]
    running = begun(desk, "render", "people.csv", "--chunk-size", "2", "--poll-interval", "0.05")
    assert gate.arrived.wait(30)
    running.send_signal(number)
    assert running.stderr is not None
    while b"stopping after the request in flight" not in running.stderr.readline():
        assert running.poll() is None
    gate.may_answer.set()
    _, said = running.communicate(timeout=30)
    assert running.returncode == code
    assert b"bhuman resume r" in said
    assert texts(service) == ["Name0", "Name1"]
    assert desk.column("status") == ["queued", "queued", "pending", "pending"]
    assert desk.run("resume", "--poll-interval", "0.05").code == 0
    assert sorted(texts(service)) == ["Name0", "Name1", "Name2", "Name3"]


def test_a_second_signal_leaves_at_once_and_the_request_is_in_doubt(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    gate = Gate(service)
    service.posts = [gate]
    running = begun(desk, "render", "people.csv", "--poll-interval", "0.05")
    assert gate.arrived.wait(30)
    running.send_signal(signal.SIGTERM)
    assert running.stderr is not None
    while b"stopping after the request in flight" not in running.stderr.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    gate.answers = False
    gate.may_answer.set()
    assert running.returncode == 9, "interrupted with something in doubt"
    assert desk.run("resume").code == 9
    assert desk.render("people.csv").code == 9
    assert len(service.accepted) == 2


def test_a_journal_of_a_newer_version_is_left_alone(desk: Desk, service: PlainService) -> None:
    import sqlite3

    desk.people(1)
    assert desk.render("people.csv").code == 0
    with sqlite3.connect(desk.home / "journal.sqlite3") as journal:
        journal.execute("PRAGMA user_version=999")
    journal.close()
    desk.people(2)
    ended = desk.render("people.csv", "--json")
    assert (ended.code, ended.error["code"]) == (8, "journal")
    assert "newer" in ended.error["message"]
    assert desk.run("resume", "--all").code == 8
    assert len(service.bodies) == 1


def test_a_damaged_journal_is_said_and_nothing_is_sent(desk: Desk, service: PlainService) -> None:
    desk.people(30)
    assert desk.render("people.csv").code == 0
    path = desk.home / "journal.sqlite3"
    whole = bytearray(path.read_bytes())
    whole[4096:20480] = os.urandom(16384)
    path.write_bytes(bytes(whole))
    desk.people(31)
    ended = desk.render("people.csv", "--json", "--accept-changes")
    assert (ended.code, ended.error["code"]) == (8, "journal")
    assert len(service.bodies) == 1


def test_a_full_disk_before_the_request_is_eight_and_nothing_is_sent(desk: Desk, service: PlainService) -> None:
    """The journal may not grow beyond a limit of the operating system's: the same as a full disk."""
    desk.people(600)
    limited = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({200 * 1024},) * 2)\n" + RUN
    ended = subprocess.run(
        [sys.executable, "-c", limited, "render", "people.csv", "--json"],
        cwd=desk.folder, env=desk.environment(), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 8, ended.stderr.decode()[-500:]
    assert b'"journal"' in ended.stderr
    assert service.bodies == []
    assert desk.render("people.csv").code == 0
    assert len(service.accepted) == 600


RUN = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from bhuman_cli.__main__ import main
sys.exit(main())
"""


def test_secrets_are_nowhere(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    service.posts = [lambda body: plain_service.reply(500, {"error": f"key {plain_service.SECRET}"})]
    ended = desk.render("people.csv", "--json", "--log-file", "log.txt")
    assert ended.code == 9
    places = [ended.out.encode(), ended.err.encode()]
    places += [
        path.read_bytes() for path in desk.folder.rglob("*") if path.is_file() and path.name != "journal.sqlite3"
    ]
    assert not any(plain_service.SECRET.encode() in place for place in places)


def test_the_embedded_studio_is_one_service_whatever_its_port(desk: Desk) -> None:
    small_template.write(desk.folder).rename(desk.folder / "bhuman-template.toml")
    desk.table("people.csv", [("Ada",)], header=("first_name",))
    first = desk.run("render", "people.csv", "--local", "--json", "--progress", "none")
    assert (first.code, first.rows["submitted"]) == (0, 1)
    again = desk.run("render", "people.csv", "--local", "--json", "--progress", "none")
    assert (again.code, again.rows["submitted"], again.rows["reused"]) == (0, 0, 1)
