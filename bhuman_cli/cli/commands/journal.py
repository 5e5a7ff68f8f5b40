"""Command lines of `journal show|check|copy|add|backup`. The work is in workflows.journal_care."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bhuman_cli import errors
from bhuman_cli.cli.options import JsonOption
from bhuman_cli.config import settings
from bhuman_cli.terminal.console import Console

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Look at the memory of what was paid, copy it, or share it among machines.\n\n**Examples**\n\n"
    "`bhuman journal show`\n\n`bhuman journal backup journal-today.sqlite3`\n\n"
    "`bhuman journal copy --to postgresql://me@db.example/bhuman`   one memory for several machines",
    context_settings={"help_option_names": ["-h", "--help"]},
)

To = Annotated[
    str, typer.Option("--to", metavar="URL|PATH", help="An empty journal: a database's address, a folder or a file.")
]
From = Annotated[str, typer.Option("--from", metavar="URL|PATH", help="The journal whose payments are taken over.")]
BackupPath = Annotated[Path, typer.Argument(metavar="PATH", help="The new file.")]


@app.command()
def show(*, json_output: JsonOption = False) -> int:
    """Say where the journal is, how large it is, what it holds, and when it was last written."""
    from bhuman_cli.workflows import journal_care

    console = Console(json_mode=json_output)
    facts = journal_care.look(settings.home(os.environ))
    if json_output:
        console.out_json(facts.as_json())
        return 0
    rows = [["journal", facts.place], ["version", str(facts.version)], ["size", f"{facts.size_bytes:,} bytes"]]
    rows += [[f"{name}s", f"{count:,}"] for name, count in facts.counts.items()]
    rows += [["last write", facts.last_write or "never"]]
    rows += [["moved to", f"{facts.moved_to}: nothing is paid from here"]] if facts.moved_to else []
    console.table(["what", "value"], rows)
    return 0


@app.command()
def check(*, json_output: JsonOption = False) -> int:
    """Check pages, indexes and keys, and the promises that the journal's own content can break."""
    from bhuman_cli.workflows import journal_care

    console = Console(json_mode=json_output)
    place, broken = journal_care.check(settings.home(os.environ))
    if json_output:
        console.out_json(
            {"schema": "bhuman.journal-check/1", "journal": place, "is_sound": not broken, "broken": broken}
        )
    elif not broken:
        console.say(f"{place} is sound")
    if broken:
        raise errors.JournalError(f"{place} contradicts itself: {'; '.join(broken)}", fault=errors.JournalFault.DAMAGED)
    return 0


@app.command()
def copy(*, to: To, json_output: JsonOption = False) -> int:
    """Copy the whole journal into an empty one, which counts from then on: nothing is paid from this one any more.

    Counts and digests of every table are compared before anything is kept.

    **Examples**

    `bhuman journal copy --to postgresql://me@db.example/bhuman`

    `BHUMAN_JOURNAL=postgresql://me@db.example/bhuman bhuman journal copy --to ./back-home`
    """
    from bhuman_cli.workflows import journal_care

    console = Console(json_mode=json_output)
    place, rows = journal_care.copy(settings.home(os.environ), to, console)
    if json_output:
        console.out_json({"schema": "bhuman.journal-copy/1", "journal": place, "rows": rows})
        return 0
    console.say(f"{sum(rows.values()):,} rows of {len(rows)} tables are in {place}, counts and digests are equal")
    if place.startswith("postgres"):
        console.say("set BHUMAN_JOURNAL to its address on every machine, then: bhuman doctor")
    return 0


@app.command()
def add(*, from_: From, json_output: JsonOption = False) -> int:
    """Take another journal's payments into this one, so that nothing that was paid there is paid again here.

    Requests that are open there are in doubt here. What this journal knows already stays as it is.
    """
    from bhuman_cli.workflows import journal_care

    console = Console(json_mode=json_output)
    place, added = journal_care.add(settings.home(os.environ), from_)
    if json_output:
        about = {"schema": "bhuman.journal-add/1", "journal": place}
        console.out_json({**about, "payments": added.payments, "in_doubt": added.doubtful})
        return 0
    console.say(f"{added.payments:,} payments were added to {place}")
    if added.doubtful:
        console.say(f"{added.doubtful:,} requests are open there, and in doubt here: bhuman runs")
    return 0


@app.command()
def backup(path: BackupPath, *, json_output: JsonOption = False) -> int:
    """Copy the journal into a new file, while it is in use."""
    from bhuman_cli.workflows import journal_care

    console = Console(json_mode=json_output)
    place = journal_care.back_up(settings.home(os.environ), path)
    if json_output:
        console.out_json({"schema": "bhuman.journal-backup/1", "journal": place, "backup": str(path)})
    else:
        console.say(f"{place} is copied to {path}")
    return 0
