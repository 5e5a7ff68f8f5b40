"""Command `help`: a topic of the manual, a command's own help, or the list of both."""

from __future__ import annotations

from typing import Annotated

import typer

from bhuman_cli import __version__, manual


def help_(
    ctx: typer.Context,
    topic: Annotated[
        str | None, typer.Argument(metavar="TOPIC", help="A topic or a command.", show_default="the list of topics")
    ] = None,
) -> None:
    """Read the manual: a topic, or a command's help.

    **Examples**

    `bhuman help`   the topics

    `bhuman help doubt`

    `bhuman help render`   the same as `bhuman render --help`
    """
    from bhuman_cli.cli import app, usage_errors
    from bhuman_cli.terminal.console import Console

    console = Console()
    name = (topic or "").strip().lower().replace("_", "-").replace(" ", "-")
    if not name:
        console.table(("TOPIC", "ABOUT"), [(each, manual.summary(each)) for each in manual.TOPICS])
        console.say("`bhuman help TOPIC` shows one; `bhuman --help` lists the commands")
    elif name in manual.TOPICS:
        command = f"\nThe command of this name: `bhuman {name} --help`\n" if name in app.COMMANDS else ""
        console.markdown(manual.read(name) + command)
    elif name in app.COMMANDS:
        command = app.load(name)
        parent = ctx.find_root()
        with type(ctx)(command, info_name=name, parent=parent) as inner:
            console.out(command.get_help(inner))
    else:
        raise usage_errors.unknown_topic(name, [*manual.TOPICS, *app.COMMANDS])


def version() -> None:
    """Print the version.

    **Examples**

    `bhuman version`
    """
    typer.echo(f"bhuman {__version__}")
