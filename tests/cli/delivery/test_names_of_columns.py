"""A padded header is one column everywhere, and a command without a name says which run it takes."""

from __future__ import annotations

from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def test_a_padded_header_is_known_to_every_command(desk: Desk, service: PlainService) -> None:
    desk.table("padded.csv", [("Ann", "Acme")], header=("first_name", " company "))
    assert desk.render("padded.csv").code == 0
    counted = desk.run("export", "padded.csv", "--by", "company", "--json")
    assert (counted.code, "Acme" in counted.out) == (0, True), counted.err
    assert desk.run("download", "padded.csv", "--name", "{company}", "--to", "media").code in {0, 5, 8}
    wrong = desk.run("export", "padded.csv", "--by", "compny")
    assert (wrong.code, "did you mean 'company'?" in wrong.err) == (2, True)


def test_a_command_without_a_name_says_which_run_it_takes(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    run_id = desk.render("people.csv", "--json").document["run_id"]
    ended = desk.run("export", "-o", "out.csv", "-v")
    assert ended.code == 0
    assert f"people.csv · run {run_id} · just now" in ended.err
