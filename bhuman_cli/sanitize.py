"""Service text made safe for spreadsheets and terminals. Pure; the user's own cells never pass here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# ESC sequences (CSI, OSC and the short ones) with what they carry, then every other control character.
_ESCAPE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"
    r"|\x1b[ -~]?"
)
_BREAK: Final = re.compile(r"[\r\n\t\x0b\x0c\x85\u2028\u2029]+")
# C0, C1, direction overrides that reorder what stands beside them, invisible marks, halves of characters.
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")
MAX_CHARS: Final = 32_000
"""A workbook cell holds 32,767."""


_PLAIN: Final = bytes(set(range(0x20, 0x7F)) - set(b"<"))
_SUSPICIOUS_START: Final = re.compile(r"\n[=+\-@ ]")


def texts(given: Sequence[str]) -> list[str]:
    """Return several texts as `text` returns each; asked as one first, because nearly all are plain."""
    joined = "\n" + "\n".join(given)
    if (
        joined.isascii()
        and joined.encode().translate(None, _PLAIN) == b"\n" * len(given)
        and len(joined) < MAX_CHARS
        and not _SUSPICIOUS_START.search(joined)
    ):
        return list(given)
    return [text(each) if each else "" for each in given]


def text(given: str) -> str:
    """Return text that starts no formula, moves no cursor, opens no tag and stays on one line."""
    if given.isascii() and given.isprintable() and "<" not in given and not given.startswith((" ", *_FORMULA)):
        return given[:MAX_CHARS]
    plain = _CONTROL.sub("", _BREAK.sub(" ", _ESCAPE.sub("", given))).strip()
    plain = plain.replace("<", "‹").replace(">", "›")[:MAX_CHARS]
    return f"'{plain}" if plain.startswith(_FORMULA) else plain
