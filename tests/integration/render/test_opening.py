"""Looking into a file for a download: the same verdict as the renderer's thorough look, on every odd file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bhuman_cli.studio.render.footage import check, reader
from tests.integration.render import oddities

VIDEOS = [name for name in oddities.CASES if name.rsplit(".", 1)[1] in {"mp4", "mkv", "webm", "avi", "mov", "m4a"}]


def opens(check: Callable[[Path], object], path: Path) -> bool:
    try:
        check(path)
    except reader.SourceError:
        return False
    return True


@pytest.mark.parametrize("name", VIDEOS)
def test_what_opens_is_what_can_be_shown(name: str, tmp_path: Path) -> None:
    write, expected = oddities.CASES[name]
    write(tmp_path / name)
    assert opens(check.check_video, tmp_path / name) == opens(reader.probe, tmp_path / name)
    if expected == oddities.FINE:
        assert opens(check.check_video, tmp_path / name)
