"""Workflow of `bhuman render`: settings to table, table to plan, plan to run, run to exit code."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bhuman_cli import amounts, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials, settings
from bhuman_cli.domain import Row
from bhuman_cli.gate import changes
from bhuman_cli.gate import refusals as order
from bhuman_cli.journal import (
    comparison,
    generations,
    history,
    matching,
    persons,
    plan_rows,
    planning,
    results,
    traffic,
)
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import NewRun, Run
from bhuman_cli.net import addresses
from bhuman_cli.runs import epoch_file, permission, runner, spend_limits
from bhuman_cli.runs.binding import record_writer
from bhuman_cli.runs.runner import PreparedRun
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import (
    adopt,
    changed_rows,
    connections,
    doubts,
    execute,
    listed_videos,
    probing,
    render_job,
    run_context,
    saved_plan,
    spending,
    unknown_payments,
)
from bhuman_cli.workflows import plan as plans
from bhuman_cli.workflows.input import input_source, input_table, problem_report, project_trust
from bhuman_cli.workflows.results import results_writer, run_report
from bhuman_cli.workflows.unknown_payments import Unknown


def run(
    file: str,
    flags: Mapping[str, Any],
    *,
    writes_project_file: bool = False,
    beside: spending.Beside | None = None,
) -> int:
    """Render a file as the options, environment and settings files say; return the exit code."""
    console = Console(json_mode=bool(flags.get("json")), no_input=bool(flags.get("no_input")))
    values = _load(file, flags, console)
    console.talk.as_events = console.talk.as_events or values.get("progress") == "json"
    if values.project_file is not None:
        console.say(f"settings from {values.project_file}")
    refusals: list[errors.Refusal] = []
    if values.get("dry_run") and values.untrusted:
        refusals.append(values.distrust())
        values = values.trusting()  # nothing is spent and nothing written there
    asks = console.is_interactive() and not values.get("yes")
    values = project_trust.settle(values, console, asks=asks)
    console = Console(
        json_mode=bool(values.get("json")), no_input=bool(values.get("no_input")), log_file=values.get("log_file")
    )
    job: render_job.RenderJob | None = None
    source: input_source.InputSource | None = None
    try:
        source = input_source.open_source(file, values, settings.home(os.environ), console)
        if writes_project_file:
            return input_table.write_project_file(source, values, console)
        if console.is_watched():
            console.say(f"reading {source.name}")
        with _told_in_doubt(source, values):
            applied = render_job.applied_plan(values)
            job = replace(
                render_job.read_job(source, values, console), distrust=tuple(refusals), applied=applied,
                beside=beside or spending.Beside(),
            )  # fmt: skip
            job.asks = job.asks and applied is None
            return _dry(job) if values.get("dry_run") else _real(job)
    except errors.BhumanError as error:
        console.log(error.message, level="ERROR")
        console.log(f"exit={int(error.exit_code)}")
        _document_stop(console, job, error)
        error.is_for_programs = console.json_mode  # `json` may stand in the project file
        raise
    finally:
        if source is not None and source.is_address:
            _drop_copy(source, settings.home(os.environ))


def _drop_copy(source: input_source.InputSource, home: settings.Home) -> None:
    """Keep no copy of a table at an address where somebody was forgotten: the table may name them still."""
    if source.path is not None and run_context.has_journal(home):
        with contextlib.suppress(errors.JournalError), contextlib.closing(run_context.open_journal(home)) as journal:
            if persons.has_forgotten(journal):
                source.path.unlink(missing_ok=True)


def _load(file: str, flags: Mapping[str, Any], console: Console) -> settings.Settings:
    path = input_source.project_path(file)
    console.talk.file = "stdin" if file == "-" else path.name if path is not None else ""
    if path is not None:
        input_source.require_file(path)
        input_table.require_name(path)
    input_table.require_name(flags.get("output"))
    return settings.load(
        flags={name: value for name, value in flags.items() if name != "profile"},
        input_path=path,
        environ=os.environ,
        profile=flags.get("profile"),
    )


_OLD = timedelta(days=1)
_WITH_DOCUMENT = frozenset(
    {
        errors.ExitCode.INPUT, errors.ExitCode.CREDENTIALS, errors.ExitCode.REFUSED, errors.ExitCode.DOWN,
        errors.ExitCode.IN_DOUBT,
    }
)  # fmt: skip


def _told_in_doubt(
    source: input_source.InputSource, values: settings.Settings
) -> contextlib.AbstractContextManager[None]:
    """Let a doubt about the file be told, too, where a command ends before it opens the journal."""
    home = settings.home(os.environ)
    if values.get("dry_run") or values.get("local") or not run_context.has_journal(home):
        return contextlib.nullcontext()
    target = render_job.target_of(values, source, needs_one=False)
    return doubts.never_hidden(lambda: run_context.open_journal(home), target, source.input_path)


def _document_stop(console: Console, job: render_job.RenderJob | None, error: errors.BhumanError) -> None:
    """Print the document of a render that was stopped: a monitor reads one at every exit but 1 and 2."""
    if console.json_mode and error.exit_code in _WITH_DOCUMENT and not console.talk.has_document:
        if job is None:
            document = run_report.stopped_document(None, None, {}, error.exit_code)
        else:
            document = run_report.stopped_document(job.target, job.output, job.tally, error.exit_code, job.problems)
        console.out_json(document)


def _dry(job: render_job.RenderJob) -> int:
    from bhuman_cli.journal import database

    input_table.require_writable(job.output, job.source, job.intake, force=bool(job.get("force")))
    journal = database.scratch(job.home.state, SystemClock(), job.home.journal)
    with contextlib.closing(journal):
        new = render_job.new_run(job)
        if job.get("plan_out"):
            saved_plan.require_place(Path(job.get("plan_out")))
        rows = persons.without_forgotten(journal, job.intake.columns, job.intake.rows())
        prepared = runner.prepare(journal, new, rows, larger=_larger(job, journal, new))
        prepared = _probed(job, journal, prepared)
        is_edited = prepared.previous.paid > prepared.previous.shown
        if job.get("plan_out") or is_edited or prepared.counts.new > changes.MANY_ROWS:
            database.bring_rows(journal, job.home.state, comparison.last_runs(journal, prepared.run))
        prepared, refusals = _gated(job, journal, _paid_by(job, journal, prepared, ""), [])
        plan = replace(_plan(job, prepared, journal), refusals=tuple(order.in_order([*job.distrust, *refusals])))
        problem_report.say(job.intake.problems, job.console)
        _say_remarks(job)
        written = problem_report.write(job.intake.problems, job.source.beside, job.console)
        plans.show(plan, job.console)
        if written is not None:
            job.console.say(f"problems: {written}")
        if place := job.get("plan_out"):
            named, key = str(job.source.beside or "-"), job.get("row_key")
            saved_plan.write(Path(place), journal, prepared.run, file=named, row_key=key, counts=plan.counted())
            job.console.say(f"plan: {place}")
        problem: errors.BhumanError | None = None
        if _is_stopped_by_problems(job):
            problem = problem_report.refusal(job.intake, written)
        else:
            problem = next((refusal for refusal in refusals if refusal.code == "over_max_rows"), None)
        return run_report.dry(job.console, journal, prepared.run, plan, problem, is_json=bool(job.get("json")))


def _say_remarks(job: render_job.RenderJob) -> None:
    """Say which cells are sent otherwise than they stand there: before anything is paid for them."""
    for remark in job.intake.remarks:
        job.console.say(remark)


def _is_stopped_by_problems(job: render_job.RenderJob) -> bool:
    log = job.intake.problems
    return bool(log.file_errors) or (bool(log.errors) and job.get("on_invalid") == "stop")


def _real(job: render_job.RenderJob) -> int:
    if not job.is_local:
        stored = credentials.find(os.environ, job.home, job.get("profile"), service=job.target.service)
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(contextlib.closing(run_context.open_journal(job.home)))
        asks = job.console.is_interactive() and not job.get("yes")
        wait_s = float(job.get("lock_wait"))
        stack.enter_context(run_context.with_lock(journal, job.home, job.target, job.console, wait_s=wait_s, asks=asks))
        stack.enter_context(doubts.never_hidden(journal, job.target, job.source.input_path))
        prepared = _paid_by(job, journal, _prepared(job, journal), "" if job.is_local else stored.key_id)
        if job.is_local:
            allow_private = bool(job.get("allow_private"))
            link = stack.enter_context(
                connections.local(job.home, job.own_template, job.console, allow_private=allow_private)
            )
        else:
            link = stack.enter_context(connections.remote(job.values, job.console, stored))
        prepared, unknown = _adopted(job, journal, prepared, link)
        looked = unknown_payments.refusals(
            journal, prepared.run, job.home, unknown,
            again=bool(job.get("again")), accept_journal=bool(job.get("accept_journal")),
        )  # fmt: skip
        looks, listed = listed_videos.look(
            listed_videos.policy(job.values, asks=job.asks), journal, prepared.run, link, job.console, job.home
        )
        prepared = replace(prepared, counts=planning.counts(journal, prepared.run))
        prepared, refusals = _gated(job, journal, prepared, [*looked, *([listed] if listed else [])], link)
        if job.get("again"):
            _require_no_unfinished_again(journal, prepared.run)
        plan = replace(_plan(job, prepared, journal), account=link.account)
        plans.show(plan, job.console)
        plans.settle(refusals, plan, job.console, asks=job.asks)
        epoch_file.accept(journal, prepared.run, job.home.state)
        if listed is not None:  # a yes on a terminal
            listed_videos.accept(journal, prepared.run, looks)
        if Path(os.path.realpath(job.output)) in {Path(os.path.realpath(place)) for place in unknown.places}:
            adopt.keep(journal, job.output, job.console)
        if job.get("sample"):
            planning.keep_sample(journal, prepared.run, int(job.get("sample")))
        spending.set_first_rows(journal, prepared.run, job.get("first"), has_sample=bool(job.get("sample")))
        plan_rows.journal_id(journal)  # made before anything is paid, so that later plans can name it
        confirmed = runner.confirm(journal, prepared, plan_id=job.applied.plan_id if job.applied else "")
        outcome = execute.execute(replace(render_job.execution_options(job), list_look=looks), journal, confirmed, link)
        return run_report.tell(render_job.report_options(job), journal, confirmed, outcome)


def _rows(job: render_job.RenderJob) -> Iterator[Row]:
    if not job.is_local:
        return job.intake.rows()
    connections.require_extra(web=True, rendering=True)
    from bhuman_cli.workflows.input import input_table

    return input_table.warn_missing_glyphs(job.intake.rows(), job.console)


def _prepared(job: render_job.RenderJob, journal: Journal) -> PreparedRun:
    """Read, check and plan; stop if the table did not pass."""
    from bhuman_cli import files
    from bhuman_cli.table.output import results_file

    input_table.require_writable(job.output, job.source, job.intake, force=bool(job.get("force")))
    files.require_place(job.output)
    input_table.require_folder(job.get("download"), "--download")
    new = render_job.new_run(job)
    prepared = runner.prepare(
        journal,
        new,
        persons.without_forgotten(journal, job.intake.columns, _rows(job)),
        larger=_larger(job, journal, new),
        places=run_context.rescue_places(job.home, job.output),
        gone=functools.partial(connections.lost_videos, job.home) if job.is_local else None,
    )
    job.tally, job.problems = results.tally(journal, prepared.run), run_report.problems(journal, prepared.run)
    if said := results_file.style_notice(results_writer.style_of(prepared.run), job.intake.table, prepared.counts.rows):
        job.console.say(said)
    prepared = _probed(job, journal, prepared)
    log = job.intake.problems
    problem_report.say(log, job.console)
    _say_remarks(job)
    is_stopped = _is_stopped_by_problems(job)
    written = problem_report.write(log, job.source.beside, job.console) if is_stopped or not len(log) else None
    if is_stopped:
        raise problem_report.refusal(job.intake, written)
    return prepared


def _require_no_unfinished_again(journal: Journal, run: Run) -> None:
    if unfinished := history.unfinished_again(journal, run):
        raise errors.UsageError(
            "an --again run of this file is not finished; running it anew would pay twice",
            hint=f"bhuman resume {unfinished}",
        )


def _adopted(
    job: render_job.RenderJob, journal: Journal, prepared: PreparedRun, link: connections.Connection
) -> tuple[PreparedRun, Unknown]:
    """Look for paid videos that this journal does not know; take them over if asked to. Returns what is left."""
    unknown = unknown_payments.search(journal, prepared.run, job.home)
    if not unknown or not job.get("adopt"):
        return prepared, unknown
    left = adopt.adopt(journal, prepared.run, unknown, link.client, job.console)
    matching.match(journal, prepared.run)
    return replace(prepared, counts=planning.counts(journal, prepared.run)), left


def _probed(job: render_job.RenderJob, journal: Journal, prepared: PreparedRun) -> PreparedRun:
    """Ask the asset addresses, where that was asked for: it visits the recipients' sites."""
    if not job.get("probe") or not prepared.run.spec.backgrounds:
        return prepared
    base_url = "" if job.is_local else str(job.get("base_url"))
    probing.probe(
        journal,
        prepared.run,
        probing.ProbeOptions(
            backgrounds=prepared.run.spec.backgrounds,
            columns=[str(name) for name in job.get("asset")],
            policy=addresses.Policy(base_url=base_url, allow_private=bool(job.get("allow_private"))),
            skips=job.get("on_invalid") == "skip",
        ),
        job.intake.problems,
        job.console,
    )
    return replace(prepared, counts=planning.counts(journal, prepared.run))


