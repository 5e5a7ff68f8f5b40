"""Troubled rows of a run with every request that held them, for the service's support. Reads only; gives no values."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bhuman_cli.journal import faults, generations
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time a row was sent. id, execution_name: whole, "" where none is known. seen: (status, time), oldest first.

    http_status: of the answer, None where none came. reason: why the request ended as it did.
    """

    id: str
    execution_name: str
    status: str
    sent_at: str
    answered_at: str
    http_status: int | None
    request_state: str
    reason: str
    message: str
    seen: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubled:
    """A row that failed, was rejected or is in doubt. cells: the recipient's values, to be kept out of words."""

    row_index: int
    line: int
    status: str
    message: str
    cells: tuple[str, ...]
    attempts: tuple[Attempt, ...]


def troubled(journal: Journal, run: Run) -> list[Troubled]:
    """Return the run's rows that ended badly, in row order."""
    rows = list(
        journal.query(
            f"SELECT row.row_index, row.line, row.cells, row.message AS row_message, row.claim_id AS shown_claim,"
            f" {generations.STATUS} AS shown, claim.message AS claim_message, chunk.reason FROM {generations.JOINED}"
            f" WHERE row.run_no = ? AND {generations.STATUS} IN ('failed', 'rejected', 'in_doubt')"
            " ORDER BY row.row_index",
            (run.run_no,),
        )
    )
    return [
        Troubled(
            row_index=record["row_index"],
            line=record["line"],
            status=record["shown"],
            message="; ".join(filter(None, (record["claim_message"], record["row_message"]))) or record["reason"] or "",
            cells=tuple(faults.from_json(record["cells"])) if record["cells"] else (),
            attempts=tuple(_attempts(journal, run, record["row_index"], record["shown_claim"])),
        )
        for record in rows
    ]


def _attempts(journal: Journal, run: Run, row_index: int, claim_id: int | None) -> list[Attempt]:
    record = list(
        journal.query(
            "SELECT claim.*, chunk.state AS chunk_state, chunk.sending_at, chunk.judged_at, chunk.reason,"
            " (SELECT status FROM answer WHERE answer.chunk_id = chunk.chunk_id ORDER BY answer_id DESC LIMIT 1)"
            " AS http_status,"
            " (SELECT at FROM answer WHERE answer.chunk_id = chunk.chunk_id ORDER BY answer_id DESC LIMIT 1)"
            " AS answered_at FROM claim LEFT JOIN chunk USING (chunk_id)"
            " WHERE claim.claim_id = ? OR (claim.run_no = ? AND claim.row_index = ?) ORDER BY claim.claim_id",
            (claim_id, run.run_no, row_index),
        )
    )
    return [
        Attempt(
            id=item["generation_id"] or "",
            execution_name=item["execution_name"],
            status=item["status"],
            sent_at=item["sending_at"] or "",
            answered_at=item["answered_at"] or item["judged_at"] or "",
            http_status=item["http_status"],
            request_state=item["chunk_state"] or "adopted",
            reason=item["reason"] or "",
            message=item["message"],
            seen=tuple(_seen(journal, item)),
        )
        for item in record
    ]


def _seen(journal: Journal, item: sqlite3.Row) -> list[tuple[str, str]]:
    """Return the video's way; of a journal of 0.1.0 only when it was taken, and its last status."""
    steps = [("accepted", item["accepted_at"])] if item["accepted_at"] else []
    told = [
        (record["detail"], record["at"])
        for record in journal.query(
            "SELECT detail, at FROM event WHERE claim_id = ? AND kind = 'status' ORDER BY event_id", (item["claim_id"],)
        )
    ]
    if not told and item["status"]:
        told = [(item["status"], item["ended_at"] or item["generated_at"])]
    return steps + told
