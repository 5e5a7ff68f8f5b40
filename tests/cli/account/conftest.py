"""A studio for the whole folder, a desk for each test, and commands run in this process or as one of their own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.cli import app
from tests.support.desk import Desk, Ended
from tests.support.studio import RunningStudio, running_studio

Here = Callable[..., Ended]


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("studio")) as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, studio: RunningStudio) -> Desk:
    """Return a desk whose environment holds the studio's key and token."""
    made = Desk(tmp_path, studio.base_url)
    made.env = {
        "BHUMAN_HOME": str(tmp_path / "home"),
        "BHUMAN_BASE_URL": studio.base_url,
        "BHUMAN_CLIENT_ID": studio.key_id,
        "BHUMAN_CLIENT_SECRET": studio.secret,
        "BHUMAN_TOKEN": studio.bearer,
    }
    return made


@pytest.fixture
def here(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run a command in this process, in the desk's environment: quick, where a process is not the point."""

    def run(*arguments: str, stdin: str = "", **env: str | None) -> Ended:
        with monkeypatch.context() as changed:
            changed.chdir(desk.folder)
            for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", *{**desk.env, **env}):
                changed.delenv(name, raising=False)
            for name, value in {**desk.env, **env}.items():
                if value is not None:
                    changed.setenv(name, value)
            changed.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
            capsys.readouterr()
            code = app.run(arguments)
            out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run


class Watch:
    """What the studio was asked since the watch began."""

    def __init__(self, studio: RunningStudio) -> None:
        self._studio = studio
        self._before = len(studio.requests())

    @property
    def seen(self) -> list[dict[str, Any]]:
        return self._studio.requests()[self._before :]

    @property
    def lines(self) -> list[str]:
        """Return `METHOD route?query` of each request, without the common prefix."""
        found = []
        for entry in self.seen:
            query = f"?{entry['query']}" if entry["query"] else ""
            found.append(f"{entry['method']} {entry['path'].removeprefix('/api/ai_studio/')}{query}")
        return found


@pytest.fixture
def watch(studio: RunningStudio) -> Watch:
    return Watch(studio)


def written(folder: Path, name: str, content: Any) -> str:
    """Write JSON into a file; return its name."""
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return name
