"""Effects of faults: what each does to a good answer. Pure: answer in, answer out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bhuman_cli.studio import http_answer
from bhuman_cli.studio.faults.grammar import Fault
from bhuman_cli.studio.http_answer import HttpAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a fault may draw on besides the answer.

    earlier_ids: of other requests, newest first. earlier_record: some other generation's record, or None.
    """

    now: datetime
    earlier_ids: Sequence[str] = ()
    earlier_record: Mapping[str, Any] | None = None


def early(fault: Fault) -> HttpAnswer | None:
    """Return the answer that a fault gives without the request being looked at; None if it isn't that kind."""
    if fault.flag("after-acceptance"):
        return None
    match fault.action:
        case "status" | "html":
            return _instead(fault)
        case "quota" if fault.option("shape") != "partly":
            return http_answer.quota(fault.option("shape", "business"))
        case _:
            return None


def late(fault: Fault, answer: HttpAnswer, around: Surroundings) -> HttpAnswer:
    """Return the answer as a fault leaves it, after the request was handled."""
    if fault.action in {"status", "html"} and fault.flag("after-acceptance"):
        return _instead(fault)
    if fault.action == "error-body":
        message = _message(answer) if answer.status >= 400 else ""
        return http_answer.refusal(answer.status, message, fault.option("shape", "error")) if message else answer
    if fault.action == "unknown-id":
        return _unknown(fault, answer)
    if answer.status != 200:
        return answer
    if body := _BODIES.get(fault.action):
        return body(fault, answer)
    payload = answer.payload()
    if not isinstance(payload, dict) or payload.get("code") != 200:
        return answer
    if fault.action == "envelope":
        return answer.with_payload(_envelope(fault, payload["result"]))
    return answer.with_payload({**payload, "result": _result(fault, payload["result"], around)})


def _instead(fault: Fault) -> HttpAnswer:
    if fault.action == "html":
        return HttpAnswer(status=200, body=http_answer.HTML, content_type="text/html; charset=utf-8")
    status = int(fault.number("code", 503))
    answer = http_answer.refusal(status, fault.option("message", f"rehearsed {status}"), fault.option("shape", "error"))
    headers = []
    if wait := fault.option("retry-after"):
        headers.append(("retry-after", wait))
    if 300 <= status < 400:
        headers.append(("location", fault.option("location", "/elsewhere")))
    return replace(answer, headers=tuple(headers), body=b"" if status in {204, 304} else answer.body)


def _message(answer: HttpAnswer) -> str:
    payload = answer.payload()
    if not isinstance(payload, dict):
        return ""
    detail = payload.get("detail")
    if isinstance(detail, list):
        return "; ".join(str(problem.get("msg", "")) for problem in detail if isinstance(problem, dict))
    return str(payload.get("error") or "")


def _unknown(fault: Fault, answer: HttpAnswer) -> HttpAnswer:
    if answer.status != 404:
        return answer
    match fault.option("is", "404"):
        case "null":
            return http_answer.success(None)
        case "400":
            return http_answer.refusal(400, _message(answer))
        case _:
            return answer


