"""Download of a run's media into a folder, also at the end of `render --download`. Sends nothing paid."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bhuman_cli import amounts, domain, errors, shell
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.delivery.media import FIELD, What
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import history, persons, results
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, run_context
from bhuman_cli.workflows.results import export, quality_check, refresh
from bhuman_cli.workflows.results.run_lookup import RunResults
from bhuman_cli.workflows.session import Session

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client
    from bhuman_cli.delivery import fetch

SCHEMA = "bhuman.download/1"


_SAY_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadOptions:
    """What to fetch, and to where. template: "" for the usual names. table: where results with paths are written."""

    folder: Path
    whats: tuple[What, ...] = (What.VIDEO,)
    template: str = ""
    workers: int = 8
    allow_private: bool = False
    table: Path | None = None
    checks: bool = False
    strict: bool = False


def download(session: Session, delivered: RunResults, options: DownloadOptions) -> int:
    """Fetch what is not in the folder yet, and say and print what became of each file; return the exit code.

    Raises:
        UsageError: the table to write is of no known ending, or not ours to replace; nothing is fetched then.
    """
    if options.table is not None:
        export.style_for(options.table, delivered, option="--results")
    with contextlib.closing(run_context.open_journal(session.home)) as journal:
        history.record_media_folder(journal, delivered.run, str(options.folder.absolute()))
        persons.record_artifact(journal, delivered.run.run_no, "media", str(options.folder.absolute()))
        if options.table is not None:
            persons.record_artifact(journal, delivered.run.run_no, "table", str(options.table.absolute()))
    with connect(session, delivered.run) as client:
        return fetch_files(delivered, options, client, session.console)


def after_render(
    journal: Journal, run: Run, link: connections.Connection, folder: Path | None, console: Console
) -> int:
    """Fetch the videos of a run that has just ended into folder; returns the exit code of `download`."""
    delivered = RunResults(run=run, rows=list(results.rows(journal, run)))
    history.record_media_folder(journal, run, str((folder or delivered.media_folder).absolute()))
    return fetch_files(
        delivered, DownloadOptions(folder=folder or delivered.media_folder), link.client, console, prints=False
    )


def fetch_quietly(delivered: RunResults, folder: Path, client: Client | None, stop: threading.Event) -> None:
    """Fetch what a run has finished so far, saying nothing; ends at the next block once stop is set."""
    from bhuman_cli.delivery import batch

    options = DownloadOptions(folder=folder)
    choice = batch.Choice(whats=options.whats, template=_usual_name(delivered), workers=options.workers)
    wanted = batch.jobs(delivered.header, delivered.rows, folder, choice)
    batch.run(
        wanted, folder, replace(_tools(delivered.run, options, client), stop=stop), options.workers, lambda _: None
    )


def fetch_files(
    delivered: RunResults, options: DownloadOptions, client: Client | None, console: Console, *, prints: bool = True
) -> int:
    """Fetch, check where that was asked for, and say what became of the files; return the exit code.

    prints: also on stdout, as `download` does.
    """
    from bhuman_cli.delivery import batch

    choice = batch.Choice(
        whats=options.whats, template=options.template or _usual_name(delivered), workers=options.workers
    )
    wanted = batch.jobs(delivered.header, delivered.rows, options.folder, choice)
    tools = _tools(delivered.run, options, client)
    progress = _Progress(console, len(wanted))
    done = batch.run(wanted, options.folder, tools, options.workers, progress.note)
    code = _exit_code(done)
    has_videos = What.VIDEO in options.whats and any(result.size for result in done)
    videos = quality_check.check(delivered, options.folder, console) if options.checks and has_videos else []
    if options.strict and code is ExitCode.OK and any(video.quality for video in videos):
        code = ExitCode.ROWS_FAILED
    if options.table is not None:
        export.write_paths(delivered, options.folder, options.whats, options.table)
    _say_result(delivered, options, done, console)
    if videos:
        quality_check.say(videos, console)
    if prints:
        _print(delivered, options, done, code, console, videos)
    return int(code)


def _tools(run: Run, options: DownloadOptions, client: Client | None) -> fetch.FetchTools:
    from bhuman_cli.delivery import fetch
    from bhuman_cli.net import addresses

    is_local = run.target.service == domain.LOCAL_SERVICE
    base_url = "" if is_local else run.target.service
    return fetch.FetchTools(
        policy=addresses.Policy(base_url=base_url, allow_private=options.allow_private),
        clock=SystemClock(),
        stop=threading.Event(),
        refresh=_refresher(client),
        probe=decoder(),
        file_root=settings.home(os.environ).studio / "media" if is_local else None,
    )


def _refresher(client: Client | None) -> Callable[[fetch.FetchJob], str]:
    """Return what asks the service for a job's link again."""

    def refresh(job: fetch.FetchJob) -> str:
        if client is None:
            return ""
        try:
            record = client.generation(job.generation_id)
        except errors.BhumanError:
            return ""
        return str(getattr(record, FIELD[job.what])) if record is not None else ""

    return refresh


