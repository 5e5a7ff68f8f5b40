"""Pool of render processes: each row alone in one of them, so that a row that ends its process ends no other row.

Knows no queue. Second tries are made one at a time, in a process of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from bhuman_cli import shell
from bhuman_cli.studio.render import cache
from bhuman_cli.studio.render.job import RenderedMedia, RenderFailure, RenderHalted, RenderJob, sweep
from bhuman_cli.studio.render.pool import prefetch

STOPPED: Final = "the studio was stopped before this video was rendered"
PREPARE_S: Final = 3_600.0
ROW_S: Final = 600.0
"""How long a row may take once its template is prepared, which half an hour of footage is in less than the first."""

_START: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from bhuman_cli.studio.render.pool import process; process.main(sys.argv[2])"
)


class _Died(Exception):
    """The process ended without an answer."""


class RenderPool:
    """Renders jobs in processes of its own, or on an executor that is already there.

    workers: processes at most; they start when there is work. executor: `dask://host:port`, or None.
    """

    def __init__(self, workers: int, cache_dir: Path, executor: str | None = None) -> None:
        self._cache_dir = cache_dir
        self._elsewhere = _connect(executor) if executor else None
        self._threads = ThreadPoolExecutor(max(1, workers), thread_name_prefix="render")
        self._lock, self._second_tries = threading.Lock(), threading.Lock()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._closed = False
        self._ahead = prefetch.Prefetcher(cache_dir)
        cache.trim(cache_dir)

    @property
    def pids(self) -> set[int]:
        """Return the ids of the processes that are there now."""
        with self._lock:
            return {process.pid for process in (*self._idle, *self._busy)}

    def submit(self, job: RenderJob) -> Future[RenderedMedia]:
        """Queue a job; its future ends with media, RenderFailure or, where it is the machine's fault, RenderHalted."""
        if self._closed:
            stopped: Future[RenderedMedia] = Future()
            stopped.set_exception(RenderFailure(STOPPED))
            return stopped
        if self._elsewhere is not None:  # machines of a cluster fetch for themselves
            return _plainly(self._elsewhere.submit(_render_there, job, str(self._cache_dir)))
        self._ahead.fetch(job)
        return self._threads.submit(self._render, job)

    def close(self) -> None:
        """End the processes at once; jobs that are not done fail, their unfinished files have temporary names."""
        self._ahead.close()
        with self._lock:
            self._closed = True
            for process in self._busy:
                process.kill()
            for process in self._idle:
                process.end()
        self._threads.shutdown(wait=True)
        if self._elsewhere is not None:
            self._elsewhere.shutdown(wait=True, cancel_futures=True)

    def _render(self, job: RenderJob) -> RenderedMedia:
        try:
            return self._attempt(job)
        except _Died:
            with self._second_tries:  # what ended the first may have been its neighbours' hunger for memory
                try:
                    return self._attempt(job, fresh=True)
                except _Died:
                    why = "the rendering process died twice on this row (out of memory?)"
                    raise RenderFailure(why) from None

    def _attempt(self, job: RenderJob, *, fresh: bool = False) -> RenderedMedia:
        with self._lock:
            if self._closed:
                raise RenderFailure(STOPPED)
            process = self._idle.pop() if self._idle and not fresh else _Process(self._cache_dir)
            self._busy.add(process)
        try:
            return process.run(job)
        except _Died:
            if self._closed:
                raise RenderFailure(STOPPED) from None
            raise
        finally:
            with self._lock:
                self._busy.discard(process)
                if process.is_alive and not fresh and not self._closed:
                    self._idle.append(process)
                else:
                    process.end()
                    sweep(Path(job.out_dir))


class _Process:
    """One render process. Its environment holds none of our keys, and its session hears no Ctrl-C."""

    def __init__(self, cache_dir: Path) -> None:
        paths = json.dumps([path for path in sys.path if path])
        alone: dict[str, Any] = (
            {"start_new_session": True}
            if os.name == "posix"
            else {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        )
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, paths, str(cache_dir)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=shell.child_environment(os.environ), **alone,
            )  # fmt: skip
        except OSError as problem:
            raise RenderHalted(f"no render process can be started: {problem.strerror}") from None
        self.pid = self._popen.pid
        self.is_alive = True
        self._is_late = False

    def run(self, job: RenderJob) -> RenderedMedia:
        """Render one job.

        Raises:
            RenderFailure, RenderHalted: as the process says, or it took too long. _Died: it says nothing.
        """
        answer = self._ask(job, PREPARE_S)
        if "begun" in answer:
            answer = self._ask(None, ROW_S)
        if "media" in answer:
            return RenderedMedia(**{**answer["media"], "warnings": tuple(answer["media"]["warnings"])})
        if "halted" in answer:
            raise RenderHalted(answer["halted"])
        raise RenderFailure(answer["failure"])

    def kill(self) -> None:
        """Kill the process; whoever waits for its answer hears that it died."""
        self._popen.kill()

    def end(self) -> None:
        """Kill the process, and let go of its pipes once it is gone."""
        self._popen.kill()
        with contextlib.suppress(OSError):
            self._popen.communicate()

    def _ask(self, job: RenderJob | None, within_s: float) -> dict[str, Any]:
        stdin, stdout = self._popen.stdin, self._popen.stdout
        assert stdin is not None
        assert stdout is not None
        clock = threading.Timer(within_s, self._overdue)
        clock.start()
        try:
            if job is not None:
                stdin.write(f"{job.as_json()}\n".encode())
                stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
        except (OSError, ValueError):
            self.is_alive = False
            if self._is_late:
                raise RenderFailure(f"rendering took longer than {within_s / 60:g} minutes") from None
            raise _Died from None
        finally:
            clock.cancel()
        return answer

    def _overdue(self) -> None:
        self._is_late = True
        self._popen.kill()


def _render_there(job: RenderJob, cache_dir: str) -> RenderedMedia:
    """Render in a process of another system."""
    from bhuman_cli.studio.render import job as rendering

    return rendering.render(job, Path(cache_dir))


def _plainly(inner: Future[RenderedMedia]) -> Future[RenderedMedia]:
    """Return a future that ends with media or a RenderFailure, whatever another system's ends with."""
    outer: Future[RenderedMedia] = Future()

    def settle(done: Future[RenderedMedia]) -> None:
        if not outer.set_running_or_notify_cancel():
            return
        problem = RenderFailure(STOPPED) if done.cancelled() else done.exception()
        if problem is None:
            outer.set_result(done.result())
        elif isinstance(problem, RenderFailure | RenderHalted):
            outer.set_exception(problem)
        else:
            said = f"rendering stopped on an unexpected {type(problem).__name__}: {problem}"
            outer.set_exception(RenderFailure(said))

    inner.add_done_callback(settle)
    return outer


def _connect(address: str) -> Executor:
    """Return an existing cluster's executor.

    Raises:
        UsageError: the address is none, or nobody answers there.
    """
    from bhuman_cli.studio.render.pool import dask

    return dask.executor(address)
