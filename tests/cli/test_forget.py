"""`bhuman forget` as a process: afterwards no byte that was written names the person, and nobody else is touched."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from bhuman_cli.delivery import manifest
from bhuman_cli.journal import persons
from tests.support import media_files, studio
from tests.support.desk import Desk
from tests.support.plain_service import PlainService
from tests.support.postgres import Server

ANA = ("Anastazja", "Quixotic Partners", "ana@example.com")
OTHER = ("Anastazja", "Globex", "ana.other@example.com")
BO = ("Bo", "Initech", "bo@example.com")
HEADER = ("first_name", "company", "email")
NEEDLES = (b"ana@example.com", b"Quixotic Partners")


def written(desk: Desk) -> list[Path]:
    """Return every file but the input."""
    return [path for path in desk.folder.rglob("*") if path.is_file() and path.name != "people.csv"]


def naming(desk: Desk, *needles: bytes) -> list[str]:
    """Return the files whose bytes hold one of the needles."""
    return [str(path) for path in written(desk) if any(needle in path.read_bytes() for needle in needles)]


@pytest.fixture
def mailing(desk: Desk, service: PlainService) -> Desk:
    """Return a desk after a working day: results, a backup, exports, a gallery, a review, media."""
    desk.table("people.csv", [ANA, OTHER, BO], HEADER)
    assert desk.render("people.csv", "--only", "first_name,company").code == 0
    edited = desk.folder / "people.results.csv"
    edited.write_bytes(edited.read_bytes().replace(b"Bo,Initech", b"Bo,Initech "))  # the next run keeps a copy
    desk.table("people.csv", [ANA, OTHER, BO, ("Di", "Hooli", "di@example.com")], HEADER)
    assert desk.render("people.csv", "--only", "first_name,company").code == 0
    assert desk.run("export", "--for", "mailmerge").code == 0
    assert desk.run("export", "-o", "elsewhere.xlsx").code == 0
    assert desk.run("export", "--for", "mailchimp", "-o", "chimp.csv").code == 0
    assert desk.run("gallery").code == 0
    assert desk.run("gallery", "-o", "second page.html").code == 0
    ids = desk.column("id")
    (desk.folder / "people.review.csv").write_text(
        f"row_index,id,decision,note\r\n0,{ids[0]},rejected,Anastazja of Quixotic Partners\r\n2,{ids[2]},approved,\r\n"
    )
    media = desk.folder / "people.media"
    media.mkdir()
    for index, name in ((0, "0000-Anastazja.mp4"), (2, "0002-Bo.mp4")):
        (media / name).write_bytes(media_files.mp4())
        entry = manifest.Entry(row_index=str(index), id=ids[index], what="video", file=name, bytes=1)
        manifest.append(media, entry)
    return desk


def test_a_person_is_gone_from_every_byte_and_others_are_untouched(mailing: Desk, service: PlainService) -> None:
    desk, sent = mailing, len(service.accepted)
    before = desk.results()
    assert len(naming(desk, *NEEDLES)) >= 7
    ended = desk.run("forget", "--where", "EMAIL= Ana@Example.com", "--yes", "--json")
    assert ended.code == 0, ended.err
    receipt = json.loads(ended.out)
    assert naming(desk, *NEEDLES) == []
    assert not (desk.folder / "people.media" / "0000-Anastazja.mp4").exists()
    assert (desk.folder / "people.media" / "0002-Bo.mp4").exists()
    assert receipt["delete_at_service"] == [before[0]["id"]]
    assert str(desk.folder / "people.csv") in " ".join(receipt["not_reached"])
    after = desk.results()
    assert (after[0]["status"], after[0]["message"], after[0]["first_name"], after[0]["id"]) == (
        "skipped", "forgotten", "", "",
    )  # fmt: skip
    assert after[1:] == before[1:]
    for path in ("people.mailmerge.csv", "chimp.csv"):
        assert b"ana.other@example.com" in (desk.folder / path).read_bytes()
    # The input names them still: nothing is paid for them again, nothing of theirs is written again.
    again = desk.render("people.csv", "--only", "first_name,company", "--json")
    assert (again.code, again.rows["skipped"], len(service.accepted)) == (0, 1, sent)
    assert desk.results()[0]["message"] == "forgotten"
    assert naming(desk, *NEEDLES) == []
    assert desk.run("forget", "--where", "email=ana@example.com", "--yes").code == 0


def test_nothing_goes_without_a_yes_and_nobody_unknown_is_removed(mailing: Desk) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in written(mailing) if not path.name.startswith("journal.")}

    before = files()
    ended = mailing.run("forget", "--where", "email=ana@example.com")
    assert ended.code == 2
    assert "people.mailmerge.csv" in ended.err
    assert "ana@example.com" not in ended.err.partition("hint:")[0]
    assert mailing.run("forget", "--where", "email=nobody@example.com", "--yes").code == 2
    assert mailing.run("forget", "--where", "email", "--yes").code == 2
    assert mailing.run("forget").code == 2
    assert files() == before


def test_a_person_is_found_by_their_video_as_well(mailing: Desk, service: PlainService) -> None:
    sent = len(service.accepted)
    assert mailing.run("forget", "--id", mailing.column("id")[0], "--yes").code == 0
    assert naming(mailing, *NEEDLES) == []
    assert mailing.render("people.csv", "--only", "first_name,company").code == 0
    assert len(service.accepted) == sent


def test_a_removal_killed_in_the_middle_is_finished_by_the_next_call(
    mailing: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bhuman_cli.cli import app

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    for name, value in mailing.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(mailing.folder)
    with monkeypatch.context() as patch:
        patch.setattr(persons, "remove", killed)  # files are clean, the journal is not
        with pytest.raises(Killed):
            app.run(["forget", "--where", "email=ana@example.com", "--yes"])
    assert naming(mailing, *NEEDLES) != []
    assert app.run(["forget", "--where", "email=ana@example.com", "--yes"]) == 0
    assert naming(mailing, *NEEDLES) == []
    capsys.readouterr()


def test_a_journal_on_a_server_keeps_no_byte_of_the_person_in_its_tables(
    desk: Desk, service: PlainService, postgres: Server
) -> None:
    desk.env["BHUMAN_JOURNAL"] = postgres.url()
    desk.table("people.csv", [ANA, BO], HEADER)
    assert desk.render("people.csv", "--only", "first_name,company").code == 0
    assert desk.run("forget", "--where", "email=ana@example.com", "--yes").code == 0
    with psycopg.connect(desk.env["BHUMAN_JOURNAL"].partition("?")[0], autocommit=True) as server:
        server.execute("CHECKPOINT")
    tables = [path.read_bytes() for path in (postgres.data / "base").rglob("*") if path.is_file()]
    assert any(BO[1].encode() in table for table in tables)
    assert not any(needle in table for table in tables for needle in NEEDLES)
    assert naming(desk, *NEEDLES) == []
    assert desk.render("people.csv", "--only", "first_name,company").code == 0
    assert len(service.accepted) == 2


def test_the_studio_of_this_machine_loses_the_person_and_keeps_everybody_else(desk: Desk) -> None:
    desk.table("people.csv", [ANA, BO], HEADER)
    home = desk.home / "studio"
    with studio.running_studio(desk.folder, home=home) as running:
        desk.env["BHUMAN_BASE_URL"] = running.base_url
        desk.env |= {"BHUMAN_API_KEY_ID": "local", "BHUMAN_API_KEY_SECRET": "local"}
        desk.env["BHUMAN_CAMPAIGN_ID"] = running.campaign_id
        assert desk.render("people.csv", "--all-columns").code == 0
        assert running.requests()
    assert any("studio" in path for path in naming(desk, *NEEDLES))
    ended = desk.run("forget", "--where", "email=ana@example.com", "--yes")
    assert ended.code == 0, ended.err
    assert naming(desk, *NEEDLES) == []
    assert [item["text"] for item in studio.accepted(home)] == [["", "", ""], list(BO)]
    assert studio.requests_seen(home)


def test_a_video_that_somebody_else_shows_stays(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [ANA, OTHER, BO], HEADER)
    assert desk.render("people.csv", "--only", "first_name").code == 0
    assert len(service.accepted) == 2  # equal values are one purchase
    shared = desk.column("id")[1]
    receipt = json.loads(desk.run("forget", "--where", "email=ana@example.com", "--yes", "--json").out)
    assert (receipt["shared"], receipt["delete_at_service"]) == ([shared], [])
    assert naming(desk, *NEEDLES) == []
    assert desk.render("people.csv", "--only", "first_name").code == 0
    rows = desk.results()
    assert [row["status"] for row in rows] == ["skipped", "succeeded", "succeeded"]
    assert (rows[1]["id"], rows[1]["email"]) == (shared, "ana.other@example.com")
    assert len(service.accepted) == 2


def test_a_person_in_doubt_stays_until_the_doubt_is_settled(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [ANA, BO], HEADER)
    service.post = lambda *_: (500, {}, b"")  # type: ignore[method-assign]
    assert desk.render("people.csv").code == 9
    ended = desk.run("forget", "--where", "email=ana@example.com", "--yes")
    assert ended.code == 7
    assert "in doubt" in ended.err
    assert b"ana@example.com" in (desk.folder / "people.results.csv").read_bytes()