def decoder() -> Callable[[Path, What], str]:
    """Return what opens a file with the studio's decoders, where that extra is installed."""
    try:
        from bhuman_cli.studio.render.footage import check as footage_check
        from bhuman_cli.studio.render.footage import reader
    except ImportError:
        return lambda _path, _what: ""

    def probe(path: Path, what: What) -> str:
        check = footage_check.check_video if what is What.VIDEO else footage_check.check_picture
        try:
            check(path)
        except reader.SourceError as problem:
            return f"the file {problem}"
        return ""

    return probe


@contextlib.contextmanager
def connect(session: Session, run: Run) -> Iterator[Client | None]:
    """Connect to the run's own service for fresh links; those of a local run are files, and are made again."""
    if run.target.service == domain.LOCAL_SERVICE:
        yield None
        return
    with refresh.connect(session, run) as connection:
        yield connection.client


class _Progress:
    """Says now and then how far it is."""

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total, self._clock = console, total, SystemClock()
        self._count, self._bytes, self._said_at = 0, 0, self._clock.monotonic_s()

    def note(self, done: fetch.FetchResult) -> None:
        """Count one file."""
        self._count += 1
        self._bytes += done.size
        now = self._clock.monotonic_s()
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            self._console.say(f"{self._count:,} of {self._total:,} files, {_size(self._bytes)}")


def _usual_name(delivered: RunResults) -> str:
    """Return `{row_index:04d}-{first variable}`, or the row number alone."""
    named = next(
        (name for name in delivered.run.spec.variables if name in delivered.header and not set(name) & set("{}!:")), ""
    )
    return "{row_index:04d}" + (f"-{{{named}}}" if named else "")


def _exit_code(done: Sequence[fetch.FetchResult]) -> ExitCode:
    states = {str(result.state) for result in done}
    if "left" in states:
        return ExitCode.NOT_FINISHED
    return ExitCode.ROWS_FAILED if "failed" in states else ExitCode.OK


def _say_result(
    delivered: RunResults, options: DownloadOptions, done: Sequence[fetch.FetchResult], console: Console
) -> None:
    counts = Counter(str(result.state) for result in done)
    words = {"fetched": "fetched", "kept": "there already", "failed": "failed", "left": "left"}
    said = ", ".join(f"{counts[state]:,} {word}" for state, word in words.items() if counts[state])
    console.say(
        f"{amounts.show(len(done), 'file')}: {said or 'none'}, {_size(sum(result.size for result in done))}"
        f" in {options.folder}"
    )
    by_reason: dict[str, list[int]] = {}
    for result in done:
        if result.reason:
            line = delivered.lines.get(result.job.row_index, 0)
            by_reason.setdefault(f"{result.state}: {result.reason}", []).append(line)
    if options.table is not None:
        console.say(f"results with the files' paths: {options.table}")
    if by_reason:
        from bhuman_cli.workflows.results import summary

        for reason, rows in sorted(by_reason.items(), key=lambda item: -len(item[1]))[:5]:
            console.say(f"  {reason} · {summary.line_numbers(rows)}")
        console.say(f"hint: {_next_command(delivered, options)}")
    if delivered.unfinished:
        console.say(f"{delivered.unfinished:,} rows are not finished yet: bhuman resume {delivered.run.run_id}")


def _next_command(delivered: RunResults, options: DownloadOptions) -> str:
    """Return the command that helps: a local run renders again what is gone from disk."""
    if delivered.run.target.service == domain.LOCAL_SERVICE:
        return f"bhuman render {shell.quote(delivered.run.input_path)} --local"
    return f"bhuman download {delivered.run.run_id} --to {shell.quote(str(options.folder))}"


def _print(
    delivered: RunResults,
    options: DownloadOptions,
    done: Sequence[fetch.FetchResult],
    code: ExitCode,
    console: Console,
    videos: Sequence[quality_check.Video],
) -> None:
    if not console.json_mode:
        console.out(str(options.folder))
        return
    counts = Counter(str(result.state) for result in done)
    files: list[dict[str, Any]] = [
        {
            "row_index": int(result.job.row_index or 0), "what": str(result.job.what), "state": str(result.state),
            "file": str(result.job.path), "bytes": result.size, "reason": result.reason,
        }
        for result in done
    ]  # fmt: skip
    console.out_json(
        {
            "schema": SCHEMA,
            "run_id": delivered.run.run_id,
            "folder": str(options.folder),
            "manifest": str(options.folder / "manifest.csv"),
            "results": str(options.table) if options.table is not None else None,
            "total": len(done),
            **{state: counts[state] for state in ("fetched", "kept", "failed", "left")},
            "files": files,
            **({"videos": [video.as_json() for video in videos]} if options.checks else {}),
            "exit_code": int(code),
        }
    )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"