def _paid_by(job: render_job.RenderJob, journal: Journal, prepared: PreparedRun, key_id: str) -> PreparedRun:
    profile = "" if job.is_local else str(job.get("profile"))
    return replace(prepared, run=planning.set_payer(journal, prepared.run, profile=profile, key_id=key_id))


def _gated(
    job: render_job.RenderJob,
    journal: Journal,
    prepared: PreparedRun,
    looked: Sequence[errors.Refusal],
    link: connections.Connection | None = None,
) -> tuple[PreparedRun, list[errors.Refusal]]:
    """Put the plan to the gate: leave for later what may not go now; return why the rest may not go, either.

    link: to ask the service, None in a dry run.
    """
    run = prepared.run
    if job.get("accept_failures") and traffic.accept_failures(journal, run):
        job.console.say("the failures are accepted; counting begins anew")
    permitted = spending.permission(run, job.home, journal, job.console, chunk_size=job.chunk_size)
    if prepared.paid_with_more:
        job.console.say(f"{prepared.paid_with_more:,} rows were paid with more columns; they are not paid again")
    changed_rows.say_shared(journal, run, prepared.counts.shared, job.console)
    changed = changed_rows.compare(
        journal, run, prepared.counts, prepared.previous, job.intake.known, job.get("row_key")
    )
    job.changed = changed.columns
    if link is not None:
        _ask_old_videos(job, journal, run, link)
    spending.take(journal, run, job.get("take"), permitted.zone, job.beside)
    counts = planning.counts(journal, run)
    refusals = _refusals(job, journal, replace(prepared, counts=counts), changed.said, looked)
    cost = counts.new + counts.retried
    if cost and traffic.is_braked(journal, run.target_id):
        refusals.append(permission.too_many_failures(journal, run))
    if job.applied is not None:
        _, misfit = saved_plan.fit(journal, run, job.applied, job.get("plan_age"))
        refusals = [*saved_plan.lifts(refusals), *([misfit] if misfit is not None else [])]
        counts = planning.counts(journal, run)
        cost = counts.new + counts.retried
    if job.get("redo") and counts.retried and not job.get("yes") and not job.console.is_interactive():
        refusals.append(
            errors.Refusal(
                f"{counts.retried:,} videos would be rendered and paid again, and nobody can be asked",
                hint="--yes", code="not_confirmed",
            )
        )  # fmt: skip
    left, over = spending.within_budget(journal, run, permitted, cost)
    refusals += [over] if over is not None else []
    return replace(prepared, counts=planning.counts(journal, run) if left else counts), refusals


