from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.domain import Background
from bhuman_cli.errors import UsageError
from bhuman_cli.table.checks import backgrounds
from bhuman_cli.table.checks.problems import Problem, ProblemLog


def problem(row_index: int | None = 3, column: str = "company", rule: str = "empty", **more: Any) -> Problem:
    line = None if row_index is None else row_index + 2
    return Problem(row_index=row_index, line=line, column=column, rule=rule, **more)


def test_ten_thousand_equal_problems_are_one_line_with_examples() -> None:
    log = ProblemLog()
    for number in range(10_000):
        log.add(problem(number))
    log.add(problem(7, rule="odd", severity="warning"))
    assert [str(group) for group in log.grouped()] == [
        "column company: empty: 10,000 rows (0, 1, 2, 3, 4 in lines 2, 3, 4, 5, 6 and 9,995 more)",
        "row 7, line 9, column company: odd",
    ]
    assert (log.errors, log.warnings, len(log)) == (10_000, 1, 10_001)
    assert log.grouped()[0].rows == [0, 1, 2, 3, 4]


def test_errors_come_first_then_the_most_frequent() -> None:
    log = ProblemLog()
    for each in [problem(rule="b"), problem(rule="c"), problem(rule="c"), *[problem(rule="a", severity="warning")] * 5]:
        log.add(each)
    assert [group.rule for group in log.grouped()] == ["c", "b", "a"]


def test_every_problem_can_be_read_back_in_order_and_more_added() -> None:
    log = ProblemLog()
    kept = [
        problem(1, hint='--default "x"'),
        problem(None, column="", rule="whole file"),
        problem(2, severity="warning"),
    ]
    for each in kept[:2]:
        log.add(each)
    assert list(log) == kept[:2]
    log.add(kept[2])
    assert list(log) == kept
    assert log.file_errors == 1
    log.close()
    assert log.errors == 2


def test_json_has_the_five_keys_of_the_contract_and_only_errors_unless_asked() -> None:
    log = ProblemLog()
    assert log.as_json() == []
    for number in range(5):
        log.add(problem(number, severity="warning" if number == 2 else "error"))
    assert log.as_json(2) == [
        {"row_index": 0, "line": 2, "column": "company", "rule": "empty", "hint": ""},
        {"row_index": 1, "line": 3, "column": "company", "rule": "empty", "hint": ""},
    ]
    assert [each["row_index"] for each in log.as_json()] == [0, 1, 3, 4]
    assert len(log.as_json(warnings=True)) == 5


def test_the_problems_file_holds_all_and_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "people.problems.csv"
    path.write_text("old")
    log = ProblemLog()
    for each in (
        problem(1, column="a,b", rule='say "x"', hint="--default x"),
        problem(None, column="", rule="r", severity="warning"),
    ):
        log.add(each)
    log.write_csv(path)
    with path.open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["row_index", "line", "column", "rule", "hint", "severity"],
            ["1", "3", "a,b", 'say "x"', "'--default x", "error"],
            ["", "", "", "r", "", "warning"],
        ]
    assert list(tmp_path.iterdir()) == [path]


def test_a_problems_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be written"):
        ProblemLog().write_csv(tmp_path / "no" / "people.problems.csv")


def test_a_problem_says_its_place() -> None:
    assert str(problem(12)) == "row 12, line 14, column company: empty"
    assert str(problem(None, column="", rule="overlap")) == "overlap"
    log = ProblemLog()
    log.add(problem(12, column=""))
    log.add(problem(None, column="x", rule="format"))
    assert sorted(map(str, log.grouped())) == ["column x: format", "row 12, line 14: empty"]


@pytest.mark.parametrize(
    ("url", "loopback_base", "accepted"),
    [
        ("https://example.com/hook", False, True),
        ("HTTPS://example.com", False, True),
        ("http://example.com/hook", True, False),
        ("http://127.0.0.1:8080/x", True, True),
        ("http://localhost/x", True, True),
        ("http://[::1]:80/x", True, True),
        ("http://127.0.0.1:8080/x", False, False),
        ("http://127.0.0.1.example.com/x", True, False),
        ("ftp://example.com", False, False),
        ("example.com/hook", False, False),
        ("https:///hook", False, False),
        ("https://exa mple.com", False, False),
        ("https://[bad", False, False),
    ],
)
def test_callback_urls(url: str, loopback_base: bool, accepted: bool) -> None:
    found = backgrounds.callback_problem(url, loopback_base=loopback_base)
    assert (found is None) is accepted
    if found is not None:
        assert url not in str(found)


LINK = {"start": 0, "end": 4.5, "kind": "link", "config": {"mode": "basic"}}


def test_backgrounds_are_read_from_json_and_toml(tmp_path: Path) -> None:
    expected = (
        Background(start=0, end=4.5, kind="link", config={"mode": "basic"}, name="logo"),
        Background(start=4.5, end=-1, kind="site", config={}),
    )
    content = [{**LINK, "name": "logo"}, {"start": 4.5, "end": -1, "kind": "site", "config": {}}]
    (tmp_path / "b.json").write_text(json.dumps(content))
    (tmp_path / "c.json").write_text(json.dumps({"backgrounds": content}))
    (tmp_path / "b.toml").write_text(
        '[[backgrounds]]\nname = "logo"\nstart = 0\nend = 4.5\nkind = "link"\nconfig = { mode = "basic" }\n'
        '[[backgrounds]]\nstart = 4.5\nend = -1\nkind = "site"\nconfig = {}\n'
    )
    for name in ("b.json", "c.json", "b.toml"):
        assert backgrounds.load_backgrounds(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not valid JSON"),
        ("[]", "no background"),
        ('{"a": 1}', "needs a list"),
        ("[1]", "background 1: not an object"),
        (json.dumps([{**LINK, "scale": 1}]), "background 1: unknown field 'scale'"),
        (json.dumps([LINK, {**LINK, "start": None}]), "background 2: start is not a number"),
        (json.dumps([{**LINK, "end": True}]), "end is not a number"),
        (json.dumps([{**LINK, "kind": 3}]), "kind is not a text"),
        (json.dumps([{**LINK, "kind": " "}]), "name and kind are texts"),
        (json.dumps([{**LINK, "config": []}]), "config is not an object"),
        (json.dumps([{**LINK, "start": 5}]), "start is from 0 on and before end"),
        (json.dumps([{**LINK, "start": -1}]), "start is from 0 on"),
        ('[{"start": NaN, "end": 1, "kind": "link", "config": {}}]', "start is from 0 on"),
        ('[{"start": 0, "end": 1, "kind": "link"}]', "config is missing"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_malformed_backgrounds_are_refused(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(UsageError) as refused:
        backgrounds.load_backgrounds(tmp_path / "b.json")
    assert sentence in refused.value.message


def test_backgrounds_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        backgrounds.load_backgrounds(tmp_path / "none.json")


def span(start: float, end: float) -> Background:
    return Background(start=start, end=end, kind="link", config={})


def test_overlaps_are_found_whatever_the_order() -> None:
    assert backgrounds.overlap_problems([span(0, 5), span(5, -1)]) == []
    assert [each.rule for each in backgrounds.overlap_problems([span(4, -1), span(0, 5)])] == [
        "backgrounds 1 and 2 overlap in time"
    ]
    assert len(backgrounds.overlap_problems([span(0, -1), span(9, 10)])) == 1
    assert len(backgrounds.overlap_problems([span(0, 10), span(1, 2), span(3, 4)])) == 2
