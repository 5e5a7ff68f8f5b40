"""Reading what the service says: every documented form, and whatever else may come."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bhuman_cli import sanitize
from bhuman_cli.api import json_body, wire
from bhuman_cli.api.wire import WireError
from bhuman_cli.domain import Generation

ID = "c10ee155-6202-4cec-9a40-dde536e2ab4e"
RECORD = {"id": ID, "status": "succeeded", "url": "https://assets.bhuman.ai/v.mp4"}


@pytest.mark.parametrize(
    "payload", [RECORD, [RECORD], {"result": RECORD}, {"result": [RECORD]}, {"code": 200, "result": RECORD}]
)
def test_one_record_in_every_envelope(payload: Any) -> None:
    found = wire.read_one_generation(json.dumps(payload).encode())
    assert found is not None
    assert (found.id, found.status, found.url) == (ID, "succeeded", RECORD["url"])


@pytest.mark.parametrize("payload", [None, [], {}, "", {"result": None}, {"code": 200, "result": []}, {"code": 200}])
def test_no_record_is_none(payload: Any) -> None:
    assert wire.read_one_generation(payload) is None


@pytest.mark.parametrize(
    ("payload", "total"),
    [
        ([RECORD], None),
        ({"result": [RECORD]}, None),
        ({"code": 200, "result": {"total": 7, "videos": [RECORD]}}, 7),
        ({"total": "7", "videos": [RECORD]}, 7),
        ({"code": 200, "result": {"videos": [RECORD]}}, None),
    ],
)
def test_a_page_in_every_envelope(payload: Any, total: int | None) -> None:
    page = wire.read_generation_list(payload)
    assert [one.id for one in page.generations] == [ID]
    assert page.total == total


def test_items_that_are_no_record_are_counted_not_fatal() -> None:
    page = wire.read_generation_list([RECORD, None, "x", {"status": "queued"}, {"id": 5}])
    assert (len(page.generations), page.unreadable) == (1, 4)


@pytest.mark.parametrize("payload", ["text", 5, {"result": "text"}, {"result": {"total": 1}}, {"result": 5}])
def test_a_page_without_a_list_is_an_error(payload: Any) -> None:
    with pytest.raises(WireError):
        wire.read_generation_list(payload)


def test_a_page_of_nothing() -> None:
    assert wire.read_generation_list({"code": 200, "result": None}).generations == ()


@pytest.mark.parametrize(
    ("word", "status"),
    [("succeeded", "succeeded"), ("COMPLETED", "succeeded"), (" Queued ", "queued"), ("rendering", "rendering"),
     (None, ""),     (5, "")],
)  # fmt: skip
def test_status_words(word: Any, status: str) -> None:
    assert wire.read_generation({**RECORD, "status": word}).status == status


def test_the_share_page_has_three_names_and_is_never_the_file() -> None:
    callback = wire.read_generation({"id": ID, "status": "succeeded", "video_url": "https://page", "url": ""})
    assert (callback.share_url, callback.url, callback.is_final) == ("https://page", "", False)
    old = wire.read_generation({**RECORD, "vimeo_url": "https://vimeo/1"})
    assert old.share_url == "https://vimeo/1"
    both = wire.read_generation(
        {**RECORD, "vimeo_url": "https://v", "video_url": "https://p", "share_url": "https://s"}
    )
    assert both.share_url == "https://s"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "//host/x", "ftp://h/x", "https://h/\n=cmd", 'https://h/"><script>',
     "https://h/\u202egnp.exe", "https://h/ x", "https://h/\ud800", "https://h/" + "x" * 9_000, 5, None, ["https://h"]],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_left_out(url: Any) -> None:
    found = wire.read_generation({**RECORD, "url": url, "share_url": url, "thumbnail": url, "gif": url})
    assert (found.url, found.share_url, found.thumbnail, found.gif) == ("", "", "", "")
    assert not found.is_final


def test_file_addresses_only_where_the_studio_is_ours() -> None:
    record = {**RECORD, "url": "file:///home/studio/v.mp4"}
    assert wire.read_generation(record).url == ""
    assert wire.read_generation(record, allow_file=True).url == "file:///home/studio/v.mp4"


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2026-10-01T10:00:00Z", "2026-10-01T10:00:00.000Z"),
        ("2026-10-01T12:00:00+02:00", "2026-10-01T10:00:00.000Z"),
        ("2026-10-01 10:00:00", "2026-10-01T10:00:00.000Z"),
        ("2026-10-01T10:00:00.123456", "2026-10-01T10:00:00.123Z"),
        ("Thu, 01 Oct 2026 10:00:00 GMT", "2026-10-01T10:00:00.000Z"),
        (1_790_848_800, "2026-10-01T10:00:00.000Z"),
        (1_790_848_800_000, "2026-10-01T10:00:00.000Z"),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
        (True, ""),
        (1e300, ""),
        ("9999-12-31T23:59:59-23:00", ""),
        ([], ""),
    ],
)
def test_times_of_any_form_become_one(value: Any, iso: str) -> None:
    assert wire.read_datetime(value) == iso
    assert wire.read_generation({**RECORD, "updated_at": value, "created_at": None}).generated_at == iso


def test_the_last_change_is_when_it_was_made() -> None:
    record = {**RECORD, "created_at": "2026-10-01T10:00:00Z", "updated_at": "2026-10-01T11:00:00Z"}
    found = wire.read_generation(record)
    assert (found.created_at, found.generated_at) == ("2026-10-01T10:00:00.000Z", "2026-10-01T11:00:00.000Z")
    assert wire.read_generation({**record, "updated_at": None}).generated_at == "2026-10-01T10:00:00.000Z"


@pytest.mark.parametrize(
    ("value", "index"), [(0, 0), (5, 5), ("5", 5), (5.0, 5), (None, None), (-1, None), (True, None), ("x", None),
                         (1.5, None),                         (10**12, None)],
)  # fmt: skip
def test_row_index(value: Any, index: int | None) -> None:
    assert wire.read_generation({**RECORD, "row_index": value}).api_row_index == index


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["Alex", " x "], ("Alex", " x ")),
        (["a", None, 5], ("a", "", "5")),
        (None, None),
        ([], None),
        ("Alex", None),
        ({}, None),
    ],
)
def test_the_submitted_values(value: Any, text: tuple[str, ...] | None) -> None:
    assert wire.read_generation({**RECORD, "text": value}).text == text


def test_an_id_is_compared_in_lower_case() -> None:
    assert wire.read_generation({**RECORD, "id": f" {ID.upper()} "}).id == ID
    assert wire.read_generation({**RECORD, "id": "Not-A-UUID"}).id == "Not-A-UUID"


@pytest.mark.parametrize("record", [None, 5, "x", [], {}, {"id": ""}, {"id": None}, {"id": 7}, {"id": "x" * 500}])
def test_what_is_no_record_is_an_error(record: Any) -> None:
    with pytest.raises(WireError):
        wire.read_generation(record)


def test_server_words_in_a_record_are_made_harmless() -> None:
    found = wire.read_generation({**RECORD, "message": "bad\x1b[31m\n<b>face</b> [/nope]", "execution_name": "e\x07x"})
    assert found.message == "bad face (/nope)"
    assert found.execution_name == "e x"


@pytest.mark.parametrize(
    ("payload", "code", "failure"),
    [
        ({"code": 200, "result": []}, 200, False),
        ({"result": []}, None, False),
        ([], None, False),
        (RECORD, None, False),
        ({"code": "200", "result": []}, 200, False),
        ({"code": 1001, "result": None, "error": "insufficient credits"}, 1001, True),
        ({"code": 200, "result": {"error": "insufficient credits"}}, 200, True),
        ({"code": 200, "error": {"message": "x"}}, 200, True),
        ({"code": 200, "error": {"odd": 1}}, 200, True),
        ({"error": "x"}, None, True),
        ({"code": 200, "error": None, "result": []}, 200, False),
        ({"code": 200, "result": {"id": ID, "status": "failed", "error": "no face"}}, 200, False),
        ({"code": True, "result": []}, None, False),
        ({"code": 200.0, "result": []}, 200, False),
    ],
)
def test_envelopes(payload: Any, code: int | None, failure: bool) -> None:
    envelope = wire.read_envelope(json.dumps(payload).encode())
    assert (envelope.code, envelope.is_failure) == (code, failure)


def test_an_envelope_without_result_says_so() -> None:
    assert not wire.read_envelope({"code": 200}).has_result
    assert wire.read_envelope({"code": 200, "result": None}).has_result
    assert wire.read_envelope([]).has_result


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"error": "a"}, "a"),
        ({"code": 400, "message": "b"}, "b"),
        ({"code": 400, "result": {"error": "c"}}, "c"),
        ({"code": 400, "result": {"message": "d"}}, "d"),
        ({"code": 400, "result": "e"}, "e"),
        ({"error": {"message": "f"}}, "f"),
        ({"detail": "g"}, "g"),
        ({"detail": [{"loc": ["body", "names", 0], "msg": "h"}, {"loc": "x", "msg": "i"}, "j"]}, "names.0: h; i; j"),
        ({"detail": [5]}, ""),
        ({"error": {"x": 1}}, ""),
        ({"error": None, "message": "k"}, "k"),
        ("l", "l"),
        (None, ""),
        ({"result": 5}, ""),
        (b"plain words", "plain words"),
        (b"<html><head><title>Sign in</title></head><body>x</body></html>", "Sign in"),
        (b"<p>Bad <script>alert(1)</script>gateway</p>", "Bad gateway"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
        (b'{"error": "m"}', "m"),
    ],
)
def test_the_server_s_words_wherever_they_stand(payload: Any, said: str) -> None:
    assert wire.server_message(payload) == said


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("\x1b]0;title\x07x", "x"),
        ("\x1b[2J\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("a\u202eb\u200bc\ufeff", "a b c"),
        ("[bold]x[/bold]", "(bold)x(/bold)"),
        ("line\r\nbreak\ttab", "line break tab"),
        ("x\ud800y", "x y"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_server_text_is_made_harmless(text: str, clean: str) -> None:
    assert sanitize.sentence(text) == clean


def test_server_text_is_bounded() -> None:
    assert len(wire.server_message({"error": "x" * 1_000_000})) == 300
    assert len(wire.server_message(b"<" * 1_000_000)) <= 300


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xff",
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        json.dumps([[[[1]]]]).encode() * 2,
        b"[" * (json_body.MAX_DEPTH + 2) + b"]" * (json_body.MAX_DEPTH + 2),
        b"\x00\x01\x02",
    ],
)
def test_bytes_that_are_no_json_are_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.parse(data)


def test_json_that_python_chokes_on_is_read() -> None:
    value = wire.parse(
        b'{"a": NaN, "b": Infinity, "c": ' + b"9" * 5_000 + b', "d": "x\\ud800y", "\\udfff": 1e999, "e": 5}'
    )
    assert value == {"a": None, "b": None, "c": None, "d": "x\ufffdy", "\ufffd": None, "e": 5}
    json.dumps(value).encode("utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_the_encodings_of_json(encoding: str) -> None:
    assert wire.parse('{"a": "é"}'.encode(encoding)) == {"a": "é"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["id", "status", "result", "code", "error", "message", "videos", "total", "text", "url", "updated_at"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_no_json_value_raises_anything_but_wire_error(value: Any) -> None:
    data = json.dumps(value).encode()
    for read in (wire.read_one_generation, wire.read_generation_list, wire.read_listing, wire.read_record):
        with contextlib.suppress(WireError):
            read(data)
    assert isinstance(wire.server_message(data), str)
    with contextlib.suppress(WireError):
        found = wire.read_generation(wire.parse(data))
        assert isinstance(found, Generation)
        json.dumps([found.url, found.message, found.status, found.text, found.generated_at]).encode("utf-8")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_wire_error(data: bytes) -> None:
    with contextlib.suppress(WireError):
        wire.parse(data)
    assert isinstance(wire.server_message(data), str)


@pytest.mark.parametrize(
    ("record", "names"),
    [
        ({"variables": ["a", " b "]}, ("a", "b")),
        ({"variables": [{"name": "a"}, {"name": "b", "x": 1}]}, ("a", "b")),
        ({"variables": {"a": 1, "b": 2}}, ("a", "b")),
        ({"variables": ["", None, 5]}, ()),
        ({"variables": "a"}, ()),
        ({}, ()),
        (None, ()),
    ],
)
def test_known_variables_in_any_likely_shape(record: Any, names: tuple[str, ...]) -> None:
    assert wire.record_variables(record) == names


def test_records_and_listings() -> None:
    assert wire.read_record({"code": 200, "result": [{"id": "x"}]}) == {"id": "x"}
    assert wire.read_record({"code": 200, "result": {"name": "x"}}) == {"name": "x"}
    assert wire.read_record({"code": 200, "result": None}) is None
    with pytest.raises(WireError):
        wire.read_record({"code": 200, "result": "text"})
    listing = wire.read_listing({"code": 200, "result": {"total": 3, "instances": [{"id": "a"}, 5]}})
    assert (listing.total, listing.items) == (3, ({"id": "a"}, 5)), "as the service gave them"


@pytest.mark.parametrize(
    "payload",
    [
        {"code": 200, "result": {"total": 1, "video_instances": [{"id": "a"}]}},
        {"data": {"campaigns": [{"id": "a"}]}},
        {"result": {"data": {"total": 1, "anything": [{"id": "a"}], "tags": ["x"]}}},
        {"total": 1, "templates": [{"id": "a"}]},
    ],
)
def test_a_list_under_a_name_nobody_documents(payload: Any) -> None:
    assert wire.read_listing(payload).items == ({"id": "a"},)


@pytest.mark.parametrize(
    "payload", [{}, {"code": 200}, {"data": {"a": 1}}, {"result": {"total": 3, "warnings": []}}, {"ok": True}]
)
def test_what_holds_no_list_is_never_an_empty_one(payload: Any) -> None:
    with pytest.raises(WireError, match="holds no list"):
        wire.read_generation_list(payload)
    assert wire.read_listing({"result": {"total": 0, "templates": []}}).items == ()


@pytest.mark.parametrize(
    ("payload", "result"),
    [
        (b"", None),
        (b" \r\n", None),
        (b'{"code": 200, "result": "new-id"}', "new-id"),
        (b'{"code": 200}', None),
        (b'{"code": 200, "error": null, "data": {"id": "x"}}', {"data": {"id": "x"}}),
        (b'{"campaign_id": "x", "title": "T"}', {"campaign_id": "x", "title": "T"}),
        (b'["a"]', ["a"]),
    ],
)
def test_an_answer_of_undocumented_shape_is_kept_whole(payload: bytes, result: Any) -> None:
    assert wire.read_result(payload) == result


def test_a_record_with_other_names_is_a_record() -> None:
    assert wire.read_record({"campaign_id": "x", "variables": ["a"]}) == {"campaign_id": "x", "variables": ["a"]}
    bare = wire.read_one_generation({"status": "succeeded", "url": RECORD["url"]}, asked_id=ID)
    assert bare is not None
    assert bare.id == ID
