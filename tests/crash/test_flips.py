"""A bit that rots in the journal is harmless or said; the long run is `python -m tests.crash --flips 5000`."""

from __future__ import annotations

from tests.crash import flips


def test_a_flipped_bit_is_harmless_or_said_and_pays_nothing_again() -> None:
    counts, wrong = flips.flip(250, seed=20)
    assert wrong == []
    assert counts["said"] > 100, "the check sees nothing"
