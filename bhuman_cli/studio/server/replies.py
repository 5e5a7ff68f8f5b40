"""Replies, and what all routes do alike: read a body, ask for credentials. In the documented order: 422, 401, 400."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from bhuman_cli.studio import http_answer
from bhuman_cli.studio.queue import records
from bhuman_cli.studio.queue.backend import Backend, Order, OutOfCredits
from bhuman_cli.studio.server import auth, models
from bhuman_cli.studio.server.middleware import REQUEST_NO

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

ACCESS: Final = "x-access"
_ENCODINGS: Final = {"", "utf-8", "utf8", "us-ascii", "ascii"}
_OTHER_ENCODINGS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00")

_TOLD: Final = {
    400: "the payload can't be used: its fields don't fit each other, the campaign or the template",
    401: "missing or wrong credentials",
    403: "not a worker",
    404: "there is none with this id",
    405: "no such method here; `Allow` names those that there are",
    413: "the body is over 10 MiB",
    415: "the body is in an encoding that is not read here: only UTF-8, not compressed",
    421: "the Host of the request is not this machine's",
    503: "nothing can be written or held now; nothing was accepted",
}


class RefusedRequest(Exception):
    """A request that ends with this answer."""

    def __init__(self, answer: http_answer.HttpAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def described(
    name: str, access: auth.Access, success: Any, *codes: int, body: type[BaseModel] | None = None
) -> dict[str, Any]:
    """Return what a route declares of itself: its name, who may enter, what it answers and takes."""
    refusals = {*codes, 405, 421, 503, *((413, 415) if body else ()), *((401,) if auth.asks(access) else ())}
    extra: dict[str, Any] = {ACCESS: access}
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    problems = {code: {"model": models.Problem, "description": _TOLD[code]} for code in sorted(refusals)}
    misshapen = {422: {"model": models.ShapeProblem, "description": "the body or query can't be read"}}
    done: dict[int, Any] = {}
    if success is not None:
        told = success.__doc__ if isinstance(success, type) else _EITHER
        done = {200: {"model": success, "description": told}}
    return {"operation_id": name, "responses": {**done, **problems, **misshapen}, "openapi_extra": extra}


_EITHER: Final = "accepted, or refused for want of credits, which is no HTTP error"


async def body(request: Request, model: type[M]) -> M:
    """Read the JSON body, whatever its content type says.

    Raises:
        RefusedRequest: it is in another encoding (415), not JSON, or not of this shape (422), without its values.
    """
    content = await request.body()
    charset = request.headers.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(' "')
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding != "identity" or charset not in _ENCODINGS or content.startswith(_OTHER_ENCODINGS):
        raise RefusedRequest(http_answer.refusal(415, _TOLD[415]))
    try:
        return model.model_validate_json(content.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        raise RefusedRequest(shape_refusal(problems, "body")) from None


def shape_refusal(problems: Any, where: str = "") -> http_answer.HttpAnswer:
    """Return a 422: {detail: [{type, loc, msg}]}."""
    detail = [
        {"type": problem["type"], "loc": [*([where] if where else []), *problem["loc"]], "msg": problem["msg"]}
        for problem in problems
    ]
    return http_answer.HttpAnswer(status=422, body=http_answer.encode({"detail": detail[:50]}))


def enter(request: Request) -> Backend:
    """Return the backend to a request whose credentials open its route.

    Raises:
        RefusedRequest: they don't (401; 403 at the workers' door).
    """
    backend: Backend = request.app.state.backend
    access = request.scope["route"].openapi_extra[ACCESS]
    if access is auth.Access.WORKER:
        if not auth.same(request.headers.get("x-worker-token", ""), request.app.state.worker_token):
            raise RefusedRequest(http_answer.refusal(403, "only render workers may report"))
    elif auth.asks(access) and not auth.may_enter(backend.config, access, request.headers.get("authorization")):
        # No WWW-Authenticate: with it, a browser asks for a password over Swagger UI's own dialog.
        why = auth.why_not(backend.config, request.headers.get("authorization"))
        raise RefusedRequest(http_answer.refusal(401, why))
    return backend


def links(request: Request) -> records.Links:
    """Return where media are found by whoever asks: other machines know this one by another name than it does."""
    backend: Backend = request.app.state.backend
    host = request.headers.get("host")
    if not (backend.config.allow_remote and host):
        return backend.links
    return replace(backend.links, base_url=f"http://{host}")


async def accept(request: Request, order: Order) -> list[str]:
    """Accept an order, and return its ids.

    Raises:
        InvalidOrder: the payload can't be used. RefusedRequest: it can't be paid for.
    """
    backend: Backend = request.app.state.backend
    try:
        return await backend.accept(order, request.scope[REQUEST_NO])
    except OutOfCredits:
        raise RefusedRequest(http_answer.quota()) from None


def ok(result: Any) -> Response:
    """Answer with the documented envelope."""
    return send(http_answer.success(result))


def found(result: T | None, what: str) -> T:
    """Return what there is.

    Raises:
        RefusedRequest: it is None (404).
    """
    if result is None:
        raise RefusedRequest(http_answer.refusal(404, f"{what} not found"))
    return result


def send(answer: http_answer.HttpAnswer) -> Response:
    """Turn an answer into the web framework's."""
    response = Response(answer.body, status_code=answer.status, media_type=answer.content_type)
    response.headers.update(dict(answer.headers))
    return response
