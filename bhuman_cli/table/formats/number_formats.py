"""Owns number formats: which pad with zeros, which show something else than the number. Pure; reads no file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

# Source: ECMA-376 part 1, 18.8.30 (the formats that are implied and not written into the file).
BUILT_IN: Final = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    37: "#,##0 ;(#,##0)",
    38: "#,##0 ;[Red](#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;[Red](#,##0.00)",
    48: "##0.0E+0",
    49: "@",
}
BOOLEAN: Final = "BOOLEAN"
DURATION: Final = "[h]:mm:ss"
_DURATION_TEXT: Final = re.compile(r"(-?)PT(\d{1,9})H(\d{1,2})M(\d{1,2}(?:[.,]\d+)?)S")
_TOKEN: Final = re.compile(r'\\(.)|"([^"]*)"|_.|\*.|([0]+)|([- ()])')
_PLAIN: Final = {"", "general", "@", "standard"}
_COLOUR: Final = re.compile(r"\[(?:black|blue|cyan|green|magenta|red|white|yellow|color ?\d+)\]", re.IGNORECASE)
_DATE_LETTER: Final = re.compile(r"[ymdhs]", re.IGNORECASE)
_NOT_SHOWN: Final = re.compile(r'\\.|"[^"]*"|\[[^\]]*\]|_.|\*.')


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """A format of zeros and fixed signs, such as `00000` or `000-00-0000`. parts: a digit count, or a sign."""

    parts: tuple[int | str, ...]
    decimals: int = 0

    def apply(self, number: float) -> str:
        """Return the number as the sheet shows it."""
        quantum = Decimal(1).scaleb(-self.decimals)
        rounded = Decimal(repr(number)).quantize(quantum, rounding=ROUND_HALF_UP)
        whole, _, decimals = f"{abs(rounded):f}".partition(".")
        digits = whole.rjust(sum(part for part in self.parts if isinstance(part, int)), "0")
        shown: list[str] = []
        first = next(index for index, part in enumerate(self.parts) if isinstance(part, int))
        for index in range(len(self.parts) - 1, -1, -1):
            part = self.parts[index]
            if isinstance(part, str):
                shown.append(part)
                continue
            take = len(digits) if index == first else part
            shown.append(digits[len(digits) - take :])
            digits = digits[: len(digits) - take]
        sign = "-" if rounded < 0 else ""
        return sign + "".join(reversed(shown)) + (f".{decimals}" if decimals else "")


def padding(code: str) -> Padding | None:
    """Return how a format pads with zeros, or None if it doesn't."""
    positive = code.split(";", maxsplit=1)[0]
    parts: list[int | str] = []
    at = decimals = 0
    while at < len(positive):
        if positive[at] == "." and set(positive[at + 1 :]) == {"0"}:
            decimals = len(positive) - at - 1
            break
        match = _TOKEN.match(positive, at)
        if match is None:
            return None
        escaped, quoted, zeros, sign = match.groups()
        if zeros:
            parts.append(len(zeros))
        elif text := escaped or quoted or sign:
            parts.append(text)
        at = match.end()
    count = sum(part for part in parts if isinstance(part, int))
    return Padding(parts=tuple(parts), decimals=decimals) if count > 1 else None


def is_date(code: str) -> bool:
    """Say whether a format shows a number as a date or a time."""
    return code.strip().lower() != "general" and bool(_DATE_LETTER.search(_NOT_SHOWN.sub("", code)))


def matters(code: str) -> bool:
    """Say whether a format can show a number as other than its plain text; dates are the reader's business."""
    return code.strip().lower() not in _PLAIN and not is_date(code)


def shows_otherwise(code: str, number: float) -> bool:
    """Say whether a sheet shows the number in another way than we do (percent, currency, decimals, thousands)."""
    if code.strip().lower() in _PLAIN:
        return False
    bare = _COLOUR.sub("", code.split(";", maxsplit=1)[0]).replace("\\", "").replace("_ ", "").strip()
    if bare in {"0", "#"}:
        return not float(number).is_integer()
    if re.fullmatch(r"0\.(0+)", bare):
        return f"{number:.{len(bare) - 2}f}" != plain(number)
    if bare == "#,##0":
        return abs(number) >= 1000 or not float(number).is_integer()
    return True


def clock(text: str) -> str:
    """Return an ISO 8601 duration as a sheet shows it (`30:05:09`), any other text as it is."""
    found = _DURATION_TEXT.fullmatch(text)
    if found is None:
        return text
    seconds = (int(found[2]) * 60 + int(found[3])) * 60 + round(float(found[4].replace(",", ".")))
    return found[1] + clock_of(seconds)


def clock_of(seconds: int) -> str:
    """Return seconds as hours, which may be more than a day's, minutes and seconds."""
    sign, seconds = "-" if seconds < 0 else "", abs(seconds)
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def plain(number: float) -> str:
    """Return a number's text: no `.0`, no exponent, 15 digits as spreadsheets keep them."""
    if not math.isfinite(number):
        return ""
    if number == int(number):
        return str(int(number)) if abs(number) < 1 << 53 else f"{Decimal(repr(number)):f}".removesuffix(".0")
    return f"{Decimal(format(number, '.15g')):f}"
