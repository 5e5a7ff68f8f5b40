"""What an answer to the paid POST means: the table of the README, row by row, and bodies nobody expects."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from bhuman_cli.journal.chunks import Answer
from bhuman_cli.runs import verdict as verdicts
from bhuman_cli.runs.verdict import Accepted, InDoubt, NeedsMapping, Rejected, Resendable, Verdict

IDS = [str(uuid.UUID(int=number, version=4)) for number in range(1, 5)]


def judged(
    status: int | None, payload: Any = b"", *, rows: int = 2, known: tuple[str, ...] = (), **more: Any
) -> Verdict:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    answer = Answer(status=status, headers=more.get("headers", {}), body=body, error=more.get("error", ""))
    return verdicts.judge(answer, rows=rows, bound_ids=frozenset(known))


@pytest.mark.parametrize(
    "payload",
    [
        {"code": 200, "result": IDS[:2]},
        {"result": IDS[:2]},
        {"code": "200", "result": IDS[:2], "error": None},
        {"code": 200.0, "result": [{"id": item} for item in IDS[:2]]},
        {"code": 200, "result": [item.upper() for item in IDS[:2]]},
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_as_many_distinct_ids_as_rows_is_accepted_in_their_order(status: int, payload: Any) -> None:
    assert judged(status, payload) == Accepted(ids=tuple(IDS[:2]))  # type: ignore[arg-type]


def test_a_byte_order_mark_and_other_encodings_of_json_are_read() -> None:
    text = json.dumps({"code": 200, "result": IDS[:2]})
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert isinstance(judged(200, text.encode(encoding)), Accepted)


@pytest.mark.parametrize(
    ("payload", "usable"),
    [
        ({"code": 200, "result": IDS[:1]}, 1),
        ({"code": 200, "result": IDS[:3]}, 3),
        ({"code": 200, "result": [IDS[0], IDS[0]]}, 1),
        ({"code": 200, "result": [IDS[0], "no-uuid"]}, 1),
        ({"code": 200, "result": [IDS[0], None]}, 1),
        ({"code": 200, "result": [*IDS[:2], {"note": "extra"}]}, 2),
        ({"code": 400, "result": IDS[:2]}, 2),
        ({"code": 200, "result": IDS[:2], "error": "half of it"}, 2),
    ],
)
def test_ids_that_do_not_match_the_rows_must_be_asked(payload: Any, usable: int) -> None:
    verdict = judged(200, payload)
    assert isinstance(verdict, NeedsMapping)
    assert len(verdict.ids) == usable


def test_ids_that_belong_to_other_rows_already_are_no_answer() -> None:
    verdict = judged(200, {"result": IDS[:2]}, known=tuple(IDS[:1]))
    assert isinstance(verdict, NeedsMapping)
    assert verdict.ids == (IDS[1],)
    assert isinstance(judged(200, {"result": IDS[:2]}, known=tuple(IDS[:2])), InDoubt)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<html>welcome</html>",
        b'{"code": 200, "result": ["',
        b"\xff\xfe\x00\xd8",
        b"null",
        b"[]",
        b'"ok"',
        b"17",
        b"true",
        b'{"code": 200}',
        b'{"code": 200, "result": null}',
        b'{"code": 200, "result": []}',
        b'{"code": 200, "result": {}}',
        b'{"code": 200, "result": "done"}',
        b'{"code": 200, "result": [1, 2]}',
        b'{"code": NaN, "result": null}',
        b'{"result": [["nested"]]}',
        b"[" * 100_000,
        b'{"code": 200, "result": [' + b"9" * 6_000 + b"]}",
        b'{"result": ["\\ud800"]}',
    ],
)
def test_a_good_status_without_ids_is_in_doubt_never_rejected(body: bytes) -> None:
    assert isinstance(judged(200, body), InDoubt)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"code": 200, "result": IDS[:2]}).encode()[:-25],
        json.dumps(IDS[:2]).encode(),
        json.dumps({"code": 200, "result": {"videos": IDS[:2]}}).encode(),
        b"<pre>" + json.dumps(IDS[:2]).encode() + b"</pre>",
    ],
)
def test_complete_ids_in_a_broken_answer_are_salvaged_to_be_asked(body: bytes) -> None:
    verdict = judged(200, body)
    assert isinstance(verdict, NeedsMapping)
    assert IDS[0] in verdict.ids
    assert "could be read" in verdict.reason


def test_an_answer_that_broke_off_is_in_doubt_whatever_its_status_but_its_ids_are_asked() -> None:
    whole = json.dumps({"code": 200, "result": IDS[:2]}).encode()
    salvaged = judged(200, whole, error="the answer is shorter than it said")
    assert isinstance(salvaged, NeedsMapping), "even a complete list: who knows what was cut"
    assert isinstance(judged(200, b"", error="broke off"), InDoubt)
    assert isinstance(judged(200, whole, error="broke off", known=tuple(IDS[:2])), InDoubt)
    for status in (400, 401, 422, 429, 500):
        assert isinstance(judged(status, whole, error="broke off"), InDoubt), "half a refusal is no refusal"


def test_no_answer_is_in_doubt() -> None:
    assert judged(None, error="after sending: reset") == InDoubt(reason="after sending: reset")
    assert judged(None) == InDoubt(reason="no answer")


@pytest.mark.parametrize(
    "status", [300, 301, 302, 303, 304, 307, 308, 408, 409, 425, 499, 500, 502, 503, 504, 520, 599, 600, 100]
)
def test_what_may_have_been_accepted_is_in_doubt(status: int) -> None:
    assert isinstance(judged(status, {"error": "hm"}, headers={"retry-after": "5"}), InDoubt)


@pytest.mark.parametrize(
    ("status", "can_split"), [(400, True), (422, False), (402, False), (404, False), (413, False), (451, False)]
)
def test_other_refusals_are_certain_and_only_400_is_split(status: int, can_split: bool) -> None:
    verdict = judged(status, {"code": status, "result": None, "error": "why"})
    assert verdict == Rejected(reason=f"HTTP {status}: why", can_split=can_split)
    assert judged(status) == Rejected(reason=f"HTTP {status}", can_split=can_split)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_put_the_rows_back(status: int) -> None:
    assert judged(status, b"plain words") == Resendable(reason=f"HTTP {status}: plain words", needs_credentials=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 120 "}, 120.0),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 12:02:00 GMT"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 12:02:00 GMT", "date": "Sat, 21 Nov 2026 12:00:00 GMT"}, 120.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT", "date": "Sat, 21 Nov 2026 12:00:00 GMT"}, 0.0),
        ({"retry-after": "5", "date": "yesterday"}, 5.0),
    ],
)
def test_429_comes_back_after_the_time_it_names(headers: dict[str, str], seconds: float | None) -> None:
    assert judged(429, headers=headers) == Resendable(reason="HTTP 429", needs_credentials=False, retry_after_s=seconds)


@pytest.mark.parametrize("code", [300, 302, 400, 401, 403, 408, 409, 422, 429, 500, 503, 599])
def test_a_failure_inside_a_200_is_judged_like_that_status(code: int) -> None:
    inside = judged(200, {"code": code, "result": None, "error": "why"})
    outside = judged(code, {"code": code, "result": None, "error": "why"})
    assert inside == outside


@pytest.mark.parametrize(
    "payload",
    [
        {"code": 4002, "result": None, "error": "quota exceeded"},
        {"code": 0, "result": None, "message": "quota exceeded"},
        {"code": 200, "result": None, "error": "quota exceeded"},
        {"code": 200, "result": {"error": "quota exceeded"}},
        {"error": {"message": "quota exceeded"}},
    ],
)
def test_a_business_failure_is_certain_and_stops_the_sending(payload: Any) -> None:
    assert judged(200, payload) == Rejected(reason="quota exceeded", stops=True)


def test_a_business_failure_without_words_names_its_code() -> None:
    assert judged(200, {"code": 7, "result": None}) == Rejected(reason="code 7", stops=True)


def test_the_reason_of_a_refusal_is_harmless_and_the_same_for_other_rows() -> None:
    verdict = judged(400, {"error": "row 17: \x1b[31m[/nope] =1+1 <script>x</script>"})
    assert isinstance(verdict, Rejected)
    assert "\x1b" not in verdict.reason
    assert "[" not in verdict.reason
    assert (
        verdicts.without_numbers("row 17 of 500")
        == verdicts.without_numbers("row 3 of 12")
        != verdicts.without_numbers("row x of y")
    )


def test_ids_are_found_once_each_in_order_in_lower_case() -> None:
    body = f'{{"a": "{IDS[1].upper()}", "b": ["{IDS[0]}", "{IDS[1]}", "x{IDS[2]}"]}}'.encode()
    assert verdicts.extract_ids(body) == [IDS[1], IDS[0]]


def test_the_same_bytes_always_mean_the_same() -> None:
    for payload in ({"result": IDS[:2]}, {"code": 429}, b"half"):
        assert judged(200, payload) == judged(200, payload)
