"""Resume of stored runs without their files, and what a person decides about requests in doubt."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bhuman_cli import amounts, domain, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials, settings
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import forget, history, matching, planning, runs, traffic
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import lock, recovery
from bhuman_cli.runs.list_look import ListLook
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import (
    adopt,
    connections,
    doubts,
    execute,
    listed_videos,
    run_context,
    spending,
    unknown_payments,
)
from bhuman_cli.workflows.doubts import Word
from bhuman_cli.workflows.results import run_report


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOptions:
    """What one `resume` was asked for. word: what a person says about requests in doubt."""

    console: Console
    values: settings.Settings
    home: settings.Home
    word: Word
    is_all: bool
    yes: bool


def _one(options: ResumeOptions, journal: Journal, run_id: str | None) -> int:
    if run_id is not None:
        return _continue(options, journal, runs.find(journal, run_id))
    unfinished = _here(options, history.unfinished(journal))
    if not unfinished:
        options.console.say("Nothing to resume.")
        if options.values.get("json"):
            options.console.out_json(run_report.stopped_document(None, None, {}, ExitCode.OK))
        return int(ExitCode.OK)
    return _continue(options, journal, unfinished[0])


def _all(options: ResumeOptions, journal: Journal) -> int:
    codes: list[ExitCode] = []
    for run in reversed(_here(options, history.unfinished(journal))):
        try:
            codes.append(ExitCode(_continue(options, journal, run)))
        except errors.Refusal as refusal:
            options.console.warn(f"run {run.run_id} is skipped: {refusal.message}")
            if refusal.code != "locked" and _is_new(journal, run, refusal):
                codes.append(refusal.exit_code)
        except errors.BhumanError as error:
            options.console.error(error)
            codes.append(error.exit_code)
        if codes and codes[-1] in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
            return int(codes[-1])
    if not codes:
        options.console.say("Nothing to resume.")
    code = int(errors.worst(codes))
    if options.values.get("json") and not codes:
        options.console.out_json(run_report.stopped_document(None, None, {}, ExitCode(code)))
    return code


def _here(options: ResumeOptions, unfinished: list[Run]) -> list[Run]:
    """Return the runs of this service and of the local studio; those of another one are not this command's."""
    here = {settings.service_name(str(options.values.get("base_url"))), domain.LOCAL_SERVICE}
    runs_here = [run for run in unfinished if run.target.service in here]
    if others := len(unfinished) - len(runs_here):
        options.console.say(f"{amounts.show(others, 'unfinished run')} of other services left alone")
    return runs_here


def _is_new(journal: Journal, run: Run, refusal: errors.Refusal) -> bool:
    """Say whether a refusal is told for the first time: a run that waits for a person's word counts once."""
    reason = f"refused: {refusal.code}"
    if run.stopped == reason:
        return False
    history.record_stop(journal, run, reason)
    return True


def _continue(options: ResumeOptions, journal: Journal, run: Run) -> int:
    """Continue one run under its target's lock."""
    if run.state == "draft":
        raise errors.UsageError(f"run {run.run_id} was never confirmed; nothing of it is sent", hint="bhuman runs")
    is_local = run.target.service == domain.LOCAL_SERVICE
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            lock.target_lock(
                options.home.state, run.target, clock=SystemClock(), wait_s=float(options.values.get("lock_wait")),
                on_wait=options.console.say, journal=journal,
            )
        )  # fmt: skip
        stack.enter_context(doubts.never_hidden(journal, run.target, run.input_path))
        if is_local:
            template = run.options.get("template")
            allow_private = bool(run.options.get("allow_private"))
            own = Path(template) if template else None
            link = stack.enter_context(
                connections.local(options.home, own, options.console, allow_private=allow_private)
            )
        else:
            service = _service(options, run)
            stored = credentials.find(os.environ, options.home, _profile(options, run), service=service)
            link = stack.enter_context(connections.remote(_at_home(options.values, run), options.console, stored))
        recovery.reopen(journal, run.target_id, run_context.rescue_places(options.home, Path(run.output_path)))
        if is_local:
            forget.forget_gone(journal, run.target_id, connections.lost_videos(options.home, journal, run.target_id))
        _decide(options, journal, run, link)
        run = runs.find(journal, run.run_id)
        if not is_local:
            spending.require_same_account(
                journal, run, stored, options.console, accepts=bool(options.values.get("accept_account"))
            )
        if options.values.get("accept_failures") and traffic.accept_failures(journal, run):
            options.console.say("the failures are accepted; counting begins anew")
        if run.state == "confirmed":
            spending.suppress_again(journal, run, options.console)
        looks = _look(options, journal, run, link)
        if run.state == "superseded":
            options.console.say(f"run {run.run_id} was superseded by {run.superseded_by}: it is only waited for")
        elif not options.is_all:
            planning.release_sample(journal, run)
        execution = replace(_execution_options(options, run, is_local=is_local), list_look=looks)
        outcome = execute.execute(execution, journal, run, link)
        is_json = bool(options.values.get("json"))
        report = run_report.ReportOptions(console=options.console, is_json=is_json, timeout_s=execution.timeout_s)
        return run_report.tell(report, journal, run, outcome)


