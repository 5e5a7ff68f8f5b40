"""Answers of shapes nobody documents: every command survives them, shows what is there, and claims nothing else."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.cli.account.conftest import Here
from tests.support.servers import byte_server, reply

ID = "c10ee155-6202-4cec-9a40-dde536e2ab4e"
EVIL = "\x9b31m \u202e \x1b[31m"


def said(payload: Any, status: str = "200 OK") -> bytes:
    return reply(json.dumps(payload).encode(), status=status)


@pytest.mark.parametrize(
    ("argv", "payload", "lines"),
    [
        (("campaigns", "list"), [{"campaign_id": "x", "title": "T"}], ["x\tT"]),
        (("instances", "list"), {"result": {"video_instances": [{"id": "i", "label": "L"}]}}, ["i\tL"]),
        (("webhooks", "list"), {"result": ["https://h.example/1", None, 5]}, ["https://h.example/1", "5"]),
        (("webhooks", "list"), {"result": [{}, {"a": {"b": 1}}]}, []),
        (("import-speakeasy",), {"data": {"items": [{"project_id": 7, "title": "P"}]}}, ["7\tP"]),
        (("campaigns", "show", ID), {"campaign_id": "x", "title": EVIL}, ["campaign_id\tx", "title\t�31m � �[31m"]),
    ],
)
def test_other_names_are_shown(here: Here, argv: tuple[str, ...], payload: Any, lines: list[str]) -> None:
    with byte_server(said(payload)) as server:
        ended = here(*argv, BHUMAN_BASE_URL=server.url)
    assert (ended.code, ended.out.splitlines()) == (0, lines), ended.err
    assert ended.err == ("" if lines else "2 records without a plain field; --json shows them\n")


@pytest.mark.parametrize(
    ("argv", "done"),
    [
        (("webhooks", "create", "--name", "n", "--url", "https://h.example"), "saved the webhook"),
        (("campaigns", "create", "--name", "n"), "created the campaign"),
        (("instances", "update", ID, "--name", "n"), "changed the video instance"),
        (("import-speakeasy", "P"), "imported"),
    ],
)
def test_a_change_is_not_called_a_failure_for_its_answer(here: Here, argv: tuple[str, ...], done: str) -> None:
    for answer, out in ((reply(b"", status="201 Created"), ""), (said({"code": 200, "result": "new-id"}), "new-id\n")):
        with byte_server(answer) as server:
            ended = here(*argv, BHUMAN_BASE_URL=server.url)
        assert (ended.code, ended.out, ended.err) == (0, out, f"{done}\n")
    with byte_server(reply(b"<html>")) as server:
        assert here(*argv, BHUMAN_BASE_URL=server.url).code == 9


@pytest.mark.parametrize(
    "argv", [("campaigns", "list"), ("import-speakeasy", "P"), ("api", "GET", "x"), ("api", "GET", "x", "--paginate")]
)
def test_json_is_one_document_that_no_terminal_obeys(here: Here, argv: tuple[str, ...]) -> None:
    with byte_server(said([{"id": EVIL}])) as server:
        ended = here(*argv, "--json", BHUMAN_BASE_URL=server.url)
    assert EVIL in _texts(json.loads(ended.out))
    assert ended.out.rstrip("\n").isprintable()


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("argv", "body", "code", "out"),
    [
        (("GET", "x"), b"<html>", 8, ""),
        (("GET", "x"), b"", 0, "null\n"),
        (("DELETE", "x", "--yes"), b"", 0, "null\n"),
        (("POST", "x", "--yes"), b"<html>", 9, ""),
        (("GET", "x"), '{"a": "Zoë"}'.encode("utf-16"), 0, '{"a": "Zoë"}\n'),
    ],
)
def test_any_other_endpoint_as_json(here: Here, argv: tuple[str, ...], body: bytes, code: int, out: str) -> None:
    with byte_server(reply(body)) as server:
        ended = here("api", *argv, "--json", BHUMAN_BASE_URL=server.url)
    assert (ended.code, ended.out) == (code, out)


def test_a_redirect_and_too_many_questions_are_a_service_that_is_down(here: Here) -> None:
    for status in ("302 Found", "429 Too Many Requests"):
        for argv in (("api", "GET", "x"), ("webhooks", "list")):
            with byte_server(*[said({"error": "x"}, status)] * 3) as server:
                assert here(*argv, BHUMAN_BASE_URL=server.url).code == 8, (status, argv)


def test_the_same_page_for_ever_is_counted_once(here: Here) -> None:
    videos = [{"id": str(uuid.UUID(int=number)), "status": "succeeded"} for number in range(100)]
    for payload in ({"videos": videos}, videos, {"total": 5_000, "videos": videos}):
        with byte_server(*[said(payload)] * 3) as server:
            ended = here("status", ID, "--kind", "campaign", "--json", BHUMAN_BASE_URL=server.url)
        assert (ended.code, ended.document["rows"]) == (0, {"total": 100, "succeeded": 100})


def test_what_can_t_be_read_of_a_list_is_not_finished(here: Here) -> None:
    with byte_server(said({"videos": [{"id": 7, "status": "succeeded"}, {"status": "failed"}]})) as server:
        ended = here("status", ID, "--kind", "instance", "--json", BHUMAN_BASE_URL=server.url)
    assert (ended.code, ended.document["rows"]) == (6, {"total": 2, "unreadable": 2})
    with byte_server(said({"ok": True})) as server:
        assert here("status", ID, "--kind", "instance", BHUMAN_BASE_URL=server.url).code == 8


def test_an_id_of_neither_word_is_looked_for_under_both(here: Here) -> None:
    answers = [said({}, "404 No")] * 3  # one for each spelling of the id
    answers += [said({"result": []}), said({"result": [{"id": ID, "status": "failed"}]})]
    with byte_server(*answers) as server:
        ended = here("status", ID, "--json", BHUMAN_BASE_URL=server.url)
    assert (ended.code, ended.document["kind"]) == (5, "instance")