def _cut(fault: Fault, answer: HttpAnswer) -> HttpAnswer:
    return replace(answer, body=answer.body[: int(fault.number("bytes", len(answer.body) // 2))])


_BODIES: Final[Mapping[str, Callable[[Fault, HttpAnswer], HttpAnswer]]] = {
    "empty-body": lambda _, answer: replace(answer, body=b""),
    "garbage": lambda _, answer: replace(answer, body=b"\xff\xfe\x00{]" + answer.body[:7][::-1] + b"\x80"),
    "cut-json": _cut,
}


def _envelope(fault: Fault, result: Any) -> Any:
    match fault.option("shape"):
        case "bare":
            return result
        case "no-code":
            return {"result": result}
        case "list":
            return _records(result)
        case "result-list":
            return {"code": 200, "result": _records(result)}
        case "videos":
            records = _records(result)
            return {"code": 200, "result": {"total": len(records), **_page(result), "videos": records}}
        case "string":
            return {"code": 200, "result": str(result)}
        case _:
            return {"code": int(fault.number("code", 200)), "result": result}


def _page(result: Any) -> dict[str, Any]:
    return result if isinstance(result, dict) and isinstance(result.get("videos"), list) else {}


def _records(result: Any) -> list[Any]:
    records = _page(result).get("videos", result)
    return records if isinstance(records, list) else [records]


def _result(fault: Fault, result: Any, around: Surroundings) -> Any:
    if isinstance(result, list) and all(isinstance(item, str) for item in result):
        return _ids(fault, result, around)
    if isinstance(result, dict) and isinstance(result.get("videos"), list):
        return _listing(fault, result, around)
    if isinstance(result, dict) and "row_index" in result:
        if fault.action == "foreign-record":
            return around.earlier_record or result
        return _record(fault, result)
    return result


def _ids(fault: Fault, ids: list[str], around: Surroundings) -> list[Any]:
    count = int(fault.number("n", 1))
    match fault.action:
        case "short-ids":
            return ids[: max(len(ids) - count, 0)]
        case "extra-ids":
            return [*ids, *(str(uuid.uuid4()) for _ in range(count))]
        case "shuffled-ids":
            return [*ids[1:], ids[0]] if ids else ids
        case "repeated-ids":
            return [ids[0], ids[0], *ids[2:]] if len(ids) > 1 else ids
        case "foreign-ids":
            return [*around.earlier_ids, *(str(uuid.uuid4()) for _ in ids)][: len(ids)]
        case "malformed-ids":
            return [(None if index % 2 else f"video-{index}") for index, _ in enumerate(ids)]
        case _:
            return list(ids)


def _listing(fault: Fault, result: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    videos = list(result["videos"])
    match fault.action:
        case "list-lag":
            if fault.option("seconds"):
                limit = fault.number("seconds", 5)
                shown = [video for video in videos if _age_s(video, around.now) >= limit]
            else:
                shown = videos[: max(len(videos) - int(fault.number("n", 1)), 0)]
            return {**result, "total": result["total"] - (len(videos) - len(shown)), "videos": shown}
        case "list-newest-first":
            return {**result, "videos": videos[::-1]}
        case _:
            return {**result, "videos": [_record(fault, video) for video in videos]}


def _age_s(video: Mapping[str, Any], now: datetime) -> float:
    return (now - datetime.fromisoformat(video["created_at"])).total_seconds()


def _record(fault: Fault, record: dict[str, Any]) -> dict[str, Any]:
    changed = dict(record)
    kind = fault.option("is", "null")
    match fault.action, kind:
        case "row-index" | "text", "missing":
            changed.pop(fault.action.replace("-", "_"), None)
        case "row-index", "one-based":
            changed["row_index"] += 1
        case "row-index", "reversed":
            changed["row_index"] = -changed["row_index"] - 1
        case "text", "reformatted":
            changed["text"] = [f" {value.title()}." for value in record["text"]]
        case "text", "joined":
            changed["text"] = [" ".join(record["text"])]
        case "row-index" | "text", _:
            changed[fault.action.replace("-", "_")] = None
        case "unknown-status", _:
            changed |= {"status": fault.option("word", "compositing"), "url": None, "thumbnail": None, "gif": None}
            changed.pop("share_url", None)
        case "status-word", _ if record["status"] == "succeeded":
            changed["status"] = fault.option("word", "completed")
        case "page-field", _ if "share_url" in record:
            changed[fault.option("is", "vimeo_url")] = changed.pop("share_url")
        case "dates", _:
            changed |= {
                name: _dated(record[name], fault.option("is", "naive")) for name in ("created_at", "updated_at")
            }
        case "missing", _:
            _without(changed, fault.option("field", "share_url"))
        case _:
            pass
    return changed


def _dated(moment: str, form: str) -> str | int:
    parsed = datetime.fromisoformat(moment)
    if form == "epoch":
        return int(parsed.timestamp())
    return parsed.replace(tzinfo=None).isoformat(sep=" " if form == "blank" else "T")


def _without(record: dict[str, Any], field: str) -> None:
    fields = ("url", "thumbnail", "gif") if field == "media" else (field,)
    for name in fields:
        if name == "share_url":
            record.pop(name, None)
        else:
            record[name] = None
