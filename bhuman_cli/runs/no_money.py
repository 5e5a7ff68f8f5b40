"""Refusals for lack of money, told from all others by their words. Pure; knows no status but what it is handed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from bhuman_cli.api import wire

_WORDS = re.compile(
    r"\b(?:credits?|quotas?|balances?|entitle(?:d|ment|ments)|trials?|upgrad(?:e|es|ed|ing)|insufficient)\b"
)
_SCARCE = re.compile(r"\b(?:credits?|quotas?|balances?)\b")
_OF_PLAN = re.compile(r"\b(?:plans?|limits?)\b")
_USED_UP = re.compile(r"\b(?:exceed(?:s|ed|ing)?|reach(?:es|ed|ing)?|left|include[sd]?|including)\b")
_RATE = re.compile(r"\brate limit(?:s|ed|ing|er)?\b")
# A limit of a text or a file is about the row, not about the account.
_OF_SIZE = re.compile(r"\b(?:characters?|chars?|bytes?|kb|mb|length|size|long|large)\b")
_URL = re.compile(r"\b(?:https?://|www\.)\S+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MOST_TEXT: Final = 20_000


def says_so(body: bytes, request: bytes) -> bool:
    """Say whether a refusal's words are about credits, a plan or a balance.

    request: the body that was sent; its own names and values, which a refusal may repeat, are no such words.
    """
    text = _words(body, request)
    if _WORDS.search(text):
        return True
    of_plan = {match.group() for match in _OF_PLAN.finditer(text)}
    if not of_plan or not _USED_UP.search(text):
        return False
    return bool(of_plan & {"plan", "plans"}) or not _OF_SIZE.search(text)


def says_scarce(body: bytes, request: bytes) -> bool:
    """Say whether a 429 is about credits, a quota or a balance, not about pace."""
    return _SCARCE.search(_words(body, request)) is not None


def _words(body: bytes, request: bytes) -> str:
    try:
        text = " . ".join(_texts(wire.parse(body)))
    except wire.WireError:
        text = wire.server_message(body)
    text = _URL.sub(" ", text[:_MOST_TEXT])
    for own in _own(request):
        if own in text.lower():
            text = re.sub(rf"(?<!\w){re.escape(own)}(?!\w)", " ", text, flags=re.IGNORECASE)
    plain = " ".join(re.sub(r"[^A-Za-z0-9]+", " ", _CAMEL.sub(" ", text)).lower().split())
    return _RATE.sub(" ", plain)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a JSON value, without the names they stand under."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _own(request: bytes) -> list[str]:
    """Return the request's names and values in lower case, the longest first."""
    try:
        sent = json.loads(request)
    except ValueError:
        return []
    names = sent.get("variables", []) if isinstance(sent, dict) else []
    own = {*(_texts([*names])), *_texts(sent)}
    return sorted({text.strip().lower() for text in own if text.strip()}, key=len, reverse=True)
