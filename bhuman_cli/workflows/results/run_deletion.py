"""Deletion of runs from the local history: values, links and raw answers go, what was paid stays known.

Never deletes what a run that is kept shows, nor a run of which a request may have been accepted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bhuman_cli import errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.journal import forget, history, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.results import run_lookup

SCHEMA: Final = "bhuman.runs-delete/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionOptions:
    """How runs are deleted. confirm: the id of the one run whose payments are forgotten as well."""

    forget_payments: bool = False
    confirm: str | None = None
    yes: bool = False


def delete(home: settings.Home, names: Sequence[str], options: DeletionOptions, console: Console) -> None:
    """Delete the runs that ids, starts of ids or files name, after one question for all.

    Raises:
        UsageError: one is not there, or is not finished. Refusal: nobody could be asked, or one may have been paid.
        Declined: the answer was no.
    """
    with contextlib.closing(run_context.open_journal(home)) as journal:
        chosen = [run_lookup.named(journal, name) for name in names]
        for run in chosen:
            is_open = run.state == "confirmed" and not history.summarize(journal, run).is_finished
            if is_open and not options.forget_payments:
                raise errors.UsageError(
                    f"run {run.run_id} is not finished; its values are still needed", hint=f"bhuman resume {run.run_id}"
                )
        _require_yes(console, chosen, options)
        for run in chosen:
            _delete(home, journal, run, options, console)
    _print(console, [run.run_id for run in chosen], options)


def prune(home: settings.Home, older_than_s: float, options: DeletionOptions, console: Console) -> None:
    """Delete every finished run that began longer ago, after one question for all.

    Raises:
        Refusal: nobody could be asked, or one may have been paid. Declined: the answer was no.
    """
    with contextlib.closing(run_context.open_journal(home)) as journal:
        oldest = SystemClock().now() - timedelta(seconds=older_than_s)
        names = [
            item.run.run_id
            for item in history.list_runs(journal)
            if item.is_finished and not item.is_forgotten and datetime.fromisoformat(item.run.created_at) < oldest
        ]
    if not names:
        console.say("there are no finished runs of that age")
        _print(console, [], options)
        return
    delete(home, names, options, console)


def _print(console: Console, run_ids: list[str], options: DeletionOptions) -> None:
    if console.json_mode:
        console.out_json({"schema": SCHEMA, "run_ids": run_ids, "payments_forgotten": options.forget_payments})


def _delete(home: settings.Home, journal: Journal, run: runs.Run, options: DeletionOptions, console: Console) -> None:
    from bhuman_cli.callbacks import store

    # A person takes their time to answer; the lock, and what is on the wire, are looked at afterwards.
    with run_context.with_lock(journal, home, run.target, console, wait_s=0.0, asks=False):
        run = runs.find(journal, run.run_id)
        ids = forget.generation_ids(journal, run)
        shared = forget.forget_payments(journal, run) if options.forget_payments else 0
        if not options.forget_payments:
            forget.forget_values(journal, run)
    with contextlib.closing(store.EventStore.beside(journal)) as events:
        events.forget(ids)
    if not options.forget_payments:
        console.say(f"deleted run {run.run_id}: its values and links are gone; what was paid stays known")
        return
    console.say(f"deleted run {run.run_id} and what it paid for")
    if shared:
        console.say(f"{shared:,} of its videos stay known: runs that are kept show them")


def _require_yes(console: Console, chosen: Sequence[runs.Run], options: DeletionOptions) -> None:
    if options.forget_payments:
        _require_id(console, chosen, options)
        return
    if options.yes:
        return
    named = ", ".join(f"{run.run_id} ({run.input_name})" for run in chosen)
    if not console.is_interactive():
        raise errors.Refusal(f"add --yes to delete {named}", hint="--yes", code="not_confirmed")
    if not console.confirm(f"Delete the values and links of {named}?"):
        raise errors.Declined("nothing was deleted")


def _require_id(console: Console, chosen: Sequence[runs.Run], options: DeletionOptions) -> None:
    """Require the run's id, typed in full: a later render of its rows pays again."""
    if len(chosen) != 1:
        raise errors.UsageError("--forget-payments takes one run at a time", hint="bhuman runs delete --help")
    typed = options.confirm
    if typed is None and console.is_interactive():
        typed = console.ask(f"Its videos will be paid again. Type {chosen[0].run_id} to forget them: ")
    if typed != chosen[0].run_id:
        raise errors.Refusal("not confirmed; nothing was deleted", hint=f"--confirm {chosen[0].run_id}")
