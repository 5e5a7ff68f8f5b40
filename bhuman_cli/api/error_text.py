"""Messages in the service's error bodies, found and made safe. Pure; trusts nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bhuman_cli import sanitize
from bhuman_cli.api import json_body as payloads
from bhuman_cli.api.json_body import WireError

_TITLE = re.compile(r"<title[^>]{0,100}>(.{1,300}?)</title", re.I | re.S)


def server_message(payload: bytes | Any) -> str:
    """Return the failure in the server's own words, harmless and bounded; "" if it says nothing.

    Looked for in `error`, `message`, `detail`, `result.error`, `result.message` and a text `result`; else the page's
    title or text. Source: API contract, section 2, "Error body".
    """
    if isinstance(payload, bytes):
        try:
            value = payloads.parse(payload)
        except WireError:
            return _page_words(payload)
    else:
        value = payload
    return sanitize.sentence(next((words for words in _candidates(value) if words), ""))


def _candidates(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    if not isinstance(value, Mapping):
        return
    for place in (value, value.get("result")):
        if isinstance(place, Mapping):
            yield from (message_in(place.get(name)) for name in ("error", "message", "detail"))
    if isinstance(value.get("result"), str):
        yield value["result"]


def message_in(value: Any) -> str:
    """Return an error's text; FastAPI's 422 is a list of {loc, msg}."""
    if isinstance(value, str):
        return sanitize.sentence(value)
    if isinstance(value, Mapping):
        inside = (value.get(name) for name in ("message", "error", "msg", "detail"))
        return next((sanitize.sentence(text) for text in inside if isinstance(text, str) and text), "")
    if isinstance(value, list):
        return "; ".join(filter(None, map(_located, value[:3])))
    return ""


def _located(item: Any) -> str:
    if not isinstance(item, Mapping):
        return sanitize.sentence(item) if isinstance(item, str) else ""
    place = item.get("loc")
    path = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""
    return sanitize.sentence(f"{path}: {message_in(item)}" if path else message_in(item))


def _page_words(data: bytes) -> str:
    text = data[:20_000].decode("utf-8", "replace")
    title = _TITLE.search(text)
    return sanitize.sentence(title.group(1) if title else text)
