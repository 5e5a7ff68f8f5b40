"""Replies: how routes read a body, ask for credentials, and answer, in the documented order 422, 401, 400."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from bhuman_cli.studio import http_answer
from bhuman_cli.studio.queue import records
from bhuman_cli.studio.queue.backend import Backend, Order, OutOfCredits
from bhuman_cli.studio.server import auth, models
from bhuman_cli.studio.server.middleware import REQUEST_NO

M = TypeVar("M", bound=BaseModel)

Spec = dict[int | str, dict[str, Any]]


class RefusedRequest(Exception):
    """A request that ends with this answer."""

    def __init__(self, answer: http_answer.HttpAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def responses(success: type[BaseModel], *codes: int) -> Spec:
    """Return what OpenAPI says of a route's answers."""
    told = {
        400: "the payload can't be used",
        401: "missing or wrong credentials",
        403: "not a worker",
        404: "not found",
        413: "the body is too large",
    }
    refusals: Spec = {code: {"model": models.Problem, "description": told[code]} for code in codes}
    shape: Spec = {422: {"model": models.ShapeProblem, "description": "the body or query can't be read"}}
    return {200: {"model": success}, **refusals, **shape}


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a route's body; the body itself is read by body()."""
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def body(request: Request, model: type[M]) -> M:
    """Read the JSON body, whatever its content type says.

    Raises:
        Refused: it is not JSON, or not of this shape (422). Values are not repeated in the answer.
    """
    try:
        return model.model_validate_json(await request.body())
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


def enter(request: Request, door: auth.Access) -> Backend:
    """Return the backend to a request whose credentials open this door.

    Raises:
        Refused: they don't (401).
    """
    backend: Backend = request.app.state.backend
    if not auth.may_enter(backend.config, door, request.headers.get("authorization")):
        # No WWW-Authenticate: with it, a browser asks for a password over Swagger UI's own dialog.
        raise RefusedRequest(http_answer.refusal(401, _why(backend, request.headers.get("authorization"))))
    return backend


def _why(backend: Backend, authorization: str | None) -> str:
    scheme, _, rest = (authorization or "").strip().partition(" ")
    if scheme.lower() == "basic" and backend.config.access != "documented":
        return "not open to API keys" if auth.is_known_pair(backend.config, rest) else "unknown client id or secret"
    return "missing or invalid authorization"


def links(request: Request) -> records.Links:
    """Return where media are found by whoever asks: other machines know this one by another name than it does."""
    backend: Backend = request.app.state.backend
    host = request.headers.get("host")
    if not (backend.config.allow_remote and host):
        return backend.links
    return replace(backend.links, base_url=f"http://{host}")


def accept(request: Request, order: Order) -> Response:
    """Accept an order and answer with its ids.

    Raises:
        rules.Unusable: the payload can't be used.
    """
    backend: Backend = request.app.state.backend
    try:
        ids = backend.accept(order, request.scope[REQUEST_NO])
    except OutOfCredits:
        return send(http_answer.quota())
    return ok(ids)


def ok(result: Any) -> Response:
    """Answer with the documented envelope."""
    return send(http_answer.success(result))


def not_found(what: str) -> Response:
    """Answer 404."""
    return send(http_answer.refusal(404, f"{what} not found"))


def send(answer: http_answer.HttpAnswer) -> Response:
    """Turn an answer into the web framework's."""
    response = Response(answer.body, status_code=answer.status, media_type=answer.content_type)
    response.headers.update(dict(answer.headers))
    return response
