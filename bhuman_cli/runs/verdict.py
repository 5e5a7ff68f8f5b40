"""Verdicts on answers to the paid POST. Pure: the same stored bytes always give the same verdict.

Ids first: an answer that names ids nobody knows is never judged by its status. Only without them the table in the
README ("What an answer means") decides; anything it does not name is in doubt, never "not accepted".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bhuman_cli import ids
from bhuman_cli.api import content_encoding, post_result, retry, wire
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal.chunks import Answer
from bhuman_cli.runs import answer_ids, no_money

_SPLITTABLE: Final = 400
_TOO_LARGE: Final = 413
_NO_MONEY: Final = frozenset({400, 403, 409, 422})  # refusals whose words may say that there is none
_TAKEN: Final = frozenset({0, *range(200, 300)})  # an envelope's codes that are no refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Taken; ids: one per row, distinct, bound by place until their records confirm it."""

    ids: tuple[GenerationId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsMapping:
    """Taken at least in part; which id belongs to which row must be asked.

    otherwise: what the answer means if the service knows none of these ids; None where that changes nothing.
    """

    ids: tuple[GenerationId, ...]
    reason: str
    otherwise: Refused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """Nobody knows whether it was taken."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Certainly not taken.

    can_split: its halves may be tried. too_large: smaller requests may be. stops: nothing else would be taken.
    """

    reason: str
    can_split: bool = False
    too_large: bool = False
    stops: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMoney:
    """Certainly not taken, and nothing else will be until the account is topped up."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resendable:
    """Certainly not taken, and may be sent again: later (429), or with other credentials (401, 403).

    is_web_page: something between here and the service answered, which says nothing about a key.
    """

    reason: str
    needs_credentials: bool
    is_web_page: bool = False
    retry_after_s: float | None = None


Refused = Rejected | NoMoney | Resendable
Verdict = Accepted | NeedsMapping | InDoubt | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The request an answer belongs to. rows: how many. body: as it was sent, b"" where it is forgotten.

    known: ids of the answer that are bound already, and the account's own; they are no answer to this request.
    """

    rows: int
    body: bytes = b""
    known: frozenset[str] = frozenset()


def judge(answer: Answer, asked: Asked) -> Verdict:
    """Say what an answer means.

    Source: API contract, section 2 and 2.1.
    """
    decoded = content_encoding.undo(answer.body, answer.headers)
    plain = replace(answer, body=decoded.body, error=answer.error or decoded.error)
    by_table = _by_table(plain, asked)
    own = asked.known | answer_ids.in_request(asked.body)
    unknown = tuple(item for item in named_ids(answer) if item not in own)
    if not unknown:
        return by_table
    listed = _result_ids(plain)
    if len(listed) == len({*listed} - own) == asked.rows:
        return Accepted(ids=listed)
    return NeedsMapping(
        ids=unknown,
        reason=f"{by_table.reason}; it names {len(unknown)} unknown ids for {asked.rows} rows",
        otherwise=by_table if _refuses(plain) and not isinstance(by_table, InDoubt) else None,
    )


def named_ids(answer: Answer) -> list[GenerationId]:
    """Return every id that an answer names, known or not: of its bytes as they came, and with their encoding undone."""
    decoded = content_encoding.undo(answer.body, answer.headers).body
    raw = [] if decoded == answer.body else answer_ids.found(answer.body)
    return list(dict.fromkeys([*answer_ids.found(decoded), *raw]))


def without_numbers(reason: str) -> str:
    """Return a refusal's reason with its numbers blanked, so that the same refusal for other rows is recognised."""
    return re.sub(r"\d+", "#", reason)


def _by_table(answer: Answer, asked: Asked) -> InDoubt | Refused:
    """Judge an answer that names no unknown ids."""
    if answer.status is None:
        return InDoubt(reason=answer.error or "no answer")
    if answer.error:
        return InDoubt(reason=f"HTTP {answer.status}, {answer.error}")
    if 200 <= answer.status < 300:
        return _by_envelope(answer, asked)
    return _by_status(answer.status, answer, asked)


def _by_envelope(answer: Answer, asked: Asked) -> InDoubt | Refused:
    try:
        value = wire.parse(answer.body)
    except wire.WireError:
        return InDoubt(reason="the answer is not JSON")
    if not isinstance(value, dict):
        return InDoubt(reason="the answer is not an object")
    envelope = wire.read_envelope(value)
    code = envelope.code
    if code is not None and 300 <= code < 600:
        verdict = _by_status(code, answer, asked)
        # Whoever puts a code and a reason into a 200 is the application itself, not a gateway that lost its answer.
        is_scarce = code >= 500 and no_money.says_scarce(answer.body, asked.body)
        return NoMoney(reason=verdict.reason) if is_scarce else verdict
    if envelope.error or not (code is None or code in _TAKEN):
        reason = wire.server_message(value) or f"code {code}"
        is_money = no_money.says_so(answer.body, asked.body)
        return NoMoney(reason=reason) if is_money else Rejected(reason=reason, stops=True)
    has_failed = value.get("success") is False or str(value.get("status")).lower() in {"error", "failed"}
    if has_failed and no_money.says_scarce(answer.body, asked.body):
        return NoMoney(reason=wire.server_message(value))
    return InDoubt(reason="the answer names no usable ids")


def _by_status(status: int, answer: Answer, asked: Asked) -> InDoubt | Refused:
    said = wire.server_message(answer.body)
    reason = f"HTTP {status}" + (f": {said}" if said else "")
    if status in {401, 403} and wire.is_web_page(answer.body):
        return Resendable(reason=reason, needs_credentials=False, is_web_page=True)
    if status == 402 or (status in _NO_MONEY and no_money.says_so(answer.body, asked.body)):
        return NoMoney(reason=reason)
    if status in {401, 403}:
        return Resendable(reason=reason, needs_credentials=True)
    if status == 429:
        if not _header(answer, "retry-after") and no_money.says_scarce(answer.body, asked.body):
            return NoMoney(reason=reason)
        return Resendable(reason=reason, needs_credentials=False, retry_after_s=_retry_after_s(answer))
    if 400 <= status < 500 and status not in post_result.MAYBE_ACCEPTED:
        return Rejected(reason=reason, can_split=status == _SPLITTABLE, too_large=status == _TOO_LARGE)
    return InDoubt(reason=reason)


def _refuses(answer: Answer) -> bool:
    """Say whether the status, or the code inside a good one, is a refusal (4xx)."""
    status = answer.status or 0
    if 200 <= status < 300 and not answer.error:
        try:
            status = wire.read_envelope(answer.body).code or status
        except wire.WireError:
            return False
    return 400 <= status < 500


def _result_ids(answer: Answer) -> tuple[GenerationId, ...]:
    """Return the ids of a whole 2xx answer whose `result` is a list of ids and nothing else; () for any other."""
    if answer.status is None or not 200 <= answer.status < 300 or answer.error:
        return ()
    try:
        value = wire.parse(answer.body)
    except wire.WireError:
        return ()
    result = value.get("result") if isinstance(value, dict) else None
    items = [item.get("id") if isinstance(item, dict) else item for item in result] if isinstance(result, list) else []
    texts = [item for item in items if isinstance(item, str) and ids.is_uuid(item)]
    return tuple(GenerationId(ids.normal(text)) for text in texts) if len(texts) == len(items) else ()


def _header(answer: Answer, name: str) -> str:
    return next((text for key, text in answer.headers.items() if key.lower() == name), "")


def _retry_after_s(answer: Answer) -> float | None:
    value, date = _header(answer, "retry-after"), _header(answer, "date")
    sent = wire.read_datetime(date)
    # Judged against the answer's own date, so that the verdict does not depend on when it is read.
    now = datetime.fromisoformat(sent) if sent else datetime.fromtimestamp(0, tz=UTC)
    return retry.retry_after_s(value or None, now=now) if sent or value.strip().isdigit() else None
