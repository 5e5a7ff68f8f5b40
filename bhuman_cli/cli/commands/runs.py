"""Owns `bhuman runs`: the local history, and deleting from it without forgetting what was paid."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Annotated

import typer

from bhuman_cli import domain, durations, errors
from bhuman_cli.cli import options
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.journal.history import RunSummary
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows.results import delete_run, run_lookup

app = typer.Typer(
    help=(
        "List the local history of runs, newest first, or delete one.\n\n**Examples**\n\n`bhuman runs`\n\n"
        "`bhuman runs --state unfinished --json`\n\n"
        "`bhuman runs delete r7f3a91c04e`   forget its values, keep what was paid"
    ),
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def runs(
    ctx: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help=f"Only runs in this state: {', '.join(run_lookup.STATES)}.",
            show_default="all",
        ),
    ] = None,
    file: Annotated[str | None, typer.Option("--file", metavar="TEXT", help="Only runs whose file holds this.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, metavar="N", help="At most so many; 0 for all.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")] = False,
) -> None:
    """List runs, newest first; the help stands with `app`."""
    if ctx.invoked_subcommand is not None:
        return
    if state is not None and state not in run_lookup.STATES:
        raise errors.UsageError(f"--state takes {', '.join(run_lookup.STATES)}", hint="bhuman runs --help")
    console = Console(json_mode=json)
    listed = run_lookup.list_summaries(settings.home(os.environ), state=state, file=file)[: limit or None]
    if json:
        console.out_json({"runs": [run_lookup.as_json(item) for item in listed]})
        return
    if not listed:
        console.say("there are no runs" + ("" if state is None and file is None else " like that"))
        return
    console.table(
        ("RUN", "FILE", "TARGET", "ROWS", "COUNTS", "AGE", "STATE"),
        [_line(item) for item in listed],
        right=("ROWS",),
    )


RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run to forget.", autocompletion=options.run_ids)]
ForgetValues = Annotated[
    bool,
    typer.Option("--forget-values", help="Forget values, links and raw answers; done in any case.", show_default=False),
]
ForgetPayments = Annotated[
    bool,
    typer.Option(
        "--forget-payments", help="Forget what was paid as well: a later render pays again. Type the run's id."
    ),
]
Confirm = Annotated[
    str | None, typer.Option("--confirm", metavar="RUN", help="The run's id again, where nobody can be asked.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


@app.command("delete")
def delete(
    run_id: RunId,
    *,
    forget_values: ForgetValues = True,
    forget_payments: ForgetPayments = False,
    confirm: Confirm = None,
    yes: Yes = False,
) -> int:
    """Remove a run's values, links and raw answers; what was paid stays known, so that nothing is paid again.

    **Examples**

    `bhuman runs delete r7f3a91c04e`

    `bhuman runs delete r7f3a91c04e --forget-payments --confirm r7f3a91c04e`   a later render pays again
    """
    del forget_values
    delete_run.delete(
        settings.home(os.environ), Console(), run_id, forget_payments=forget_payments, confirm=confirm, yes=yes
    )
    return 0


def _line(item: RunSummary) -> tuple[str, ...]:
    run = item.run
    began = datetime.fromisoformat(run.created_at)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(item.tally.items()) if count)
    state = run_lookup.state_of(item) + (" (forgotten)" if item.is_forgotten else "")
    where = "local" if run.target.service == domain.LOCAL_SERVICE else run.target.api_id[:8] + "…"
    return (
        run.run_id,
        run.input_name,
        where,
        str(sum(item.tally.values())),
        counts,
        durations.show((SystemClock().now() - began).total_seconds()),
        state,
    )
