"""Support bundle of a run: JSON and readable text about rows that ended badly, without recipients' values."""

from __future__ import annotations

import contextlib
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bhuman_cli import __version__, clock, files, sanitize
from bhuman_cli.journal import support
from bhuman_cli.journal.support import Attempt, Troubled
from bhuman_cli.terminal import console
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.results.run_lookup import RunResults
from bhuman_cli.workflows.session import Session

SCHEMA: Final = "bhuman.support/1"
HIDDEN: Final = "[value]"
_SHORTEST: Final = 2
"""Letters below which a cell says nothing of a person and would only make the words unreadable."""
_WORD: Final = 5


def write(session: Session, run: RunResults, path: Path) -> dict[str, Any]:
    """Write `path` (JSON) and the text of the same name beside it; return the document."""
    with contextlib.closing(run_context.open_journal(session.home)) as journal:
        rows = support.troubled(journal, run.run)
    document = {
        "schema": SCHEMA,
        "run_id": run.run.run_id,
        "service": run.run.target.service,
        "target": {f"{run.run.target.kind}_id": run.run.target.api_id},
        "created_at": run.run.created_at,
        "written_at": clock.iso_utc(clock.SystemClock().now()),
        "program": f"bhuman {__version__}",
        "platform": f"Python {platform.python_version()} on {platform.system()}",
        "variables": len(run.run.spec.variables),
        "rows": [_row(item) for item in rows],
    }
    with files.replacing(path) as stream:
        stream.write(console.as_json(document, indent=2).encode() + b"\n")
    with files.replacing(path.with_suffix(".txt")) as stream:
        stream.write(("\n".join(_lines(document)) + "\n").encode())
    return document


def _row(item: Troubled) -> dict[str, Any]:
    return {
        "row_index": item.row_index,
        "line": item.line,
        "status": item.status,
        "message": hidden(item.message, item.cells),
        "sent": sum(bool(attempt.sent_at) for attempt in item.attempts),
        "attempts": [_attempt(attempt, item.cells) for attempt in item.attempts],
    }


def _attempt(attempt: Attempt, cells: Sequence[str]) -> dict[str, Any]:
    return {
        "id": attempt.id or None,
        "execution_name": attempt.execution_name or None,
        "status": attempt.status or None,
        "sent_at": attempt.sent_at or None,
        "answered_at": attempt.answered_at or None,
        "http_status": attempt.http_status,
        "request": attempt.request_state,
        "statuses": [{"status": status, "at": at or None} for status, at in attempt.seen],
        "message": hidden(attempt.message or attempt.reason, cells),
    }


def hidden(text: str, cells: Sequence[str]) -> str:
    """Return the service's words without the recipient's values, however it spelled their case, as one safe line."""
    values = sorted({cell.strip() for cell in cells if len(cell.strip()) >= _SHORTEST}, key=len, reverse=True)
    if values:
        text = re.sub("|".join(map(_pattern, values)), HIDDEN, text, flags=re.IGNORECASE)
    return sanitize.cell(text)


def _pattern(value: str) -> str:
    """Match a short Latin value as a whole word only, any other one wherever it stands."""
    return rf"(?<!\w){re.escape(value)}(?!\w)" if value.isascii() and len(value) < _WORD else re.escape(value)


def _lines(document: dict[str, Any]) -> list[str]:
    target = next(iter(document["target"].items()))
    lines = [
        f"{document['program']}, {document['platform']}, written {document['written_at']}",
        f"Run {document['run_id']} of {document['created_at']} at {document['service']}, {target[0]} {target[1]}",
        f"Rows that ended without a video: {len(document['rows'])}",
    ]
    for row in document["rows"]:
        lines += ["", f"Row {row['row_index']} (line {row['line']}): {row['status']}: {row['message'] or 'no reason'}"]
        for attempt in row["attempts"]:
            lines.append(f"  id              {attempt['id'] or 'none known'}")
            lines.append(f"  execution_name  {attempt['execution_name'] or 'none known'}")
            lines.append(f"  sent            {attempt['sent_at'] or 'unknown'}")
            said = f", HTTP {attempt['http_status']}" if attempt["http_status"] else ""
            lines.append(f"  answered        {attempt['answered_at'] or 'never'}{said}, request {attempt['request']}")
            lines += [f"  {step['status']:<15} {step['at'] or 'time unknown'}" for step in attempt["statuses"]]
            if attempt["message"]:
                lines.append(f"  the service     {attempt['message']}")
    return lines
