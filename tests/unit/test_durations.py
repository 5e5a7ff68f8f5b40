"""Durations as people write and read them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bhuman_cli import durations
from bhuman_cli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400), ("10", 10), (10, 10), ("0.5s", 0.5), ("250ms", 0.25),
     (" 2 H ", 7200), ("1d", 86_400), ("0", 0)],
)  # fmt: skip
def test_reads(text: str | int, seconds: float) -> None:
    assert durations.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-1s", "1x", "s", "1h30", "nan", "inf", "1e3", "1,5s", "400d", "9" * 30, "٣s"])
def test_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        durations.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.4 s"), (-1, "0.0 s"), (90, "90 s"), (900, "15 min"), (7200, "2 h"), (7500, "2 h 5 min"),
     (273_600, "3 d 4 h"),
     (172_800, "2 d")],
)  # fmt: skip
def test_shows(seconds: float, text: str) -> None:
    assert durations.show(seconds) == text


@given(st.text(max_size=30))
def test_any_text_is_seconds_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert 0 <= durations.parse(text) <= 366 * 86_400
