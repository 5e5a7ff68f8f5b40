"""Any set of pieces spliced into a base gives one continuous file: drawn at random, decoded and compared."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bhuman_cli.studio.render import base
from bhuman_cli.studio.render.output import splice
from tests.integration.render import footage

FRAMES = 60


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clip = footage.Clip(seconds=FRAMES / 30, size=(160, 90), colour=None)
    return footage.make(tmp_path_factory.mktemp("joints") / "moving.mp4", clip)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Pieces that don't overlap; some touch, some are a single frame, some reach the ends."""
    edges = sorted(draw(st.sets(st.integers(0, FRAMES), min_size=2, max_size=8)))
    spans = list(itertools.pairwise(edges))
    return tuple(span for span in spans if draw(st.booleans())) or (spans[0],)


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layout=layouts())
def test_any_pieces_make_one_file(layout: tuple[tuple[int, int], ...], moving: Path, tmp_path: Path) -> None:
    marks = sorted({edge for span in layout for edge in span if edge < FRAMES})
    prepared = base.prepare(moving, marks, tmp_path)
    loaded = base.load(prepared)
    assert loaded.splices
    video, at = [], 0

    def invert(_: int, picture: np.ndarray) -> None:
        picture[:] = 255 - picture

    for first, last in layout:
        video += loaded.packets(at, first)
        video += splice.encode_piece(loaded, first, loaded.decoded(first, last), invert)
        at = last
    video += loaded.packets(at, FRAMES)
    out = tmp_path / "out.mp4"
    splice.write(str(out), loaded, video)
    splice.check(str(out), loaded, [first for first, _ in layout], decode=True)
    made, original = footage.decode(out), footage.decode(prepared)
    changed = {number for first, last in layout for number in range(first, last)}
    for number in range(FRAMES):
        same = np.array_equal(made.pictures[number], original.pictures[number])
        assert same is (number not in changed), number
    assert made.sound is not None
    assert original.sound is not None
    assert np.array_equal(made.sound, original.sound)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_spliced_file_is_written_once_with_its_index_first(tmp_path: Path) -> None:
    moving = footage.make(tmp_path / "long.mp4", footage.Clip(seconds=20, size=(640, 360), colour=None))
    loaded = base.load(base.prepare(moving, [0, 30], tmp_path))
    out = tmp_path / "out.mp4"
    before = written_bytes()
    splice.write(str(out), loaded, loaded.packets(0, loaded.frames))
    size = out.stat().st_size
    assert written_bytes() - before <= 1.05 * size
    head = out.read_bytes()[: size // 2]
    assert head.index(b"moov") < head.index(b"mdat")
    splice.check(str(out), loaded, [0], decode=True)


def written_bytes() -> int:
    return int(Path("/proc/self/io").read_text().split("wchar:")[1].split()[0])
