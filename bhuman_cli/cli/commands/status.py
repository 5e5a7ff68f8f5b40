"""Command `status`: parse and call."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from bhuman_cli import durations, errors
from bhuman_cli.cli import options
from bhuman_cli.workflows import session
from bhuman_cli.workflows.results import status as workflow

_KINDS: Final = ("generation", "campaign", "instance", "run")


def status(
    identifier: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="A run (id, its start, or its file), generation, campaign or instance; app URLs may be pasted.",
            autocompletion=options.run_ids,
            show_default="the latest run",
        ),
    ] = None,
    *,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="|".join(_KINDS), help="What the id is.", show_default="detected")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again until it is finished.")] = False,
    interval: Annotated[str, typer.Option("--interval", metavar="D", help="How often --watch looks.")] = "10s",
    profile: options.ProfileOption = None,
    json_output: options.JsonOption = False,
) -> int:
    """Show where something stands; the exit code is that of `bhuman render`.

    **Examples**

    `bhuman status`   the latest run

    `bhuman status leads.csv`

    `bhuman status https://app.bhuman.ai/campaign/generatedVideos/UUID`

    `bhuman status GENERATION_ID --watch`
    """
    if kind is not None and kind not in _KINDS:
        raise errors.UsageError(f"--kind takes {', '.join(_KINDS)}", hint="bhuman status --help")
    opened = session.start(profile=profile, json_mode=json_output)
    return int(workflow.show(opened, identifier, kind, watch=watch, every_s=durations.parse(interval)))
