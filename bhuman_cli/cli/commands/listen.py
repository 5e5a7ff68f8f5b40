"""Command `listen`: parses and calls."""

from __future__ import annotations

from typing import Annotated

import typer

from bhuman_cli.cli.options import ProfileOption
from bhuman_cli.workflows import session as sessions

PublicUrl = Annotated[
    str | None,
    typer.Option(
        "--public-url", metavar="URL", help="HTTPS address of the tunnel or proxy that leads here.", show_default="none"
    ),
]
ForwardTo = Annotated[
    str | None,
    typer.Option(
        "--forward-to", metavar="URL", help="Post each confirmed event there, in order, until it is taken.",
        show_default="none",
    ),
]  # fmt: skip


def listen(  # noqa: PLR0913 - one parameter is one option
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="N", help="Port to bind; 0: a free one.")
    ] = 8080,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to bind.")] = "127.0.0.1",
    public_url: PublicUrl = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Ask the service about each event; a callback alone proves nothing.")
    ] = False,
    forward_to: ForwardTo = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on stdout, for programs.")
    ] = False,
    profile: ProfileOption = None,
) -> int:
    """Receive completion callbacks.

    The first line on stdout is the callback URL for `render --callback-url`; its path is a secret. Events are stored
    before they are answered; a running `render` hears of them at once and asks the service. Stop with Ctrl-C.

    **Examples**

    `bhuman listen --public-url https://hooks.example.com`

    `bhuman listen --port 9000 --json`
    """
    from bhuman_cli.workflows.service import listener

    options = listener.ListenOptions(
        host=host, port=port, public_url=public_url, confirm=confirm, forward_to=forward_to
    )
    return listener.listen(sessions.start(profile=profile, json_mode=json_output), options)
