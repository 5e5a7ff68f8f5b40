"""Command `gallery`: parse, call, open the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli.cli.options import JsonOption, RunArgument
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.results import gallery as galleries
from bhuman_cli.workflows.results import run_lookup

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Page to write.", show_default="<results>.gallery.html"),
]
Label = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="COL,…", help="Columns shown on the cards.", show_default="the first 3"),
]
Media = Annotated[
    Path | None,
    typer.Option("--media", metavar="DIR", help="Show files downloaded here.", show_default="<results>.media"),
]
Embed = Annotated[bool, typer.Option("--embed", help="Put the pictures into the page: one file to pass on.")]
Review = Annotated[
    list[Path] | None,
    typer.Option("--review", metavar="FILE", help="Show the decisions of a saved review. Repeatable: rejections win."),
]
OpenPage = Annotated[bool, typer.Option("--open", help="Open it in the browser.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is not a gallery.")]


def gallery(  # noqa: PLR0913 - one parameter is one option
    run: RunArgument = None,
    *,
    output: Output = None,
    label: Label = None,
    media: Media = None,
    embed: Embed = False,
    review: Review = None,
    open_page: OpenPage = False,
    force: Force = False,
    json_output: JsonOption = False,
) -> None:
    """Write one HTML page that shows a whole run, to be searched, reviewed and passed on.

    It works from disk, without a network. Approve and reject in it, save the review, and go on with
    `export --review FILE --keep approved`.

    **Examples**

    `bhuman gallery --open`

    `bhuman gallery campaign.csv --label first_name,company --embed -o batch.html`
    """
    session = sessions.start(json_mode=json_output)
    options = galleries.GalleryOptions(
        output=output, labels=label, media=media, embeds=embed, reviews=review or (), force=force
    )
    path = galleries.write(session, run_lookup.find_run(session, run), options)
    if open_page:
        session.console.show_page(path)
