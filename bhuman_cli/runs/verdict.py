"""Owns what an answer to the paid POST means. Pure: the same stored bytes always give the same verdict.

The table is in the README ("What an answer means"); anything it does not name is in doubt, never "not accepted".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bhuman_cli import ids
from bhuman_cli.api import post_result, retry, wire
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal.chunks import Answer

_UUID_IN_TEXT = re.compile(rb'"([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"')
_SPLITTABLE: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Taken; ids: one per row, distinct, bound by place until their records confirm it."""

    ids: tuple[GenerationId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsMapping:
    """Taken at least in part; which id belongs to which row must be asked."""

    ids: tuple[GenerationId, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """Nobody knows whether it was taken."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Certainly not taken. can_split: its halves may be tried. stops: nothing else of the run would be taken."""

    reason: str
    can_split: bool = False
    stops: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resendable:
    """Certainly not taken, and may be sent again: later (429), or with other credentials (401, 403)."""

    reason: str
    needs_credentials: bool
    retry_after_s: float | None = None


Verdict = Accepted | NeedsMapping | InDoubt | Rejected | Resendable


def judge(answer: Answer, *, rows: int, bound_ids: frozenset[str] = frozenset()) -> Verdict:
    """Say what an answer means for a request of so many rows.

    known: ids that are bound to other rows already; they are no answer to this request.
    Source: API contract, section 2 and 2.1.
    """
    if answer.status is None:
        return InDoubt(reason=answer.error or "no answer")
    if answer.error:
        return _from_broken_answer(answer, rows, bound_ids, f"HTTP {answer.status}, {answer.error}")
    if 200 <= answer.status < 300:
        return _judge_success(answer, rows, bound_ids)
    return _by_status(answer.status, answer, wire.server_message(answer.body))


def without_numbers(reason: str) -> str:
    """Return a refusal's reason with its numbers blanked, so that the same refusal for other rows is recognised."""
    return re.sub(r"\d+", "#", reason)


def extract_ids(body: bytes) -> list[GenerationId]:
    """Return every complete UUID string in a body, as it may be truncated, in order, without repetition."""
    found = (match.group(1).decode().lower() for match in _UUID_IN_TEXT.finditer(body))
    return [GenerationId(item) for item in dict.fromkeys(found)]


def _by_status(status: int, answer: Answer, said: str) -> Verdict:
    reason = f"HTTP {status}" + (f": {said}" if said else "")
    if status in {401, 403}:
        return Resendable(reason=reason, needs_credentials=True)
    if status == 429:
        return Resendable(reason=reason, needs_credentials=False, retry_after_s=_retry_after_s(answer.headers))
    if 400 <= status < 500 and status not in post_result.MAYBE_ACCEPTED:
        return Rejected(reason=reason, can_split=status == _SPLITTABLE)
    return InDoubt(reason=reason)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = next((text for name, text in headers.items() if name.lower() == "retry-after"), None)
    date = next((text for name, text in headers.items() if name.lower() == "date"), None)
    sent = wire.read_datetime(date) if date else ""
    # Judged against the answer's own date, so that the verdict does not depend on when it is read.
    now = datetime.fromisoformat(sent) if sent else datetime.fromtimestamp(0, tz=_utc())
    return retry.retry_after_s(value, now=now) if sent or (value or "").strip().isdigit() else None


def _utc() -> Any:
    from datetime import UTC

    return UTC


def _judge_success(answer: Answer, rows: int, known: frozenset[str]) -> Verdict:
    try:
        value = wire.parse(answer.body)
    except wire.WireError:
        return _from_broken_answer(answer, rows, known, "the answer is not JSON")
    if not isinstance(value, dict):
        return _from_broken_answer(answer, rows, known, "the answer is not an object")
    envelope = wire.read_envelope(value)
    listed = _listed_ids(value.get("result"))
    if listed:
        return _judge_ids(listed, value.get("result"), rows, known, is_failure=envelope.is_failure)
    said = wire.server_message(value)
    if envelope.code is not None and 300 <= envelope.code < 600:
        return _by_status(envelope.code, answer, said)
    if envelope.is_failure:
        return Rejected(reason=said or f"code {envelope.code}", stops=True)
    return _from_broken_answer(answer, rows, known, "the answer names no ids")


def _listed_ids(result: Any) -> list[str]:
    """Return the well-formed ids of a list, repetitions kept."""
    items = result if isinstance(result, list) else []
    texts = (item.get("id") if isinstance(item, dict) else item for item in items)
    return [text.lower() for text in texts if isinstance(text, str) and ids.is_uuid(text)]


def _judge_ids(listed: list[str], result: Any, rows: int, known: frozenset[str], *, is_failure: bool) -> Verdict:
    distinct = tuple(GenerationId(item) for item in dict.fromkeys(listed) if item not in known)
    complete = len(listed) == len(result) == len(distinct) == rows
    if complete and not is_failure:
        return Accepted(ids=distinct)
    said = f"the answer names {len(distinct)} usable ids for {rows} rows"
    return NeedsMapping(ids=distinct, reason=said) if distinct else InDoubt(reason=said)


def _from_broken_answer(answer: Answer, rows: int, known: frozenset[str], reason: str) -> Verdict:
    """Complete ids in a broken answer are worth asking; each must then prove its row."""
    if answer.status is None or not 200 <= answer.status < 300:
        return InDoubt(reason=reason)
    salvaged = tuple(item for item in extract_ids(answer.body) if item not in known)
    if not salvaged:
        return InDoubt(reason=reason)
    return NeedsMapping(ids=salvaged, reason=f"{reason}; {len(salvaged)} ids for {rows} rows could be read")
