"""Commands `runs`, `runs delete` and `events`: parse and call."""

from __future__ import annotations

import os
import signal
from typing import Annotated

import typer

from bhuman_cli import domain, durations, errors, ids
from bhuman_cli.cli import options
from bhuman_cli.cli.options import JsonOption
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.errors import ExitCode
from bhuman_cli.terminal import console as consoles
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows.results import run_deletion, run_lookup

app = typer.Typer(
    help=(
        "List the local history of runs, newest first, or delete one.\n\n**Examples**\n\n`bhuman runs`\n\n"
        "`bhuman runs --since 7d --file clients/acme`\n\n`bhuman runs --state unfinished --json`\n\n"
        "`bhuman runs delete r7f3a91c04e`   forget its values, keep what was paid"
    ),
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


State = Annotated[
    str | None,
    typer.Option(
        "--state", metavar="STATE", help=f"{', '.join(run_lookup.STATES)}; only runs in this state.", show_default=False
    ),
]
InFile = Annotated[
    str | None, typer.Option("--file", metavar="TEXT", help="Only runs whose file's path contains TEXT.")
]
OfCampaign = Annotated[
    str | None, typer.Option("--campaign", metavar="ID", help="Only this campaign or instance; its start is enough.")
]
OfProfile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Only runs paid by this profile.")]
Since = Annotated[str | None, typer.Option("--since", metavar="D", help="Only runs begun in the last 12h, 7d, ….")]
Everything = Annotated[bool, typer.Option("--all", help="Superseded and deleted runs, too.")]
Limit = Annotated[int, typer.Option("--limit", min=0, metavar="N", help="Maximum number to list (0: all).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]


@app.callback(invoke_without_command=True)
def runs(  # noqa: PLR0913 - one parameter is one option
    ctx: typer.Context,
    *,
    state: State = None,
    file: InFile = None,
    campaign: OfCampaign = None,
    profile: OfProfile = None,
    since: Since = None,
    everything: Everything = False,
    limit: Limit = 20,
    json: AsJson = False,
) -> None:
    """List runs, newest first; the help stands with `app`."""
    if ctx.invoked_subcommand is not None:
        return
    if state is not None and state not in run_lookup.STATES:
        raise errors.UsageError(f"--state takes {', '.join(run_lookup.STATES)}", hint="bhuman runs --help")
    console, clock = Console(json_mode=json), SystemClock()
    target = ids.parse(campaign).uuid if campaign and "/" in campaign else campaign
    since_s = durations.parse(since) if since else None
    wanted = run_lookup.RunFilter(
        state=state, file=file, campaign=target, profile=profile, since_s=since_s, everything=everything
    )
    listed = run_lookup.list_summaries(settings.home(os.environ), wanted, clock)[: limit or None]
    if json:
        console.out_json({"schema": "bhuman.runs/1", "runs": [run_lookup.as_json(item) for item in listed]})
        return
    if not listed:
        console.say("there are no runs" + ("" if wanted == run_lookup.RunFilter() else " like that"))
        return
    columns = ("RUN", "FILE", "TARGET", "ROWS", "COUNTS", "AGE", "STATE")
    for_people = console.is_drawn()
    console.table(columns, [run_lookup.as_line(item, clock, for_people=for_people) for item in listed], right=("ROWS",))


RunNames = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN", help="Run ids (their start is enough), or the runs' files.", autocompletion=options.run_ids
    ),
]
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
    names: RunNames,
    *,
    forget_values: ForgetValues = True,
    forget_payments: ForgetPayments = False,
    confirm: Confirm = None,
    yes: Yes = False,
    json_output: JsonOption = False,
) -> int:
    """Remove values, links and raw answers of runs; what was paid stays known, so that nothing is paid again.

    **Examples**

    `bhuman runs delete r7f3a91c04e rc30f`

    `bhuman runs delete r7f3a91c04e --forget-payments --confirm r7f3a91c04e`   a later render pays again
    """
    del forget_values
    wanted = run_deletion.DeletionOptions(forget_payments=forget_payments, confirm=confirm, yes=yes)
    run_deletion.delete(settings.home(os.environ), names, wanted, Console(json_mode=json_output))
    return 0


OlderThan = Annotated[str, typer.Option("--older-than", metavar="AGE", help="Runs begun longer ago than this: 90d.")]


@app.command("prune")
def prune(
    *,
    older_than: OlderThan,
    forget_payments: ForgetPayments = False,
    confirm: Confirm = None,
    yes: Yes = False,
    json_output: JsonOption = False,
) -> int:
    """Delete each finished run of that age, as `runs delete` does; what was paid stays known.

    **Examples**

    `bhuman runs prune --older-than 90d`
    """
    wanted = run_deletion.DeletionOptions(forget_payments=forget_payments, confirm=confirm, yes=yes)
    run_deletion.prune(settings.home(os.environ), durations.parse(older_than), wanted, Console(json_mode=json_output))
    return 0


def events(
    since: Annotated[
        int, typer.Option("--since", min=0, metavar="CURSOR", help="Only what happened after this cursor.")
    ] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as things happen; stop with Ctrl-C.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="One JSON object a line, with its cursor.")] = False,
) -> int:
    """Show what happened, in order: accepted, status, finished, failed, doubt, callback.

    Each line has a cursor; give the last one that was read to `--since`, and nothing is missed.

    **Examples**

    `bhuman events --json --since 1200`

    `bhuman events --follow`
    """
    console = Console(json_mode=json_output)
    from bhuman_cli.workflows.results import event_log

    signal.signal(signal.SIGTERM, _end)
    for event in event_log.read(settings.home(os.environ), since, follow=follow):
        if console.json_mode:
            console.out(consoles.as_json(event.as_json()))
        else:
            place = f"row {event.row_index}" if event.row_index is not None else ""
            shown = domain.short_id(event.generation_id) if event.generation_id else ""
            parts = (str(event.cursor), event.at, event.kind, event.run_id or "", place, event.status, shown)
            console.out("\t".join(parts))
    return int(ExitCode.OK)


def _end(number: int, frame: object) -> None:
    del number, frame
    raise SystemExit(int(ExitCode.TERMINATED))
