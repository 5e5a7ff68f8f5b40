"""What makes a well-formed order unusable, and what is completed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bhuman_cli.studio.queue import validation


def segment(start: float, end: float, kind: str = "link", mode: str = "basic") -> dict[str, Any]:
    return {"start": start, "end": end, "kind": kind, "config": {"mode": mode}}


@pytest.mark.parametrize(
    "check",
    [
        lambda: validation.check_rows([], [[]]),
        lambda: validation.check_rows(["a", " "], [["x", "y"]]),
        lambda: validation.check_rows(["a", "a"], [["x", "y"]]),
        lambda: validation.check_rows(["a"], []),
        lambda: validation.check_rows(["a"], [["x"]] * 2_001),
        lambda: validation.check_rows(["a"], [["x"], ["y", "z"]]),
        lambda: validation.check_known(["a"], ["b"], accepts_any=False),
        lambda: validation.check_known(["a", "b"], ["a"], accepts_any=False),
        lambda: validation.check_known(["a"], ["a", "b"], accepts_any=False),
        lambda: validation.mode("half_script"),
        lambda: validation.check_segments([segment(3, 3)]),
        lambda: validation.check_segments([segment(-1, 3)]),
        lambda: validation.check_segments([segment(3, 1)]),
        lambda: validation.check_segments([segment(0, 3), segment(2.9, 5)]),
        lambda: validation.check_segments([segment(4, -1), segment(9, 12)]),
        lambda: validation.check_segments([segment(0, 1, kind="upload")]),
        lambda: validation.check_segments([segment(0, 1, mode="square")]),
    ],
)
def test_unusable(check: Callable[[], None]) -> None:
    with pytest.raises(validation.InvalidOrder):
        check()


def test_usable() -> None:
    validation.check_rows(["a", "b"], [["x", ""]] * 2_000)
    validation.check_known(["anything"], [], accepts_any=True)
    validation.check_segments([segment(3, -1), segment(0, 3)])
    assert [validation.mode(given) for given in (None, "", " ", "full_script")] == ["keep_original"] * 3 + [
        "full_script"
    ]


@pytest.mark.parametrize(
    ("given", "completed"),
    [
        (None, ""),
        ("  ", ""),
        ("example.com/a.png", "https://example.com/a.png"),
        ("localhost:8000/a.png", "https://localhost:8000/a.png"),
        ("HTTP://Example.com/a", "HTTP://Example.com/a"),
        (" https://example.com/a ", "https://example.com/a"),
    ],
)
def test_assets_are_completed(given: str | None, completed: str) -> None:
    assert validation.complete_assets([[given]], rows=1, backgrounds=1) == [(completed,)]


@pytest.mark.parametrize(
    "given", ["ftp://example.com/a", "file:///etc/passwd", "javascript:alert(1)", "https://", "data:text/html,x"]
)
def test_other_schemes_are_refused(given: str) -> None:
    with pytest.raises(validation.InvalidOrder, match="only http"):
        validation.complete_assets([[given]], rows=1, backgrounds=1)


def test_without_backgrounds_there_are_no_assets() -> None:
    assert validation.complete_assets(None, rows=2, backgrounds=0) == [(), ()]
    assert validation.complete_assets([], rows=2, backgrounds=0) == [(), ()]


@pytest.mark.parametrize(("assets", "backgrounds"), [(None, 1), ([["a"]], 1), ([["a"], []], 1), ([["a"], ["b"]], 0)])
def test_sizes_that_do_not_line_up(assets: Any, backgrounds: int) -> None:
    with pytest.raises(validation.InvalidOrder, match="assets"):
        validation.complete_assets(assets, rows=2, backgrounds=backgrounds)
