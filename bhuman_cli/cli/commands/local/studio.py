"""Commands `studio serve|faults|template`: parse and print. What the studio is, `bhuman_cli.studio` says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bhuman_cli import errors
from bhuman_cli.cli.commands.local import studio_template
from bhuman_cli.config import settings
from bhuman_cli.workflows import connections

if TYPE_CHECKING:
    from bhuman_cli.studio.config import StudioConfig

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=(
        "Run AI Studio's API on this machine, rendering for real.\n\n**Examples**\n\n`bhuman studio serve`\n\n"
        "`bhuman studio template new --for campaign.csv`\n\n`bhuman studio faults`   bad days to rehearse"
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(studio_template.app, name="template")


HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Where queue and media are kept.", show_default="BHUMAN_HOME/studio"),
]


Port = Annotated[int, typer.Option("--port", metavar="PORT", help="0 takes a free one.")]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")]
Access = Annotated[
    str,
    typer.Option(
        "--access",
        metavar="strict|open|documented",
        help="open: keys may read lists too, as in 2023; documented: keys only order videos.",
    ),
]
Render = Annotated[
    str, typer.Option("--render", metavar="real|instant", help="instant: end videos without making them.")
]
Advance = Annotated[
    str,
    typer.Option(
        "--advance",
        metavar="real|reads:N|seconds:S",
        help="reads:N: a video is unfinished for its first N reads; seconds:S: for S seconds.",
    ),
]
Workers = Annotated[int, typer.Option("--workers", metavar="N", min=0, help="Render processes; 0: one per core.")]
Credits = Annotated[
    int | None,
    typer.Option("--credits", metavar="N", min=0, help="A pretend balance; one video costs 1.", show_default="endless"),
]
Key = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="ID:SECRET", help="An API key; repeatable.", show_default="local:local"),
]
Bearer = Annotated[
    list[str] | None,
    typer.Option("--bearer", metavar="TOKEN", help="A user token; repeatable.", show_default="local"),
]
Fault = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="SPEC", help="Rehearse a bad day; see `bhuman studio faults`."),
]
FaultsFile = Annotated[Path | None, typer.Option("--faults", metavar="FILE", help="Faults from a file, one on a line.")]
TemplateOption = Annotated[
    Path | None,
    typer.Option("--template", metavar="FILE", help="A video template.", show_default="the built-in presenter"),
]
AnyTarget = Annotated[bool, typer.Option("--any-target", help="Take every campaign and instance id.")]
Executor = Annotated[
    str | None,
    typer.Option(
        "--executor", metavar="dask://HOST:PORT", help="Render on a Dask cluster.", show_default="processes here"
    ),
]
AllowPrivate = Annotated[bool, typer.Option("--allow-private", help="Assets may lie on this machine or its network.")]
AllowRemote = Annotated[
    bool, typer.Option("--allow-remote", help="Listen to, and call back, other machines. The keys are no secret!")
]


@app.command()
def serve(  # noqa: PLR0913 - one parameter per option
    *,
    port: Port = 8787,
    host: Host = "127.0.0.1",
    access: Access = "strict",
    render: Render = "real",
    advance: Advance = "real",
    workers: Workers = 0,
    credits: Credits = None,
    key: Key = None,
    bearer: Bearer = None,
    fault: Fault = None,
    faults_file: FaultsFile = None,
    template: TemplateOption = None,
    any_target: AnyTarget = False,
    home: HomeOption = None,
    executor: Executor = None,
    allow_private: AllowPrivate = False,
    allow_remote: AllowRemote = False,
) -> int:
    """Serve the API until Ctrl-C. The first line on stdout is its URL; messages go to stderr.

    The key is `local` with the secret `local`, the user token `local`.

    **Examples**

    `bhuman studio serve`

    `bhuman studio serve --port 0 --render instant --fault 'POST pipeline/campaign#2: drop-after-acceptance'`
    """
    connections.require_extra(web=True, rendering=render != "instant")
    from bhuman_cli.studio.config import StudioConfig
    from bhuman_cli.studio.faults import grammar

    rehearsed = tuple(grammar.parse(spec) for spec in fault or ())
    config = StudioConfig(
        home=_home(home),
        host=host, port=port,
        access=access,  # type: ignore[arg-type]  # StudioConfig checks it
        render=render,  # type: ignore[arg-type]
        advance=advance,
        workers=workers,
        credits=credits,
        keys=_pairs(key),
        bearers=tuple(bearer or ("local",)),
        faults=rehearsed + (grammar.read_file(faults_file) if faults_file else ()),
        any_target=any_target, template=template,
        allow_remote=allow_remote, allow_private=allow_private, executor=executor,
    )  # fmt: skip
    return _serve(config)


@app.command("faults")
def list_faults() -> int:
    """Print every misbehaviour that can be rehearsed with `studio serve --fault`, and the grammar.

    **Example**

    `bhuman studio faults | less`
    """
    from bhuman_cli.studio.faults import catalogue
    from bhuman_cli.terminal.console import Console

    Console().out(catalogue.text())
    return 0


def _serve(config: StudioConfig) -> int:
    from bhuman_cli.studio.server import raw_connection, serving
    from bhuman_cli.terminal import console

    raw_connection.raise_limit()
    serving.talk_tersely()
    sys.setswitchinterval(0.001)  # who writes to disk takes turns with who answers, five times as often as usual
    bound = serving.bind(config)
    url = serving.base_url(config, bound)

    unwritten: list[errors.UsageError] = []

    def ready() -> None:
        try:
            console.write_line(sys.stdout, url)
        except errors.UsageError as error:  # raised here it would be the server's, with a stack trace
            unwritten.append(error)
            server.should_exit = True

    with bound:
        server = serving.build(config, bound, on_ready=ready, signals=True)
        for line in serving.banner(config, url):
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
        server.run(sockets=[bound])
    if unwritten:
        raise unwritten[0]
    if not server.started:
        raise errors.ServiceDown("the local studio did not start", hint="bhuman studio serve --home DIR")
    return 0


def _home(folder: Path | None) -> Path:
    return (folder or settings.home(os.environ).studio).expanduser().absolute()


def _pairs(texts: list[str] | None) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts or ["local:local"]:
        key_id, colon, secret = text.partition(":")
        if not (key_id and colon and secret):
            raise errors.UsageError("--key: expected ID:SECRET", hint="bhuman studio serve --key me:secret")
        pairs.append((key_id, secret))
    return tuple(pairs)
