"""What is thrown away of the cache, and what never is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bhuman_cli.studio.render import cache


def made(path: Path, *, age_s: float = 0, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    when = time.time() - age_s
    os.utime(path, (when, when))
    os.utime(path.parent, (when, when))
    return path


def test_assets_of_other_days_go(tmp_path: Path) -> None:
    old = made(tmp_path / "assets" / "old", age_s=90_000)
    shot = made(tmp_path / "shots" / "old.png", age_s=90_000)
    new = made(tmp_path / "assets" / "new")
    cache.trim(tmp_path)
    assert (old.exists(), shot.exists(), new.exists()) == (False, False, True)


def test_bases_used_longest_ago_go_first_and_the_last_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "BASES_KEPT_BYTES", 250)
    bases = [made(tmp_path / "bases" / name / "base.mp4", age_s=age, size=100) for name, age in
             (("a", 300), ("b", 200), ("c", 100))]  # fmt: skip
    presenter = made(tmp_path / "presenter" / "presenter-room-v1.mp4", age_s=10**7, size=10_000)
    cache.touch(bases[0])
    cache.trim(tmp_path)
    assert [base.exists() for base in bases] == [True, False, True]
    monkeypatch.setattr(cache, "BASES_KEPT_BYTES", 0)
    cache.trim(tmp_path)
    assert [base.exists() for base in bases] == [True, False, False]
    assert presenter.exists()


def test_an_empty_cache_is_fine(tmp_path: Path) -> None:
    cache.trim(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == [], "tidying makes nothing"
