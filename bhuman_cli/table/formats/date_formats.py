"""Date and time formats of spreadsheets: which can be followed exactly, and a day number shown by them. Pure."""

from __future__ import annotations

import datetime as dt
import functools
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

# Source: ECMA-376 part 1, 18.8.30. 14, 22, 27 to 36 and 50 to 58 follow the system's language: they show what the
# machine of whoever looks prefers, so nobody can follow them.
BUILT_IN: Final = {
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mmss.0",
}
SYSTEM: Final = "of the system's dates"
SYSTEM_IDS: Final = frozenset({14, 22, *range(27, 37), *range(50, 59)})
_DAY_S: Final = 86_400
_LAST_DAY: Final = 2_958_466  # 10000-01-01
_ENGLISH: Final = frozenset({"09"})
"""The last two hex digits of an English locale's number."""
_LOCALE: Final = re.compile(r"\[\$-([0-9A-Fa-f]{1,8})(?:,[0-9A-Fa-f]*)?\]|\[\$-(en)[-\w]*\]", re.IGNORECASE)
_TOKEN: Final = re.compile(
    r"\\(?P<escaped>.)|\"(?P<quoted>[^\"]*)\"|_.|\*."
    r"|(?P<ampm>AM/PM|A/P)|\[(?P<elapsed>h+|m+|s+)\]|(?P<code>y+|m+|d+|h+|s+)|(?<=s)\.(?P<fraction>0{1,3})"
    r"|(?P<literal>[ \-/:.,()年月日時分秒])",
    re.IGNORECASE,
)
_SIGNS: Final = re.compile(r'\\.|"[^"]*"|\[[^\]]*\]|_.|\*.')
_DATE_LETTER: Final = re.compile(r"[ymdhs]", re.IGNORECASE)
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ELAPSED_S: Final = {"h": 3600, "m": 60, "s": 1}

