"""Routes that show generations. Source: API contract, sections 2.9 to 2.12."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.server import models, replies
from bhuman_cli.studio.server.auth import Access

router = APIRouter(prefix="/api/ai_studio", tags=["videos"])

Page = Annotated[int, Query(ge=0, le=10**12)]
Size = Annotated[int, Query(ge=1, le=100)]


@router.get("/generated_video_by_id", responses=replies.responses(models.VideoAnswer, 404))
async def by_id(request: Request, id: UUID) -> Response:
    """Show one video. No credentials: possession of the id is the access control."""
    return _one(request, id)


@router.get("/get_generated_video", responses=replies.responses(models.VideoAnswer, 404))
async def get_generated_video(request: Request, id: UUID) -> Response:
    """Do the same as generated_video_by_id; what the service does here is not documented."""
    return _one(request, id)


def _one(request: Request, identifier: UUID) -> Response:
    backend: Backend = request.app.state.backend
    record = backend.record(str(identifier), replies.links(request))
    return replies.not_found("generated video") if record is None else replies.ok(record)


@router.get("/generated_video_by_campaign_id", responses=replies.responses(models.VideoPageAnswer, 401))
async def by_campaign(request: Request, campaign_id: UUID, page: Page = 0, size: Size = 100) -> Response:
    """Show a page of a campaign's videos, oldest first."""
    backend = replies.enter(request, Access.LIST)
    links = replies.links(request)
    return replies.ok(backend.page("campaign", str(campaign_id), page=page, size=size, links=links))


@router.get("/generated_video_by_video_instance_id", responses=replies.responses(models.VideoPageAnswer, 401))
async def by_instance(request: Request, video_instance_id: UUID, page: Page = 0, size: Size = 100) -> Response:
    """Show a page of a video instance's videos, oldest first."""
    backend = replies.enter(request, Access.LIST)
    links = replies.links(request)
    return replies.ok(backend.page("instance", str(video_instance_id), page=page, size=size, links=links))
