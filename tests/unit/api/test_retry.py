"""Whether a GET is asked again, and when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bhuman_cli.api import retry
from bhuman_cli.api.retry import Decision, Failure, Outcome

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_passing_answers_are_asked_again(status: int) -> None:
    assert retry.decide(Outcome(status=status), attempt=1, chance=0.5).again


@pytest.mark.parametrize("status", [200, 204, 301, 307, 400, 401, 403, 404, 409, 410, 422, 501])
def test_lasting_answers_are_not(status: int) -> None:
    assert retry.decide(Outcome(status=status), attempt=1, chance=0.5) == Decision(again=False)


@pytest.mark.parametrize(
    ("failure", "again"),
    [(Failure.CONNECT, True), (Failure.READ, True), (Failure.TLS, False), (Failure.TOO_LARGE, False)],
)
def test_failures(failure: Failure, again: bool) -> None:
    assert retry.decide(Outcome(failure=failure), attempt=1, chance=0.0).again is again


def test_three_attempts_in_all() -> None:
    again = [retry.decide(Outcome(status=500), attempt=attempt, chance=0.5).again for attempt in (1, 2, 3)]
    assert again == [True, True, False]


@pytest.mark.parametrize(("attempt", "longest"), [(1, 1.0), (2, 2.0)])
def test_full_jitter_spreads_from_nothing_to_a_doubling_bound(attempt: int, longest: float) -> None:
    waits = [retry.decide(Outcome(status=500), attempt=attempt, chance=chance).wait_s for chance in (0.0, 0.5, 1.0)]
    assert waits == [0.0, longest / 2, longest]


def test_the_service_s_own_time_comes_before_the_jitter() -> None:
    decision = retry.decide(Outcome(status=429, retry_after_s=30), attempt=1, chance=0.5)
    assert decision == Decision(again=True, wait_s=30.5, too_fast=True, pause_s=30)


def test_the_service_s_own_time_is_capped_at_a_quarter_of_an_hour() -> None:
    assert retry.decide(Outcome(status=503, retry_after_s=86_400), attempt=1, chance=0.0).wait_s == 900


def test_everybody_slows_down_even_after_the_last_attempt() -> None:
    decision = retry.decide(Outcome(status=429, retry_after_s=20), attempt=3, chance=0.5)
    assert decision == Decision(again=False, too_fast=True, pause_s=20)
    assert not retry.decide(Outcome(status=500), attempt=1, chance=0.5).too_fast


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 12:01:00 -0000", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("9" * 400, 999_999_999.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_reads_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry.retry_after_s(value, now=NOW) == seconds
