"""Command `spend`: parse, let the journal's payments be counted, show them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli.cli.options import JsonOption, ProfileOption
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.results import spend as spending

By = Annotated[str, typer.Option("--by", metavar="GROUP", help="campaign, file, profile, month, day or client.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DATE|AGE", help="Only from then on: 2026-01-31 or 30d.", show_default="all"),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write: .csv .xlsx .json .html")
]


def spend(
    *, by: By = "campaign", since: Since = None, output: Output = None, json_output: JsonOption = False,
    profile: ProfileOption = None,
) -> None:  # fmt: skip
    """Show what was paid: videos that the service accepted, failed ones included, from this journal.

    Beside it what was reused, shared, retried, failed and in doubt. `unit_cost` in the settings adds your own estimate.

    **Examples**

    `bhuman spend`

    `bhuman spend --by client --since 2026-01-01 -o spend.html`
    """
    session = sessions.start(profile=profile, json_mode=json_output)
    spending.write(session, by, since, output)
