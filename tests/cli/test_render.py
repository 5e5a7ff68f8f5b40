"""`bhuman render` as a process against a plain stand-in: the main job, and what is paid when it is run again."""

from __future__ import annotations

import json

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

UNPAID = {"BHUMAN_BASE_URL": "http://127.0.0.1:9"}


def test_thirty_seven_rows_in_four_requests_each_link_beside_its_row(desk: Desk, service: PlainService) -> None:
    """No text, no row_index, status `completed`, only one-ID GETs: position is all there is to go by."""
    service.shape = lambda record: {**record, "row_index": None, "text": None, "status": "completed"}
    desk.people(37)
    ended = desk.render("people.csv", "--chunk-size", "10", "--json")
    assert ended.code == 0
    assert [len(body["names"]) for body in service.bodies] == [10, 10, 10, 7]
    assert all(body["variables"] == ["first_name", "company"] for body in service.bodies)
    assert service.texts() == [[f"Name{at}", f"Company {at}"] for at in range(37)]
    rows = desk.results()
    urls = {" ".join(item["text"]): f"https://assets.example/{item['id']}.mp4" for item in service.accepted}
    for at, row in enumerate(rows):
        assert list(row)[:3] == ["first_name", "company", "row_index"]
        assert (row["first_name"], row["company"], row["row_index"]) == (f"Name{at}", f"Company {at}", str(at))
        assert row["url"] == urls[f"Name{at} Company {at}"]
        assert (row["status"], row["message"]) == ("succeeded", "bound by position")
    assert ended.rows == {
        "total": 37, "succeeded": 37, "failed": 0, "invalid": 0, "rejected": 0, "in_doubt": 0, "pending": 0,
        "queued": 0, "preparing": 0, "processing": 0, "skipped": 0, "reused": 0, "submitted": 37, "shared": 0,
        "later": 0,
    }  # fmt: skip
    lists = [path for method, path, _ in service.seen if "by_campaign" in path]
    assert len(lists) == 1, "a closed list is asked once a run"


def test_lists_in_any_order_and_ids_in_any_order_still_find_their_rows(desk: Desk, service: PlainService) -> None:
    service.lists_open = True

    def shuffled(body: dict[str, object]) -> plain_service.Reply:
        return plain_service.reply(200, {"code": 200, "result": list(reversed(service.accept(body)))})

    service.posts = [shuffled, shuffled, shuffled]
    desk.people(9)
    ended = desk.render("people.csv", "--chunk-size", "4", "--json", env={"BHUMAN_TOKEN": plain_service.TOKEN})
    assert (ended.code, len(service.bodies)) == (0, 3)
    assert "in another order" in ended.err
    text_of = {f"https://assets.example/{item['id']}.mp4": item["text"] for item in service.accepted}
    assert [text_of[row["url"]] for row in desk.results()] == [[f"Name{at}", f"Company {at}"] for at in range(9)]


def test_the_document_has_these_keys_and_adds_up_whatever_happens(desk: Desk, service: PlainService) -> None:
    """One row of each kind: succeeded, failed, invalid, rejected, skipped."""

    def shape(record: dict[str, object]) -> dict[str, object]:
        is_bad = record["text"] == ["Failing", "Co"]
        return {**record, "status": "failed", "url": "", "message": "no face found"} if is_bad else record

    def picky(body: dict[str, list[list[str]]]) -> plain_service.Reply:
        if any(row[0] == "Refused" for row in body["names"]):
            return plain_service.reply(400, {"code": 400, "error": "row 3: word not allowed"})
        return plain_service.reply(200, {"code": 200, "result": service.accept(body)})

    service.shape, service.always = shape, picky
    people = [("Ada", "Co"), ("Failing", "Co"), ("", "Co"), ("Refused", "Co"), ("", ""), ("Bob", "Co")]
    desk.table("people.csv", people)
    ended = desk.render("people.csv", "--on-invalid", "skip", "--json")
    document = ended.document
    assert ended.code == 5 == document["exit_code"]
    assert list(document) == [
        "schema", "run_id", "target", "output", "rows", "problems", "requests", "elapsed_s", "exit_code", "next",
    ]  # fmt: skip
    assert document["schema"] == "bhuman.render/2"
    assert document["target"] == {"campaign_id": plain_service.CAMPAIGN_ID}
    assert document["output"] == str(desk.folder / "people.results.csv")
    assert document["next"] is None
    rows = ended.rows
    counted = {"succeeded": 2, "failed": 1, "invalid": 1, "rejected": 1, "in_doubt": 0, "pending": 0, "skipped": 1}
    open_rows = {"queued": 0, "preparing": 0, "processing": 0}
    assert rows == {"total": 6, **counted, **open_rows, "reused": 0, "submitted": 3, "shared": 0, "later": 0}
    assert document["requests"]["submit"] == len(service.bodies)
    statuses = desk.column("status")
    assert statuses == ["succeeded", "failed", "invalid", "rejected", "skipped", "succeeded"]
    messages = desk.column("message")
    assert messages[1] == "no face found"
    assert "first_name" in messages[2]
    assert "word not allowed" in messages[3]
    assert len(desk.results()) == 6
    assert "no face found · line 3" in ended.err, "people are told which lines of their file"


