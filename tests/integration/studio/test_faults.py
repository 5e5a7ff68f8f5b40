"""Every rehearsed misbehaviour of a request: what the connection shows, and what was accepted behind it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.studio import RunningStudio, running_studio

ROWS = ("A", "B", "C", "D")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    with running_studio(tmp_path) as running:
        yield running


def order_body(studio: RunningStudio, rows: tuple[str, ...] = ROWS) -> dict[str, Any]:
    return {"campaign_id": studio.campaign_id, "variables": ["first_name"], "names": [[row] for row in rows]}


def order(studio: RunningStudio, rows: tuple[str, ...] = ROWS) -> requests.Response:
    return requests.post(
        studio.api("pipeline/campaign"),
        json=order_body(studio, rows),
        headers=studio.basic,
        timeout=10,
        allow_redirects=False,
    )


def order_raw(studio: RunningStudio, *, timeout: float = 10) -> bytes:
    """Submit over a bare socket and return every byte until the connection ends."""
    body = json.dumps(order_body(studio)).encode()
    head = "".join(f"{key}: {value}\r\n" for key, value in studio.basic.items())
    address = urlsplit(studio.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=timeout) as connection:
        line = "POST /api/ai_studio/pipeline/campaign HTTP/1.1"
        request = f"{line}\r\nhost: localhost\r\n{head}content-length: {len(body)}\r\n\r\n"
        connection.sendall(request.encode() + body)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def record(studio: RunningStudio, identifier: str) -> dict[str, Any]:
    answer = requests.get(studio.api("generated_video_by_id"), params={"id": identifier}, timeout=10)
    found: dict[str, Any] = answer.json()["result"]
    return found


# --- refused before anything was accepted -----------------------------------------------------------------------------


def test_429_with_retry_after_then_well_again(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign: 429 retry-after=7 times=2"])
    answers = [order(studio) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert len(studio.accepted()) == len(ROWS)


@pytest.mark.parametrize("status", [307, 408, 500, 503])
def test_a_status_before_anything_is_looked_at(studio: RunningStudio, status: int) -> None:
    studio.faults.replace([f"POST pipeline/campaign#1: {status}"])
    answer = order(studio)
    assert answer.status_code == status
    assert ("location" in answer.headers) == (status == 307)
    assert studio.accepted() == []


@pytest.mark.parametrize(
    ("shape", "check"),
    [
        ("error", lambda answer: answer.json()["error"] == "no"),
        ("message", lambda answer: answer.json()["message"] == "no"),
        ("result-error", lambda answer: answer.json()["result"]["error"] == "no"),
        ("result", lambda answer: answer.json()["result"] == "no"),
        ("detail", lambda answer: answer.json()["detail"] == "no"),
        ("plain", lambda answer: answer.text == "no" and answer.headers["content-type"].startswith("text/plain")),
        ("html", lambda answer: answer.text.startswith("<!doctype html>")),
        ("empty", lambda answer: answer.content == b""),
    ],
)
def test_every_shape_of_an_error(studio: RunningStudio, shape: str, check: Any) -> None:
    studio.faults.replace([f"POST *: 502 shape={shape} message=no"])
    answer = order(studio)
    assert answer.status_code == 502
    assert check(answer)


def test_an_error_inside_a_200(studio: RunningStudio) -> None:
    studio.faults.replace(["POST *: 401 shape=in-200"])
    answer = order(studio)
    assert (answer.status_code, answer.json()["code"]) == (200, 401)


def test_natural_refusals_take_another_shape(studio: RunningStudio) -> None:
    studio.faults.replace(["POST *: error-body shape=message"])
    wrong = requests.post(
        studio.api("pipeline/campaign"), json={**order_body(studio), "names": [[]]}, headers=studio.basic, timeout=10
    )
    assert wrong.status_code == 400
    assert wrong.json() == {"code": 400, "message": "names[0] has 0 values for 1 variables"}
    assert order(studio).status_code == 200


@pytest.mark.parametrize(
    ("shape", "status", "code"),
    [
        ("business", 200, 1001),
        ("result-error", 200, 200),
        ("message", 200, 402),
        ("result", 200, 200),
        ("402", 402, 402),
        ("403", 403, 403),
        ("400", 400, 400),
        ("429", 429, 429),
    ],
)
def test_quota_refused_in_every_shape(studio: RunningStudio, shape: str, status: int, code: int) -> None:
    studio.faults.replace([f"POST pipeline/campaign: quota shape={shape}"])
    answer = order(studio)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "insufficient credits" in answer.text
    assert studio.accepted() == []


def test_dropped_before_acceptance(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign#1: drop-before-acceptance"])
    assert order_raw(studio) == b""
    assert studio.accepted() == []


# --- accepted, and then -----------------------------------------------------------------------------------------------


def test_dropped_after_acceptance(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign#2: drop-after-acceptance"])
    assert order(studio).status_code == 200
    assert order_raw(studio) == b""
    assert [row["request_no"] for row in studio.accepted()] == [1] * len(ROWS) + [2] * len(ROWS)
    assert [entry["status"] for entry in studio.requests()] == [200, 0]


def test_reset_after_acceptance(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign: drop-after-acceptance reset"])
    with pytest.raises(ConnectionResetError):
        order_raw(studio)
    assert len(studio.accepted()) == len(ROWS)


def test_half_a_header_block(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign: half-headers"])
    received = order_raw(studio)
    assert received.startswith(b"HTTP/1.1 200")
    assert b"\r\n\r\n" not in received
    assert len(studio.accepted()) == len(ROWS)


def test_a_body_shorter_than_announced(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign: truncated bytes=40"])
    head, _, body = order_raw(studio).partition(b"\r\n\r\n")
    announced = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    assert len(body) == 40 < announced
    assert len(studio.accepted()) == len(ROWS)


def test_a_hanging_answer_keeps_the_connection_open(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign#1: hang after-acceptance", "POST pipeline/campaign#2: hang"])
    for accepted in (len(ROWS), len(ROWS)):
        with pytest.raises(TimeoutError):
            order_raw(studio, timeout=0.3)
        assert len(studio.accepted()) == accepted


def test_a_slow_answer_is_a_good_one(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign: slow seconds=0.3"])
    answer = order(studio)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.3


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("html after-acceptance", lambda answer: answer.status_code == 200 and answer.text.startswith("<!doctype")),
        ("503 after-acceptance", lambda answer: answer.status_code == 503),
        ("empty-body", lambda answer: answer.status_code == 200 and answer.content == b""),
        (
            "cut-json bytes=50",
            lambda answer: len(answer.content) == 50 and answer.content.startswith(b'{"code":200,"result":["'),
        ),
        ("garbage", lambda answer: answer.status_code == 200 and answer.content.startswith(b"\xff\xfe")),
        ("envelope shape=no-code", lambda answer: list(answer.json()) == ["result"]),
        ("envelope shape=bare", lambda answer: isinstance(answer.json(), list)),
        ("envelope code=500", lambda answer: answer.status_code == 200 and answer.json()["code"] == 500),
    ],
)
def test_answers_that_are_hard_to_read(studio: RunningStudio, fault: str, check: Any) -> None:
    studio.faults.replace([f"POST pipeline/campaign: {fault}"])
    assert check(order(studio))
    assert len(studio.accepted()) == len(ROWS)


def test_ids_that_do_not_match_the_rows(studio: RunningStudio) -> None:
    earlier = order(studio).json()["result"]
    kinds = ["short-ids n=2", "extra-ids", "shuffled-ids", "repeated-ids", "foreign-ids", "malformed-ids"]
    found = {}
    for kind in kinds:
        studio.faults.replace([f"POST pipeline/campaign: {kind}"])
        result = order(studio).json()["result"]
        found[kind] = (result, [row["id"] for row in studio.accepted()[-len(ROWS) :]])
    assert found["short-ids n=2"][0] == found["short-ids n=2"][1][:2]
    assert found["extra-ids"][0][:4] == found["extra-ids"][1]
    assert len(found["extra-ids"][0]) == 5
    assert sorted(found["shuffled-ids"][0]) == sorted(found["shuffled-ids"][1])
    assert found["shuffled-ids"][0] != found["shuffled-ids"][1]
    assert found["repeated-ids"][0][0] == found["repeated-ids"][0][1] == found["repeated-ids"][1][0]
    assert not set(found["foreign-ids"][0]) & set(found["foreign-ids"][1])
    assert set(found["foreign-ids"][0]) <= {row["id"] for row in studio.accepted()}
    assert found["malformed-ids"][0][:2] == ["video-0", None]
    assert earlier


@pytest.mark.parametrize(("answer", "status"), [("drop", None), ("ids", 200), ("error", 500)])
def test_partly_accepted(studio: RunningStudio, answer: str, status: int | None) -> None:
    studio.faults.replace([f"POST pipeline/campaign: partly-accepted rows=3 answer={answer}"])
    if status is None:
        assert order_raw(studio) == b""
    else:
        assert order(studio).status_code == status
    assert [row["text"] for row in studio.accepted()] == [["A"], ["B"], ["C"]]


def test_credits_run_out_half_way_through_a_request(studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign: quota shape=partly"])
    assert order(studio).json()["error"] == "insufficient credits"
    assert [row["text"] for row in studio.accepted()] == [["A"], ["B"]]


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "field", "expected"),
    [
        ("row-index is=null", "row_index", [None, None]),
        ("row-index is=one-based", "row_index", [1, 2]),
        ("row-index is=missing", "row_index", ["absent", "absent"]),
        ("text is=null", "text", [None, None]),
        ("text is=missing", "text", ["absent", "absent"]),
        ("text is=reformatted", "text", [[" Ann."], [" Bob."]]),
        ("status-word", "status", ["completed", "completed"]),
        ("unknown-status word=compositing", "status", ["compositing", "compositing"]),
        ("missing field=share_url", "share_url", ["absent", "absent"]),
        ("missing field=media", "url", [None, None]),
        ("page-field is=vimeo_url", "share_url", ["absent", "absent"]),
    ],
)
def test_records_that_say_less_or_otherwise(studio: RunningStudio, fault: str, field: str, expected: list[Any]) -> None:
    ids = order(studio, ("ann", "bob")).json()["result"]
    studio.faults.replace([f"GET *: {fault}"])
    assert [record(studio, identifier).get(field, "absent") for identifier in ids] == expected
    query: dict[str, Any] = {"campaign_id": studio.campaign_id, "page": 0, "size": 10}
    listed = requests.get(
        studio.api("generated_video_by_campaign_id"), params=query, headers=studio.bearing, timeout=10
    ).json()["result"]["videos"]
    assert [video.get(field, "absent") for video in listed] == expected


def test_a_foreign_record(studio: RunningStudio) -> None:
    first, second = order(studio, ("ann", "bob")).json()["result"]
    studio.faults.replace(["GET generated_video_by_id: foreign-record"])
    assert record(studio, first)["id"] == second


def test_an_unknown_id_in_every_way(studio: RunningStudio) -> None:
    seen = []
    for kind in ("404", "null", "400"):
        studio.faults.replace([f"GET generated_video_by_id: unknown-id is={kind}"])
        answer = requests.get(
            studio.api("generated_video_by_id"), params={"id": "10ca1000-0000-4000-8000-00000000dead"}, timeout=10
        )
        seen.append((answer.status_code, answer.json()["result"]))
    assert seen == [(404, None), (200, None), (400, None)]


def test_lists_that_lag_and_turn_round(studio: RunningStudio) -> None:
    ids = order(studio).json()["result"]

    def listed() -> dict[str, Any]:
        query = {"campaign_id": studio.campaign_id}
        answer = requests.get(
            studio.api("generated_video_by_campaign_id"), params=query, headers=studio.bearing, timeout=10
        )
        result: dict[str, Any] = answer.json()["result"]
        return result

    studio.faults.replace(["GET generated_video_by_campaign_id: list-lag n=1"])
    assert [video["id"] for video in listed()["videos"]] == ids[:3]
    assert listed()["total"] == 3
    studio.faults.replace(["GET generated_video_by_campaign_id: list-lag seconds=60"])
    assert listed() == {"total": 0, "videos": []}
    studio.faults.replace(["GET generated_video_by_campaign_id: list-newest-first"])
    assert [video["id"] for video in listed()["videos"]] == ids[::-1]


def test_renders_that_fail_or_never_end(studio: RunningStudio) -> None:
    studio.faults.replace(['render text=B: fail message="no face found"', "render row=2: stuck", "render#2: fail"])
    ids = order(studio).json()["result"]
    records = [record(studio, identifier) for identifier in ids]
    assert [(found["status"], found["message"]) for found in records] == [
        ("succeeded", ""),
        ("failed", "no face found"),
        ("processing", None),
        ("succeeded", ""),
    ]


def test_by_id_may_be_slowed_down_without_touching_orders(studio: RunningStudio) -> None:
    studio.faults.replace(["GET generated_video_by_id#2-3: 503", "GET generated_video_by_id#5+: 500"])
    (identifier,) = order(studio, ("A",)).json()["result"]
    url = studio.api("generated_video_by_id")
    seen = [requests.get(url, params={"id": identifier}, timeout=10).status_code for _ in range(6)]
    assert seen == [200, 503, 503, 200, 500, 500]
