"""What the gate asks a command's settings for: its pace, its budgets, what it takes, whose key pays. Sends nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from bhuman_cli import domain, errors, shell
from bhuman_cli.config import credential_store, credentials, settings
from bhuman_cli.config.credentials import Credentials
from bhuman_cli.errors import Refusal
from bhuman_cli.gate import allowance, pacing
from bhuman_cli.gate.allowance import Budget
from bhuman_cli.gate.pacing import Pace
from bhuman_cli.journal import chunks, comparison, history, traffic
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.permission import BudgetScope, Permission, unlimited
from bhuman_cli.runs.submit import Ending
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.session import Session


def permission(run: Run, home: settings.Home, journal: Journal, console: Console, *, chunk_size: int) -> Permission:
    """Return what the run's requests have to ask before they go: as stored with the run, and the user's budgets."""
    if run.target.service == domain.LOCAL_SERVICE:
        return unlimited()
    in_flight = run.options.get("in_flight")
    return Permission(
        pace=Pace(
            chunk_size=chunk_size,
            in_flight=int(in_flight) if in_flight else None,
            max_failures=pacing.read_max_failures(str(run.options.get("max_failures") or pacing.DEFAULT_MAX_FAILURES)),
        ),
        budgets=_budgets(run, home),
        zone=_zone(home, journal, console),
    )


def _budgets(run: Run, home: settings.Home) -> tuple[BudgetScope, ...]:
    own = settings.user_values(home, "")
    of_all = own.get("budget") or {}
    scopes = [BudgetScope(budget=_budget("budget", of_all))]
    if of_campaign := of_all.get(run.target.api_id):
        name = f"budget of {run.target.kind} {domain.short_id(run.target.api_id)}"
        scopes.append(BudgetScope(budget=_budget(name, of_campaign), api_id=run.target.api_id))
    profiles = own.get("profiles") or {}
    if of_profile := profiles.get(run.profile, {}).get("budget"):
        name = f"budget of profile {run.profile}"
        scopes.append(BudgetScope(budget=_budget(name, of_profile), profile=run.profile))
    return tuple(scope for scope in scopes if scope.budget.per_day is not None or scope.budget.per_month is not None)


def _budget(name: str, table: Mapping[str, Any]) -> Budget:
    return Budget(
        name=name,
        per_day=table.get("rows_per_day"),
        per_month=table.get("rows_per_month"),
        later=table.get("when_over") == "later",
    )


def _zone(home: settings.Home, journal: Journal, console: Console) -> tzinfo:
    """Return the time zone in which days are counted; a journal that several machines share keeps the first."""
    named = settings.user_values(home, "").get("timezone")
    if not named:
        return allowance.zone(None)
    stored = traffic.fact(journal, "timezone", str(named))
    if stored != named:
        console.say(f"days are counted in {stored}, as this journal began, and not in {named}")
    return allowance.zone(stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The other files of a command. input_paths: as the journal calls them. submitted: their videos, by now."""

    input_paths: frozenset[str] = frozenset()
    submitted: int = 0


def take(journal: Journal, run: Run, text: str | None, zone: tzinfo | None, beside: Beside) -> int:
    """Leave what `--take` does not allow for another command; return how many videos are left."""
    if text is None:
        return 0
    wanted = allowance.read_take(text)
    since = allowance.day_start(journal.clock.now(), zone or allowance.zone(None))
    sent = traffic.sent_of_files_since(journal, run, since, beside.input_paths) if wanted.is_daily else 0
    return traffic.defer(journal, run, wanted.videos - max(sent, beside.submitted))


def within_budget(journal: Journal, run: Run, permitted: Permission, cost: int) -> tuple[int, Refusal | None]:
    """Leave what the budget does not allow for another day, or refuse; return how many videos are left."""
    room = permitted.room(journal)
    if not cost or room is None or cost <= room.videos:
        return 0, None
    if room.budget.later:
        return traffic.defer(journal, run, room.videos, of="('new', 'retried')"), None
    return 0, Refusal(allowance.says(room, cost), hint="", code="over_budget")


def suppress_again(journal: Journal, run: Run, console: Console) -> None:
    """Read the run's opt-out lists once more, and leave out who is on them by now.

    Raises:
        Refusal: a list is not there: that must never mean that nobody opted out.
    """
    paths = [Path(path) for path in run.options.get("suppress") or ()]
    if not paths:
        return
    from bhuman_cli.table import row_filter

    chunks.release_planned(journal, run.target_id)
    on = run.options.get("on")
    try:
        rows = comparison.cells_to_send(journal, run)
        suppressed = row_filter.suppressed_rows(rows, run.columns, paths, str(on) if on else None)
    except errors.UsageError as error:
        raise Refusal(f"{error.message}; nothing is sent without it", code="suppression_unreadable") from None
    if suppressed:
        comparison.leave_out(journal, run, suppressed, row_filter.SUPPRESSED)
        console.say(f"{len(suppressed):,} rows are left out: they are on an opt-out list by now")


def set_first_rows(journal: Journal, run: Run, asked: int | None, *, has_sample: bool) -> None:
    """Decide how many of the run's videos are sent alone before the others."""
    if run.target.service == domain.LOCAL_SERVICE or has_sample:
        return
    first = pacing.first_rows(
        asked,
        has_succeeded=traffic.has_succeeded(journal, run.target_id),
        waiting=traffic.waiting(journal, run, whole_target=True),
    )
    traffic.set_first_rows(journal, run, first)


def record_logout(session: Session) -> None:
    """Keep that a person took the profile's key away on purpose: what it began may go on with another one."""
    with contextlib.suppress(errors.BhumanError):
        stored = credential_store.load(session.home, session.profile, service=session.service)
        if stored is None or not stored.basic or not run_context.has_journal(session.home):
            return
        key_id = Credentials(basic=stored.basic, source="").key_id
        with contextlib.closing(run_context.open_journal(session.home)) as journal:
            traffic.fact(journal, _logged_out(session.service, key_id), journal.now())


def _logged_out(service: str, key_id: str) -> str:
    return f"logged out: {service} {key_id}"


def require_same_account(journal: Journal, run: Run, stored: Credentials, console: Console, *, accepts: bool) -> None:
    """Refuse to send a run's rest with another key than it was begun with: another account may pay for it.

    Raises:
        Refusal: it is another one, and nobody said so.
    """
    if not run.key_id or stored.key_id == run.key_id or run.state != "confirmed" or not history.to_send(journal, run):
        return
    before, now = credentials.shown(run.key_id), credentials.shown_id(stored) or "a bearer token"
    said = f"run {run.run_id} was begun with key {before} (profile {run.profile or 'default'}), and this is {now}"
    is_gone = traffic.has_fact(journal, _logged_out(run.target.service, run.key_id))
    if is_gone or run.stopped.startswith(str(Ending.CREDENTIALS)) or accepts:
        console.say(said)
        return
    rows = len(comparison.cells_to_send(journal, run))
    raise Refusal(
        f"{said}; to pay for its {rows:,} rows with it: --accept-account",
        hint=f"bhuman whoami --profile {shell.quote(run.profile or 'default')}",
        code="other_account",
    )
