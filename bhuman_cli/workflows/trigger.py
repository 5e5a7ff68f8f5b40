"""Workflow of `trigger`: one payload as a run of one chunk, and what is said of it.

**Money.** It goes through the same journal, lock, plan and confirmation as `render`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bhuman_cli import errors
from bhuman_cli.config import credentials, keys, settings
from bhuman_cli.domain import Target
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import history, planning, results, traffic
from bhuman_cli.journal.claims import Candidate
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import NewRun, Run
from bhuman_cli.net import hosts
from bhuman_cli.runs import epoch_file, permission, request, runner, spend_limits
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.runs.request import Shape
from bhuman_cli.runs.runner import PreparedRun
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, doubts, execute, listed_videos, run_context, spending, unknown_payments
from bhuman_cli.workflows import plan as plans
from bhuman_cli.workflows.input import payloads, request_body
from bhuman_cli.workflows.input.payloads import Integration, Payload
from bhuman_cli.workflows.results import results_writer, run_report

SCHEMA: Final = "bhuman.trigger/1"
_COLUMNS: Final = ("row_index", "id", "status", "share_url", "url", "message")
_FOLDER: Final = "triggers"
_SHARED: Final = ("campaign", "instance", "callback_url", "generation_mode", "timeout", "poll_interval", "yes",
                  "no_input", "retry_failed", "again", "accept_videos", "accept_journal", "accept_failures",
                  "lock_wait", "json", "dry_run",
                  "log_file")  # fmt: skip


@dataclass(slots=True, kw_only=True)
class TriggerJob:
    """One trigger: the order and its surroundings."""

    order: Payload
    values: settings.Settings
    home: settings.Home
    console: Console
    waits: bool

    @property
    def service(self) -> str:
        """Return the name of the service."""
        return settings.service_name(str(self.values.get("base_url")))

    @property
    def asks(self) -> bool:
        """Say whether a person is asked before money is spent."""
        return self.console.is_interactive() and not self.values.get("yes")

    @property
    def output(self) -> Path:
        """Return the results file: in the state folder, one for each content."""
        return self.home.state / _FOLDER / f"{self.order.integration.name}-{self.order.digest[:16]}.csv"


def run(name: str, flags: Mapping[str, Any]) -> int:
    """Carry out one trigger as the options say; return the exit code."""
    job = _job(payloads.INTEGRATIONS[name], flags)
    if not job.order.integration.is_documented:
        job.console.say(f"{name}: body and answer are not documented by BHuman, what is sent is unverified")
    for warning in payloads.check(job.order, loopback_base=hosts.is_loopback_url(str(job.values.get("base_url")))):
        job.console.warn(warning)
    return _dry(job) if job.values.get("dry_run") else _carry_out(job)


def _job(integration: Integration, flags: Mapping[str, Any]) -> TriggerJob:
    values = settings.load(
        flags={name: flags[name] for name in _SHARED if name in flags},
        input_path=None,
        environ=os.environ,
        profile=flags["profile"],
    )
    payload = request_body.read_object(flags["data"]) if flags["data"] else None
    options = payloads.PayloadOptions(
        api_id=_target(integration, values, payload),
        pairs=keys.read_flag("set", flags["set"]) if flags["set"] else (),
        shape=flags.get("shape") or "",
        callback_url=values.get("callback_url") or "",
        generation_mode=values.get("generation_mode") if values.is_given("generation_mode") else "",
    )
    return TriggerJob(
        order=payloads.read(integration, payload, options),
        values=values,
        home=settings.home(os.environ),
        console=Console(
            json_mode=bool(values.get("json")), no_input=bool(values.get("no_input")), log_file=values.get("log_file")
        ),
        waits=bool(flags["wait"]),
    )


def _target(integration: Integration, values: settings.Settings, payload: Mapping[str, Any] | None) -> str:
    """Return the target of the options; that of a payload stands above environment and settings files."""
    name = str(integration.kind)
    if payload is not None and payload.get(integration.id_field) and not values.source(name).startswith("flag"):
        return ""
    return str(values.get(name) or "")


def _dry(job: TriggerJob) -> int:
    """Show the request as it would be sent; no credentials, no network, nothing written."""
    order = job.order
    shape = Shape(
        target=Target(service=job.service, kind=order.integration.kind, api_id=order.api_id),
        spec=order.spec,
        callback_url=order.callback_url,
        path=order.integration.path,
        as_object=order.as_object,
    )
    rows = [
        Candidate(
            row_index=row.row_index,
            identity=b"",
            text_key=b"",
            values=row.values,
            assets=row.assets,
            retried_claim=None,
        )
        for row in order.domain_rows()
    ]
    job.console.say(f"would be sent: POST {shape.route} to {job.service}")
    job.console.out_json(json.loads(request.freeze(shape, rows, "TOKEN")))
    return int(ExitCode.OK)


def _carry_out(job: TriggerJob) -> int:
    target = Target(service=job.service, kind=job.order.integration.kind, api_id=job.order.api_id)
    stored = credentials.find(os.environ, job.home, job.values.get("profile"), service=job.service)
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(contextlib.closing(run_context.open_journal(job.home)))
        wait_s = float(job.values.get("lock_wait"))
        stack.enter_context(run_context.with_lock(journal, job.home, target, job.console, wait_s=wait_s, asks=job.asks))
        new = _new_run(job, target)
        stack.enter_context(doubts.never_hidden(journal, target, new.input_path))
        prepared = runner.prepare(
            journal,
            new,
            job.order.domain_rows(),
            places=run_context.rescue_places(job.home, job.output),
        )
        run = planning.set_payer(journal, prepared.run, profile=str(job.values.get("profile")), key_id=stored.key_id)
        prepared = replace(prepared, run=run)
        _refuse_twice(job, journal, prepared)
        link = stack.enter_context(connections.remote(job.values, job.console, stored))
        wanted = listed_videos.policy(job.values, asks=job.asks)
        looks, listed = listed_videos.look(wanted, journal, run, link, job.console, job.home)
        prepared = replace(prepared, counts=planning.counts(journal, run))
        plan = _plan(job, prepared, journal, link)
        plans.show(plan, job.console)
        if plan.cost_rows == 0:
            job.console.say(f"{_paid_by(journal, run)}, and nothing is sent; to pay for another video: --again")
        limits = spend_limits.Limits(
            max_rows=job.values.get("max_rows"), accepts_changes=True, again=bool(job.values.get("again"))
        )
        looked = _looked(job, journal, prepared, again=limits.again)
        refusals = spend_limits.refusals(prepared.counts, "", limits, looked)
        refusals += [*_gated(job, journal, prepared), *([listed] if listed else [])]
        for refusal in refusals:
            if refusal.code in {"over_max_rows", "unknown_results"}:
                refusal.hint = ""  # there is no such option here
        plans.settle(refusals, plan, job.console, asks=job.asks)
        epoch_file.accept(journal, prepared.run, job.home.state)
        if listed is not None:
            listed_videos.accept(journal, run, looks)
        settings.private_folder(job.output.parent)
        spending.set_first_rows(journal, run, job.values.get("first"), has_sample=False)
        confirmed = runner.confirm(journal, prepared)
        return _end(job, journal, confirmed, _driven(job, journal, confirmed, link))


def _gated(job: TriggerJob, journal: Journal, prepared: PreparedRun) -> list[errors.Refusal]:
    run, cost = prepared.run, prepared.counts.new + prepared.counts.retried
    if job.values.get("accept_failures"):
        traffic.accept_failures(journal, run)
    permitted = spending.permission(run, job.home, journal, job.console, chunk_size=max(1, len(job.order.rows)))
    _, over = spending.within_budget(journal, run, permitted, cost)
    braked = bool(cost) and traffic.is_braked(journal, run.target_id)
    refusals = [permission.too_many_failures(journal, run)] if braked else []
    return [*refusals, over] if over is not None else refusals


def _paid_by(journal: Journal, run: Run) -> str:
    """Say which run bought the video that this content already has."""
    ids = (row.fields["id"] for row in results.rows(journal, run))
    first = next((earlier for each in filter(None, ids) if (earlier := history.first_run_of(journal, each))), None)
    return (
        f"these values were paid in {first.run_id} ({first.input_name})" if first else "these values were paid before"
    )


def _looked(job: TriggerJob, journal: Journal, prepared: PreparedRun, *, again: bool) -> list[errors.Refusal]:
    unknown = unknown_payments.search(journal, prepared.run, job.home)
    accepts = bool(job.values.get("accept_journal"))
    return unknown_payments.refusals(journal, prepared.run, job.home, unknown, again=again, accept_journal=accepts)


def _new_run(job: TriggerJob, target: Target) -> NewRun:

    order = job.order
    return NewRun(
        target=target,
        # One name for each content: the same trigger again takes over from its earlier run, another one does not.
        input_path=f"trigger {order.integration.name} {order.digest[:16]}",
        input_sha256=order.digest,
        output_path=str(job.output),
        columns=order.variables,
        spec=order.spec,
        options={
            "style": {"kind": "csv"},
            "chunk_size": 1 if order.as_object else len(order.rows),
            "callback_url": run_context.callback_url(job.home, order.callback_url),
            "path": order.integration.path,
            "as_object": order.as_object,
            "base_url": job.values.get("base_url"),
            "in_flight": job.values.get("in_flight"),
            "max_failures": job.values.get("max_failures"),
        },
        again=bool(job.values.get("again")),
        retry_failed=bool(job.values.get("retry_failed")),
    )


def _refuse_twice(job: TriggerJob, journal: Journal, prepared: PreparedRun) -> None:
    if job.values.get("again") and (unfinished := history.unfinished_again(journal, prepared.run)):
        raise errors.UsageError(
            "an --again trigger of this content is not finished; another one would pay twice",
            hint=f"bhuman resume {unfinished}",
        )


def _plan(job: TriggerJob, prepared: PreparedRun, journal: Journal, link: connections.Connection) -> plans.Plan:

    return plans.Plan(
        counts=prepared.counts,
        chunk_size=max(1, len(job.order.rows)),
        target=prepared.run.target,
        service=job.service,
        account=link.account,
        journal=journal.path,
        output=job.output,
        unit_cost=job.values.get("unit_cost"),
    )


def _driven(job: TriggerJob, journal: Journal, run: Run, link: connections.Connection) -> Outcome:

    show = str(job.values.get("progress")) if job.waits else "none"
    with run_context.context(journal, link, run, job.console, show=show, home=job.home) as context:
        drive = runner.RunOptions(
            run=run,
            shape=execute.shape_of(run),
            chunk_size=int(run.options["chunk_size"]),
            interval_s=float(job.values.get("poll_interval")),
            waits=job.waits,
            timeout_s=job.values.get("timeout"),
            permission=spending.permission(
                run, job.home, journal, job.console, chunk_size=int(run.options["chunk_size"])
            ),
            checkpoint=results_writer.writer(journal, run, results_writer.style_of(run), job.console),
        )
        return runner.execute(drive, context)


def _end(job: TriggerJob, journal: Journal, run: Run, outcome: Outcome) -> int:
    """Print what became of the rows, and how it goes on."""
    rows: Sequence[Mapping[str, str]] = [row.fields for row in results.rows(journal, run)]
    if job.console.json_mode:
        shown = [{name: fields[name] for name in _COLUMNS} | {"row_index": int(fields["row_index"])} for fields in rows]
        job.console.out_json({**run_report.document(journal, run, outcome), "schema": SCHEMA, "generations": shown})
    else:
        job.console.table(_COLUMNS, [[fields[name] for name in _COLUMNS] for fields in rows])
    if outcome.reason and outcome.exit_code is not ExitCode.OK:
        job.console.say(f"sending ended early: {outcome.ending}: {outcome.reason}")
    if outcome.exit_code is ExitCode.CREDENTIALS:
        job.console.say("hint: bhuman login")
    if outcome.exit_code is ExitCode.IN_DOUBT:
        doubts.explain(journal, run, job.console)
    elif outcome.next_command:
        job.console.say(f"next: {outcome.next_command}")
    return int(outcome.exit_code)
