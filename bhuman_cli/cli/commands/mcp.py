"""`bhuman mcp`: tools for agents, over stdio; and `bhuman plan sign`, a person's yes to what they planned."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli import errors
from bhuman_cli.cli import app
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import plan_signature


class Client(StrEnum):
    """Programs that take an MCP server."""

    CLAUDE = "claude"
    CURSOR = "cursor"
    VSCODE = "vscode"


SKILL = """\
---
name: bhuman
description: Render a personalised video for every row of a spreadsheet with BHuman AI Studio. Use it when someone wants
  videos with names or companies spoken, from a CSV or Excel file. Rendering costs credits, and a person signs the plan.
---

# Personalised videos from a spreadsheet

1. `check_table` lists every problem with its line. Help the person to correct them; never edit cells unasked.
2. `preview_row` renders one row on this machine, for free.
3. `plan` writes a plan file and says how many videos it pays for.
4. Ask the person to run `bhuman plan sign PLAN` on a terminal. They type the number. You can't do this for them.
5. `apply_plan` sends exactly that plan, once. Then ask `status` every minute or so until nothing is open.
6. `results`, `gallery` and `export` show what came of it. `resume` of the rest: tell the person the command in `next`.

Exit codes: 0 done, 3 problems in the table, 4 credentials, 5 some rows failed, 6 not finished, 7 refused, 8 service
down, 9 in doubt (a person decides). Never suggest `--again`, `--yes` or `resend` to get past a refusal.
"""


def mcp(
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Let tools show recipients' cells, ids and video links.")
    ] = False,
    elicit: Annotated[
        bool, typer.Option("--elicit", help="Let the client ask you for the yes to a plan that is not signed.")
    ] = False,
    print_config: Annotated[
        Client | None, typer.Option("--print-config", help="Print what to paste for this client, and stop.")
    ] = None,
    print_skill: Annotated[
        bool, typer.Option("--print-skill", help="Print a SKILL file for agents, and stop.")
    ] = False,
) -> int:
    """Serve tools for agents over stdio, for the folder it is started in.

    An agent can check, preview and plan. It can spend only what a person signed: `bhuman plan sign`.

    **Examples**

    `bhuman mcp --print-config claude`
    """
    console = Console()
    if print_config is not None:
        console.out(_config(print_config))
        return 0
    if print_skill:
        console.out(SKILL.rstrip())
        return 0
    try:
        from bhuman_cli.workflows import mcp_server
    except ImportError as error:
        raise errors.UsageError(
            f"this needs the extra `mcp` ({error.name} is not installed)", hint="pip install 'bhuman[mcp]'"
        ) from None
    allowed = mcp_server.Permissions(root=Path.cwd(), shows_values=show_values, elicits=elicit)
    mcp_server.serve(allowed, app.call)
    return 0


def _config(client: Client) -> str:
    """Return the client's own form of a server's entry. Sources: the three products' MCP pages."""
    entry = {"command": str(Path(sys.argv[0]).resolve()), "args": ["mcp"]}
    if client is Client.VSCODE:
        return json.dumps({"servers": {"bhuman": {"type": "stdio", **entry, "cwd": "${workspaceFolder}"}}}, indent=2)
    return json.dumps({"mcpServers": {"bhuman": entry}}, indent=2)


plan_app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="Sign a plan that somebody else may then carry out.",
)  # fmt: skip


@plan_app.callback()
def plan() -> None:
    """Sign a plan that somebody else may then carry out."""


@plan_app.command()
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
    plan = plan_signature.read_plan(path)
    if not console.is_interactive():
        raise errors.UsageError("a plan is signed by a person, on a terminal", hint=f"bhuman plan sign {path.name}")
    again = " once more" if plan.again else ""
    console.say(f"{plan.file}: {plan.videos:,} videos to be rendered and paid{again}, {plan.target}")
    answer = console.ask("Type the number of videos to sign this plan, or Enter to leave it: ")
    if not answer:
        console.say("Nothing was signed.")
        return 0
    if answer.replace(",", "") != str(plan.videos):
        raise errors.Refusal(f"{answer[:20]!r} is not {plan.videos}; nothing was signed", code="not_confirmed")
    written = plan_signature.sign(plan, settings.home(os.environ), SystemClock().now())
    console.say(f"signed: {written}")
    return 0
