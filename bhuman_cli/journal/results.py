"""Results in the journal: rows with what happened to them, and counts of them. Changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bhuman_cli.domain import Binding, ResultRow, Status
from bhuman_cli.journal import faults, generations
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run


def tally(journal: Journal, run: Run, *, selected_only: bool = False) -> dict[str, int]:
    """Count the run's rows by status; of a run whose rows were dropped, as they were counted then."""
    dropped = journal.query_one("SELECT tally FROM run WHERE run_no = ? AND tally IS NOT NULL", (run.run_no,))
    if dropped is not None:
        return dict(faults.from_json(dropped[0]))
    where = " AND row.selected = 1" if selected_only else ""
    return {
        record[0]: record[1]
        for record in journal.query(
            f"SELECT {generations.STATUS} AS status, count(*) FROM {generations.JOINED}"
            f" WHERE row.run_no = ?{where} GROUP BY 1",
            (run.run_no,),
        )
    }


def paid_rows(journal: Journal, run: Run) -> int:
    """Count the rows that show a generation that was accepted, whenever and by whichever run."""
    record = journal.query_one(
        "SELECT count(*) FROM row JOIN claim USING (claim_id) WHERE row.run_no = ? AND claim.generation_id IS NOT NULL",
        (run.run_no,),
    )
    return int(record[0]) if record else 0


_PLANS: Final = "row LEFT JOIN row AS owner ON owner.run_no = row.run_no AND owner.row_index = row.shares"


def unsent(journal: Journal, run: Run) -> int:
    """Count the rows that were to be sent, or wait for an equal one that was, and are not."""
    return _count(
        journal,
        f"{_PLANS} LEFT JOIN claim ON claim.claim_id = coalesce(owner.claim_id, row.claim_id)"
        " LEFT JOIN chunk USING (chunk_id) WHERE row.run_no = ?"
        " AND (coalesce(owner.plan, row.plan) IN ('new', 'retried', 'later')"
        " OR (coalesce(owner.plan, row.plan) = 'sent' AND chunk.state = 'planned'))",
        run,
    )


def shared_rows(journal: Journal, run: Run) -> int:
    """Count the rows that show another row's video."""
    return _count(journal, "row WHERE run_no = ? AND shares IS NOT NULL", run)


def deferred_rows(journal: Journal, run: Run) -> int:
    """Count the rows that are left for another command: pending, but nothing of this run waits for them."""
    where = "row.run_no = ? AND coalesce(owner.plan, row.plan) = 'deferred'"
    return _count(journal, f"{_PLANS} WHERE {where}", run)


def _count(journal: Journal, what: str, run: Run) -> int:
    record = journal.query_one(f"SELECT count(*) FROM {what}", (run.run_no,))
    return int(record[0]) if record else 0


def retryable(journal: Journal, run: Run) -> int:
    """Count the selected rows whose render failed; those that a person gave up never did."""
    record = journal.query_one(
        "SELECT count(*) FROM row JOIN claim USING (claim_id) WHERE row.run_no = ? AND row.selected = 1"
        " AND claim.status = 'failed' AND claim.generation_id IS NOT NULL AND coalesce(claim.seen, '') <> 'given up'",
        (run.run_no,),
    )
    return int(record[0]) if record else 0


def conflicts(journal: Journal, run: Run) -> list[tuple[int, str]]:
    """Return (row_index, message) of the run's rows whose record contradicts their place."""
    return [
        (record["row_index"], _conflict(journal, record))
        for record in journal.query(
            "SELECT row.row_index, claim.* FROM row JOIN claim USING (claim_id) WHERE row.run_no = ?"
            " AND claim.binding = 'conflict' ORDER BY row.row_index",
            (run.run_no,),
        )
    ]


def per_chunk(journal: Journal, run: Run) -> list[tuple[int, int, int]]:
    """Return (chunk number, rows finished, rows) for each of the run's own accepted chunks, for the progress table."""
    return [
        (record[0], record[1], record[2])
        for record in journal.query(
            "SELECT chunk_id, count(*) FILTER (WHERE claim.ended_at IS NOT NULL), count(*) FROM claim"
            " WHERE claim.run_no = ? AND claim.live = 1 AND claim.chunk_id IS NOT NULL GROUP BY chunk_id"
            " ORDER BY chunk_id",
            (run.run_no,),
        )
    ]


def rows(journal: Journal, run: Run) -> Iterator[ResultRow]:
    """Stream the results file: every row in input order, the user's cells and what happened to it.

    Links appear only beside rows whose binding is settled; a row in doubt shows neither link nor id.
    """
    width = len(run.columns)
    for record in journal.query(
        f"SELECT row.row_index, row.line AS row_line, row.cells, row.message AS row_message, row.state,"
        f" {generations.STATUS} AS shown, claim.*,"
        f" chunk.reason, owner.line AS owner_line FROM {generations.JOINED}"
        " WHERE row.run_no = ? ORDER BY row.row_index",
        (run.run_no,),
    ):
        cells = tuple(faults.from_json(record["cells"])) if record["cells"] else ("",) * width
        yield ResultRow(cells=cells, fields=_fields(record, _message(journal, record)), line=record["row_line"])