def _profile(options: ResumeOptions, run: Run) -> str:
    """Return the profile that was named, else the one that the run was paid with."""
    return str(options.values.get("profile") if options.values.is_given("profile") or not run.profile else run.profile)


def _look(options: ResumeOptions, journal: Journal, run: Run, link: connections.Connection) -> ListLook:
    """Look for what another memory paid of the rows that are left to send, before anything is sent.

    Returns the looks at the target's list that follow while the rows are sent.

    Raises:
        Refusal: something was found, and nobody said what it is.
    """
    wanted = replace(
        listed_videos.policy(options.values, asks=options.console.is_interactive() and not options.yes),
        again=run.again,
        is_shared=bool(run.options.get("shared_campaign")),
    )
    if run.state != "confirmed" or not history.to_send(journal, run):
        return ListLook(is_shared=wanted.is_shared, is_off=wanted.again or run.target.service == domain.LOCAL_SERVICE)
    unknown = unknown_payments.search(journal, run, options.home)
    if unknown and options.values.get("adopt"):
        unknown = adopt.adopt(journal, run, unknown, link.client, options.console)
        matching.share(journal, run)
    accepts = bool(options.values.get("accept_journal"))
    unknown_payments.require_none(journal, run, options.home, unknown, accept_journal=accepts)
    looks, refused = listed_videos.look(wanted, journal, run, link, options.console, options.home)
    if refused is not None:
        raise refused
    return looks


def _service(options: ResumeOptions, run: Run) -> str:
    """Return the run's service, the same as the environment's.

    Raises:
        UsageError: the environment names another one.
    """
    named = settings.service_name(str(_at_home(options.values, run).get("base_url")))
    if named != run.target.service:
        raise errors.UsageError(
            f"run {run.run_id} belongs to {run.target.service}, but {options.values.source('base_url')} names {named}",
            hint=f"BHUMAN_BASE_URL={run.options.get('base_url') or run.target.service} bhuman resume {run.run_id}",
        )
    return named


def _at_home(values: settings.Settings, run: Run) -> settings.Settings:
    """Return the settings with the run's own service, unless the environment names one."""
    if values.is_given("base_url") or not run.options.get("base_url"):
        return values
    own = settings.Setting(value=run.options["base_url"], source=f"run {run.run_id}")
    return replace(values, values={**values.values, "base_url": own})


def _execution_options(options: ResumeOptions, run: Run, *, is_local: bool) -> execute.ExecutionOptions:
    values = options.values
    stored = run.options

    def chosen(name: str) -> Any:
        return values.get(name) if values.is_given(name) or stored.get(name) is None else stored.get(name)

    interval = float(chosen("poll_interval"))
    if is_local and not values.is_given("poll_interval") and stored.get("poll_interval") is None:
        interval = connections.LOCAL_INTERVAL_S
    return execute.ExecutionOptions(
        console=options.console,
        home=options.home,
        progress=values.get("progress"),
        waits=bool(values.get("wait")),
        timeout_s=chosen("timeout"),
        interval_s=interval,
        chunk_size=int(stored.get("chunk_size") or 500),
        submits=run.state == "confirmed",
        fails_on_old=bool(values.get("fail_on_old")),
        asks=options.console.is_interactive() and not options.yes,
        yes=options.yes,
    )


def _decide(options: ResumeOptions, journal: Journal, run: Run, link: connections.Connection) -> None:
    """Carry out what the person says about doubts, after a look for evidence."""
    if not (options.word.decision or options.word.accept_position):
        return
    with run_context.context(journal, link, run, options.console, show="none", home=options.home) as context:
        doubts.decide(options.word, context, run, options.console)


def resume(options: ResumeOptions, run_id: str | None) -> int:
    """Continue one run, or with `is_all` every unfinished one; return the worst exit code.

    Raises:
        UsageError: there is no such run.
    """
    try:
        with contextlib.closing(run_context.open_journal(options.home)) as journal:
            return _all(options, journal) if options.is_all else _one(options, journal, run_id)
    except errors.BhumanError as error:
        options.console.log(f"error: {error.message}")
        raise
