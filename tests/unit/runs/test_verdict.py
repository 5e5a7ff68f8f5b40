"""What an answer to the paid POST means: the table of the README, row by row, and bodies nobody expects."""

from __future__ import annotations

import gzip
import json
import uuid
import zlib
from typing import Any

import pytest

from bhuman_cli.journal.chunks import Answer
from bhuman_cli.runs import answer_ids
from bhuman_cli.runs import verdict as verdicts
from bhuman_cli.runs.verdict import Accepted, Asked, InDoubt, NeedsMapping, NoMoney, Rejected, Resendable, Verdict

CAMPAIGN = "d744af70-cd3c-4a41-8bfe-89238f937a3b"
IDS = [str(uuid.UUID(int=number, version=4)) for number in range(1, 5)]


def judged(
    status: int | None, payload: Any = b"", *, rows: int = 2, known: tuple[str, ...] = (), **more: Any
) -> Verdict:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    answer = Answer(status=status, headers=more.get("headers", {}), body=body, error=more.get("error", ""))
    sent = more.get("sent", {"campaign_id": CAMPAIGN, "variables": ["name"], "names": [["Ada"], ["Bob"]]})
    return verdicts.judge(answer, Asked(rows=rows, body=json.dumps(sent).encode(), known=frozenset(known)))


@pytest.mark.parametrize(
    "payload",
    [
        {"code": 200, "result": IDS[:2]},
        {"result": IDS[:2]},
        {"code": "200", "result": IDS[:2], "error": None},
        {"code": 200.0, "result": [{"id": item} for item in IDS[:2]]},
        {"code": 200, "result": [item.upper() for item in IDS[:2]]},
        {"code": 200, "result": [item.replace("-", "") for item in IDS[:2]]},
        {"code": 0, "result": IDS[:2], "request_id": IDS[3]},
        {"code": 201, "result": IDS[:2], "webhook": IDS[3]},
        {"code": 1001, "error": "callback not registered", "result": IDS[:2]},
        {"code": 402, "error": "insufficient credits", "result": IDS[:2]},
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
        ({"code": 202, "message": "accepted", "result": {"ids": IDS[:2]}}, 2),
        ({"code": 201, "result": [{"generation_id": item} for item in IDS[:2]]}, 2),
        ({"code": 1001, "error": f"only {IDS[0]} was taken"}, 1),
        ({"code": 500, "error": {"accepted": IDS[:1]}}, 1),
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
    assert "unknown ids for 2 rows" in verdict.reason


def test_an_answer_that_broke_off_is_in_doubt_whatever_its_status_but_its_ids_are_asked() -> None:
    whole = json.dumps({"code": 200, "result": IDS[:2]}).encode()
    salvaged = judged(200, whole, error="the answer is shorter than it said")
    assert isinstance(salvaged, NeedsMapping), "even a complete list: who knows what was cut"
    assert isinstance(judged(200, b"", error="broke off"), InDoubt)
    assert isinstance(judged(200, whole, error="broke off", known=tuple(IDS[:2])), InDoubt)
    for status in (400, 401, 402, 422, 429, 500):
        assert isinstance(judged(status, b'{"error": "no', error="broke off"), InDoubt), "half a refusal is no refusal"
        broken = judged(status, whole[:-20], error="broke off")
        assert isinstance(broken, NeedsMapping)
        assert (broken.ids, broken.otherwise) == (tuple(IDS[:1]), None)


def test_no_answer_is_in_doubt() -> None:
    assert judged(None, error="after sending: reset") == InDoubt(reason="after sending: reset")
    assert judged(None) == InDoubt(reason="no answer")


@pytest.mark.parametrize(
    "status", [300, 301, 302, 303, 304, 307, 308, 408, 409, 425, 499, 500, 502, 503, 504, 520, 599, 600, 100]
)
def test_what_may_have_been_accepted_is_in_doubt(status: int) -> None:
    assert isinstance(judged(status, {"error": "hm"}, headers={"retry-after": "5"}), InDoubt)


@pytest.mark.parametrize(("status", "can_split"), [(400, True), (422, False), (404, False), (413, False), (451, False)])
def test_other_refusals_are_certain_and_only_400_is_split(status: int, can_split: bool) -> None:
    verdict = judged(status, {"code": status, "result": None, "error": "why"})
    assert verdict == Rejected(reason=f"HTTP {status}: why", can_split=can_split, too_large=status == 413)
    assert judged(status) == Rejected(reason=f"HTTP {status}", can_split=can_split, too_large=status == 413)


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


def test_a_refused_key_is_told_from_a_web_page_in_between() -> None:
    key, page = judged(401, {"error": "no"}), judged(401, b"<!doctype html><title>Sign in</title>")
    assert isinstance(key, Resendable)
    assert isinstance(page, Resendable)
    assert (key.is_web_page, page.is_web_page) == (False, True)


@pytest.mark.parametrize("code", [300, 302, 400, 401, 403, 408, 409, 422, 429, 500, 503, 599])
def test_a_failure_inside_a_200_is_judged_like_that_status(code: int) -> None:
    inside = judged(200, {"code": code, "result": None, "error": "why"})
    outside = judged(code, {"code": code, "result": None, "error": "why"})
    assert inside == outside


@pytest.mark.parametrize(
    "payload",
    [
        {"code": 4002, "result": None, "error": "not ready"},
        {"code": 0, "result": None, "error": "not ready"},
        {"code": 200, "result": None, "error": "not ready"},
        {"code": 200, "result": {"error": "not ready"}},
        {"error": {"message": "not ready"}},
    ],
)
def test_a_business_failure_is_certain_and_stops_the_sending(payload: Any) -> None:
    assert judged(200, payload) == Rejected(reason="not ready", stops=True)


@pytest.mark.parametrize("code", [0, 201, 202, 299, None])
def test_words_of_acceptance_without_ids_are_in_doubt_never_rejected(code: int | None) -> None:
    assert isinstance(judged(202, {"code": code, "message": "accepted"}), InDoubt)


# No money.


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        (402, b""),
        (400, {"error": "Insufficient credits"}),
        (403, {"detail": "Your plan's limit has been reached"}),
        (409, {"error": {"type": "quotaExceeded", "message": "no"}}),
        (422, {"message": "please upgrade"}),
        (400, b"<title>Trial ended</title>"),
        (400, {"error": "limit exceeded"}),
        (403, {"error": "API access is not included in your plan"}),
        (200, {"code": 402, "error": "x"}),
        (200, {"code": 403, "error": "balance too low"}),
        (200, {"code": 1001, "error": "No credits left"}),
        (200, {"code": 200, "result": {"error": "entitlement missing"}}),
        (429, {"error": "monthly quota used up"}),
        (200, {"code": 503, "error": "insufficient credits"}),
        (200, {"success": False, "message": "You are out of credits"}),
        (200, {"status": "error", "detail": "quota exceeded"}),
    ],
)
def test_a_refusal_for_lack_of_money_is_one_whatever_its_status(status: int, payload: Any) -> None:
    assert isinstance(judged(status, payload), NoMoney)