def test_premium_quality_is_sent_said_to_cost_double_and_another_purchase(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    wrong = desk.render("people.csv", "--quality", "premium", "--json")
    assert (wrong.code, service.bodies) == (2, [])
    full = ("--generation-mode", "full_script")
    assert desk.render("people.csv", *full).code == 0
    premium = desk.render("people.csv", *full, "--quality", "premium")
    assert premium.code == 0
    assert "costs double" in premium.err
    assert ["infinitetalk_quality" in body for body in service.bodies] == [False, True]
    again = desk.render("people.csv", *full, "--quality", "premium", "--json")
    assert (again.rows["reused"], len(service.bodies)) == (2, 2)


def test_run_again_edit_append_re_sort_and_only_the_new_is_paid(desk: Desk, service: PlainService) -> None:
    people = [(f"Name{at}", f"Company {at}") for at in range(6)]
    desk.table("people.csv", people)
    first = desk.render("people.csv")
    assert (first.code, first.out) == (0, f"{desk.folder / 'people.results.csv'}\n")
    again = desk.render("people.csv", "--json")
    assert (again.code, len(service.accepted)) == (0, 6)
    assert (again.rows["reused"], again.rows["submitted"]) == (6, 0)
    assert again.document["requests"]["submit"] == 0
    changed = [("New", "Row"), *reversed(people[1:5]), ("Name5", "Edited")]
    desk.table("people.csv", [(company, name) for name, company in changed], header=("company", "first_name"))
    edited = desk.render("people.csv", "--json", "--chunk-size", "1", "--callback-url", "https://example.com/hook")
    assert edited.code == 0
    assert service.texts()[6:] == [["Row", "New"], ["Edited", "Name5"]]
    assert (edited.rows["reused"], edited.rows["submitted"]) == (4, 2)
    text_of = {item["id"]: sorted(item["text"]) for item in service.accepted}
    assert [text_of[row["id"]] for row in desk.results()] == [sorted(row) for row in changed]
    assert [body.get("callback_url") for body in service.bodies] == [None, *["https://example.com/hook"] * 2]


def test_equal_rows_are_one_purchase_and_show_one_video(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [("Ada", "Co"), (" Ada ", "Co"), ("Bob", "Co")])
    first = desk.render("people.csv", "--json")
    assert (first.code, first.rows["submitted"], first.rows["shared"], first.rows["succeeded"]) == (0, 2, 1, 3)
    ada, equal, bob = desk.results()
    assert (ada["url"], ada["id"]) == (equal["url"], equal["id"]) != (bob["url"], bob["id"])
    assert "shares the video of line 2" in equal["message"]
    plan = desk.render("people.csv", "-n", "--json").document["plan"]
    assert (plan["new"], plan["reused"], plan["shared"]) == (0, 2, 1)
    each = desk.render("people.csv", "--no-share-equal", "--json")
    assert (each.rows["reused"], each.rows["submitted"], each.rows["shared"]) == (2, 1, 0)
    desk.table("people.csv", [("Ada", "Co"), ("Ada", "Co"), ("Ada", "Co")])
    ended = desk.render("people.csv", "--json")
    assert (ended.rows["reused"], ended.rows["submitted"], ended.rows["shared"]) == (2, 0, 1), (
        "each keeps what was paid"
    )
    desk.table("other.csv", [("Bob", "Co")])
    other = desk.render("other.csv", "--json")
    assert (other.rows["reused"], other.rows["submitted"]) == (1, 0), "another file, the same purchase"


def test_what_the_service_refused_is_offered_again_and_what_failed_is_not(desk: Desk, service: PlainService) -> None:
    def failing(record: dict[str, object]) -> dict[str, object]:
        return {**record, "status": "failed", "url": "", "message": "lips not found"}

    service.posts = [plain_service.refusing(422, "bad word")]
    desk.people(1)
    refused = desk.render("people.csv", "--json")
    assert (refused.code, refused.rows["rejected"], refused.rows["submitted"]) == (5, 1, 0)
    assert "bad word" in desk.column("message")[0]
    service.shape = failing
    offered = desk.render("people.csv", "--json")
    assert (offered.code, offered.rows["failed"], offered.rows["submitted"]) == (5, 1, 1)
    plain = desk.render("people.csv", "--json", "--fail-on-old")
    assert (plain.code, plain.rows["failed"], plain.rows["submitted"], plain.rows["reused"]) == (5, 1, 0, 1)
    told = "--fail-on-old --poll-interval 0.05 --retry-failed"
    assert plain.error["hint"] == f"bhuman render people.csv --json {told}"
    assert f"hint: bhuman render people.csv {told}" in desk.render("people.csv", "--fail-on-old").err
    counts = [desk.render("people.csv", "--json", "--retry-failed").rows["submitted"] for _ in range(3)]
    assert counts == [1, 1, 0], "a row is paid at most three times in all"
    assert len(service.accepted) == 3


def test_again_pays_again_within_its_cap(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    assert desk.render("people.csv").code == 0
    capped = desk.render("people.csv", "--again", "--max-rows", "2", "--json")
    assert (capped.code, capped.error["code"], len(service.accepted)) == (7, "over_max_rows", 3)
    paid = desk.render("people.csv", "--again", "--json")
    assert (paid.code, paid.rows["submitted"], paid.rows["reused"], len(service.accepted)) == (0, 3, 0, 6)
    assert set(desk.column("id")) == {item["id"] for item in service.accepted[3:]}


def test_part_of_a_file_is_rendered_and_the_rest_is_none_of_its_business(desk: Desk, service: PlainService) -> None:
    people = [("Name0", "Co"), ("", ""), ("Name2", "Co"), ("", "not checked"), ("Name4", "Co"), ("Name5", "Co")]
    desk.table("people.csv", people)
    first = desk.render("people.csv", "--limit", "2", "--json")
    assert (first.code, service.texts()) == (0, [["Name0", "Co"], ["Name2", "Co"]])
    assert desk.column("status") == ["succeeded", "skipped", "succeeded", "skipped", "skipped", "skipped"]
    assert (first.rows["skipped"], first.rows["total"]) == (4, 6)
    twice = desk.render("people.csv", "--limit", "2", "--json")
    assert (twice.code, len(service.accepted), twice.document["next"]) == (0, 2, None)
    part = desk.render("people.csv", "--rows", "4-5", "--json")
    assert (part.code, service.texts()[2:]) == (0, [["Name4", "Co"], ["Name5", "Co"]])
    assert desk.column("status") == ["succeeded", "skipped", "succeeded", "skipped", "succeeded", "succeeded"]
    whole = desk.render("people.csv", "--json")
    assert (whole.code, whole.error["code"]) == (3, "input")
    assert [(item["row_index"], item["line"], item["column"]) for item in whole.error["problems"]] == [
        (3, 5, "first_name")
    ]
    assert "not checked" not in whole.err
    assert len(service.accepted) == 4


def test_a_row_outside_the_selection_never_changes_the_exit_code(desk: Desk, service: PlainService) -> None:
    def shape(record: dict[str, object]) -> dict[str, object]:
        return {**record, "status": "failed", "url": ""} if record["text"] == ["Name1", "Company 1"] else record

    service.shape = shape
    desk.people(2)
    assert desk.render("people.csv").code == 5
    ended = desk.render("people.csv", "--rows", "0", "--json")
    assert (ended.code, ended.rows["failed"], ended.rows["succeeded"]) == (0, 1, 1)


def test_names_and_headers_arrive_as_they_are_and_hostile_answers_harmless(desk: Desk, service: PlainService) -> None:
    def hostile(record: dict[str, object]) -> dict[str, object]:
        return {
            **record, "status": "failed", "message": "=HYPERLINK('http://evil')\x1b[31m[/nope]", "url": "javascript:1",
            "share_url": "=cmd|' /C calc'!A0", "execution_name": "@SUM(1)", "gif": "https://x.example/\x1b]0;t\x07",
        }  # fmt: skip

    service.shape = hostile
    cell = "=1+1"
    desk.table("people.csv", [(cell, "Zoë, “GmbH” 👩‍🚀"), ("007", "1e5")])
    ended = desk.render("people.csv")
    assert ended.code == 5
    assert service.texts() == [[cell, "Zoë, “GmbH” 👩‍🚀"], ["007", "1e5"]]
    rows = desk.results()
    assert [row["first_name"] for row in rows] == [cell, "007"], "the user's own cells are not altered"
    for row in rows:
        for name in ("message", "url", "share_url", "execution_name", "gif"):
            assert row[name][:1] not in {"=", "@", "+", "-", "\t", "\r"}
            assert "\x1b" not in row[name]
            assert not row[name].startswith("javascript")
    assert "\x1b" not in ended.err
    assert "Zoë" not in ended.err
    assert all(item["id"] not in ended.err for item in service.accepted), "whole ids open videos"
    assert plain_service.SECRET not in ended.err


def test_without_waiting_all_was_accepted_and_a_later_run_collects(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    service.is_rendering = True
    sent = desk.render("people.csv", "--no-wait", "--json")
    service.is_rendering = False
    assert (sent.code, sent.rows["queued"], sent.rows["submitted"]) == (0, 3, 3)
    assert set(desk.column("status")) == {"queued"}
    assert desk.column("id") == [item["id"] for item in service.accepted]
    run = sent.document["run_id"]
    resumed = desk.run("resume", run, "--json", "--poll-interval", "0.05")
    assert (resumed.code, resumed.rows["succeeded"], resumed.rows["submitted"]) == (0, 3, 0)
    assert set(desk.column("status")) == {"succeeded"}
    assert len(service.accepted) == 3


def test_an_ended_wait_says_how_to_go_on(desk: Desk, service: PlainService) -> None:
    service.shape = lambda record: {**record, "status": "rendering", "url": ""}
    desk.people(2)
    ended = desk.render("people.csv", "--timeout", "1s", "--json")
    document = ended.document
    assert (ended.code, ended.rows["processing"], document["next"]) == (6, 2, f"bhuman resume {document['run_id']}")
    assert set(desk.column("status")) == {"processing"}, "an unknown status is not finished"
    service.shape = lambda record: {**record, "url": ""}
    unfinished = desk.render("people.csv", "--timeout", "1s", "--json")
    assert (unfinished.code, unfinished.rows["processing"]) == (6, 2), "`succeeded` without a URL is not final"
    assert len(service.accepted) == 2


def test_quota_stops_the_sending_and_what_is_unsent_stays_pending(desk: Desk, service: PlainService) -> None:
    service.posts = [
        lambda body: plain_service.reply(200, {"code": 200, "result": service.accept(body)}),
        lambda _: plain_service.reply(200, {"code": 4002, "result": None, "error": "quota exceeded"}),
    ]
    desk.people(6)
    ended = desk.render("people.csv", "--chunk-size", "2", "--json")
    assert ended.rows["succeeded"] == 2
    assert (ended.rows["rejected"], ended.rows["pending"]) == (0, 4)
    assert (ended.code, len(service.bodies)) == (6, 2)
    assert "quota exceeded" in ended.err
    later = desk.render("people.csv", "--json")
    assert (later.code, later.rows["submitted"], later.rows["reused"]) == (0, 4, 2)
    assert len(service.accepted) == 6


def test_a_wrong_campaign_costs_a_handful_of_requests(desk: Desk, service: PlainService) -> None:
    service.always = plain_service.refusing(400, "campaign 17 is not ready")
    desk.people(40)
    ended = desk.render("people.csv", "--chunk-size", "2", "--json")
    assert (len(service.bodies), ended.rows["submitted"]) == (7, 0)
    assert ended.code == 6
    assert ended.rows["pending"] > 0
    assert "campaign 17 is not ready" in ended.err


def test_a_lost_answer_is_in_doubt_and_never_sent_again(desk: Desk, service: PlainService) -> None:
    def lost(body: dict[str, object]) -> None:
        service.accept(body)

    service.posts = [lost]
    desk.people(4)
    ended = desk.render("people.csv", "--chunk-size", "2", "--json")
    assert (ended.code, ended.rows["in_doubt"], ended.rows["succeeded"]) == (9, 2, 2)
    assert ended.document["next"].startswith(f"bhuman resume {ended.document['run_id']} --in-doubt ")
    assert desk.column("status") == ["in_doubt", "in_doubt", "succeeded", "succeeded"]
    assert [(row["id"], row["url"]) for row in desk.results()[:2]] == [("", "")] * 2
    again = desk.render("people.csv", "--json")
    assert (again.code, again.rows["submitted"]) == (9, 0)
    assert len(service.accepted) == 4
    assert json.loads(again.out)["next"].endswith("--in-doubt ask")
