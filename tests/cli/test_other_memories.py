"""Every command that sends looks first: what a lost, restored or other journal paid for is never paid again unasked."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

from bhuman_cli.domain import Target, TargetKind
from bhuman_cli.runs import lock
from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

JOURNAL = "journal.sqlite3"


def home_copied(desk: Desk) -> Path:
    return Path(shutil.copytree(desk.home, desk.folder / "backup"))


def home_restored(desk: Desk, backup: Path) -> None:
    shutil.rmtree(desk.home)
    shutil.copytree(backup, desk.home)


def begun(desk: Desk, service: PlainService) -> str:
    """Twelve rows of which a key that ended let four through; the home as it was then is kept; then all is paid."""
    desk.people(12)
    service.posts = [lambda body: plain_service.reply(200, {"code": 200, "result": service.accept(body)})]
    service.posts.append(plain_service.refusing(401))
    run_id: str = desk.render("people.csv", "--chunk-size", "4", "--json").document["run_id"]
    home_copied(desk)
    assert desk.run("resume", run_id, "--poll-interval", "0.05").code == 0
    assert len(service.accepted) == 12
    return run_id


def test_resume_with_a_restored_home_pays_for_nothing_again(desk: Desk, service: PlainService) -> None:
    run_id = begun(desk, service)
    home_restored(desk, desk.folder / "backup")
    for command in (["resume", run_id], ["resume", "--all"]):
        refused = desk.run(*command, "--json")
        assert refused.code == 7
        assert "people.results.csv: holds 8 ids that this journal does not know" in refused.err
    cron = desk.run("resume", "--all")
    assert cron.code == 0, "it waits for a person's word: told once"
    adopted = desk.run("resume", run_id, "--adopt", "--poll-interval", "0.05", "--json")
    assert (adopted.code, adopted.rows["succeeded"]) == (0, 12)
    assert len(service.accepted) == 12
    assert sorted(desk.column("url")) == sorted(service.record(item)["url"] for item in service.accepted)


def test_a_journal_put_back_is_older_than_what_was_sent_from_here(desk: Desk, service: PlainService) -> None:
    """Its results are gone, too: only the counter beside the lock tells."""
    desk.people(3)
    assert desk.render("people.csv").code == 0
    shutil.copy(desk.home / JOURNAL, desk.folder / "yesterday")
    desk.people(6)
    assert desk.render("people.csv").code == 0
    shutil.copy(desk.folder / "yesterday", desk.home / JOURNAL)
    (desk.folder / "people.results.csv").unlink()
    for _ in range(2):
        refused = desk.render("people.csv", "--json")
        assert (refused.code, refused.error["code"]) == (7, "old_journal")
    assert len(service.accepted) == 6
    assert desk.render("people.csv", "--accept-journal").code == 0
    desk.people(7)
    assert desk.render("people.csv").code == 0, "said once"
    assert len(service.accepted) == 10
    target = Target(service=service.url, kind=TargetKind.CAMPAIGN, api_id=plain_service.CAMPAIGN_ID)
    counter = desk.home / "locks" / f"{lock.name_of(target)}.epoch"
    assert counter.read_text() == "3\n"
    counter.write_text("1\n")
    desk.people(8)
    assert desk.render("people.csv").code == 0, "a journal that is ahead corrects the counter"
    assert counter.read_text() == "4\n"


def test_the_same_people_under_another_name_are_found_in_the_folder(desk: Desk, service: PlainService) -> None:
    desk.people(3, "leads-2026-05-01.csv")
    assert desk.render("leads-2026-05-01.csv").code == 0
    shutil.rmtree(desk.home)
    desk.people(2, "others.csv", start=50)
    assert desk.render("others.csv").code == 0, "ids beside other people refuse nobody"
    rows = [("new", f" Name{at} ", f"Company {at}") for at in range(1, 5)]
    desk.table("leads-2026-05-02.csv", rows, header=("note", "first_name", "company"))
    known = ("--exclude", "note", "--json")
    refused = desk.render("leads-2026-05-02.csv", *known)
    assert (refused.code, refused.error["code"]) == (7, "unknown_results")
    assert "leads-2026-05-01.results.csv: holds 2 ids" in refused.error["message"]
    assert desk.render("leads-2026-05-02.csv", "-o", "elsewhere.csv", *known).code == 7
    taken = desk.render("leads-2026-05-02.csv", "--adopt", *known)
    assert (taken.code, taken.rows["submitted"], taken.rows["reused"]) == (0, 2, 2)
    texts = service.texts()
    assert len(texts) == len({tuple(text) for text in texts}) == 7


def test_ids_are_taken_over_where_the_cells_beside_them_are_the_row_s(desk: Desk, service: PlainService) -> None:
    """Equal texts with other assets, and columns in another order, are told apart by the results file's cells."""
    config = [{"start": 0, "end": -1, "kind": "link", "config": {"mode": "basic"}}]
    (desk.folder / "backgrounds.json").write_text(json.dumps(config))
    options = ("--asset", "site", "--backgrounds", "backgrounds.json", "--only", "first,last", "--json")
    rows = [("Lee", "Ann", "a.example/1.png"), ("Ann", "Lee", "https://a.example/2.png")]
    rows += [("Lee", "Ann", "https://a.example/3.png")]
    desk.table("p.csv", rows, header=("first", "last", "site"))
    assert desk.render("p.csv", *options).code == 0
    ids = {row["site"]: row["id"] for row in desk.results("p.results.csv")}
    shutil.rmtree(desk.home)
    swapped = [(last, first, site) for first, last, site in rows] + [("Lee", "Ann", "https://a.example/4.png")]
    desk.table("p.csv", swapped, header=("last", "first", "site"))
    assert desk.render("p.csv", *options).error["code"] == "unknown_results"
    adopted = desk.render("p.csv", "--adopt", *options)
    assert (adopted.code, adopted.rows["submitted"], adopted.rows["reused"]) == (0, 1, 3)
    after = {row["site"]: row["id"] for row in desk.results("p.results.csv")}
    assert {site: after[site] for site in ids} == ids
    shutil.rmtree(desk.home)
    desk.table("p.csv", [("Ann", "Lee", "https://other.example/5.png")], header=("last", "first", "site"))
    refused = desk.render("p.csv", "--adopt", *options)
    assert (refused.code, refused.error["hint"], len(service.accepted)) == (7, "bhuman help journal", 4)
    assert "so they were not taken over" in refused.error["message"]


