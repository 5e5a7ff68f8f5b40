"""A saved review goes on: into the gallery written anew, and into an export."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bhuman_cli.cli import app
from tests.cli.delivery.conftest import NAMES, Rendered
from tests.support.desk import Desk
from tests.support.plain_service import PlainService


def results(rendered: Rendered) -> list[dict[str, str]]:
    with (rendered.folder / "people.results.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def saved(path: Path, decisions: list[tuple[str, str, str, str]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerows([("row_index", "id", "decision", "note"), *decisions])
    return path


def test_of_two_reviews_the_rejection_wins_and_a_redone_video_is_undecided(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [row["id"] for row in results(rendered)]
    mine = saved(tmp_path / "mine.csv", [("0", ids[0], "approved", "good"), ("1", ids[1], "approved", "")])
    old = "11111111-1111-4111-8111-111111111111"  # of a video that was made again since
    # As a spreadsheet saves it in many countries.
    theirs = saved(tmp_path / "theirs.csv", [("0", ids[0], "Rejected", "cut"), ("2", old, "approved", "")], ";")
    for keep, names in (("approved", [NAMES[1]]), ("rejected", [NAMES[0]])):
        argv = ["export", str(rendered.table), "--review", str(mine), "--review", str(theirs), "--keep", keep]
        assert app.run([*argv, "-o", str(tmp_path / f"{keep}.json"), "--json"]) == 0
        assert [row["first_name"] for row in json.loads((tmp_path / f"{keep}.json").read_text())] == names
    page = tmp_path / "g.html"
    argv = ["gallery", str(rendered.table), "--review", str(mine), "--review", str(theirs), "-o", str(page)]
    assert app.run(argv) == 0
    assert f'["{ids[0]}","rejected","good; cut"]' in page.read_text()
    capsys.readouterr()


@pytest.mark.parametrize(
    "argv", [["--keep", "approved"], ["--review", "x.csv"], ["--review", "x.csv", "--keep", "maybe"]]
)
def test_half_a_request_is_refused(
    rendered: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    assert app.run(["export", str(rendered.table), *argv, "-o", str(tmp_path / "o.csv")]) == 2
    assert list(tmp_path.iterdir()) == []
    capsys.readouterr()


def test_rejected_videos_are_rendered_again_once_for_each_decision(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    assert desk.render("people.csv").code == 0
    ids = desk.column("id")
    saved(desk.folder / "r.csv", [("0", ids[0], "rejected", "cut"), ("1", ids[1], "approved", "")])
    redo = ("people.csv", "--redo", "rejected", "--review", "r.csv")
    refused = desk.render(*redo)
    assert (refused.code, len(service.accepted)) == (7, 3)
    assert "paid again" in refused.err
    assert desk.render(*redo, "--yes").code == 0
    assert len(service.accepted) == 4
    again = desk.column("id")
    assert (again[0] != ids[0], again[1:]) == (True, ids[1:])
    # The decision was about the old video: it sends nothing more, and later renders show the new one.
    assert desk.render(*redo, "--yes").code == 0
    assert desk.render("people.csv").code == 0
    assert (len(service.accepted), desk.column("id")) == (4, again)
    # Three times at most.
    for _ in range(3):
        saved(desk.folder / "r.csv", [("0", desk.column("id")[0], "rejected", "")])
        assert desk.render(*redo, "--yes").code == 0
    assert len(service.accepted) == 5
    assert desk.render("people.csv", "--redo", "rejected").code == 2
    assert desk.render("people.csv", "--review", "r.csv").code == 2
