"""Fewer and chosen rows: conditions, hidden rows of a workbook, opt-out lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

HEADER = ("first_name", "email", "plan")
PEOPLE = [("Ada", "ada@x.example", "Pro"), ("Bob", "BOB@x.example ", "free"), ("Cid", "cid@x.example", " pro")]


def test_where_takes_the_rows_for_which_all_conditions_hold(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", PEOPLE, header=HEADER)
    only = ("--only", "first_name")
    some = desk.render("people.csv", *only, "--where", "plan=PRO", "--where", "first_name!=Cid", "--json")
    assert (some.code, some.rows["submitted"], some.rows["skipped"]) == (0, 1, 2)
    assert desk.column("message")[1:] == ["not selected"] * 2
    limited = desk.render("people.csv", *only, "--where", "plan=pro", "--limit", "2", "--json")
    assert (limited.rows["submitted"], limited.rows["reused"]) == (1, 1), "the limit counts what is left"
    assert desk.render("people.csv", *only, "--where", "plan=free", "--json").rows["succeeded"] == 3, (
        "what is known shows"
    )
    wrong = desk.render("people.csv", "--where", "plam=pro")
    assert (wrong.code, "did you mean 'plan'" in wrong.err) == (2, True)


def test_who_opted_out_is_left_out_and_shows_no_link(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", PEOPLE, header=HEADER)
    only = ("--only", "first_name")
    assert desk.render("people.csv", *only, "--limit", "1").code == 0
    (desk.folder / "out.csv").write_text("mailto:ADA@x.example\n bob@x.example\n")
    ended = desk.render("people.csv", *only, "--suppress", "out.csv", "--json")
    assert (ended.rows["submitted"], ended.rows["skipped"]) == (1, 2)
    first, second, third = desk.results()
    assert (first["status"], first["message"], first["url"]) == ("skipped", "suppressed", "")
    assert (second["message"], third["status"]) == ("suppressed", "succeeded")
    (desk.folder / "named.csv").write_text("who,email\nx,cid@x.example\n")
    again = desk.render("people.csv", *only, "--suppress", "out.csv", "--suppress", "named.csv", "--json")
    assert again.rows["skipped"] == 3
    (desk.folder / "header.csv").write_text("email\n")
    assert desk.render("people.csv", *only, "--suppress", "header.csv", "-n").code == 0, (
        "a header without rows is valid"
    )


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01\x02\xff" * 50])
def test_an_opt_out_list_that_can_not_be_read_never_means_nobody(
    desk: Desk, service: PlainService, content: bytes | None
) -> None:
    desk.table("people.csv", PEOPLE, header=HEADER)
    if content is not None:
        (desk.folder / "out.csv").write_bytes(content)
    assert desk.render("people.csv", "--suppress", "out.csv").code == 2
    assert service.bodies == []


def test_resume_reads_the_opt_out_list_again(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [*PEOPLE, ("Ada", "other@x.example", "")], header=HEADER)
    listed = desk.folder / "out.csv"
    listed.write_text("email\n")
    service.posts = [plain_service.refusing(429, Retry_After="3600")]
    begun = desk.render("people.csv", "--only", "first_name", "--suppress", "out.csv", "--json")
    assert (begun.code, begun.rows["pending"]) == (6, 4)
    listed.rename(desk.folder / "away.csv")
    refused = desk.run("resume", "--json")
    assert (refused.code, len(service.accepted)) == (7, 0)
    listed.write_text("email\nada@x.example\n")
    ended = desk.run("resume", "--json", "--poll-interval", "0.05")
    assert (ended.code, ended.rows["submitted"], ended.rows["skipped"]) == (0, 3, 1)
    assert [row["status"] for row in desk.results()] == ["skipped", "succeeded", "succeeded", "succeeded"]


def test_rows_that_a_workbook_hides_are_left_out_only_when_asked(desk: Desk, service: PlainService) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (("first_name",), ("Ada",), ("Bob",), ("Cid",)):
        sheet.append(line)
    sheet.row_dimensions[3].hidden = True
    book.save(desk.folder / "people.xlsx")
    ended = desk.render("people.xlsx", "--visible-only", "-o", "r.csv", "--json")
    assert (ended.rows["submitted"], ended.rows["skipped"]) == (2, 1)
    desk.people(1)
    assert desk.render("people.csv", "--visible-only").code == 2
    assert "--visible-only" in desk.render("people.xlsx", "-n", "-v").err


def test_a_suppressed_row_is_never_a_reason_to_read_a_file_outside(tmp_path: Path) -> None:
    """An opt-out list outside the project file's folder has to be trusted, like every path."""
    from bhuman_cli.config import project_file

    path = tmp_path / "in" / "campaign.toml"
    path.parent.mkdir()
    path.write_text('suppress = ["../out.csv", "own.csv"]')
    assert project_file.outside(path, project_file.read(path)) == ["suppress"]
