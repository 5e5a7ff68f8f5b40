"""Files that are replaced whole: the old one, or the new one, and nothing beside them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bhuman_cli import files


def test_what_ends_well_takes_the_place_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "base.mp4"
    mask = os.umask(0)
    try:
        with files.aside(path) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".mp4", "encoders tell the container by the ending"
            temporary.write_bytes(b"new")
            assert not path.exists()
    finally:
        os.umask(mask)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def half_write(path: Path, *, syncs: bool) -> None:
    with files.aside(path, syncs=syncs) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("syncs", [False, True])
def test_what_ends_badly_leaves_the_old_file_and_nothing_else(tmp_path: Path, syncs: bool) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        half_write(path, syncs=syncs)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "elsewhere", tmp_path / "name"
    target.write_bytes(b"not ours")
    link.symlink_to(target)
    with files.aside(link) as temporary:
        temporary.write_bytes(b"ours")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"not ours", b"ours", False)
