"""Routes that take orders for videos. Source: API contract, sections 2.1 to 2.5, 2.16, 2.17."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from bhuman_cli.studio import http_answer
from bhuman_cli.studio.config import INSTANCE_ID
from bhuman_cli.studio.queue.backend import Backend, Order
from bhuman_cli.studio.queue.validation import InvalidOrder
from bhuman_cli.studio.server import models, replies
from bhuman_cli.studio.server.auth import Access

router = APIRouter(prefix="/api/ai_studio", tags=["orders"])

TOKEN_HEADER = "x-worker-token"


@router.post(
    "/pipeline/campaign",
    responses=replies.responses(models.Ids, 400, 401, 413),
    openapi_extra=replies.takes(models.CampaignRequest),
)
async def campaign(request: Request) -> Response:
    """Make one video for each row of `names`."""
    return await _ordered_campaign(request, "campaign")


@router.post(
    "/pipeline/zapier",
    responses=replies.responses(models.Ids, 400, 401, 413),
    openapi_extra=replies.takes(models.CampaignRequest),
)
async def zapier(request: Request) -> Response:
    """Take the same as the campaign route."""
    return await _ordered_campaign(request, "zapier")


async def _ordered_campaign(request: Request, route: str) -> Response:
    payload = await replies.body(request, models.CampaignRequest)
    replies.enter(request, Access.ORDER if route == "campaign" else Access.BASIC)
    return replies.accept(request, _ordered(route, "campaign", str(payload.campaign_id), payload))


@router.post(
    "/try_sample",
    responses=replies.responses(models.Ids, 400, 401, 413),
    openapi_extra=replies.takes(models.SampleRequest),
)
async def try_sample(request: Request) -> Response:
    """Make one video of a video instance for each row of `names`."""
    payload = await replies.body(request, models.SampleRequest)
    replies.enter(request, Access.ORDER)
    return replies.accept(request, _ordered("try_sample", "instance", str(payload.video_instance_id), payload))


@router.post(
    "/pipeline/pabbly",
    responses=replies.responses(models.Ids, 400, 401, 413),
    openapi_extra=replies.takes(models.PabblyRequest),
)
async def pabbly(request: Request) -> Response:
    """Make one video; the variables come by name."""
    payload = await replies.body(request, models.PabblyRequest)
    replies.enter(request, Access.BASIC)
    _no_blanks(payload.variables)
    return replies.accept(request, _single("pabbly", payload.campaign_id, payload.variables, payload))


@router.post(
    "/pipeline/leadr",
    responses=replies.responses(models.Ids, 400, 401, 413),
    openapi_extra=replies.takes(models.LeadrRequest),
)
async def leadr(request: Request) -> Response:
    """Take the ordered shape or the object shape: what the service takes is not documented."""
    payload = await replies.body(request, models.LeadrRequest)
    replies.enter(request, Access.BASIC)
    variables, names = _either(payload.variables, payload.names)
    order = Order(
        route="leadr",
        kind="campaign",
        target_id=str(payload.campaign_id),
        variables=variables,
        names=names,
        callback_url=payload.callback_url or "",
        generation_mode=payload.generation_mode,
    )
    return replies.accept(request, order)


@router.post(
    "/videos_preview",
    responses=replies.responses(models.Thing, 400, 401, 413),
    openapi_extra=replies.takes(models.PreviewRequest),
)
async def videos_preview(request: Request) -> Response:
    """Make a preview. Not documented: answers {id, ids, status}."""
    payload = await replies.body(request, models.PreviewRequest)
    backend = replies.enter(request, Access.EITHER)
    kind = "campaign" if payload.campaign_id else "instance"
    target = str(payload.campaign_id or payload.video_instance_id or INSTANCE_ID)
    # With no values of its own, each of the template's variables shows its name.
    known = {name: name for name in backend.targets.resolve(kind, target).variables} or {"first_name": "Alex"}
    variables, names = _either(payload.variables or known, payload.names)
    order = Order(
        route="videos_preview",
        kind=kind,
        target_id=target,
        variables=variables,
        names=names,
        callback_url=payload.callback_url or "",
    )
    answer = replies.accept(request, order)
    ids = http_answer.HttpAnswer(status=200, body=bytes(answer.body)).payload()["result"]
    return replies.ok({"id": ids[0], "ids": ids, "status": "queued"}) if ids else answer


@router.post(
    "/pipeline/webhook",
    responses=replies.responses(models.Thing, 403, 404, 413),
    openapi_extra=replies.takes(models.WorkerReport),
)
async def worker_report(request: Request) -> Response:
    """Hear from a render worker how a video ended. Closed to everybody else; never call it."""
    given = request.headers.get(TOKEN_HEADER, "")
    if not hmac.compare_digest(given.encode(), str(request.app.state.worker_token).encode()):
        return replies.send(http_answer.refusal(403, "only render workers may report"))
    report = await replies.body(request, models.WorkerReport)
    backend: Backend = request.app.state.backend
    if backend.store.generation(str(report.id)) is None:
        return replies.not_found("generation")
    ended = backend.finish(str(report.id), report.status, report.message)
    return replies.ok({"id": str(report.id), "ended": ended})


def _ordered(route: str, kind: str, target_id: str, payload: models.OrderedRows) -> Order:
    return Order(
        route=route,
        kind=kind,
        target_id=target_id,
        variables=payload.variables,
        names=payload.names,
        assets=payload.assets,
        backgrounds=[background.model_dump() for background in payload.backgrounds or []],
        callback_url=payload.callback_url or "",
        generation_mode=payload.generation_mode,
        enable_lipsync=payload.enable_lipsync,
    )


def _single(route: str, campaign_id: Any, variables: Mapping[str, str], payload: models.PabblyRequest) -> Order:
    return Order(
        route=route,
        kind="campaign",
        target_id=str(campaign_id),
        variables=list(variables),
        names=[list(variables.values())],
        callback_url=payload.callback_url or "",
        generation_mode=payload.generation_mode,
    )


def _either(
    variables: Sequence[str] | Mapping[str, str], names: Sequence[Sequence[str]] | None
) -> tuple[list[str], list[list[str]]]:
    if isinstance(variables, Mapping):
        return list(variables), [list(variables.values())]
    return list(variables), [list(row) for row in names or []]


def _no_blanks(variables: Mapping[str, str]) -> None:
    if any(not value.strip() for value in variables.values()):
        raise InvalidOrder("variables: a value is blank")
