"""The grammar of faults, and which request a fault meets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bhuman_cli.errors import UsageError
from bhuman_cli.studio.faults import catalogue, grammar


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "POST pipeline/campaign#2: drop-after-acceptance",
            grammar.Fault(
                method="POST",
                path="pipeline/campaign",
                action="drop",
                first=2,
                last=2,
                options=(("after-acceptance", "yes"),),
            ),
        ),
        (
            "GET /api/ai_studio/generated_video_by_id: 429 retry-after=1 times=3",
            grammar.Fault(
                method="GET",
                path="generated_video_by_id",
                action="status",
                times=3,
                options=(("code", "429"), ("retry-after", "1")),
            ),
        ),
        ("*#3+: slow", grammar.Fault(path="*", action="slow", first=3)),
        ("callback#2-4: lost", grammar.Fault(path="callback", action="lost", first=2, last=4)),
        (
            'render row=3 text="Zoë B": fail message="no face: none"',
            grammar.Fault(
                path="render",
                action="fail",
                where=(("row", "3"), ("text", "Zoë B")),
                options=(("message", "no face: none"),),
            ),
        ),
    ],
)
def test_faults_that_are_read(text: str, expected: grammar.Fault) -> None:
    assert grammar.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "POST",
        "POST pipeline/campaign",
        "POST pipeline/campaign:",
        ": 429",
        "GET *: explode",
        "GET *: late seconds=1",
        "callback: 429",
        "GET *: slow seconds=soon",
        "GET *: 429 shape=round",
        "GET *: 42",
        "GET *: 999",
        "GET *: slow times=1.5",
        "GET * row=1: slow",
        "render colour=red: fail",
        'render: fail message="unclosed',
        "GET *#x: slow",
        "GET *: 101",
        "GET *: 429 retry-after=日本",
        "GET *: 302 location='/a\nset-cookie: b'",
        "GET *#0: slow",
        "GET *#3-2: slow",
        "POST: 500",
        "PSOT *: 500",
    ],
)
def test_faults_that_are_not(text: str) -> None:
    with pytest.raises(UsageError, match="--fault") as caught:
        grammar.parse(text)
    assert caught.value.hint == "bhuman studio faults"


def test_every_example_of_the_manual_is_in_the_grammar() -> None:
    examples = [action.example for action in catalogue.ACTIONS if action.example]
    assert len(examples) > 15
    for example in examples:
        grammar.parse(example)
        assert example in catalogue.text()


def test_every_action_is_in_the_manual_and_can_be_written_down() -> None:
    text = catalogue.text()
    for action in catalogue.ACTIONS:
        path = action.where if action.where != "request" else "*"
        word = "418" if action.name == "status" else action.name
        assert grammar.parse(f"{path}: {word}").action == action.name
        assert f"\n  {'NNN' if action.name == 'status' else action.name}" in text


def test_counting_is_per_fault() -> None:
    plan = grammar.Plan(["POST a#2: slow", "POST *#1: empty-body", "GET a: html times=1"])
    met = [[fault.action for fault in plan.meet("POST", f"{grammar.PREFIX}a")] for _ in range(3)]
    assert met == [["empty-body"], ["slow"], []]
    assert [len(plan.meet("GET", f"{grammar.PREFIX}a")) for _ in range(2)] == [1, 0]
    plan.clear()
    assert not plan.meet("POST", f"{grammar.PREFIX}a")


def test_a_star_means_the_api_only() -> None:
    plan = grammar.Plan(["*: 503"])
    assert plan.meet("GET", "/api/ai_studio/campaigns")
    assert not plan.meet("GET", "/")
    assert not plan.meet("GET", "/media/x/video.mp4")
    assert not plan.meet("POST", "callback")


def test_media_can_be_broken_by_name() -> None:
    plan = grammar.Plan(["GET media/*/video.mp4: 403"])
    assert plan.meet("GET", "/media/x/video.mp4")
    assert not plan.meet("GET", "/media/x/thumbnail.jpg")


def test_a_file_of_faults(tmp_path: Path) -> None:
    path = tmp_path / "faults.txt"
    path.write_text("# comment\n\nGET *: slow\ncallback: lost\n")
    assert [fault.action for fault in grammar.read_file(path)] == ["slow", "lost"]
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        grammar.read_file(path)
    path.write_text("# comment\n\nGET *: explode\n")
    with pytest.raises(UsageError, match=r"faults\.txt, line 3: .*explode"):
        grammar.read_file(path)
