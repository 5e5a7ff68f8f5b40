"""Generation ids in an answer to the paid POST: any place, any spelling, from whole or broken bytes. Pure.

It finds what may be an id of a video; whether it is one, and whose, is asked elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from bhuman_cli import ids
from bhuman_cli.api import wire
from bhuman_cli.domain import GenerationId

# UUIDs under these names are other things. The first ones are beginnings.
_OTHER_BEGINNINGS: Final = ("trace", "correlation", "batch")
_OTHERS: Final = frozenset(
    {
        "request_id", "x_request_id", "campaign_id", "video_instance_id", "video_id", "actor_id", "folder_id",
        "product_id", "project_id", "user_id", "workspace_id",
    }
)  # fmt: skip
_OWNERS: Final = frozenset(
    {"request", "campaign", "video_instance", "actor", "folder", "product", "project", "user", "workspace"}
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAME_BEFORE = re.compile(r"""["']?([A-Za-z][\w .-]{0,60}?)["']?\s*[:=]\s*["'\[\s]*$""")
_JSON_NAME = re.compile(r'"((?:[^"\\]|\\.){1,80})"\s*:')
_LOOK_BACK: Final = 100_000


def found(body: bytes) -> list[GenerationId]:
    """Return every UUID of a body that may be a generation's, in order, in normal form, without repetition."""
    return list(dict.fromkeys(_candidates(body)))


def in_request(body: bytes) -> frozenset[str]:
    """Return every UUID that stands in a request, under whatever name: an answer may repeat it."""
    return frozenset(ids.normal(place.group()) for place in ids.within(_text(body)))


def _candidates(body: bytes) -> Iterator[GenerationId]:
    try:
        value = wire.parse(body)
    except wire.WireError:
        yield from _in_text(_text(body))
        return
    yield from _in_value(value, "", "")


def _text(body: bytes) -> str:
    """Return a body's text in the encoding it seems to have, and as UTF-8: the guess may be wrong."""
    text = body.decode("utf-8", "replace")
    guess = json.detect_encoding(body)
    return text if guess.startswith("utf-8") else f"{body.decode(guess, 'replace')}\n{text}"


def _in_value(value: Any, name: str, owner: str) -> Iterator[GenerationId]:
    """Yield the ids in a JSON value. name: the key it stands under. owner: the key of the object that holds it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _in_value(key, "", "")
            yield from _in_value(item, key, name)
    elif isinstance(value, list):
        for item in value:
            yield from _in_value(item, name, owner)
    elif isinstance(value, str) and not _is_other(name, owner):
        yield from _in_text(value)


def _in_text(text: str) -> Iterator[GenerationId]:
    for place in ids.within(text):
        before = text[max(0, place.start() - _LOOK_BACK) : place.start()]
        if not _is_other(_name_at_end(before), ""):
            yield GenerationId(ids.normal(place.group()))


def _name_at_end(before: str) -> str:
    """Return the name that a value at the end of this text stands under, in broken JSON or in plain words."""
    if direct := _NAME_BEFORE.search(before[-100:]):
        return direct.group(1)
    at = before.rfind('":')
    if at < 0:
        return ""
    named = _JSON_NAME.search(before, max(0, before.rfind('"', 0, at)))
    return named.group(1) if named else ""


def _is_other(name: str, owner: str) -> bool:
    plain = _plain(name)
    if plain in {"id", "uuid"} and owner:
        plain_owner = _plain(owner)
        return plain_owner in _OWNERS or plain_owner.startswith(_OTHER_BEGINNINGS)
    return plain in _OTHERS or plain.startswith(_OTHER_BEGINNINGS)


def _plain(name: str) -> str:
    """Return a name as in snake_case: `requestId`, `X-Request-Id` and `Request ID` are one."""
    words = re.split(r"[^A-Za-z0-9]+", _CAMEL.sub("_", name.strip()))
    return "_".join(word.lower() for word in words if word)
