"""Execution of a confirmed run, and what is said at its end: summary, JSON, exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bhuman_cli import domain, durations, errors, shell
from bhuman_cli.config import settings
from bhuman_cli.domain import Status
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import history, planning, reported, results
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import outcome as outcomes
from bhuman_cli.runs import runner
from bhuman_cli.runs.list_look import ListLook
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.runs.request import Shape
from bhuman_cli.runs.runner import RunOptions
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, doubts, plan, run_context, spending
from bhuman_cli.workflows.results import results_writer, summary

SCHEMA = "bhuman.render/2"
_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOptions:
    """How one command carries a run out.

    asks: a person can be asked. yes: the rest after a sample goes ahead. retry_hint: what submits failed rows again.
    fails_on_old: rows of which an earlier command has told count again.
    """

    console: Console
    home: settings.Home
    is_json: bool
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
    retry_hint: str = ""
    list_look: ListLook = field(default_factory=lambda: ListLook(is_off=True))
    fails_on_old: bool = False


def carry_out(manner: ExecutionOptions, journal: Journal, run: Run, link: connections.Connection) -> int:
    """Send, wait, write; say how it ended; return the exit code."""
    _begin(manner.console, journal, run)
    old = 0 if manner.fails_on_old else reported.count(journal, run)
    outcome = _driven(manner, journal, run, link)
    if outcome.held_back and manner.sample and not outcome.stopped:
        outcome = _after_sample(manner, journal, run, link, outcome)
    if manner.download is not None and not outcome.stopped:
        outcome = _with_media(manner, journal, run, link, outcome)
    outcome = replace(outcome, old=old)
    _say(manner, journal, run, outcome)  # the document and the error are the last that is said
    manner.console.log(f"exit={int(outcome.exit_code)}")
    if not outcome.stopped:
        reported.keep(journal, run)
    return int(outcome.exit_code)


def _begin(console: Console, journal: Journal, run: Run) -> None:
    """Note what the talk is about, and whether there is anything to talk about."""
    console.talk.run_id, console.talk.file = run.run_id, run.input_name
    console.log("start")
    tally = results.tally(journal, run, selected_only=True)
    if results.unsent(journal, run) or any(tally.get(status) for status in domain.UNFINISHED):
        console.tell_news()


def _driven(manner: ExecutionOptions, journal: Journal, run: Run, link: connections.Connection) -> Outcome:
    write = results_writer.writer(journal, run, results_writer.style_of(run), manner.console)
    with (
        _following(manner, run, link) as poke,
        run_context.context(journal, link, run, manner.console, show=manner.progress, home=manner.home) as context,
    ):

        def checkpoint() -> bool:
            poke()
            return write() if manner.submits else True  # a superseded run's results file is another run's by now

        drive = RunOptions(
            run=run,
            shape=shape_of(run),
            chunk_size=manner.chunk_size,
            interval_s=manner.interval_s,
            waits=manner.waits,
            submits=manner.submits,
            selected_only=manner.selected_only,
            timeout_s=manner.timeout_s,
            permission=spending.permission(run, manner.home, journal, manner.console, chunk_size=manner.chunk_size),
            list_look=manner.list_look,
            checkpoint=checkpoint,
        )
        return runner.execute(drive, context)


@contextlib.contextmanager
def _following(manner: ExecutionOptions, run: Run, link: connections.Connection) -> Iterator[Callable[[], None]]:
    """Fetch media while the run waits, if that was asked for; yields what says that there is news."""
    if manner.download is None:
        yield lambda: None
        return
    from bhuman_cli.workflows.results import background_download

    with background_download.BackgroundDownload(home=manner.home, run=run, folder=manner.download, link=link) as thread:
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
    manner: ExecutionOptions, journal: Journal, run: Run, link: connections.Connection, outcome: Outcome
) -> Outcome:
    """Show the sample, then go on, ask, or leave the rest for `resume`."""
    _show_sample(manner, journal, run)
    statuses = history.sample_statuses(journal, run, manner.sample or 0)
    is_good = bool(statuses) and all(status == Status.SUCCEEDED for status in statuses)
    if manner.asks:
        if not manner.console.confirm(f"Submit the other {outcome.held_back:,} rows?"):
            planning.decline_sample(journal, run)
            unsent = f"{outcome.held_back:,} row{'' if outcome.held_back == 1 else 's'}"
            manner.console.say(f"{unsent} not sent. The same command sends them when you want them.")
            return replace(outcome, held_back=0, declined=True)
    elif not (manner.yes and is_good):
        # A sample that nobody waited for has not failed; it is not finished.
        return replace(outcome, sample_failed=manner.yes and manner.waits)
    planning.release_sample(journal, run)
    rest = _driven(manner, journal, run, link)
    return replace(
        rest,
        submitted=rest.submitted + outcome.submitted,
        reused=max(0, rest.reused - outcome.submitted),
        requests=rest.requests + outcome.requests,
        elapsed_s=rest.elapsed_s + outcome.elapsed_s,
    )


def _show_sample(manner: ExecutionOptions, journal: Journal, run: Run) -> None:
    """Say where the sample can be looked at: links, and the values each row was rendered with."""
    shown = 0
    for row in results.rows(journal, run):
        if row.fields["status"] == Status.SUCCEEDED and shown < (manner.sample or 0):
            shown += 1
            place = row.fields["share_url"] or row.fields["url"]
            manner.console.say(f"sample row {row.fields['row_index']}: {place}")
            if row.fields["thumbnail"]:
                manner.console.say(f"  thumbnail {row.fields['thumbnail']}")


def _say(manner: ExecutionOptions, journal: Journal, run: Run, outcome: Outcome) -> None:
    console = manner.console
    has_failed = outcome.exit_code is ExitCode.ROWS_FAILED and bool(results.retryable(journal, run))
    hint = manner.retry_hint if has_failed else ""
    stopped = outcomes.as_error(outcome)
    if stopped is not None:
        stopped.hint = stopped.hint or hint
    is_said_as_error = manner.is_json or outcome.exit_code in _SAID_AS_ERRORS
    for line in summary.lines(_summary(manner, journal, run, outcome, tells_next=not is_said_as_error)):
        console.say(line)
    if outcome.refused:
        console.say(f"waiting ended: {outcome.refused}")
    if outcome.exit_code is ExitCode.IN_DOUBT:
        doubts.explain(journal, run, console)
    elif hint and not is_said_as_error:
        console.say(f"hint: {hint}")
    console.talk.rows = {status: count for status, count in outcome.tally.items() if count}
    ended = document(journal, run, outcome)
    console.event("end", **{key: value for key, value in ended.items() if key != "run_id"})
    if manner.is_json:
        console.out_json(ended)
    else:
        console.out(run.output_path)
    if stopped is not None and is_said_as_error:
        console.error(stopped)


_SAID_AS_ERRORS: Final = {ExitCode.CREDENTIALS, ExitCode.DOWN, ExitCode.REFUSED}


def _summary(
    manner: ExecutionOptions, journal: Journal, run: Run, outcome: Outcome, *, tells_next: bool
) -> summary.Summary:
    """Say what happened, what it cost, where it is, what goes on, and what comes next."""
    rows = (
        {
            "line": str(row.line),
            "status": row.status,
            "message": row.reason,
            "id": row.generation_id,
            "execution_name": row.execution_name,
        }
        for row in results.failures(journal, run)
    )
    # On a terminal the path is the line on stdout: once is enough.
    files = [] if manner.console.is_drawn() and not manner.is_json else [run.output_path]
    found = summary.summarize(rows, files=files, next_command=(outcome.next_command or "") if tells_next else "")
    return replace(
        found,
        counts={status: count for status, count in outcome.tally.items() if count},
        support_command=f"bhuman export {run.run_id} --for support",
        cost=_cost(run, outcome),
        notes=tuple(_notes(manner, run, outcome)),
    )


def _cost(run: Run, outcome: Outcome) -> str:
    if not outcome.submitted:
        return "; nothing new was sent" if not outcome.unsent else ""
    took = f" in {durations.show(outcome.elapsed_s)}"
    if run.target.service == domain.LOCAL_SERVICE:
        return f"{took}; nothing was spent"
    return f"{took}; {outcome.submitted:,} {'video' if outcome.submitted == 1 else 'videos'} paid"


def _notes(manner: ExecutionOptions, run: Run, outcome: Outcome) -> Iterator[str]:
    """Say why it ended before all was done, what goes on at the service all the same, and where to look."""
    if outcome.old:
        old = f"{outcome.old:,} row{'s' * (outcome.old != 1)}"
        yield f"{old} of these ended so before and don't count again (--fail-on-old counts them)"
    going = sum(outcome.selected.get(status, 0) for status in (Status.QUEUED, Status.PREPARING, Status.PROCESSING))
    if outcome.reason and outcome.exit_code not in {ExitCode.OK, ExitCode.ROWS_FAILED, *_SAID_AS_ERRORS}:
        yield f"sending ended early: {outcome.ending}: {outcome.reason}"
    elif outcome.exit_code is ExitCode.NOT_FINISHED and outcome.waited and manner.timeout_s is not None and going:
        yield f"stopped waiting after {durations.show(manner.timeout_s)} (--timeout)"
    if going and run.target.service != domain.LOCAL_SERVICE:
        videos = "1 video goes on at BHuman and is" if going == 1 else f"{going:,} videos go on at BHuman and are"
        yield f"{videos} paid; nothing of it is lost"
    if manner.console.is_drawn() and outcome.exit_code is ExitCode.OK and outcome.tally.get(Status.SUCCEEDED):
        yield f"look: bhuman gallery {run.run_id} --open"


def document(journal: Journal, run: Run, outcome: Outcome) -> dict[str, Any]:
    """Return the `--json` document."""
    counted = outcome.as_json()
    return {
        "schema": SCHEMA,
        "run_id": counted.pop("run_id"),
        "target": {f"{run.target.kind}_id": run.target.api_id},
        "output": run.output_path,
        "rows": counted.pop("rows"),
        **problems(journal, run),
        **counted,
    }


def problems(journal: Journal, run: Run) -> dict[str, Any]:
    """Return the rows that need a person, the first hundred, and how many more there are."""
    tally = results.tally(journal, run, selected_only=True)
    total = sum(tally.get(status, 0) for status in (Status.FAILED, Status.REJECTED, Status.IN_DOUBT, Status.INVALID))
    listed = [
        {"row_index": row.row_index, "line": row.line, "status": row.status, "reason": row.reason}
        for row in (results.failures(journal, run, limit=_MOST_PROBLEMS) if total else ())
    ]
    more = {"more_problems": total - len(listed)} if total > len(listed) else {}
    return {"problems": listed, **more}


def stopped_document(
    target: domain.Target | None, output: Path | None, tally: Mapping[str, int], code: ExitCode
) -> dict[str, Any]:
    """Return the document of a command that was stopped before anything was sent; tally: of the rows, where known."""
    counts = {str(status): tally.get(status, 0) for status in Status}
    is_named = target is not None and target.api_id != domain.NO_TARGET
    return {
        "schema": SCHEMA,
        "run_id": None,
        "target": {f"{target.kind}_id": target.api_id if is_named else None} if target is not None else {},
        "output": str(output.absolute()) if output is not None else None,
        "rows": {"total": sum(counts.values()), **counts, "reused": 0, "submitted": 0, "shared": 0, "later": 0},
        "problems": [],
        "requests": {"submit": 0, "poll": 0},
        "elapsed_s": 0.0,
        "exit_code": int(code),
        "next": None,
    }


def dry(
    console: Console, journal: Journal, run: Run, plan: plan.Plan, problem: errors.BhumanError | None, *, is_json: bool
) -> int:
    """Say what a dry run found; return the exit code.

    Raises:
        BhumanError: what a real run would stop at.
    """
    code = problem.exit_code if problem is not None else ExitCode.OK
    console.tell_news()
    if not is_json:
        if problem is not None:
            raise problem
        return int(code)
    tally = results.tally(journal, run)
    rows = {"total": sum(tally.values())} | {str(status): tally.get(status, 0) for status in Status}
    rows |= {"reused": results.paid_rows(journal, run), "submitted": 0}
    rows |= {"shared": results.shared_rows(journal, run), "later": results.deferred_rows(journal, run)}
    console.out_json(
        {
            "schema": SCHEMA,
            "run_id": None,
            "target": {f"{run.target.kind}_id": _known(run.target.api_id)},
            "output": run.output_path,
            "rows": rows,
            **problems(journal, run),
            "requests": {"submit": 0, "poll": 0},
            "elapsed_s": 0.0,
            "exit_code": int(code),
            "next": None,
            "plan": plan.as_json(),
        }
    )
    if problem is not None:
        raise problem
    return int(code)


def _known(api_id: str) -> str | None:
    return None if api_id == domain.NO_TARGET else api_id


def _with_media(
    manner: ExecutionOptions, journal: Journal, run: Run, link: connections.Connection, outcome: Outcome
) -> Outcome:
    """Fetch what is not here yet: who asked for the files is told by the exit code if one is missing."""
    from bhuman_cli.workflows.results import download

    again = f"bhuman download {run.run_id} --to {shell.quote(str(manner.download))}"
    try:
        code = ExitCode(download.after_render(journal, run, link, manner.download, manner.console))
    except KeyboardInterrupt:
        return replace(outcome, stopped=int(ExitCode.INTERRUPTED))
    except errors.BhumanError as error:
        manner.console.warn(f"download failed: {error.message}")
        code = ExitCode.NOT_FINISHED
    return replace(outcome, fetched=code, fetch_command=again)
