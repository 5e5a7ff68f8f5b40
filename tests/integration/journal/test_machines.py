"""Several machines with one journal on a real server: the real command, two homes, one memory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bhuman_cli.callbacks.store import NAME, EventStore
from bhuman_cli.clock import SystemClock
from bhuman_cli.journal.engine.postgres import PostgresJournal
from tests.support import listener, plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService
from tests.support.postgres import Server, running


@pytest.fixture
def machines(tmp_path: Path, service: PlainService, postgres: Server) -> tuple[Desk, Desk]:
    """Two machines: each with a home and a folder of its own, and the same journal."""
    address = postgres.url()
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        desk = Desk(tmp_path / name, service.url)
        desk.env |= {"BHUMAN_JOURNAL": address, "BHUMAN_FIRST": "0"}
        made.append(desk)
    return made[0], made[1]


def test_what_one_machine_paid_the_other_does_not_pay_again(machines: tuple[Desk, Desk], service: PlainService) -> None:
    one, two = machines
    one.people(4)
    assert one.render("people.csv").code == 0
    two.people(6)
    dry = two.run("render", "people.csv", "--dry-run", "--json")
    assert (dry.document["plan"]["new"], dry.document["plan"]["reused"]) == (2, 4)
    again = two.render("people.csv", "--json")
    assert (again.code, again.rows["submitted"], again.rows["reused"]) == (0, 2, 4)
    assert len(service.accepted) == 6
    assert all(two.column("url"))
    assert not (two.home / "journal.sqlite3").exists()
    listed = json.loads(one.run("runs", "--json").out)["runs"]
    assert len(listed) == 2
    assert one.run("resume", "--all").code == 0


def test_a_target_that_another_machine_works_on_is_locked_and_its_holder_named(
    machines: tuple[Desk, Desk], service: PlainService
) -> None:
    one, two = machines
    one.people(2)
    service.shape = lambda record: {**record, "status": "processing", "url": ""}
    holder = subprocess.Popen(
        [sys.executable, "-m", "bhuman_cli", "render", "people.csv", "--poll-interval", "0.2"],
        cwd=one.folder, env=one.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: len(service.bodies) == 1)
        two.people(3)
        refused = two.render("people.csv", "--json")
        assert (refused.code, refused.error["code"]) == (7, "locked")
        assert f"process {holder.pid}" in refused.error["message"]
    finally:
        holder.terminate()
        holder.wait(30)
    assert len(service.bodies) == 1


def test_a_machine_that_stood_still_sends_nothing_under_its_old_lock(
    machines: tuple[Desk, Desk], service: PlainService, postgres: Server
) -> None:
    """It stops between two requests, its connection is cut, another machine does the whole run, and it wakes."""
    one, two = machines
    one.people(4)
    two.people(4)
    stopped: list[int] = []

    def stand_still(body: dict[str, list[list[str]]]) -> plain_service.Reply:
        ids = service.accept(body)
        os.kill(holder.pid, signal.SIGSTOP)
        stopped.append(1)
        return plain_service.reply(200, {"code": 200, "result": ids})

    service.posts = [stand_still]
    holder = subprocess.Popen(
        [sys.executable, "-m", "bhuman_cli", "render", "people.csv", "--chunk-size", "1", "--poll-interval", "0.1"],
        cwd=one.folder, env=one.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(lambda: bool(stopped))
    time.sleep(0.2)
    cut_connections(postgres)
    ended = two.render("people.csv", "--json")
    assert ended.code == 9, "the request of the other machine is open: nobody knows its answer here"
    os.kill(holder.pid, signal.SIGCONT)
    holder.communicate(timeout=60)
    assert two.run("resume", "--all", "--poll-interval", "0.1").code in {0, 9}
    texts = [tuple(text) for text in service.texts()]
    assert sorted(texts) == sorted(set(texts)), "nothing is paid twice"


def test_no_journal_no_request(machines: tuple[Desk, Desk], service: PlainService) -> None:
    one, _ = machines
    one.people(1)
    down = one.render("people.csv", "--json", env={"BHUMAN_JOURNAL": "postgresql://me:geheim@127.0.0.1:9/none"})
    assert (down.code, down.error["code"]) == (8, "journal")
    assert "no connection to its server" in down.error["message"]
    assert "geheim" not in down.err + down.out
    wrong = one.render("people.csv", env={"BHUMAN_JOURNAL": "mysql://x/y"})
    assert wrong.code == 2
    assert service.bodies == []


def test_a_server_that_dies_with_the_answer_under_way_loses_no_id(tmp_path: Path, service: PlainService) -> None:
    with running() as server:
        desk = Desk(tmp_path, service.url)
        desk.env |= {"BHUMAN_JOURNAL": server.url("kept"), "BHUMAN_FIRST": "0"}
        desk.people(3)

        def die(body: dict[str, list[list[str]]]) -> plain_service.Reply:
            ids = service.accept(body)
            server.stop("immediate")
            return plain_service.reply(200, {"code": 200, "result": ids})

        service.posts = [die]
        sender = subprocess.Popen(
            [sys.executable, "-m", "bhuman_cli", "render", "people.csv", "--poll-interval", "0.1"],
            cwd=desk.folder, env=desk.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for(lambda: any(desk.home.glob("bhuman-answer-*")))
        sender.terminate()
        _, said = sender.communicate(timeout=60)
        assert sender.returncode == 9, said
        server.start()
        ended = desk.run("resume", "--all", "--poll-interval", "0.1")
        assert ended.code == 0, ended.err
        assert len(service.accepted) == 3 == len(set(desk.column("id")))
        assert not any(desk.home.glob("bhuman-answer-*")), "it is in the journal now"


def test_the_whole_journal_moves_and_the_old_one_pays_no_more(
    tmp_path: Path, service: PlainService, postgres: Server
) -> None:
    desk = Desk(tmp_path, service.url)
    desk.env["BHUMAN_FIRST"] = "0"
    desk.people(5)
    assert desk.render("people.csv").code == 0
    address = postgres.url()
    moved = desk.run("journal", "copy", "--to", address, "--json")
    assert moved.code == 0, moved.err
    assert moved.document["rows"]["claim"] == 5
    second = desk.run("journal", "copy", "--to", address)
    assert second.code == 2
    assert "is not empty" in second.err
    desk.people(6)
    refused = desk.render("people.csv", "--json")
    assert (refused.code, refused.error["code"]) == (7, "old_journal")
    assert "postgresql://postgres@127.0.0.1" in refused.error["message"]
    there = {"BHUMAN_JOURNAL": address}
    paid = desk.render("people.csv", "--json", env=there)
    assert (paid.code, paid.rows["submitted"], paid.rows["reused"]) == (0, 1, 5)
    back = desk.run("journal", "copy", "--to", str(tmp_path / "back.sqlite3"), "--json", env=there)
    assert back.code == 0, back.err
    assert back.document["rows"]["claim"] == 6
    assert desk.run("journal", "check", env=there).code == 0
    shown = desk.run("journal", "show", "--json", env=there)
    assert shown.document["counts"]["claim"] == 6
    assert shown.document["moved_to"] == str(tmp_path / "back.sqlite3")
    assert len(service.accepted) == 6


def test_another_journal_s_payments_are_added_and_its_open_request_is_in_doubt(
    tmp_path: Path, service: PlainService, postgres: Server
) -> None:
    laptop = Desk(tmp_path, service.url)
    laptop.env["BHUMAN_FIRST"] = "0"
    laptop.people(2)
    assert laptop.render("people.csv").code == 0

    def lose(body: dict[str, list[list[str]]]) -> None:
        service.accept(body)

    service.posts = [lose]
    laptop.people(1, "late.csv", start=70)
    assert laptop.render("late.csv").code == 9
    there = {"BHUMAN_JOURNAL": postgres.url()}
    fresh = laptop.render("people.csv", "--json", env=there)
    assert (fresh.code, fresh.error["code"]) == (7, "old_journal"), "this machine has seen more than an empty journal"
    added = laptop.run("journal", "add", "--from", str(laptop.home), "--json", env=there)
    assert added.code == 0, added.err
    assert (added.document["payments"], added.document["in_doubt"]) == (2, 1)
    again = laptop.run("journal", "add", "--from", str(laptop.home), "--json", env=there)
    assert (again.document["payments"], again.document["in_doubt"]) == (0, 0)
    (laptop.folder / "people.results.csv").unlink()
    known = laptop.render("people.csv", "--json", env=there)
    assert (known.code, known.rows["submitted"], known.rows["reused"]) == (0, 0, 2)
    assert laptop.render("late.csv", env=there).code == 9, "not sent again"
    assert len(service.accepted) == 3


def test_a_receiver_on_one_machine_serves_the_renders_of_another(
    machines: tuple[Desk, Desk], service: PlainService
) -> None:
    """And who is forgotten on one machine is forgotten in the database: rows, links, callbacks."""
    one, two = machines
    two.people(2)
    service.is_rendering = True
    with listener.running(one.home, journal=one.env["BHUMAN_JOURNAL"]) as receiver:
        words = ("render", "people.csv", "--callback-url", receiver.callback_url, "--poll-interval", "10m")
        rendering = subprocess.Popen(
            [sys.executable, "-m", "bhuman_cli", *words],
            cwd=two.folder, env=two.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for(lambda: bool(service.accepted))
        service.is_rendering = False
        for item in service.accepted:
            assert receiver.send(receiver.request(listener.event(0, id=item["id"]))) == 200
        _, said = rendering.communicate(timeout=60)
    assert rendering.returncode == 0, said
    assert all(two.column("url"))
    assert not (one.home / NAME).exists()
    (_, gone) = [item["id"] for item in service.accepted]
    forgotten = two.run("forget", "--id", gone, "--yes", "--json")
    assert forgotten.code == 0, forgotten.err
    assert "callbacks" in forgotten.out
    with contextlib.closing(PostgresJournal(one.env["BHUMAN_JOURNAL"], SystemClock())) as journal:
        assert len(EventStore.beside(journal).since(0)) == 1
    assert one.run("spend", "--json").document["rows"][0]["paid"] == 2
    listed = json.loads(one.run("runs", "--json").out)["runs"]
    assert one.run("runs", "delete", listed[0]["run_id"], "--yes").code == 0
    with contextlib.closing(PostgresJournal(one.env["BHUMAN_JOURNAL"], SystemClock())) as journal:
        assert EventStore.beside(journal).since(0) == []
        assert journal.query_one("SELECT 1 FROM claim WHERE url <> ''") is None


def test_doctor_looks_at_the_server(machines: tuple[Desk, Desk]) -> None:
    one, _ = machines
    ended = one.run("doctor", "--json")
    servers = [item for item in ended.document["findings"] if item["check"] == "journal server"]
    assert servers
    assert all(item["verdict"] == "ok" for item in servers), servers


def wait_for(is_there: Callable[[], bool], most_s: float = 30.0) -> None:
    end_s = time.monotonic() + most_s
    while not is_there():
        assert time.monotonic() < end_s, "nothing came in time"
        time.sleep(0.02)


def cut_connections(server: Server) -> None:
    import psycopg

    with psycopg.connect(server.url().partition("?")[0], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'bhuman%'")
