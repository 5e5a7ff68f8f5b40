"""Reading an integration's payload into rows."""

from __future__ import annotations

from typing import Any

import pytest

from bhuman_cli.errors import InputError, UsageError
from bhuman_cli.workflows.input import payloads
from bhuman_cli.workflows.input.payloads import INTEGRATIONS, Payload, PayloadOptions

ID = "c10ee155-6202-4cec-9a40-dde536e2ab4e"
OTHER = "00000000-6202-4cec-9a40-dde536e2ab4e"
SCENE = {"name": "p", "start": 0, "end": 3, "kind": "site", "config": {"mode": "circle", "scale": 0.4}}
ROWS = {"campaign_id": ID, "variables": ["first_name", "company"], "names": [["Alex", "A"], ["Bo", "B"]]}


def read(name: str, payload: dict[str, Any] | None = None, **wishes: Any) -> Payload:
    return payloads.read(INTEGRATIONS[name], payload, PayloadOptions(**wishes))


def test_the_ordered_shape_with_everything() -> None:
    order = read(
        "campaign",
        {
            **ROWS,
            "assets": [["example.com/a"], [None]],
            "backgrounds": [SCENE],
            "enable_lipsync": True,
            "generation_mode": "full_script",
            "callback_url": "https://h/x",
        },
    )
    assert (order.api_id, order.variables, order.rows) == (ID, ("first_name", "company"), (("Alex", "A"), ("Bo", "B")))
    assert order.assets == (("https://example.com/a",), ("",))
    assert [background.as_json() for background in order.backgrounds] == [SCENE]
    assert (order.lipsync, order.generation_mode, order.callback_url) == (True, "full_script", "https://h/x")
    assert [(row.row_index, row.values, row.assets) for row in order.domain_rows()] == [
        (0, ("Alex", "A"), ("https://example.com/a",)),
        (1, ("Bo", "B"), ("",)),
    ]


def test_options_alone() -> None:
    order = read(
        "zapier", api_id=ID, pairs=(("b", " 2 "), ("a", "1")), callback_url="https://h", generation_mode="full_script"
    )
    assert (order.variables, order.rows, order.as_object) == (("b", "a"), (("2", "1"),), False)
    assert (order.callback_url, order.generation_mode) == ("https://h", "full_script")


def test_the_object_shape() -> None:
    order = read("pabbly", {"campaign_id": ID, "variables": {"first_name": "Alex", "company": "A"}})
    assert (order.variables, order.rows, order.as_object) == (("first_name", "company"), (("Alex", "A"),), True)
    assert read("pabbly", api_id=ID, pairs=(("a", "1"),)).as_object


@pytest.mark.parametrize(("shape", "as_object"), [("", False), ("ordered", False), ("object", True)])
def test_leadr_takes_both(shape: str, as_object: bool) -> None:
    assert read("leadr", api_id=ID, pairs=(("a", "1"),), shape=shape).as_object is as_object


def test_a_pasted_address_and_the_same_id_twice() -> None:
    order = read("zapier", dict(ROWS), api_id=f"https://app.bhuman.ai/campaign/generatedVideos/{ID.upper()}")
    assert order.api_id == ID


