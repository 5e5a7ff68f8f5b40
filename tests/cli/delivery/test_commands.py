from __future__ import annotations

import csv
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import python_calamine

from bhuman_cli import domain
from bhuman_cli.cli import app
from tests.cli.delivery.conftest import NAMES, Rendered
from tests.support import gallery_cards
from tests.support.desk import bare_environment


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = app.run([str(word) for word in argv])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_download_fetches_everything_once(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ("download", rendered.table, "--to", tmp_path / "m", "--what", "all", "--json")
    code, out, _ = run(capsys, *argv)
    found = json.loads(out)
    assert (code, found["fetched"], found["kept"], found["failed"]) == (0, 24, 0, 0)
    names = sorted(path.name for path in (tmp_path / "m").glob("*.mp4"))
    assert names == sorted(Path(item["file"]).name for item in found["files"] if item["what"] == "video")
    assert [name[:5] for name in names] == [f"{n:04d}-" for n in range(8)]
    assert {path.parent for path in tmp_path.rglob("*.mp4")} == {tmp_path / "m"}
    code, out, _ = run(capsys, *argv)
    assert (code, json.loads(out)["kept"]) == (0, 24)


def test_names_come_from_the_row_and_never_clash(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "download", rendered.table, "--to", tmp_path, "--name", "{first_name}.mp4")[0] == 0
    found = sorted(path.name for path in tmp_path.glob("*.mp4"))
    assert {"Anna.mp4", "anna-1.mp4", "José.mp4", "_con.mp4"} <= set(found)
    assert len({name.casefold() for name in found}) == 8


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--name", "{nobody}"], "no column"),
        (["--name", "a/{row_index}"], "not a folder"),
        (["--what", "soundtrack"], "--what"),
        (["r_no_such_run"], "there is no run"),
    ],
)
def test_wrong_usage_fetches_nothing(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    code, out, err = run(capsys, "download", *argv, "--to", tmp_path / "m")
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "m").exists()


