"""Several files in one command: one plan, one document, the worst exit code, and a broken file stops no other."""

from __future__ import annotations

import sys

import pytest

from tests.support import terminal
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def test_files_are_rendered_in_one_command_and_a_broken_one_stops_no_other(desk: Desk, service: PlainService) -> None:
    desk.people(3, "a.csv")
    desk.people(2, "b.csv", start=10)
    desk.table("broken.csv", [("Ana", "")])
    (desk.folder / "empty.csv").write_bytes(b"")
    ended = desk.render("a.csv", "broken.csv", "missing.csv", "empty.csv", "b.csv", "--json")
    assert ended.code == 3, ended.err
    document = ended.document
    assert (document["schema"], document["exit_code"]) == ("bhuman.batch/1", 3)
    codes = {each["file"]: each["exit_code"] for each in document["files"]}
    assert codes == {"a.csv": 0, "broken.csv": 3, "missing.csv": 2, "empty.csv": 3, "b.csv": 0}
    assert (document["rows"]["submitted"], document["rows"]["succeeded"], len(service.accepted)) == (5, 5, 5)
    assert all("https" in url for url in desk.column("url", "a.results.csv") + desk.column("url", "b.results.csv"))
    assert "plan: 5 new videos for 2 of 5 files" in ended.err
    again = desk.render("a.csv", "b.csv", "--json")
    assert (again.code, again.document["rows"]["submitted"], again.err) == (0, 0, "")
    assert len(service.accepted) == 5


def test_all_are_sent_before_any_is_waited_for(desk: Desk, service: PlainService) -> None:
    order: list[str] = []

    def shape(record: dict[str, object]) -> dict[str, object]:
        order.append("asked")
        return record if len(service.bodies) == 2 else {**record, "status": "processing", "url": ""}

    service.shape = shape
    desk.people(1, "a.csv")
    desk.people(1, "b.csv", start=5)
    ended = desk.render("a.csv", "b.csv", "--json", "--timeout", "20s")
    assert (ended.code, ended.document["rows"]["succeeded"], len(service.bodies)) == (0, 2, 2)
    assert [each["rows"]["submitted"] for each in ended.document["files"]] == [1, 1]


def test_the_cap_holds_over_all_files_together(desk: Desk, service: PlainService) -> None:
    desk.people(3, "a.csv")
    desk.people(3, "b.csv", start=10)
    refused = desk.render("a.csv", "b.csv", "--max-rows", "5")
    assert (refused.code, len(service.bodies)) == (7, 0)
    assert "6 rows of all files" in refused.err
    assert desk.render("a.csv", "b.csv", "--max-rows", "6").code == 0
    assert len(service.accepted) == 6


def test_a_take_and_a_sample_hold_over_all_files_and_the_plan_says_so(desk: Desk, service: PlainService) -> None:
    desk.people(2, "a.csv")
    desk.people(2, "b.csv", start=10)
    taken = desk.render("a.csv", "b.csv", "--take", "3", "--json")
    assert (taken.code, taken.rows["submitted"], taken.rows["later"], len(service.accepted)) == (0, 3, 1, 3)
    assert "plan: 3 new videos for 2 of 2 files" in taken.err
    desk.people(3, "a.csv", start=20)
    sample = desk.render("a.csv", "b.csv", "--sample", "1", "--json")
    # The first row of b.csv was paid: it is the sample, and nothing of that file is sent.
    assert (sample.code, sample.rows["submitted"], len(service.accepted)) == (6, 1, 4)
    assert desk.render("a.csv", "b.csv", "--json").rows["pending"] == 0
    assert len(service.accepted) == 7


def test_what_bhuman_wrote_itself_is_left_out(desk: Desk, service: PlainService) -> None:
    desk.people(2, "a.csv")
    assert desk.render("a.csv").code == 0
    desk.table("x.problems.csv", [("1", "2")])
    desk.table("a.mailmerge.csv", [("1", "2")])
    ended = desk.render("a.csv", "a.results.csv", "x.problems.csv", "a.mailmerge.csv", "-v")
    assert ended.code == 0
    assert "left out, because bhuman wrote them: a.results.csv, x.problems.csv, a.mailmerge.csv" in ended.err
    assert len(service.accepted) == 2


def test_one_question_for_all_files_and_a_no_sends_nothing(desk: Desk, service: PlainService) -> None:
    desk.people(2, "a.csv")
    desk.people(2, "b.csv", start=10)
    words = [sys.executable, "-m", "bhuman_cli", "render", "a.csv", "b.csv", "--poll-interval", "0.05"]
    for answer, sent in (("n", 0), ("y", 4)):
        with terminal.terminal(words, folder=desk.folder, env=desk.environment()) as screen:
            screen.wait_for("Render and pay for 4 videos?")
            screen.type(f"{answer}\r")
            assert screen.end() == 0
        assert len(service.accepted) == sent


@pytest.mark.parametrize("option", [("-o", "x.csv"), ("--init",)])
def test_options_of_one_file_are_2(desk: Desk, option: tuple[str, ...]) -> None:
    desk.people(1, "a.csv")
    desk.people(1, "b.csv")
    assert desk.run("render", "a.csv", "b.csv", *option).code == 2
