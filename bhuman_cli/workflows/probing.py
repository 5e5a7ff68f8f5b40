"""Probe of the asset addresses that a plan would send, told row by row like a check. Sends no row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bhuman_cli.domain import Background
from bhuman_cli.journal import comparison
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.net import addresses
from bhuman_cli.terminal.console import Console

if TYPE_CHECKING:
    from bhuman_cli.table.checks.problems import ProblemLog

_EVERY: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """What is asked, and how. columns: of the assets, in the order of the backgrounds. skips: bad rows are left out."""

    backgrounds: Sequence[Background]
    columns: Sequence[str]
    policy: addresses.Policy
    skips: bool


def probe(journal: Journal, run: Run, options: ProbeOptions, log: ProblemLog, console: Console) -> None:
    """Ask every address once; add what is wrong to the log, and leave such rows out where that was asked for."""
    from bhuman_cli.delivery import asset_probe
    from bhuman_cli.table.checks import problems

    rows = list(comparison.assets_to_send(journal, run))
    kinds = [background.kind for background in options.backgrounds]
    wanted = [(url, kind) for _, _, assets in rows for url, kind in zip(assets, kinds, strict=False) if url]

    def report(count: int) -> None:
        if count % _EVERY == 0:
            console.say(f"{count:,} addresses asked")

    findings = asset_probe.probe(wanted, options.policy, report)
    left_out: dict[int, str] = {}
    for row_index, line, assets in rows:
        for url, kind, column in zip(assets, kinds, options.columns, strict=False):
            if (finding := findings.get((url, kind))) is None:
                continue
            severity: Literal["error", "warning"] = "error" if finding.is_error else "warning"
            log.add(
                problems.Problem(
                    row_index=row_index, line=line, column=column, rule=finding.rule, severity=severity
                )
            )  # fmt: skip
            if finding.is_error:
                left_out.setdefault(row_index, f"{column}: {finding.rule}")
    if options.skips:
        for row_index, message in left_out.items():
            comparison.leave_out(journal, run, [row_index], message, state="invalid")
