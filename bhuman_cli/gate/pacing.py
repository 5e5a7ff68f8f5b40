"""Pace of a run's requests: first rows first, at most so many videos in flight, and the brake on failures. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DEFAULT_FIRST: Final = 3
DEFAULT_MAX_FAILURES: Final = "50%"
LAST_VIDEOS: Final = 20
"""A share of failures is judged over so many videos of the target, the last that ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxFailures:
    """How much may fail. percent: of the target's last videos; else count: of this run's."""

    percent: float | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the user allows at once. in_flight: None for no bound. max_failures None: no brake (local runs)."""

    chunk_size: int
    in_flight: int | None = None
    max_failures: MaxFailures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What is under way, as the journal knows it before a request.

    braked: a brake acted on the target, and nobody accepted the failures since.
    ended: the target's last videos, newest first; True: failed. run_failed: of this run.
    run_sent, run_waiting: this run's videos that were sent, and those of them that have no end yet.
    target_waiting: the target's that have no end yet, of any run. first_left: how many are to be sent alone before the
    others; None where none are, or they are over.
    """

    braked: bool = False
    ended: tuple[bool, ...] = ()
    run_failed: int = 0
    run_sent: int = 0
    run_waiting: int = 0
    target_waiting: int = 0
    first_left: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A request of at most so many rows may go. ends_first: the first rows are over."""

    rows: int
    ends_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """No request goes before a video ended. videos: how many are waited for."""

    reason: str
    videos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """No further request goes until a person accepts the failures. is_new: the brake acts now."""

    reason: str
    is_new: bool


def read_max_failures(text: str) -> MaxFailures:
    """Read `50%` or `10`.

    Raises:
        ValueError: it is neither.
    """
    match = re.fullmatch(r"\s*(\d{1,9})\s*(%?)\s*", text, re.ASCII)
    if match is None or (match[2] and int(match[1]) > 100):
        raise ValueError(text)
    return MaxFailures(percent=float(match[1])) if match[2] else MaxFailures(count=int(match[1]))


def first_rows(asked: int | None, *, has_succeeded: bool, waiting: int) -> int | None:
    """Return how many videos are to be sent alone before the others; None for none.

    asked: what the user says. has_succeeded: a video of this target did, since the brake last acted.
    waiting: the target's videos that were accepted and have no end yet: they tell as much as new ones would.
    """
    wanted = asked if asked is not None else (0 if has_succeeded else DEFAULT_FIRST)
    return max(0, wanted - waiting) if wanted else None


def decide(pace: Pace, traffic: Traffic) -> Send | Wait | Brake:
    """Say whether the next request may go now, and how large it may be."""
    if traffic.braked:
        return Brake(reason="too many of this target's videos failed", is_new=False)
    first = traffic.first_left
    is_first_over = first is not None and traffic.run_sent >= first and not traffic.target_waiting
    if reason := _failures(pace.max_failures, traffic, is_first_over=is_first_over):
        return Brake(reason=reason, is_new=True)
    rows = pace.chunk_size
    if first is not None and not is_first_over:
        if traffic.run_sent >= first:
            return Wait(reason="the first videos are waited for", videos=traffic.target_waiting)
        rows = min(rows, first - traffic.run_sent)
    if pace.in_flight is not None:
        room = pace.in_flight - traffic.run_waiting
        if room <= 0:
            return Wait(reason=f"at most {pace.in_flight:,} videos at once", videos=traffic.run_waiting)
        rows = min(rows, room)
    return Send(rows=rows, ends_first=is_first_over)


def _failures(allowed: MaxFailures | None, traffic: Traffic, *, is_first_over: bool) -> str:
    if allowed is None:
        return ""
    if allowed.count is not None:
        too_many = traffic.run_failed > allowed.count
        return f"{traffic.run_failed:,} videos of this run failed, at most {allowed.count:,} may" if too_many else ""
    ended = traffic.ended[:LAST_VIDEOS]
    failed = sum(ended)
    # Fewer than twenty tell nothing, unless they are the first rows, sent to find out.
    tells = len(ended) == LAST_VIDEOS or (is_first_over and bool(ended))
    if not tells or allowed.percent is None or 100 * failed <= allowed.percent * len(ended):
        return ""
    return f"{failed} of the last {len(ended)} videos failed, at most {allowed.percent:g}% may"
