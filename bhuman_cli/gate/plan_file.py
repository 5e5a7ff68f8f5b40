"""Plans that are applied later: what a plan says, and why one does not fit what is here now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bhuman_cli.errors import Refusal, UsageError

SCHEMA: Final = "bhuman.plan/1"
LONGEST: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan as it was written. target: service, kind and id. journal: its random id, "" where there was none yet.

    identities: of the rows that it would pay for, once each.
    """

    plan_id: str
    made_at: datetime
    target: tuple[str, str, str]
    journal: str
    again: bool
    retry_failed: bool
    identities: frozenset[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What a plan is applied to. identities: of the rows that would be paid for now. is_used: it was applied before."""

    now: datetime
    target: tuple[str, str, str]
    journal: str
    identities: Collection[bytes]
    is_used: bool
    longest: timedelta = LONGEST


def read(document: Any, name: str) -> SavedPlan:
    """Read a plan's document.

    Raises:
        UsageError: it is none.
    """
    try:
        if document["schema"] != SCHEMA:
            raise ValueError
        target: Mapping[str, str] = document["target"]
        made_at = datetime.fromisoformat(document["made_at"])
        if made_at.tzinfo is None:
            raise ValueError
        paid = [row for row in document["rows"] if row["plan"] in {"new", "retried"}]
        return SavedPlan(
            plan_id=str(document["plan_id"]),
            made_at=made_at,
            target=(str(target["service"]), str(target["kind"]), str(target["id"])),
            journal=str(document["journal"]),
            again=bool(document["again"]),
            retry_failed=bool(document["retry_failed"]),
            identities=frozenset(bytes.fromhex(row["identity"]) for row in paid),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(f"{name} is no plan; make one: bhuman render FILE --dry-run --plan-out plan.json") from None


def misfit(plan: SavedPlan, here: Here) -> Refusal | None:
    """Return why a plan may not be applied, None where it fits."""
    if plan.target != here.target:
        return _refusal("the plan was made for another campaign, instance or service", "plan_other_target")
    if plan.journal and plan.journal != here.journal:
        return _refusal("the plan was made from another journal", "plan_other_journal")
    if here.is_used:
        return _refusal("the plan was applied already; `bhuman resume` sends what it left", "plan_used")
    age = here.now - plan.made_at
    if age > here.longest or age < -timedelta(minutes=5):
        return _refusal(f"the plan was made {plan.made_at:%Y-%m-%d %H:%M} UTC, too long ago", "plan_expired")
    missing = plan.identities - set(here.identities)
    if missing:
        return _refusal(
            f"{len(missing):,} of the plan's {len(plan.identities):,} videos are not to be paid any more: their rows"
            " are gone or edited, or were paid meanwhile",
            "plan_changed",
        )
    return None


def _refusal(message: str, code: str) -> Refusal:
    return Refusal(f"{message}; nothing was sent", hint="--dry-run", code=code)
