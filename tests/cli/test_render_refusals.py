"""`bhuman render` as a process: what it refuses, with which exit code and words, and that nothing was sent then."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.clock import SystemClock
from bhuman_cli.domain import Target, TargetKind
from bhuman_cli.runs import lock
from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

NO_KEY = {"BHUMAN_API_KEY_ID": None, "BHUMAN_API_KEY_SECRET": None}


def test_a_wrong_key_and_no_key(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    wrong = desk.render("people.csv", "--json", env={"BHUMAN_API_KEY_SECRET": "wrong-secret-value"})
    assert wrong.code == 4 == wrong.document["exit_code"]
    assert (wrong.rows["pending"], wrong.rows["submitted"]) == (2, 0)
    assert (wrong.error["code"], wrong.error["hint"]) == ("credentials", "bhuman login")
    assert "wrong-secret-value" not in wrong.err + wrong.out
    for path in desk.home.rglob("*"):
        if path.is_file():
            assert b"wrong-secret-value" not in path.read_bytes()
    assert set(desk.column("status")) == {"pending"}
    for arguments in ((), ("--json",)):
        none = desk.render("people.csv", *arguments, env=NO_KEY)
        assert none.code == 4
        assert (none.document["exit_code"] if arguments else none.out) == (4 if arguments else "")
        assert "bhuman login" in none.err.strip().splitlines()[-1]
    half = desk.render("people.csv", env={"BHUMAN_API_KEY_SECRET": None})
    assert half.code == 4
    assert "BHUMAN_API_KEY_SECRET" in half.err
    assert service.accepted == []
    later = desk.render("people.csv", "--json")
    assert (later.code, later.rows["submitted"]) == (0, 2), "rows refused for the key are simply sent later"


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("missing.csv", None, 2, "missing.csv"),
        ("empty.csv", b"", 3, "empty"),
        ("header.csv", b"first_name,company\n", 3, "no data rows"),
        ("blank.csv", b"first_name,company\n,\n\n,\n", 3, "no data rows"),
        ("photo.csv", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 9, 3, "photo.csv"),
        ("twice.csv", b"name,name\na,b\n", 3, "name"),
        ("folder.csv", b"<folder>", 2, "folder.csv"),
    ],
)
def test_one_clear_sentence_for_a_file_that_is_none(
    desk: Desk, service: PlainService, name: str, content: bytes | None, code: int, said: str
) -> None:
    if content == b"<folder>":
        (desk.folder / name).mkdir()
    elif content is not None:
        (desk.folder / name).write_bytes(content)
    ended = desk.render(name, "--json")
    assert (ended.code, ended.document["exit_code"] if code == 3 else ended.out) == (code, 3 if code == 3 else "")
    assert said in ended.error["message"]
    assert ended.error["code"] == {2: "usage", 3: "input"}[code]
    assert "Traceback" not in ended.err
    assert service.seen == []
    assert not (desk.folder / f"{Path(name).stem}.results.csv").exists()


def test_a_file_without_rows_may_be_allowed(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [])
    ended = desk.render("people.csv", "--allow-empty", "--json")
    assert (ended.code, ended.rows["total"], service.bodies) == (0, 0, [])
    assert (desk.folder / "people.results.csv").read_text().startswith("first_name,company,row_index,id,status")


def test_problems_of_the_whole_file_are_listed_at_once_without_values(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [("Secretia", ""), ("{{first_name}}", "Acme"), ("Ok", "Fine"), ("a\x07b", "Acme")])
    ended = desk.render("people.csv", "--json")
    problems = ended.error["problems"]
    assert ended.code == 3
    assert [(found["row_index"], found["line"], found["column"]) for found in problems] == [
        (0, 2, "company"), (1, 3, "first_name"), (3, 5, "first_name"),
    ]  # fmt: skip
    assert all(set(found) == {"row_index", "line", "column", "rule", "hint"} for found in problems)
    assert [(row["line"], row["status"]) for row in ended.document["problems"]] == [(n, "invalid") for n in (2, 3, 5)]
    assert "Secretia" not in ended.err
    listed = (desk.folder / "people.problems.csv").read_text()
    assert len(listed.strip().splitlines()) == 4
    assert "Secretia" not in listed
    assert service.seen == []
    skipping = desk.render("people.csv", "--on-invalid", "skip", "--json")
    assert (skipping.code, skipping.rows["invalid"], skipping.rows["succeeded"]) == (5, 3, 1)
    strict = desk.table("doubtful.csv", [("N/A", "Acme")])
    assert desk.render(strict.name).code == 0
    assert desk.render(strict.name, "--strict").code == 3


def test_a_dry_run_writes_nothing_but_problems_and_needs_nothing(desk: Desk, service: PlainService) -> None:
    nothing = {**NO_KEY, "BHUMAN_CAMPAIGN_ID": None, "BHUMAN_BASE_URL": None}
    desk.people(3)
    good = desk.render("people.csv", "--dry-run", "--json", env=nothing)
    plan = {"new": 3, "reused": 0, "retried": 0, "shared": 0, "later": 0, "requests": 1}
    columns = {"sends": ["first_name", "company"], "keeps": [], "refusals": []}
    assert (good.code, good.document["plan"]) == (0, {**plan, **columns})
    assert good.rows["total"] == 3 == good.rows["pending"]
    assert not desk.home.exists()
    assert sorted(path.name for path in desk.folder.iterdir()) == ["people.csv"]
    capped = desk.render("people.csv", "--dry-run", "--max-rows", "2", "--json")
    assert (capped.code, capped.document["exit_code"], capped.error["code"]) == (7, 7, "over_max_rows")
    desk.table("bad.csv", [("", "Acme"), ("Ada", "Acme")])
    bad = desk.render("bad.csv", "--dry-run", "--json")
    assert (bad.code, bad.error["code"], len(bad.error["problems"])) == (3, "input", 1)
    assert sorted(path.name for path in desk.folder.iterdir()) == ["bad.csv", "bad.problems.csv", "people.csv"]
    assert service.seen == []
    assert desk.render("people.csv").code == 0
    before = (desk.home / "journal.sqlite3").read_bytes()
    held = Target(service=service.url, kind=TargetKind.CAMPAIGN, api_id=plain_service.CAMPAIGN_ID)
    desk.people(5)
    with lock.target_lock(desk.home, held, clock=SystemClock()):
        known = desk.render("people.csv", "-n", "--json", "--chunk-size", "1", env=NO_KEY)
    assert (known.code, known.document["plan"]) == (
            0, {**plan, **columns, "new": 2, "reused": 3, "requests": 2},
        )  # fmt: skip
    assert (desk.home / "journal.sqlite3").read_bytes() == before


def test_the_cap_holds_wherever_nobody_is_asked(desk: Desk, service: PlainService) -> None:
    desk.people(2_001)
    for arguments in ((), ("--yes",)):
        ended = desk.render("people.csv", "--json", *arguments)
        assert (ended.code, ended.error["code"]) == (7, "over_max_rows")
    assert "2,001" in ended.error["message"]
    assert ended.error["hint"].startswith("bhuman render people.csv ")
    assert "--max-rows 2001 allows these" in ended.error["message"]
    assert ended.error["hint"].endswith(" --dry-run"), "a hint never spends"
    assert service.accepted == []
    assert desk.render("people.csv", "--limit", "2", "--max-rows", "2", "--no-wait").code == 0
    assert len(service.accepted) == 2


def test_other_variables_or_many_changed_rows_need_a_word(desk: Desk, service: PlainService) -> None:
    desk.people(30)
    assert desk.render("people.csv", "--no-wait").code == 0
    fewer = desk.render("people.csv", "--only", "first_name", "--json")
    assert (fewer.code, fewer.rows["reused"]) == (0, 30), "paid with more columns, which the file still has"
    desk.people(30, start=100)
    changed = desk.render("people.csv", "--only", "first_name", "--json")
    assert (changed.code, changed.error["code"]) == (7, "variables_changed")
    assert "company" in changed.error["message"]
    people = [(f"Name{at}", f"Changed {at}" if at < 21 else f"Company {at}") for at in range(30)]
    desk.table("people.csv", people)
    many = desk.render("people.csv", "--json", "--no-wait")
    assert (many.code, many.error["code"]) == (7, "variables_changed")
    assert many.error["hint"].endswith(" --dry-run"), "the command as typed, and the harmless way first"
    assert "--accept-changes pays for 21 videos" in many.error["message"]
    assert len(service.accepted) == 30
    desk.table("people.csv", [(f"Name{at}", "New" if at < 20 else f"Company {at}") for at in range(30)])
    assert desk.render("people.csv", "--no-wait").code == 0, "twenty are not more than twenty"
    assert len(service.accepted) == 50
    desk.table("people.csv", people)
    accepted = desk.render("people.csv", "--accept-changes", "--no-wait", "--json")
    assert (accepted.code, accepted.rows["submitted"]) == (0, 21)


def test_a_lost_journal_is_noticed_and_can_be_rebuilt_from_the_results(desk: Desk, service: PlainService) -> None:
    desk.people(4)
    assert desk.render("people.csv").code == 0
    other = {"BHUMAN_HOME": str(desk.folder / "other-home")}
    lost = desk.render("people.csv", "--json", env=other)
    assert (lost.code, lost.error["code"], len(service.accepted)) == (7, "unknown_results", 4)
    adopted = desk.render("people.csv", "--adopt", "--json", env=other)
    assert (adopted.code, adopted.rows["reused"], adopted.rows["submitted"]) == (0, 4, 0)
    assert {row["id"] for row in desk.results()} == {item["id"] for item in service.accepted}
    assert len(service.accepted) == 4
    third = {"BHUMAN_HOME": str(desk.folder / "third-home")}
    odd: list[dict[str, Any]] = [{"text": ["somebody", "else"]}, {"text": None}, {"campaign_id": "another"}]
    for changed in odd:
        service.shape = _changing(changed)
        unproven = desk.render("people.csv", "--adopt", "--json", env=third)
        assert (unproven.code, unproven.error["code"]) == (7, "unknown_results"), changed
    assert len(service.accepted) == 4


def _changing(changed: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda record: {**record, **changed}


def test_another_process_holds_the_target(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    target = Target(service=service.url, kind=TargetKind.CAMPAIGN, api_id=plain_service.CAMPAIGN_ID)
    desk.home.mkdir()
    with lock.target_lock(desk.home, target, clock=SystemClock()):
        refused = desk.render("people.csv", "--json")
        waited = desk.render("people.csv", "--lock-wait", "0.3s")
    assert (refused.code, refused.error["code"], refused.document["exit_code"]) == (7, "locked", 7)
    assert f"process {os.getpid()}" in refused.error["message"]
    assert waited.code == 7
    assert "waiting for another bhuman" in waited.err
    assert service.seen == []
    assert desk.render("people.csv").code == 0


@pytest.mark.parametrize(
    ("arguments", "changed", "said"),
    [
        (("people.csv", "--nonsense"), {}, "nonsense"),
        (("people.csv",), {"BHUMAN_CAMPAIGN_ID": None}, "campaign"),
        (("people.csv", "-c", "not-a-uuid"), {}, "not-a-uuid"),
        (("people.csv", "--chunk-size", "2001"), {}, "chunk-size"),
        (("people.csv", "--timeout", "soon"), {}, "timeout"),
        (("people.csv", "-o", "people.csv"), {}, "replace the input"),
        (("people.csv", "-o", "no/such/folder/x.csv"), {}, "folder"),
        (("people.csv",), {"BHUMAN_BASE_URL": "http://studio.example.com"}, "http"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_two_and_says_what(
    desk: Desk, service: PlainService, arguments: tuple[str, ...], changed: dict[str, str | None], said: str
) -> None:
    desk.people(1)
    ended = desk.render(*arguments, "--json", env=changed)
    assert (ended.code, ended.error["code"], ended.out) == (2, "usage", "")
    assert said in ended.error["message"]
    assert service.seen == []
    assert [path.name for path in desk.folder.glob("*.*")] == ["people.csv"]


def test_the_name_that_a_usage_error_proposes_works_when_pasted(desk: Desk) -> None:
    desk.people(1)
    spaced = (desk.folder / "people.csv").rename(desk.folder / "my people.csv")
    assert "-o 'my people.out.csv'" in desk.render(spaced.name, "-o", spaced.name).err


def test_a_project_file_may_carry_a_cron_line_but_no_secrets(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    settings = desk.folder / "people.toml"
    settings.write_text(
        f'campaign = "{plain_service.CAMPAIGN_ID}"\nonly = ["first_name"]\noutput = "out/done.csv"\nchunk_size = 2\n'
        '[set]\nplan = "Gold"\n[map]\nfirst = "first_name"\n'.replace('only = ["first_name"]', 'only = ["first"]')
    )
    (desk.folder / "out").mkdir()
    ended = desk.render(str(desk.folder / "people.csv"), env={"BHUMAN_CAMPAIGN_ID": None})
    assert ended.code == 0, ended.err
    assert ended.out.strip() == str(desk.folder / "out" / "done.csv")
    assert "people.toml" in ended.err
    assert [body["variables"] for body in service.bodies] == [["first", "plan"]] * 2
    assert service.texts() == [[f"Name{at}", "Gold"] for at in range(3)]
    assert list(desk.results("out/done.csv")[0])[:3] == ["first_name", "company", "row_index"]
    settings.write_text('json = true\nonly = ["nobody"]\n')
    as_json = desk.render("people.csv")
    assert (as_json.code, as_json.error["code"], as_json.out) == (2, "usage", "")
    for forbidden in (
        "yes = true",
        "again = true",
        'api_key_secret = "x"',
        'base_url = "https://x.example"',
        "chunk-sice = 3",
    ):
        settings.write_text(forbidden)
        refused = desk.render("people.csv", "--json")
        assert (refused.code, refused.error["code"]) == (2, "usage"), forbidden
    assert len(service.accepted) == 3


def test_no_connection_to_submit_is_eight_with_nothing_uncertain(desk: Desk, service: PlainService) -> None:
    """Five attempts with full jitter within 30 s; the second command finds the rows still unsent."""
    desk.people(2)
    ended = desk.render("people.csv", "--json", env={"BHUMAN_BASE_URL": "http://127.0.0.1:9"})
    assert (ended.code, ended.rows["pending"], ended.rows["in_doubt"]) == (8, 2, 0)
    assert ended.error["code"] == "service_down"
    assert ended.document["next"] == f"bhuman resume {ended.document['run_id']}"


def test_a_journal_that_cannot_be_used_is_eight_before_anything_is_sent(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    desk.home.mkdir()
    (desk.home / "journal.sqlite3").write_bytes(b"damaged" * 999)
    ended = desk.render("people.csv", "--json")
    assert (ended.code, ended.error["code"], ended.document["exit_code"]) == (8, "journal", 8)
    assert "damaged" in ended.error["message"]
    assert service.seen == []


def test_ragged_rows_are_listed_with_all_other_problems_and_can_be_left_out(desk: Desk, service: PlainService) -> None:
    text = "first_name,company\nAnn,Acme, Inc\nBob,Brick\nCyd\nDan,\n"
    (desk.folder / "people.csv").write_text(text)
    dry = desk.render("people.csv", "--dry-run", "--json")
    assert dry.code == 3
    assert [(each["row_index"], each["line"], each["column"]) for each in dry.error["problems"]] == [
        (0, 2, ""),
        (2, 4, ""),
        (3, 5, "company"),
    ]
    assert (desk.folder / "people.problems.csv").read_text().count("the header has 2 columns") == 2
    assert "row 0, line 2: 3 cells, but the header has 2 columns" in dry.err
    assert "row 3, line 5, column company: empty" in dry.err
    assert desk.render("people.csv", "--json").code == 3
    assert service.accepted == []
    left_out = desk.render("people.csv", "--json", "--on-invalid", "skip")
    assert (left_out.code, left_out.rows["invalid"], left_out.rows["submitted"]) == (5, 3, 1)
    results = desk.results()
    assert [row["status"] for row in results] == ["invalid", "succeeded", "invalid", "invalid"]
    assert [row["company"] for row in results] == ["Acme, Inc", "Brick", "", ""]
    (desk.folder / "people.csv").write_text("A title\nfirst_name,company\nAnn,Acme\n")
    title = desk.render("people.csv")
    assert title.code == 3
    assert "--header-row 2" in title.err
    assert "skip" not in title.err, "nothing would be left to render"
