"""Every request fault against every kind of answer: nothing raises, and what is not meant stays as it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bhuman_cli.studio import http_answer
from bhuman_cli.studio.faults import catalogue, effects, grammar

RECORD = {
    "id": "1b1f4dd7-39a4-4d3b-a0a1-0f1a4b3c2d1e",
    "status": "succeeded",
    "url": "u",
    "share_url": "s",
    "thumbnail": "t",
    "gif": "g",
    "message": "",
    "execution_name": "e",
    "row_index": 0,
    "text": ["ann"],
    "checksum": 1,
    "created_at": "2026-11-21T19:00:00.000Z",
    "updated_at": "2026-11-21T19:00:01.000Z",
}
WAITING = {**{key: value for key, value in RECORD.items() if key != "share_url"}, "status": "queued", "url": None}
AROUND = effects.Surroundings(
    now=datetime(2026, 11, 21, 19, 0, 2, tzinfo=UTC), earlier_ids=["x"], earlier_record=WAITING
)
ANSWERS = {
    "ids": http_answer.success(["a", "b", "c"]),
    "no ids": http_answer.success([]),
    "record": http_answer.success(RECORD),
    "unfinished": http_answer.success(WAITING),
    "page": http_answer.success({"total": 2, "videos": [RECORD, WAITING]}),
    "empty page": http_answer.success({"total": 0, "videos": []}),
    "things": http_answer.success([{"id": "x"}]),
    "refused": http_answer.refusal(400, "no"),
    "unknown": http_answer.refusal(404, "not found"),
    "misshapen": http_answer.HttpAnswer(status=422, body=b'{"detail":[{"msg":"no"}]}'),
    "quota": http_answer.quota(),
    "not JSON": http_answer.HttpAnswer(status=200, body=b"<html>", content_type="text/html"),
}


def variants(action: catalogue.Action) -> list[str]:
    """Return the action with each word that each of its options allows."""
    name = "418" if action.name == "status" else action.name
    words = [f"{key}={word}" for key, kind in action.options.items() if "|" in kind for word in kind.split("|")]
    flags = [key for key, kind in action.options.items() if kind == "flag"]
    return [name, *(f"{name} {word}" for word in [*words, *flags])]


ALL = [spelled for action in catalogue.ACTIONS if action.where == "request" for spelled in variants(action)]


@pytest.mark.parametrize("spelled", ALL)
def test_every_fault_takes_every_answer(spelled: str) -> None:
    fault = grammar.parse(f"*: {spelled}")
    effects.early(fault)
    for answer in ANSWERS.values():
        changed = effects.late(fault, answer, AROUND)
        assert isinstance(changed.body, bytes)
        assert 100 <= changed.status <= 599


@pytest.mark.parametrize(
    "spelled", ["row-index", "text", "short-ids", "list-lag n=1", "missing", "dates", "envelope shape=bare"]
)
def test_refusals_are_not_touched_by_faults_of_good_answers(spelled: str) -> None:
    fault = grammar.parse(f"*: {spelled}")
    for name in ("refused", "unknown", "misshapen", "quota", "not JSON"):
        assert effects.late(fault, ANSWERS[name], AROUND) == ANSWERS[name]


def result(spelled: str, name: str) -> Any:
    return json.loads(effects.late(grammar.parse(f"*: {spelled}"), ANSWERS[name], AROUND).body)["result"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [("naive", "2026-11-21T19:00:00"), ("blank", "2026-11-21 19:00:00"), ("epoch", 1795287600)],
)
def test_dates(form: str, expected: Any) -> None:
    assert result(f"dates is={form}", "record")["created_at"] == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("bare", {"total": 2, "videos": [RECORD, WAITING]}),
        ("list", [RECORD, WAITING]),
        ("result-list", {"code": 200, "result": [RECORD, WAITING]}),
        ("videos", {"code": 200, "result": {"total": 2, "videos": [RECORD, WAITING]}}),
    ],
)
def test_a_list_keeps_its_records_in_every_envelope(shape: str, expected: Any) -> None:
    answer = effects.late(grammar.parse(f"*: envelope shape={shape}"), ANSWERS["page"], AROUND)
    assert json.loads(answer.body) == expected


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(status: int) -> None:
    answer = effects.early(grammar.parse(f"*: {status}"))
    assert answer is not None
    assert (answer.status, answer.body) == (status, b"")


def test_a_lag_in_seconds_hides_the_young() -> None:
    assert result("list-lag seconds=5", "page") == {"total": 0, "videos": []}
    assert result("list-lag seconds=1", "page")["total"] == 2


def test_unfinished_records_keep_their_word() -> None:
    assert result("status-word", "unfinished")["status"] == "queued"
    assert result("status-word word=done", "record")["status"] == "done"
