"""Command `forget`: parse, remove a person, print the ids that are left to delete at the service."""

from __future__ import annotations

from typing import Annotated

import typer

from bhuman_cli import errors, ids
from bhuman_cli.cli.options import JsonOption
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.results import forgetting

Where = Annotated[
    str | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="The person whose cell in this column is the value."),
]
Id = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="The person whose video this is. Repeatable.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def forget(*, where: Where = None, id_: Id = None, yes: Yes = False, json_output: JsonOption = False) -> int:
    """Remove a person everywhere this program wrote: journal, results, exports, downloads, galleries, callbacks, logs.

    It shows where the person stands and asks. What was paid stays known, and nothing is paid again: later renders skip
    the person. A receipt without their values names what is out of reach, and which videos to delete at the service.

    **Examples**

    `bhuman forget --where email=ana@example.com`

    `bhuman forget --id 6f1c2f6e-4f0a-4a54-9a77-0c1d9c2f7a11 --yes`
    """
    if (where is None) == (not id_):
        raise errors.UsageError("forget takes --where or --id", hint="bhuman forget --where email=ADDRESS")
    column, value = forgetting.where(where) if where is not None else ("", "")
    session = sessions.start(json_mode=json_output)
    options = forgetting.ForgetOptions(
        column=column, value=value, ids=tuple(ids.of_kind(text, ids.GENERATION) for text in id_ or ()), yes=yes
    )
    return forgetting.forget(session, options)
