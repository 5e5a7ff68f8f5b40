"""Two runs over one results file: neither takes the other's links away, and neither fills the folder with copies."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.support import small_template
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

RESULTS = "people.results.csv"
OTHER = str(uuid.UUID(int=7))


@pytest.fixture
def service(service: PlainService) -> PlainService:
    """Serve several campaigns."""
    service.shape = lambda record: {**record, "campaign_id": None}
    return service


def copies(desk: Desk) -> list[str]:
    return sorted(path.name for path in desk.folder.glob("*.bak*"))


def test_another_campaigns_results_are_kept_before_they_are_replaced(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    assert desk.render("people.csv").code == 0
    first = (desk.folder / RESULTS).read_bytes()
    other = desk.render("people.csv", "-c", OTHER)
    assert (other.code, len(service.accepted)) == (0, 4)
    assert (desk.folder / f"{RESULTS}.bak").read_bytes() == first
    assert "another campaign" in other.err
    assert "-o" in other.err
    assert desk.render("people.csv", "-c", OTHER).code == 0
    assert copies(desk) == [f"{RESULTS}.bak"]


def test_another_tables_results_are_kept_before_they_are_replaced(desk: Desk) -> None:
    desk.people(2)
    desk.people(2, "more.csv", start=5)
    assert desk.render("people.csv", "-o", "out.csv").code == 0
    first = (desk.folder / "out.csv").read_bytes()
    other = desk.render("more.csv", "-o", "out.csv")
    assert (desk.folder / "out.csv.bak").read_bytes() == first
    assert "another table" in other.err
    assert desk.render("more.csv", "-o", "out.csv").code == 0
    assert copies(desk) == ["out.csv.bak"]


def test_a_table_that_is_its_own_results_file_replaces_itself(desk: Desk) -> None:
    desk.people(2)
    assert desk.render("people.csv").code == 0
    assert desk.render(RESULTS).code == 0
    assert copies(desk) == []


def test_an_older_run_that_goes_on_writes_over_the_newer_once(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    finished = service.shape
    service.shape = lambda record: {**record, "status": "processing", "url": None}
    assert desk.render("people.csv", "--no-wait").code == 0
    run_id = desk.run("runs", "--json").document["runs"][0]["run_id"]
    service.shape = finished
    assert desk.render("people.csv", "-c", OTHER).code == 0
    before = copies(desk)
    newer = (desk.folder / RESULTS).read_bytes()
    ended = desk.run("resume", run_id, "--poll-interval", "0.05")
    assert ended.code == 0
    added = [name for name in copies(desk) if name not in before]
    assert [(desk.folder / name).read_bytes() for name in added] == [newer]
    assert "was changed since" not in ended.err


def test_an_edited_template_keeps_the_table_before_it_and_no_more(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "http://127.0.0.1:9")
    desk.table("people.csv", [("Ada",)], header=("first_name",))
    template = small_template.write(desk.folder)
    own = desk.folder / "bhuman-template.toml"
    for text in ("Hi", "Hello", "Hey"):
        own.write_text(template.read_text("utf-8") + f"# {text}\n", "utf-8")
        assert desk.render("people.csv", "--local").code == 0
    assert len(copies(desk)) == 1
