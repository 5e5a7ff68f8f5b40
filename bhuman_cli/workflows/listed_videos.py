"""Videos in a target's list that another journal paid for: looked for before sending, taken over, or left to others."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bhuman_cli import domain
from bhuman_cli.config import settings
from bhuman_cli.domain import Generation, Status
from bhuman_cli.errors import Refusal
from bhuman_cli.journal import history, matching, targets
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import AdoptedGeneration
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import list_look
from bhuman_cli.runs.binding import record_writer, spelling, video_list
from bhuman_cli.runs.context import RunContext
from bhuman_cli.runs.list_look import ListLook
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, run_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a command does about listed videos that this journal does not know.

    adopts: takes them over. accepts: they are not ours. is_shared: colleagues make videos there by hand. again: every
    row is paid once more, on purpose. asks: a person can be asked.
    """

    adopts: bool = False
    accepts: bool = False
    is_shared: bool = False
    again: bool = False
    asks: bool = False


def policy(values: settings.Settings, *, asks: bool) -> Policy:
    """Return what the command line and the project file say."""
    return Policy(
        adopts=bool(values.get("adopt")),
        accepts=bool(values.get("accept_videos")),
        is_shared=bool(values.get("shared_campaign")),
        again=bool(values.get("again")),
        asks=asks,
    )


def look(
    wanted: Policy, journal: Journal, run: Run, link: connections.Connection, console: Console, home: settings.Home
) -> tuple[ListLook, Refusal | None]:
    """Look at the list before anything is sent; return the looks that follow, and why nothing may be sent now.

    Adopted videos are in the journal when this returns, and their rows are matched anew.
    """
    is_off = wanted.again or run.target.service == domain.LOCAL_SERVICE
    looks = ListLook(is_shared=wanted.is_shared, is_off=is_off)
    if is_off or not history.to_send(journal, run):
        return looks, None
    with run_context.context(journal, link, run, console, show="none", home=home) as context:
        refused = looks.refusal(context, run)
        can_adopt = refused is not None and wanted.adopts and bool(looks.finding.rows)
        if can_adopt and _adopt(wanted, context, run, looks, console):
            matching.share(journal, run)
            refused = looks.judge_again(context, run)
        if refused is not None and can_adopt:
            refused = Refusal(
                f"{looks.finding.count:,} of the {looks.finding.total:,} rows to be sent seem to be rendered already,"
                " and their videos can't be taken over from the list: the texts are not exactly the rows', or the rows"
                " have assets or settings of their own; --accept-videos says that they are not ours",
                hint="bhuman help journal", code="unknown_videos",
            )  # fmt: skip
        if refused is not None and wanted.accepts and looks.finding.is_complete:
            accept(journal, run, looks)
            refused = None
    return looks, refused


def accept(journal: Journal, run: Run, looks: ListLook) -> None:
    """Keep a person's word that what was found is not ours."""
    list_look.accept(journal, run, looks.finding)


def _adopt(wanted: Policy, context: RunContext, run: Run, looks: ListLook, console: Console) -> int:
    """Take over listed videos whose text is exactly that of a row to be sent; return how many.

    Never by a text that was cut off or folded, and never where a record leaves out what tells rows apart.
    """
    journal = context.journal
    spec = run.spec
    if spec.lipsync is not None or spec.generation_mode != "keep_original" or spec.quality:
        console.say("rows with a mode, quality or lip sync of their own are never taken over from the list")
        return 0
    names = targets.respellings(journal, run.target_id)
    wanted_rows: dict[tuple[str, ...], list[tuple[bytes, bytes]]] = {}
    for item in history.rows_to_send(journal, run):
        values, assets = json.loads(item.payload)
        if not any(assets):
            key = spelling.respelled(values, names)
            wanted_rows.setdefault(key, []).append((item.identity, item.text_key))
    records = [record for item in looks.finding.rows if (record := record_writer.read_record(context, item))]
    taken: list[AdoptedGeneration] = []
    for record in sorted(records, key=_best_first):
        if record.text is None or video_list.is_foreign(record, run.target):
            continue
        rows = wanted_rows.get(spelling.respelled(record.text, names), [])
        if rows:
            row_identity, text_key = rows.pop()
            taken.append(AdoptedGeneration(identity=row_identity, text_key=text_key, generation=record))
    if taken and wanted.asks and not console.confirm(f"Take over {len(taken):,} videos of the target's list?"):
        return 0
    adopted = history.adopt(journal, run, taken)
    console.say(f"{adopted:,} videos were taken over from the target's list")
    return adopted


def _best_first(record: Generation) -> int:
    if record.status == Status.SUCCEEDED:
        return 0
    return 2 if record.status == Status.FAILED else 1
