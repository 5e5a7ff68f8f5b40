"""Raw answers: the envelope and the shapes of refusals. No decisions."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An HTTP answer before it is sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def payload(self) -> Any:
        """Return the body as JSON, or None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def with_payload(self, payload: Any) -> HttpAnswer:
        """Return the same answer around another payload."""
        return replace(self, body=encode(payload))


def encode(payload: Any) -> bytes:
    """Return JSON as the studio writes it."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def success(result: Any) -> HttpAnswer:
    """Return the documented envelope."""
    return HttpAnswer(status=200, body=encode({"code": 200, "result": result}))


def refusal(status: int, message: str, shape: str = "error") -> HttpAnswer:
    """Return a refusal in one of the shapes that a client must be able to read.

    The body of errors is not documented; `error` is our default.
    """
    match shape:
        case "message":
            payload: Any = {"code": status, "message": message}
        case "result-error":
            payload = {"code": status, "result": {"error": message}}
        case "result":
            payload = {"code": status, "result": message}
        case "detail":
            payload = {"detail": message}
        case "in-200":
            return HttpAnswer(status=200, body=encode({"code": status, "result": None, "error": message}))
        case "plain":
            return HttpAnswer(status=status, body=message.encode(), content_type="text/plain; charset=utf-8")
        case "html":
            return HttpAnswer(status=status, body=HTML, content_type="text/html; charset=utf-8")
        case "empty":
            return HttpAnswer(status=status, body=b"")
        case _:
            payload = {"code": status, "result": None, "error": message}
    return HttpAnswer(status=status, body=encode(payload))


def quota(shape: str = "business") -> HttpAnswer:
    """Return a refusal for want of credits.

    Documented is only that it is a business failure; ours is `business`: HTTP 200, a code that is no status.
    """
    message = "insufficient credits"
    match shape:
        case "result-error":
            return HttpAnswer(status=200, body=encode({"code": 200, "result": {"error": message}}))
        case "result":
            return HttpAnswer(status=200, body=encode({"code": 200, "result": message}))
        case "message":
            return HttpAnswer(status=200, body=encode({"code": 402, "message": message}))
        case "402" | "403" | "400" | "429":
            return refusal(int(shape), message)
        case _:
            return HttpAnswer(status=200, body=encode({"code": 1001, "result": None, "error": message}))


HTML: Final = (
    b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1></body></html>"
)
