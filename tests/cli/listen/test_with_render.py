"""`render` and `listen` as two processes and a studio that calls back: the whole way of a hint."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

from bhuman_cli.studio.config import CAMPAIGN_ID
from tests.support import listener, studio
from tests.support.desk import Desk, bare_environment
from tests.support.plain_service import PlainService


def test_every_request_has_a_callback_url_of_its_own_and_its_videos_come_back_on_it(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("first_name\n" + "".join(f"Person {n}\n" for n in range(30)))
    home = tmp_path / "home"
    with studio.running_studio(tmp_path, advance="seconds:1") as service, listener.running(home) as receiver:
        environ = {
            **bare_environment(), "BHUMAN_BASE_URL": service.base_url, "BHUMAN_HOME": str(home),
            "BHUMAN_API_KEY_ID": "local", "BHUMAN_API_KEY_SECRET": "local", "BHUMAN_CAMPAIGN_ID": CAMPAIGN_ID,
            "BHUMAN_FIRST": "0",
        }  # fmt: skip
        words = ["render", str(table), "--callback-url", receiver.callback_url, "--poll-interval", "60s",
                 "--chunk-size", "20", "--json", "--progress", "none"]  # fmt: skip
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "bhuman_cli", *words],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        with receiver.store() as store:
            hints = store.hints(0)[1]
        sent = [entry["body"]["callback_url"] for entry in service.requests() if entry["method"] == "POST"]
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 50, "callbacks are heard at once, long before the next question is due"
    found = json.loads(done.stdout)
    assert found["rows"]["succeeded"] == 30
    with (tmp_path / "people.results.csv").open(newline="", encoding="utf-8") as file:
        assert {line["id"] for line in csv.DictReader(file)} == {hint.generation_id for hint in hints}
    assert len({hint.token for hint in hints}) == 2, "each request has an attempt token of its own"
    assert sorted(sent) == sorted({f"{receiver.callback_url}/{hint.token}" for hint in hints})


def test_a_trigger_gets_a_callback_url_of_its_own_too(desk: Desk, service: PlainService) -> None:
    with listener.running(desk.home) as receiver:
        words = ["trigger", "campaign", "--set", "first_name=Ann", "--callback-url", receiver.callback_url, "--json"]
        assert desk.run(*words).code == 0
    (sent,) = [body["callback_url"] for body in service.bodies]
    assert sent.startswith(f"{receiver.callback_url}/")
    assert len(sent) > len(receiver.callback_url) + 8
