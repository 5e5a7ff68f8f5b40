"""`bhuman` as a process: folders, addresses and options that can't be what somebody meant."""

from __future__ import annotations

import contextlib
import json
import os
import sys

import pytest

from bhuman_cli.clock import SystemClock
from bhuman_cli.domain import Target, TargetKind
from bhuman_cli.runs import lock
from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService
from tests.support.terminal import terminal


@pytest.mark.parametrize("place", ["a file", "inside a file", "unwritable"])
def test_a_home_that_can_hold_no_journal_is_not_a_bug(desk: Desk, service: PlainService, place: str) -> None:
    desk.people(2)
    (desk.folder / "file").write_text("no folder")
    home = {"a file": desk.folder / "file", "inside a file": desk.folder / "file" / "home", "unwritable": "/proc/nope"}
    ended = desk.render("people.csv", "--json", env={"BHUMAN_HOME": str(home[place])})
    assert (ended.code, ended.document["run_id"], ended.document["exit_code"]) == (8, None, 8)
    assert ended.error["code"] == "journal"
    assert str(home[place]) in ended.error["message"]
    assert ended.error["hint"].startswith("ls -ld ")
    assert service.accepted == []


def test_an_unset_shell_variable_does_not_send_every_column(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    for option in ("--only", "--exclude"):
        ended = desk.render("people.csv", option, "", "--json")
        assert (ended.code, ended.error["code"]) == (2, "usage")
        assert f"{option} must be at least one column" in ended.error["message"]
    assert service.accepted == []


def test_the_address_of_another_thing_is_not_taken_for_the_target(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    campaign = f"https://app.bhuman.ai/campaign/generatedVideos/{plain_service.CAMPAIGN_ID}"
    instance = f"https://app.bhuman.ai/instance/{plain_service.CAMPAIGN_ID}"
    for option, address in (("--campaign", instance), ("--instance", campaign)):
        ended = desk.render("people.csv", option, address, "--json", env={"BHUMAN_CAMPAIGN_ID": None})
        assert (ended.code, service.accepted) == (2, [])
        assert "this URL belongs to a" in ended.error["message"]
    assert desk.render("people.csv", "--campaign", campaign, env={"BHUMAN_CAMPAIGN_ID": None}).code == 0


def test_a_dry_run_refuses_the_output_that_a_real_run_refuses(desk: Desk) -> None:
    desk.people(2)
    (desk.folder / "mine.csv").write_text("a,b\n1,2\n")
    for output in ("people.csv", "nowhere/out.csv", "mine.csv"):
        codes = [desk.render("people.csv", "-o", output, *dry).code for dry in ((), ("--dry-run",))]
        assert codes == [2, 2], output
    assert desk.render("people.csv", "-o", "mine.csv", "--force", "--dry-run").code == 0
    assert (desk.folder / "mine.csv").read_text() == "a,b\n1,2\n"


def test_without_input_the_progress_is_lines_also_on_a_terminal(desk: Desk) -> None:
    desk.people(2)
    command = [sys.executable, "-m", "bhuman_cli", "render", "people.csv", "--no-input", "--poll-interval", "0.05"]
    with terminal(command, folder=desk.folder, env=desk.environment()) as shown:
        assert shown.end() == 0
    assert " of 2 done" in shown.screen
    assert "\u2501" not in shown.screen


def test_a_cap_in_the_settings_file_holds_for_a_trigger_too(desk: Desk, service: PlainService) -> None:
    (desk.folder / "bhuman.toml").write_text("max-rows = 1\n")
    payload = {"variables": ["first_name"], "names": [["Ann"], ["Bob"]]}
    ended = desk.run("trigger", "campaign", "--data", "-", "--json", "--yes", stdin=json.dumps(payload).encode())
    assert (ended.code, ended.error["code"], ended.error["hint"]) == (7, "over_max_rows", "")
    assert service.accepted == []
    assert desk.run("trigger", "campaign", "--set", "first_name=Ann", "--json").code == 0


def test_a_sample_that_nobody_waits_for_has_not_failed(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    as_is, service.shape = service.shape, lambda record: record | {"status": "queued", "url": None}
    ended = desk.render("people.csv", "--sample", "1", "--yes", "--no-wait", "--json")
    service.shape = as_is
    assert (ended.code, ended.error["code"]) == (6, "not_finished")
    assert len(service.accepted) == 1
    assert desk.render("people.csv", "--sample", "1", "--yes", "--json").code == 0
    assert len(service.accepted) == 3


def test_local_asks_neither_base_url_nor_credentials(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    for url in ("http://example.com", "no address"):
        wrong = {"BHUMAN_BASE_URL": url, "BHUMAN_API_KEY_SECRET": None}
        ended = desk.render("people.csv", "--local", "--dry-run", "--json", env=wrong)
        assert (ended.code, ended.document["plan"]["new"]) == (0, 1)


def test_a_table_that_is_asked_for_in_a_pipe_ends_its_last_line(desk: Desk) -> None:
    desk.people(2)
    lines = desk.render("people.csv", "--progress", "table").err.splitlines()
    assert any(line.startswith("2 rows: 2 succeeded") for line in lines)


@pytest.mark.parametrize("options", [("--dry-run",), ()])
def test_a_list_of_problems_goes_when_they_are_mended(desk: Desk, options: tuple[str, ...]) -> None:
    desk.table("people.csv", [("Ann", "")])
    listed = desk.folder / "people.problems.csv"
    assert desk.render("people.csv", *options).code == 3
    assert listed.exists()
    desk.people(2)
    assert desk.render("people.csv", *options).code == 0
    assert not listed.exists()
    listed.write_text("notes\nof my own\n")
    assert desk.render("people.csv", *options).code == 0
    assert listed.read_text() == "notes\nof my own\n"


def test_the_results_of_nothing_have_no_byte_order_mark(desk: Desk) -> None:
    (desk.folder / "people.csv").write_bytes(b"")
    assert desk.render("people.csv", "--allow-empty").code == 0
    assert (desk.folder / "people.results.csv").read_bytes().startswith(b"row_index,id,")


def test_a_folder_that_takes_no_results_is_refused_before_anything_is_paid(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    ended = desk.render("people.csv", "-o", "/proc/people.csv", "--json")
    assert (ended.code, ended.out, service.accepted) == (2, "", [])
    assert "/proc/people.csv: can't be written" in ended.error["message"]
    assert ended.error["hint"].endswith("-o people.csv --json --poll-interval 0.05")


def test_a_file_name_that_is_no_text_is_no_bug(desk: Desk, service: PlainService) -> None:
    name = os.fsdecode(b"people\xff.csv")
    desk.people(2, name)
    for arguments in ((name,), (name, "--dry-run"), ("-", "-o", name)):
        ended = desk.render(*arguments, "--json", stdin=b"a\n1\n")
        assert (ended.code, ended.error["code"]) == (2, "usage")
        assert "not UTF-8" in ended.error["message"]
    assert service.accepted == []


def test_no_color_and_force_color(desk: Desk) -> None:
    for env, is_coloured in (({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)):
        assert ("\x1b[" in desk.render("none.csv", env=env).err) is is_coloured
    for env, is_coloured in (({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)):
        words = [sys.executable, "-m", "bhuman_cli", "render", "none.csv"]
        with terminal(words, folder=desk.folder, env=desk.environment(env)) as shown:
            assert shown.end() == 2
        assert ("\x1b[" in shown.raw) is is_coloured


def test_on_a_terminal_a_locked_target_is_asked_about(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    target = Target(service=service.url, kind=TargetKind.CAMPAIGN, api_id=plain_service.CAMPAIGN_ID)
    words = [sys.executable, "-m", "bhuman_cli", "render", "people.csv", "--poll-interval", "0.05"]
    with contextlib.ExitStack() as held:
        held.enter_context(lock.target_lock(desk.home, target, clock=SystemClock()))
        with terminal(words, folder=desk.folder, env=desk.environment()) as shown:
            shown.wait_for("Wait for it? [y/N]")
            shown.type("n\n")
            assert shown.end() == 7
        with terminal([*words, "--yes"], folder=desk.folder, env=desk.environment()) as shown:
            assert shown.end() == 7, "--yes asks nothing"
        with terminal(words, folder=desk.folder, env=desk.environment()) as shown:
            shown.wait_for("Wait for it? [y/N]")
            shown.type("y\n")
            shown.wait_for("waiting for another bhuman")
            assert service.accepted == []
            held.close()
            shown.wait_for("Submit 2 rows")
            shown.type("y\n")
            assert shown.end() == 0
    assert len(service.accepted) == 2


@pytest.mark.parametrize("options", [("--again",), ("--adopt",)])
def test_ids_that_the_journal_does_not_know_are_never_overwritten(
    desk: Desk, service: PlainService, options: tuple[str, ...]
) -> None:
    desk.people(5)
    assert desk.render("people.csv").code == 0
    before = (desk.folder / "people.results.csv").read_bytes()
    other = {"BHUMAN_HOME": str(desk.folder / "other machine")}
    desk.people(2)
    ended = desk.render("people.csv", *options, env=other)
    assert ended.code == 0
    assert (desk.folder / "people.results.csv.bak").read_bytes() == before
    assert "it is kept as" in ended.err
    assert not (desk.folder / "people.results.csv.bak1").exists()
    again = desk.render("people.csv", env=other)
    assert (again.code, "kept as" in again.err) == (0, False)
