"""`bhuman render` as a process: what it reads, where it writes, and which files it never touches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from bhuman_cli.domain import RESULT_COLUMNS
from tests.support import plain_service, terminal
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def test_a_workbook_stdin_and_a_pipe_all_behave(desk: Desk, service: PlainService) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("first_name", "company"), ("Ada", "Acme"), ("Bob", 7)):
        sheet.append(row)
    book.save(desk.folder / "people.xlsx")
    ended = desk.render("people.xlsx")
    assert (ended.code, ended.out) == (0, f"{desk.folder / 'people.xlsx.results.csv'}\n")
    assert service.texts() == [["Ada", "Acme"], ["Bob", "7"]]
    assert desk.column("status", "people.xlsx.results.csv") == ["succeeded", "succeeded"]
    piped = desk.render("-", stdin="first_name;company\nÄnne;Müller AG\n".encode("cp1252"))
    assert (piped.code, piped.out) == (0, f"{desk.folder / 'stdin.results.csv'}\n")
    assert service.texts()[2:] == [["Änne", "Müller AG"]]
    assert (desk.folder / "stdin.results.csv").read_bytes().startswith(b"\xef\xbb\xbf"), "the input was not UTF-8"
    assert desk.results("stdin.results.csv", ";")[0]["company"] == "Müller AG"


def test_a_reader_that_goes_away_and_a_bare_narrow_colourless_terminal(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    environment = desk.environment({"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"})
    command = f"'{sys.executable}' -m bhuman_cli render people.csv --poll-interval 0.05"
    into_cat = subprocess.run(
        ["/bin/sh", "-c", f"{command} | cat"], cwd=desk.folder, env=environment, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert into_cat.stdout == f"{desk.folder / 'people.results.csv'}\n"
    assert "\x1b" not in into_cat.stderr
    gone = subprocess.run(
        ["/bin/sh", "-c", f"({command}; echo $? >code) | true"], cwd=desk.folder, env=environment,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert (desk.folder / "code").read_text().strip() == "0"
    assert "Traceback" not in gone.stderr
    assert len(service.accepted) == 2


def test_columns_that_collide_are_renamed_and_the_sources_stay(desk: Desk, service: PlainService) -> None:
    desk.table("people.csv", [("Ada", "mine", "theirs")], header=("first_name", "status", "url"))
    assert desk.render("people.csv", "--only", "first_name").code == 0
    assert service.bodies[0]["variables"] == ["first_name"]
    row = desk.results()[0]
    ours = [f"bhuman_{name}" if name in {"status", "url"} else name for name in RESULT_COLUMNS]
    assert list(row) == ["first_name", "status", "url", *ours]
    assert (row["status"], row["url"], row["bhuman_status"]) == ("mine", "theirs", "succeeded")


def test_an_earlier_results_file_is_an_input_and_its_own_output(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    assert desk.render("people.csv").code == 0
    results = desk.folder / "people.results.csv"
    with results.open("a", newline="") as stream:
        stream.write("Cid,Acme" + "," * len(RESULT_COLUMNS) + "\r\n")
    ended = desk.render("people.results.csv")
    assert (ended.code, ended.out) == (0, f"{results}\n")
    assert service.texts()[2:] == [["Cid", "Acme"]]
    assert list(desk.results()[0]) == ["first_name", "company", *RESULT_COLUMNS]
    assert desk.column("first_name") == ["Name0", "Name1", "Cid"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx", "json", "jsonl"])
def test_the_ending_of_the_output_picks_the_format(desk: Desk, service: PlainService, ending: str) -> None:
    desk.table("people.csv", [("Zoë", "A, B")])
    ended = desk.render("people.csv", "-o", f"out.{ending}")
    path = desk.folder / f"out.{ending}"
    assert (ended.code, ended.out.strip()) == (0, str(path))
    if ending == "xlsx":
        sheet = openpyxl.load_workbook(path).active
        assert sheet is not None
        cells = [[str(cell.value or "") for cell in row] for row in sheet.iter_rows()]
        row = dict(zip(cells[0], cells[1], strict=True))
        link = next(cell for cell in sheet[2] if sheet.cell(1, cell.column or 0).value == "share_url")
        assert link.hyperlink is not None
    elif ending == "json":
        row = json.loads(path.read_text())[0]
    elif ending == "jsonl":
        row = json.loads(path.read_text().splitlines()[0])
    else:
        row = desk.results(path.name, "\t" if ending == "tsv" else ",")[0]
    assert list(row) == ["first_name", "company", *RESULT_COLUMNS]
    assert (row["first_name"], row["company"], row["status"]) == ("Zoë", "A, B", "succeeded")
    assert row["id"] == service.accepted[0]["id"]


def test_what_is_not_ours_is_not_replaced_and_what_was_edited_is_kept(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    (desk.folder / "notes.csv").write_text("my,notes\n1,2\n")
    refused = desk.render("people.csv", "-o", "notes.csv", "--json")
    assert refused.code == 2
    assert refused.error["hint"].endswith(" --force")
    assert (desk.folder / "notes.csv").read_text() == "my,notes\n1,2\n"
    assert service.seen == []
    assert desk.render("people.csv", "-o", "notes.csv", "--force").code == 0
    assert desk.column("status", "notes.csv") == ["succeeded"]
    results = desk.folder / "notes.csv"
    edited = results.read_text().replace("Company 0", "My own words")
    results.write_text(edited)
    again = desk.render("people.csv", "-o", "notes.csv")
    assert (again.code, "notes.csv.bak" in again.err) == (0, True)
    assert (desk.folder / "notes.csv.bak").read_text() == edited
    assert desk.column("company", "notes.csv") == ["Company 0"]
    assert desk.render("people.csv", "-o", "notes.csv").code == 0
    assert not (desk.folder / "notes.csv.bak1").exists(), "an unchanged file needs no copy"
    assert len(service.accepted) == 1


def test_a_sample_first_and_the_rest_only_on_a_word(desk: Desk, service: PlainService) -> None:
    desk.people(6)

    def planned() -> int:
        requests: int = desk.render("people.csv", "--sample", "2", "-n", "--json").document["plan"]["requests"]
        return requests

    assert planned() == 2, "the sample, the others"
    sample = desk.render("people.csv", "--sample", "2", "--json")
    assert (sample.code, sample.rows["succeeded"], sample.rows["pending"]) == (6, 2, 4)
    assert sample.document["next"] == f"bhuman resume {sample.document['run_id']}"
    assert service.texts() == [["Name0", "Company 0"], ["Name1", "Company 1"]]
    assert planned() == 1, "the sample is there"
    whole = desk.render("people.csv", "--sample", "2", "--yes", "--json")
    assert (whole.code, whole.rows["succeeded"], whole.rows["reused"], whole.rows["submitted"]) == (0, 6, 2, 4)
    assert len(service.accepted) == 6

    def failing(record: dict[str, object]) -> dict[str, object]:
        return {**record, "status": "failed", "url": ""} if record["text"] == ["Name7", "Company 7"] else record

    service.shape = failing
    desk.people(4, "more.csv", start=6)
    bad = desk.render("more.csv", "--sample", "2", "--yes", "--json")
    assert (bad.code, bad.rows["failed"], bad.rows["pending"]) == (5, 1, 2)
    assert bad.error["code"] == "rows_failed"
    assert len(service.accepted) == 8


def test_constants_defaults_and_assets_arrive_as_documented(desk: Desk, service: PlainService) -> None:
    people = [("Ada", "", "example.com/a.png"), ("Bob", "Acme", "")]
    desk.table("people.csv", people, header=("First Name", "company", "site"))
    backgrounds = [{"start": 0, "end": -1, "kind": "link", "config": {"mode": "basic"}}]
    (desk.folder / "backgrounds.json").write_text(json.dumps(backgrounds))
    ended = desk.render(
        "people.csv", "--map", "first_name=First Name", "--default", "company=your company", "--set", "plan=Gold",
        "--asset", "site", "--backgrounds", "backgrounds.json", "--generation-mode", "full_script", "--lipsync",
        "--bom",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    body = service.bodies[0]
    assert body["variables"] == ["first_name", "company", "plan"]
    assert body["names"] == [["Ada", "your company", "Gold"], ["Bob", "Acme", "Gold"]]
    assert body["assets"] == [["https://example.com/a.png"], [""]]
    assert body["backgrounds"] == backgrounds
    assert (body["generation_mode"], body["enable_lipsync"]) == ("full_script", True)
    assert "callback_url" not in body
    rows = desk.results()
    assert list(rows[0])[:3] == ["First Name", "company", "site"]
    assert (rows[0]["company"], "company" in rows[0]["message"], rows[1]["message"]) == ("", True, "")
    assert (desk.folder / "people.results.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_the_results_file_is_right_from_the_start_and_readable_at_every_moment(
    desk: Desk, service: PlainService
) -> None:
    seen: list[list[str]] = []

    def looking(body: dict[str, object]) -> plain_service.Reply:
        seen.append(desk.column("status"))
        return plain_service.reply(200, {"code": 200, "result": service.accept(body)})

    service.always = looking
    desk.people(4)
    assert desk.render("people.csv", "--chunk-size", "2").code == 0
    assert seen[0] == ["pending"] * 4
    assert seen[1][2:] == ["pending"] * 2
    assert set(desk.column("status")) == {"succeeded"}
    leftovers = [path.name for path in desk.folder.iterdir() if path.name not in {"home", "people.csv"}]
    assert leftovers == ["people.results.csv"]


def test_a_results_file_that_cannot_be_written_does_not_stop_the_run(desk: Desk, service: PlainService) -> None:
    desk.people(1)
    results = desk.folder / "people.results.csv"
    results.mkdir()
    (results / "in-the-way").touch()
    ended = desk.render("people.csv", "--force")
    assert (ended.code, len(service.accepted)) in {(2, 0), (0, 1)}
    assert "Traceback" not in ended.err


def test_on_a_terminal_a_sample_is_asked_for_by_its_own_size(desk: Desk, service: PlainService) -> None:
    desk.people(6)
    words = [sys.executable, "-m", "bhuman_cli", "render", "people.csv", "--sample", "2", "--poll-interval", "0.05"]
    with terminal.terminal(words, folder=desk.folder, env=desk.environment()) as screen:
        screen.wait_for("Submit a sample of 2 of 6 rows to ")
        screen.type("y\r")
        screen.wait_for("Submit the other 4 rows? [y/N] ")
        screen.type("n\r")
        assert screen.end() == 0
    assert len(service.accepted) == 2
    with terminal.terminal(words, folder=desk.folder, env=desk.environment()) as screen:
        screen.wait_for("Submit the other 4 rows? [y/N] ")
        assert "Submit a sample" not in screen.screen, "it was paid the first time"
        screen.type("y\r")
        assert screen.end() == 0
    assert len(service.accepted) == 6


def test_results_that_an_edit_broke_stop_nobody_and_still_tell_what_was_paid(
    desk: Desk, service: PlainService, tmp_path: Path
) -> None:
    desk.people(2)
    assert desk.render("people.csv").code == 0
    results = desk.folder / "people.results.csv"
    results.write_text(results.read_text() + "a note to myself\n")
    ended = desk.render("people.csv", "--json")
    assert (ended.code, ended.rows["reused"]) == (0, 2)
    assert "a note to myself" in (desk.folder / "people.results.csv.bak").read_text()
    results.write_text(results.read_text() + "a note to myself\n")
    elsewhere = desk.run("render", "people.csv", "--json", env={"BHUMAN_HOME": str(tmp_path / "another machine")})
    assert (elsewhere.code, elsewhere.error["code"]) == (7, "unknown_results")
    assert len(service.accepted) == 2
