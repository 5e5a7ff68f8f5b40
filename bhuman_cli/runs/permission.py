"""Permission to send the next request: what the journal counts, put to the gate before every one.

The gate decides; here is only who is asked for what, and what is kept of the answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from bhuman_cli import amounts
from bhuman_cli.domain import MAX_ROWS_PER_REQUEST
from bhuman_cli.errors import Refusal
from bhuman_cli.gate import allowance, pacing
from bhuman_cli.gate.allowance import Budget, Room, Spent
from bhuman_cli.gate.pacing import Brake, Pace, Send, Traffic, Wait
from bhuman_cli.journal import traffic
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run

_SHOWN_REASONS: Final = 3
_SHOWN_LINES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetScope:
    """A budget and what it counts: the videos of one campaign or one profile, None for all."""

    budget: Budget
    api_id: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What one command's requests have to ask before they go. zone: where days begin."""

    pace: Pace
    budgets: Sequence[BudgetScope] = ()
    zone: tzinfo | None = None

    def ask(self, journal: Journal, run: Run) -> Send | Wait | Brake:
        """Return whether the next request may go, and how large it may be. A brake that acts now is kept."""
        counted = traffic.counts(journal, run, last=pacing.LAST_VIDEOS)
        decision = pacing.decide(self.pace, Traffic(**{name: getattr(counted, name) for name in _COUNTED}))
        if isinstance(decision, Send) and decision.ends_first:
            traffic.set_first_rows(journal, run, None)
        if isinstance(decision, Brake) and decision.is_new:
            traffic.brake(journal, run, decision.reason)
        return decision

    def room(self, journal: Journal) -> Room | None:
        """Return how many more videos the narrowest budget allows; None where no budget holds."""
        if not self.budgets:
            return None
        now, zone = journal.clock.now(), self.zone or allowance.zone(None)
        day, month = allowance.day_start(now, zone), allowance.month_start(now, zone)

        def spent(scope: BudgetScope) -> Spent:
            return Spent(
                today=traffic.sent_since(journal, day, api_id=scope.api_id, profile=scope.profile),
                this_month=traffic.sent_since(journal, month, api_id=scope.api_id, profile=scope.profile),
            )

        return allowance.room([(scope.budget, spent(scope)) for scope in self.budgets], now, zone)


def unlimited() -> Permission:
    """Return the permission of runs that cost nothing."""
    return Permission(pace=Pace(chunk_size=MAX_ROWS_PER_REQUEST))


_COUNTED: Final = tuple(field.name for field in dataclasses.fields(Traffic))


def brake_words(journal: Journal, run: Run, reason: str) -> str:
    """Return why the brake acted, with the service's reasons and the lines of their rows."""
    reasons = traffic.failed_reasons(journal, run.target_id, pacing.LAST_VIDEOS)
    parts = []
    for words, lines in reasons[:_SHOWN_REASONS]:
        listed = ", ".join(str(line) for line in sorted(lines)[:_SHOWN_LINES])
        more = ", …" if len(lines) > _SHOWN_LINES else ""
        parts.append(f"{words} ({amounts.plural(len(lines), 'line')} {listed}{more})" if lines else words)
    return f"{reason}{': ' if parts else ''}{'; '.join(parts)}"


def too_many_failures(journal: Journal, run: Run, reason: str = "too many of this target's videos failed") -> Refusal:
    """Return the refusal of a target that the brake holds."""
    return Refusal(
        f"{brake_words(journal, run, reason)}; nothing more is sent until a person accepts that",
        hint="--accept-failures",
        code="too_many_failures",
    )
