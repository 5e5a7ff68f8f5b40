"""How a studio is configured, and how its time moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.errors import UsageError
from bhuman_cli.studio.config import Advance, StudioConfig


@pytest.mark.parametrize("text", ["real", "reads:0", "reads:12", "seconds:0.5", "seconds:90"])
def test_paces_that_are_read(text: str) -> None:
    kind, _, amount = text.partition(":")
    pace = Advance.parse(text)
    assert (pace.kind, pace.amount) == (kind, float(amount or 0))


@pytest.mark.parametrize("text", ["", "reads", "reads:-1", "reads:1.5", "seconds:", "seconds:x", "Real", "seconds:1e9"])
def test_paces_that_are_not(text: str) -> None:
    with pytest.raises(UsageError, match="reads:N"):
        Advance.parse(text)


def test_what_is_shown_is_never_ahead_of_the_work() -> None:
    pace = Advance.parse("reads:3")
    shown = {
        word: [pace.cap(word, reads=reads, age_s=0) for reads in range(5)]
        for word in ("queued", "processing", "failed")
    }
    assert shown == {
        "queued": ["queued"] * 5,
        "processing": ["queued", "preparing", "processing", "processing", "processing"],
        "failed": ["queued", "preparing", "processing", "failed", "failed"],
    }


def test_real_time_shows_what_is() -> None:
    assert Advance.parse("real").cap("succeeded", reads=0, age_s=0) == "succeeded"
    assert Advance.parse("reads:0").cap("succeeded", reads=0, age_s=0) == "succeeded"


@pytest.mark.parametrize(
    "wrong",
    [
        {"access": "all"},
        {"render": "later"},
        {"links": "ftp"},
        {"host": "0.0.0.0"},
        {"port": -1},
        {"workers": -1},
        {"credits": -1},
        {"advance": "slowly"},
    ],
)
def test_wrong_settings_are_said_before_anything_starts(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        StudioConfig(home=tmp_path, **wrong)


def test_paths_are_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = StudioConfig(home=Path("home"), template=Path("mine.toml"))
    assert (config.home, config.template) == (tmp_path / "home", tmp_path / "mine.toml")
