"""`bhuman spend` as a process, against what the service itself counted."""

from __future__ import annotations

import csv
import json

import openpyxl

from tests.support.desk import Desk
from tests.support.plain_service import CAMPAIGN_ID, PlainService


def groups(desk: Desk, by: str, *more: str) -> dict[str, dict[str, int]]:
    document = json.loads(desk.run("spend", "--by", by, "--json", *more).out)
    assert document["schema"] == "bhuman.spend/1"
    return {row.pop(by): row for row in document["rows"]}


def test_what_was_paid_is_counted_by_every_group_and_survives_deleting(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    desk.people(2, "others.csv", start=10)
    (desk.folder / "others.toml").write_text('client = "Acme"\n')
    assert desk.render("people.csv").code == 0
    first = desk.render("others.csv", "--json").document["run_id"]
    assert desk.render("people.csv").code == 0  # nothing new: three reused
    assert groups(desk, "campaign") == {
        CAMPAIGN_ID: {"paid": 5, "reused": 3, "shared": 0, "retried": 0, "failed": 0, "in_doubt": 0}
    }
    assert len(service.accepted) == 5
    files = {name.rpartition("/")[2]: row["paid"] for name, row in groups(desk, "file").items()}
    assert files == {"people.csv": 3, "others.csv": 2}
    by_client = {name: row["paid"] for name, row in groups(desk, "client").items()}
    assert by_client == {"default": 3, "Acme": 2}
    assert desk.run("runs", "delete", first, "--yes").code == 0
    assert {name: row["paid"] for name, row in groups(desk, "client").items()} == by_client
    for by in ("day", "month", "profile"):
        (row,) = groups(desk, by).values()
        assert row["paid"] == 5
    assert groups(desk, "day", "--since", "1h") != {}
    assert groups(desk, "day", "--since", "2999-01-01") == {}


def test_failed_and_retried_videos_are_paid_ones(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    service.shape = lambda record: record | {"status": "failed", "url": None}
    assert desk.render("people.csv").code == 5
    assert desk.render("people.csv", "--retry-failed", "--accept-failures").code == 5
    (row,) = groups(desk, "campaign").values()
    assert (row["paid"], row["failed"]) == (len(service.accepted), len(service.accepted))
    assert row["retried"] == len(service.accepted) - 2


def test_files_hold_one_row_a_group_and_no_total(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    assert desk.render("people.csv").code == 0
    for ending in ("csv", "xlsx", "json", "html"):
        assert desk.run("spend", "--by", "month", "-o", f"spend.{ending}").code == 0
    (row,) = csv.DictReader((desk.folder / "spend.csv").read_text().splitlines())
    assert row["paid"] == "3"
    sheet = list(openpyxl.load_workbook(desk.folder / "spend.xlsx").worksheets[0].iter_rows(values_only=True))
    assert (sheet[0][:2], sheet[1][1], len(sheet)) == (("month", "paid"), 3, 2)
    assert [item["paid"] for item in json.loads((desk.folder / "spend.json").read_text())] == [3]
    page = (desk.folder / "spend.html").read_text()
    assert '<rect class="bar"' in page
    assert "http://" not in page.replace("http-equiv", "")
    assert "https://" not in page
    assert desk.run("spend", "-o", "spend.pdf").code == 2
    assert desk.run("spend", "--by", "colour").code == 2
    assert len(service.accepted) == 3
