"""Routes that take orders for videos. Source: API contract, sections 2.1 to 2.5, 2.16, 2.17."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from bhuman_cli.studio.config import INSTANCE_ID
from bhuman_cli.studio.queue.backend import Order
from bhuman_cli.studio.queue.entries import End
from bhuman_cli.studio.queue.validation import InvalidOrder
from bhuman_cli.studio.server import models, replies
from bhuman_cli.studio.server.auth import Access
from bhuman_cli.studio.server.replies import described

router = APIRouter(prefix="/api/ai_studio", tags=["orders"])

ACCEPTED = models.Ids | models.BusinessFailure


@router.post(
    "/pipeline/campaign", **described("render_campaign", Access.ORDER, ACCEPTED, 400, body=models.CampaignRequest)
)
async def campaign(request: Request) -> Response:
    """Make one video for each row of `names`."""
    payload = await replies.body(request, models.CampaignRequest)
    return await _ordered(request, "campaign", str(payload.campaign_id), payload)


@router.post("/pipeline/zapier", **described("render_zapier", Access.BASIC, ACCEPTED, 400, body=models.CampaignRequest))
async def zapier(request: Request) -> Response:
    """Take the same as the campaign route."""
    payload = await replies.body(request, models.CampaignRequest)
    return await _ordered(request, "zapier", str(payload.campaign_id), payload)


@router.post("/try_sample", **described("render_sample", Access.ORDER, ACCEPTED, 400, body=models.SampleRequest))
async def try_sample(request: Request) -> Response:
    """Make one video of a video instance for each row of `names`."""
    payload = await replies.body(request, models.SampleRequest)
    return await _ordered(request, "try_sample", str(payload.video_instance_id), payload)


@router.post("/pipeline/pabbly", **described("render_pabbly", Access.BASIC, ACCEPTED, 400, body=models.PabblyRequest))
async def pabbly(request: Request) -> Response:
    """Make one video; the variables come by name."""
    payload = await replies.body(request, models.PabblyRequest)
    replies.enter(request)
    if any(not value.strip() for value in payload.variables.values()):
        raise InvalidOrder("variables: a value is blank")
    return replies.ok(await replies.accept(request, _either("pabbly", payload, payload.variables, None)))


@router.post("/pipeline/leadr", **described("render_leadr", Access.BASIC, ACCEPTED, 400, body=models.LeadrRequest))
async def leadr(request: Request) -> Response:
    """Take the ordered shape or the object shape: what the service takes is not documented."""
    payload = await replies.body(request, models.LeadrRequest)
    replies.enter(request)
    return replies.ok(await replies.accept(request, _either("leadr", payload, payload.variables, payload.names)))


@router.post(
    "/videos_preview",
    **described(
        "preview_video", Access.EITHER, models.PreviewAnswer | models.BusinessFailure, 400, body=models.PreviewRequest
    ),
)
async def videos_preview(request: Request) -> Response:
    """Make a preview. Not documented: answers {id, ids, status}."""
    payload = await replies.body(request, models.PreviewRequest)
    backend = replies.enter(request)
    kind = "campaign" if payload.campaign_id else "instance"
    target = str(payload.campaign_id or payload.video_instance_id or INSTANCE_ID)
    names = backend.targets.resolve(kind, target).variables
    values: Any = payload.variables
    if values is None:  # each of the template's variables shows its name
        values = {name: name for name in names} or {"first_name": "Alex"}
    order = _either("videos_preview", payload, values, payload.names, kind=kind, target=target)
    ids = await replies.accept(request, order)
    return replies.ok({"id": ids[0], "ids": ids, "status": "queued"})


@router.post(
    "/pipeline/webhook",
    **described("report_render", Access.WORKER, models.ReportedAnswer, 403, 404, body=models.WorkerReport),
)
async def worker_report(request: Request) -> Response:
    """Hear from a render worker how a video ended. Closed to everybody else; never call it."""
    backend = replies.enter(request)
    report = await replies.body(request, models.WorkerReport)
    identifier = str(report.id)
    replies.found(backend.store.generation(identifier), "generation")
    (ended,) = await backend.finish({identifier: End(state=report.status, message=report.message)})
    return replies.ok({"id": identifier, "ended": ended})


async def _ordered(request: Request, route: str, target_id: str, payload: models.OrderedRows) -> Response:
    replies.enter(request)
    order = Order(
        route=route,
        kind="instance" if route == "try_sample" else "campaign",
        target_id=target_id,
        variables=payload.variables,
        names=payload.names,
        assets=payload.assets,
        backgrounds=[background.model_dump(exclude_none=True) for background in payload.backgrounds or []],
        callback_url=payload.callback_url or "",
        generation_mode=payload.generation_mode,
        enable_lipsync=payload.enable_lipsync,
    )
    return replies.ok(await replies.accept(request, order))


def _either(
    route: str,
    payload: models.PabblyRequest | models.LeadrRequest | models.PreviewRequest,
    variables: Sequence[str] | Mapping[str, str],
    names: Sequence[Sequence[str]] | None,
    *,
    kind: str = "campaign",
    target: str = "",
) -> Order:
    by_name = isinstance(variables, Mapping)
    if names is not None and not names:
        raise InvalidOrder("names is empty")
    rows: Any = [list(variables.values())] if isinstance(variables, Mapping) else names or []
    return Order(
        route=route,
        kind=kind,
        target_id=target or str(payload.campaign_id),
        variables=list(variables),
        names=rows if by_name else [list(row) for row in rows],
        callback_url=payload.callback_url or "",
        generation_mode=getattr(payload, "generation_mode", None),
    )
