"""`status RUN` asks the service how the run's unfinished videos stand, and leaves nothing behind that is not true."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def unfinished(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"status": "processing", "url": None}


def begun(desk: Desk, service: PlainService, count: int) -> str:
    service.shape = unfinished
    desk.people(count)
    started = desk.render("people.csv", "--no-wait", "--json")
    assert started.code == 0
    service.seen.clear()
    return str(started.document["run_id"])


def test_what_finished_meanwhile_is_in_the_answer_and_in_the_table(desk: Desk, service: PlainService) -> None:
    run_id = begun(desk, service, 25)
    service.shape = lambda record: record
    looked = desk.run("status", run_id, "--json")
    assert (looked.code, looked.document["rows"], looked.document["state"]) == (
        0, {"total": 25, "succeeded": 25}, "finished",
    )  # fmt: skip
    assert set(desk.column("status")) == {"succeeded"}
    asked = len(service.seen)
    assert desk.run("status", run_id).code == 0
    assert len(service.seen) == asked, "what is finished is not asked about again"
    assert len(service.bodies) == 1


def test_what_is_not_finished_costs_few_questions(desk: Desk, service: PlainService) -> None:
    run_id = begun(desk, service, 60)
    looked = desk.run("status", run_id, "--json")
    assert (looked.code, looked.document["state"]) == (6, "unfinished")
    assert 1 <= len(service.seen) <= 12


def test_watching_ends_when_the_service_is_through(desk: Desk, service: PlainService) -> None:
    run_id = begun(desk, service, 3)
    with subprocess.Popen(
        [sys.executable, "-m", "bhuman_cli", "status", run_id, "--watch", "--interval", "0.2s", "--json"],
        cwd=desk.folder, env=desk.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as watching:  # fmt: skip
        while len(service.seen) < 3:
            assert watching.poll() is None
        service.shape = lambda record: record
        assert watching.wait(30) == 0
        assert watching.stdout is not None
        assert json.loads(watching.stdout.read())["exit_code"] == 0, "one document, at the end"
    assert set(desk.column("status")) == {"succeeded"}


@pytest.mark.parametrize("broken", ["away", "closed"])
def test_without_the_service_the_journal_answers(desk: Desk, service: PlainService, broken: str) -> None:
    run_id = begun(desk, service, 3)
    code = {"away": 503, "closed": 401}[broken]
    service.get = lambda *_: (code, {"Content-Type": "application/json"}, b"{}")  # type: ignore[method-assign]
    looked = desk.run("status", run_id, "--json")
    assert (looked.code, looked.document["rows"]) == (6, {"total": 3, "processing": 3})


def test_a_generation_is_asked_where_it_was_made(desk: Desk, service: PlainService) -> None:
    """Whoever knows an id can open its video: no other service may learn it."""
    begun(desk, service, 1)
    key = service.accepted[0]["id"]
    looked = desk.run("status", key, "--json", env={"BHUMAN_BASE_URL": "http://127.0.0.1:9"})
    assert (looked.code, looked.document["status"]) == (6, "processing")
    assert [path for _, path, _ in service.seen] == ["/api/ai_studio/generated_video_by_id"]


@pytest.mark.parametrize(("named", "keys"), [(True, 1), (False, 0)])
def test_keys_of_the_environment_go_to_the_service_it_names_alone(
    desk: Desk, service: PlainService, named: bool, keys: int
) -> None:
    """A run's service that is not open by id is asked again with a key, if that key is meant for it."""
    begun(desk, service, 1)
    key = service.accepted[0]["id"]
    service.get = lambda *_: plain_service.reply(401, {"error": "who?"})  # type: ignore[method-assign]
    looked = desk.run("status", key, env={} if named else {"BHUMAN_BASE_URL": "http://127.0.0.1:9"})
    assert looked.code == 6
    assert len([auth for _, _, auth in service.seen if auth]) == keys


def test_looking_turns_no_render_away(desk: Desk, service: PlainService) -> None:
    """The service is slow to answer a look; a render that begins meanwhile is not told that the target is busy."""
    run_id = begun(desk, service, 2)
    asked, answer = threading.Event(), service.get
    gate = threading.Event()

    def slow(*arguments: Any) -> Any:
        if not asked.is_set():
            asked.set()
            gate.wait(30)
        return answer(*arguments)

    service.get = slow  # type: ignore[assignment, method-assign]
    with subprocess.Popen(
        [sys.executable, "-m", "bhuman_cli", "status", run_id], cwd=desk.folder, env=desk.environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as looking:  # fmt: skip
        assert asked.wait(30)
        service.shape = lambda record: record
        ended = desk.render("people.csv")
        gate.set()
        assert looking.wait(30) == 0
    assert ended.code == 0, ended.err
    assert not list(desk.folder.glob("*.bak"))
