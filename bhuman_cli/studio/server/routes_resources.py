"""Routes of campaigns, video instances, Speakeasy projects and saved webhooks.

Source: API contract, sections 2.6 to 2.8, 2.13 to 2.15. How things are created and changed is not documented: here POST
creates, and PATCH changes the fields it names.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from bhuman_cli.studio.server import models, replies
from bhuman_cli.studio.server.auth import Access
from bhuman_cli.studio.server.replies import described
from bhuman_cli.studio.server.routes_videos import Page, Size

router = APIRouter(prefix="/api/ai_studio", tags=["campaigns and instances"])


@router.get("/video_instances", **described("list_video_instances", Access.LIST, models.InstancePageAnswer))
async def instances(request: Request, page: Page, size: Size) -> Response:
    """List video instances."""
    return _page(request, "instance", page, size)


@router.get("/video_instance", **described("get_video_instance", Access.LIST, models.InstanceAnswer, 404))
async def instance(request: Request, id: UUID) -> Response:
    """Show one video instance, in a list of one."""
    record = replies.enter(request).targets.get("instance", str(id))
    return replies.ok([replies.found(record, "video instance")])


@router.get("/campaigns", **described("list_campaigns", Access.LIST, models.CampaignPageAnswer))
async def campaigns(request: Request, page: Page = 0, size: Size = 100) -> Response:
    """List campaigns."""
    return _page(request, "campaign", page, size)


@router.get("/campaign", **described("get_campaign", Access.LIST, models.CampaignAnswer, 404))
async def campaign(request: Request, id: UUID) -> Response:
    """Show one campaign, with the names of its variables where the template has a closed set."""
    record = replies.enter(request).targets.get("campaign", str(id))
    return replies.ok(replies.found(record, "campaign"))


@router.post(
    "/campaign", **described("create_campaign", Access.LIST, models.CampaignAnswer, 400, body=models.CampaignIn)
)
async def create_campaign(request: Request) -> Response:
    """Create a campaign."""
    return replies.ok(await _save(request, "campaign", None, models.CampaignIn))


@router.patch(
    "/campaign",
    **described("update_campaign", Access.LIST, models.CampaignAnswer, 400, 404, body=models.CampaignChanges),
)
async def update_campaign(request: Request, id: UUID) -> Response:
    """Change the given fields of a campaign."""
    return replies.ok(await _save(request, "campaign", id, models.CampaignChanges))


@router.post(
    "/video_instance",
    **described("create_video_instance", Access.LIST, models.InstanceAnswer, body=models.InstanceIn),
)
async def create_instance(request: Request) -> Response:
    """Create a video instance."""
    return replies.ok([await _save(request, "video instance", None, models.InstanceIn)])


@router.patch(
    "/video_instance",
    **described("update_video_instance", Access.LIST, models.InstanceAnswer, 404, body=models.InstanceChanges),
)
async def update_instance(request: Request, id: UUID) -> Response:
    """Change the given fields of a video instance."""
    return replies.ok([await _save(request, "video instance", id, models.InstanceChanges)])


async def _save(request: Request, what: str, identifier: UUID | None, shape: type[models.Model]) -> dict[str, Any]:
    fields = (await replies.body(request, shape)).model_dump(mode="json")
    backend = replies.enter(request)
    target_id = str(identifier) if identifier else None
    if what == "campaign":
        record = await backend.change(lambda targets: targets.save_campaign(target_id, fields))
    else:
        record = await backend.change(lambda targets: targets.save_instance(target_id, fields))
    return replies.found(record, what)


@router.get("/speakeasy_projects", **described("list_speakeasy_projects", Access.BASIC, models.ProjectsAnswer))
async def projects(request: Request) -> Response:
    """List generated presenters that can be imported."""
    return replies.ok(replies.enter(request).targets.page("project")[1])


@router.post(
    "/speakeasy_projects/import",
    **described("import_speakeasy_project", Access.BASIC, models.ImportedAnswer, 400, body=models.ImportRequest),
)
async def import_project(request: Request) -> Response:
    """Make a video instance of a generated presenter."""
    payload = await replies.body(request, models.ImportRequest)
    made = await replies.enter(request).change(lambda targets: targets.import_project(payload.project_id))
    return replies.ok({"video_instance_id": made["id"], "id": made["id"], "name": made["name"]})


@router.get("/webhook", **described("list_webhooks", Access.EITHER, models.WebhooksAnswer))
async def webhooks(request: Request) -> Response:
    """List saved webhooks."""
    return replies.ok(replies.enter(request).targets.page("webhook")[1])


@router.post("/webhook", **described("create_webhook", Access.EITHER, models.WebhookAnswer, body=models.WebhookIn))
async def create_webhook(request: Request) -> Response:
    """Save a webhook: it is used where an order names no callback URL."""
    payload = await replies.body(request, models.WebhookIn)
    backend = replies.enter(request)
    return replies.ok(await backend.change(lambda targets: targets.save_webhook(payload.name, payload.webhook)))


def _page(request: Request, kind: str, page: int, size: int) -> Response:
    # A page that far away would not fit SQLite's integers.
    total, records = replies.enter(request).targets.page(kind, offset=min(page * size, 1 << 60), limit=size)
    return replies.ok({"total": total, f"{kind}s": records})
