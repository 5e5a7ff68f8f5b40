"""Events of the journal: what happened, in the order in which it was recorded; each is written with what it tells of.

Also up to where commands have told of them: a row that ended badly is told once, and does not turn cron red again.

The number of an event is the cursor of whoever reads on. Inside a transaction of the caller, but for `add_callback`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli.domain import Status
from bhuman_cli.journal import generations
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run

ACCEPTED: Final = "accepted"
DOUBT: Final = "doubt"
_RECEIVER: Final = "forward:"
_REPORT: Final = "reported:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one row's video. status: what the service said last, "" where it said nothing."""

    cursor: int
    at: str
    kind: str
    run_id: str | None
    row_index: int | None
    generation_id: str | None
    status: str

    def as_json(self) -> dict[str, object]:
        """Return the line that `events --json` prints and `listen --forward-to` posts."""
        return {
            "schema": "bhuman.event/1",
            "cursor": str(self.cursor),
            "at": self.at,
            "event": self.kind,
            "run_id": self.run_id,
            "row_index": self.row_index,
            "id": self.generation_id,
            "status": self.status,
        }


def add_accepted(journal: Journal, chunk_id: int) -> None:
    """Record that the service took rows of a request: those whose id is new."""
    journal.execute(
        "INSERT INTO event (at, kind, run_no, claim_id, detail) SELECT ?, 'accepted', run_no, claim_id, 'queued'"
        " FROM claim WHERE chunk_id = ? AND generation_id IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM event WHERE event.claim_id = claim.claim_id AND event.kind = 'accepted') ORDER BY place",
        (journal.now(), chunk_id),
    )


def add_doubt(journal: Journal, chunk_id: int) -> None:
    """Record that nobody knows whether rows of a request were taken: those that have no id."""
    journal.execute(
        "INSERT INTO event (at, kind, run_no, claim_id, detail) SELECT ?, 'doubt', run_no, claim_id, ''"
        " FROM claim WHERE chunk_id = ? AND generation_id IS NULL AND live = 1 ORDER BY place",
        (journal.now(), chunk_id),
    )


def add_callback(journal: Journal, generation_id: str, status: str) -> bool:
    """Record a callback that the service confirmed, a repeated one once; say whether it is new. One commit."""
    with journal.transaction():
        return bool(
            journal.execute(
                "INSERT INTO event (at, kind, run_no, claim_id, detail) SELECT ?, 'callback', run_no, claim_id, ?"
                " FROM claim WHERE generation_id = ? AND NOT EXISTS (SELECT 1 FROM event WHERE"
                " event.claim_id = claim.claim_id AND event.kind = 'callback' AND event.detail = ?)",
                (journal.now(), status, generation_id, status),
            )
        )


def since(journal: Journal, cursor: int, *, limit: int = 1000) -> Iterator[Event]:
    """Yield what happened after a cursor, oldest first, at most so many."""
    records = journal.query(
        "SELECT event.event_id, event.at, event.kind, event.detail, run.run_id, claim.row_index, claim.generation_id"
        " FROM event LEFT JOIN run ON run.run_no = event.run_no LEFT JOIN claim ON claim.claim_id = event.claim_id"
        " WHERE event.event_id > ? ORDER BY event.event_id LIMIT ?",
        (cursor, limit),
    )
    for row in list(records):
        yield Event(
            cursor=row["event_id"], at=row["at"], kind=_kind(row["kind"], row["detail"]), run_id=row["run_id"],
            row_index=row["row_index"], generation_id=row["generation_id"], status=row["detail"],
        )  # fmt: skip


def receiver(journal: Journal, name: str) -> str | None:
    """Return what is kept of a receiver that events are posted to."""
    record = journal.query_one("SELECT value FROM fact WHERE name = ?", (f"{_RECEIVER}{name}",))
    return str(record["value"]) if record is not None else None


def keep_receiver(journal: Journal, name: str, value: str) -> None:
    """Keep what is known of a receiver. One commit."""
    with journal.transaction():
        journal.execute(
            "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (f"{_RECEIVER}{name}", value),
        )


def receivers(journal: Journal) -> list[str]:
    """Return what is kept of all receivers."""
    records = journal.query("SELECT value FROM fact WHERE name LIKE ? ORDER BY name", (f"{_RECEIVER}%",))
    return [str(row["value"]) for row in records]


def last(journal: Journal) -> int:
    """Return the cursor of the newest event, 0 without any."""
    record = journal.query_one("SELECT max(event_id) FROM event")
    return int(record[0] or 0) if record else 0


def _kind(kind: str, detail: str) -> str:
    if kind == "status" and detail in {Status.SUCCEEDED, "completed"}:
        return "finished"
    return "failed" if kind == "status" and detail == Status.FAILED else kind


def count_reported(journal: Journal, run: Run) -> int:
    """Count the selected rows of a run that ended badly, and of which an earlier command has told.

    Failed ones: those whose failure was recorded before the last report, and that are not submitted again. Rejected
    ones and those left out as invalid: all of a run that was reported; of a new run the invalid ones that the reported
    one had with the same cells.
    """
    before = _last_report(journal, run)
    if before is None:
        return 0
    failed = journal.query_one(
        f"SELECT count(*) FROM {generations.JOINED} WHERE row.run_no = ? AND row.selected = 1"
        " AND coalesce(owner.plan, row.plan, '') <> 'retried' AND claim.status = 'failed'"
        " AND NOT EXISTS (SELECT 1 FROM event WHERE event.claim_id = claim.claim_id AND event.kind = 'status'"
        " AND event.detail = 'failed' AND event.event_id > ?)",
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


def keep_report(journal: Journal, run: Run) -> None:
    """Record that this command has told of the run as it stands now. One commit."""
    value = json.dumps({"event": last(journal), "run_no": run.run_no})
    with journal.transaction():
        journal.execute(
            "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_report_name(run), value),
        )


def _last_report(journal: Journal, run: Run) -> Mapping[str, Any] | None:
    record = journal.query_one("SELECT value FROM fact WHERE name = ?", (_report_name(run),))
    values: Mapping[str, Any] | None = json.loads(record["value"]) if record is not None else None
    return values


def _report_name(run: Run) -> str:
    return _REPORT + hashlib.sha256(f"{run.target_id}\n{run.input_path}".encode()).hexdigest()[:24]
