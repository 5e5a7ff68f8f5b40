"""Command line of `bhuman trust`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli.cli.options import JsonOption

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A project file (campaign.toml, bhuman.toml), or the table it stands beside."),
]


def trust(file: File, *, json_output: JsonOption = False) -> int:
    """Trust a project file that spends more, asks less, or writes or sends elsewhere.

    A project file that came with somebody's folder may narrow what a run does. What goes further counts only once you
    say so here: its path and content are remembered as a hash, and an edit of it is asked about again.

    **Examples**

    `bhuman trust campaign.toml`
    """
    from bhuman_cli.workflows.input import project_trust

    return project_trust.trust(file, is_json=json_output)
