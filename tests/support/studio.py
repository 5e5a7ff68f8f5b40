"""Starts studios for tests: in this process, or as a process of their own; and reads what a studio itself counted."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID, StudioConfig
from bhuman_cli.studio.faults.grammar import Plan
from bhuman_cli.studio.queue import store as studio_store
from bhuman_cli.studio.server.embedded import Embedded

API = "/api/ai_studio"


class StudioUnderTest:
    """A running studio, and the service's own view of what happened."""

    campaign_id = CAMPAIGN_ID
    instance_id = INSTANCE_ID
    key_id = "local"
    secret = "local"
    bearer = "local"

    def __init__(self, base_url: str, home: Path) -> None:
        self.base_url = base_url
        self.home = home

    @property
    def basic(self) -> dict[str, str]:
        """Headers with the key pair."""
        return {"Authorization": "Basic " + base64.b64encode(f"{self.key_id}:{self.secret}".encode()).decode()}

    @property
    def bearing(self) -> dict[str, str]:
        """Headers with the bearer token."""
        return {"Authorization": f"Bearer {self.bearer}"}

    def api(self, path: str) -> str:
        """Return the URL of an API path, such as `pipeline/campaign`."""
        return f"{self.base_url}{API}/{path}"

    def accepted(self) -> list[dict[str, Any]]:
        """Return every row the studio accepted, in order.

        Keys: id, target_id, text, assets, variables, api_row_index, request_no, accepted_at, state, attempts.
        """
        return accepted(self.home)

    def requests(self) -> list[dict[str, Any]]:
        """Return the log: no, method, path, query, status (0: closed without an answer), fault, body (parsed), at."""
        return requests_seen(self.home)


class RunningStudio(StudioUnderTest):
    """A studio in this process."""

    def __init__(self, embedded: Embedded) -> None:
        super().__init__(embedded.base_url, embedded.config.home)
        self._embedded = embedded

    @property
    def faults(self) -> Plan:
        """The faults in force: `.replace(["POST pipeline/campaign#1: drop-after-acceptance"])`, `.clear()`."""
        return self._embedded.faults

    def requests(self) -> list[dict[str, Any]]:
        """Return the log, up to the last answered request."""
        self._embedded.flush_log()
        return super().requests()


class StudioProcess(StudioUnderTest):
    """A studio as a process of its own."""

    def __init__(self, base_url: str, home: Path, process: subprocess.Popen[str]) -> None:
        super().__init__(base_url, home)
        self.process = process

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def running_studio(tmp_path: Path, **config: Any) -> Iterator[RunningStudio]:
    """Run a studio in this process; renders instantly unless told otherwise. Home: tmp_path/studio unless given."""
    settings: dict[str, Any] = {"home": tmp_path / "studio", "render": "instant", **config}
    settings["faults"] = Plan(settings.get("faults", ())).faults
    with Embedded(StudioConfig(**settings)) as embedded:
        yield RunningStudio(embedded)


@contextlib.contextmanager
def studio_process(tmp_path: Path, *arguments: str) -> Iterator[StudioProcess]:
    """Run `python -m bhuman_cli studio serve --port 0` with these arguments. Home: tmp_path/studio unless given."""
    home = tmp_path / "studio"
    if "--home" in arguments:
        home = Path(arguments[arguments.index("--home") + 1])
    else:
        arguments = (*arguments, "--home", str(home))
    command = [sys.executable, "-m", "bhuman_cli", "studio", "serve", "--port", "0", *arguments]
    with (tmp_path / "studio.stderr").open("a") as talk:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=talk, text=True, env=dict(os.environ))
        assert process.stdout is not None
        try:
            line = process.stdout.readline().strip()
            if not line:
                raise AssertionError(f"the studio did not start: {(tmp_path / 'studio.stderr').read_text()}")
            yield StudioProcess(line, home, process)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(10)
            process.stdout.close()


def eventually(ready: Callable[[], Any], *, within_s: float = 20.0) -> Any:
    """Return what `ready` gives as soon as that is true; look often, give up late."""
    pause, end = threading.Event(), time.monotonic() + within_s
    while not (found := ready()):
        assert time.monotonic() < end, f"not within {within_s} s"
        pause.wait(0.03)
    return found


def accepted(home: Path) -> list[dict[str, Any]]:
    """Return what a studio's store says it accepted; works whether it runs or not."""
    with contextlib.closing(studio_store.StudioStore.open(home)) as opened:
        return opened.accepted()


def requests_seen(home: Path) -> list[dict[str, Any]]:
    """Return a studio's request log, bodies parsed where they are JSON."""
    with contextlib.closing(studio_store.StudioStore.open(home)) as opened:
        return [{**entry, "body": _parsed(entry["body"])} for entry in opened.requests()]


def _parsed(body: bytes | None) -> Any:
    if body is None:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body
