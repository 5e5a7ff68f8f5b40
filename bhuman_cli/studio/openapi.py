"""Owns what the OpenAPI document says beyond the routes: the shapes of bodies, and the credentials."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from bhuman_cli.studio import models

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

SECURITY: Final = {
    "key": {"type": "http", "scheme": "basic", "description": "API key: id `local`, secret `local`"},
    "user": {"type": "http", "scheme": "bearer", "description": "user token: `local`"},
}


def extend(app: FastAPI) -> None:
    """Make app.openapi() describe the bodies and the credentials too."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            _, defined = models_json_schema(
                [(model, "validation") for model in BODIES], ref_template="#/components/schemas/{model}"
            )
            parts = document.setdefault("components", {})
            parts.setdefault("schemas", {}).update(defined["$defs"])
            parts["securitySchemes"] = SECURITY
            for path in document["paths"].values():
                for operation in path.values():
                    if "401" in operation["responses"]:
                        operation["security"] = [{"key": []}, {"user": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
