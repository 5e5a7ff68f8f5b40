"""Pages that people open in a browser: the front page, share pages, media, Swagger UI, errors. Changes nothing."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID
from bhuman_cli.studio.http_answer import HttpAnswer
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.render import personal
from bhuman_cli.studio.render.output import share_page as share
from bhuman_cli.studio.server import replies
from bhuman_cli.studio.server.auth import Access
from bhuman_cli.studio.server.replies import described

router = APIRouter(tags=["pages and media"])
hidden = APIRouter(include_in_schema=False)

MEDIA_TYPES: Final = {"video.mp4": "video/mp4", "thumbnail.jpg": "image/jpeg", "preview.gif": "image/gif"}
SWAGGER_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
STATES: Final = ("queued", "preparing", "processing", "succeeded", "failed")


@hidden.api_route("/", methods=["GET", "HEAD"])
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


_PAGE: Final = described("open_share_page", Access.OPEN, None, 404)
_PAGE["responses"][200] = {"description": "the page", "content": {"text/html": {"schema": {"type": "string"}}}}


@router.get("/video/{identifier}", response_class=Response, **_PAGE)
async def share_page(request: Request, identifier: UUID) -> Response:
    """Show one video to whoever has its id, with the page that the renderer writes beside its files."""
    backend: Backend = request.app.state.backend
    row, values = replies.found(backend.page_values(str(identifier)), "video")
    title = share.title_for(dict(values))
    if row["state"] == "succeeded":
        page = _noted(backend, row["id"]) or share.SharePage(values=personal.presentable(dict(values)), title=title)
        return _secured(page.html(f"/media/{row['id']}/", replies.links(request).base_url))
    return _html("unfinished.html", title=title, status=row["state"], failed=row["state"] == "failed", id=row["id"])


def _noted(backend: Backend, identifier: str) -> share.SharePage | None:
    """Return the page as the renderer made it, with its length, size and sender; a placeholder has none."""
    folder = backend.media_folder(identifier)
    page = folder / "index.html" if folder is not None else None
    return share.read(page.read_text("utf-8")) if page is not None and page.is_file() else None


_FILE: Final = {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}}
_MEDIA: Final = described("get_media", Access.OPEN, None, 404)
_MEDIA["responses"] |= {
    200: {"description": "the file", **_FILE},
    206: {"description": "the part of the file that `Range` asks for", **_FILE},
    304: {"description": "the file is as it was"},
    416: {"description": "the file has no such part"},
}


@hidden.head("/media/{identifier}/{name}")
@router.get("/media/{identifier}/{name}", response_class=FileResponse, **_MEDIA)
async def media(
    request: Request, identifier: UUID, name: Annotated[str, PathParameter(json_schema_extra={"enum": [*MEDIA_TYPES]})]
) -> Response:
    """Serve one file of a finished video. No credentials: possession of the id is the access control."""
    backend: Backend = request.app.state.backend
    folder = replies.found(backend.media_folder(str(identifier)), "file")
    # Only these names exist, so there is no path to walk out of.
    path = replies.found(folder / name if name in MEDIA_TYPES and (folder / name).is_file() else None, "file")
    headers = {"cache-control": "private, max-age=3600", "x-content-type-options": "nosniff"}
    response = FileResponse(path, media_type=MEDIA_TYPES[name], headers=headers, stat_result=path.stat())
    if _is_known(request, response, path.stat().st_mtime):
        validators = {name: response.headers[name] for name in ("etag", "last-modified")}
        return Response(status_code=304, headers={**headers, **validators})
    return response


def _is_known(request: Request, response: Response, changed_s: float) -> bool:
    """Say whether whoever asks has the file already. Source: RFC 9110, section 13."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        etags = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        return "*" in etags or response.headers["etag"] in etags
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
        return int(changed_s) <= since.timestamp()
    return False


@hidden.get("/favicon.ico")
async def icon() -> Response:
    """Serve the pages' icon."""
    return FileResponse(Path(__file__).parents[1] / "pages" / "icon.svg", media_type="image/svg+xml")


@hidden.get("/swagger-ui")
async def swagger_without_slash() -> Response:
    """Lead to the page, whose files are named relative to it."""
    return RedirectResponse("/swagger-ui/")


@hidden.get("/swagger-ui/")
async def swagger() -> Response:
    """Show the API to try out; every file comes from this machine."""
    return _html("swagger.html", scripts="'self' 'unsafe-inline'")


@hidden.get("/swagger-ui/{name}")
async def swagger_file(name: str) -> Response:
    """Serve Swagger UI's own files."""
    spec = importlib.util.find_spec("fastapi_offline")
    origin = replies.found((spec and name in SWAGGER_TYPES and spec.origin) or None, "file")
    return FileResponse(Path(origin).parent / "static" / name, media_type=SWAGGER_TYPES[name])


def error_page(answer: HttpAnswer) -> HttpAnswer:
    """Return a refusal as a page, for whoever reads it in a browser."""
    payload = answer.payload()
    said = str(payload.get("error") or "") if isinstance(payload, dict) else ""
    page = _html("error.html", title=_TITLES.get(answer.status, HTTPStatus(answer.status).phrase), said=said)
    headers = {**dict(answer.headers), **page.headers}
    kind = headers.pop("content-type")
    del headers["content-length"]
    return HttpAnswer(status=answer.status, body=bytes(page.body), content_type=kind, headers=tuple(headers.items()))


_TITLES: Final = {
    401: "This needs credentials",
    404: "There is nothing here",
    405: "This can't be opened in a browser",
    422: "This address is misspelt",
}


def _html(template: str, *, scripts: str = "'unsafe-inline'", **values: Any) -> Response:
    return _secured(render_template(template, **values), scripts=scripts)


def _secured(html: str, *, scripts: str = "'unsafe-inline'") -> Response:
    policy = (
        f"default-src 'none'; frame-ancestors 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data:; media-src 'self'; font-src 'self' data:; connect-src 'self'; base-uri 'self';"
        " form-action 'none'"
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
