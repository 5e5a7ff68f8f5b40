"""Command `export`: parse and call; `workflows.export` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli.cli.options import JsonOption, RunArgument
from bhuman_cli.delivery.mailmerge import For
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.results import export as exports
from bhuman_cli.workflows.results import run_lookup

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="File to write; .csv .tsv .xlsx .json .jsonl",
        show_default="with --for: <results>.mailmerge.csv, .support.json, …",
    ),
]
Purpose = Annotated[
    For | None,
    typer.Option(
        "--for",
        help="For a mail program (`email_html`: the GIF, linked to the video), a product's import, or the service's"
        " support (failed rows with whole ids, no values).",
    ),
]
Only = Annotated[
    str | None,
    typer.Option(
        "--status",
        metavar="NAME,…|all",
        help="Only rows of these statuses.",
        show_default="with --for those with a video, else all",
    ),
]
Media = Annotated[
    Path | None,
    typer.Option("--media", metavar="DIR", help="Add the paths of the files downloaded to this folder."),
]
Email = Annotated[
    str | None,
    typer.Option("--email", metavar="COLUMN", help="Column of addresses.", show_default="the only one that holds some"),
]
CheckLinks = Annotated[
    bool, typer.Option("--check-links", help="Open each link once; dead ones are refreshed, then listed (exit 5).")
]
Utm = Annotated[
    str,
    typer.Option("--utm", metavar="NAME=VALUE,…", help="Campaign fields for the links; values may hold {columns}."),
]
FallbackLink = Annotated[
    str, typer.Option("--fallback-link", metavar="URL", help="Link for rows without a video; they are written, too.")
]
Poster = Annotated[
    bool, typer.Option("--poster", help="Also make JPEGs with play mark and name, in a folder beside the file.")
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="COLUMN", help="Count rows by this column and by status instead."),
]
Review = Annotated[
    list[Path] | None,
    typer.Option("--review", metavar="FILE", help="A review saved in the gallery. Repeatable: rejections win."),
]
Keep = Annotated[
    str | None, typer.Option("--keep", metavar="WORD", help="With --review: only approved or rejected videos.")
]
Bom = Annotated[bool, typer.Option("--bom", help="Begin a CSV with a byte order mark, for Excel.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is not a results file.")]


def export(  # noqa: PLR0913 - one parameter is one option
    run: RunArgument = None,
    *,
    output: Output = None,
    purpose: Purpose = None,
    only: Only = None,
    media: Media = None,
    by: By = None,
    email: Email = None,
    check_links: CheckLinks = False,
    utm: Utm = "",
    fallback_link: FallbackLink = "",
    poster: Poster = False,
    review: Review = None,
    keep: Keep = None,
    bom: Bom = False,
    force: Force = False,
    json_output: JsonOption = False,
) -> int:
    """Write a run's results in another shape, for mails, or for support.

    **Examples**

    `bhuman export -o campaign.xlsx`

    `bhuman export campaign.csv --for mailmerge`

    `bhuman export campaign.csv --for mailchimp --check-links --utm source=email,campaign={company}`

    `bhuman export campaign.csv --for gmail --review campaign.review.csv --keep approved`

    `bhuman export campaign.csv --for support`   what the service's people need of failed rows

    `bhuman export campaign.csv --by company`   how each company's rows ended
    """
    options = exports.ExportOptions(
        output=output, purpose=purpose, statuses=exports.statuses_in(only), media=media, by=by, email=email,
        check_links=check_links, utm=utm, fallback_link=fallback_link, poster=poster,
        reviews=review or (), keep=keep, bom=bom,
        force=force,
    )  # fmt: skip
    exports.require_sense(options)
    session = sessions.start(json_mode=json_output)
    delivered = run_lookup.find_run(session, run, with_late_links=by is None)
    return exports.write(session, delivered, options)
