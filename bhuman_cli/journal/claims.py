"""Claims: which row stands in which request. Every function is part of a transition.

Called inside the transaction of the verb that moves the chunk; on its own it would break the rule that a row is in at
most one live chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bhuman_cli.journal import faults
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row that could go into the next request."""

    row_index: int
    identity: bytes
    text_key: bytes
    values: tuple[str, ...]
    assets: tuple[str, ...]
    retried_claim: int | None


Freeze = Callable[[Sequence[Candidate], str], bytes]
"""Build the request body for rows and the attempt's token."""


def rows_to_send(journal: Journal, run: Run) -> Iterable[Candidate]:
    """Stream the rows that are to be sent, in row order."""
    for record in journal.query(
        "SELECT row_index, identity, text_key, payload, claim_id FROM row WHERE run_no = ?"
        " AND plan IN ('new', 'retried') ORDER BY row_index",
        (run.run_no,),
    ):
        values, assets = faults.from_json(record["payload"])
        yield Candidate(
            row_index=record["row_index"], identity=record["identity"], text_key=record["text_key"],
            values=tuple(values), assets=tuple(assets), retried_claim=record["claim_id"],
        )  # fmt: skip


def claim_rows(journal: Journal, run: Run, chunk_id: int, rows: Sequence[Candidate]) -> None:
    """Put rows into a chunk, in this order; a failed render they retry leaves the pool."""
    journal.execute_many(
        "INSERT INTO claim (chunk_id, place, target_id, run_no, row_index, identity, text_key, attempt)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 1 + coalesce((SELECT attempt FROM claim WHERE claim_id = ?), 0))",
        (
            (chunk_id, place, run.target_id, run.run_no, row.row_index, row.identity, row.text_key, row.retried_claim)
            for place, row in enumerate(rows)
        ),
    )
    journal.execute_many(
        "UPDATE claim SET live = 0, replaced_by = (SELECT claim_id FROM claim WHERE chunk_id = ? AND place = ?)"
        " WHERE claim_id = ?",
        ((chunk_id, place, row.retried_claim) for place, row in enumerate(rows) if row.retried_claim is not None),
    )
    journal.execute(
        "UPDATE row SET claim_id = claim.claim_id, plan = 'sent' FROM claim WHERE claim.chunk_id = ?"
        " AND row.run_no = claim.run_no AND row.row_index = claim.row_index",
        (chunk_id,),
    )


def reclaim_rows(journal: Journal, run: Run, chunk_id: int) -> list[Candidate]:
    """Give a chunk's rows back and return them, for other chunks in the same commit."""
    return_rows(journal, chunk_id, row_state="pending", plan="taken")
    return [
        Candidate(
            row_index=record["row_index"], identity=record["identity"], text_key=record["text_key"],
            values=tuple(faults.from_json(record["payload"])[0]), assets=tuple(faults.from_json(record["payload"])[1]),
            retried_claim=record["claim_id"],
        )
        for record in journal.query(
            "SELECT * FROM row WHERE run_no = ? AND plan = 'taken' ORDER BY row_index", (run.run_no,)
        )
    ]  # fmt: skip


def return_rows(
    journal: Journal, chunk_id: int, *, row_state: str = "pending", plan: str | None = "new", message: str = ""
) -> int:
    """Take unbound claims out of the pool and give their rows back; rows that were retried get their failed render."""
    values = {"chunk": chunk_id, "state": row_state, "plan": plan, "message": message}
    unbound = "SELECT claim_id FROM claim WHERE chunk_id = :chunk AND generation_id IS NULL AND live = 1"
    journal.execute(f"UPDATE claim SET live = 1 WHERE replaced_by IN ({unbound})", values)
    changed = journal.execute(
        "UPDATE row SET claim_id = (SELECT old.claim_id FROM claim AS old WHERE old.replaced_by = row.claim_id),"
        " state = CASE WHEN EXISTS (SELECT 1 FROM claim AS old WHERE old.replaced_by = row.claim_id)"
        "   THEN 'pending' ELSE :state END,"
        " plan = CASE WHEN :plan = 'new' AND EXISTS (SELECT 1 FROM claim AS old WHERE old.replaced_by = row.claim_id)"
        "   THEN 'retried' ELSE :plan END,"
        " message = CASE WHEN :message = '' THEN message ELSE :message END"
        f" WHERE run_no = (SELECT run_no FROM chunk WHERE chunk_id = :chunk) AND claim_id IN ({unbound})",
        values,
    )
    journal.execute(f"UPDATE claim SET replaced_by = NULL WHERE replaced_by IN ({unbound})", values)
    journal.execute(
        f"UPDATE row SET claim_id = NULL, plan = CASE WHEN selected = 1 THEN 'new' END WHERE claim_id IN ({unbound})",
        values,
    )
    journal.execute("UPDATE claim SET live = 0 WHERE chunk_id = :chunk AND generation_id IS NULL AND live = 1", values)
    return changed


def drop_payload(journal: Journal, chunk_id: int) -> None:
    """What is accepted is never sent again: the rows' payload is not needed any more. The frozen body stays for now."""
    journal.execute(
        "UPDATE row SET payload = NULL FROM claim WHERE claim.chunk_id = ? AND row.run_no = claim.run_no"
        " AND row.row_index = claim.row_index",
        (chunk_id,),
    )
