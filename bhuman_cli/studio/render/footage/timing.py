"""Timing of footage: how long it is, how many pictures a second it needs. Reads packets; decodes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

RATES: Final = tuple(
    Fraction(n, d)
    for n, d in (
        (15, 1),
        (24_000, 1_001),
        (24, 1),
        (25, 1),
        (30_000, 1_001),
        (30, 1),
        (50, 1),
        (60_000, 1_001),
        (60, 1),
    )
)
FLUENT: Final = Fraction(30)
"""What footage of a varying rate gets at most for its fast stretches: more is paid in every row, and hardly seen."""

UNEVEN: Final = 1.1
"""How much faster than the average a quarter of the pictures must follow each other to be worth another rate."""

HELD_S: Final = 0.5
"""A last picture that stands this much longer than others, or that sound goes on for so long after, is held."""


@dataclass(frozen=True, slots=True)
class Times:
    """duration_s: of pictures and sound; held_s: for how much of it the last picture stands still."""

    duration_s: float
    held_s: float
    fps: Fraction


def measure(packets: Iterable[Any], stream: Any) -> Times:
    """Return a file's times from its packets: headers of variable-rate files are often wrong.

    packets: of the pictures' stream and perhaps of a sound that goes with it.
    """
    shown: list[int] = []
    step, end, heard_s = 0, 0, 0.0
    for packet in packets:
        if packet.pts is None:
            continue
        if packet.stream_index != stream.index:
            heard_s = max(heard_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            continue
        shown.append(packet.pts)
        step = packet.duration or step
        end = max(end, packet.pts + step) if len(shown) > 1 else packet.pts + step
    shown.sort()
    if not shown:
        return Times(0.0, 0.0, _rate(stream, []))
    steps = sorted(after - before for before, after in itertools.pairwise(shown) if after > before)
    usual = steps[len(steps) // 4] if steps else step
    start_s, whole_s = float(shown[0] * stream.time_base), float(end * stream.time_base)
    whole_s = heard_s if heard_s > whole_s + HELD_S else whole_s
    still_s = whole_s - float((shown[-1] + usual) * stream.time_base)
    return Times(whole_s - start_s, still_s if still_s > HELD_S else 0.0, _rate(stream, steps))


def _rate(stream: Any, steps: Sequence[int]) -> Fraction:
    """Return the standard rate nearest to the footage's; of screen recordings, to that of their fast stretches."""
    rate = Fraction(stream.average_rate or stream.guessed_rate or 30)
    if steps:
        fast = 1 / (steps[len(steps) // 4] * stream.time_base)
        if fast > UNEVEN * rate:
            rate = max(rate, min(fast, FLUENT))
    return min(RATES, key=lambda standard: abs(standard - rate))
