"""`bhuman plan`: a person's yes to a plan that an agent or a program made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli import errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import plan_signature

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="Sign a plan that somebody else may then carry out.",
)  # fmt: skip


@app.callback()
def plan() -> None:
    """Sign a plan that somebody else may then carry out."""


@app.command()
def sign(
    path: Annotated[
        Path, typer.Argument(metavar="PLAN", help="The plan, made by --plan-out FILE.json or by an agent.")
    ],
) -> int:
    """Say yes to a plan: you type the number of videos it pays for.

    Only on a terminal, and only by a person: what the plan names may then be rendered once, and nothing else.

    **Examples**

    `bhuman plan sign campaign.plan.json`
    """
    console = Console()
    found = plan_signature.read_plan(path)
    if not console.is_interactive():
        raise errors.UsageError("a plan is signed by a person, on a terminal", hint=f"bhuman plan sign {path.name}")
    console.say(f"{found.file}: {found.videos:,} videos to be rendered and paid")
    answer = console.ask("Type the number of videos to sign this plan, or Enter to leave it: ")
    if not answer:
        console.say("Nothing was signed.")
        return 0
    if answer.replace(",", "") != str(found.videos):
        raise errors.Refusal(f"{answer[:20]!r} is not {found.videos}; nothing was signed", code="not_confirmed")
    written = plan_signature.sign(found, settings.home(os.environ), SystemClock().now())
    console.say(f"signed: {written}")
    return 0
