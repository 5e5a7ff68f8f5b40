"""A person's word about requests in doubt, as a process: looked up first, and never about what was accepted."""

from __future__ import annotations

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def lost(service: PlainService, *, taken: bool = True) -> plain_service.Post:
    """Close the connection without an answer; taken: the request was accepted."""

    def post(body: dict[str, object]) -> None:
        if taken:
            service.accept(body)

    return post


def in_doubt(desk: Desk, service: PlainService, people: int = 2, *extra: str) -> str:
    """A file whose request was accepted, but not answered; return its run."""
    desk.people(people)
    service.posts = service.posts or [lost(service)]
    ended = desk.render("people.csv", "--json", *extra)
    assert ended.code == 9
    return str(ended.document["run_id"])


def test_videos_that_are_there_are_pasted_and_settle_the_doubt(desk: Desk, service: PlainService) -> None:
    run_id = in_doubt(desk, service)
    ids = [item["id"] for item in service.accepted]
    text = f"https://videos.example/{ids[1]}\n{ids[0].upper()}\n{'0' * 32}\n"
    ended = desk.run("resume", run_id, "--in-doubt", "found", "--poll-interval", "0.05", "--json", stdin=text.encode())
    assert (ended.code, ended.rows["succeeded"], ended.rows["in_doubt"]) == (0, 2, 0)
    assert desk.column("id") == ids
    assert len(service.bodies) == 1


def test_pasting_nothing_is_said_and_changes_nothing(desk: Desk, service: PlainService) -> None:
    run_id = in_doubt(desk, service)
    ended = desk.run("resume", run_id, "--in-doubt", "found", stdin=b"nothing here\n")
    assert (ended.code, "no video was named" in ended.err) == (9, True)


def test_one_request_of_several_is_decided_alone(desk: Desk, service: PlainService) -> None:
    service.posts = [lost(service), lost(service, taken=False)]
    run_id = in_doubt(desk, service, 4, "--chunk-size", "2")
    told = desk.run("resume", run_id, "--in-doubt", "ask")
    assert "request 1: 2 rows of people.csv (row_index 0-1)" in told.err
    assert "request 2: 2 rows of people.csv (row_index 2-3)" in told.err
    ended = desk.run("resume", run_id, "--in-doubt", "resend", "--request", "2", "--poll-interval", "0.05", "--json")
    assert (ended.code, ended.rows["in_doubt"], ended.rows["succeeded"]) == (9, 2, 2)
    assert [item["text"][0] for item in service.accepted] == ["Name0", "Name1", "Name2", "Name3"]
    assert desk.run("resume", run_id, "--in-doubt", "resend", "--request", "77").code == 9


def test_sending_again_waits_for_the_grace_time_where_the_list_is_open(desk: Desk, service: PlainService) -> None:
    service.posts = [lost(service, taken=False)]
    run_id = in_doubt(desk, service)
    service.lists_open = True
    ended = desk.run("resume", run_id, "--in-doubt", "resend", "--json", env={"BHUMAN_TOKEN": plain_service.TOKEN})
    assert "may still appear in the list; ask again in" in ended.err
    assert (ended.code, ended.error["code"], len(service.bodies)) == (7, "in_grace_time", 1)


def test_a_request_whose_ids_are_known_is_never_sent_again(desk: Desk, service: PlainService) -> None:
    service.posts = [lambda body: plain_service.reply(200, {"code": 200, "result": service.accept(body)[:1]})]
    run_id = in_doubt(desk, service)
    ended = desk.run("resume", run_id, "--in-doubt", "resend", "--poll-interval", "0.05")
    assert "request 1 was accepted at least in part" in ended.err
    assert (ended.code, len(service.bodies)) == (9, 1)
    given_up = desk.run("resume", run_id, "--in-doubt", "abandon", "--poll-interval", "0.05", "--json")
    assert (given_up.rows["succeeded"], given_up.rows["failed"]) == (1, 1)
    again = desk.render("people.csv", "--retry-failed", "--json")
    assert (again.rows["submitted"], len(service.bodies)) == (0, 1)


def test_accepted_ids_are_in_the_json_of_status_before_any_record_confirms_them(
    desk: Desk, service: PlainService
) -> None:
    desk.people(2)
    service.away = True
    run_id = desk.render("people.csv", "--json", "--no-wait").document["run_id"]
    assert desk.column("id") == ["", ""]
    assert set(desk.column("message")) == {"accepted, not confirmed yet"}
    (request,) = desk.run("status", run_id, "--json").document["requests"]
    assert request["ids"] == [item["id"] for item in service.accepted]


def test_no_other_end_hides_a_doubt(desk: Desk, service: PlainService) -> None:
    """Neither a table that does not pass, nor a key that is missing, nor a later run of the same file."""
    in_doubt(desk, service)
    no_key = desk.render("people.csv", "--json", env={"BHUMAN_API_KEY_ID": None, "BHUMAN_API_KEY_SECRET": None})
    assert (no_key.code, no_key.document["exit_code"]) == (9, 9)
    assert "What ended this command: you are not logged in" in no_key.error["message"]
    assert desk.render("people.csv", "--where", "nowhere=1").code == 9
    assert desk.render("people.csv", "--again").code == 9
    assert desk.run("resume", "--all").code == 9, "the doubt is an earlier run's of the same file"
    desk.table("people.csv", [("", "Acme")])
    assert desk.render("people.csv").code == 9
    desk.people(3, "others.csv", start=50)
    assert desk.render("others.csv").code == 0, "another file's doubt is not this one's"
