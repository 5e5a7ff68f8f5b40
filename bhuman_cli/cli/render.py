"""Owns the command line of `bhuman render`: its options and help. The work is in cli.rendering."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bhuman_cli.cli import options as opt


def render(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="The table: csv, tsv, txt, xlsx, xlsm, xls, ods, json, jsonl, or - for CSV on stdin."
        ),
    ],
    *,
    campaign: opt.Campaign = None,
    instance: opt.Instance = None,
    local: opt.Local = None,
    generation_mode: opt.GenerationMode = None,
    lipsync: opt.Lipsync = None,
    callback_url: opt.CallbackUrl = None,
    profile: opt.Profile = None,
    sheet: opt.Sheet = None,
    delimiter: opt.Delimiter = None,
    encoding: opt.Encoding = None,
    header_row: opt.HeaderRow = None,
    map_: opt.Map = None,
    only: opt.Only = None,
    exclude: opt.Exclude = None,
    set_: opt.Set = None,
    default: opt.Default = None,
    asset: opt.Asset = None,
    backgrounds: opt.Backgrounds = None,
    rows: opt.Rows = None,
    limit: opt.Limit = None,
    sample: opt.Sample = None,
    on_invalid: opt.OnInvalid = None,
    strict: opt.Strict = None,
    allow_empty: opt.AllowEmpty = None,
    dry_run: opt.DryRun = None,
    yes: opt.Yes = None,
    no_input: opt.NoInput = None,
    max_rows: opt.MaxRows = None,
    retry_failed: opt.RetryFailed = None,
    again: opt.Again = None,
    accept_changes: opt.AcceptChanges = None,
    adopt: opt.Adopt = None,
    wait: opt.Wait = None,
    timeout: opt.Timeout = None,
    poll_interval: opt.PollInterval = None,
    rate: opt.Rate = None,
    chunk_size: opt.ChunkSize = None,
    lock_wait: opt.LockWait = None,
    download: opt.Download = None,
    output: opt.Output = None,
    force: opt.Force = None,
    bom: opt.Bom = None,
    json: opt.Json = None,
    progress: opt.Progress = None,
    log_file: opt.LogFile = None,
    init: opt.Init = False,
) -> int:
    """Render every row of a spreadsheet; run it again and it continues.

    The header becomes the variables, each row a video. Links are written beside your own columns. Rows that were paid
    before are never paid again: edit, append or re-sort the file, and only what is new or changed is sent.

    **Examples**

    `bhuman render campaign.csv --local`   try it: no account, nothing spent

    `bhuman render campaign.csv -c CAMPAIGN_ID`

    `bhuman render campaign.csv --dry-run`   what would be sent

    `bhuman render leads.xlsx --map first_name="First Name" --only first_name,company --sample 3`
    """
    given: dict[str, Any] = {name.rstrip("_"): value for name, value in locals().items()}
    given.pop("file")
    given.pop("init")
    from bhuman_cli.cli import rendering

    return rendering.run(file, given, writes_project_file=init)
