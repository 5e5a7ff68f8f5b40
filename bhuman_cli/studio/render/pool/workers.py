"""Owns the processes that render: starts them, outlives their deaths, ends with its parent. Knows no queue."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any, Final

from bhuman_cli.studio.render import cache
from bhuman_cli.studio.render.job import RenderedMedia, RenderFailure, RenderJob
from bhuman_cli.studio.render.pool import prefetch

STOPPED: Final = "the studio was stopped before this video was rendered"
MOST_ATTEMPTS: Final = 2
"""A worker that dies is a failed attempt, not a lost row; twice is the row's own fault."""


def _watch_parent() -> None:
    """End this process when its parent is gone, however it went: a queue that nobody fills blocks forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _start() -> None:
    """Prepare a worker: Ctrl-C belongs to the parent, which ends us in its own time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, daemon=True, name="parent-watch").start()


def _run(job: RenderJob, cache_dir: str) -> RenderedMedia:
    from bhuman_cli.studio.render import job as rendering

    try:
        return rendering.render(job, Path(cache_dir))
    finally:
        _give_back()


def _give_back() -> None:
    """Return freed memory to the system: the C library keeps some 30 MB a row otherwise, because pictures are large."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


class _Context(SpawnContext):
    """Starts processes as `spawn` does, and remembers them: before Python 3.14 an executor can't end its own."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def Process(self, *arguments: Any, **named: Any) -> SpawnProcess:  # type: ignore[override]
        process = SpawnProcess(*arguments, **named)
        self.started = [*(old for old in self.started if old.is_alive()), process]
        return process


class RenderPool:
    """Renders jobs in processes of its own, or on an executor that is already there.

    workers: processes at most; they start when there is work. executor: `dask://host:port`, or None.
    """

    def __init__(self, workers: int, cache_dir: Path, executor: str | None = None) -> None:
        self._workers, self._cache_dir = max(1, workers), cache_dir
        self._elsewhere = _connect(executor) if executor else None
        self._lock = threading.Lock()
        self._executor: Executor | None = None
        self._closed = False
        self._context = _Context()
        self._ahead = prefetch.Ahead(cache_dir)
        cache.tidy(cache_dir)

    def submit(self, job: RenderJob) -> Future[RenderedMedia]:
        """Queue a job; its future ends with media or a RenderFailure. Tried again once if a worker dies."""
        outer: Future[RenderedMedia] = Future()
        if self._elsewhere is None:  # machines of a cluster fetch for themselves
            self._ahead.fetch(job)
        self._attempt(job, outer, 1)
        return outer

    def close(self) -> None:
        """End the workers at once; jobs that are not done fail, their unfinished files have temporary names."""
        self._ahead.close()
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is None:
            return
        for process in self._context.started:
            process.terminate()
        executor.shutdown(wait=True, cancel_futures=True)

    def _attempt(self, job: RenderJob, outer: Future[RenderedMedia], number: int) -> None:
        try:
            with self._lock:
                if self._closed:
                    raise RenderFailure(STOPPED)
                executor = self._executor or self._build()
                self._executor = executor
                with _sigint_blocked():
                    inner = executor.submit(_run, job, str(self._cache_dir))
        except BrokenProcessPool:
            self._broke(executor, job, outer, number)
            return
        except RenderFailure as problem:
            _fail(outer, problem)
            return
        inner.add_done_callback(lambda done: self._settle(done, executor, job, outer, number))

    def _settle(
        self, done: Future[RenderedMedia], executor: Executor, job: RenderJob, outer: Future[RenderedMedia], number: int
    ) -> None:
        if done.cancelled():
            _fail(outer, RenderFailure(STOPPED))
            return
        problem = done.exception()
        if problem is None:
            if outer.set_running_or_notify_cancel():
                outer.set_result(done.result())
        elif isinstance(problem, RenderFailure):
            _fail(outer, problem)
        elif isinstance(problem, BrokenProcessPool):
            self._broke(executor, job, outer, number)
        else:
            _fail(outer, RenderFailure(f"rendering stopped on an unexpected {type(problem).__name__}: {problem}"))

    def _broke(self, executor: Executor, job: RenderJob, outer: Future[RenderedMedia], number: int) -> None:
        """Put a new pool in the place of the broken one, and try the job again in it."""
        with self._lock:
            if self._executor is executor:
                self._executor = None
            closed = self._closed
        if closed:
            _fail(outer, RenderFailure(STOPPED))
            return
        if number >= MOST_ATTEMPTS:
            _fail(outer, RenderFailure("the rendering process died twice on this row (out of memory?)"))
            return
        # Not in this thread: it is the broken pool's own, and holds its locks.
        threading.Thread(target=self._attempt, args=(job, outer, number + 1), daemon=True).start()

    def _build(self) -> Executor:
        if self._elsewhere is not None:
            return self._elsewhere
        return ProcessPoolExecutor(self._workers, mp_context=self._context, initializer=_start)


def _connect(address: str) -> Executor:
    """Return an existing cluster's executor.

    Raises:
        UsageError: the address is none, or nobody answers there.
    """
    from bhuman_cli.studio.render.pool import dask

    return dask.executor(address)


def _fail(outer: Future[RenderedMedia], problem: RenderFailure) -> None:
    """End a job with its failure, unless whoever sent it has given it up."""
    if outer.set_running_or_notify_cancel():
        outer.set_exception(problem)


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Let processes that start now begin deaf to Ctrl-C: it would kill them before they can ignore it themselves."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