_Part = tuple[str, str]
"""What it is (text, year, month, day, hour, minute, second, half, elapsed, fraction), and the letters or text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFormat:
    """A format that can be followed. decimals: of the seconds. is_half_day: hours from 1 to 12."""

    parts: tuple[_Part, ...]
    decimals: int
    is_half_day: bool

    def apply(self, serial: float, *, is_1904: bool) -> str | None:
        """Return the day number as the sheet shows it, None for one that no calendar has."""
        if not 0 <= serial < _LAST_DAY:
            return None
        ticks, unit = self._rounded(serial)
        seconds, fraction = divmod(ticks, unit)
        needs_day = any(kind in {"year", "month", "day"} for kind, _ in self.parts)
        day = _day(seconds // _DAY_S, is_1904=is_1904) if needs_day else dt.date(1, 1, 1)
        if day is None:
            return None
        return "".join(self._shown(part, day, seconds, fraction) for part in self.parts)

    def _rounded(self, serial: float) -> tuple[int, int]:
        """Return the moment in the smallest unit that is shown, and how many of these a second has.

        A sheet rounds where it shows seconds, and cuts where minutes are the smallest thing shown.
        """
        unit: int = 10**self.decimals
        if any(kind in {"second", "fraction"} or (kind == "elapsed" and "s" in text) for kind, text in self.parts):
            exact = Decimal(repr(serial)) * _DAY_S * unit
            return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)), unit
        return int(Decimal(repr(serial)) * _DAY_S + Decimal("0.0005")), 1

    def _shown(self, part: _Part, day: dt.date, seconds: int, fraction: int) -> str:
        kind, text = part
        wide = len(text)
        clock_s = seconds % _DAY_S
        match kind:
            case "year":
                return f"{day.year:04d}" if wide > 2 else f"{day.year % 100:02d}"
            case "month":
                return _named(day.month, _MONTHS[day.month - 1], wide, short=3)
            case "day":
                return _named(day.day, _DAYS[day.weekday()], wide, short=3)
            case "hour":
                hour = clock_s // 3600
                return f"{(hour - 1) % 12 + 1 if self.is_half_day else hour:0{min(wide, 2)}d}"
            case "minute":
                return f"{clock_s // 60 % 60:0{min(wide, 2)}d}"
            case "second":
                return f"{clock_s % 60:0{min(wide, 2)}d}"
            case "half":
                half = "PM" if clock_s >= _DAY_S // 2 else "AM"
                return half if wide == 5 else half[0]
            case "elapsed":
                return f"{seconds // _ELAPSED_S[text[0]]:0{wide}d}"
            case "fraction":
                return f".{fraction:0{wide}d}"
            case _:
                return text


def _named(number: int, name: str, wide: int, *, short: int) -> str:
    if wide <= 2:
        return f"{number:0{wide}d}"
    return name[0] if wide == 5 else name if wide == 4 else name[:short]


@functools.lru_cache(maxsize=4096)
def is_date(code: str) -> bool:
    """Say whether a format shows a number as a date or a time."""
    if code == SYSTEM:
        return True
    bare = _SIGNS.sub("", code.split(";", maxsplit=1)[0])
    elapsed = re.search(r"\[(?:h+|m+|s+)\]", code, re.IGNORECASE)
    return code.strip().lower() not in {"general", "standard"} and bool(_DATE_LETTER.search(bare) or elapsed)


@functools.lru_cache(maxsize=4096)
def followed(code: str) -> DateFormat | None:
    """Return how a date format is followed, None where what it shows depends on more than the file.

    Names of months and days are English, unless the format asks for another language.
    """
    sections = code.split(";")
    section, locale = sections[0], _LOCALE.match(sections[0])
    is_english = True
    if locale:
        section = section[locale.end() :]
        number = (locale[1] or "0409").rjust(4, "0")
        if len(number) > 4 or number[:1].upper() == "F":
            return None  # other digits, another calendar, or the system's own format
        is_english = number[-2:] in _ENGLISH
    parts: list[_Part] = []
    at = 0
    while at < len(section):
        match = _TOKEN.match(section, at)
        if match is None:
            return None
        at = match.end()
        if part := _part(match):
            parts.append(part)
    parts = _told_apart(parts)
    names = any(kind in {"month", "day"} and len(text) > 2 for kind, text in parts)
    has_words = not locale and any(kind == "text" and any(map(str.isalpha, text)) for kind, text in parts)
    if (
        not parts
        or (names and (not is_english or has_words))
        or any(len(text) > 5 for kind, text in parts if kind == "month")
    ):
        return None
    decimals = next((len(text) for kind, text in parts if kind == "fraction"), 0)
    is_half_day = any(kind == "half" for kind, _ in parts)
    return DateFormat(parts=tuple(parts), decimals=decimals, is_half_day=is_half_day)


def _part(match: re.Match[str]) -> _Part | None:
    kinds = {"y": "year", "m": "m", "d": "day", "h": "hour", "s": "second"}
    name, text = match.lastgroup, match[0]
    match name:
        case "escaped" | "quoted":
            return "text", match[name]
        case "literal":
            return "text", text
        case "ampm":
            return "half", text
        case "elapsed":
            return "elapsed", match[name].lower()
        case "fraction":
            return "fraction", match[name]
        case "code":
            return kinds[text[0].lower()], text.lower()
        case _:
            return None


def _told_apart(parts: list[_Part]) -> list[_Part]:
    """Tell months from minutes: `m` or `mm` behind hours or before seconds is minutes."""
    codes = [number for number, (kind, _) in enumerate(parts) if kind not in {"text", "half"}]
    for place, number in enumerate(codes):
        kind, text = parts[number]
        if kind != "m":
            continue
        before = parts[codes[place - 1]] if place else ("", "")
        after = parts[codes[place + 1]] if place + 1 < len(codes) else ("", "")
        is_minute = before[0] == "hour" or before == ("elapsed", before[1]) or after[0] == "second"
        parts[number] = ("minute" if is_minute and len(text) <= 2 else "month", text)
    return parts


def iso(serial: float, *, is_1904: bool) -> str:
    """Return a day number as ISO 8601: a date, a time of day below 1, both where it has both; "" if it is none."""
    if not 0 <= serial < _LAST_DAY:
        return ""
    seconds = round(serial * _DAY_S)
    clock_s = seconds % _DAY_S
    clock = f"{clock_s // 3600:02d}:{clock_s // 60 % 60:02d}:{clock_s % 60:02d}"
    if 0 <= serial < 1 and clock_s:
        return clock
    day = _day(seconds // _DAY_S, is_1904=is_1904)
    if day is None:
        return ""
    return f"{day.isoformat()}T{clock}" if clock_s else day.isoformat()


def serial_of(text: str, *, is_1904: bool) -> float | None:
    """Return the day number of an ISO 8601 date, as strict workbooks store it; None if it is none."""
    try:
        moment = dt.datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
    start = dt.datetime(1904, 1, 1) if is_1904 else dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet has no zone
    gone = moment - start
    days = gone.days + gone.seconds / _DAY_S
    return days if is_1904 or days > 60 else days - 1


def _day(number: int, *, is_1904: bool) -> dt.date | None:
    """Return a day of the sheet's calendar; the older one has a 29 February 1900 that never was, as its day 60."""
    if is_1904:
        return dt.date(1904, 1, 1) + dt.timedelta(days=number) if number < _LAST_DAY - 1462 else None
    if number in {0, 60} or number >= _LAST_DAY:
        return None
    return dt.date(1899, 12, 30) + dt.timedelta(days=number + (number < 60))
