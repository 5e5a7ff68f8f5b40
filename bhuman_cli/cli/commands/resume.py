"""Command `resume`: parse and call."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated, TypedDict, Unpack

import typer

from bhuman_cli import errors
from bhuman_cli.cli import options, typed_options
from bhuman_cli.cli import options as opt
from bhuman_cli.config import settings
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import doubts
from bhuman_cli.workflows import resume as workflow

RunId = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="The run to continue.",
        show_default="the latest unfinished one",
        autocompletion=options.unfinished_run_ids,
    ),
]
All = Annotated[bool, typer.Option("--all", help="Every unfinished run; busy targets are skipped.")]
InDoubt = Annotated[
    str | None,
    typer.Option(
        "--in-doubt",
        metavar="ask|found|resend|abandon",
        help="Decide requests in doubt: say what is known and ask; paste videos that are there; pay again; give up.",
    ),
]
Request = Annotated[
    int | None,
    typer.Option("--request", metavar="N", help="Decide only this request; `--in-doubt ask` shows their numbers."),
]
AcceptPosition = Annotated[
    bool,
    typer.Option("--accept-position", help="Keep ids beside their rows although the service's record disagrees."),
]


class GivenOptions(TypedDict, total=False):
    """The options that `resume` shares with `render`, named as the settings are."""

    yes: opt.Yes
    no_input: opt.NoInput
    wait: opt.Wait
    timeout: opt.Timeout
    poll_interval: opt.PollInterval
    rate: opt.Rate
    lock_wait: opt.LockWait
    adopt: opt.Adopt
    accept_videos: opt.AcceptVideos
    accept_journal: opt.AcceptJournal
    accept_account: opt.AcceptAccount
    accept_failures: opt.AcceptFailures
    profile: opt.Profile
    json: opt.Json
    progress: opt.Progress
    fail_on_old: opt.FailOnOld
    log_file: opt.LogFile


@typed_options.typed_options
def resume(
    run_id: RunId = None,
    *,
    all_: All = False,
    in_doubt: InDoubt = None,
    request: Request = None,
    accept_position: AcceptPosition = False,
    **flags: Unpack[GivenOptions],
) -> int:
    """Continue a run without its file: send what is unsent, wait, write the results.

    Service, target and results file are those of the run. Nothing that may have been paid is sent again unless you say
    `--in-doubt resend`. With `--all`, `--json` prints one document for each run.

    **Examples**

    `bhuman resume`   the latest unfinished run

    `bhuman resume --all`   from cron

    `bhuman resume r7f3a91c04e --in-doubt abandon`
    """
    profile, yes = flags.pop("profile", None), bool(flags.pop("yes", None))
    word = doubts.Word(decision=in_doubt or "", request=request, accept_position=accept_position)
    _require_sense(word, is_of_all=all_, is_of_one=bool(run_id or in_doubt or accept_position))
    values = settings.load(flags=flags, input_path=None, environ=os.environ, profile=profile)
    console = Console(
        json_mode=bool(flags.get("json")), no_input=bool(flags.get("no_input")), log_file=values.get("log_file")
    )
    wanted = workflow.ResumeOptions(
        console=console,
        values=values,
        home=settings.home(os.environ),
        word=replace(word, asks=console.is_interactive(), yes=yes), is_all=all_, yes=yes,
    )  # fmt: skip
    return workflow.resume(wanted, run_id)


def _require_sense(word: doubts.Word, *, is_of_all: bool, is_of_one: bool) -> None:
    doubts.require_sense(word)
    if is_of_all and is_of_one:
        raise errors.UsageError("--all continues every run; decide about doubts one run at a time", hint="bhuman runs")
