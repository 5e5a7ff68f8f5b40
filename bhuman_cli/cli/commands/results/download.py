"""Command `download`: parse and call; `workflows.download` fetches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli import errors
from bhuman_cli.cli.options import JsonOption, ProfileOption, RunArgument
from bhuman_cli.delivery.media import What
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.results import download as downloads
from bhuman_cli.workflows.results import run_lookup

To = Annotated[
    Path | None,
    typer.Option("--to", "--output", "-o", metavar="DIR", help="Folder for the files.", show_default="<results>.media"),
]
WhatOption = Annotated[
    list[str] | None,
    typer.Option("--what", metavar="KIND,…", help="video, gif, thumbnail or all.", show_default="video"),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="TEMPLATE",
        help="File names from row fields.",
        show_default="{row_index:04d}-{FIRST VARIABLE}",
    ),
]
Results = Annotated[
    Path | None,
    typer.Option("--results", metavar="PATH", help="Also write the results there, with the path of each file."),
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, metavar="N", help="Files at once.")]
Check = Annotated[bool, typer.Option("--check", help="Also decode each video and name what is wrong with it.")]
Strict = Annotated[bool, typer.Option("--strict", help="With --check: end with 5 if a video is to be looked at.")]
AllowPrivate = Annotated[bool, typer.Option("--allow-private", help="Follow links into private networks as well.")]


def download(  # noqa: PLR0913 - one parameter is one option
    run: RunArgument = None,
    *,
    to: To = None,
    what: WhatOption = None,
    name: Name = None,
    results: Results = None,
    workers: Workers = 8,
    allow_private: AllowPrivate = False,
    check: Check = False,
    strict: Strict = False,
    json_output: JsonOption = False,
    profile: ProfileOption = None,
) -> int:
    """Fetch the videos, GIFs and thumbnails of a run.

    Each file is checked before it gets its name. Run it again and it fetches only what is missing.

    **Examples**

    `bhuman download`

    `bhuman download campaign.csv --what all --to media --name '{row_index:04d}-{first_name}.mp4'`

    `bhuman download campaign.csv --results campaign.files.xlsx`   your rows, the links, and where each file is
    """
    session = sessions.start(profile=profile, json_mode=json_output)
    delivered = run_lookup.find_run(session, run)
    options = downloads.DownloadOptions(
        folder=to or delivered.media_folder, whats=_whats(what), template=name or "", workers=workers,
        allow_private=allow_private, table=results, checks=check or strict, strict=strict,
    )  # fmt: skip
    return downloads.download(session, delivered, options)


def _whats(texts: Sequence[str] | None) -> tuple[What, ...]:
    words = [word.strip().lower() for text in texts or ["video"] for word in text.split(",") if word.strip()]
    if "all" in words:
        return tuple(What)
    try:
        return tuple(dict.fromkeys(What(word.removesuffix("s")) for word in words))
    except ValueError:
        raise errors.UsageError("--what: video, gif, thumbnail or all", hint="--what video,gif") from None
