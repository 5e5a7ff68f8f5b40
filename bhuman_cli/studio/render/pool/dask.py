"""Dask cluster as an executor, on machines that are already there. Starts none itself."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bhuman_cli.errors import UsageError
from bhuman_cli.studio.render import job as jobs
from bhuman_cli.studio.render import template
from bhuman_cli.studio.render.job import RenderFailure, RenderJob
from bhuman_cli.studio.render.pool import remote


def executor(address: str) -> Executor:
    """Connect to a Dask scheduler, given as `dask://host:port`.

    Raises:
        UsageError: the address is no such address, Dask is not installed, or the scheduler does not answer.
    """
    if not address.startswith("dask://"):
        raise UsageError(f"executor {address!r}: must look like dask://host:8786")
    try:
        from distributed import Client

    except ImportError:
        raise UsageError("executor dask: Dask is not installed", hint='pip install "bhuman[dask]"') from None
    try:
        client = Client(address.replace("dask://", "tcp://", 1), timeout="10s", set_as_default=False)
    except (OSError, TimeoutError) as problem:
        raise UsageError(f"executor {address!r}: the scheduler does not answer") from problem
    return ClusterExecutor(client)


@dataclass(frozen=True, slots=True)
class _Call:
    run: remote.Run
    job: RenderJob
    cache_dir: str


class ClusterExecutor(Executor):
    """Renders jobs on a Dask cluster, which sends those of a worker that died to another one.

    Workers that see the studio's folder under the same path write there; the others get the template sent once, and
    send their files back.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        # Not pure: a row whose files were deleted is rendered again, not remembered.
        self._inner = client.get_executor(pure=False)
        # Dask's own thread must neither write files nor wait for the scheduler.
        self._arrivals = ThreadPoolExecutor(2, thread_name_prefix="from-cluster")
        self._lock = threading.Lock()
        self._token = f".shared-{uuid.uuid4().hex}"
        self._marks: set[Path] = set()
        self._digests: dict[tuple[str, int], str] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ARG002
        """Send a job to the cluster: `fn(job, cache_dir)`; ends when its files are in the job's folder."""
        job, cache_dir = args
        outer: Future[Any] = Future()
        self._send(outer, _Call(fn, job, cache_dir), self._known(job.template))
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give back what was not run, and leave the cluster as it is."""
        self._inner.shutdown(wait=wait and not cancel_futures)
        self._client.close(timeout=5)
        self._arrivals.shutdown(wait=wait)
        for mark in self._marks:
            mark.unlink(missing_ok=True)

    def _send(self, outer: Future[Any], call: _Call, digest: str) -> None:
        mark = str(self._mark(call.job))
        inner = self._inner.submit(remote.render, call.run, call.job, call.cache_dir, mark, digest)

        def arrived(done: Future[Any]) -> None:
            try:
                self._arrivals.submit(self._settle, outer, done, call, digest)
            except RuntimeError:  # shut down
                _give_up(outer)

        inner.add_done_callback(arrived)

    def _settle(self, outer: Future[Any], done: Future[Any], call: _Call, digest: str) -> None:
        if done.cancelled():
            _give_up(outer)
            return
        try:
            match done.result():
                case remote.MissingFiles() if digest:
                    raise RenderFailure("a worker of the cluster did not get the template")
                case remote.MissingFiles():
                    self._send(outer, call, self._bring(str(call.job.template)))
                case remote.JobBundle() as parcel:
                    outer.set_result(_unpacked(parcel, Path(call.job.out_dir)))
                case media:
                    outer.set_result(media)
        except template.TemplateError as problem:
            outer.set_exception(RenderFailure(problem.message))
        except OSError as problem:
            outer.set_exception(RenderFailure(f"the video can't be written: {problem.strerror}"))
        except BaseException as problem:  # whatever the worker says is the job's end
            outer.set_exception(problem)

    def _known(self, path: str | None) -> str:
        """Return the name a template goes by on workers that were brought it, or nothing."""
        if path is None:
            return ""
        with self._lock, contextlib.suppress(OSError):
            return self._digests.get(_version(path), "")
        return ""

    def _bring(self, path: str) -> str:
        """Let every worker have a template; return the name it goes by."""
        with self._lock:
            key = _version(path)
            if key not in self._digests:
                carried = remote.pack(Path(path))
                self._client.register_plugin(remote.TemplatePlugin(carried))
                self._digests[key] = carried.digest
            return self._digests[key]

    def _mark(self, job: RenderJob) -> Path:
        """Return a file beside the job's folder that only those who share it can see."""
        folder = Path(job.out_dir).parent
        mark = folder / self._token
        with self._lock:
            if mark not in self._marks:
                folder.mkdir(parents=True, exist_ok=True)
                mark.touch()
                self._marks.add(mark)
        return mark


def _version(path: str) -> tuple[str, int]:
    return path, Path(path).stat().st_mtime_ns


def _give_up(outer: Future[Any]) -> None:
    if outer.cancel():
        outer.set_running_or_notify_cancel()


def _unpacked(parcel: remote.JobBundle, folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in parcel.files:
        jobs.place(folder / name, content)
    return parcel.media
