"""Entries for the store: an accepted request, its rows, a line of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one accepted request says once for all its rows.

    accepted_by: the owner that took it. charged: the pretend balance pays for it, if there is one.
    """

    request_no: int
    route: str
    target_kind: str
    target_id: str
    variables: Sequence[str]
    backgrounds: Sequence[Mapping[str, Any]]
    options: Mapping[str, Any]
    callback_url: str
    whatsapp: bool
    template: str | None
    accepted_by: str = ""
    charged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a generation ended. placeholder: without rendering."""

    state: str
    message: str = ""
    placeholder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """One row of an accepted request, as it is queued (or already ended, where nothing is rendered)."""

    id: str
    text: Sequence[str]
    assets: Sequence[str]
    state: str = "queued"
    message: str = ""
    placeholder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One request as it is logged. status 0: closed without an answer."""

    no: int
    method: str
    path: str
    query: str
    status: int
    fault: str
    body: bytes | None
    at: str


class Settled(NamedTuple):
    """What came of one attempt at a callback. outcome "" leaves it owed until due_s."""

    generation_id: str
    event: str
    outcome: str
    due_s: float
