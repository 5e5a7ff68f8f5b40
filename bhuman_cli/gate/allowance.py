"""Allowances of paid videos: `--take`, budgets by day and month, and the days they count in. Pure."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """At most so many new videos: in a command, or in a day."""

    videos: int
    is_daily: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the user's own file allows. name: `budget`, `budget of campaign …`, `budget of profile …`.

    later: what does not fit is left for another day instead of refused.
    """

    name: str
    per_day: int | None = None
    per_month: int | None = None
    later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Videos counted against one budget: today and this month, in doubt included."""

    today: int
    this_month: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many more videos a budget allows. frees_at: when there is more, local time."""

    videos: int
    budget: Budget
    frees_at: datetime


def read_take(text: str) -> Take:
    """Read `10` or `10/day`.

    Raises:
        ValueError: it is neither.
    """
    match = re.fullmatch(r"\s*(\d{1,9})\s*(/\s*day)?\s*", text, re.ASCII)
    if match is None or int(match[1]) < 1:
        raise ValueError(text)
    return Take(videos=int(match[1]), is_daily=match[2] is not None)


def zone(name: str | None) -> tzinfo:
    """Return a time zone by its name, this machine's without one.

    Raises:
        ValueError: there is no such zone.
    """
    if not name:
        here = datetime.now(UTC).astimezone().tzinfo
        return here if here is not None else UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(name) from error


def day_start(now: datetime, where: tzinfo) -> datetime:
    """Return when the day of now began there."""
    return now.astimezone(where).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(now: datetime, where: tzinfo) -> datetime:
    """Return when the month of now began there."""
    return day_start(now, where).replace(day=1)


def next_day(now: datetime, where: tzinfo) -> datetime:
    """Return when the next day begins there, whatever the clocks are put to meanwhile."""
    today = day_start(now, where)
    return datetime.fromordinal(today.toordinal() + 1).replace(tzinfo=where)


def next_month(now: datetime, where: tzinfo) -> datetime:
    """Return when the next month begins there."""
    first = month_start(now, where)
    year, month = (first.year + 1, 1) if first.month == 12 else (first.year, first.month + 1)
    return datetime(year, month, 1, tzinfo=where)


def room(budgets: Iterable[tuple[Budget, Spent]], now: datetime, where: tzinfo) -> Room | None:
    """Return the narrowest budget's room; None where no budget holds."""
    rooms = []
    for budget, spent in budgets:
        if budget.per_day is not None:
            rooms.append(Room(videos=budget.per_day - spent.today, budget=budget, frees_at=next_day(now, where)))
        if budget.per_month is not None:
            left = budget.per_month - spent.this_month
            rooms.append(Room(videos=left, budget=budget, frees_at=next_month(now, where)))
    return min(rooms, key=lambda room: (room.videos, -room.frees_at.timestamp()), default=None)


def says(room: Room, wanted: int) -> str:
    """Return why so many videos do not go now."""
    when = room.frees_at.strftime("%Y-%m-%d %H:%M %Z").strip()
    left = max(0, room.videos)
    return f"the {room.budget.name} leaves {left:,} videos, and {wanted:,} were to be paid; it frees again {when}"
