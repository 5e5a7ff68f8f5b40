"""Dispatcher of queued videos to the render workers; records how they end. No rendering."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from bhuman_cli.studio.config import StudioConfig
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.queue.database import Row
from bhuman_cli.studio.queue.leases import Owner

if TYPE_CHECKING:
    from bhuman_cli.studio.render.job import RenderedMedia, RenderJob
    from bhuman_cli.studio.render.pool.workers import RenderPool

LOOK_AGAIN_S: Final = 2.0
"""How often to look for rows that another process left behind; own rows wake the dispatcher at once."""

LAST_FILE: Final = "index.html"
"""The renderer puts its files in place whole, and this one last: where it is, the others are."""

MOST_WORKERS_ON_WINDOWS: Final = 61
"""More than that one process pool can't wait for there."""

MAX_ATTEMPTS: Final = 5
"""A video that so many owners died on is given up: it may be what kills them."""


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
        self._waiting: list[str] = []
        self._running: set[str] = set()
        self._unsaid: dict[str, Future[RenderedMedia]] = {}

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            self._record()
            self._owner.take_back(self._backend.store)
            self._fill()
            with contextlib.suppress(TimeoutError):
                # Not wait_for(): Python 3.11's forgets that it was cancelled if it was woken at the same moment.
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._wake.wait()

    def close(self) -> None:
        """Stop the workers at once; what was not done is left to Owner.release()."""
        self._closing = True
        if self._pool is not None:
            self._pool.close()
        for identifier, future in {**self._unsaid, **self._futures}.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                self._backend.finish(identifier, "succeeded", "; ".join(future.result().warnings))

    def _fill(self) -> None:
        if self._backend.config.render == "instant":
            return  # its own orders ended as they came; what waits was ordered from a studio that renders
        # One row ahead of each worker, so that none waits for this loop.
        room = 2 * self._workers - len(self._futures)
        if room > 0:
            for row in self._backend.store.claim(self._owner.name, room, living=self._owner.neighbours()):
                self._begin(row)
        self._mark_started()

    def _begin(self, row: Row) -> None:
        identifier = row["id"]
        folder = self._backend.links.media / identifier
        if (folder / LAST_FILE).is_file():
            # Whoever had it before was done but for saying so.
            self._backend.finish(identifier, "succeeded")
        elif row["attempts"] > MAX_ATTEMPTS:
            self._backend.finish(identifier, "failed", f"the render was begun {MAX_ATTEMPTS} times and never ended")
        else:
            for leftover in folder.glob(".*"):
                leftover.unlink(missing_ok=True)
            self._submit(row)

    def _submit(self, row: Row) -> None:
        identifier = row["id"]
        loop = asyncio.get_running_loop()
        future = self._workers_pool().submit(self._job(row))
        self._futures[identifier] = future
        self._waiting.append(identifier)
        future.add_done_callback(lambda done: _back_to(loop, self._ended, identifier, done))

    def _mark_started(self) -> None:
        while self._waiting and len(self._running) < self._workers:
            identifier = self._waiting.pop(0)
            self._running.add(identifier)
            self._backend.store.start(identifier, self._owner.name, now=self._backend.now())

    def _ended(self, identifier: str, future: Future[RenderedMedia]) -> None:
        if self._closing:
            return
        self._futures.pop(identifier, None)
        self._running.discard(identifier)
        if identifier in self._waiting:
            self._waiting.remove(identifier)
        self._unsaid[identifier] = future
        self.wake()

    def _record(self) -> None:
        """Write down how renders ended; what can't be written now (a full disk) is kept for the next time."""
        for identifier, future in list(self._unsaid.items()):
            error = future.exception()
            if error is None:
                self._backend.finish(identifier, "succeeded", "; ".join(future.result().warnings))
            else:
                reason = str(error) or f"the renderer stopped: {type(error).__name__}"
                self._backend.finish(identifier, "failed", reason)
            del self._unsaid[identifier]

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
    workers = config.workers or os.cpu_count() or 1
    return min(workers, MOST_WORKERS_ON_WINDOWS) if sys.platform == "win32" else workers


def _back_to(loop: asyncio.AbstractEventLoop, call: Any, identifier: str, future: Future[Any]) -> None:
    # The loop may be closed already; the row is then queued again by whoever opens the home next.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, identifier, future)
