"""Additions to the OpenAPI document beyond the routes: shapes and examples of bodies, and the credentials."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID, PROJECT_IDS
from bhuman_cli.studio.server import models

BODIES: Final = (
    models.CampaignRequest,
    models.SampleRequest,
    models.PabblyRequest,
    models.LeadrRequest,
    models.PreviewRequest,
    models.CampaignIn,
    models.InstanceIn,
    models.ImportRequest,
    models.WebhookIn,
    models.WorkerReport,
)

_ROWS: Final = {"variables": ["first_name", "company"], "names": [["Alex", "ExampleCo"], ["Jordan", "Sample Labs"]]}
_BY_NAME: Final = {"variables": {"first_name": "Alex", "company": "ExampleCo"}}

EXAMPLES: Final[dict[str, Any]] = {
    "CampaignRequest": {"campaign_id": CAMPAIGN_ID, **_ROWS, "generation_mode": "keep_original"},
    "SampleRequest": {"video_instance_id": INSTANCE_ID, **_ROWS},
    "PabblyRequest": {"campaign_id": CAMPAIGN_ID, **_BY_NAME},
    "LeadrRequest": {"campaign_id": CAMPAIGN_ID, **_ROWS},
    "PreviewRequest": {"campaign_id": CAMPAIGN_ID, **_BY_NAME},
    "CampaignIn": {"name": "Autumn offer", "whatsapp": False},
    "InstanceIn": {"name": "Second presenter"},
    "ImportRequest": {"project_id": PROJECT_IDS[0]},
    "WebhookIn": {"name": "Mine", "webhook": "http://127.0.0.1:8080/hook"},
}
"""Bodies that work as they are on a new studio, so that Swagger UI's button does something."""

SECURITY: Final = {
    "key": {"type": "http", "scheme": "basic", "description": "API key: id `local`, secret `local`"},
    "user": {"type": "http", "scheme": "bearer", "description": "user token: `local`"},
}


def extend(app: FastAPI) -> None:
    """Make app.openapi() describe bodies and credentials too."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    _, defined = models_json_schema(
        [(model, "validation") for model in BODIES], ref_template="#/components/schemas/{model}"
    )
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {}).update(defined["$defs"])
    parts["securitySchemes"] = SECURITY
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["summary"] = operation["description"].splitlines()[0]
            if "401" in operation["responses"]:
                operation["security"] = [{"key": []}, {"user": []}]
            if "requestBody" in operation:
                _exemplify(operation["requestBody"]["content"]["application/json"])
    return document


def _exemplify(content: dict[str, Any]) -> None:
    example = EXAMPLES.get(content["schema"]["$ref"].rpartition("/")[2])
    if example is not None:
        content["example"] = example
