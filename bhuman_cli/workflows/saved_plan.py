"""Plans on disk: written by a dry run for people (csv) or for signing (json), and applied once. Sends nothing."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bhuman_cli import clock, errors, files, sanitize, shell
from bhuman_cli.errors import Refusal
from bhuman_cli.gate import plan_file
from bhuman_cli.gate.plan_file import Here, SavedPlan
from bhuman_cli.journal import comparison, plan_rows
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.plan_rows import PlanRow
from bhuman_cli.journal.runs import Run

_COLUMNS: Final = ("row_index", "line", "plan", "reason", "changed", "earlier_run")
_KEYS: Final = ("email", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a plan says of a row. changed: columns in which it differs from the row of its key that was rendered."""

    row: PlanRow
    reason: str
    changed: tuple[str, ...]
    earlier_run: str


def require_place(path: Path) -> None:
    """Refuse a place for a plan that can't be one.

    Raises:
        UsageError: the ending names no format.
    """
    if path.suffix.lower() not in {".csv", ".json"}:
        hint = shell.join(["--plan-out", str(path.with_suffix(".csv"))])
        raise errors.UsageError(f"--plan-out {path}: the ending picks csv, for people, or json, for signing", hint=hint)


def write(path: Path, journal: Journal, run: Run, *, file: str, row_key: str | None, counts: Mapping[str, Any]) -> None:
    """Write the draft's plan; no cell's value is in it.

    file: the table as it was named. counts: the dry run's `plan`.
    """
    said = _said(journal, run, row_key)
    with files.replacing(path.absolute()) as stream:
        if path.suffix.lower() == ".csv":
            text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
            table = csv.writer(text)
            table.writerow(_COLUMNS)
            for each in said:
                row, changed = each.row, ", ".join(each.changed)
                reason = sanitize.cell(each.reason)
                table.writerow((row.row_index, row.line, row.plan, reason, sanitize.cell(changed), each.earlier_run))
            text.flush()
            text.detach()
        else:
            stream.write(json.dumps(_document(journal, run, said, file=file, counts=counts), indent=1).encode())


def _document(
    journal: Journal, run: Run, said: Iterator[Said], *, file: str, counts: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "schema": plan_file.SCHEMA,
        "plan_id": f"p{secrets.token_hex(8)}",
        "made_at": clock.iso_utc(journal.clock.now()),
        "file": file,
        "target": {"service": run.target.service, "kind": str(run.target.kind), "id": run.target.api_id},
        "journal": plan_rows.known_id(journal),
        "again": run.again,
        "retry_failed": bool(run.options.get("retry_failed")),
        "plan": dict(counts),
        "rows": [
            {
                "row_index": each.row.row_index,
                "line": each.row.line,
                "plan": each.row.plan,
                "identity": each.row.identity.hex(),
                "reason": each.reason,
                "changed": list(each.changed),
                "earlier_run": each.earlier_run or None,
            }
            for each in said
        ],
    }


def _said(journal: Journal, run: Run, row_key: str | None) -> Iterator[Said]:
    before = _rendered_before(journal, run, row_key)
    for row in plan_rows.rows(journal, run):
        changed: tuple[str, ...] = ()
        earlier_run, reason = row.earlier_run, _reason(row)
        if row.plan == "new" and before is not None:
            key, by_key = before
            cells = dict(zip(run.columns, row.cells, strict=False))
            planned = by_key.get(cells.get(key, "").strip())
            if planned is not None:
                earlier, earlier_run = planned
                changed = tuple(name for name in run.columns if name in earlier and earlier[name] != cells.get(name))
                reason = f"changed: {', '.join(changed) or 'other settings'} (rendered in {earlier_run})"
        yield Said(row=row, reason=reason, changed=changed, earlier_run=earlier_run)


def _reason(row: PlanRow) -> str:
    match row.plan:
        case "shared":
            return f"equal to line {row.owner_line}: shows its video"
        case "reused":
            what = {"failed": "paid, and failed; --retry-failed sends it again", "": "sent; not known whether accepted"}
            return what.get(row.status, f"paid before ({row.status})")
        case "retried":
            return "its video failed"
        case "later":
            return "left for another command"
        case "new":
            return "not paid before"
        case _:
            return row.message or ("not selected" if row.plan == "skipped" else row.plan)


def _rendered_before(
    journal: Journal, run: Run, row_key: str | None
) -> tuple[str, dict[str, tuple[Mapping[str, str], str]]] | None:
    """Return the key column, and key → (cells, run) of the rows that were rendered on this target; None without one."""
    rows: list[tuple[Mapping[str, str], str]] = list(comparison.rendered_rows(journal, run))
    if not rows:
        return None
    folded = {"".join(column.split()).replace("_", "").casefold(): column for column in reversed(run.columns)}
    for key in [row_key] if row_key else [folded[name] for name in _KEYS if name in folded]:
        by_key = {cells.get(key, "").strip(): (cells, run_id) for cells, run_id in rows}
        by_key.pop("", None)
        if by_key and (row_key or len(by_key) == sum(bool(cells.get(key, "").strip()) for cells, _ in rows)):
            return key, by_key
    return None


def read(path: Path) -> SavedPlan:
    """Read a plan that is to be applied.

    Raises:
        UsageError: there is none, or it is something else.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise errors.UsageError(f"--apply {path}: {reason}", hint=shell.list_folder(path.parent)) from None
    except (ValueError, RecursionError):
        document = None
    return plan_file.read(document, path.name)


def fit(journal: Journal, run: Run, plan: SavedPlan, longest_s: float | None) -> tuple[int, Refusal | None]:
    """Leave every row that the plan does not name for another command; return how many, or why it does not fit."""
    target = (run.target.service, str(run.target.kind), run.target.api_id)
    here = Here(
        now=journal.clock.now(),
        target=target,
        journal=plan_rows.journal_id(journal),
        identities=plan_rows.identities_to_send(journal, run),
        is_used=plan_rows.is_applied(journal, plan.plan_id),
        longest=timedelta(seconds=longest_s) if longest_s is not None else plan_file.LONGEST,
    )
    if refusal := plan_file.misfit(plan, here):
        return 0, refusal
    return plan_rows.keep_only(journal, run, plan.identities), None


def lifts(refusals: Sequence[Refusal]) -> list[Refusal]:
    """Return the refusals that a plan does not stand for: a person saw its rows, their number and their changes."""
    return [one for one in refusals if one.code not in {"over_max_rows", "variables_changed", "source_shrank"}]
