"""Signs that a text was damaged on its way here: letters decoded wrongly, HTML, escapes for Excel. Pure."""

from __future__ import annotations

import html.entities
import itertools
import re
from typing import Final

# What read UTF-8 as its own letters: the first letter that a two- or three-byte sequence then becomes.
_MISREADERS: Final = ("cp1252", "mac_roman", "cp437", "cp850", "cp1250", "cp1251", "cp866", "koi8_r")
_RUN: Final = re.compile(r"[^\x00-\x7f]{2,40}")
_RUNS_READ: Final = 500
# Behind a Cyrillic letter only what no Cyrillic word has: nearly every word would be looked at otherwise.
_LEAD: Final = re.compile(
    r"[ÂÃÄÅâĂ√‚¬├┬╬╨╤ãÔÎÏÐÑ][^\x00-\x7f]|[РСГВв][\u00a0-\u00bf\u0402-\u0405\u0408-\u040f\u0452-\u0455\u0458-\u045f‘-™]"
    r"|[пяц][\u2219-\u2265\u2320-\u25a0²·÷]"
)
# What a wrong guess restores by accident stands outside of these: letters of Latin scripts, usual signs, and Greek and
# Cyrillic where several stand together.
_LIKELY: Final = re.compile(r"[\u00a0-\u024f\u1e00-\u1eff\u2010-\u2044\u20ac\u2122]+|[\u0370-\u04ff]{2,}")
_TAG: Final = re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,15}(?:\s[^<>]{0,300})?/?>")
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_WRAPPED: Final = r"""="|'[\d=+\-@]|'[^'\n]{1,999}'(?![^\n])"""
_ESCAPED: Final = re.compile(_WRAPPED)
_ESCAPED_LINE: Final = re.compile(rf"\n(?:{_WRAPPED})")
_CODES: Final = re.compile(r"([%=])[C-F][0-9A-F]\1[89AB][0-9A-F]|\\u[0-9A-Fa-f]{4}", re.IGNORECASE)


def is_mojibake(text: str) -> bool:
    """Say whether a text was UTF-8 once, read in another encoding and saved so (`JosÃ©`)."""
    runs = (match[0] for match in itertools.islice(_RUN.finditer(text), _RUNS_READ))
    return may_be_mojibake(text) and any(map(_restores, runs))


def may_be_mojibake(text: str) -> bool:
    """Say quickly whether a closer look is worth while."""
    return not text.isascii() and _LEAD.search(text) is not None


def _restores(run: str) -> bool:
    for codec in _MISREADERS:
        try:
            restored = _bytes_of(run, codec).decode()
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        if _LIKELY.fullmatch(restored):
            return True
    return False


def _bytes_of(run: str, codec: str) -> bytes:
    """Encode, with the C1 signs that cp1252 leaves out as themselves, as programs do."""
    return b"".join(bytes([ord(sign)]) if "\x80" <= sign <= "\x9f" else sign.encode(codec) for sign in run)


def markup(text: str) -> str:
    """Return what HTML stands in a text: `entity`, `tag`, or ""."""
    if "&" in text and any(_is_entity(each) for each in _ENTITY.findall(text)):
        return "entity"
    return "tag" if "<" in text and _TAG.search(text) else ""


def _is_entity(text: str) -> bool:
    return text.startswith("&#") or text[1:] in html.entities.html5


def is_escaped(text: str) -> bool:
    """Say whether a text is wrapped so that a program leaves it alone: `="007"`, `'007`, `'Ann'`."""
    return _ESCAPED.match(text) is not None


def any_escaped(lines: str) -> bool:
    """Say whether one of several texts, each behind a line break, is wrapped so."""
    return _ESCAPED_LINE.search(lines) is not None


def has_codes(text: str) -> bool:
    """Say whether letters stand there as codes of addresses, mails or JSON: `%C3%BC`, `=C3=BC`."""
    return ("%" in text or "=" in text or "\\" in text) and _CODES.search(text) is not None
