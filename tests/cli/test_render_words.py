"""What `render` says: to a log file, of a folder, of a plan without a target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, "http://127.0.0.1:9")


def test_a_folder_is_no_table(desk: Desk) -> None:
    ended = desk.run("render", ".", "--dry-run")
    assert (ended.code, ended.err) == (2, "error: .: is a folder, not a file\nhint: ls .\n")


def test_what_stopped_a_run_stands_in_its_log_file(desk: Desk) -> None:
    desk.people(3)
    assert desk.render("people.csv", "--max-rows", "2", "--log-file", "cron.log").code == 7
    logged = (desk.folder / "cron.log").read_text()
    assert "ERROR - people.csv 3 rows would be submitted, but at most 2 are allowed" in logged


def test_a_plan_without_a_target_names_none(desk: Desk) -> None:
    desk.people(1)
    ended = desk.run("render", "people.csv", "--dry-run", "--json", env={"BHUMAN_CAMPAIGN_ID": None})
    assert (ended.code, ended.document["target"]) == (0, {"campaign_id": None})
    assert "not named yet" in ended.err
    assert "00000000" not in ended.out + ended.err


def test_what_helps_a_dry_run_is_the_command_typed_with_an_option(desk: Desk) -> None:
    desk.table("people.csv", [("Ada", ""), ("Bob", "Acme")])
    for words in ([], ["--json"]):
        ended = desk.run("render", "people.csv", "--dry-run", *words)
        typed = " ".join(["bhuman render people.csv --dry-run", *words])
        assert ended.code == 3
        assert f"{typed} --on-invalid skip" in ended.err
