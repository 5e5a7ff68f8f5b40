"""Requests of this program as a table, compared with a service's OpenAPI document. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from bhuman_cli.api.requester import PREFIX

# Where services usually keep the document; the first that answers with one is read.
DOCUMENT_PATHS: Final = (
    "/openapi.json",
    "/api/openapi.json",
    f"{PREFIX}/openapi.json",
    "/swagger-ui/openapi.json",
    "/docs/openapi.json",
    "/swagger.json",
)
_MAX_REFERENCES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRequest:
    """A request as this program makes it. always: in every request; at_times: only where the user asks for it.

    Names map to JSON types, several joined by `|`. is_sure: documented; otherwise the user brings the shape.
    """

    method: str
    route: str
    always: Mapping[str, str]
    at_times: Mapping[str, str]
    is_sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where document and program differ. breaks: a request of ours would fail or lose something."""

    route: str
    what: str
    breaks: bool


_ROWS: Final = {"variables": "array", "names": "array", "generation_mode": "string"}
_ROWS_AT_TIMES: Final = {
    "callback_url": "string",
    "assets": "array",
    "backgrounds": "array",
    "enable_lipsync": "boolean",
}
_PAGE: Final = {"page": "integer", "size": "integer"}
_ID: Final = {"id": "string"}


def _documented(
    method: str, route: str, always: Mapping[str, str], at_times: Mapping[str, str] | None = None
) -> KnownRequest:
    return KnownRequest(method=method, route=route, always=always, at_times=at_times or {})


def _undocumented(method: str, route: str, always: Mapping[str, str] | None = None) -> KnownRequest:
    return KnownRequest(method=method, route=route, always=always or {}, at_times={}, is_sure=False)


KNOWN_REQUESTS: Final[Sequence[KnownRequest]] = (
    _documented("POST", "pipeline/campaign", {"campaign_id": "string", **_ROWS}, _ROWS_AT_TIMES),
    _documented("POST", "pipeline/zapier", {"campaign_id": "string", **_ROWS}, {"callback_url": "string"}),
    _documented(
        "POST",
        "pipeline/pabbly",
        {"campaign_id": "string", "variables": "object"},
        {"callback_url": "string", "generation_mode": "string"},
    ),
    _undocumented("POST", "pipeline/leadr"),
    _documented("POST", "try_sample", {"video_instance_id": "string", **_ROWS}, _ROWS_AT_TIMES),
    _documented("GET", "video_instances", _PAGE),
    _documented("GET", "video_instance", _ID),
    _undocumented("POST", "video_instance"),
    _undocumented("PATCH", "video_instance", _ID),
    _documented("GET", "campaigns", _PAGE),
    _documented("GET", "campaign", _ID),
    _undocumented("POST", "campaign"),
    _undocumented("PATCH", "campaign", _ID),
    _documented("GET", "generated_video_by_video_instance_id", {"video_instance_id": "string", **_PAGE}),
    _documented("GET", "generated_video_by_campaign_id", {"campaign_id": "string", **_PAGE}),
    _documented("GET", "generated_video_by_id", _ID),
    _documented("GET", "speakeasy_projects", {}),
    _documented("POST", "speakeasy_projects/import", {"project_id": "string"}, {"workspace_id": "string"}),
    _documented("GET", "webhook", {}),
    _documented("POST", "webhook", {"name": "string", "webhook": "string"}),
    _undocumented("POST", "videos_preview"),
)


def is_document(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Say whether a JSON value is an OpenAPI or Swagger document."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("paths"), Mapping)
        and ("openapi" in value or "swagger" in value)
    )


def compare(document: Mapping[str, Any]) -> list[Difference]:
    """Return every difference between what the document describes and what this program sends, breaking ones first."""
    routes = _routes(document)
    differences = [difference for sent in KNOWN_REQUESTS for difference in _compare_one(document, routes, sent)]
    routes_sent = {(sent.method, sent.route) for sent in KNOWN_REQUESTS}
    differences += [
        Difference(route=f"{method} {route}", what="the service describes it, no command sends it", breaks=False)
        for route, methods in sorted(routes.items())
        for method in sorted(methods)
        if (method, route) not in routes_sent
    ]
    return sorted(differences, key=lambda difference: not difference.breaks)


