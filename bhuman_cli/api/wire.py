"""The service's JSON as domain types. Pure and tolerant: whatever comes, a value or WireError."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from bhuman_cli import ids, sanitize
from bhuman_cli.api import error_text
from bhuman_cli.api import json_body as payloads
from bhuman_cli.clock import iso_utc
from bhuman_cli.domain import Generation, GenerationId

_LONGEST_URL: Final = 8_000
_ITEM_KEYS: Final = (
    "videos",
    "generated_videos",
    "campaigns",
    "instances",
    "webhooks",
    "projects",
    "items",
    "results",
    "data",
)


WireError = payloads.WireError
parse = payloads.parse
server_message = error_text.server_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """`{"code": …, "result": …}`, or a bare value as its result.

    code: None if absent or not a number. error: the failure in the server's words, "" if there is none.
    """

    code: int | None
    result: Any = field(repr=False)
    has_result: bool
    error: str

    @property
    def is_failure(self) -> bool:
        """Say whether this is a business failure in spite of HTTP 200. Source: API contract, section 2."""
        return self.code not in {None, 200} or bool(self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of generations. total: of all pages, if the service says. unreadable: items that were no record."""

    total: int | None
    generations: tuple[Generation, ...]
    unreadable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of anything else, items as the service gave them: records where it is as expected."""

    total: int | None
    items: tuple[Any, ...]


def read_envelope(payload: bytes | Any) -> Envelope:
    """Open the envelope of an answer, or put a bare value into one.

    Raises:
        WireError: the bytes are not JSON.
    """
    value = payloads.parse(payload) if isinstance(payload, bytes) else payload
    if not isinstance(value, dict):
        return Envelope(code=None, result=value, has_result=True, error="")
    is_envelope = "result" in value or "code" in value or not ("id" in value or _items_in(value) is not None)
    result = value.get("result") if is_envelope else value
    code = _number(value.get("code")) if is_envelope else None
    return Envelope(
        code=code,
        result=result,
        has_result=not is_envelope or "result" in value,
        error=_failure_in(value) if is_envelope else "",
    )


def _failure_in(value: Mapping[str, Any]) -> str:
    """Find the words of a failure that came with 2xx: an `error`, but not that of a video's own record."""
    result = value.get("result")
    inner = result.get("error") if isinstance(result, dict) and "status" not in result else None
    for candidate in (value.get("error"), inner):
        if candidate:
            return error_text.message_in(candidate) or "error"
    return ""


def read_generation(record: Any, *, allow_file: bool = False) -> Generation:
    """Read one generated-video record, or the body of a callback.

    allow_file: take `file:` URLs too, as the embedded studio writes them; a real service never may.

    Raises:
        WireError: it is not an object with an id.
    Source: API contract, sections 3 and 4.
    """
    if not isinstance(record, Mapping):
        raise WireError("the answer is not a video record")
    identifier = _text(record.get("id"))
    if not identifier or len(identifier) > 200:
        raise WireError("the video record has no id")
    pages = (_url(record.get(name), allow_file) for name in ("share_url", "video_url", "vimeo_url"))
    media = {name: _url(record.get(name), allow_file) for name in ("url", "thumbnail", "gif", "whatsapp_video_url")}
    return Generation(
        id=GenerationId(ids.normal(identifier)),
        status=_status(record.get("status")),
        share_url=next((page for page in pages if page), ""),
        message=sanitize.sentence(_text(record.get("message"))),
        execution_name=sanitize.sentence(_text(record.get("execution_name"))),
        generated_at=read_datetime(record.get("updated_at")) or read_datetime(record.get("created_at")),
        created_at=read_datetime(record.get("created_at")),
        text=_values(record.get("text")),
        api_row_index=_index(record.get("row_index")),
        raw=record,
        **media,
    )


def read_one_generation(payload: bytes | Any, *, asked_id: str = "", allow_file: bool = False) -> Generation | None:
    """Read an answer that holds one record, enveloped or bare, alone or in a list; None where the service has none.

    asked_id: what was asked for, which a record without an id is about.

    Raises:
        WireError: it holds something else.
    """
    value = payloads.parse(payload) if isinstance(payload, bytes) else payload
    envelope = read_envelope(value)
    result = value if not envelope.has_result and "status" in value else envelope.result
    if isinstance(result, list):
        result = result[0] if result else None
    if result in (None, {}, ""):
        return None
    if asked_id and isinstance(result, Mapping) and "status" in result and result.get("id") is None:
        result = {**result, "id": asked_id}
    return read_generation(result, allow_file=allow_file)


