"""Routes of campaigns, video instances, Speakeasy projects and saved webhooks.

Source: API contract, sections 2.6 to 2.8, 2.13 to 2.15. How things are created and changed is not documented: POST
creates (or changes, with an `id` in the body), PUT and PATCH change.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from bhuman_cli.studio.server import models, replies
from bhuman_cli.studio.server.auth import Access
from bhuman_cli.studio.server.routes_videos import Page, Size

router = APIRouter(prefix="/api/ai_studio", tags=["campaigns and instances"])


@router.get("/video_instances", responses=replies.responses(models.InstancePageAnswer, 401))
async def instances(request: Request, page: Page, size: Size) -> Response:
    """List video instances."""
    backend = replies.enter(request, Access.LIST)
    return replies.ok(_page("instances", backend.targets.list("instance"), page, size))


@router.get("/video_instance", responses=replies.responses(models.InstanceAnswer, 401, 404))
async def instance(request: Request, id: UUID) -> Response:
    """Show one video instance, in a list of one."""
    record = replies.enter(request, Access.LIST).targets.get("instance", str(id))
    return replies.not_found("video instance") if record is None else replies.ok([record])


@router.get("/campaigns", responses=replies.responses(models.CampaignPageAnswer, 401))
async def campaigns(request: Request, page: Page = 0, size: Size = 100) -> Response:
    """List campaigns."""
    backend = replies.enter(request, Access.LIST)
    return replies.ok(_page("campaigns", backend.targets.list("campaign"), page, size))


@router.get("/campaign", responses=replies.responses(models.CampaignAnswer, 401, 404))
async def campaign(request: Request, id: UUID) -> Response:
    """Show one campaign, with the names of its variables where the template has a closed set."""
    record = replies.enter(request, Access.LIST).targets.get("campaign", str(id))
    return replies.not_found("campaign") if record is None else replies.ok(record)


_CAMPAIGN: dict[str, Any] = {
    "responses": replies.responses(models.CampaignAnswer, 400, 401, 404, 413),
    "openapi_extra": replies.takes(models.CampaignIn),
}
_INSTANCE: dict[str, Any] = {
    "responses": replies.responses(models.InstanceAnswer, 400, 401, 404, 413),
    "openapi_extra": replies.takes(models.InstanceIn),
}


@router.post("/campaigns", operation_id="create_campaign", **_CAMPAIGN)
@router.post("/campaign", operation_id="create_campaign_too", **_CAMPAIGN)
async def create_campaign(request: Request) -> Response:
    """Create a campaign, or change the one whose `id` is in the body."""
    return await _save_campaign(request, None)


@router.put("/campaign", operation_id="replace_campaign", **_CAMPAIGN)
@router.patch("/campaign", operation_id="update_campaign", **_CAMPAIGN)
async def update_campaign(request: Request, id: UUID | None = None) -> Response:
    """Change the given fields of a campaign; its `id` is in the query or in the body."""
    return await _save_campaign(request, id, must_exist=True)


async def _save_campaign(request: Request, identifier: UUID | None, *, must_exist: bool = False) -> Response:
    payload = await replies.body(request, models.CampaignIn)
    identifier = identifier or payload.id
    if must_exist and identifier is None:
        raise replies.RefusedRequest(replies.shape_refusal([_NO_ID]))
    backend = replies.enter(request, Access.LIST)
    fields = payload.model_dump(mode="json", exclude={"id"})
    record = backend.targets.save_campaign(str(identifier) if identifier else None, fields)
    return replies.not_found("campaign") if record is None else replies.ok(record)


@router.post("/video_instances", operation_id="create_video_instance", **_INSTANCE)
@router.post("/video_instance", operation_id="create_video_instance_too", **_INSTANCE)
async def create_instance(request: Request) -> Response:
    """Create a video instance, or change the one whose `id` is in the body."""
    return await _save_instance(request, None)


@router.put("/video_instance", operation_id="replace_video_instance", **_INSTANCE)
@router.patch("/video_instance", operation_id="update_video_instance", **_INSTANCE)
async def update_instance(request: Request, id: UUID | None = None) -> Response:
    """Change the given fields of a video instance; its `id` is in the query or in the body."""
    return await _save_instance(request, id, must_exist=True)


async def _save_instance(request: Request, identifier: UUID | None, *, must_exist: bool = False) -> Response:
    payload = await replies.body(request, models.InstanceIn)
    identifier = identifier or payload.id
    if must_exist and identifier is None:
        raise replies.RefusedRequest(replies.shape_refusal([_NO_ID]))
    backend = replies.enter(request, Access.LIST)
    fields = payload.model_dump(mode="json", exclude={"id"})
    record = backend.targets.save_instance(str(identifier) if identifier else None, fields)
    return replies.not_found("video instance") if record is None else replies.ok([record])


_NO_ID = {"type": "missing", "loc": ("query", "id"), "msg": "Field required"}


@router.get("/speakeasy_projects", responses=replies.responses(models.Things, 401))
async def projects(request: Request) -> Response:
    """List generated presenters that can be imported."""
    return replies.ok(replies.enter(request, Access.BASIC).targets.list("project"))


@router.post(
    "/speakeasy_projects/import",
    responses=replies.responses(models.Thing, 400, 401, 413),
    openapi_extra=replies.takes(models.ImportRequest),
)
async def import_project(request: Request) -> Response:
    """Make a video instance of a generated presenter."""
    payload = await replies.body(request, models.ImportRequest)
    backend = replies.enter(request, Access.BASIC)
    made = backend.targets.import_project(payload.project_id)
    return replies.ok({"video_instance_id": made["id"], "id": made["id"], "name": made["name"]})


@router.get("/webhook", responses=replies.responses(models.Things, 401))
async def webhooks(request: Request) -> Response:
    """List saved webhooks."""
    return replies.ok(replies.enter(request, Access.EITHER).targets.list("webhook"))


@router.post(
    "/webhook", responses=replies.responses(models.Thing, 401, 413), openapi_extra=replies.takes(models.WebhookIn)
)
async def create_webhook(request: Request) -> Response:
    """Save a webhook: it is used where an order names no callback URL."""
    payload = await replies.body(request, models.WebhookIn)
    backend = replies.enter(request, Access.EITHER)
    return replies.ok(backend.targets.save_webhook(payload.name, payload.webhook))


def _page(name: str, records: list[dict[str, Any]], page: int, size: int) -> dict[str, Any]:
    return {"total": len(records), name: records[page * size : (page + 1) * size]}
