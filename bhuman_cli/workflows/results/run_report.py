"""Report of a run when its command ends: summary, JSON document, error. Sends and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bhuman_cli import amounts, domain, durations, errors
from bhuman_cli.domain import Status
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import events, results
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import outcome as outcomes
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import doubts, plan
from bhuman_cli.workflows.results import summary

SCHEMA = "bhuman.render/2"


_MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """How a command tells its end.

    timeout_s: how long it was to wait. retry_hint: what submits failed rows again.

    prints_table: the results themselves are the command's data, not the path of their file.
    """

    console: Console
    is_json: bool
    timeout_s: float | None = None
    retry_hint: str = ""
    prints_table: bool = False


def tell(options: ReportOptions, journal: Journal, run: Run, outcome: Outcome) -> int:
    """Say how a run stands; the document and the error are the last that is said. Return the exit code."""
    console = options.console
    has_failed = outcome.exit_code is ExitCode.ROWS_FAILED and bool(results.retryable(journal, run))
    hint = options.retry_hint if has_failed else ""
    stopped = outcomes.as_error(outcome)
    if stopped is not None:
        stopped.hint = stopped.hint or hint
    is_said_as_error = options.is_json or outcome.exit_code in _SAID_AS_ERRORS
    for line in summary.lines(_summary(options, journal, run, outcome, tells_next=not is_said_as_error)):
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
    if options.is_json:
        console.out_json(ended)
    elif options.prints_table:
        with Path(run.output_path).open(encoding="utf-8-sig", newline="") as stream:
            console.out(stream.read().removesuffix("\r\n"))
    else:
        console.out(run.output_path)
    if stopped is not None and is_said_as_error:
        console.error(stopped)
    console.log(f"exit={int(outcome.exit_code)}")
    if not outcome.stopped:
        events.keep_report(journal, run)
    return int(outcome.exit_code)


_SAID_AS_ERRORS: Final = {ExitCode.CREDENTIALS, ExitCode.DOWN, ExitCode.REFUSED}


def _summary(
    options: ReportOptions, journal: Journal, run: Run, outcome: Outcome, *, tells_next: bool
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
    files = [] if options.console.is_drawn() and not options.is_json else [run.output_path]
    told = summary.summarize(rows, files=files, next_command=(outcome.next_command or "") if tells_next else "")
    return replace(
        told,
        counts={status: count for status, count in outcome.tally.items() if count},
        support_command=f"bhuman export {run.run_id} --for support",
        cost=_cost(run, outcome),
        notes=tuple(_notes(options, run, outcome)),
    )


def _cost(run: Run, outcome: Outcome) -> str:
    if not outcome.submitted:
        return "; nothing new was sent" if not outcome.unsent else ""
    took = f" in {durations.show(outcome.elapsed_s)}"
    if run.target.service == domain.LOCAL_SERVICE:
        return f"{took}; nothing was spent"
    return f"{took}; {amounts.show(outcome.submitted, 'video')} paid"


def _notes(options: ReportOptions, run: Run, outcome: Outcome) -> Iterator[str]:
    """Say why it ended before all was done, what goes on at the service all the same, and where to look."""
    if outcome.old:
        old = amounts.show(outcome.old, "row")
        yield f"{old} of these ended so before and don't count again (--fail-on-old counts them)"
    going = sum(outcome.selected.get(status, 0) for status in (Status.QUEUED, Status.PREPARING, Status.PROCESSING))
    if outcome.reason and outcome.exit_code not in {ExitCode.OK, ExitCode.ROWS_FAILED, *_SAID_AS_ERRORS}:
        yield f"sending ended early: {outcome.ending}: {outcome.reason}"
    elif outcome.exit_code is ExitCode.NOT_FINISHED and outcome.waited and options.timeout_s is not None and going:
        yield f"stopped waiting after {durations.show(options.timeout_s)} (--timeout)"
    if going and run.target.service != domain.LOCAL_SERVICE:
        videos = "1 video goes on at BHuman and is" if going == 1 else f"{going:,} videos go on at BHuman and are"
        yield f"{videos} paid: nothing is lost"
    is_looked_at = options.console.is_drawn() or (run.target.service == domain.LOCAL_SERVICE and outcome.submitted)
    if is_looked_at and outcome.exit_code is ExitCode.OK and outcome.tally.get(Status.SUCCEEDED):
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
    target: domain.Target | None,
    output: Path | None,
    tally: Mapping[str, int],
    code: ExitCode,
    problems: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the document of a command that was stopped before anything was sent.

    tally: of the rows, where known. problems: as `problems` returns them, where there are any.
    """
    counts = {str(status): tally.get(status, 0) for status in Status}
    is_named = target is not None and target.api_id != domain.NO_TARGET
    return {
        "schema": SCHEMA,
        "run_id": None,
        "target": {f"{target.kind}_id": target.api_id if is_named else None} if target is not None else {},
        "output": str(output.absolute()) if output is not None else None,
        "rows": {"total": sum(counts.values()), **counts, "reused": 0, "submitted": 0, "shared": 0, "later": 0},
        **(problems or {"problems": []}),
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
