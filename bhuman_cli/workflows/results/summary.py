"""Summary of a run that has ended: counts, failures by reason, files, the next command. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli import amounts, domain, sanitize
from bhuman_cli.domain import Status

SUPPORT_CODE: Final = "BH-RENDER-FAILED"
MAX_REASONS: Final = 5
MAX_REASON_LENGTH: Final = 160

_BAD: Final = (Status.FAILED, Status.REJECTED, Status.INVALID, Status.IN_DOUBT)
_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Rows that ended badly in the same way. lines: where they stand, as the spreadsheet shows it.

    support: names of failed renders that the service's people ask for.
    """

    status: str
    text: str
    lines: tuple[int, ...]
    support: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a person wants to know at the end of a run. cost: what was spent, and in which time. notes: what goes on."""

    counts: Mapping[str, int]
    reasons: tuple[Reason, ...]
    files: tuple[str, ...] = ()
    next_command: str = ""
    support_command: str = ""
    cost: str = ""
    notes: tuple[str, ...] = ()


def summarize(rows: Iterable[Mapping[str, str]], *, files: Sequence[str] = (), next_command: str = "") -> Summary:
    """Return the summary of result rows (mappings of the result columns and `line`), nearest to money first."""
    counts: Counter[str] = Counter()
    groups: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for fields in rows:
        status = fields["status"]
        counts[status] += 1
        if status in _BAD:
            # The same reason with other digits (sizes, line numbers, ids) is the same reason.
            message = sanitize.sentence(fields["message"], limit=MAX_REASON_LENGTH)
            groups.setdefault((status, _NUMBERS.sub("#", message)), []).append(fields)
    reasons = sorted((_reason(status, group) for (status, _), group in groups.items()), key=_weight)
    return Summary(counts=counts, reasons=tuple(reasons), files=tuple(files), next_command=next_command)


def lines(summary: Summary) -> list[str]:
    """Return the summary as lines of plain text: no markup, nothing a terminal obeys."""
    said = [f"{_counted(summary.counts)}{summary.cost}"]
    for reason in summary.reasons[:MAX_REASONS]:
        said.append(f"  {reason.status}: {reason.text or 'no reason was given'} · {line_numbers(reason.lines)}")
        if reason.support:
            said.append(f"    support code {SUPPORT_CODE} {', '.join(reason.support)}")
    if summary.support_command and any(reason.support for reason in summary.reasons):
        where = f"whole ids stand in {summary.files[0]}; " if summary.files else ""
        said.append(f"    {where}for the service's support: {summary.support_command}")
    rest = summary.reasons[MAX_REASONS:]
    if rest:
        more = sum(len(reason.lines) for reason in rest)
        said.append(f"  and {more} more rows for {len(rest)} other reasons: see the column `message`")
    said += [f"{'results' if not place else 'files'}: {file}" for place, file in enumerate(summary.files)]
    said += summary.notes
    if summary.next_command:
        said.append(f"next: {summary.next_command}")
    return said


def line_numbers(lines: Sequence[int], *, limit: int = 8) -> str:
    """Return numbers of lines with runs as ranges, `lines 2-5, 9`, cut after limit ranges."""
    ranges: list[list[int]] = []
    for number in sorted(set(lines)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in ranges[:limit]]
    more = sum(last - first + 1 for first, last in ranges[limit:])
    return f"{amounts.plural(len(lines), 'line')} {', '.join(shown)}" + (f" and {more} more" if more else "")


def _reason(status: str, group: Sequence[Mapping[str, str]]) -> Reason:
    failed = [fields for fields in group if fields["id"]] if status == Status.FAILED else []
    names = [fields.get("execution_name") or domain.short_id(fields["id"]) for fields in failed]
    return Reason(
        status=status,
        text=sanitize.sentence(group[0]["message"], limit=MAX_REASON_LENGTH),
        lines=tuple(int(fields["line"]) for fields in group),
        support=tuple(sanitize.sentence(name, limit=MAX_REASON_LENGTH) for name in names[:3]),
    )


def _weight(reason: Reason) -> tuple[int, int, int]:
    """Order by nearness to money, then by size."""
    nearness = Status.IN_DOUBT, Status.FAILED, Status.REJECTED, Status.INVALID
    return nearness.index(Status(reason.status)), -len(reason.lines), reason.lines[0]


def _counted(counts: Mapping[str, int]) -> str:
    order = [status for status in Status if counts.get(status)]
    others = [status for status in counts if status not in set(Status)]
    total = sum(counts.values())
    parts = [f"{counts[status]} {status.replace('_', ' ')}" for status in [*order, *others]]
    return f"{amounts.show(total, 'row')}: {', '.join(parts) or 'none'}"
