"""The web application, assembled: routes, refusals, background tasks. Decides nothing itself."""

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

_LOGGER = logging.getLogger("bhuman.studio")


def create_app(
    config: StudioConfig, *, base_url: str = "http://127.0.0.1:8787", clock: clocks.Clock | None = None
) -> FastAPI:
    """Return the studio as an ASGI application; its queue is open from start-up to shutdown.

    base_url: where it will be reached; result URLs begin with it.

    Raises:
        UsageError: the template can't be used, or nobody is where the rendering was to be done.
    """
    clock = clock or clocks.SystemClock()
    store = StudioStore.open(config.home)
    try:
        backend = Backend(config, store, clock, base_url)
        # Elsewhere is looked for now: a wrong address is the caller's mistake, not every video's.
        pool = dispatch.connect(config) if config.executor else None
    except BaseException:
        store.close()
        raise
    log = RequestLog(store)
    app = FastAPI(
        title="BHuman AI Studio (local)",
        version=__version__,
        openapi_url="/swagger-ui/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(backend, log, pool),
    )
    app.state.backend = backend
    app.state.log = log
    app.state.closing = asyncio.Event()
    app.state.worker_token = _worker_token(config.home)
    for module in (routes_orders, routes_videos, routes_resources, routes_pages):
        app.include_router(module.router)
    app.add_exception_handler(replies.RefusedRequest, _refused)
    app.add_exception_handler(validation.InvalidOrder, _unusable)
    app.add_exception_handler(RequestValidationError, _misshapen)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(sqlite3.OperationalError, _unwritable)
    openapi.extend(app)
    app.add_middleware(middleware.Front, backend=backend, log=log, closing=app.state.closing)
    return app


def _lifespan(backend: Backend, log: RequestLog, pool: RenderPool | None) -> Callable[[FastAPI], Any]:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        backend.targets.seed()
        _grant_credits(backend)
        if backend.config.render == "instant":
            placeholder.install_placeholder(backend.links.media)
        owner = Owner(backend.config.home)
        backend.owner_name = owner.name
        dispatcher, sender = dispatch.Dispatcher(backend, owner, pool), Sender(backend, owner)

        def wake() -> None:
            dispatcher.wake()
            sender.wake()

        backend.wake = wake
        works = (dispatcher.run, sender.run, functools.partial(_flushing, log))
        tasks = [asyncio.create_task(_kept_up(work)) for work in works]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        dispatcher.close()
        sender.close()
        with contextlib.suppress(sqlite3.OperationalError):  # whoever opens the home next finds it as after a crash
            owner.release(backend.store)
            log.flush()
        backend.store.close()

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
        log.flush()


def _grant_credits(backend: Backend) -> None:
    """Set the pretend balance; a restart with the same grant goes on with what is left of it."""
    if backend.config.credits is None:
        return  # a neighbour in this home may live on a balance
    granted = str(backend.config.credits)
    if granted != backend.store.setting("credits_granted"):
        backend.store.keep_setting("credits_granted", granted)
        backend.store.keep_setting("credits_left", granted)


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
    return replies.send(http_answer.refusal(503, f"nothing can be written: {error}; nothing was accepted"))


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = http_answer.refusal(error.status_code, str(error.detail))
    headers = tuple((error.headers or {}).items())
    return replies.send(http_answer.HttpAnswer(status=answer.status, body=answer.body, headers=headers))