def _fields(record: Any, message: str) -> dict[str, str]:
    shown = record["shown"]
    linked = shown == Status.SUCCEEDED
    # A provisional id may be another person's: it is shown beside nobody.
    bound = record["binding"] in {Binding.CONFIRMED, Binding.POSITION}
    return {
        "row_index": str(record["row_index"]),
        "id": record["generation_id"] if bound else "",
        "status": shown,
        "share_url": record["share_url"] if linked else "",
        "url": record["url"] if linked else "",
        "thumbnail": record["thumbnail"] if linked else "",
        "gif": record["gif"] if linked else "",
        "whatsapp_video_url": record["whatsapp_video_url"] if linked else "",
        "message": message,
        "execution_name": (record["execution_name"] or "") if bound else "",
        "generated_at": record["generated_at"] if linked else "",
    }


NOT_CONFIRMED: Final = "accepted, not confirmed yet"


def other_place(word: str) -> int | None:
    """Return the place that a record names instead of its own, from what it said (`other@<place>`)."""
    kind, _, place = word.partition(":")[0].partition("@")
    return int(place) if kind == "other" and place else None


def _conflict(journal: Journal, record: Any) -> str:
    """Name both rows: the one the id was given for, and the one its record speaks of."""
    place = other_place(record["seen"] or "")
    other = None
    if place is not None:
        asked = "SELECT row_index FROM claim WHERE chunk_id = ? AND place = ?"
        other = journal.query_one(asked, (record["chunk_id"], place))
    if other is not None:
        return f"the service's record is that of row {other[0]}, not of row {record['row_index']}"
    if (record["seen"] or "").startswith("foreign"):
        return "the service's record belongs to another campaign"
    return "the service's record points to another row"


def _message(journal: Journal, record: Any) -> str:
    """Say the most telling thing first: why it is in doubt, what the service says, how it was bound, what stood in."""
    parts = [f"shares the video of line {record['owner_line']}"] if record["owner_line"] is not None else []
    if record["binding"] == Binding.PROVISIONAL and record["shown"] != Status.IN_DOUBT:
        parts.append(NOT_CONFIRMED)
    if record["shown"] == Status.IN_DOUBT:
        conflict = record["binding"] == Binding.CONFLICT
        parts.append(_conflict(journal, record) if conflict else record["reason"] or "in doubt")
    elif record["message"]:
        parts.append(record["message"])
    if record["binding"] == Binding.POSITION and not record["message"]:
        parts.append("bound by position")
    if record["row_message"]:
        parts.append(record["row_message"])
    return "; ".join(parts)


def lines_of_texts(journal: Journal, run: Run, text_keys: Collection[bytes]) -> list[int]:
    """Return the lines of the run's rows that have one of these texts."""
    records = journal.query("SELECT line, text_key FROM row WHERE run_no = ? ORDER BY row_index", (run.run_no,))
    return [line for line, key in records if key is not None and bytes(key) in text_keys] if text_keys else []


def lines(journal: Journal, run: Run) -> dict[str, int]:
    """Return the line of each row in its file, by row_index as text, as the spreadsheet shows it."""
    records = journal.query("SELECT row_index, line FROM row WHERE run_no = ?", (run.run_no,))
    return {str(row[0]): row[1] for row in records}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFailure:
    """A row that needs a person. line: as the spreadsheet shows it. generation_id: "" if nothing was accepted."""

    row_index: int
    line: int
    status: str
    reason: str
    generation_id: str
    execution_name: str


def failures(journal: Journal, run: Run, limit: int = 2_000) -> list[RowFailure]:
    """Return the selected rows that ended badly or are in doubt, in the order of the file."""
    return [
        RowFailure(
            row_index=record["row_index"],
            line=record["row_line"],
            status=record["shown"],
            reason=_message(journal, record),
            generation_id=record["generation_id"] or "",
            execution_name=record["execution_name"] or "",
        )
        for record in journal.query(
            f"SELECT row.row_index, row.line AS row_line, row.message AS row_message,"
            f" {generations.STATUS} AS shown, claim.*,"
            " chunk.reason, owner.line AS owner_line"
            f" FROM {generations.JOINED} WHERE row.run_no = ? AND row.selected = 1"
            f" AND {generations.STATUS} IN ('failed', 'rejected', 'in_doubt', 'invalid')"
            " ORDER BY row.row_index LIMIT ?",
            (run.run_no, limit),
        )
    ]


def seconds(journal: Journal, run: Run) -> list[float]:
    """Return how long each finished video took from its acceptance to its last update, where both are known."""
    lengths = []
    for record in journal.query(
        "SELECT claim.accepted_at, claim.generated_at FROM row JOIN claim USING (claim_id) WHERE row.run_no = ?"
        " AND claim.url <> '' AND claim.accepted_at IS NOT NULL AND claim.generated_at <> ''",
        (run.run_no,),
    ):
        with contextlib.suppress(ValueError, TypeError):  # the service's time may be written in any way
            began, ended = (datetime.fromisoformat(text) for text in record)
            lengths.append((_aware(ended) - _aware(began)).total_seconds())
    return [seconds for seconds in lengths if seconds >= 0]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
