"""Owns what people open in a browser: the front page, share pages, media, Swagger UI. Changes nothing."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from bhuman_cli.studio import page, replies
from bhuman_cli.studio.backend import Backend

router = APIRouter(include_in_schema=False)

TYPES: Final = {
    "video.mp4": "video/mp4",
    "thumbnail.jpg": "image/jpeg",
    "preview.gif": "image/gif",
}


@router.get("/")
async def front(request: Request) -> Response:
    """Show what runs here."""
    backend: Backend = request.app.state.backend
    videos = [{**dict(row), "values": json.loads(row["text"])} for row in backend.store.latest(24)]
    return _html("front.html", videos=videos, counts=backend.store.counts(), config=backend.config)


@router.get("/healthz")
async def healthz() -> dict[str, Any]:
    """Say that the studio is up."""
    return {"ok": True}


@router.get("/video/{identifier}")
async def share_page(request: Request, identifier: UUID) -> Response:
    """Show one video to whoever has its id."""
    backend: Backend = request.app.state.backend
    found = backend.page_values(str(identifier))
    if found is None:
        return replies.not_found("video")
    row, values = found
    base = f"/media/{row['id']}/"
    return _html("video.html", status=row["state"], message=row["message"], values=values, base=base, id=row["id"])


@router.api_route("/media/{identifier}/{name}", methods=["GET", "HEAD"])
async def media(request: Request, identifier: UUID, name: str) -> Response:
    """Serve one file of a finished video; ranges are honoured."""
    backend: Backend = request.app.state.backend
    folder = backend.media_folder(str(identifier))
    # Only these names exist, so there is no path to walk out of.
    if folder is None or name not in TYPES or not (folder / name).is_file():
        return replies.not_found("file")
    return FileResponse(folder / name, media_type=TYPES[name], headers={"cache-control": "private, max-age=3600"})


def _html(template: str, **values: Any) -> Response:
    headers = {
        "content-security-policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline';"
        " script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return HTMLResponse(page.fill(template, **values), headers=headers)
