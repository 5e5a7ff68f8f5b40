"""A finished run of eight recipients, made once by the real `render` against a studio that renders instantly."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bhuman_cli.studio.config import CAMPAIGN_ID
from tests.support import studio

NAMES = ["Anna", "anna", "José", "陈伟", "=cmd|' /C calc'!A0", "<b>Bob</b>", "con", "../../etc/passwd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The run's files, and the studio that still serves its media."""

    folder: Path
    home: Path
    service: studio.RunningStudio

    @property
    def table(self) -> Path:
        return self.folder / "people.csv"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Path], None]]:
    before = dict(os.environ)

    def point_to(base_url: str, home: Path) -> None:
        os.environ.update(
            BHUMAN_BASE_URL=base_url, BHUMAN_HOME=str(home), BHUMAN_API_KEY_ID="local", BHUMAN_API_KEY_SECRET="local",
            BHUMAN_CAMPAIGN_ID=CAMPAIGN_ID,
        )  # fmt: skip

    yield point_to
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, environment: Callable[[str, Path], None]) -> Iterator[Rendered]:
    folder = tmp_path_factory.mktemp("rendered")
    with (folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["first_name", "zip, code"])
        table.writerows([name, f"0{number}"] for number, name in enumerate(NAMES))
    with studio.running_studio(folder) as service:
        environment(service.base_url, folder / "home")
        words = ["render", str(folder / "people.csv"), "--poll-interval", "0.1", "--progress", "none"]
        subprocess.run([sys.executable, "-m", "bhuman_cli", *words], check=True, capture_output=True, timeout=60)
        yield Rendered(folder=folder, home=folder / "home", service=service)