def read_generation_list(payload: bytes | Any, *, allow_file: bool = False) -> Page:
    """Read a page of generations in any of its documented forms; items that are no record are counted.

    Raises:
        WireError: there is no list in it.
    """
    listing_total, items = _total_and_items(payload)
    read: list[Generation] = []
    for item in items:
        try:
            read.append(read_generation(item, allow_file=allow_file))
        except WireError:
            continue
    return Page(total=listing_total, generations=tuple(read), unreadable=len(items) - len(read))


def read_listing(payload: bytes | Any) -> Listing:
    """Read a page of campaigns, instances, webhooks or projects.

    Raises:
        WireError: there is no list in it.
    """
    total, items = _total_and_items(payload)
    return Listing(total=total, items=tuple(items))


def read_result(payload: bytes | Any) -> Any:
    """Return what an answer of undocumented shape holds, without its envelope if it has one; None for nothing.

    An answer without a body is nothing: a change may be acknowledged so.

    Raises:
        WireError: the bytes are not JSON.
    """
    if isinstance(payload, bytes) and not payload.strip():
        return None
    value = payloads.parse(payload) if isinstance(payload, bytes) else payload
    envelope = read_envelope(value)
    if envelope.has_result:
        return envelope.result
    return {name: item for name, item in value.items() if name not in {"code", "error"}} or None


def read_record(payload: bytes | Any) -> Mapping[str, Any] | None:
    """Read one campaign, instance or other object, alone or as the only item of a list; None where there is none.

    Raises:
        WireError: it is not an object.
    """
    result = read_result(payload)
    if isinstance(result, list):
        result = result[0] if result else None
    if result in (None, {}, ""):
        return None
    if not isinstance(result, Mapping):
        raise WireError("the answer is not a record")
    return result


def record_variables(record: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the variable names a campaign's or instance's record gives, in its order; () where it gives none.

    No source documents such a field, so every likely shape is read: names, objects with a name, a mapping.
    """
    value = (record or {}).get("variables")
    if isinstance(value, Mapping):
        value = list(value)
    if not isinstance(value, list):
        return ()
    names = [item.get("name") if isinstance(item, Mapping) else item for item in value]
    return tuple(name.strip() for name in names if isinstance(name, str) and name.strip())


def _total_and_items(payload: bytes | Any) -> tuple[int | None, Sequence[Any]]:
    value = payloads.parse(payload) if isinstance(payload, bytes) else payload
    envelope = read_envelope(value)
    result = envelope.result if envelope.has_result else value
    if result is None:
        return None, []
    if isinstance(result, list):
        return None, result
    for place in (result, result.get("data")) if isinstance(result, Mapping) else ():
        if isinstance(place, Mapping) and (items := _items_or_only_list_in(place)) is not None:
            return _number(place.get("total")), items
    # Never read as an empty list: that nothing is there can be evidence about money.
    raise WireError("the answer holds no list")


def _items_or_only_list_in(value: Mapping[str, Any]) -> list[Any] | None:
    """Return the items under a known name, else the only list of objects there is."""
    items = _items_in(value)
    lists = [item_list for item_list in value.values() if isinstance(item_list, list)]
    if items is None and _number(value.get("total")) == 0 and lists == [[]]:
        return []
    objects = [item_list for item_list in lists if item_list and all(isinstance(item, Mapping) for item in item_list)]
    return objects[0] if items is None and "id" not in value and len(objects) == 1 else items


def _items_in(value: Mapping[str, Any]) -> list[Any] | None:
    for key in _ITEM_KEYS:
        if isinstance(value.get(key), list):
            return list(value[key])
    return None


def read_datetime(value: Any) -> str:
    """Return ISO 8601 UTC of a date in any likely form, a missing zone read as UTC; "" if it is none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        elif not isinstance(value, str) or not value.strip():
            return ""
        else:
            moment = _moment(value.strip()[:64])
        return iso_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError, OSError):
        return ""


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


def is_web_page(body: bytes) -> bool:
    """Say whether an answer is a page for people: a challenge or a login of something in between."""
    start = body[:512].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html")) or b"<html" in start


def _status(value: Any) -> str:
    word = sanitize.sentence(_text(value), limit=40).lower()
    return "succeeded" if word == "completed" else word


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _url(value: Any, allow_file: bool) -> str:
    text = _text(value)
    schemes = ("https://", "http://", "file:///") if allow_file else ("https://", "http://")
    is_plain = text.isprintable() and not re.search(r"[ \"<>\\^`{|}]", text)
    return text if is_plain and len(text) <= _LONGEST_URL and text.lower().startswith(schemes) else ""


def _values(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not value:
        return None
    return tuple(item if isinstance(item, str) else "" if item is None else str(item) for item in value)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _index(value: Any) -> int | None:
    number = _number(value)
    return number if number is not None and 0 <= number < 10**9 else None
