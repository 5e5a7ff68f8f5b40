"""First rows, videos at once, and the brake, as tables of cases."""

from __future__ import annotations

import pytest

from bhuman_cli.gate import pacing
from bhuman_cli.gate.pacing import Brake, MaxFailures, Pace, Send, Traffic, Wait

HALF = MaxFailures(percent=50)
F, S = True, False


@pytest.mark.parametrize(
    ("traffic", "in_flight", "expected"),
    [
        pytest.param(Traffic(), None, 500, id="nothing holds it back"),
        pytest.param(Traffic(first_left=3), None, 3, id="the first alone"),
        pytest.param(Traffic(first_left=3, run_sent=2, target_waiting=2), None, 1, id="the rest of the first"),
        pytest.param(Traffic(first_left=3, run_sent=3, target_waiting=1), None, "wait", id="until they ended"),
        pytest.param(Traffic(first_left=0, target_waiting=3), None, "wait", id="others' tell as much"),
        pytest.param(Traffic(first_left=3, run_sent=3, ended=(S, S, F)), None, 500, id="then the rest"),
        pytest.param(
            Traffic(first_left=3, run_sent=3, ended=(F, F, S)), None, "brake", id="two of the first three failed"
        ),
        pytest.param(Traffic(ended=(F, F, F)), None, 500, id="a few that were no first rows tell nothing"),
        pytest.param(Traffic(ended=(F,) * 11 + (S,) * 9), None, "brake", id="eleven of twenty"),
        pytest.param(Traffic(ended=(F,) * 10 + (S,) * 10), None, 500, id="half is not beyond half"),
        pytest.param(Traffic(ended=(S,) * 20 + (F,) * 99), None, 500, id="only the last twenty"),
        pytest.param(Traffic(braked=True, ended=(S,) * 20), None, "held", id="the brake holds"),
        pytest.param(Traffic(run_waiting=4), 10, 6, id="as many as there is room for"),
        pytest.param(Traffic(run_waiting=10), 10, "wait", id="no room"),
        pytest.param(Traffic(first_left=5, run_sent=2, run_waiting=2), 3, 1, id="the narrower of two"),
    ],
)
def test_what_may_go_now(traffic: Traffic, in_flight: int | None, expected: int | str) -> None:
    pace = Pace(chunk_size=500, in_flight=in_flight, max_failures=HALF)
    match pacing.decide(pace, traffic):
        case Send(rows=rows):
            assert rows == expected
        case Wait():
            assert expected == "wait"
        case Brake(is_new=is_new):
            assert expected == ("brake" if is_new else "held")


def test_a_number_counts_the_failures_of_this_run() -> None:
    pace = Pace(chunk_size=9, max_failures=MaxFailures(count=2))
    assert isinstance(pacing.decide(pace, Traffic(run_failed=2, ended=(F,) * 20)), Send)
    assert isinstance(pacing.decide(pace, Traffic(run_failed=3)), Brake)
    assert isinstance(pacing.decide(Pace(chunk_size=9), Traffic(run_failed=99, ended=(F,) * 20)), Send)


def test_the_end_of_the_first_rows_is_said_once() -> None:
    over = pacing.decide(Pace(chunk_size=9, max_failures=HALF), Traffic(first_left=1, run_sent=1, ended=(S,)))
    assert over == Send(rows=9, ends_first=True)


@pytest.mark.parametrize(
    ("asked", "has_succeeded", "waiting", "first"),
    [(None, False, 0, 3), (None, True, 0, None), (None, False, 2, 1), (None, False, 5, 0), (0, False, 0, None),
     (7, True, 0, 7), (7, True, 3, 4)],
)  # fmt: skip
def test_how_many_are_first(asked: int | None, has_succeeded: bool, waiting: int, first: int | None) -> None:
    assert pacing.first_rows(asked, has_succeeded=has_succeeded, waiting=waiting) == first


@pytest.mark.parametrize(
    ("text", "read"), [("50%", HALF), (" 7 ", MaxFailures(count=7)), ("0%", MaxFailures(percent=0))]
)
def test_failures_as_people_write_them(text: str, read: MaxFailures) -> None:
    assert pacing.read_max_failures(text) == read


@pytest.mark.parametrize("text", ["", "%", "x", "-1", "101%", "1.5", "٣"])
def test_what_is_no_number_of_failures(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        pacing.read_max_failures(text)
