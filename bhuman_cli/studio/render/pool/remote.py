"""Owns a row's way on a cluster's worker: in the shared folder if it sees it, else in its own, and back as bytes."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from distributed import Worker, WorkerPlugin, get_worker

from bhuman_cli.studio.render import bundle
from bhuman_cli.studio.render.job import RenderedMedia, RenderFailure, RenderJob

MOST_BYTES: Final = 512 * 1024 * 1024
"""A row's files are held in memory on their way."""

Run = Callable[[RenderJob, str], RenderedMedia]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBundle:
    """A row's files that were made where ours can't be seen; the last one says that the others are there."""

    media: RenderedMedia
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class MissingFiles:
    """The worker sees neither our folder nor the template, and made nothing."""


class TemplatePlugin(WorkerPlugin):  # type: ignore[misc]  # Dask's has no types
    """Brings a template to every worker, to those that join later too."""

    def __init__(self, carried: bundle.Bundle) -> None:
        self._carried = carried
        self.name = f"bhuman-template-{carried.digest}"

    def setup(self, worker: Worker) -> None:
        """Lay the template out in the worker's own folder."""
        bundle.unpack(self._carried, _templates(worker) / self._carried.digest)


def render(
    run: Run, job: RenderJob, cache_dir: str, mark: str, digest: str
) -> RenderedMedia | JobBundle | MissingFiles:
    """Render on this worker. mark: a file that only those who share our folder see. digest: the template's, or ""."""
    if all(Path(path).exists() for path in (mark, cache_dir, job.template or mark)):
        return run(job, cache_dir)
    worker = get_worker()
    used = _templates(worker) / digest / bundle.NAME if job.template else None
    if used and not used.is_file():
        return MissingFiles()
    own = Path(worker.local_directory) / "bhuman"
    (own / "cache").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=own, prefix="row-") as out:
        mine = dataclasses.replace(job, template=str(used) if used else None, out_dir=out)
        return _packed(run(mine, str(own / "cache")), Path(job.out_dir))


def _templates(worker: Worker) -> Path:
    return Path(worker.local_directory) / "bhuman" / "templates"


def _packed(made: RenderedMedia, folder: Path) -> JobBundle:
    paths = {kind: Path(getattr(made, kind)) for kind in ("video", "thumbnail", "gif", "page")}
    if sum(path.stat().st_size for path in paths.values()) > MOST_BYTES:
        raise RenderFailure(f"the video is larger than {MOST_BYTES // 2**20} MiB: share the studio's folder")
    there: dict[str, Any] = {kind: str(folder / path.name) for kind, path in paths.items()}
    files = tuple((path.name, path.read_bytes()) for path in paths.values())
    return JobBundle(media=dataclasses.replace(made, **there), files=files)
