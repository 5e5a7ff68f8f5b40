"""Text of others made safe, for the one place that each function names: a cell, a sentence, a terminal. Pure."""

from __future__ import annotations

import re
import unicodedata
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
# The same and more: a sentence needs no joiners.
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]+"
)
_TAGS: Final = re.compile(
    r"<(?:script|style)\b[^>]{0,500}>.{0,5000}?</(?:script|style)\s*>|<[!/?a-zA-Z][^>]{0,500}>", re.I | re.S
)
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")
MAX_CHARS: Final = 32_000
"""A workbook cell holds 32,767."""


_PLAIN: Final = bytes(set(range(0x20, 0x7F)) - set(b"<"))
_SUSPICIOUS_START: Final = re.compile(r"\n[=+\-@ ]")


def cells(texts: Sequence[str]) -> list[str]:
    """Return several texts as `cell` returns each; asked as one first, because nearly all are plain."""
    joined = "\n" + "\n".join(texts)
    if (
        joined.isascii()
        and joined.encode().translate(None, _PLAIN) == b"\n" * len(texts)
        and len(joined) < MAX_CHARS
        and not _SUSPICIOUS_START.search(joined)
    ):
        return list(texts)
    return [cell(each) if each else "" for each in texts]


def cell(text: str) -> str:
    """Return a service's text for a spreadsheet: on one line, no start of a formula, no tag, no move of a cursor."""
    if text.isascii() and text.isprintable() and "<" not in text and not text.startswith((" ", *_FORMULA)):
        return text[:MAX_CHARS]
    plain = _CONTROL.sub("", _BREAK.sub(" ", _ESCAPE.sub("", text))).strip()
    plain = plain.replace("<", "‹").replace(">", "›")[:MAX_CHARS]
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def sentence(text: str, *, limit: int = 300) -> str:
    """Return a service's words on one line, without escape codes, invisible characters, or markup of any kind."""
    text = _ESCAPE.sub("", text[: limit * 40])
    text = _INVISIBLE.sub(" ", _TAGS.sub(" ", text))
    # Square brackets are the terminal library's markup.
    text = " ".join(text.replace("[", "(").replace("]", ")").split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def for_terminal(text: str, *, limit: int = 2_000) -> str:
    """Return text to be shown: without control characters and direction overrides, cut to limit characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs"} else "�" for char in cut
    )
