"""Dispatcher of queued videos to the render workers, which records how they end. No rendering."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from bhuman_cli.studio.config import StudioConfig
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.queue.database import Row
from bhuman_cli.studio.queue.entries import End
from bhuman_cli.studio.queue.leases import Owner
from bhuman_cli.studio.queue.store import StudioStore

if TYPE_CHECKING:
    from bhuman_cli.studio.render.job import RenderedMedia, RenderJob
    from bhuman_cli.studio.render.pool.workers import RenderPool

LOOK_AGAIN_S: Final = 2.0
"""How often to look for rows that another process left behind; own rows wake the dispatcher at once."""

PAUSE_S: Final = 5.0
"""How long nothing is begun where the machine had no room for what was."""

LAST_FILE: Final = "index.html"
"""The renderer puts its files in place whole, and this one last: where it is, the others are."""

MAX_ATTEMPTS: Final = 5
"""A video that so many owners died on is given up: it may be what kills them."""

_LOGGER = logging.getLogger("bhuman.studio")


class Dispatcher:
    """Keeps the workers busy as long as something is queued. One per process, on the event loop."""

    def __init__(self, backend: Backend, owner: Owner, pool: RenderPool | None = None) -> None:
        self._backend = backend
        self._owner = owner
        self._workers = worker_count(backend.config)
        self._wake = asyncio.Event()
        self._pool = pool
        self._closing = False
        self._futures: dict[str, Future[RenderedMedia]] = {}
        self._begun: set[str] = set()
        self._ends: dict[str, End | None] = {}
        self._paused_until_s = self._looked_s = float("-inf")
        self._is_halted = False

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            await self._record()
            await self._look()
            await self._fill()
            with contextlib.suppress(TimeoutError):
                # Not wait_for(): Python 3.11's forgets that it was cancelled if it was woken at the same moment.
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._wake.wait()

    async def close(self) -> None:
        """Stop the workers at once; what was not done is left to Owner.release()."""
        self._closing = True
        if self._pool is not None:
            self._pool.close()
        for identifier, future in self._futures.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                self._ends[identifier] = _end_of(future)
        await self._record()

    async def _look(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_s >= LOOK_AGAIN_S:
            self._looked_s = now_s
            await self._backend.write(self._owner.take_back)

    async def _fill(self) -> None:
        if self._backend.config.render == "instant":
            return  # its own orders ended as they came; what waits was ordered from a studio that renders
        # One row ahead of each worker, so that none waits for this loop.
        room = 2 * self._workers - len(self._futures)
        if room > 0 and asyncio.get_running_loop().time() >= self._paused_until_s:
            owner = self._owner
            rows = await self._backend.write(lambda store: store.claim(owner.name, room, living=owner.neighbours()))
            for row in rows:
                self._begin(row)
        await self._mark_started()

    def _begin(self, row: Row) -> None:
        identifier = row["id"]
        if (self._backend.links.media / identifier / LAST_FILE).is_file():
            self._ends[identifier] = End(state="succeeded")  # whoever had it before was done but for saying so
            self.wake()
        elif row["attempts"] > MAX_ATTEMPTS:
            why = f"the render was begun {MAX_ATTEMPTS} times and never ended"
            self._ends[identifier] = End(state="failed", message=why)
            self.wake()
        else:
            loop = asyncio.get_running_loop()
            future = self._workers_pool().submit(self._job(row))
            self._futures[identifier] = future
            future.add_done_callback(lambda done: _back_to(loop, self._ended, identifier, done))

    async def _mark_started(self) -> None:
        free = self._workers - len(self._begun)
        starting = [identifier for identifier in self._futures if identifier not in self._begun][: max(free, 0)]
        if starting:
            self._begun.update(starting)
            name, now = self._owner.name, self._backend.now()

            def start(store: StudioStore) -> None:
                for identifier in starting:
                    store.start(identifier, name, now=now)

            await self._backend.write(start)

    def _ended(self, identifier: str, future: Future[RenderedMedia]) -> None:
        if self._closing:
            return
        self._futures.pop(identifier, None)
        self._begun.discard(identifier)
        self._ends[identifier] = _end_of(future)
        if self._ends[identifier] is None:
            self._paused_until_s = asyncio.get_running_loop().time() + PAUSE_S
            if not self._is_halted:
                _LOGGER.error("%s; what is queued waits, and is tried again every %g s", future.exception(), PAUSE_S)
            self._is_halted = True
        elif self._is_halted and future.exception() is None:
            self._is_halted = False
            _LOGGER.error("there is room again: the local studio goes on rendering")
        self.wake()

    async def _record(self) -> None:
        """Write down how renders ended; what can't be written now (a full disk) is kept for the next time."""
        if self._ends:
            ends = dict(self._ends)
            await self._backend.finish(ends)
            self._ends = {identifier: end for identifier, end in self._ends.items() if identifier not in ends}

    def _workers_pool(self) -> RenderPool:
        if self._pool is None:
            self._pool = connect(self._backend.config)
        return self._pool

    def _job(self, row: Row) -> RenderJob:
        from bhuman_cli.studio.render import job

        values = dict(zip(json.loads(row["variables"]), json.loads(row["text"]), strict=True))
        return job.RenderJob(
            generation_id=row["id"],
            template=row["template"],
            values=values,
            assets=tuple(json.loads(row["assets"])),
            backgrounds=tuple(json.loads(row["backgrounds"])),
            out_dir=str((self._backend.links.media / row["id"]).resolve()),
            options={**json.loads(row["options"]), "allow_private": self._backend.config.allow_private},
        )


def connect(config: StudioConfig) -> RenderPool:
    """Return the workers of a studio; processes of its own start when there is something to do.

    Raises:
        UsageError: they are to be elsewhere, and nobody is there.
    """
    from bhuman_cli.studio.render.pool import workers

    return workers.RenderPool(worker_count(config), config.home / "cache", config.executor)


def worker_count(config: StudioConfig) -> int:
    """Return how many rows are rendered at the same time."""
    return config.workers or os.cpu_count() or 1


def _end_of(future: Future[RenderedMedia]) -> End | None:
    """Return how a render ended; None if the machine had no room for it, which says nothing of the row."""
    from bhuman_cli.studio.render.job import RenderHalted

    error = future.exception()
    if error is None:
        return End(state="succeeded", message="; ".join(future.result().warnings))
    if isinstance(error, RenderHalted):
        return None
    return End(state="failed", message=str(error) or f"the renderer stopped: {type(error).__name__}")


def _back_to(loop: asyncio.AbstractEventLoop, call: Any, identifier: str, future: Future[Any]) -> None:
    # The loop may be closed already; the row is then queued again by whoever opens the home next.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, identifier, future)
