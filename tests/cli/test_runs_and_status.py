"""`bhuman runs` and `bhuman status` as processes: what the journal tells, the service adds, and can be forgotten."""

from __future__ import annotations

import json

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def test_before_the_first_run_there_is_nothing_and_no_journal_is_made(desk: Desk) -> None:
    ended = desk.run("runs")
    assert (ended.code, ended.out, ended.err) == (0, "", "there are no runs\n")
    assert not desk.home.exists()


def test_runs_are_listed_filtered_and_shown(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    desk.people(1, name="others.csv", start=5)
    first = desk.render("people.csv", "--json").document["run_id"]
    service.is_rendering = True
    second = desk.render("others.csv", "--no-wait", "--json").document["run_id"]
    listed = json.loads(desk.run("runs", "--json").out)["runs"]
    assert [(item["run_id"], item["state"]) for item in listed] == [(second, "unfinished"), (first, "finished")]
    assert listed[1]["rows"] == {"total": 2, "succeeded": 2}
    assert desk.run("runs", "--state", "finished").out.split("\t")[0] == first
    assert desk.run("runs", "--file", "others").out.split("\t")[0] == second
    assert desk.run("runs", "--state", "odd").code == 2
    service.shape = lambda record: record | {"status": "queued", "url": None}
    shown = desk.run("status", second)
    assert shown.code == 6
    assert f"next\tbhuman resume {second}" in shown.out
    assert json.loads(desk.run("status", first, "--json").out)["exit_code"] == 0


def test_status_of_a_generation_asks_the_service_and_names_the_row(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    run_id = desk.render("people.csv", "--no-wait", "--json").document["run_id"]
    key = service.accepted[1]["id"]
    found = json.loads(desk.run("status", key, "--json").out)
    assert (found["kind"], found["status"], found["run_id"], found["row_index"]) == (
        "generation",
        "succeeded",
        run_id,
        1,
    )
    assert found["url"] == f"https://assets.example/{key}.mp4"
    # The id is the access: no credentials are needed for it.
    bare = desk.run("status", key, env={"BHUMAN_API_KEY_ID": None, "BHUMAN_API_KEY_SECRET": None})
    assert bare.code == 0
    service.get = lambda *_: (503, {}, b"")  # type: ignore[method-assign]
    gone = desk.run("status", key, "--json")
    assert json.loads(gone.out)["status"] == "succeeded", "seen when it was accepted"
    assert "this is what the journal knows" in gone.err


def test_status_of_a_campaign_uses_its_list_or_says_that_it_is_the_journal(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    desk.people(3, "the same people.csv")
    assert [desk.render(name).code for name in ("people.csv", "the same people.csv")] == [0, 0]
    url = f"https://app.bhuman.ai/campaign/generatedVideos/{plain_service.CAMPAIGN_ID}"
    closed = desk.run("status", url, "--json")
    assert "this is what the journal knows" in closed.err
    assert "BHUMAN_TOKEN" in closed.err
    assert json.loads(closed.out)["source"] == "journal"
    assert json.loads(closed.out)["rows"] == {"total": 3, "succeeded": 3}, "a video that two runs show is one"
    service.lists_open = True
    opened = desk.run("status", url, "--json", env={"BHUMAN_TOKEN": plain_service.TOKEN})
    document = json.loads(opened.out)
    assert (document["source"], document["rows"], opened.code) == ("service", {"total": 3, "succeeded": 3}, 0)
    unknown = desk.run("status", "--kind", "campaign", "00000000-0000-4000-8000-00000000dead")
    assert unknown.code == 4


def test_forgetting_values_keeps_what_was_paid(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    run_id = desk.render("people.csv", "--json").document["run_id"]
    assert desk.run("runs", "delete", run_id, "--yes", "--json").document["run_ids"] == [run_id]
    held = (desk.home / "journal.sqlite3").read_bytes()
    for value in (b"Name0", b"Company 1", b"assets.example"):
        assert value not in held, "a deleted value is still in the file"
    assert desk.run("runs").out == ""
    assert "2 succeeded" in (told := desk.run("runs", "--all").out)
    assert told.rstrip().endswith("deleted")
    asked = len(service.seen)
    assert "state\tdeleted" in desk.run("status", run_id[:5]).out
    assert len(service.seen) == asked, "a deleted run is nobody's business to ask about"
    again = desk.render("people.csv", "--json")
    assert (again.code, again.rows["reused"], again.rows["submitted"], len(service.bodies)) == (0, 2, 0, 1)
    assert all(url.startswith("https://assets.example/") for url in desk.column("url"))


def test_forgetting_payments_is_confirmed_in_full_and_pays_again(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    run_id = desk.render("people.csv", "--json").document["run_id"]
    refused = desk.run("runs", "delete", run_id, "--forget-payments", "--yes")
    assert (refused.code, f"--confirm {run_id}" in refused.err) == (7, True)
    assert desk.run("runs", "delete", run_id, "--forget-payments", "--confirm", run_id).code == 0
    (desk.folder / "people.results.csv").unlink()
    assert desk.render("people.csv", "--json").rows["submitted"] == 1
    assert len(service.bodies) == 2


def test_an_unfinished_run_is_not_forgotten(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    service.is_rendering = True
    run_id = desk.render("people.csv", "--no-wait", "--json").document["run_id"]
    ended = desk.run("runs", "delete", run_id, "--yes")
    assert (ended.code, f"bhuman resume {run_id}" in ended.err) == (2, True)


def test_a_run_is_not_deleted_without_a_yes_and_several_may_be_named(desk: Desk) -> None:
    desk.people(1)
    desk.people(1, name="others.csv", start=5)
    first = desk.render("people.csv", "--json").document["run_id"]
    assert desk.render("others.csv").code == 0
    refused = desk.run("runs", "delete", first)
    assert (refused.code, "--yes" in refused.err) == (7, True)
    assert desk.run("runs", "delete", first[:6], "others.csv", "--yes").code == 0
    assert json.loads(desk.run("runs", "--json").out)["runs"] == []


def test_status_takes_the_latest_run_its_start_or_its_file_and_names_failed_lines(
    desk: Desk, service: PlainService
) -> None:
    assert desk.run("status").code == 2
    desk.people(3)
    service.shape = lambda record: (
        record | ({"status": "failed", "message": "no voice"} if "Name1" in record["text"] else {})
    )
    run_id = desk.render("people.csv", "--json").document["run_id"]
    for words in ((), (run_id[:4],), ("people.csv",), ("people.results.csv",)):
        shown = desk.run("status", *words)
        assert (shown.code, f"run\t{run_id}" in shown.out) == (5, True), words
        assert "line 3\tfailed: no voice" in shown.out
    document = json.loads(desk.run("status", "--json").out)
    assert [(row["row_index"], row["line"]) for row in document["problems"]] == [(1, 3)]
    assert desk.run("status", "nothing.csv").code == 2


def test_an_id_that_nobody_knows_is_no_empty_campaign(desk: Desk, service: PlainService) -> None:
    service.lists_open = True
    ended = desk.run("status", "00000000-0000-4000-8000-000000000002", env={"BHUMAN_TOKEN": plain_service.TOKEN})
    assert (ended.code, ended.out) == (2, "")
    assert "nothing is known by" in ended.err
