"""`bhuman resume` as a process: continuing without the file, and what people decide about doubts."""

from __future__ import annotations

import json
import shlex
import sys

from tests.support import plain_service, terminal
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def lost(service: PlainService) -> plain_service.Post:
    """Accept a request, but close the connection without an answer."""

    def post(body: dict[str, object]) -> None:
        service.accept(body)

    return post


def test_it_continues_without_the_file_at_the_run_s_own_service(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    service.is_rendering = True
    begun = desk.render("people.csv", "--no-wait", "--json")
    service.is_rendering = False
    assert (begun.code, begun.document["next"]) == (0, f"bhuman resume {begun.document['run_id']}")
    (desk.folder / "people.csv").unlink()
    # The environment names no service: the run's own is used, not the default one.
    run_id = begun.document["run_id"]
    ended = desk.run("resume", run_id, "--poll-interval", "0.05", "--json", env={"BHUMAN_BASE_URL": None})
    assert ended.code == 0
    assert (ended.rows["succeeded"], ended.rows["submitted"], ended.rows["reused"]) == (3, 0, 3)
    assert desk.column("first_name") == ["Name0", "Name1", "Name2"]
    assert all(url.startswith("https://assets.example/") for url in desk.column("url"))
    again = desk.run("resume")
    assert (again.code, again.out) == (0, "")
    assert len(service.bodies) == 1


def test_another_service_in_the_environment_is_refused(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    service.is_rendering = True
    run_id = desk.render("people.csv", "--no-wait", "--json").document["run_id"]
    ended = desk.run("resume", run_id, env={"BHUMAN_BASE_URL": "https://other.example"})
    assert ended.code == 2
    assert "other.example" in ended.err
    assert f"BHUMAN_BASE_URL={service.url} bhuman resume {run_id}" in ended.err
    asked = len(service.seen)
    every = desk.run("resume", "--all", env={"BHUMAN_BASE_URL": "https://other.example"})
    assert every.code == 0, "the runs of another service are none of its business"
    assert len(service.seen) == asked


def test_resend_pays_again_and_says_so(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    service.posts = [lost(service)]
    doubtful = desk.render("people.csv", "--json")
    assert (doubtful.code, doubtful.rows["in_doubt"]) == (9, 2)
    assert doubtful.error["code"] == "in_doubt"
    run_id = doubtful.document["run_id"]
    # Nothing is sent by itself, however often it is asked.
    for command in (["render", "people.csv"], ["resume"], ["resume", "--all"]):
        assert desk.run(*command, "--poll-interval", "0.05").code == 9
    assert len(service.bodies) == 1
    resent = desk.run("resume", run_id, "--in-doubt", "resend", "--poll-interval", "0.05")
    assert "2 rows are sent again; they may be paid twice" in resent.err
    assert (resent.code, len(service.bodies)) == (6, 1), "a superseded run never sends"
    assert "was superseded by" in resent.err
    newest = json.loads(desk.run("runs", "--json").out)["runs"][0]["run_id"]
    assert f"next: bhuman resume {newest}" in resent.err
    ended = desk.run("resume", newest, "--poll-interval", "0.05", "--json")
    assert (ended.code, ended.rows["succeeded"], len(service.bodies)) == (0, 2, 2)


def test_a_superseded_run_is_only_waited_for(desk: Desk, service: PlainService) -> None:
    """Its unsent rows are released and its results file is the newer run's."""
    desk.people(4)
    service.posts = [lambda body: plain_service.reply(200, {"code": 200, "result": service.accept(body)})]
    service.posts.append(plain_service.refusing(429, Retry_After="3600"))
    first = desk.render("people.csv", "--chunk-size", "2", "--json")
    assert (first.code, first.rows["pending"]) == (6, 2)
    run_id = first.document["run_id"]
    desk.people(3)
    assert desk.render("people.csv").code == 0
    newer = (desk.folder / "people.results.csv").read_bytes()
    resumed = desk.run("resume", run_id, "--json")
    assert (resumed.code, resumed.document["next"], resumed.rows["pending"]) == (0, None, 2)
    assert (desk.folder / "people.results.csv").read_bytes() == newer
    assert len(service.bodies) == 3
    watched = desk.run("status", run_id, "--watch", "--json")
    assert (watched.code, watched.document["state"]) == (0, "superseded"), "nobody waits for rows that nobody sends"


def test_a_results_file_that_was_edited_is_kept_by_resume_too(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    service.is_rendering = True
    assert desk.render("people.csv", "--no-wait").code == 0
    service.is_rendering = False
    table = desk.folder / "people.results.csv"
    edited = table.read_bytes().replace(b"Name0", b"Nameless")
    table.write_bytes(edited)
    ended = desk.run("resume", "--poll-interval", "0.05")
    assert (ended.code, desk.column("first_name")) == (0, ["Name0", "Name1"])
    assert (desk.folder / "people.results.csv.bak").read_bytes() == edited
    assert "people.results.csv.bak" in ended.err
    assert desk.run("resume", "--all").code == 0
    assert [path.name for path in desk.folder.glob("*.bak")] == ["people.results.csv.bak"]


def test_abandoned_rows_are_failed_and_only_paid_again_on_purpose(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    service.posts = [lost(service)]
    run_id = desk.render("people.csv", "--json").document["run_id"]
    given_up = desk.run("resume", run_id, "--in-doubt", "abandon", "--json")
    assert (given_up.code, given_up.rows["failed"]) == (5, 2)
    assert all("may have been accepted" in message for message in desk.column("message"))
    assert desk.render("people.csv", "--fail-on-old").code == 5
    assert len(service.bodies) == 1
    assert desk.render("people.csv", "--retry-failed", "--fail-on-old").code == 5
    assert len(service.bodies) == 1, "they may have been paid"
    again = desk.render("people.csv", "--again", "--json")
    assert (again.code, again.rows["succeeded"], len(service.bodies)) == (0, 2, 2)


def test_wrong_words_are_refused_before_anything_happens(desk: Desk, service: PlainService) -> None:
    for arguments in (["--in-doubt", "perhaps"], ["--all", "--in-doubt", "resend"], ["r0000000000"]):
        ended = desk.run("resume", *arguments)
        assert ended.code == 2, arguments
        assert ended.err.startswith("error: ")
    assert service.seen == []


def test_the_next_command_after_a_doubt_asks_and_never_pays_by_being_pasted(desk: Desk, service: PlainService) -> None:
    service.posts = [lost(service)]
    desk.people(2)
    ended = desk.render("people.csv", "--json")
    told = shlex.split(ended.document["next"])
    assert (ended.code, told[:2], told[-2:]) == (9, ["bhuman", "resume"], ["--in-doubt", "ask"])
    unasked = desk.run(*told[1:])
    assert (unasked.code, len(service.accepted)) == (9, 2)
    assert f"{' '.join(told[:-1])} abandon" in unasked.err
    command = [sys.executable, "-m", "bhuman_cli", *told[1:]]
    with terminal.terminal(command, folder=desk.folder, env=desk.environment(None)) as asked:
        asked.wait_for("resend, abandon, or Enter to leave it for now: ")
        asked.type("abandon\r")
        assert asked.end() == 5
    assert len(service.accepted) == 2
    assert desk.column("status") == ["failed", "failed"]


def test_all_runs_are_told_to_programs_a_document_each(desk: Desk, service: PlainService) -> None:
    none = desk.run("resume", "--all", "--json")
    assert (none.code, none.document["run_id"]) == (0, None)
    runs = set()
    service.is_rendering = True
    for name in ("a.csv", "b.csv"):
        desk.table(name, [(name, "Acme")])
        runs.add(desk.render(name, "--no-wait", "--json").document["run_id"])
    service.is_rendering = False
    ended = desk.run("resume", "--all", "--json", "--poll-interval", "0.05")
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert {document["run_id"] for document in told} == runs
    assert all(document["rows"]["succeeded"] == 1 for document in told)
