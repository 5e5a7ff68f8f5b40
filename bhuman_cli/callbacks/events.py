"""One callback's bytes as an event. Pure; says nothing about whether the event is true."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from bhuman_cli.api import wire
from bhuman_cli.domain import Generation

COMPLETION: Final = "completion"
WHATSAPP_READY: Final = "whatsapp.ready"

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_KIND: Final = re.compile(r"[A-Za-z0-9_.:-]{1,60}")


class NotAnEvent(Exception):
    """The body is no callback: not JSON, no object, or no id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One callback as it came.

    kind: `completion`, or the name in `event` (`whatsapp.ready`). sha256: of the body.
    token: the chunk attempt named in the URL, "" if none. status: as in a record, "" where the event has none.
    """

    generation_id: str
    kind: str
    token: str
    status: str
    received_at: str
    body: bytes = field(repr=False)
    sha256: bytes = field(repr=False)


def read(body: bytes, *, token: str, received_at: str) -> Event:
    """Return the event in a callback's body.

    Raises:
        NotAnEvent: with the reason, in words that quote nothing.
    Source: API contract, section 4.
    """
    generation = generation_in(body)
    if not _IDENTIFIER.fullmatch(generation.id):
        raise NotAnEvent("the id is not an id")
    named = generation.raw.get("event")
    kind = COMPLETION if named in {None, ""} else named
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise NotAnEvent("the event has no usable name")
    return Event(
        generation_id=generation.id, kind=kind, token=token, status=generation.status, received_at=received_at,
        body=body, sha256=hashlib.sha256(body).digest(),
    )  # fmt: skip


def generation_in(body: bytes) -> Generation:
    """Return what the callback says of its generation, read as tolerantly as a record.

    Raises:
        NotAnEvent: it is not one object with an id.
    """
    try:
        generation = wire.read_one_generation(body)
    except wire.WireError as problem:
        raise NotAnEvent(str(problem)) from problem
    if generation is None:
        raise NotAnEvent("the body is empty")
    return generation