@pytest.mark.parametrize(
    ("status", "payload", "headers", "kind"),
    [
        (400, {"error": "variable credit_score: no value for Trial Corp"}, {}, Rejected),
        (400, {"error": "plan is not a variable of this template"}, {}, Rejected),
        (400, {"error": "row 3 exceeds the limit of 200 characters"}, {}, Rejected),
        (400, {"error": "bad row", "docs": "https://app.example/upgrade"}, {}, Rejected),
        (400, {"error": "accredited"}, {}, Rejected),
        (404, {"error": "no credits"}, {}, Rejected),
        (401, {"error": "no credits"}, {}, Resendable),
        (403, {"error": "rate limit reached"}, {}, Resendable),
        (429, {"error": "quota exceeded"}, {"Retry-After": "3"}, Resendable),
        (429, {"error": "rate limit reached: upgrade your plan"}, {}, Resendable),
        (500, {"error": "insufficient credits"}, {}, InDoubt),
        (200, {"code": 503, "error": "being upgraded"}, {}, InDoubt),
        (200, {"success": False, "message": "being upgraded"}, {}, InDoubt),
        (408, {"error": "credits"}, {}, InDoubt),
    ],
)
def test_other_refusals_are_not_taken_for_lack_of_money(
    status: int, payload: Any, headers: dict[str, str], kind: type
) -> None:
    sent = {"variables": ["credit_score", "plan"], "names": [["Trial Corp", "x"]]}
    assert isinstance(judged(status, payload, headers=headers, sent=sent), kind)


# Ids before anything else.


