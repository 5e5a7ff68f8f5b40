"""Results of a paid request as data, for those who decide and store without importing HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAYBE_ACCEPTED: Final = frozenset({*range(300, 400), 408, 409, 425, 499, *range(500, 600)})
"""Statuses after which a request that costs may have been accepted. Source: "What an answer to the POST means"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Certainly nothing of the request left this machine's connection. reason: for people.

    is_lasting: trying again soon would end the same way.
    """

    reason: str
    is_lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PostResponse:
    """What came after the first byte was sent: an answer, part of one, or nothing.

    status None: no complete header block. error "": the answer was read to its end.
    """

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    error: str
