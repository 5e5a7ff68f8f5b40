"""A disk that takes nothing more: reads go on, orders are refused whole, and what was rendered is recorded later."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import requests

from bhuman_cli.studio.queue import request_log, schema
from bhuman_cli.studio.queue.database import Database
from tests.support import small_template
from tests.support.studio import RunningStudio, accepted, eventually, running_studio


def order(studio: RunningStudio, *names: str) -> requests.Response:
    body = {"campaign_id": studio.campaign_id, "variables": ["first_name"], "names": [[name] for name in names]}
    return requests.post(studio.api("pipeline/campaign"), json=body, headers=studio.basic, timeout=20)


def fill(studio: RunningStudio, full: bool) -> None:
    """Let SQLite refuse every change, as it does on a full disk, or take them again."""
    state: Any = studio._embedded._state()
    for database in (state.backend._writing.database, state.log._database):
        database.execute(f"PRAGMA query_only = {'ON' if full else 'OFF'}")


def states(home: Path) -> list[str]:
    return [row["state"] for row in accepted(home)]


def test_reads_go_on_and_orders_are_refused_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "_BLOCK", 5)
    with running_studio(tmp_path) as studio:
        ids = order(studio, "Ana").json()["result"]
        fill(studio, True)
        for _ in range(10):  # past every number that was set aside
            found = requests.get(studio.api("generated_video_by_id"), params={"id": ids[0]}, timeout=10)
        assert (found.status_code, found.json()["result"]["status"]) == (200, "succeeded")
        assert requests.get(studio.base_url, timeout=10).status_code == 200
        refused = order(studio, "Ben")
        assert refused.status_code == 503
        assert refused.json()["error"].startswith("nothing can be written")
        fill(studio, False)
        assert order(studio, "Cleo").status_code == 200
        assert [row["text"] for row in accepted(studio.home)] == [["Ana"], ["Cleo"]]


def test_what_was_rendered_meanwhile_is_recorded_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    template = small_template.write(tmp_path)
    with running_studio(tmp_path, render="real", workers=1, template=template) as studio:
        ids = order(studio, "Ana").json()["result"]
        eventually(lambda: "processing" in states(studio.home))
        fill(studio, True)
        eventually((studio.home / "media" / ids[0] / "index.html").is_file)
        eventually(lambda: any("goes on" in record.message for record in caplog.records))
        assert states(studio.home) == ["processing"]
        fill(studio, False)
        eventually(lambda: states(studio.home) == ["succeeded"])
        assert order(studio, "Ben").status_code == 200
        eventually(lambda: states(studio.home) == ["succeeded", "succeeded"])
    assert not any(record.exc_info for record in caplog.records), "a full disk is no bug of ours"


def test_a_change_that_sqlite_undid_itself_says_why(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "studio.sqlite", schema.QUEUE)

    def change() -> None:
        with database.writing():
            database.execute("CREATE TABLE x (y UNIQUE)")
            for _ in range(2):
                database.execute("INSERT OR ROLLBACK INTO x VALUES (1)")

    with pytest.raises(sqlite3.IntegrityError):
        change()
    with database.writing():
        pass
    database.close()