@pytest.mark.parametrize("status", [200, 202, 302, 400, 402, 403, 409, 422, 429, 500, 503])
@pytest.mark.parametrize(
    "shape",
    [
        lambda item: json.dumps({"code": 400, "error": "partly", "accepted": {"videos": [{"id": item}]}}),
        lambda item: f"<p>video {item} is queued</p>",
        lambda item: f"see https://videos.example/v/{item}.mp4",
        lambda item: json.dumps({"error": f"\nqueued:\n{item}"}),
        lambda item: json.dumps({"result": {item: "queued"}}),
        lambda item: '{"request_id": "' + CAMPAIGN + '", "result": ["' + item + '", "',
    ],
)
@pytest.mark.parametrize("spell", [str, str.upper, lambda item: item.replace("-", "")])
def test_an_unknown_id_is_asked_whatever_the_status_place_and_spelling(status: int, shape: Any, spell: Any) -> None:
    verdict = judged(status, shape(spell(IDS[0])).encode())
    assert isinstance(verdict, NeedsMapping)
    assert verdict.ids == (IDS[0],)


@pytest.mark.parametrize(
    "payload",
    [
        *({name: IDS[0]} for name in ("request_id", "requestId", "x-request-id", "trace_id", "traceparent", "user_id")),
        *({name: IDS[0]} for name in ("correlationId", "batch_id", "batchIds", "campaign_id", "campaignID")),
        *({name: IDS[0]} for name in ("video_instance_id", "video_id", "actor_id", "folder_id", "product_id")),
        *({name: [IDS[0]]} for name in ("project_id", "workspace_id")),
        {"campaign": {"id": IDS[0]}},
        {"error": f"Request ID: {IDS[0]}"},
        {"error": f"no campaign {CAMPAIGN.upper()}"},
        {"error": f"the cta_url https://example.com/?u={IDS[1].replace('-', '')} is dead"},
    ],
)
def test_ids_of_other_things_and_of_the_request_itself_change_nothing(payload: Any) -> None:
    sent = {"campaign_id": CAMPAIGN, "variables": ["cta_url"], "names": [[f"https://example.com/?u={IDS[1]}"]]}
    cut = [] if "campaign" in payload else [json.dumps(payload)[:-1]]  # whose `id` it is can't be read any more
    for body in (json.dumps(payload), *cut):
        assert isinstance(judged(422, body.encode(), sent=sent, rows=1), Rejected)


def test_a_refusal_says_what_it_means_if_nobody_knows_its_ids() -> None:
    for status, kind in ((400, Rejected), (402, NoMoney), (403, Resendable), (429, Resendable)):
        verdict = judged(status, {"error": f"see {IDS[0]}"})
        assert isinstance(verdict, NeedsMapping)
        assert isinstance(verdict.otherwise, kind)
    for status in (200, 302, 408, 409, 500):
        verdict = judged(status, {"error": f"see {IDS[0]}"})
        assert isinstance(verdict, NeedsMapping)
        assert verdict.otherwise is None


def test_what_can_not_be_decoded_is_searched_as_it_came() -> None:
    whole = json.dumps({"code": 200, "result": IDS[:2]}).encode()
    packed = gzip.compress(whole)
    said = {"Content-Encoding": "gzip"}
    assert judged(200, packed, headers=said) == Accepted(ids=tuple(IDS[:2]))  # type: ignore[arg-type]
    assert judged(200, whole, headers=said) == Accepted(ids=tuple(IDS[:2]))  # type: ignore[arg-type]
    assert judged(200, zlib.compress(whole), headers={"content-encoding": "deflate"}) == judged(200, whole)
    assert judged(200, gzip.compress(packed), headers={"content-encoding": "gzip, x-gzip"}) == judged(200, whole)
    wrong_sum = packed[:-8] + b"abcd" + packed[-4:]
    for body, words in ((wrong_sum, said), (packed[:-9], said), (b"\x00" + whole, {"content-encoding": "br"})):
        verdict = judged(200, body, headers=words)
        assert isinstance(verdict, NeedsMapping)
        assert verdict.ids == tuple(IDS[:2])
    assert isinstance(judged(400, b"\x1f\x8b\x00", headers=said), InDoubt), "who knows what it says"


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


def test_ids_are_found_once_each_in_order_in_normal_form() -> None:
    body = f'{{"a": "{IDS[1].upper()}", "b": ["{IDS[0]}", "{IDS[1]}", "x{IDS[2]}"]}}'.encode()
    assert answer_ids.found(body) == [IDS[1], IDS[0]]


def test_the_same_bytes_always_mean_the_same() -> None:
    for payload in ({"result": IDS[:2]}, {"code": 429}, b"half"):
        assert judged(200, payload) == judged(200, payload)
