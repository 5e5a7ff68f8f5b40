"""Job of a render: what was asked for, with its table, as data. Sends nothing and decides nothing about money."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bhuman_cli import domain, errors, ids
from bhuman_cli.config import keys, settings
from bhuman_cli.domain import RenderSpec, Target, TargetKind
from bhuman_cli.gate.plan_file import SavedPlan
from bhuman_cli.journal.runs import NewRun
from bhuman_cli.terminal import hints
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import (
    connections,
    execute,
    run_context,
    saved_plan,
)
from bhuman_cli.workflows.input import input_table, payloads
from bhuman_cli.workflows.input.input_source import InputSource
from bhuman_cli.workflows.results import results_writer, run_report
from bhuman_cli.workflows.spending import Beside

if TYPE_CHECKING:
    from bhuman_cli.table.checked_table import CheckedTable


@dataclass(slots=True, kw_only=True)
class RenderJob:
    """One `render`: what was asked for, and what it was found to mean."""

    source: InputSource
    values: settings.Settings
    home: settings.Home
    console: Console
    intake: CheckedTable
    output: Path
    target: Target
    asks: bool
    target_name: str = ""
    own_template: Path | None = None
    tally: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[str, Any] | None = None
    distrust: tuple[errors.Refusal, ...] = ()
    applied: SavedPlan | None = None
    changed: Mapping[str, int] = field(default_factory=dict)
    beside: Beside = field(default_factory=Beside)

    def get(self, name: str) -> Any:
        """Return a setting."""
        return self.values.get(name)

    @property
    def is_local(self) -> bool:
        """Say whether the embedded studio renders."""
        return bool(self.get("local"))

    @property
    def chunk_size(self) -> int:
        """Return the rows per request."""
        return int(self.get("chunk_size"))


def applied_plan(values: settings.Settings) -> SavedPlan | None:
    """Return the saved plan that `--apply` names, None where nobody asked for one."""
    if values.get("plan_out") and not values.get("dry_run"):
        raise errors.UsageError("--plan-out goes with --dry-run", hint="--dry-run")
    if not values.get("apply"):
        return None
    for name in ("take", "limit", "dry_run"):
        if values.get(name):
            raise errors.UsageError(f"--apply sends exactly the plan's rows; --{keys.option(name)} does not go with it")
    return saved_plan.read(Path(values.get("apply")))


def read_job(source: InputSource, values: settings.Settings, console: Console) -> RenderJob:
    """Open the table and read what was asked for into a job."""
    home = settings.home(os.environ)
    payloads.require_quality_fits(values.get("quality"), str(values.get("generation_mode")), "--quality")
    target = target_of(values, source, needs_one=not values.get("dry_run"))
    intake, target_name = input_table.open_for(source, values, home, target, console)
    for notice in intake.notices:
        console.say(notice)
    return RenderJob(
        source=source,
        values=values,
        home=home,
        console=console,
        intake=intake,
        output=input_table.output_for(source, values, intake),
        target=target,
        target_name=target_name,
        asks=console.is_interactive() and not values.get("yes") and not values.get("local"),
        own_template=connections.template_beside(source.beside),
    )


def target_of(values: settings.Settings, source: InputSource, *, needs_one: bool) -> Target:
    """Return what is rendered on.

    Raises:
        UsageError: nothing is named, where something must be.
    """
    instance = values.get("instance")
    text = instance or values.get("campaign")
    kind = TargetKind.INSTANCE if instance else TargetKind.CAMPAIGN
    service = domain.LOCAL_SERVICE if values.get("local") else settings.service_name(str(values.get("base_url")))
    if not text and values.get("local"):
        from bhuman_cli.studio import config

        text = config.CAMPAIGN_ID
    if not text and needs_one:
        raise errors.UsageError(
            "no campaign is named: --campaign, BHUMAN_CAMPAIGN_ID, or `campaign` in the project file",
            hint="--local",
        )
    api_id = ids.of_kind(str(text), kind.value) if text else domain.NO_TARGET
    own = connections.template_beside(source.beside) if values.get("local") else None
    return Target(service=service, kind=kind, api_id=connections.id_with_template(api_id, own) if own else api_id)


def new_run(job: RenderJob) -> NewRun:
    """Return the run that the job would be, for the journal."""
    from bhuman_cli.table.output import results_file

    style = results_file.output_style(job.output, job.intake.table, job.source.path, bom=bool(job.get("bom")))
    return NewRun(
        target=job.target,
        input_path=job.source.input_path,
        input_sha256=job.intake.table.sha256,
        output_path=str(job.output.resolve()),
        columns=job.intake.columns,
        spec=RenderSpec(
            variables=job.intake.variables,
            backgrounds=input_table.backgrounds(job.values),
            generation_mode=job.get("generation_mode"),
            lipsync=job.get("lipsync"),
            quality=job.get("quality"),
        ),
        options={
            "style": results_writer.stored_style(style),
            "chunk_size": job.chunk_size,
            "callback_url": run_context.callback_url(job.home, str(job.get("callback_url") or "")),
            "poll_interval": job.get("poll_interval") if job.values.is_given("poll_interval") else None,
            "timeout": job.get("timeout"),
            "share_equal": bool(job.get("share_equal")),
            "shared_campaign": bool(job.get("shared_campaign")),
            "client": job.get("client"),
            "redo": _rejected(job),
            "profile": job.get("profile"),
            "suppress": [os.path.abspath(path) for path in job.get("suppress")],  # noqa: PTH100 - a link stays one
            "on": job.get("on"),
            "in_flight": job.get("in_flight"),
            "max_failures": job.get("max_failures"),
            "template": str(job.own_template.resolve()) if job.is_local and job.own_template else None,
            "allow_private": bool(job.get("allow_private")),
            "input_name": job.source.name if job.source.is_address else None,
            "base_url": "" if job.is_local else job.get("base_url"),
        },
        again=bool(job.get("again")) or (job.applied is not None and job.applied.again),
        retry_failed=bool(job.get("retry_failed")) or (job.applied is not None and job.applied.retry_failed),
    )


def callback(job: RenderJob) -> tuple[str, str] | None:
    """Return what the job says of callbacks, None where it says nothing."""
    url = job.get("callback_url")
    return (f"{urlsplit(url).scheme}://{urlsplit(url).hostname}/…", job.values.source("callback_url")) if url else None


def report_options(job: RenderJob) -> run_report.ReportOptions:
    """Return how the end of the job is told."""
    # Given already, it would say nothing new; with --again it would pay for the others, too.
    is_asked = job.get("retry_failed") or job.get("again")
    return run_report.ReportOptions(
        console=job.console,
        is_json=bool(job.get("json")),
        timeout_s=job.get("timeout"),
        prints_table=job.get("output") == input_table.STDOUT,
        retry_hint="" if is_asked else hints.whole("--retry-failed", sys.argv[1:]),
    )


def execution_options(job: RenderJob) -> execute.ExecutionOptions:
    """Return how a confirmed run of the job is carried out."""
    interval = job.get("poll_interval")
    if job.is_local and not job.values.is_given("poll_interval"):
        interval = connections.LOCAL_INTERVAL_S
    return execute.ExecutionOptions(
        console=job.console,
        home=job.home,
        progress=job.get("progress"),
        waits=bool(job.get("wait")),
        timeout_s=job.get("timeout"),
        interval_s=float(interval),
        chunk_size=job.chunk_size,
        sample=job.get("sample"),
        asks=job.console.is_interactive() and not job.get("yes"),
        yes=bool(job.get("yes")),
        download=job.get("download"),
        selected_only=True,
        fails_on_old=bool(job.get("fail_on_old")),
    )


def _rejected(job: RenderJob) -> list[str]:
    """Return the videos that the reviews reject, whatever another one says of them.

    Raises:
        UsageError: `--redo` and `--review` belong together, and not to `--again`.
    """
    if job.get("redo") is None and not job.get("review"):
        return []
    if job.get("redo") is None or not job.get("review") or job.get("again"):
        raise errors.UsageError(
            "--redo rejected goes with --review FILE, and not with --again", hint="--redo rejected --review FILE"
        )
    from bhuman_cli.delivery import review

    decisions = review.read(job.get("review"))
    return [id_ for id_, decision in decisions.items() if decision.word == review.REJECTED]
