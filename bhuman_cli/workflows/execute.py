"""Execution of a confirmed run: sample, sending, waiting, media. `run_report` tells how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bhuman_cli import amounts, domain, errors, shell
from bhuman_cli.config import settings
from bhuman_cli.domain import Status
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import events, history, planning, results
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import runner
from bhuman_cli.runs.list_look import ListLook
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.runs.request import Shape
from bhuman_cli.runs.runner import RunOptions
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, run_context, spending
from bhuman_cli.workflows.results import results_writer


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOptions:
    """How one command carries a run out.

    asks: a person can be asked. yes: the rest after a sample goes ahead.
    fails_on_old: rows of which an earlier command has told count again.
    """

    console: Console
    home: settings.Home
    progress: str
    waits: bool
    timeout_s: float | None
    interval_s: float
    chunk_size: int
    sample: int | None = None
    asks: bool = False
    yes: bool = False
    download: Path | None = None
    submits: bool = True
    selected_only: bool = False
    list_look: ListLook = field(default_factory=lambda: ListLook(is_off=True))
    fails_on_old: bool = False


def execute(options: ExecutionOptions, journal: Journal, run: Run, connection: connections.Connection) -> Outcome:
    """Send, wait, write, and fetch media where that was asked for; return how it ended, for `run_report`."""
    _begin(options.console, journal, run)
    old = 0 if options.fails_on_old else events.count_reported(journal, run)
    outcome = _run(options, journal, run, connection)
    if outcome.held_back and options.sample and not outcome.stopped:
        outcome = _after_sample(options, journal, run, connection, outcome)
    if options.download is not None and not outcome.stopped:
        outcome = _with_media(options, journal, run, connection, outcome)
    return replace(outcome, old=old)


def _begin(console: Console, journal: Journal, run: Run) -> None:
    """Note what the talk is about, and whether there is anything to talk about."""
    console.talk.run_id, console.talk.file = run.run_id, run.input_name
    console.log("start")
    tally = results.tally(journal, run, selected_only=True)
    if results.unsent(journal, run) or any(tally.get(status) for status in domain.UNFINISHED):
        console.tell_news()


def _run(options: ExecutionOptions, journal: Journal, run: Run, connection: connections.Connection) -> Outcome:
    write = results_writer.writer(journal, run, results_writer.style_of(run), options.console)
    with (
        _following(options, run, connection) as poke,
        run_context.context(
            journal, connection, run, options.console, show=options.progress, home=options.home
        ) as context,
    ):

        def checkpoint() -> bool:
            poke()
            return write() if options.submits else True  # a superseded run's results file is another run's by now

        run_options = RunOptions(
            run=run,
            shape=shape_of(run),
            chunk_size=options.chunk_size,
            interval_s=options.interval_s,
            waits=options.waits,
            submits=options.submits,
            selected_only=options.selected_only,
            timeout_s=options.timeout_s,
            permission=spending.permission(run, options.home, journal, options.console, chunk_size=options.chunk_size),
            list_look=options.list_look,
            checkpoint=checkpoint,
        )
        return runner.execute(run_options, context)


@contextlib.contextmanager
def _following(options: ExecutionOptions, run: Run, connection: connections.Connection) -> Iterator[Callable[[], None]]:
    """Fetch media while the run waits, if that was asked for; yields what says that there is news."""
    if options.download is None:
        yield lambda: None
        return
    from bhuman_cli.workflows.results import background_download

    with background_download.BackgroundDownload(
        home=options.home, run=run, folder=options.download, link=connection
    ) as thread:
        yield thread.wake


def shape_of(run: Run) -> Shape:
    """Return how the run's requests look, as it was stored with the run."""
    return Shape(
        target=run.target,
        spec=run.spec,
        callback_url=str(run.options.get("callback_url") or ""),
        path=str(run.options.get("path") or ""),
        as_object=bool(run.options.get("as_object")),
    )


def _after_sample(
    options: ExecutionOptions, journal: Journal, run: Run, connection: connections.Connection, outcome: Outcome
) -> Outcome:
    """Show the sample, then go on, ask, or leave the rest for `resume`."""
    _show_sample(options, journal, run)
    statuses = history.sample_statuses(journal, run, options.sample or 0)
    is_good = bool(statuses) and all(status == Status.SUCCEEDED for status in statuses)
    if options.asks:
        if not options.console.confirm(f"Submit the other {outcome.held_back:,} rows?"):
            planning.decline_sample(journal, run)
            unsent = f"{amounts.show(outcome.held_back, 'row')}"
            options.console.say(f"{unsent} not sent. The same command sends them when you want them.")
            return replace(outcome, held_back=0, declined=True)
    elif not (options.yes and is_good):
        # A sample that nobody waited for has not failed; it is not finished.
        return replace(outcome, sample_failed=options.yes and options.waits)
    planning.release_sample(journal, run)
    rest = _run(options, journal, run, connection)
    return replace(
        rest,
        submitted=rest.submitted + outcome.submitted,
        reused=max(0, rest.reused - outcome.submitted),
        requests=rest.requests + outcome.requests,
        elapsed_s=rest.elapsed_s + outcome.elapsed_s,
    )


def _show_sample(options: ExecutionOptions, journal: Journal, run: Run) -> None:
    """Say where the sample can be looked at, by line."""
    shown = 0
    for row in results.rows(journal, run):
        if row.fields["status"] == Status.SUCCEEDED and shown < (options.sample or 0):
            shown += 1
            name = next(filter(None, row.cells), "") if options.asks else ""  # a value only where a person looks
            place = row.fields["share_url"] or row.fields["url"]
            options.console.say(f"line {row.line}{f', {name}' if name else ''}: {place}")


def _with_media(
    options: ExecutionOptions, journal: Journal, run: Run, connection: connections.Connection, outcome: Outcome
) -> Outcome:
    """Fetch what is not here yet: who asked for the files is told by the exit code if one is missing."""
    from bhuman_cli.workflows.results import download

    again = f"bhuman download {run.run_id} --to {shell.quote(str(options.download))}"
    try:
        code = ExitCode(download.after_render(journal, run, connection, options.download, options.console))
    except KeyboardInterrupt:
        return replace(outcome, stopped=int(ExitCode.INTERRUPTED))
    except errors.BhumanError as error:
        options.console.warn(f"download failed: {error.message}")
        code = ExitCode.NOT_FINISHED
    return replace(outcome, fetched=code, fetch_command=again)
