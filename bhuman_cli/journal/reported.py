"""What earlier commands have told of a table: rows that ended badly are told once, and don't turn cron red again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from bhuman_cli.journal import events, generations
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run

_FACT: Final = "reported:"


def count(journal: Journal, run: Run) -> int:
    """Count the selected rows of a run that ended badly, and of which an earlier command has told.

    Failed ones: those whose failure was recorded before the last report. Rejected ones and those left out as invalid:
    all of a run that was reported; of a new run the invalid ones that the reported one had with the same cells.
    """
    before = _load(journal, run)
    if before is None:
        return 0
    failed = journal.query_one(
        f"SELECT count(*) FROM {generations.JOINED} WHERE row.run_no = ? AND row.selected = 1"
        " AND claim.status = 'failed' AND NOT EXISTS (SELECT 1 FROM event WHERE event.claim_id = claim.claim_id"
        " AND event.kind = 'status' AND event.detail = 'failed' AND event.event_id > ?)",
        (run.run_no, before["event"]),
    )
    is_same = before["run_no"] == run.run_no
    others = journal.query_one(
        "SELECT count(*) FROM row WHERE run_no = ? AND selected = 1 AND state IN ('invalid', 'rejected')"
        if is_same
        else "SELECT count(*) FROM row WHERE run_no = ? AND selected = 1 AND state = 'invalid' AND cells IN"
        " (SELECT cells FROM row AS earlier WHERE earlier.run_no = ? AND earlier.state = 'invalid')",
        (run.run_no,) if is_same else (run.run_no, before["run_no"]),
    )
    return int(failed[0] if failed else 0) + int(others[0] if others else 0)


def keep(journal: Journal, run: Run) -> None:
    """Record that this command has told of the run as it stands now. One commit."""
    value = json.dumps({"event": events.last(journal), "run_no": run.run_no})
    with journal.transaction():
        journal.execute(
            "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_name(run), value),
        )


def _load(journal: Journal, run: Run) -> Mapping[str, Any] | None:
    found = journal.query_one("SELECT value FROM fact WHERE name = ?", (_name(run),))
    values: Mapping[str, Any] | None = json.loads(found["value"]) if found is not None else None
    return values


def _name(run: Run) -> str:
    return _FACT + hashlib.sha256(f"{run.target_id}\n{run.input_path}".encode()).hexdigest()[:24]
