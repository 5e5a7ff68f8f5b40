"""Prefetch of a row's assets while earlier rows are encoded: the cache is warm when a worker comes to it."""

from __future__ import annotations

import contextlib
import queue
import threading
from pathlib import Path
from typing import Final

from bhuman_cli.studio.render import template
from bhuman_cli.studio.render.background import download, page_capture, reach
from bhuman_cli.studio.render.job import RenderJob

AT_ONCE: Final = 3
"""Waiting on the network costs no processor, but every page shot is a browser."""


class Prefetcher:
    """Fetches in the background; what fails here is said by the row itself later."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._jobs: queue.SimpleQueue[RenderJob | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def fetch(self, job: RenderJob) -> None:
        """Begin to fetch a row's assets, if it has any."""
        if not any(asset.strip() for asset in job.assets):
            return
        if len(self._threads) < AT_ONCE:
            # Daemons: leaving the program must not wait for somebody's slow server.
            self._threads.append(threading.Thread(target=self._work, daemon=True, name="assets-ahead"))
            self._threads[-1].start()
        self._jobs.put(job)

    def close(self) -> None:
        """Begin nothing more."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._jobs.get_nowait()
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._fetch_all(job)

    def _fetch_all(self, job: RenderJob) -> None:
        allow_private = bool(job.options.get("allow_private"))
        for kind, address in zip(_kinds(job), job.assets, strict=False):
            if not address.strip():
                continue
            with contextlib.suppress(reach.FetchError, OSError):
                if kind == "site":
                    page_capture.capture(address, self._cache_dir, allow_private=allow_private)
                elif kind == "link" or download.names_a_picture(address):
                    download.download(address, self._cache_dir, allow_private=allow_private)


def _kinds(job: RenderJob) -> list[str]:
    with contextlib.suppress(template.TemplateError):
        if job.backgrounds:
            return [shown.kind for shown in template.backgrounds(job.backgrounds)]
        return [shown.kind for shown in template.load(Path(job.template)).backdrops] if job.template else []
    return []