def _routes(document: Mapping[str, Any]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return operations by our route and method; routes outside the API's prefix are nobody's business here."""
    routes: dict[str, dict[str, Mapping[str, Any]]] = {}
    base = str(document.get("basePath") or "").rstrip("/")
    for path, item in document["paths"].items():
        whole = f"{base}{path}".rstrip("/")
        if not isinstance(item, Mapping) or PREFIX not in whole:
            continue
        operations: dict[str, Mapping[str, Any]] = {
            method.upper(): {
                **operation,
                "parameters": [*_list(item.get("parameters")), *_list(operation.get("parameters"))],
            }
            for method, operation in item.items()
            if isinstance(operation, Mapping) and method in {"get", "post", "put", "patch", "delete"}
        }
        routes[whole.split(PREFIX, maxsplit=1)[1].strip("/")] = operations
    return routes


def _compare_one(
    document: Mapping[str, Any], routes: Mapping[str, Mapping[str, Mapping[str, Any]]], sent: KnownRequest
) -> Iterator[Difference]:
    name = f"{sent.method} {sent.route}"
    if sent.route not in routes:
        yield Difference(route=name, what="the route is not in the document", breaks=sent.is_sure)
        return
    operation = routes[sent.route].get(sent.method)
    if operation is None:
        methods = ", ".join(sorted(routes[sent.route])) or "nothing"
        yield Difference(route=name, what=f"the document has {methods} there", breaks=sent.is_sure)
        return
    described = dict(_parameters(document, operation))
    schema = _body(document, operation)
    described |= {
        key: (value, key in _required(document, schema)) for key, value in _properties(document, schema).items()
    }
    yield from _compare_fields(document, sent, described, schema)


def _compare_fields(
    document: Mapping[str, Any],
    sent: KnownRequest,
    described: Mapping[str, tuple[Any, bool]],
    schema: Mapping[str, Any],
) -> Iterator[Difference]:
    name = f"{sent.method} {sent.route}"
    is_closed = schema.get("additionalProperties") is False
    for key, kind in {**sent.always, **sent.at_times}.items():
        if key not in described:
            what = f"{key} is sent, but the document {'refuses' if is_closed else 'does not mention'} it"
            yield Difference(route=name, what=what, breaks=is_closed)
        elif wrong := _mismatch(document, described[key][0], kind):
            yield Difference(route=name, what=f"{key} is sent as {kind}, the document wants {wrong}", breaks=True)
    for key, (_, is_required) in described.items():
        if is_required and key not in sent.always:
            how = "only sent when asked for" if key in sent.at_times else "not sent by itself"
            yield Difference(route=name, what=f"{key} is required, but {how}", breaks=sent.is_sure)


def _parameters(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, bool]]]:
    for parameter in _list(operation.get("parameters")):
        resolved = _resolved(document, parameter)
        if resolved.get("in") in {"query", "path", "formData"} and isinstance(resolved.get("name"), str):
            yield resolved["name"], (resolved.get("schema", resolved), bool(resolved.get("required")))


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, Any]:
    content = _resolved(document, operation.get("requestBody")).get("content")
    if isinstance(content, Mapping):
        media: Any = content.get("application/json") or next(iter(content.values()), None)
        return _resolved(document, media.get("schema") if isinstance(media, Mapping) else None)
    parameters = (_resolved(document, parameter) for parameter in _list(operation.get("parameters")))
    swagger = next((candidate for candidate in parameters if candidate.get("in") == "body"), {})
    return _resolved(document, swagger.get("schema"))


def _properties(document: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for part in _parts(document, schema):
        properties = part.get("properties")
        result |= properties if isinstance(properties, Mapping) else {}
    return result


def _required(document: Mapping[str, Any], schema: Mapping[str, Any]) -> set[str]:
    return {key for part in _parts(document, schema) for key in _list(part.get("required")) if isinstance(key, str)}


def _parts(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and everything that `allOf` adds to it."""
    yield schema
    for part in _list(schema.get("allOf")):
        yield _resolved(document, part)


def _mismatch(document: Mapping[str, Any], schema: Any, kind: str) -> str:
    """Return the types the document allows, if ours is none of them; "" if it fits or nothing is said."""
    allowed = set(_types(document, schema, 0))
    fits = not allowed or bool(allowed & set(kind.split("|"))) or (kind == "integer" and "number" in allowed)
    return "" if fits else " or ".join(sorted(allowed))


def _types(document: Mapping[str, Any], schema: Any, depth: int) -> Iterator[str]:
    resolved = _resolved(document, schema)
    said = resolved.get("type")
    yield from (
        kind for kind in (said if isinstance(said, list) else [said]) if isinstance(kind, str) and kind != "null"
    )
    if depth < _MAX_REFERENCES:
        for key in ("anyOf", "oneOf", "allOf"):
            for part in _list(resolved.get(key)):
                yield from _types(document, part, depth + 10)


def _resolved(document: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """Follow `$ref` inside the document; {} for anything that is no object."""
    for _ in range(_MAX_REFERENCES):
        reference = value.get("$ref") if isinstance(value, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        value = document
        for step in reference[2:].split("/"):
            value = value.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
