"""Options that several commands share: names, help, panels, completion. Defaults live in the settings."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer

_COMMON, _TARGET, _READ, _MAP, _SELECT, _SPEND, _WAIT, _OUT = (
    "Common options",
    "Target",
    "Reading the file",
    "Columns and variables",
    "Which rows",
    "Before money is spent",
    "Sending and waiting",
    "Output",
)

Campaign = Annotated[
    str | None,
    typer.Option(
        "--campaign", "-c", metavar="ID", help="Campaign UUID or its app URL. [env: BHUMAN_CAMPAIGN_ID]",
        rich_help_panel=_COMMON,
    ),
]  # fmt: skip
Instance = Annotated[
    str | None,
    typer.Option(
        "--instance", "-i", metavar="ID", help="Video instance UUID or app URL instead of a campaign.",
        rich_help_panel=_TARGET,
    ),
]  # fmt: skip
Local = Annotated[
    bool | None,
    typer.Option(
        "--local", help="Render with the embedded local studio: no account, no network, nothing spent.",
        rich_help_panel=_COMMON,
    ),
]  # fmt: skip
AllowPrivate = Annotated[
    bool | None,
    typer.Option(
        "--allow-private", help="With --local: assets may lie on this machine or its network.", rich_help_panel=_TARGET
    ),
]
GenerationMode = Annotated[
    str | None,
    typer.Option(
        "--generation-mode", metavar="MODE", help="keep_original or full_script.", show_default="keep_original",
        rich_help_panel=_TARGET,
    ),
]  # fmt: skip
Lipsync = Annotated[
    bool | None,
    typer.Option(
        "--lipsync/--no-lipsync", help="Only where the template supports it; not sent unless given.",
        rich_help_panel=_TARGET,
    ),
]  # fmt: skip
Quality = Annotated[
    str | None,
    typer.Option(
        "--quality", metavar="standard|premium", help="With full_script; premium costs double. Not sent unless given.",
        rich_help_panel=_TARGET,
    ),
]  # fmt: skip
CallbackUrl = Annotated[
    str | None,
    typer.Option(
        "--callback-url", metavar="URL", help="HTTPS address that is told of each finished video.",
        rich_help_panel=_TARGET,
    ),
]  # fmt: skip
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="NAME", help="Credentials profile.", show_default="default",
        rich_help_panel=_TARGET,
    ),
]  # fmt: skip

Sheet = Annotated[
    str | None,
    typer.Option(
        "--sheet", metavar="NAME|N", help="Sheet of a workbook.", show_default="first visible", rich_help_panel=_READ
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter", metavar="CHAR", help="Column separator.", show_default="guessed", rich_help_panel=_READ
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="Text encoding.", show_default="guessed", rich_help_panel=_READ),
]
HeaderRow = Annotated[
    int | None,
    typer.Option(
        "--header-row", metavar="N", help="Line of the header, from 1.", show_default="1", rich_help_panel=_READ
    ),
]
InsecureSource = Annotated[
    bool | None,
    typer.Option("--insecure-source", help="Read a table from an http:// address, too.", rich_help_panel=_READ),
]

Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", "-m", metavar="VARIABLE=COLUMN", help="Use a column for a variable of another name. Repeatable.",
        rich_help_panel=_MAP,
    ),
]  # fmt: skip
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="COL,…", help="Send these columns and no others.", show_default="all", rich_help_panel=_COMMON
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="COL,…", help="Never send these columns.", rich_help_panel=_MAP),
]
AllColumns = Annotated[
    bool | None,
    typer.Option("--all-columns", help="Send all columns, not only those the target uses.", rich_help_panel=_MAP),
]
RowKey = Annotated[
    str | None,
    typer.Option(
        "--row-key", metavar="COLUMN", help="Tells who a row is, so that an edited one is not taken for a new one.",
        show_default="email or id, where unique", rich_help_panel=_MAP,
    ),
]  # fmt: skip
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="VARIABLE=VALUE", help="A constant for all rows. Repeatable.", rich_help_panel=_MAP),
]
Default = Annotated[
    list[str] | None,
    typer.Option(
        "--default", metavar="VARIABLE=VALUE", help="Value for blank cells. Repeatable.", rich_help_panel=_MAP
    ),
]
Clean = Annotated[
    list[str] | None, typer.Option(
        "--clean", metavar="COL=KIND", help="Send names or companies (name, company) as they are spoken. Repeatable.",
        rich_help_panel=_MAP)
]  # fmt: skip
Say = Annotated[
    Path | None,
    typer.Option("--say", metavar="FILE", help="A table of what is spoken for which value.", rich_help_panel=_MAP),
]
Asset = Annotated[
    list[str] | None,
    typer.Option(
        "--asset", metavar="COLUMN", help="Column of asset URLs, in the order of the backgrounds. Repeatable.",
        rich_help_panel=_MAP,
    ),
]  # fmt: skip
Backgrounds = Annotated[
    Path | None,
    typer.Option("--backgrounds", metavar="FILE", help="JSON or TOML list of timed backgrounds.", rich_help_panel=_MAP),
]

Rows = Annotated[
    str | None,
    typer.Option(
        "--rows", metavar="0-9,15", help="Only these rows, from 0.", show_default="all", rich_help_panel=_SELECT
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        help="Only the first N rows that are not blank.",
        show_default="all",
        rich_help_panel=_COMMON,
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="COLUMN=VALUE", help="Only rows with this value; COLUMN!=VALUE: without. Repeatable.",
        rich_help_panel=_SELECT,
    ),
]  # fmt: skip
VisibleOnly = Annotated[
    bool | None,
    typer.Option("--visible-only", help="Leave out rows that the workbook hides.", rich_help_panel=_SELECT),
]
Suppress = Annotated[
    list[Path] | None,
    typer.Option(
        "--suppress", metavar="FILE", help="Leave out who is on this opt-out list. Repeatable.",
        rich_help_panel=_SELECT,
    ),
]  # fmt: skip
On = Annotated[
    str | None,
    typer.Option(
        "--on", metavar="COLUMN", help="Column that is looked up in the opt-out lists.", show_default="email",
        rich_help_panel=_SELECT,
    ),
]  # fmt: skip
Sample = Annotated[
    int | None,
    typer.Option(
        "--sample", metavar="N", help="Render the first N valid rows, show them, then ask before the rest.",
        rich_help_panel=_COMMON,
    ),
]  # fmt: skip
ShareEqual = Annotated[
    bool | None,
    typer.Option(
        "--share-equal/--no-share-equal", help="Rows with equal values are paid once and show one video.",
        show_default="share-equal", rich_help_panel=_SELECT,
    ),
]  # fmt: skip
OnInvalid = Annotated[
    str | None,
    typer.Option(
        "--on-invalid",
        metavar="stop|skip",
        help="A bad row stops the run, or is left out and reported.",
        show_default="stop",
        rich_help_panel=_SELECT,
    ),
]
FailOnOld = Annotated[
    bool | None, typer.Option("--fail-on-old", help="Exit 5 for failures told before, too.", rich_help_panel=_OUT)
]
Probe = Annotated[
    bool | None,
    typer.Option("--probe", help="Open every asset address once, before money is spent.", rich_help_panel=_SELECT),
]
Strict = Annotated[bool | None, typer.Option("--strict", help="Warnings count as errors.", rich_help_panel=_SELECT)]
AllowEmpty = Annotated[
    bool | None,
    typer.Option("--allow-empty", help="A file without data rows is fine.", rich_help_panel=_SELECT),
]

DryRun = Annotated[
    bool | None,
    typer.Option(
        "--dry-run", "-n", help="Everything but spending: no credentials, network or lock.", rich_help_panel=_COMMON
    ),
]
PlanOut = Annotated[
    Path | None,
    typer.Option(
        "--plan-out", metavar="PATH", help="With --dry-run: write each row's plan, as .csv to read, as .json to apply.",
        rich_help_panel=_SPEND,
    ),
]  # fmt: skip
Apply = Annotated[
    Path | None,
    typer.Option("--apply", metavar="PLAN.json", help="Send exactly the rows of a plan, once.", rich_help_panel=_SPEND),
]
PlanAge = Annotated[
    str | None,
    typer.Option(
        "--plan-age", metavar="D", help="How old a plan may be.", show_default="7 days", rich_help_panel=_SPEND
    ),
]
Yes = Annotated[bool | None, typer.Option("--yes", "-y", help="Don't ask.", rich_help_panel=_COMMON)]
NoInput = Annotated[bool | None, typer.Option("--no-input", help="Never prompt.", rich_help_panel=_SPEND)]
MaxRows = Annotated[
    int | None,
    typer.Option(
        "--max-rows", metavar="N", help="Refuse to submit more new rows than this.",
        show_default="2000 whenever nobody is asked", rich_help_panel=_COMMON,
    ),
]  # fmt: skip
RetryFailed = Annotated[
    bool | None,
    typer.Option(
        "--retry-failed", help="Submit failed rows again; a row at most 3 times in all.", rich_help_panel=_COMMON
    ),
]
Redo = Annotated[
    str | None,
    typer.Option(
        "--redo", metavar="rejected", help="Render again what the --review rejects; 3 times at most, and it is paid.",
        rich_help_panel=_SPEND,
    ),
]  # fmt: skip
Review = Annotated[
    list[Path] | None,
    typer.Option(
        "--review", metavar="FILE", help="A review saved in the gallery, for --redo. Repeatable.",
        rich_help_panel=_SPEND,
    ),
]  # fmt: skip
Again = Annotated[
    bool | None,
    typer.Option("--again", help="Ignore what was rendered before: pay for every row again.", rich_help_panel=_SPEND),
]
AcceptChanges = Annotated[
    bool | None,
    typer.Option(
        "--accept-changes", help="Go on with other variables, or with many changed rows.", rich_help_panel=_SPEND
    ),
]
AcceptJournal = Annotated[
    bool | None,
    typer.Option(
        "--accept-journal", help="Go on although this journal is an older one than was last used.",
        rich_help_panel=_SPEND,
    ),
]  # fmt: skip
AcceptVideos = Annotated[
    bool | None,
    typer.Option(
        "--accept-videos", help="Equal videos in the target's list are not ours: pay for these rows.",
        rich_help_panel=_SPEND,
    ),
]  # fmt: skip
Adopt = Annotated[
    bool | None,
    typer.Option(
        "--adopt", help="Take over videos that this journal does not know, from results files and the target's list.",
        rich_help_panel=_SPEND,
    ),
]  # fmt: skip

Take = Annotated[
    str | None,
    typer.Option(
        "--take", metavar="N|N/day", help="At most this many new videos, in this command or per day; the others later.",
        show_default="all", rich_help_panel=_SPEND,
    ),
]  # fmt: skip
First = Annotated[
    int | None,
    typer.Option(
        "--first", metavar="N", help="Send N videos alone, and the others once these ended well.",
        show_default="3 where none succeeded yet", rich_help_panel=_SPEND,
    ),
]  # fmt: skip
InFlight = Annotated[
    int | None,
    typer.Option(
        "--in-flight", metavar="N", help="At most N videos being made at once.", show_default="no limit",
        rich_help_panel=_SPEND,
    ),
]  # fmt: skip
MaxFailures = Annotated[
    str | None,
    typer.Option(
        "--max-failures", metavar="N|P%", help="Stop sending when more of the last videos failed.",
        show_default="50%", rich_help_panel=_SPEND,
    ),
]  # fmt: skip
AcceptAccount = Annotated[
    bool | None,
    typer.Option("--accept-account", help="Pay for the rest with another key than the run's.", rich_help_panel=_SPEND),
]
AcceptFailures = Annotated[
    bool | None,
    typer.Option("--accept-failures", help="Go on although too many videos failed.", rich_help_panel=_SPEND),
]
Wait = Annotated[
    bool | None,
    typer.Option("--wait/--no-wait", help="Wait for the videos.", show_default="wait", rich_help_panel=_WAIT),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout", metavar="D", help="Stop waiting after 90s, 15m, 2h.",
        show_default="2 h after a row last finished", rich_help_panel=_WAIT,
    ),
]  # fmt: skip
PollInterval = Annotated[
    str | None,
    typer.Option(
        "--poll-interval",
        metavar="D",
        help="Shortest time between status checks.",
        show_default="10s",
        rich_help_panel=_WAIT,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", metavar="N", help="Maximum requests per second.", show_default="10", rich_help_panel=_WAIT),
]
ChunkSize = Annotated[
    int | None,
    typer.Option(
        "--chunk-size", metavar="N", help="Rows per request, 1 to 2,000.", show_default="500", rich_help_panel=_WAIT
    ),
]
LockWait = Annotated[
    str | None,
    typer.Option(
        "--lock-wait", metavar="D", help="Wait for another bhuman on this target.", show_default="0s",
        rich_help_panel=_WAIT,
    ),
]  # fmt: skip
Download = Annotated[
    Path | None,
    typer.Option("--download", metavar="DIR", help="Fetch media when the videos are there.", rich_help_panel=_COMMON),
]

Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="PATH", help="Results file; the ending picks the format, - is stdout.",
        show_default="beside the input", rich_help_panel=_COMMON,
    ),
]  # fmt: skip
Force = Annotated[
    bool | None,
    typer.Option("--force", help="Replace a file that is not a results file.", rich_help_panel=_OUT),
]
Bom = Annotated[
    bool | None, typer.Option("--bom", help="Begin a CSV with a byte order mark, for Excel.", rich_help_panel=_OUT)
]
Json = Annotated[
    bool | None, typer.Option("--json", help="One JSON document on stdout at the end.", rich_help_panel=_COMMON)
]
Progress = Annotated[
    str | None,
    typer.Option(
        "--progress", metavar="KIND", help="auto, table, plain, json or none; on stderr.",
        show_default="auto", rich_help_panel=_OUT,
    ),
]  # fmt: skip
LogFile = Annotated[
    Path | None, typer.Option("--log-file", metavar="PATH", help="Append what is said to a file.", rich_help_panel=_OUT)
]
Init = Annotated[
    bool | None,
    typer.Option("--init", help="Write a commented project file from the header, and stop.", rich_help_panel=_OUT),
]


_MOST = 50


def run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Return the run ids that begin so, newest first, with their files."""
    from bhuman_cli.config import settings
    from bhuman_cli.workflows.results import run_lookup

    with contextlib.suppress(Exception):
        return run_lookup.ids_beginning(settings.home(os.environ), incomplete, limit=_MOST)
    return []


def unfinished_run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of runs that can be continued, newest first, with their files."""
    from bhuman_cli.clock import SystemClock
    from bhuman_cli.config import settings
    from bhuman_cli.workflows.results import run_lookup

    with contextlib.suppress(Exception):
        wanted = run_lookup.RunFilter(state="unfinished")
        summaries = run_lookup.list_summaries(settings.home(os.environ), wanted, SystemClock())
        return [(item.run.run_id, item.run.input_name) for item in summaries if item.run.run_id.startswith(incomplete)]
    return []


RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", autocompletion=run_ids, show_default="the latest run with videos",
        help="Run id (its start is enough), or the run's input or results file.",
    ),
]  # fmt: skip


YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, for programs.")]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="Credentials profile.", show_default="default"),
]
LimitOption = Annotated[int, typer.Option("--limit", min=0, metavar="N", help="Maximum number to list (0: all).")]
DataOption = Annotated[
    str | None, typer.Option("--data", metavar="FILE", help="The request body as a JSON file; `-` reads stdin.")
]
