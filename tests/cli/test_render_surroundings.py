"""`bhuman` as a process: folders, addresses and options that can't be what somebody meant."""

from __future__ import annotations

import pytest

from tests.support.desk import Desk
from tests.support.plain_service import PlainService


@pytest.mark.parametrize("place", ["a file", "inside a file", "unwritable"])
def test_a_home_that_can_hold_no_journal_is_not_a_bug(desk: Desk, service: PlainService, place: str) -> None:
    desk.people(2)
    (desk.folder / "file").write_text("no folder")
    home = {"a file": desk.folder / "file", "inside a file": desk.folder / "file" / "home", "unwritable": "/proc/nope"}
    ended = desk.render("people.csv", "--json", env={"BHUMAN_HOME": str(home[place])})
    assert (ended.code, ended.out) == (8, "")
    assert ended.error["code"] == "journal"
    assert str(home[place]) in ended.error["message"]
    assert ended.error["hint"].startswith("ls -ld ")
    assert service.accepted == []