def _ask_old_videos(job: render_job.RenderJob, journal: Journal, run: Run, link: connections.Connection) -> None:
    """Ask once whether videos are still there that nobody asked for a day, before further rows show them."""
    if job.is_local:
        return
    old = generations.old_videos_of_new_rows(journal, run, asked_before=SystemClock().now() - _OLD)
    if not old:
        return
    job.console.say(f"asking whether {amounts.show(len(old), 'video')} of an earlier day can still be shown")
    with run_context.context(journal, link, run, job.console, show="none", home=job.home) as context:
        ask = map if context.pool is None else context.pool.map
        records = list(ask(lambda item: record_writer.try_record(context, item[1]), old))
    answers = [(claim, record) for (claim, _), (record, is_unclear) in zip(old, records, strict=True) if not is_unclear]
    gone = [claim for claim, record in answers if record is None]
    generations.note_asked(journal, [claim for claim, _ in answers], gone=gone)
    if gone:
        job.console.say(f"{amounts.show(len(gone), 'video')} of an earlier day: gone; --retry-failed renders them anew")
        matching.match(journal, run)


def _larger(job: render_job.RenderJob, journal: Journal, new: NewRun) -> list[Callable[[Row], bytes]]:
    """Return how rows were identified when more of their columns were sent; with `--again` nothing counts as paid."""
    if job.is_local or job.get("again"):
        return []
    accepted = comparison.accepted_variables(journal, new.target)
    return changed_rows.larger_identities(new.spec, job.intake.columns, accepted)


