"""What the gate lets through, as a process: first rows, the brake, videos at once, takes and budgets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

UNKNOWN = {"BHUMAN_FIRST": None}  # as a person has it: three rows first where nothing succeeded yet


def failing(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "status": "failed", "url": "", "message": "no face found"}


def test_a_service_that_fails_every_render_receives_the_first_rows_and_no_more(
    desk: Desk, service: PlainService
) -> None:
    service.shape = failing
    desk.people(200)
    braked = desk.render("people.csv", "--json", env=UNKNOWN)
    assert (braked.code, braked.error["code"], len(service.accepted)) == (6, "too_many_failures", 3)
    assert (braked.rows["failed"], braked.rows["pending"]) == (3, 197)
    assert "no face found (lines 2, 3, 4)" in braked.error["message"]
    dry = desk.render("people.csv", "--dry-run", "--json").document["plan"]["refusals"]
    assert "lines 0" not in dry[0]["message"]
    desk.people(9, "renamed.csv", start=500)
    other = desk.render("renamed.csv", "--json")
    assert (other.code, other.error["code"]) == (7, "too_many_failures"), "whatever the file is called"
    for arguments in (("resume", "--all"), ("resume",)):
        assert desk.run(*arguments, "--poll-interval", "0.05").code == 6
    assert len(service.accepted) == 3
    service.shape = lambda record: record
    accepted = desk.render("people.csv", "--accept-failures", "--json", env=UNKNOWN)
    assert (accepted.code, accepted.rows["succeeded"]) == (0, 197), "what failed before was told before"
    assert [len(body["names"]) for body in service.bodies] == [3, 3, 194], "first rows again, then the rest"


def test_good_first_rows_let_the_rest_go_and_are_asked_for_once(desk: Desk, service: PlainService) -> None:
    desk.people(9)
    assert desk.render("people.csv", env=UNKNOWN).code == 0
    desk.people(12)
    assert desk.render("people.csv", env=UNKNOWN).code == 0
    desk.people(16)
    assert desk.render("people.csv", "--first", "1").code == 0
    assert [len(body["names"]) for body in service.bodies] == [3, 6, 3, 1, 3]


def test_without_waiting_the_rest_is_left_to_resume(desk: Desk, service: PlainService) -> None:
    desk.people(9)
    begun = desk.render("people.csv", "--no-wait", "--json", env=UNKNOWN)
    assert (begun.code, begun.rows["submitted"], begun.rows["pending"]) == (6, 3, 6)
    assert begun.document["next"] == f"bhuman resume {begun.document['run_id']}"
    resumed = desk.run("resume", "--json", "--poll-interval", "0.05")
    assert (resumed.code, resumed.rows["succeeded"], len(service.accepted)) == (0, 9, 9)


def test_at_most_so_many_videos_are_made_at_once(desk: Desk, service: PlainService) -> None:
    most = 0

    def slow(record: dict[str, Any]) -> dict[str, Any]:
        nonlocal most
        asked[record["id"]] = asked.get(record["id"], 0) + 1
        ended.update([record["id"]] if asked[record["id"]] > 1 else [])
        most = max(most, len(service.accepted) - len(ended))
        return record if record["id"] in ended else {**record, "status": "processing", "url": ""}

    asked: dict[str, int] = {}
    ended: set[str] = set()
    service.shape = slow
    desk.people(11)
    done = desk.render("people.csv", "--in-flight", "4", "--json")
    assert (done.code, done.rows["succeeded"]) == (0, 11)
    assert most <= 4


def test_a_take_is_done_after_as_many_jobs_as_it_needs(desk: Desk, service: PlainService) -> None:
    desk.people(25)
    jobs = [desk.render("people.csv", "--take", "10", "--json") for _ in range(3)]
    assert [job.code for job in jobs] == [0, 0, 0]
    assert [(job.rows["submitted"], job.rows["later"]) for job in jobs] == [(10, 15), (10, 5), (5, 0)]
    assert jobs[0].document["next"] is None
    assert jobs[0].rows["pending"] == 15
    assert desk.run("resume", "--all").code == 0
    assert len(service.accepted) == 25
    desk.people(40)
    today = desk.render("people.csv", "--take", "30/day", "--json")
    assert (today.rows["submitted"], today.rows["later"]) == (5, 10), "25 of the day's 30 were sent"
    for wrong in ("", "ten", "0", "10/week"):
        assert desk.render("people.csv", "--take", wrong).code == 2


def test_a_daily_take_holds_over_the_names_of_a_file_and_over_the_files_of_a_command(
    desk: Desk, service: PlainService
) -> None:
    for name in ("leads-2026-11-28.csv", "leads-2026-11-29.csv", "leads (1).csv"):
        desk.people(25, name)
        ended = desk.render(name, "--take", "10/day", "--json")
        assert (ended.code, ended.rows["succeeded"], len(service.accepted)) == (0, 10, 10), name
    desk.people(12, "a.csv", start=100)
    desk.people(12, "b.csv", start=200)
    for take, sent in (("5/day", 5), ("5/day", 5), ("13", 18), ("13", 24)):
        assert desk.render("a.csv", "b.csv", "--take", take).code == 0
        assert len(service.accepted) == 10 + sent


@pytest.mark.parametrize("when_over", ["refuse", "later"])
def test_a_budget_holds_over_files_and_commands(desk: Desk, service: PlainService, when_over: str) -> None:
    desk.home.mkdir()
    config = desk.home / "config.toml"
    config.write_text(f'timezone = "Europe/Berlin"\n[budget]\nrows_per_day = 10\nwhen_over = "{when_over}"\n')
    desk.people(7)
    desk.people(6, "more.csv", start=100)
    assert desk.render("people.csv").code == 0
    over = desk.render("more.csv", "--json")
    if when_over == "refuse":
        assert (over.code, over.error["code"], len(service.accepted)) == (7, "over_budget", 7)
        assert "leaves 3 videos" in over.error["message"]
        assert "CET" in over.error["message"] or "CEST" in over.error["message"]
    else:
        assert (over.code, over.rows["submitted"], over.rows["later"]) == (0, 3, 3)
    config.write_text("[budget]\nrows_a_day = 10\n")
    wrong = desk.render("more.csv")
    assert wrong.code == 2
    assert "rows_per_day" in wrong.err


def test_a_budget_of_a_campaign_or_profile_counts_its_own(desk: Desk, service: PlainService) -> None:
    desk.home.mkdir()
    config = desk.home / "config.toml"
    config.write_text(
        f'[budget."{plain_service.CAMPAIGN_ID}"]\nrows_per_month = 2\n[profiles.acme.budget]\nrows_per_day = 0\n'
    )
    desk.people(3)
    assert desk.render("people.csv", "--json").error["code"] == "over_budget"
    config.write_text("[profiles.acme.budget]\nrows_per_day = 0\n")
    assert desk.render("people.csv", "--profile", "acme", "--json").error["code"] == "over_budget"
    assert service.accepted == []
    assert desk.render("people.csv").code == 0


@pytest.mark.parametrize(
    ("route", "name"), [("pipeline/campaign", "campaign"), ("/api/ai_studio/try_sample", "sample")]
)
def test_the_escape_hatch_pays_for_no_video_that_trigger_knows(
    desk: Desk, service: PlainService, route: str, name: str
) -> None:
    (desk.folder / "body.json").write_text("{}")
    refused = desk.run("api", "POST", route, "--data", "body.json", "--yes")
    assert (refused.code, service.bodies) == (2, [])
    assert f"bhuman trigger {name} --data body.json" in refused.err
