"""Bytes to JSON: the quick way for usual answers and the thorough one for escapes refuse and repair the same."""

from __future__ import annotations

import json

import pytest

from bhuman_cli.api import json_body

PLAIN, ESCAPED = "1", '"\\ud800"'


@pytest.mark.parametrize("leaf", [PLAIN, ESCAPED])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_has_the_same_end_on_both_ways(leaf: str, opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    def nested(depth: int) -> bytes:
        return (opening * depth + leaf + closing * depth).encode()

    json_body.parse(nested(json_body.MAX_DEPTH))
    for depth in (json_body.MAX_DEPTH + 1, json_body.MAX_DEPTH + 2, 5_000):
        with pytest.raises(json_body.WireError):
            json_body.parse(nested(depth))


@pytest.mark.parametrize("beside", ["", f", {ESCAPED}"])
def test_numbers_that_can_not_be_stored_are_nothing(beside: str) -> None:
    found = json_body.parse(f"[1e999, -1e999, NaN, Infinity, {'9' * 50}, 1.5, 7{beside}]".encode())
    assert found[:7] == [None, None, None, None, None, 1.5, 7]


@pytest.mark.parametrize("escape", ["\\ud800", "\\uDFFF", "\\uDbff", "\\udc00"])
def test_lone_surrogates_go_wherever_they_are(escape: str) -> None:
    found = json_body.parse(f'{{"{escape}": ["x{escape}y", {{"a": "{escape}"}}]}}'.encode())
    assert found == {"\ufffd": ["x\ufffdy", {"a": "\ufffd"}]}
    json.dumps(found, ensure_ascii=False).encode()


def test_whole_pairs_and_everything_else_stay() -> None:
    value: object = {"name": "José 😀", "rows": [[], {}, None, True, {"a": [1, "\\u00e9"]}]}
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert json_body.parse(text.encode()) == value
