"""Videos of another journal beside rows about to be sent: which rows they may be, and what follows."""

from __future__ import annotations

import pytest

from bhuman_cli.gate import other_memory
from bhuman_cli.gate.other_memory import Finding, Rows, Video


def video(name: str, *marks: str, silent: bool = False, ended: bool = True, failed: bool = False) -> Video:
    return Video(generation_id=name, marks=None if silent else frozenset(marks), is_ended=ended, has_failed=failed)


def rows(*texts: str) -> Rows:
    return Rows([frozenset(text.split()) for text in texts])


@pytest.mark.parametrize(
    ("marks", "fits"),
    [
        ({"ada", "acme"}, {0}),
        ({"ada"}, {0}),  # the row holds all values of the video
        ({"acme"}, {0, 1}),
        ({"ada", "acme", "more"}, {0}),  # the video holds all values of the row
        ({"ada", "other"}, set()),
        ({"zoe"}, {2}),
        ({"zoe", "ada", "acme"}, {0, 2}),
        (set(), set()),
    ],
)
def test_a_video_fits_rows_whose_values_it_shows_in_whatever_order(marks: set[str], fits: set[int]) -> None:
    assert rows("ada acme", "bob acme", "zoe").fitting(frozenset(marks)) == fits


def test_a_row_without_values_fits_nothing() -> None:
    assert rows("").fitting(frozenset({"ada"})) == set()


def test_rows_that_seem_rendered_already_refuse() -> None:
    found = other_memory.find([video("a", "ada", "acme"), video("b", "none")], rows("ada acme", "bob acme"))
    assert dict(found.rows) == {"a": frozenset({0})}
    refused = other_memory.refusal(found)
    assert refused is not None
    assert (refused.code, refused.hint) == ("unknown_videos", "--adopt")
    assert refused.message.startswith("1 of the 2 rows to be sent seem to be rendered already")


def test_a_silent_video_refuses_until_it_ended() -> None:
    for ended, refuses in ((False, True), (True, False)):
        found = other_memory.find([video("a", silent=True, ended=ended)], rows("ada"))
        assert (other_memory.refusal(found) is not None) == refuses


def test_a_list_that_could_not_be_read_to_its_end_refuses_by_itself() -> None:
    assert other_memory.refusal(other_memory.find([], rows("ada"), is_complete=False)) is not None
    assert other_memory.refusal(other_memory.find([], rows("ada"))) is None
    assert other_memory.refusal(Finding(is_complete=False)) is None, "nothing is to be sent"


@pytest.mark.parametrize(
    ("equal", "total", "refuses"), [(20, 40, False), (21, 40, True), (21, 105, False), (22, 105, True), (1, 1, False)]
)
def test_colleagues_in_a_shared_campaign_refuse_only_by_many(equal: int, total: int, refuses: bool) -> None:
    asked = rows(*(f"person{at}" for at in range(total)))
    found = other_memory.find([video(f"v{at}", f"person{at}") for at in range(equal)], asked, is_shared=True)
    assert (other_memory.refusal(found, is_shared=True) is not None) == refuses


def test_failed_videos_refuse_in_a_campaign_of_ones_own_only() -> None:
    failed = [video(f"v{at}", f"person{at}", failed=True) for at in range(30)]
    asked = rows(*(f"person{at}" for at in range(30)))
    assert other_memory.find(failed, asked).count == 30
    assert other_memory.find(failed, asked, is_shared=True).count == 0
