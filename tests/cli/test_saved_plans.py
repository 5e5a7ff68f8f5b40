"""Plans on disk: why each row is paid, and a plan that is applied exactly, once, and only where it fits."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def planned(desk: Desk, *arguments: str) -> None:
    ended = desk.render("people.csv", "-n", "--plan-out", "plan.json", *arguments)
    assert ended.code == 0, ended.err


def test_a_plan_for_people_says_why_and_which_columns_changed(desk: Desk, service: PlainService) -> None:
    header = ("first_name", "company", "email")
    rows = [("Ada", "Co", "a@x.example"), ("Bob", "Co", "b@x.example"), ("Bob", "Co", "c@x.example")]
    desk.table("people.csv", rows, header=header)
    only = ("--only", "first_name,company")
    assert desk.render("people.csv", *only, "--limit", "1").code == 0
    rows[0] = ("Ada", "New Co", "a@x.example")
    desk.table("people.csv", [*rows, ("", "", "")], header=header)
    assert desk.render("people.csv", *only, "-n", "--plan-out", "plan.csv").code == 0
    with (desk.folder / "plan.csv").open() as stream:
        said = list(csv.DictReader(stream))
    assert [row["plan"] for row in said[:3]] == ["new", "new", "shared"]
    assert (said[0]["changed"], said[0]["line"]) == ("company", "2")
    assert said[0]["reason"].startswith("changed: company (rendered in r")
    assert said[0]["earlier_run"].startswith("r")
    assert said[2]["reason"] == "equal to line 3: shows its video"
    text = (desk.folder / "plan.csv").read_text()
    assert "New Co" not in text, "the columns, never the values"
    assert "x.example" not in text
    assert desk.render("people.csv", "-n", "--plan-out", "plan.txt").code == 2
    assert desk.render("people.csv", "--plan-out", "plan.csv").code == 2


def test_a_plan_is_applied_exactly_and_once(desk: Desk, service: PlainService) -> None:
    desk.people(4)
    planned(desk)
    document = json.loads((desk.folder / "plan.json").read_text())
    assert (document["schema"], document["plan"]["new"], document["file"]) == ("bhuman.plan/1", 4, "people.csv")
    assert "Name1" not in json.dumps(document)
    desk.people(6)
    applied = desk.render("people.csv", "--apply", "plan.json", "--max-rows", "1", "--json")
    assert (applied.code, applied.rows["submitted"], applied.rows["later"]) == (0, 4, 2)
    again = desk.render("people.csv", "--apply", "plan.json", "--json")
    assert (again.code, again.error["code"], len(service.accepted)) == (7, "plan_used", 4)
    for wrong in (("--take", "1"), ("--limit", "1")):
        assert desk.render("people.csv", "--apply", "plan.json", *wrong).code == 2
    assert desk.render("people.csv", "--apply", "missing.json").code == 2


def test_a_plan_that_does_not_fit_sends_nothing(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    planned(desk)
    other = {"BHUMAN_CAMPAIGN_ID": "6f1c2f6e-4f0a-4a54-9a77-0c1d9c2f7a99"}
    assert desk.render("people.csv", "--apply", "plan.json", "--json", env=other).error["code"] == "plan_other_target"
    desk.table("people.csv", [("Name0", "Edited"), ("Name1", "Company 1"), ("Name2", "Company 2")])
    assert desk.render("people.csv", "--apply", "plan.json", "--json").error["code"] == "plan_changed"
    desk.people(3)
    assert (
        desk.render("people.csv", "--apply", "plan.json", "--plan-age", "0s", "--json").error["code"] == "plan_expired"
    )
    assert service.bodies == []
    assert desk.render("people.csv", "--limit", "1").code == 0
    assert desk.render("people.csv", "--apply", "plan.json", "--json").error["code"] == "plan_changed", "one was paid"
    planned(desk)
    elsewhere = {"BHUMAN_HOME": str(Path(desk.folder) / "other-home")}
    (desk.folder / "people.results.csv").unlink()
    refused = desk.render("people.csv", "--apply", "plan.json", "--json", env=elsewhere)
    assert refused.error["code"] == "plan_other_journal"
    assert len(service.accepted) == 1
