"""`render --download`: who asked for files is told by the exit code when one is missing."""

from __future__ import annotations

import pytest

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def test_a_missing_file_is_in_the_exit_code_and_has_a_command_that_helps(desk: Desk, service: PlainService) -> None:
    service.shape = lambda record: record | {"url": f"{service.url}/gone/{record['text'][0]}.mp4"}
    desk.people(2)
    ended = desk.render("people.csv", "--download", "my media", "--json")
    assert (ended.code, ended.rows["succeeded"], ended.document["exit_code"]) == (5, 2, 5)
    again = f"bhuman download {ended.document['run_id']} --to 'my media'"
    assert (ended.document["next"], ended.error["code"], ended.error["hint"]) == (again, "rows_failed", again)
    assert "every row succeeded, but some files could not be fetched" in ended.error["message"]
    assert desk.run("resume", ended.document["run_id"]).code == 0, "the rows themselves are complete"


@pytest.mark.parametrize("place", ["people.csv", "people.csv/media"])
def test_a_folder_that_can_not_be_one_is_refused_before_anything_is_paid(
    desk: Desk, service: PlainService, place: str
) -> None:
    desk.people(2)
    ended = desk.render("people.csv", "--download", place)
    assert (ended.code, service.bodies) == (2, [])
    assert "--download" in ended.err


def test_a_dead_link_is_asked_for_with_a_key_where_the_service_wants_one(desk: Desk, service: PlainService) -> None:
    service.shape = lambda record: record | {"url": f"{service.url}/gone.mp4"}
    desk.people(1)
    assert desk.render("people.csv").code == 0
    service.seen.clear()
    service.get = lambda *_: plain_service.reply(401, {"error": "who?"})  # type: ignore[method-assign]
    assert desk.run("download", "people.csv").code == 5
    by_id = [auth[:6] for _, path, auth in service.seen if path.endswith("generated_video_by_id")]
    assert by_id == ["", "Basic "]
    assert {auth for _, path, auth in service.seen if path == "/gone.mp4"} == {""}
