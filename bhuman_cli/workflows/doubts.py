"""Owns what a person is told before deciding about a request in doubt. Decides and changes nothing."""

from __future__ import annotations

from typing import Final

from bhuman_cli import domain
from bhuman_cli.domain import TargetKind
from bhuman_cli.journal import chunks, generations
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.planning import Run
from bhuman_cli.terminal.console import Console

_APP: Final = {
    TargetKind.CAMPAIGN: "https://app.bhuman.ai/campaign/generatedVideos/",
    TargetKind.INSTANCE: "https://app.bhuman.ai/instance/",
}


def explain_doubts(journal: Journal, run: Run, console: Console) -> None:
    """Say what is at stake, what is known, what was looked at, and the two ways out."""
    for chunk in chunks.unsettled(journal, run.target_id):
        rows = sum(fact.generation_id is None for fact in generations.chunk_facts(journal, chunk.chunk_id))
        console.say(f"in doubt: {rows} rows of a request sent {chunk.sending_at or 'at an unknown time'} (UTC)")
        console.say(f"  {chunk.reason or 'no reason is known'}")
    conflicts = generations.tally(journal, run).get("in_doubt", 0)
    console.say(
        f"  {conflicts} rows of this run show `in_doubt`; looked at: the stored answers, the list if it is open"
    )
    if run.target.service != domain.LOCAL_SERVICE:
        console.say(f"  look whether their videos are there: {_APP[run.target.kind]}{run.target.api_id}")
    console.say(f"  not there:  bhuman resume {run.run_id} --in-doubt resend    (pays again if they were accepted)")
    console.say(f"  give up:    bhuman resume {run.run_id} --in-doubt abandon")
