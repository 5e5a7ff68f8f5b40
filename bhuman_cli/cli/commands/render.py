"""Command `render`: options and help. The work is `workflows.render`."""

from __future__ import annotations

from typing import Annotated, TypedDict, Unpack

import typer

from bhuman_cli.cli import options as opt
from bhuman_cli.cli import typed_options


class RenderOptions(TypedDict, total=False):
    """The options of `render`, named as the settings are."""

    campaign: opt.Campaign
    instance: opt.Instance
    local: opt.Local
    allow_private: opt.AllowPrivate
    generation_mode: opt.GenerationMode
    lipsync: opt.Lipsync
    quality: opt.Quality
    callback_url: opt.CallbackUrl
    profile: opt.Profile
    sheet: opt.Sheet
    delimiter: opt.Delimiter
    encoding: opt.Encoding
    header_row: opt.HeaderRow
    insecure_source: opt.InsecureSource
    map: opt.Map
    only: opt.Only
    exclude: opt.Exclude
    all_columns: opt.AllColumns
    row_key: opt.RowKey
    set: opt.Set
    default: opt.Default
    clean: opt.Clean
    say: opt.Say
    asset: opt.Asset
    backgrounds: opt.Backgrounds
    rows: opt.Rows
    limit: opt.Limit
    where: opt.Where
    visible_only: opt.VisibleOnly
    suppress: opt.Suppress
    on: opt.On
    sample: opt.Sample
    share_equal: opt.ShareEqual
    on_invalid: opt.OnInvalid
    probe: opt.Probe
    strict: opt.Strict
    allow_empty: opt.AllowEmpty
    dry_run: opt.DryRun
    plan_out: opt.PlanOut
    apply: opt.Apply
    plan_age: opt.PlanAge
    yes: opt.Yes
    no_input: opt.NoInput
    max_rows: opt.MaxRows
    take: opt.Take
    first: opt.First
    in_flight: opt.InFlight
    max_failures: opt.MaxFailures
    retry_failed: opt.RetryFailed
    redo: opt.Redo
    review: opt.Review
    again: opt.Again
    accept_changes: opt.AcceptChanges
    accept_videos: opt.AcceptVideos
    accept_journal: opt.AcceptJournal
    accept_failures: opt.AcceptFailures
    adopt: opt.Adopt
    wait: opt.Wait
    timeout: opt.Timeout
    poll_interval: opt.PollInterval
    rate: opt.Rate
    chunk_size: opt.ChunkSize
    lock_wait: opt.LockWait
    download: opt.Download
    output: opt.Output
    force: opt.Force
    bom: opt.Bom
    json: opt.Json
    progress: opt.Progress
    fail_on_old: opt.FailOnOld
    log_file: opt.LogFile
    init: opt.Init


Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE",
        help="The tables: csv, tsv, txt, xlsx, xlsm, xls, ods, json, jsonl, an https:// address; - is CSV on stdin.",
    ),
]


@typed_options.typed_options
def render(files: Files, **flags: Unpack[RenderOptions]) -> int:
    """Render every row of a spreadsheet; run it again and it continues.

    The header becomes the variables, each row a video. Links are written beside your own columns. Rows that were paid
    before are never paid again: edit, append or re-sort the file, and only what is new or changed is sent.

    **Examples**

    `bhuman render campaign.csv --local`   try it: no account, nothing spent

    `bhuman render campaign.csv -c CAMPAIGN_ID`

    `bhuman render clients/*.csv`   several tables, one plan

    `bhuman render campaign.csv --dry-run`   what would be sent

    `bhuman render leads.xlsx --map first_name="First Name" --only first_name,company --sample 3`
    """
    from bhuman_cli.workflows import render

    if len(files) > 1:
        from bhuman_cli.workflows import batch

        return batch.run(files, flags)
    writes_project_file = bool(flags.pop("init", None))
    return render.run(files[0], flags, writes_project_file=writes_project_file)
