"""Owns what the OpenAPI document says beyond the routes: the shapes of bodies, which routes read themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from bhuman_cli.studio import models

BODIES = (
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


def extend(app: FastAPI) -> None:
    """Make app.openapi() describe the bodies too."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            _, defined = models_json_schema(
                [(model, "validation") for model in BODIES], ref_template="#/components/schemas/{model}"
            )
            document.setdefault("components", {}).setdefault("schemas", {}).update(defined["$defs"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
