"""A folder that came from elsewhere: its settings spend nothing unasked, its links lead nowhere."""

from __future__ import annotations

import pytest

from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def test_a_project_file_that_spends_or_redirects_counts_only_once_trusted(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    (desk.folder / "people.toml").write_text('output = "../elsewhere.csv"\nmax-rows = 5000\nno-input = true\n')
    refused = desk.render("people.csv", "--json")
    assert (refused.code, refused.error["code"]) == (7, "untrusted_settings")
    assert all(name in refused.error["message"] for name in ("output", "max-rows", "no-input"))
    assert refused.error["hint"] == "bhuman trust people.toml"
    assert service.accepted == []
    assert "people.toml came with the folder" in desk.run("doctor", "people.csv", "--offline").out
    assert desk.run("trust", "people.toml").code == 0
    assert "trusted" in desk.run("doctor", "people.csv", "--offline").out
    assert desk.render("people.csv").code == 0
    assert (desk.folder.parent / "elsewhere.csv").is_file()
    (desk.folder / "people.toml").write_text("max-rows = 5001\n")
    assert desk.render("people.csv").code == 7


def test_a_file_of_the_folder_never_writes_a_log(desk: Desk) -> None:
    desk.people(1)
    (desk.folder / "bhuman.toml").write_text('log_file = "log.txt"\n')
    assert desk.render("people.csv", "--dry-run").code == 2
    assert not (desk.folder / "log.txt").exists()


def test_init_writes_what_was_typed_and_trusts_it(desk: Desk, service: PlainService) -> None:
    desk.people(3, start=50)
    typed = ("--max-rows", "5000", "--only", "first_name", "--set", "plan=A B", "--timeout", "90s", "-o", "../r.csv")
    assert desk.render("people.csv", *typed, "--init").code == 0
    assert desk.render("people.csv", "--json").document["rows"]["submitted"] == 3
    assert (desk.folder.parent / "r.csv").is_file()
    (body,) = service.bodies
    assert body["variables"] == ["first_name", "plan"]
    doctor = {row["name"]: row for row in desk.run("doctor", "people.csv", "--offline", "--json").document["settings"]}
    assert (doctor["max-rows"]["value"], doctor["timeout"]["value"]) == (5000, 90.0)
    assert doctor["max-rows"]["source"] == "project file people.toml"


@pytest.mark.parametrize("dangles", [False, True])
def test_names_beside_the_table_are_never_followed_through_links(
    desk: Desk, service: PlainService, dangles: bool
) -> None:
    precious = desk.home / "precious"
    desk.home.mkdir()
    if not dangles:
        precious.write_text("mine")
    desk.table("bad.csv", [("Ann", "")])
    for name in ("people.results.csv", "bad.problems.csv"):
        (desk.folder / name).symlink_to(precious)
    desk.people(1)
    refused = desk.render("people.csv", "--json")
    assert (refused.code, service.accepted) == (2, [])
    assert "-o people.results.out.csv" in refused.error["hint"]
    assert desk.render("bad.csv").code == 3
    assert dangles is not precious.exists()
    if not dangles:
        assert precious.read_text() == "mine"
    (desk.folder / "chosen.csv").symlink_to(desk.folder / "real.csv")
    assert desk.render("people.csv", "-o", "chosen.csv").code == 0
    assert (desk.folder / "real.csv").is_file(), "a link that a person names is followed"


def test_settings_of_the_environment_hold_and_are_shown(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    capped = desk.render("people.csv", "--json", env={"BHUMAN_MAX_ROWS": "2", "BHUMAN_MAX_ROW": "9"})
    assert (capped.code, capped.error["code"], service.accepted) == (7, "over_max_rows", [])
    assert "BHUMAN_MAX_ROW is not a bhuman variable; did you mean BHUMAN_MAX_ROWS?" in capped.err
    shown = desk.run("doctor", "--offline", env={"BHUMAN_MAX_ROWS": "2"}).out
    assert "environment BHUMAN_MAX_ROWS" in shown
    assert desk.render("people.csv", env={"BHUMAN_JSON": "1"}).rows["submitted"] == 3
    listed = desk.run("export", "people.csv", env={"BHUMAN_EXPORT_OUTPUT": "elsewhere.csv"})
    assert (listed.code, (desk.folder / "elsewhere.csv").is_file()) == (0, True), listed.err
