"""Deletion of a run: its values, links and raw answers; its payments only where a person insists."""

from __future__ import annotations

import contextlib

from bhuman_cli import errors
from bhuman_cli.config import settings
from bhuman_cli.journal import forget, history, runs
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context


def delete(
    home: settings.Home, console: Console, run_id: str, *, forget_payments: bool, confirm: str | None, yes: bool
) -> None:
    """Forget a run's values, or its payments as well, and say so. confirm: the run's id, typed by a person.

    Raises:
        UsageError: there is no such run, or its values are still needed. Declined, Refusal: a person says no.
    """
    with contextlib.closing(run_context.open_journal(home)) as journal:
        run = runs.find(journal, run_id)
        if not history.summarize(journal, run).is_finished and run.state == "confirmed" and not forget_payments:
            raise errors.UsageError(
                f"run {run.run_id} is not finished; its values are still needed", hint=f"bhuman resume {run.run_id}"
            )
        _require_yes(console, run, confirm=confirm, yes=yes, forget_payments=forget_payments)
        # A person takes their time to answer; the lock, and what is on the wire, are looked at afterwards.
        with run_context.with_lock(home, run.target, console, wait_s=0.0, asks=False):
            run = runs.find(journal, run_id)
            ids = forget.generation_ids(journal, run)
            if forget_payments:
                kept = forget.forget_payments(journal, run)
            else:
                forget.forget_values(journal, run)
        _forget_callbacks(home, ids)
    if not forget_payments:
        console.say(f"the values of run {run.run_id} are forgotten; what was paid stays known")
        return
    console.say(f"run {run.run_id} and its payments are forgotten")
    if kept:
        console.say(f"{kept:,} of its videos stay known: runs that are kept show them")


def _require_yes(console: Console, run: runs.Run, *, confirm: str | None, yes: bool, forget_payments: bool) -> None:
    """Ask, where somebody can be asked.

    Raises:
        Refusal: the answer is no.
    """
    if not forget_payments:
        if not yes and console.is_interactive() and not console.confirm(f"Forget the values of run {run.run_id}?"):
            raise errors.Declined("nothing was forgotten")
        return
    typed = confirm
    if typed is None and console.is_interactive():
        typed = console.ask(f"Its videos will be paid again. Type {run.run_id} to forget them: ")
    if typed != run.run_id:
        raise errors.Refusal("not confirmed; nothing was forgotten", hint=f"--confirm {run.run_id}")


def _forget_callbacks(home: settings.Home, ids: list[str]) -> None:
    from bhuman_cli.callbacks import store

    path = home.state / store.NAME
    if path.is_file():
        with contextlib.closing(store.EventStore.open(path)) as events:
            events.forget(ids)
