"""Owns `webhooks list` and `webhooks create`: parse, call, print."""

from __future__ import annotations

from typing import Annotated

import typer

from bhuman_cli import errors
from bhuman_cli.cli.commands import resources
from bhuman_cli.config import settings
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.session import JsonOption, ProfileOption

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="List and create saved webhooks, which are told about finished videos."
    "\n\n**Examples**\n\n`bhuman webhooks list`"
    "\n\n`bhuman webhooks create --name Production --url https://yourapp.com/bhuman/callback`",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
def list_(*, json_output: JsonOption = False, profile: ProfileOption = None) -> None:
    """List the saved webhooks.

    **Examples**

    `bhuman webhooks list`
    """
    session = sessions.start(profile=profile, json_mode=json_output)
    with session.client(session.stored_credentials()) as client:
        found = client.webhooks()
    if json_output:
        session.console.out_json({"schema": "bhuman.webhooks/1", "total": found.total, "webhooks": list(found.items)})
        return
    resources.print_items(session.console, ("id", "name", "webhook", "url"), found.items)
    if not found.items:
        session.console.say("there are no saved webhooks")


@app.command("create")
def create(
    *,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="How it is listed.")],
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where events are posted to; HTTPS.")],
    json_output: JsonOption = False,
    profile: ProfileOption = None,
) -> None:
    """Save a webhook. Which wins, a saved webhook or a run's own `--callback-url`, is not documented.

    **Examples**

    `bhuman webhooks create --name Production --url https://yourapp.com/bhuman/callback`
    """
    session = sessions.start(profile=profile, json_mode=json_output)
    _check_url(url, session.base_url)
    if not name.strip():
        raise errors.UsageError("--name is blank")
    with session.client(session.stored_credentials()) as client:
        record = client.create_webhook(name.strip(), url)
    resources.print_changed(session.console, record, "saved the webhook")


def _check_url(url: str, base_url: str) -> None:
    """Refuse what the service could not call, before it is kept there. Source: API contract, sections 4 and 7."""
    is_local = settings.is_loopback(base_url) and settings.is_loopback(url) and url.startswith("http://")
    if not is_local and not url.lower().startswith("https://"):
        raise errors.UsageError("--url must begin with https://")
    if not url.isprintable() or " " in url:
        raise errors.UsageError("--url holds a space or a control character")
