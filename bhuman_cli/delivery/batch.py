"""Batch download of a run's media into one folder: several files at once, skipping what is there, with a manifest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import filelock

from bhuman_cli import domain, errors
from bhuman_cli.delivery import fetch, manifest, media, names
from bhuman_cli.net import connect

WORKERS: Final = 8
_LOCK: Final = ".bhuman-download.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to fetch, and how the files are called. template: see names; workers: files at once."""

    whats: tuple[media.What, ...] = (media.What.VIDEO,)
    template: str = names.DEFAULT_TEMPLATE
    workers: int = WORKERS


def jobs(header: Sequence[str], rows: Sequence[domain.ResultRow], folder: Path, choice: Choice) -> list[fetch.FetchJob]:
    """Return one job per file of the succeeded rows, in row order; names are given over all rows and so stay the same.

    header: the user's own columns; with the result columns they are the template's fields, the user's winning.

    Raises:
        UsageError: the template does not fit the columns.
    """
    names.check(choice.template, [*domain.RESULT_COLUMNS, *header])
    stems = names.stems(choice.template, [fields(header, row) for row in rows])
    wanted = []
    for row, stem in zip(rows, stems, strict=True):
        if row.fields.get("status") != domain.Status.SUCCEEDED:
            continue
        for what in choice.whats:
            url = row.fields.get(media.FIELD[what], "")
            if url:
                path = folder / f"{stem}{media.ending(what, url)}"
                wanted.append(_job(row, what, url, path))
    return wanted


def fields(header: Sequence[str], row: domain.ResultRow) -> dict[str, str]:
    """Return the row as one mapping; a column of the user's keeps its name against ours."""
    return {**row.fields, **dict(zip(header, row.cells, strict=False))}


def run(
    wanted: Sequence[fetch.FetchJob],
    folder: Path,
    kit: fetch.FetchTools,
    workers: int,
    on_done: Callable[[fetch.FetchResult], None],
) -> list[fetch.FetchResult]:
    """Fetch what is not there yet; return what became of every job, in the order given.

    Each finished file is in the manifest before the next is reported, so a later call fetches only the rest.
    on_done: called in this thread, in the order of finishing. Ctrl-C stops at the next block and is raised again.

    Raises:
        UsageError: the folder can't be used. Refusal: another download fills the folder.
    """
    with folder_lock(folder):
        book = _ManifestWriter(folder)
        done: dict[int, fetch.FetchResult] = {}
        missing: list[int] = []
        for place, job in enumerate(wanted):
            earlier = book.kept(job)
            if earlier is None:
                missing.append(place)
            else:
                done[place] = earlier
                on_done(earlier)
        for place, result in _fetched(wanted, missing, replace(kit, record=book.add), workers):
            done[place] = result
            on_done(result)
        book.close()
    return [done[place] for place in range(len(wanted))]


class _ManifestWriter:
    """The manifest while files arrive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries = manifest.read(folder)
        self._keys = {entry.file: entry.key for entry in self._entries.values()}
        self._lock = threading.Lock()

    def kept(self, job: fetch.FetchJob) -> fetch.FetchResult | None:
        """Return the job as done if its file is there, whole; put a stranger's file of that name aside."""
        if not job.path.is_file():
            return None
        entry = self._entries.get((job.generation_id, str(job.what)))
        if entry is not None and (entry.file, entry.bytes) == (job.path.name, job.path.stat().st_size):
            if not media.problem(job.path, job.what):
                return fetch.FetchResult(job=job, state=fetch.State.KEPT, size=entry.bytes)
        elif job.path.name not in self._keys:
            job.path.replace(job.path.with_name(f"{job.path.name}.bak"))
        return None

    def add(self, done: fetch.FetchResult) -> None:
        """Write one line; several threads call this."""
        job = done.job
        entry = manifest.Entry(
            row_index=job.row_index, id=job.generation_id, what=str(job.what), file=job.path.name, bytes=done.size
        )
        with self._lock:
            manifest.append(self._folder, entry)
            # A file belongs to one generation: the row that had this name before was rendered again.
            self._entries.pop(self._keys.get(entry.file, entry.key), None)
            self._entries[entry.key] = entry
            self._keys[entry.file] = entry.key

    def close(self) -> None:
        """Put the manifest in order, without lines whose file is gone."""
        here = [entry for entry in self._entries.values() if (self._folder / entry.file).is_file()]
        manifest.rewrite(self._folder, here)


def _fetched(
    wanted: Sequence[fetch.FetchJob], missing: Iterable[int], kit: fetch.FetchTools, workers: int
) -> Iterator[tuple[int, fetch.FetchResult]]:
    openers = threading.local()
    every: list[connect.Opener] = []

    def task(job: fetch.FetchJob) -> fetch.FetchResult:
        if kit.stop.is_set():
            return fetch.FetchResult(job=job, state=fetch.State.LEFT, reason="interrupted")
        if not hasattr(openers, "own"):
            openers.own = connect.Opener(kit.policy)
            every.append(openers.own)
        return fetch.fetch_one(job, kit, openers.own)

    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="download")
    try:
        places = {pool.submit(task, wanted[place]): place for place in missing}
        for future in as_completed(places):
            yield places[future], future.result()
    except BaseException:
        kit.stop.set()
        for opener in every:
            opener.abort()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for opener in every:
            opener.close()


def _job(row: domain.ResultRow, what: media.What, url: str, path: Path) -> fetch.FetchJob:
    row_index, generation_id = row.fields.get("row_index", ""), row.fields.get("id", "")
    return fetch.FetchJob(row_index=row_index, generation_id=generation_id, what=what, url=url, path=path)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder: one process at a time fills it, or rewrites its manifest.

    Raises:
        UsageError: the folder can't be used. Refusal: another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / _LOCK)
        lock.acquire(timeout=0)
    except filelock.Timeout as taken:
        raise errors.Refusal(f"{folder}: another download fills this folder", code="locked") from taken
    except OSError as problem:
        raise errors.UsageError(f"{folder}: {problem.strerror}; choose a folder that can be written") from problem
    try:
        yield
    finally:
        lock.release()