def test_a_run_is_found_by_id_its_start_its_table_or_its_results(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for place, text in enumerate([[], [rendered.table], [rendered.folder / "people.results.csv"]]):
        _, out, _ = run(capsys, "export", *text, "-o", tmp_path / f"{place}.csv", "--json")
        found.append(json.loads(out)["run_id"])
    assert len(set(found)) == 1
    results = (rendered.folder / "people.results.csv").read_text("utf-8-sig")
    (tmp_path / "moved.csv").write_bytes(rendered.table.read_bytes())
    (tmp_path / "sorted.csv").write_text(results.replace("Anna", "Anne"), "utf-8")
    for number, text in enumerate([found[0], found[0][:5], tmp_path / "moved.csv", tmp_path / "sorted.csv"]):
        assert run(capsys, "export", text, "-o", tmp_path / f"id{number}.csv")[0] == 0
    assert run(capsys, "export", __file__, "-o", tmp_path / "none.csv")[0] == 2


@pytest.mark.parametrize("command_line", ["download", "status", "runs delete"])
def test_the_shell_completes_run_ids(rendered: Rendered, tmp_path: Path, command_line: str) -> None:
    environ = {
        **bare_environment(), "BHUMAN_HOME": str(rendered.home), "_BHUMAN_COMPLETE": "complete_bash",
        "COMP_WORDS": f"bhuman {command_line} r", "COMP_CWORD": str(len(command_line.split()) + 1),
    }  # fmt: skip
    command = [sys.executable, "-m", "bhuman_cli"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert re.fullmatch(r"r[0-9a-f]{10}\n?", done.stdout)
    empty = subprocess.run(
        command,
        env={**environ, "BHUMAN_HOME": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert empty.stdout.strip() == ""
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("typed", "values"),
    [("render --progress ", "auto table plain json none"), ("render --on-invalid s", "stop skip"),
     ("studio serve --access ", "strict open documented"), ("runs --state unf", "unfinished"),
     ("render people.csv --map first_name=zi", "first_name=zip, code"), ("render people.csv --only x,f",
      "x,first_name"), ("help get", "getting-started"), ("resume r", ""), ("render gone.csv --only ", "")],
)  # fmt: skip
def test_the_shell_completes_values_and_columns(rendered: Rendered, typed: str, values: str) -> None:
    environ = {
        **bare_environment(), "BHUMAN_HOME": str(rendered.home), "_BHUMAN_COMPLETE": "complete_bash",
        "COMP_WORDS": f"bhuman {typed}", "COMP_CWORD": str(len(typed.split(" "))),
    }  # fmt: skip
    command = [sys.executable, "-m", "bhuman_cli"]
    done = subprocess.run(
        command, env=environ, cwd=rendered.folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.split(), done.stderr) == (values.split(), "")


def test_the_gallery_shows_the_run_and_uses_what_was_downloaded(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "download", rendered.table, "--to", tmp_path / "my media", "--what", "video,thumbnail")
    argv = [
        "gallery",
        rendered.table,
        "-o",
        tmp_path / "g.html",
        "--media",
        tmp_path / "my media",
        "--label",
        "zip, code",
    ]
    code, out, _ = run(capsys, *argv)
    assert (code, out.strip()) == (0, str(tmp_path / "g.html"))
    cards = _cards(tmp_path / "g.html")
    assert [card["l"] for card in cards] == [[f"0{n}"] for n in range(8)]
    assert cards[0]["v"] == "my%20media/0000-Anna.mp4"
    assert cards[0]["g"].startswith(rendered.service.base_url)
    assert "Anna" not in re.sub(r"0000-Anna", "", (tmp_path / "g.html").read_text())


def test_an_embedded_gallery_is_one_file(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "gallery", rendered.table, "-o", tmp_path / "g.html", "--embed")[0] == 0
    cards = _cards(tmp_path / "g.html")
    assert all(card["t"].startswith("data:image/") for card in cards)
    assert all(card["g"].startswith("data:image/gif") for card in cards)
    assert {path.name for path in tmp_path.iterdir()} == {"g.html"}


def test_a_gallery_replaces_a_gallery_and_nothing_else(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "g.html"
    page.write_text("my page")
    code, _, err = run(capsys, "gallery", rendered.table, "-o", page)
    assert (code, page.read_text()) == (2, "my page")
    assert "--force" in err
    assert run(capsys, "gallery", rendered.table, "-o", page, "--force")[0] == 0
    assert run(capsys, "gallery", rendered.table, "-o", page)[0] == 0
    assert run(capsys, "gallery", rendered.table, "-o", tmp_path)[0] == 2
    assert run(capsys, "gallery", rendered.table, "--label", "nobody", "-o", page)[0] == 2
    before = rendered.table.read_bytes()
    assert run(capsys, "gallery", rendered.table, "-o", rendered.table, "--force")[0] == 2
    assert rendered.table.read_bytes() == before


def test_a_mail_merge_has_a_cell_that_is_a_picture_with_a_link(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.csv"
    assert run(capsys, "export", rendered.table, "--for", "gmail", "-o", path)[0] == 0
    lines = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [line["first_name"] for line in lines] == NAMES
    for line in lines:
        assert line["email_html"].startswith(f'<a href="{html.escape(line["share_url"])}"><img src="')
        assert html.escape(line["gif"]) in line["email_html"]
        assert line["video_link"] == line["share_url"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx", "json", "jsonl"])
def test_every_format_holds_every_row(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    path = tmp_path / f"out.{ending}"
    code, out, _ = run(capsys, "export", rendered.table, "-o", path)
    assert (code, out.strip()) == (0, str(path))
    assert _first_column(path, ending) == ["first_name", *NAMES]


def test_a_workbook_has_links_and_only_texts(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.xlsx"
    run(capsys, "export", rendered.table, "--for", "mailmerge", "-o", path)
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    header = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        cells = dict(zip(header, row, strict=True))
        for name in ("share_url", "url"):
            linked = cells[name].hyperlink
            assert linked is not None
            assert linked.target == cells[name].value
        assert {cell.data_type for cell in row if cell.value is not None} == {"s"}
    assert sheet["B2"].value == "00"
    again = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    assert [row[0] for row in again[1:]] == NAMES
    assert [row[1] for row in again[1:]] == [f"0{n}" for n in range(8)]


def test_a_mail_merge_has_a_name_of_its_own(rendered: Rendered, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "export", rendered.table, "--for", "mailmerge")
    assert (code, out.strip()) == (0, str(rendered.folder / "people.mailmerge.csv"))
    code, _, err = run(capsys, "export", rendered.table)
    assert code == 2
    assert f"hint: bhuman export {rendered.table} -o people.xlsx" in err
    assert "-o 'two words.csv'" in run(capsys, "export", rendered.table, "-o", "two words.pdf")[2]


def test_a_gallery_opens_when_asked_and_shows_no_strangers_files(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tmp_path / "opened"
    (tmp_path / "xdg-open").write_text(f'#!/bin/sh\necho noise; echo noise >&2; echo "$1" >>{opened}; exit 3\n')
    (tmp_path / "xdg-open").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "manifest.csv").write_text("not,ours\n")
    page = tmp_path / "g.html"
    code, out, err = run(capsys, "gallery", rendered.table, "-o", page, "--media", tmp_path, "--open", "--json")
    assert (code, json.loads(out)["rows"], opened.read_text()) == (0, 8, f"{page.as_uri()}\n")
    assert f"no browser here; open {page}" in err
    assert "noise" not in err
    assert all(card["v"].startswith(rendered.service.base_url) for card in _cards(page))
    assert run(capsys, "gallery", rendered.table, "-o", tmp_path / "no" / "such" / "folder.html")[0] == 2


def test_without_a_run_there_is_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BHUMAN_HOME", str(tmp_path))
    code, _, err = run(capsys, "gallery")
    assert code == 2
    assert "no run with a finished video yet" in err
    assert "hint: bhuman runs" in err


def test_export_leaves_other_files_alone(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("a,b\n1,2\n")
    assert run(capsys, "export", rendered.table, "-o", mine)[0] == 2
    assert mine.read_text() == "a,b\n1,2\n"
    assert run(capsys, "export", rendered.table, "-o", rendered.table)[0] == 2
    assert run(capsys, "export", rendered.table, "-o", rendered.folder / "people.results.csv")[0] == 2
    assert run(capsys, "export", rendered.table, "-o", tmp_path / "x.docx")[0] == 2
    assert run(capsys, "export", rendered.table, "-o", tmp_path / "x.csv", "--status", "great")[0] == 2


def test_counts_replace_counts_and_nothing_else(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by = ("export", rendered.table, "--by", "first_name", "-o")
    table, mine = rendered.table.read_bytes(), tmp_path / "mine.csv"
    mine.write_text("a,b\n1,2\n")
    for path in (rendered.table, rendered.folder / "people.results.csv", mine):
        assert run(capsys, *by, path)[0] == 2
    assert run(capsys, *by, rendered.table, "--force")[0] == 2
    assert (rendered.table.read_bytes(), mine.read_text()) == (table, "a,b\n1,2\n")
    assert run(capsys, *by, mine, "--force")[0] == 0
    for name in ("counts.csv", "counts.tsv", "counts.xlsx", "counts.json"):
        assert [run(capsys, *by, tmp_path / name)[0] for _ in range(2)] == [0, 0], name


def test_rows_can_be_chosen_by_status_and_files_added(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "download", rendered.table, "--to", tmp_path / "m")
    argv = ["export", rendered.table, "--media", tmp_path / "m", "-o", tmp_path / "x.jsonl", "--status", "succeeded"]
    assert run(capsys, *argv)[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text("utf-8").splitlines()]
    assert [Path(line["video_file"]).is_file() for line in lines] == [True] * 8
    assert run(capsys, "export", "-o", tmp_path / "y.jsonl", "--status", "failed")[0] == 0
    assert (tmp_path / "y.jsonl").read_text() == ""
    code, _, err = run(capsys, "export", "-o", tmp_path / "z.csv", "--media", tmp_path / "no where")
    assert (code, f"--to '{tmp_path / 'no where'}'" in err) == (2, True), err


def test_a_download_can_end_with_a_table_of_paths_and_leaves_the_results_file_alone(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = rendered.folder / "people.results.csv"
    before = results.read_bytes()
    argv = ["download", rendered.table, "--to", tmp_path / "m", "--what", "video,gif", "--json"]
    code, out, _ = run(capsys, *argv, "--results", tmp_path / "paths.csv")
    assert (code, json.loads(out)["results"]) == (0, str(tmp_path / "paths.csv"))
    with (tmp_path / "paths.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["first_name"] for line in lines] == NAMES
    assert list(lines[0]) == ["first_name", "zip, code", "video_file", "gif_file", "quality", *domain.RESULT_COLUMNS]
    for line in lines:
        assert Path(line["video_file"]).name.startswith(f"{int(line['row_index']):04d}-")
        assert Path(line["video_file"]).is_file()
        assert Path(line["gif_file"]).suffix == ".gif"
    assert results.read_bytes() == before
    assert json.loads(run(capsys, *argv)[1])["results"] is None


@pytest.mark.parametrize("name", ["paths.docx", "mine.csv"])
def test_a_table_that_can_not_be_written_stops_before_anything_is_fetched(
    name: str, rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    argv = ["download", rendered.table, "--to", tmp_path / "m", "--results", tmp_path / name]
    code, _, said = run(capsys, *argv)
    assert code == 2
    assert "--results " in said.partition("hint: bhuman download")[2]
    assert not (tmp_path / "m").exists()
    assert (tmp_path / "mine.csv").read_text() == "a,b\n1,2\n"


def _cards(path: Path) -> list[dict[str, Any]]:
    return gallery_cards.cards(path.read_text("utf-8"))


def _first_column(path: Path, ending: str) -> list[str]:
    match ending:
        case "csv" | "tsv":
            with path.open(newline="", encoding="utf-8") as file:
                return [row[0] for row in csv.reader(file, delimiter="\t" if ending == "tsv" else ",")]
        case "xlsx":
            return [
                str(row[0])
                for row in python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
            ]
        case _:
            text = path.read_text("utf-8")
            records = json.loads(text) if ending == "json" else [json.loads(line) for line in text.splitlines()]
            return [next(iter(records[0])), *(record["first_name"] for record in records)]
