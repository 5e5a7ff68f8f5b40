"""Commands `trigger campaign|zapier|pabbly|leadr|sample`. The work is `workflows.trigger`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict, Unpack

import typer

from bhuman_cli.cli import options as opt
from bhuman_cli.cli import typed_options

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Send one request in an integration's payload shape.\n\nWhat was paid before is shown, not paid again."
    "\n\n**Examples**\n\n`bhuman trigger campaign -c CAMPAIGN_ID --set first_name=Alex --wait`"
    "\n\n`bhuman trigger pabbly --data payload.json --dry-run`",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Values = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="VARIABLE=VALUE", help="A variable and its value, in the order to send; repeatable."),
]
Data = Annotated[
    str | None, typer.Option("--data", metavar="FILE", help="The whole payload as JSON instead; `-` reads stdin.")
]
Waits = Annotated[bool | None, typer.Option("--wait/--no-wait", help="Wait for the videos.", show_default="no-wait")]
Shape = Annotated[
    str | None,
    typer.Option(
        "--shape",
        metavar="ordered|object",
        help="How `variables` are sent, where the integration takes both.",
        show_default="the integration's first",
    ),
]


class TriggerOptions(TypedDict, total=False):
    """The options of every trigger, named as the settings are."""

    set: Values
    data: Data
    callback_url: opt.CallbackUrl
    generation_mode: opt.GenerationMode
    wait: Waits
    timeout: opt.Timeout
    poll_interval: opt.PollInterval
    dry_run: opt.DryRun
    yes: opt.Yes
    no_input: opt.NoInput
    retry_failed: opt.RetryFailed
    again: opt.Again
    accept_videos: opt.AcceptVideos
    accept_journal: opt.AcceptJournal
    accept_failures: opt.AcceptFailures
    lock_wait: opt.LockWait
    json: opt.Json
    log_file: opt.LogFile
    profile: opt.Profile


def _add(name: str, about: str, *examples: str) -> None:
    @app.command(name, help=_help(about, examples))
    @typed_options.typed_options
    def send(*, campaign: opt.Campaign = None, shape: Shape = None, **flags: Unpack[TriggerOptions]) -> int:
        return _run(name, {"campaign": campaign, "shape": shape, **flags})


def _help(about: str, examples: tuple[str, ...]) -> str:
    shown = "\n\n".join(f"`bhuman trigger {example}`" for example in examples)
    return f"{about}\n\n**Examples**\n\n{shown}"


_add(
    "campaign",
    "POST pipeline/campaign: ordered variables, up to 2,000 rows with `--data`.",
    "campaign -c CAMPAIGN_ID --set first_name=Alex --set company=ExampleCo",
    "campaign --data payload.json --wait",
)
_add(
    "zapier",
    "POST pipeline/zapier: the ordered shape, as the Zapier app sends it.",
    "zapier -c CAMPAIGN_ID --set first_name=Erada --set company=BrushandChemistry",
)
_add(
    "pabbly",
    "POST pipeline/pabbly: variables as an object, one video a request.",
    "pabbly -c CAMPAIGN_ID --set first_name=Alex --set company=ExampleCo",
)
_add(
    "leadr",
    "POST pipeline/leadr. BHuman documents neither body nor answer: what is sent here is unverified.",
    "leadr -c CAMPAIGN_ID --set first_name=Alex --shape object",
)


@app.command("sample")
@typed_options.typed_options
def sample(*, instance: opt.Instance = None, **flags: Unpack[TriggerOptions]) -> int:
    """POST try_sample: a video instance instead of a campaign.

    **Examples**

    `bhuman trigger sample -i INSTANCE_ID --set first_name=Alex --wait`
    """
    return _run("sample", {"instance": instance, **flags})


def _run(name: str, flags: Mapping[str, Any]) -> int:
    from bhuman_cli.workflows import trigger

    return trigger.run(name, flags)
