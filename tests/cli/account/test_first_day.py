"""The first day with a real account, on a service that promises a key exactly what the newest document does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli.studio.config import CAMPAIGN_ID
from tests.support.desk import Desk
from tests.support.studio import RunningStudio, running_studio


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("documented"), access="documented", render="instant") as running:
        yield running


def test_a_good_key_is_kept_said_to_be_uncheckable_and_renders(tmp_path: Path, documented: RunningStudio) -> None:
    desk = Desk(tmp_path, documented.base_url)
    desk.env = {"BHUMAN_HOME": str(desk.home), "BHUMAN_BASE_URL": documented.base_url}
    kept = desk.run("login", "--file", stdin=f"{documented.key_id}\n{documented.secret}\n".encode())
    assert (kept.code, kept.out) == (0, "")
    assert "can't be checked here; the first render will tell" in kept.err
    who = desk.run("whoami")
    assert who.code == 0
    assert "can't be checked here" in who.out
    doctor = desk.run("doctor")
    assert doctor.code == 0
    assert "can't be checked here" in doctor.out + doctor.err
    desk.people(3)
    first = desk.render("people.csv", "-c", CAMPAIGN_ID, "--json")
    assert (first.code, first.rows["succeeded"]) == (0, 3)
    assert all(desk.column("url"))


def test_a_wrong_key_is_told_by_the_first_render_which_pays_nothing(tmp_path: Path, documented: RunningStudio) -> None:
    desk = Desk(tmp_path, documented.base_url)
    desk.env = {"BHUMAN_HOME": str(desk.home), "BHUMAN_BASE_URL": documented.base_url}
    assert desk.run("login", "--file", stdin=b"wrong-id\nwrong-secret\n").code == 0
    desk.people(2)
    ended = desk.render("people.csv", "-c", CAMPAIGN_ID, "--json")
    assert (ended.code, ended.rows["pending"]) == (4, 2)
    assert ended.document["next"].startswith("bhuman resume ")