@pytest.mark.parametrize(
    ("name", "payload", "wishes", "words"),
    [
        ("zapier", {**ROWS, "assets": []}, {}, "not known to take the field 'assets'"),
        ("sample", {**ROWS}, {}, "'campaign_id'"),
        ("campaign", {**ROWS, "budget": 1}, {}, "'budget'"),
        ("campaign", {"variables": ["a"], "names": [["1"]]}, {}, "no campaign_id is given"),
        ("campaign", dict(ROWS), {"api_id": OTHER}, "names another campaign_id"),
        ("campaign", {**ROWS, "campaign_id": "x"}, {}, "not an id"),
        ("campaign", {**ROWS, "campaign_id": 5}, {}, "must be a text"),
        ("campaign", {"campaign_id": ID, "variables": {"a": "1"}}, {}, "takes `variables` as a list"),
        ("pabbly", dict(ROWS), {}, "takes `variables` as an object"),
        ("pabbly", None, {"api_id": ID, "pairs": (("a", "1"),), "shape": "ordered"}, "takes `variables` as an object"),
        ("leadr", {**ROWS}, {"shape": "object"}, "another shape"),
        ("leadr", {"campaign_id": ID, "variables": {"a": "1"}, "names": []}, {}, "`names` goes with"),
        ("campaign", dict(ROWS), {"pairs": (("a", "1"),)}, "not both"),
        ("campaign", None, {"api_id": ID}, "with --set or --data"),
        ("campaign", {"campaign_id": ID, "names": [["a"]]}, {}, "with --set or --data"),
        ("campaign", {**ROWS, "variables": []}, {}, "must be names"),
        ("campaign", {**ROWS, "variables": ["a", " "]}, {}, "must be names"),
        ("campaign", {**ROWS, "variables": "ab"}, {}, "must be names"),
        ("campaign", {**ROWS, "variables": ["a", "a "]}, {}, "named twice"),
        ("campaign", {**ROWS, "names": []}, {}, "at least one"),
        ("campaign", {**ROWS, "names": [["a"]]}, {}, "must be 2 texts"),
        ("campaign", {**ROWS, "names": [["a", 5]]}, {}, "must be 2 texts"),
        ("campaign", {**ROWS, "names": [["a", "b"]] * 2_001}, {}, "at most 2,000"),
        ("campaign", {**ROWS, "assets": [["https://h.example/"]]}, {}, "one list for each row"),
        ("campaign", {**ROWS, "backgrounds": [SCENE]}, {}, "one list for each row"),
        ("campaign", {**ROWS, "backgrounds": [SCENE], "assets": [[], []]}, {}, "one address for each background"),
        ("campaign", {**ROWS, "backgrounds": [SCENE], "assets": [[5], [""]]}, {}, "no address"),
        ("campaign", {**ROWS, "backgrounds": [SCENE], "assets": [["ftp://h/x"], [""]]}, {}, "row 0 of `assets`"),
        ("campaign", {**ROWS, "backgrounds": {}}, {}, "must be a list"),
        ("campaign", {**ROWS, "backgrounds": [5]}, {}, "background 0 must be an object"),
        ("campaign", {**ROWS, "backgrounds": [{**SCENE, "x": 1}]}, {}, "background 0 must be an object"),
        ("campaign", {**ROWS, "backgrounds": [{**SCENE, "start": "0"}]}, {}, "needs start and end"),
        ("campaign", {**ROWS, "backgrounds": [{**SCENE, "end": True}]}, {}, "needs start and end"),
        ("campaign", {**ROWS, "backgrounds": [{**SCENE, "config": None}]}, {}, "needs start and end"),
        ("campaign", {**ROWS, "generation_mode": "new"}, {}, "generation_mode must be"),
        ("campaign", {**ROWS, "enable_lipsync": "yes"}, {}, "enable_lipsync must be"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    name: str, payload: dict[str, Any] | None, wishes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read(name, payload, **wishes)


def test_a_missing_or_blank_mode_is_keep_original() -> None:
    assert read("campaign", {**ROWS, "generation_mode": ""}).generation_mode == "keep_original"
    assert read("campaign", {**ROWS, "generation_mode": None}).generation_mode == "keep_original"


def test_the_checks_of_render_hold_and_quote_no_value() -> None:
    order = read("campaign", {**ROWS, "names": [["canary {{x}}", "A"], ["Bo", " "]]})
    with pytest.raises(InputError, match="2 problems, nothing was sent: row 0, variable first_name") as caught:
        payloads.check(order, loopback_base=False)
    assert [(one["row_index"], one["column"]) for one in caught.value.problems] == [(0, "first_name"), (1, "company")]
    assert "canary" not in str(caught.value.as_json())


def test_overlaps_and_callback_addresses_are_checked() -> None:
    overlapping = {**ROWS, "backgrounds": [SCENE, {**SCENE, "start": 2}], "assets": [["", ""], ["", ""]]}
    with pytest.raises(InputError, match="overlap in time"):
        payloads.check(read("campaign", overlapping), loopback_base=False)
    local = read("campaign", {**ROWS, "callback_url": "http://127.0.0.1:1/x"})
    with pytest.raises(InputError, match="callback-url"):
        payloads.check(local, loopback_base=False)
    assert payloads.check(local, loopback_base=True) == []


def test_warnings_are_returned() -> None:
    assert payloads.check(read("campaign", {**ROWS, "names": [["N/A", "A"]]}), loopback_base=False)


def test_the_digest_is_of_the_content() -> None:
    first = read("campaign", dict(ROWS))
    elsewhere = read("campaign", {**ROWS, "callback_url": "https://h"})
    assert first.digest == elsewhere.digest, "told elsewhere, the same video"
    changes: list[dict[str, Any]] = [
        {"names": [["Alex", "B"]]},
        {"generation_mode": "full_script"},
        {"enable_lipsync": True},
    ]
    assert len({first.digest, *(read("campaign", {**ROWS, **change}).digest for change in changes)}) == 4
