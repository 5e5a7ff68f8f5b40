"""What a viewer of the GIF still sees of the frames before."""

from __future__ import annotations

import numpy as np
import pytest

from bhuman_cli.studio.render.output import gif, palette

WALL = (235, 232, 250)
PAGE = (238, 236, 253)
PALETTE = np.array([WALL, PAGE, (20, 20, 40), (255, 255, 255)], np.uint8)
WHOLE = (slice(0, 40), slice(0, 60))


@pytest.mark.parametrize(("moved", "stays"), [(30, False), (4, True)])
def test_after_a_cut_nothing_of_the_last_scene_shines_through(moved: int, stays: bool) -> None:
    """Pixels that hardly differ are kept while little moves; at a cut they would show the outline of what was there."""
    before = np.full((40, 60, 3), WALL, np.uint8)
    after = np.full((40, 60, 3), PAGE, np.uint8)
    after[:moved] = (20, 20, 40)
    index, seen = gif._step(after, before, palette.table(PALETTE), WHOLE)
    assert (index[moved:] == gif.CLEAR).all() == stays
    assert (index[:moved] != gif.CLEAR).all()
    assert (seen[moved:] == (WALL if stays else PAGE)).all()
