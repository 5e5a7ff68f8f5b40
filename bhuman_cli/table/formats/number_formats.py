"""Number formats of spreadsheets: which can be applied, which show something else. Pure; reads no file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from bhuman_cli.table.formats import date_formats

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
_TOKEN: Final = re.compile(r'\\(.)|"([^"]*)"|_.|\*.|([0]+)|([- ()])')
_EXACT: Final = 1e15
_PLAIN: Final = {"", "general", "@", "standard"}
_COLOUR: Final = re.compile(r"\[(?:black|blue|cyan|green|magenta|red|white|yellow|color ?\d+)\]", re.IGNORECASE)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFormat:
    """How a number is shown. code: as the file has it, for people."""

    code: str
    padding: Padding | None = None
    is_date: bool = False
    date: date_formats.DateFormat | None = None

    def shown(self, number: float, *, is_1904: bool = False) -> tuple[str, bool]:
        """Return the number's text, and whether it is what the sheet shows."""
        if self.is_date:
            text = self.date.apply(number, is_1904=is_1904) if self.date else None
            return (date_formats.iso(number, is_1904=is_1904) or plain(number), False) if text is None else (text, True)
        if self.padding is not None and abs(number) < _EXACT:
            return self.padding.apply(number), True
        return plain(number), not shows_otherwise(self.code, number)


def of_code(code: str) -> CellFormat | None:
    """Return how a format shows numbers, None for one that shows them as they are."""
    if code.strip().lower() in _PLAIN:
        return None
    if date_formats.is_date(code):
        return CellFormat(code=code, is_date=True, date=date_formats.followed(code))
    return CellFormat(code=code, padding=padding(code))


def by_id(number: int, own: Mapping[int, str]) -> CellFormat | None:
    """Return how the format of this id shows numbers. own: id → code, as the file has them; they come first.

    The two dates of the system stay so even where a file gives them a date's code, as Excel does.
    """
    code = own.get(number, "")
    if number in date_formats.SYSTEM_IDS and (not code or (number in {14, 22} and date_formats.is_date(code))):
        return CellFormat(code=date_formats.SYSTEM, is_date=True)
    return of_code(code or BUILT_IN.get(number) or date_formats.BUILT_IN.get(number, ""))


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


def plain(number: float) -> str:
    """Return a number's text: no `.0`, no exponent, 15 digits as spreadsheets keep them."""
    if not math.isfinite(number):
        return ""
    if number == int(number):
        return str(int(number)) if abs(number) < 1 << 53 else f"{Decimal(repr(number)):f}".removesuffix(".0")
    return f"{Decimal(format(number, '.15g')):f}"