def _plan(job: render_job.RenderJob, prepared: PreparedRun, journal: Journal) -> plans.Plan:
    size = job.get("sample")
    return plans.Plan(
        counts=prepared.counts,
        chunk_size=job.chunk_size,
        target=job.target,
        target_name=job.target_name,
        service=job.target.service,
        account="",
        journal=journal.path,
        output=job.output,
        unit_cost=job.get("unit_cost"),
        quality=job.get("quality"),
        sample=planning.to_send_in_sample(journal, prepared.run, int(size)) if size else None,
        profile="" if job.is_local else str(job.get("profile")),
        sends=job.intake.variables,
        keeps=job.intake.kept,
        private=() if job.is_local else job.intake.private_looking,
        example=comparison.example_row(journal, prepared.run),
        callback=render_job.callback(job),
        changed=job.changed,
    )


def _refusals(
    job: render_job.RenderJob, journal: Journal, prepared: PreparedRun, changed: str, looked: Sequence[errors.Refusal]
) -> list[errors.Refusal]:
    limit = job.get("max_rows")
    cap = limit if limit is not None else (None if job.asks or job.is_local else spend_limits.DEFAULT_MAX_ROWS)
    limits = spend_limits.Limits(
        max_rows=None if job.is_local and limit is None else cap,
        accepts_changes=bool(job.get("accept_changes")) or job.is_local,
        again=bool(job.get("again")),
    )
    before = history.rows_before(journal, prepared.run) if job.source.is_address else 0
    rows = sum(results.tally(journal, prepared.run).values()) if before else 0
    return [
        *spend_limits.shrunk(rows, before, limits),
        *spend_limits.refusals(prepared.counts, changed, limits, looked),
    ]
