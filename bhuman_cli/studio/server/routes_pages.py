"""Routes for browsers: the front page, share pages, media, Swagger UI. Changes nothing."""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.render.output import share_page as share
from bhuman_cli.studio.server import replies

router = APIRouter(include_in_schema=False)

MEDIA_TYPES: Final = {"video.mp4": "video/mp4", "thumbnail.jpg": "image/jpeg", "preview.gif": "image/gif"}
SWAGGER_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
STATES: Final = ("queued", "preparing", "processing", "succeeded", "failed")


@router.api_route("/", methods=["GET", "HEAD"])
async def front(request: Request) -> Response:
    """Show what runs here."""
    backend: Backend = request.app.state.backend
    left = None if backend.config.credits is None else backend.store.setting("credits_left")
    return _html(
        "front.html",
        videos=[{**dict(row), "values": json.loads(row["text"])} for row in backend.store.latest(24)],
        counts=backend.store.counts(),
        callbacks=backend.store.callback_outcomes(),
        states=STATES,
        credits=None if left is None else int(left),
        instant=backend.config.render == "instant",
        base_url=replies.links(request).base_url,
        campaign_id=CAMPAIGN_ID,
        instance_id=INSTANCE_ID,
    )


@router.api_route("/video/{identifier}", methods=["GET", "HEAD"])
async def share_page(request: Request, identifier: UUID) -> Response:
    """Show one video to whoever has its id, with the page that the renderer writes beside its files."""
    backend: Backend = request.app.state.backend
    found = backend.page_values(str(identifier))
    if found is None:
        return replies.not_found("video")
    row, values = found
    title = share.title_for("A video", dict(values))
    if row["state"] == "succeeded":
        return _secured(share.render_page(dict(values), title, f"/media/{row['id']}/"))
    return _html("unfinished.html", title=title, status=row["state"], failed=row["state"] == "failed", id=row["id"])


@router.api_route("/media/{identifier}/{name}", methods=["GET", "HEAD"])
async def media(request: Request, identifier: UUID, name: str) -> Response:
    """Serve one file of a finished video; ranges are honoured."""
    backend: Backend = request.app.state.backend
    folder = backend.media_folder(str(identifier))
    # Only these names exist, so there is no path to walk out of.
    if folder is None or name not in MEDIA_TYPES or not (folder / name).is_file():
        return replies.not_found("file")
    headers = {"cache-control": "private, max-age=3600", "x-content-type-options": "nosniff"}
    path = folder / name
    response = FileResponse(path, media_type=MEDIA_TYPES[name], headers=headers, stat_result=path.stat())
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if response.headers["etag"] in known:
        return Response(status_code=304, headers={**headers, "etag": response.headers["etag"]})
    return response


@router.get("/favicon.ico")
async def icon() -> Response:
    """Serve the pages' icon."""
    return FileResponse(Path(__file__).parents[1] / "pages" / "icon.svg", media_type="image/svg+xml")


@router.get("/swagger-ui")
async def swagger_without_slash() -> Response:
    """Lead to the page, whose files are named relative to it."""
    return RedirectResponse("/swagger-ui/")


@router.get("/swagger-ui/")
async def swagger() -> Response:
    """Show the API to try out; every file comes from this machine."""
    return _html("swagger.html", scripts="'self' 'unsafe-inline'")


@router.get("/swagger-ui/{name}")
async def swagger_file(name: str) -> Response:
    """Serve Swagger UI's own files."""
    spec = importlib.util.find_spec("fastapi_offline")
    if name not in SWAGGER_TYPES or spec is None or spec.origin is None:
        return replies.not_found("file")
    return FileResponse(Path(spec.origin).parent / "static" / name, media_type=SWAGGER_TYPES[name])


def _html(template: str, *, scripts: str = "'unsafe-inline'", **values: Any) -> Response:
    return _secured(render_template(template, **values), scripts=scripts)


def _secured(html: str, *, scripts: str = "'unsafe-inline'") -> Response:
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " media-src 'self'; font-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return HTMLResponse(html, headers=headers)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("bhuman_cli.studio", "pages"), autoescape=True, undefined=jinja2.StrictUndefined
    )


def render_template(template: str, **values: Any) -> str:
    """Return a page of the studio."""
    return _environment().get_template(template).render(**values)
