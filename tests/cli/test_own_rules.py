"""`[checks]`, `--clean` and `--say` as a process: told with the other problems, before anything is paid."""

from __future__ import annotations

import csv
import os
import time

import pytest

from tests.support.desk import Desk
from tests.support.plain_service import PlainService

RULES = """
[checks]
min_rows = 3
newer_than = "2d"
[checks.columns.email]
unique = true
required = true
pattern = '[^@\\s]+@[^@\\s]+'
[checks.columns.plan]
values = ["free", "pro"]
[checks.columns.first_name]
max_length = 6
"""
HEADER = ("first_name", "email", "plan")
GOOD = [("Ana", "a@x.example", "free"), ("Ben", "b@x.example", "pro"), ("Cleo", "c@x.example", "pro")]


def rules_in_problems(desk: Desk) -> list[tuple[str, str]]:
    with (desk.folder / "people.problems.csv").open(encoding="utf-8") as stream:
        return [(row["line"], row["rule"]) for row in csv.DictReader(stream)]


def test_own_rules_are_told_in_the_same_list_and_nothing_is_sent(desk: Desk, service: PlainService) -> None:
    (desk.folder / "bhuman.toml").write_text(RULES)
    desk.table("people.csv", [*GOOD, ("Dagmar2", "b@x.example", "gold"), ("Eve", "not an address", "pro")], HEADER)
    ended = desk.render("people.csv", "--only", "first_name", "--json")
    assert (ended.code, len(service.bodies)) == (3, 0)
    assert sorted(rules_in_problems(desk)) == [
        ("5", "is longer than the 6 characters of [checks]"),
        ("5", "is none of the values of [checks]"),
        ("5", "is not unique, as [checks] wants it"),
        ("6", "does not match the pattern of [checks]"),
    ]
    assert "not an address" not in ended.err
    assert desk.render("people.csv", "--only", "first_name", "--on-invalid", "skip").code == 5
    assert service.texts() == [["Ana"], ["Ben"], ["Cleo"]]


def test_a_table_too_short_or_too_old_is_never_sent_even_by_skipping(desk: Desk, service: PlainService) -> None:
    (desk.folder / "bhuman.toml").write_text(RULES)
    path = desk.table("people.csv", GOOD[:2], HEADER)
    then = time.time() - 3 * 86400
    os.utime(path, (then, then))
    ended = desk.render("people.csv", "--on-invalid", "skip")
    assert (ended.code, len(service.bodies)) == (3, 0)
    assert "2 rows, but [checks] min_rows is 3" in ended.err
    assert "newer_than" in ended.err
    assert desk.render("-", stdin=path.read_bytes()).code == 3, "nobody knows how old a pipe is"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[checks]\nmin_row = 5", "did you mean min_rows"),
        ("[checks.columns.email]\nuniqe = true", "did you mean unique"),
        ("[checks.columns.email]\npattern = '('", "no regular expression"),
        ("[checks]\nnewer_than = 'soon'", "not a duration"),
        ("[checks.columns.plan]\nvalues = 'free'", "a list of texts"),
        ("[checks]\nmin_rows = -1", "negative"),
    ],
)
def test_a_rule_that_is_none_is_2(desk: Desk, text: str, said: str) -> None:
    (desk.folder / "bhuman.toml").write_text(text)
    desk.table("people.csv", GOOD, HEADER)
    ended = desk.render("people.csv", "--dry-run")
    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_a_pattern_that_would_run_for_ever_is_refused(desk: Desk) -> None:
    (desk.folder / "bhuman.toml").write_text("[checks.columns.first_name]\npattern = '(a|aa)+'")
    desk.table("people.csv", [("a" * 80 + "b", "x", "y")], HEADER)
    began = time.monotonic()
    ended = desk.render("people.csv", "--dry-run")
    assert (ended.code, "takes too long" in ended.err) == (2, True)
    assert time.monotonic() - began < 20


def test_what_is_sent_cleaned_and_spoken_is_paid_once_and_the_own_cells_stay(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [("DR. SIOBHAN", "Acme Inc."), ("MCDONALD", "IBM"), ("Siobhan", "Acme")])
    (desk.folder / "say.csv").write_text("first_name,spoken\nsiobhan,Shivawn\nnobody,x\n")
    wishes = ("--clean", "first_name=name", "--clean", "company=company", "--say", "say.csv")
    ended = desk.render("people.csv", *wishes)
    assert ended.code == 0, ended.err
    assert ["Shivawn", "Acme"] in service.texts()
    assert ["MCDONALD", "IBM"] in service.texts()
    assert desk.column("first_name") == ["DR. SIOBHAN", "MCDONALD", "Siobhan"]
    assert "spoken as line 2 of say.csv has it" in desk.column("message")[0]
    assert "first_name: cleaned in line 2" in ended.err
    assert "not certain, in line 3" in ended.err
    assert "say.csv: line 3 matches no row" in ended.err
    paid = len(service.accepted)
    assert desk.render("people.csv", *wishes).code == 0
    assert len(service.accepted) == paid


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"), ("", "empty"), ("first_name\nx\n", "two columns"),
        ("first_nme,spoken\na,b\n", "did you mean 'first_name'"), ("first_name,spoken\na,\n", "line 2"),
        ("value,spoken\nAna,x\nANA,y\n", "two things for one value"),
    ],
)  # fmt: skip
def test_a_table_of_spoken_forms_that_is_none_is_2(desk: Desk, content: str | None, said: str) -> None:
    desk.people(2)
    if content is not None:
        (desk.folder / "say.csv").write_text(content)
    ended = desk.render("people.csv", "--dry-run", "--say", "say.csv")
    assert (ended.code, said in ended.err) == (2, True), ended.err
