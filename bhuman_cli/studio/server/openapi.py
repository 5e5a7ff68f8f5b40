"""OpenAPI document beyond what routes declare: credentials by access mode, callbacks, descriptions, examples.

Its words and examples are in `openapi.toml`; every example works as it is on a new studio.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from bhuman_cli.studio.config import StudioConfig
from bhuman_cli.studio.server import auth, models
from bhuman_cli.studio.server.replies import ACCESS

_BODIES: Final = (
    models.CampaignRequest, models.SampleRequest, models.PabblyRequest, models.LeadrRequest, models.PreviewRequest,
    models.CampaignIn, models.CampaignChanges, models.InstanceIn, models.InstanceChanges, models.ImportRequest,
    models.WebhookIn, models.WorkerReport, models.Callback, models.WhatsappReady,
)  # fmt: skip

_SECURITY: Final = {
    "key": {"type": "http", "scheme": "basic", "description": "API key: id `local`, secret `local`"},
    "user": {"type": "http", "scheme": "bearer", "description": "user token: `local`"},
}
_SCHEME: Final = {"basic": "key", "bearer": "user"}
_JSON: Final = "application/json"


def extend(app: FastAPI, config: StudioConfig) -> None:
    """Make app.openapi() true for this configuration, and complete."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain(), config.access)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(document: dict[str, Any], access: str) -> dict[str, Any]:
    words = tomllib.loads((resources.files(__package__) / "openapi.toml").read_text("utf-8"))
    _, defined = models_json_schema(
        [(model, "validation") for model in _BODIES], ref_template="#/components/schemas/{model}"
    )
    document["info"]["description"] = words["description"]
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {}) | defined["$defs"]
    parts["schemas"] = {name: schema for name, schema in schemas.items() if name not in _UNUSED}
    parts["securitySchemes"] = _SECURITY
    for name, schema in parts["schemas"].items():
        _describe(schema, {**words["properties"], **words.get("properties_of", {}).get(name, {})})
    _leave_out_closed(document, access)
    for operation in _operations(document):
        told = words["operations"][operation["operationId"]]
        operation["summary"] = operation["description"].splitlines()[0]
        operation["description"] += f"\n\n{told['source']}"
        door = auth.Access(operation.pop(ACCESS))
        operation["security"] = [{_SCHEME[scheme]: []} for scheme in auth.schemes(access, door)]
        if door is auth.Access.WORKER:
            operation.setdefault("parameters", []).append(
                {"name": "x-worker-token", "in": "header", "required": True, "schema": {"type": "string"}}
            )
        _exemplify(operation, told, words)
    return document


_UNUSED: Final = {"HTTPValidationError", "ValidationError"}
"""The web framework's own shapes of a 422, which is another one here."""


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        yield from operations.values()


def _leave_out_closed(document: dict[str, Any], access: str) -> None:
    """Leave out what no credentials open in this mode."""
    for path, operations in list(document["paths"].items()):
        for method, operation in list(operations.items()):
            door = auth.Access(operation[ACCESS])
            if auth.asks(door) and not auth.schemes(access, door):
                del operations[method]
        if not operations:
            del document["paths"][path]


def _describe(schema: dict[str, Any], texts: dict[str, str]) -> None:
    for name, told in schema.get("properties", {}).items():
        told.pop("title", None)
        told.setdefault("description", texts[name])


def _exemplify(operation: dict[str, Any], told: dict[str, Any], words: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        parameter["schema"].pop("title", None)
        parameter["description"] = words["parameters"][name]
        example = told.get("parameters", {}).get(name)
        if example is not None:
            parameter["example"] = example
    if "requestBody" in operation:
        operation["requestBody"]["content"][_JSON]["example"] = words["examples"][told["body"]]
        operation["requestBody"]["description"] = "JSON in UTF-8, at most 10 MiB."
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get(_JSON)
        if content is None:
            continue
        if status == "200":
            content["example"] = {"code": 200, "result": words["examples"][told["answer"]]}
        elif status == "422":
            content["example"] = {"detail": [{"type": "missing", "loc": ["query", "id"], "msg": "Field required"}]}
        else:
            content["example"] = {"code": int(status), "result": None, "error": answer["description"]}
    if told.get("callbacks"):
        operation["callbacks"] = _callbacks(words["examples"])


def _callbacks(examples: dict[str, Any]) -> dict[str, Any]:
    """Return what is POSTed to the request's `callback_url`, else to the campaign's, else to the webhook saved last."""
    return {
        event: {
            "{$request.body#/callback_url}": {
                "post": {
                    "operationId": f"on_{name}",
                    "summary": summary,
                    "requestBody": {
                        "required": True,
                        "content": {
                            _JSON: {"schema": {"$ref": f"#/components/schemas/{model}"}, "example": examples[model]}
                        },
                    },
                    "responses": {"2XX": {"description": "taken; anything else is sent again, eight times in all"}},
                }
            }
        }
        for event, name, model, summary in (
            ("completion", "completion", "Callback", "A video has ended. One each; duplicates must be expected."),
            ("whatsapp.ready", "whatsapp_ready", "WhatsappReady", "WhatsApp's file is ready, after the completion."),
        )
    }
