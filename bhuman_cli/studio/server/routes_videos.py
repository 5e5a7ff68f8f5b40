"""Routes that show generations. Source: API contract, sections 2.9 to 2.12."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from bhuman_cli.studio.server import models, replies
from bhuman_cli.studio.server.auth import Access
from bhuman_cli.studio.server.replies import described

router = APIRouter(prefix="/api/ai_studio", tags=["videos"])

Page = Annotated[int, Query(ge=0, le=10**12)]
Size = Annotated[int, Query(ge=1, le=100)]


@router.get("/generated_video_by_id", **described("get_video", Access.OPEN, models.VideoAnswer, 404))
async def by_id(request: Request, id: UUID) -> Response:
    """Show one video. No credentials: possession of the id is the access control."""
    record = replies.enter(request).record(str(id), replies.links(request))
    return replies.ok(replies.found(record, "generated video"))


@router.get("/get_generated_video", **described("get_generated_video", Access.OPEN, models.VideoAnswer, 404))
async def get_generated_video(request: Request, id: UUID) -> Response:
    """Do the same as generated_video_by_id; what the service does here is not documented."""
    return await by_id(request, id)


@router.get("/generated_video_by_campaign_id", **described("list_campaign_videos", Access.LIST, models.VideoPageAnswer))
async def by_campaign(request: Request, campaign_id: UUID, page: Page = 0, size: Size = 100) -> Response:
    """Show a page of a campaign's videos, oldest first."""
    links = replies.links(request)
    return replies.ok(replies.enter(request).page("campaign", str(campaign_id), page=page, size=size, links=links))


@router.get(
    "/generated_video_by_video_instance_id",
    **described("list_video_instance_videos", Access.LIST, models.VideoPageAnswer),
)
async def by_instance(request: Request, video_instance_id: UUID, page: Page = 0, size: Size = 100) -> Response:
    """Show a page of a video instance's videos, oldest first."""
    links = replies.links(request)
    backend = replies.enter(request)
    return replies.ok(backend.page("instance", str(video_instance_id), page=page, size=size, links=links))
