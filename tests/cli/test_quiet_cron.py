"""Cron and monitors: silence where nothing happened, a log that names file, run and level, objects line by line."""

from __future__ import annotations

import json
import re

from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def test_a_cron_line_that_finds_nothing_new_says_nothing(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    first = desk.render("people.csv")
    assert first.code == 0
    assert "plan: 3 new" in first.err
    again = desk.render("people.csv")
    assert (again.code, again.err) == (0, "")
    assert again.out.strip().endswith("people.results.csv")
    assert desk.run("resume", "--all", "--no-input").err == ""
    assert "3 rows were sent before" in desk.render("people.csv", "-v").err
    desk.people(4)
    assert desk.render("people.csv", "-q").err == ""
    assert len(service.accepted) == 4
    assert "error" in desk.render("people.csv", "--max-rows", "x", "-q").err


def test_what_goes_wrong_is_told_with_all_that_was_held_back(desk: Desk) -> None:
    desk.people(3)
    ended = desk.render("people.csv", "--max-rows", "1")
    assert ended.code == 7
    assert "plan: 3 new" in ended.err


def test_a_log_line_names_level_run_and_file(desk: Desk) -> None:
    desk.people(2, "nightly.csv")
    assert desk.render("nightly.csv", "--log-file", "b.log").code == 0
    desk.render("nightly.csv", "--log-file", "b.log", "--max-rows", "0", "--again")
    lines = (desk.folder / "b.log").read_text().splitlines()
    run = re.search(r"INFO (r\w+) nightly\.csv start$", "\n".join(lines), re.M)
    assert run
    assert any(line.endswith(f"INFO {run[1]} nightly.csv exit=0") for line in lines)
    assert any(" ERROR " in line and "nightly.csv" in line for line in lines)
    assert lines[-1].endswith("exit=7")


def test_with_progress_json_every_line_is_an_object(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [("Ana", "Acme"), ("Ben", "N/A")])
    ended = desk.render("people.csv", "--progress", "json", "--json")
    events = [json.loads(line) for line in ended.err.splitlines()]
    kinds = [event["event"] for event in events]
    assert {"plan", "warning", "progress", "end"} <= set(kinds)
    assert kinds.index("plan") < kinds.index("progress") < kinds.index("end")
    end = next(event for event in events if event["event"] == "end")
    assert end["run_id"] == ended.document["run_id"]
    assert end["rows"] == ended.document["rows"]
    refused = desk.render("people.csv", "--progress", "json", "--again", "--max-rows", "1")
    last = json.loads(refused.err.splitlines()[-1])
    assert (last["event"], last["error"]["code"]) == ("error", "over_max_rows")
    for words in (["render", "--nonsense", "--progress=json"], ["render", "nobody.csv", "--progress", "json"]):
        for line in desk.run(*words).err.splitlines():
            assert "event" in json.loads(line)


def test_a_row_that_failed_for_good_is_told_once_and_never_turns_cron_red_again(
    desk: Desk, service: PlainService
) -> None:
    service.shape = lambda record: (
        {**record, "status": "failed", "url": "", "message": "no face"} if record["text"][0] == "Name1" else record
    )
    desk.people(3)
    assert desk.render("people.csv").code == 5
    again = desk.render("people.csv", "--json")
    assert (again.code, again.err, again.rows["failed"]) == (0, "", 1)
    assert [problem["line"] for problem in again.document["problems"]] == [3]
    assert desk.run("resume", "--all").code == 0
    assert "ended so before" in desk.render("people.csv", "-v").err
    assert desk.render("people.csv", "--fail-on-old").code == 5
    service.shape = lambda record: (
        {**record, "status": "failed", "url": "", "message": "no face"} if record["text"][0] == "Name3" else record
    )
    desk.people(4)
    assert desk.render("people.csv").code == 5, "a new failure is news"
    assert desk.render("people.csv").code == 0
    assert len(service.accepted) == 4


def test_an_invalid_row_is_told_once_as_long_as_it_stays_as_it_is(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [("Ana", "Acme"), ("Ben", "")])
    assert desk.render("people.csv", "--on-invalid", "skip").code == 5
    assert desk.render("people.csv", "--on-invalid", "skip").code == 0
    desk.table("people.csv", [("Ana", "Acme"), ("Ben", ""), ("Cleo", "")])
    assert desk.render("people.csv", "--on-invalid", "skip").code == 5


def test_resume_all_leaves_runs_of_other_services_alone(desk: Desk, service: PlainService) -> None:
    service.shape = lambda record: {**record, "status": "processing", "url": ""}
    desk.people(1)
    assert desk.render("people.csv", "--no-wait").code == 0
    ended = desk.run("resume", "--all", "-v", env={"BHUMAN_BASE_URL": "http://127.0.0.1:9"})
    assert (ended.code, "1 unfinished run of other services left alone" in ended.err) == (0, True)