def test_the_default_results_file_is_looked_at_when_the_output_is_another(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    assert desk.render("people.csv").code == 0
    shutil.rmtree(desk.home)
    (desk.folder / "out").mkdir()
    refused = desk.render("people.csv", "-o", "out/new.csv", "--json")
    assert (refused.code, refused.error["code"]) == (7, "unknown_results")
    assert len(service.accepted) == 2


def rescued(desk: Desk, service: PlainService, target: str = plain_service.CAMPAIGN_ID) -> Path:
    """An answer that a journal which is gone could not take."""
    ids = service.accept({"names": [["Name0", "Company 0"], ["Name1", "Company 1"]]})
    body = json.dumps({"code": 200, "result": ids}).encode()
    kept = {"token": "t" * 22, "target": [service.url, "campaign", target], "status": 200, "headers": {},
            "body": base64.b64encode(body).decode(), "error": ""}  # fmt: skip
    desk.home.mkdir(exist_ok=True)
    path = desk.home / f"bhuman-answer-{'t' * 22}.json"
    path.write_text(json.dumps(kept))
    return path


def test_a_rescued_answer_of_a_lost_journal_is_paid_work(desk: Desk, service: PlainService) -> None:
    path = rescued(desk, service)
    desk.people(3)
    refused = desk.render("people.csv", "--json")
    assert (refused.code, refused.error["code"]) == (7, "unknown_results")
    assert path.name in refused.error["message"]
    trigger = desk.run("trigger", "campaign", "--set", "first_name=Zoe", "--set", "company=Acme", "--yes")
    assert trigger.code == 7
    taken = desk.render("people.csv", "--adopt", "--json")
    assert (taken.code, taken.rows["submitted"], taken.rows["reused"]) == (0, 1, 2)
    assert desk.render("people.csv").code == 0
    assert len(service.accepted) == 3


def test_a_rescued_answer_of_another_target_refuses_nobody(desk: Desk, service: PlainService) -> None:
    rescued(desk, service, target="00000000-0000-4000-8000-000000000000")
    desk.people(1)
    assert desk.render("people.csv").code == 0


def test_deleting_needs_the_target_s_lock(desk: Desk, service: PlainService) -> None:
    import filelock

    desk.people(1)
    run_id = desk.render("people.csv", "--json").document["run_id"]
    target = Target(service=service.url, kind=TargetKind.CAMPAIGN, api_id=plain_service.CAMPAIGN_ID)
    with filelock.FileLock(desk.home / "locks" / f"{lock.name_of(target)}.lock"):
        for more in (["--yes"], ["--forget-payments", "--confirm", run_id]):
            refused = desk.run("runs", "delete", run_id, *more)
            assert refused.code == 7
            assert "another bhuman" in refused.err
    assert desk.run("runs", "delete", run_id, "--yes").code == 0
