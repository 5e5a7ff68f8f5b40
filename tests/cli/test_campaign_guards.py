"""Settings and guards belong to the campaign, whatever the file is called: its variables, and what was paid for it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from typing import Any

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

HEADER = ("first_name", "company", "last_contacted")


def contacts(desk: Desk, name: str, day: str, people: Iterable[int] = range(30)) -> None:
    desk.table(name, [(f"Ana{at}", f"Company {at}", day) for at in people], header=HEADER)


def test_a_dated_export_of_the_same_people_is_not_paid_again(desk: Desk, service: PlainService) -> None:
    contacts(desk, "contacts-05-01.csv", "monday")
    assert desk.render("contacts-05-01.csv").code == 0
    contacts(desk, "contacts-05-02.csv", "tuesday")
    refused = desk.render("contacts-05-02.csv", "--json")
    assert (refused.code, refused.error["code"], len(service.accepted)) == (7, "variables_changed", 30)
    assert "30 of 30 rows that were rendered as contacts-05-01.csv would be rendered anew" in refused.error["message"]
    assert "changed: last_contacted in 30 rows" in refused.error["message"]
    assert "--accept-changes" not in refused.error["hint"], "a hint never spends"
    service.posts = [lambda body: plain_service.reply(200, {"code": 200, "result": service.accept(body)})]
    service.posts.append(plain_service.refusing(401))
    assert desk.render("contacts-05-01.csv", "--again", "--chunk-size", "5").code == 4
    contacts(desk, "contacts-05-03.csv", "monday")
    twice = desk.render("contacts-05-03.csv", "--again", "--json")
    assert (twice.code, len(service.accepted)) == (2, 35), "an unfinished --again of the same table, renamed"
    assert desk.run("resume", "--poll-interval", "0.05").code == 0
    contacts(desk, "others.csv", "tuesday", range(500, 560))
    assert desk.render("others.csv", "--json").rows["submitted"] == 60, "new leads under a new name are simply new"


def test_edited_rows_under_another_name_are_told_by_their_key(desk: Desk, service: PlainService) -> None:
    def write(name: str, word: str) -> None:
        rows = [(f"Ana{at} {word}", f"Co{at} {word}", f"a{at}@example.com") for at in range(30)]
        desk.table(name, rows, header=("first_name", "company", "email"))

    write("a.csv", "old")
    assert desk.render("a.csv", "--only", "first_name,company").code == 0
    write("b.csv", "new")
    refused = desk.render("b.csv", "--json")
    assert (refused.code, refused.error["code"], len(service.accepted)) == (7, "variables_changed", 30)


def test_changed_columns_are_named_with_the_rows_that_each_touches(desk: Desk, service: PlainService) -> None:
    def write(companies: int, names: int) -> None:
        rows = [(f"Ana{'x' * (at < names)}{at}", f"Co{'y' * (at < companies)}{at}", f"k{at}") for at in range(30)]
        desk.table("a.csv", rows, header=("first_name", "company", "email"))

    write(0, 0)
    assert desk.render("a.csv", "--only", "first_name,company").code == 0
    write(29, 2)
    refused = desk.render("a.csv", "--json")
    assert refused.error["code"] == "variables_changed"
    assert "; changed: company in 29 rows, first_name in 2 rows;" in refused.error["message"]
    write(3, 1)
    assert "changed since they were rendered: company in 3 rows" in desk.render("a.csv", "--dry-run").err
    few = desk.render("a.csv")
    assert (few.code, len(service.accepted)) == (0, 33)
    assert "changed since they were rendered: company in 3 rows" in few.err


def test_only_what_the_target_uses_is_sent_and_the_rest_is_named(desk: Desk, service: PlainService) -> None:
    contacts(desk, "leads.csv", "x", range(3))
    first = desk.render("leads.csv", "--only", "first_name,company")
    assert "kept here: last_contacted" in first.err
    contacts(desk, "leads (1).csv", "y", range(4))
    other = desk.render("leads (1).csv", "--json")
    assert (other.code, other.rows["submitted"], other.rows["reused"]) == (0, 1, 3)
    assert "kept here: last_contacted" in other.err
    assert service.bodies[-1]["variables"] == ["first_name", "company"]
    service.campaign = {"name": "Spring [bold]hello"}
    named = desk.render("leads (1).csv", "-v", "--again", env={"BHUMAN_TOKEN": plain_service.TOKEN})
    assert "campaign “Spring (bold)hello” (6f1c2f6e…)" in named.err
    assert "changed since" not in named.err
    everything = desk.render("leads (1).csv", "--all-columns", "--json")
    assert (everything.code, everything.error["code"]) == (7, "variables_changed")
    assert "new: last_contacted" in everything.error["message"]
    desk.table("thin.csv", [("Bea",)], header=("first_name",))
    assert desk.render("thin.csv", "--json").error["code"] == "variables_changed"
    assert desk.render("thin.csv", "--accept-changes").code == 0
    desk.table("thin2.csv", [("Cid",)], header=("first_name",))
    assert desk.render("thin2.csv").code == 0, "said once a set"
    desk.table("foreign.csv", [("x", "secret note")], header=("subject", "note"))
    foreign = desk.render("foreign.csv", "--json")
    assert (foreign.code, foreign.error["code"]) == (7, "variables_changed")
    assert "none of the campaign's variables" in foreign.error["message"]


def test_what_was_paid_with_more_columns_is_not_paid_again(desk: Desk, service: PlainService) -> None:
    contacts(desk, "leads.csv", "x", range(3))
    assert desk.render("leads.csv").code == 0
    fewer = desk.render("leads.csv", "--only", "first_name,company", "--accept-changes", "--json", "-v")
    assert (fewer.rows["submitted"], fewer.rows["reused"], len(service.accepted)) == (0, 3, 3)
    assert "3 rows were paid with more columns" in fewer.err
    contacts(desk, "leads.csv", "changed", range(3))
    edited = desk.render("leads.csv", "--only", "first_name,company", "--accept-changes", "--json")
    assert edited.rows["submitted"] == 3, "the kept column has another value now: it is another purchase"
    again = desk.render("leads.csv", "--only", "first_name,company", "--again", "--json")
    assert (again.code, again.rows["submitted"]) == (0, 3)


def test_rows_read_by_newer_rules_are_never_bought_again_unasked(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    assert desk.render("people.csv").code == 0
    import sqlite3

    with sqlite3.connect(desk.home / "journal.sqlite3") as journal:
        journal.execute("UPDATE run SET reading_rules = 0")  # as a journal of 0.1.0 is, once it is opened
    journal.close()
    desk.table(
        "people.csv", [("Name0", "Read otherwise"), ("Name1", "Company 1"), ("Name2", "Company 2"), ("New", "x")]
    )
    refused = desk.render("people.csv", "--json")
    assert (refused.code, refused.error["code"], len(service.accepted)) == (7, "variables_changed", 3)
    assert "1 rows whose place was paid" in refused.error["message"]
    assert desk.render("people.csv", "--accept-changes").code == 0
    desk.table("people.csv", [("Name0", "Edited"), ("Name1", "Company 1"), ("Name2", "Company 2"), ("New", "x")])
    assert desk.render("people.csv").code == 0, "said once; from now on few edits are few edits"


def test_people_who_share_a_video_are_told_once_a_target(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [("Ada", "a@x.example"), ("Ada", "b@x.example")], header=("first_name", "email"))
    first = desk.render("people.csv", "--only", "first_name", "-v")
    assert "one page, one view count" in first.err
    assert len(service.accepted) == 1
    assert "one view count" not in desk.render("people.csv", "--only", "first_name", "-v").err


def test_a_video_of_an_earlier_day_is_asked_before_another_row_shows_it(desk: Desk, service: PlainService) -> None:
    desk.people(5, "a.csv")
    assert desk.render("a.csv").code == 0
    with contextlib.closing(sqlite3.connect(desk.home / "journal.sqlite3")) as journal:
        journal.execute("UPDATE claim SET ended_at = '2026-01-01T00:00:00.000Z'")
        journal.commit()
    gone = service.accepted.pop(1)
    before = len(service.seen)
    assert desk.render("a.csv").code == 0
    assert len(service.seen) == before, "the same rows ask nobody"
    desk.people(2, "b.csv")
    other = desk.render("b.csv", "--json")
    assert (other.code, other.rows["succeeded"], other.rows["failed"]) == (5, 1, 1)
    assert [row["message"] for row in desk.results("b.results.csv")] == ["", "its video is gone"]
    retried = desk.render("b.csv", "--retry-failed", "--json")
    assert (retried.code, retried.rows["succeeded"], retried.rows["submitted"]) == (0, 2, 1)
    assert desk.render("a.csv").code == 0
    assert desk.column("url", "a.results.csv") == [service.record(item)["url"] for item in _in_order(service)]
    assert gone["id"] not in desk.column("id", "a.results.csv")


def _in_order(service: PlainService) -> list[dict[str, Any]]:
    return sorted(service.accepted, key=lambda item: str(item["text"]))
