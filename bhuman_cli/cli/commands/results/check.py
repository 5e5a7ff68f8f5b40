"""`check`: parse, let the videos be checked, print what is to be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli.cli.options import JsonOption, RunArgument
from bhuman_cli.errors import ExitCode
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.results import quality_check, run_lookup

From = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="Folder of the videos.", show_default="that of the last download"),
]
Strict = Annotated[bool, typer.Option("--strict", help="End with 5 if a video is to be looked at.")]


def check(
    run: RunArgument = None, *, from_: From = None, strict: Strict = False, json_output: JsonOption = False
) -> int:
    """Check downloaded videos: sound, silence, black, standing or damaged pictures, length, size.

    Each video is decoded once. What is found is kept in `manifest.csv`, and the gallery shows those videos first.

    **Examples**

    `bhuman check`

    `bhuman check campaign.csv --from media --strict`
    """
    session = sessions.start(json_mode=json_output)
    results = run_lookup.find_run(session, run)
    folder = from_ or quality_check.last_folder(session, results)
    videos = quality_check.check(results, folder, session.console)
    code = ExitCode.ROWS_FAILED if strict and any(video.quality for video in videos) else ExitCode.OK
    quality_check.say(videos, session.console)
    if json_output:
        session.console.out_json(
            {
                "schema": quality_check.SCHEMA,
                "run_id": results.run.run_id,
                "folder": str(folder),
                "videos": [video.as_json() for video in videos],
                "exit_code": int(code),
            }
        )
    elif not session.console.is_watched():  # a person has just read them
        for video in videos:
            if video.quality:
                session.console.out(f"{video.row_index}\t{video.file}\t{video.quality}")
    return int(code)
