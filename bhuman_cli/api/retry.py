"""Retry policy: whether a GET is asked again, and when. Pure: no clock, no randomness, no HTTP of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

ATTEMPTS: Final = 3
LONGEST_RETRY_AFTER_S: Final = 15 * 60.0
_BASE_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 8.0

# Answers after which the same question may get a better answer.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
# Answers that say "too fast", so that everybody slows down.
_TOO_FAST: Final = frozenset({429, 503})


class Failure(StrEnum):
    """Why there was no answer."""

    CONNECT = "connect"  # no connection: refused, no route, name resolution, connect time-out
    TLS = "tls"  # the handshake
    CERTIFICATE = "certificate"  # not trusted here; asking again changes nothing
    READ = "read"  # reset, end of file, time-out or bad framing after the request was sent
    TOO_LARGE = "too_large"  # the answer is over the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one attempt came to: a status, or the failure instead of one."""

    status: int | None = None
    failure: Failure | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows an attempt.

    again: ask once more after wait_s. too_fast: the service wants less of everybody, and nothing at all for pause_s.
    """

    again: bool
    wait_s: float = 0.0
    too_fast: bool = False
    pause_s: float = 0.0


def decide(outcome: Outcome, *, attempt: int, chance: float) -> Decision:
    """Decide after one attempt of a GET.

    attempt: 1 for the first. chance: a random number in [0, 1), which makes this full jitter.
    """
    too_fast = outcome.status in _TOO_FAST
    pause_s = min(outcome.retry_after_s or 0.0, LONGEST_RETRY_AFTER_S)
    if not _is_passing(outcome) or attempt >= ATTEMPTS:
        return Decision(again=False, too_fast=too_fast, pause_s=pause_s)
    # What the service asked for, and the jitter after it, so that not everybody comes back at once.
    wait_s = pause_s + chance * min(_BASE_S * 2.0**attempt, _LONGEST_BACKOFF_S)
    return Decision(again=True, wait_s=wait_s, too_fast=too_fast, pause_s=pause_s)


def _is_passing(outcome: Outcome) -> bool:
    if outcome.failure is not None:
        # A wrong certificate stays wrong, a body over the limit stays large.
        return outcome.failure in {Failure.CONNECT, Failure.READ}
    return outcome.status in _PASSING


def retry_after_s(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header asks for, as a number or a date; None if it says nothing.

    The value is not capped here: whoever waits caps it, whoever shows it shows what was said.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # RFC 5322 "-0000": UTC of unknown origin
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
