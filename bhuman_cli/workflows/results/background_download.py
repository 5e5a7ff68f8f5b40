"""Download during a run, for `render --download`. What it misses, the pass after the run fetches."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bhuman_cli import errors
from bhuman_cli.journal import results
from bhuman_cli.journal.runs import Run
from bhuman_cli.workflows import connections, run_context
from bhuman_cli.workflows.results import download
from bhuman_cli.workflows.results.run_lookup import RunResults

if TYPE_CHECKING:
    from bhuman_cli.config import settings

_REST_S: Final = 2.0


@dataclass(slots=True, kw_only=True)
class BackgroundDownload:
    """A thread that fetches what is finished, with its own journal connection; `poke` says that there is news."""

    home: settings.Home
    run: Run
    folder: Path
    link: connections.Connection
    _news: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> BackgroundDownload:
        """Begin to follow the run."""
        self._thread = threading.Thread(target=self._follow, name="bhuman-download", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End at the next block; a file half fetched is continued by the pass after the run."""
        self._stop.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Say that rows may have finished."""
        self._news.set()

    def _follow(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            if self._stop.is_set():
                return
            with contextlib.suppress(errors.BhumanError):  # the pass after the run meets it again, and says it
                self._fetch()
            self._stop.wait(_REST_S)

    def _fetch(self) -> None:
        journal = run_context.open_journal(self.home)
        try:
            delivered = RunResults(run=self.run, rows=list(results.rows(journal, self.run)))
        finally:
            journal.close()
        download.fetch_quietly(delivered, self.folder, self.link.client, self._stop)
