"""Owns `bhuman runs`: the local history, and deleting from it without forgetting what was paid."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from typing import Annotated

import typer

from bhuman_cli import domain, durations, errors
from bhuman_cli.cli import options
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.journal import history, planning
from bhuman_cli.journal.history import RunSummary
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.results import run_lookup

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
    console = Console()
    home = settings.home(os.environ)
    with contextlib.closing(run_context.open_journal(home)) as journal:
        run = planning.find(journal, run_id)
        if not history.summarize(journal, run).is_finished and run.state == "confirmed" and not forget_payments:
            raise errors.UsageError(
                f"run {run.run_id} is not finished; its values are still needed", hint=f"bhuman resume {run.run_id}"
            )
        _require_yes(console, run, confirm=confirm, yes=yes, forget_payments=forget_payments)
        # A person takes their time to answer; the lock, and what is on the wire, are looked at afterwards.
        with run_context.with_lock(home, run.target, console, wait_s=0.0, asks=False):
            run = planning.find(journal, run_id)
            ids = history.generation_ids(journal, run)
            if forget_payments:
                kept = history.forget_payments(journal, run)
            else:
                history.forget_values(journal, run)
        _forget_callbacks(home, ids)
    if not forget_payments:
        console.say(f"the values of run {run.run_id} are forgotten; what was paid stays known")
        return 0
    console.say(f"run {run.run_id} and its payments are forgotten")
    if kept:
        console.say(f"{kept:,} of its videos stay known: runs that are kept show them")
    return 0


def _require_yes(console: Console, run: planning.Run, *, confirm: str | None, yes: bool, forget_payments: bool) -> None:
    """Ask, where somebody can be asked.

    Raises:
        Refusal: the answer is no.
    """
    if not forget_payments:
        if not yes and console.is_interactive() and not console.confirm(f"Forget the values of run {run.run_id}?"):
            raise errors.Declined("nothing was forgotten")
        return
    typed = confirm
    if typed is None and console.is_interactive():
        typed = console.ask(f"Its videos will be paid again. Type {run.run_id} to forget them: ")
    if typed != run.run_id:
        raise errors.Refusal("not confirmed; nothing was forgotten", hint=f"--confirm {run.run_id}")


def _forget_callbacks(home: settings.Home, ids: list[str]) -> None:
    from bhuman_cli.callbacks import store

    path = home.state / store.NAME
    if path.is_file():
        with contextlib.closing(store.EventStore.open(path)) as events:
            events.forget(ids)


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
