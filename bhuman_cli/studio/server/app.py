"""Web application, put together: routes, refusals, the background tasks. Decides nothing itself."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from bhuman_cli import __version__
from bhuman_cli import clock as clocks
from bhuman_cli.studio import http_answer
from bhuman_cli.studio.config import StudioConfig
from bhuman_cli.studio.queue import dispatch, validation
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.queue.callbacks import Sender
from bhuman_cli.studio.queue.leases import Owner
from bhuman_cli.studio.queue.request_log import RequestLog
from bhuman_cli.studio.queue.store import StudioStore
from bhuman_cli.studio.server import (
    middleware,
    openapi,
    placeholder,
    replies,
    routes_orders,
    routes_pages,
    routes_resources,
    routes_videos,
)

if TYPE_CHECKING:
    from bhuman_cli.studio.render.pool.workers import RenderPool

FLUSH_S: Final = 0.25
AGAIN_S: Final = 1.0

_ROUTERS: Final = (
    routes_orders.router, routes_videos.router, routes_resources.router, routes_pages.router, routes_pages.hidden
)  # fmt: skip

_LOGGER = logging.getLogger("bhuman.studio")


def create_app(
    config: StudioConfig, *, base_url: str = "http://127.0.0.1:8787", clock: clocks.Clock | None = None
) -> FastAPI:
    """Return the studio as an ASGI application; its queue is open from start-up to shutdown.

    base_url: where it will be reached; result URLs begin with it.

    Raises:
        UsageError: the template can't be used, or nobody is where the rendering was to be done.
    """
    backend = Backend(config, clock or clocks.SystemClock(), base_url)
    log: RequestLog | None = None
    try:
        log = RequestLog(config.home)
        token = _worker_token(config.home)
        # Elsewhere is looked for now: a wrong address is the caller's mistake, not every video's.
        pool = dispatch.connect(config) if config.executor else None
    except BaseException:
        backend.close()
        if log is not None:
            log.close()
        raise
    app = FastAPI(
        title="Bhuman AI Studio (local)",
        version=__version__,
        openapi_url="/swagger-ui/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(backend, log, pool),
    )
    app.state.backend = backend
    app.state.log = log
    app.state.worker_token = token
    for router in _ROUTERS:
        app.include_router(router)
    app.add_exception_handler(replies.RefusedRequest, _refused)
    app.add_exception_handler(validation.InvalidOrder, _unusable)
    app.add_exception_handler(RequestValidationError, _misshapen)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(sqlite3.OperationalError, _unwritable)
    openapi.extend(app, config)
    app.add_middleware(middleware.Front, backend=backend, log=log, token=token, error_page=routes_pages.error_page)
    return app


def _lifespan(backend: Backend, log: RequestLog, pool: RenderPool | None) -> Callable[[FastAPI], Any]:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await backend.change(lambda targets: targets.seed())
        await _grant_credits(backend)
        with contextlib.suppress(OSError):  # pictures that may be missing on a full disk
            placeholder.install_placeholder(backend.links.media)
        owner = Owner(backend.config.home)
        backend.owner_name = owner.name
        dispatcher, sender = dispatch.Dispatcher(backend, owner, pool), Sender(backend, owner)
        backend.wake_workers, backend.wake_sender = dispatcher.wake, sender.wake
        works = (dispatcher.run, sender.run, functools.partial(_flushing, log))
        tasks = [asyncio.create_task(_kept_up(work)) for work in works]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (dispatcher.close, sender.close, lambda: backend.write(owner.release), log.flush):
            with contextlib.suppress(sqlite3.OperationalError):  # whoever opens the home next finds it as after a crash
                await end()
        backend.close()
        log.close()

    return lifespan


async def _kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """Begin again what broke (a full disk, a locked file): accepted rows must not wait for a restart."""
    said = ""
    while True:
        try:
            await work()
        except (sqlite3.OperationalError, OSError) as error:
            if str(error) != said:
                _LOGGER.error("the local studio goes on after an error: %s", error)
            said = str(error)
            await asyncio.sleep(AGAIN_S)
        except Exception:
            _LOGGER.exception("the local studio goes on after an error")
            await asyncio.sleep(AGAIN_S)


async def _flushing(log: RequestLog) -> None:
    while True:
        await asyncio.sleep(FLUSH_S)
        await log.flush()


async def _grant_credits(backend: Backend) -> None:
    """Set the pretend balance; a restart with the same grant goes on with what is left of it."""
    if backend.config.credits is None:
        return  # a neighbour in this home may live on a balance
    granted = str(backend.config.credits)
    if granted != backend.store.setting("credits_granted"):

        def grant(store: StudioStore) -> None:
            store.keep_setting("credits_granted", granted)
            store.keep_setting("credits_left", granted)

        await backend.write(grant)


def _worker_token(home: Path) -> str:
    """Return the token by which render workers are known; kept in the home, readable by its owner only."""
    path = home / "worker-token"
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text()


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, replies.RefusedRequest)
    return replies.send(error.answer)


async def _unusable(_: Request, error: Exception) -> Response:
    return replies.send(http_answer.refusal(400, str(error)))


async def _misshapen(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return replies.send(replies.shape_refusal(error.errors()))


async def _unwritable(_: Request, error: Exception) -> Response:
    _LOGGER.error("nothing can be written: %s; orders are refused until it can", error)
    return replies.send(http_answer.refusal(503, f"nothing can be written: {error}; nothing was accepted"))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = http_answer.refusal(error.status_code, str(error.detail))
    headers = tuple((error.headers or {}).items())
    if error.status_code == 405:
        routes = [route for router in _ROUTERS for route in router.routes]
        matches = [route for route in routes if route.matches(dict(request.scope))[0] is not Match.NONE]
        methods: set[str] = {method for route in matches for method in getattr(route, "methods", ())}
        methods |= {"HEAD"} if "GET" in methods else set()
        headers = (("allow", ", ".join(sorted(methods))),)
    return replies.send(http_answer.HttpAnswer(status=answer.status, body=answer.body, headers=headers))
