"""The plan as it is shown, and the question before money is spent. Does not decide what must be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bhuman_cli import amounts, domain, errors, shell
from bhuman_cli.domain import Target
from bhuman_cli.errors import Refusal
from bhuman_cli.gate import changes
from bhuman_cli.gate import refusals as order
from bhuman_cli.journal.planning import PlanCounts
from bhuman_cli.terminal.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a person sees before it costs anything.

    unit_cost: the user's own estimate, None if there is none. sample: rows to send before the others, None for all.
    sends, keeps: columns. private: of the former, those that few videos say. example: line and values of one row.
    changed: columns that are not what was paid, with the rows that each touches.
    callback: whom the service tells of each video, and who said so. refusals: why it would not go as it stands.
    """

    counts: PlanCounts
    chunk_size: int
    target: Target
    service: str
    account: str
    journal: Path | None
    output: Path
    unit_cost: float | None
    sample: int | None = None
    quality: str | None = None
    profile: str = ""
    target_name: str = ""
    sends: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    example: tuple[int, tuple[str, ...]] | None = None
    callback: tuple[str, str] | None = None
    refusals: tuple[Refusal, ...] = ()
    changed: Mapping[str, int] = field(default_factory=dict)

    @property
    def cost_rows(self) -> int:
        """Return the rows that would be paid."""
        return self.counts.new + self.counts.retried

    @property
    def requests(self) -> int:
        """Return the requests it takes, if none is refused; a sample goes in requests of its own."""
        rest = self.cost_rows - self.first_rows
        return sum(-(-rows // self.chunk_size) for rows in (self.first_rows, rest))

    @property
    def first_rows(self) -> int:
        """Return the rows that are paid before anybody is asked again."""
        return self.cost_rows if self.sample is None else self.sample

    def as_json(self) -> dict[str, Any]:
        """Return the `plan` of a dry run; it holds no values."""
        return {
            **self.counted(),
            "sends": list(self.sends),
            "keeps": list(self.keeps),
            "refusals": [refusal.as_json() for refusal in self.refusals],
        }

    def counted(self) -> dict[str, int]:
        """Return how many of each."""
        counts = self.counts
        return {
            "new": counts.new,
            "reused": counts.reused,
            "retried": counts.retried,
            "shared": counts.shared,
            "later": counts.later,
            "requests": self.requests,
        }


def show(plan: Plan, console: Console) -> None:
    """Say what would be done, and where."""
    if plan.cost_rows:
        console.tell_news()
    console.event("plan", **plan.counted())
    counts = plan.counts
    if counts.reused and not (plan.cost_rows or counts.in_doubt or counts.later or counts.invalid or plan.refusals):
        rows = counts.reused + counts.shared
        console.say(f"{'The row was' if rows == 1 else f'All {rows:,} rows were'} sent before; nothing new is paid.")
        return
    parts = [f"{counts.new:,} new", f"{counts.reused:,} reused"]
    parts += [f"{counts.retried:,} retried"] if counts.retried else []
    parts += [f"{counts.in_doubt:,} in doubt (not sent)"] if counts.in_doubt else []
    parts += [f"{counts.shared:,} shared"] if counts.shared else []
    parts += [f"{counts.later:,} later"] if counts.later else []
    parts += [f"{counts.invalid:,} invalid"] if counts.invalid else []
    requests = amounts.show(plan.requests, "request")
    console.say(f"plan: {', '.join(parts)} rows in {requests}")
    if counts.shared:
        videos = counts.new + counts.retried + counts.reused + counts.in_doubt
        console.say(f"  {videos + counts.shared:,} rows, {videos:,} videos: equal rows show the same one")
    if plan.changed:
        console.say(f"  changed since they were rendered: {changes.listed(plan.changed)}")
    target = "not named yet" if plan.target.api_id == domain.NO_TARGET else domain.short_id(plan.target.api_id)
    named = f"“{plan.target_name}” ({target})" if plan.target_name else target
    console.say(f"  {plan.target.kind} {named} {_payer(plan)}")
    _show_columns(plan, console)
    if plan.callback is not None:
        console.say(f"  each finished video is told to {plan.callback[0]} ({plan.callback[1]})")
    console.say(f"  results {plan.output}")
    if plan.quality == "premium" and plan.cost_rows:
        console.say("  premium quality: each of these videos costs double")
    if plan.unit_cost is not None and plan.cost_rows:
        console.say(f"  about {plan.unit_cost * plan.cost_rows:,.2f} by your own unit_cost of {plan.unit_cost:g} a row")


def _payer(plan: Plan) -> str:
    """Say where it is rendered, and who pays."""
    if plan.service == domain.LOCAL_SERVICE:
        return "rendered on this machine"
    account = f", as {'' if ' ' in plan.account else 'key '}{plan.account}" if plan.account else ""
    profile = f", profile {plan.profile}" if plan.profile not in {"", "default"} else ""
    return f"on {plan.service}{account}{profile}"


def _show_columns(plan: Plan, console: Console) -> None:
    if plan.sends:
        console.say(f"  sent: {', '.join(plan.sends)}")
    if plan.keeps:
        console.say(f"  kept here: {', '.join(plan.keeps)}")
    if plan.private and plan.cost_rows:
        listed = shell.quote(",".join(plan.private))
        console.say(f"  {', '.join(plan.private)} would be sent, too; --exclude {listed} keeps that here")
    if plan.example is not None and console.is_interactive():  # the only place where values are shown
        line, values = plan.example
        shown = ", ".join(f"{name} = {value}" for name, value in zip(plan.sends, values, strict=False))
        console.say(f"  as line {line}: {shown}")


def settle(refusals: Sequence[Refusal], plan: Plan, console: Console, *, asks: bool) -> None:
    """Ask about each refusal where a person can be asked; raise the first one elsewhere. A cap is never asked about.

    Raises:
        Refusal: nobody could be asked, or the answer was no.
    """
    ordered = order.in_order(refusals)
    lifted_by_nobody = [refusal for refusal in ordered if not asks or refusal.code in order.UNASKED]
    if lifted_by_nobody:
        for refusal in ordered[1:]:
            console.say(f"also: {refusal.message}")
        raise ordered[0]
    for refusal in ordered:
        if not console.confirm(f"{refusal.message}. Go on?"):
            raise errors.Declined("nothing was sent")
    many = f"{plan.cost_rows:,}"
    if plan.first_rows < plan.cost_rows:
        many = f"a sample of {plan.first_rows:,} of {many}"
    if asks and plan.first_rows and not console.confirm(f"Submit {many} rows to {plan.service} and pay for them?"):
        raise errors.Declined("nothing was sent")
