"""Decisions, by people or by proof, about requests in doubt and ids that contradict their rows; each is kept."""

from __future__ import annotations

from bhuman_cli.domain import ChunkState
from bhuman_cli.journal import chunks, claims
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run


def release_rows(journal: Journal, chunk: Chunk, *, why: str, run_id: str) -> int:
    """Let the unbound rows of a doubtful chunk be sent again; return how many. Journaled as a decision.

    why: `resend` (a person accepts that they may be paid twice) or `not accepted` (proof).
    """
    with journal.transaction():
        chunks.transition(journal, chunk, ("in_doubt",), ChunkState.RELEASED, why)
        freed = claims.return_rows(journal, chunk.chunk_id)
        _record(journal, run_id, chunk.chunk_id, why, f"{freed} rows")
        # What was bound of it stays paid: the chunk is settled for those rows.
        journal.execute(
            "UPDATE chunk SET state = 'accepted' WHERE chunk_id = ? AND EXISTS"
            " (SELECT 1 FROM claim WHERE claim.chunk_id = chunk.chunk_id AND live = 1)",
            (chunk.chunk_id,),
        )
    return freed


def abandon(journal: Journal, chunk: Chunk, *, run_id: str) -> int:
    """Give up the unbound rows of a doubtful chunk: they count as failed and may have been paid. Returns how many."""
    with journal.transaction():
        chunks.transition(journal, chunk, ("in_doubt",), ChunkState.ACCEPTED, "abandoned")
        _add_failures(journal, "chunk_id = ? AND generation_id IS NULL AND live = 1", chunk.chunk_id)
        given_up = journal.execute(
            "UPDATE claim SET status = 'failed', ended_at = ?, "
            " message = 'abandoned: it may have been accepted and paid'"
            " WHERE chunk_id = ? AND generation_id IS NULL AND live = 1",
            (journal.now(), chunk.chunk_id),
        )
        _record(journal, run_id, chunk.chunk_id, "abandon", f"{given_up} rows")
    return given_up


def settle_conflicts(journal: Journal, run: Run, *, accept_position: bool) -> int:
    """Decide the rows whose record contradicts their place: keep the place, or give them up. Returns how many."""
    change = (
        "binding = 'position', seen = 'person', message = 'bound by position, accepted by a person',"
        " ended_at = CASE WHEN status = 'failed' OR (status = 'succeeded' AND url <> '') THEN ended_at END"
        if accept_position
        else "binding = NULL, seen = 'given up', status = 'failed',"
        " message = 'abandoned: its video belongs to another row'"
    )
    conflicts = "binding = 'conflict' AND claim_id IN (SELECT claim_id FROM row WHERE run_no = ?)"
    with journal.transaction():
        if not accept_position:
            _add_failures(journal, conflicts, run.run_no)
        settled = journal.execute(f"UPDATE claim SET {change} WHERE {conflicts}", (run.run_no,))
        _record(journal, run.run_id, None, "accept-position" if accept_position else "abandon", f"{settled} conflicts")
    return settled


def is_accepted(journal: Journal, detail: str) -> bool:
    """Say whether a person took the journal for the right one in this very case."""
    asked = "SELECT 1 FROM decision WHERE what = 'accept-journal' AND detail = ?"
    return journal.query_one(asked, (detail,)) is not None


def moved_to(journal: Journal) -> str:
    """Return where this journal was copied to, masked, "" if it was not."""
    record = journal.query_one("SELECT value FROM fact WHERE name = 'moved_to'")
    return str(record[0]) if record else ""


def record(journal: Journal, run: Run, what: str, detail: str) -> None:
    """Keep a person's word that moves no request. One commit."""
    with journal.transaction():
        _record(journal, run.run_id, None, what, detail)


def _add_failures(journal: Journal, condition: str, value: int) -> None:
    """Record that claims fail now, by a person's word: the command that carries it out tells of them first."""
    journal.execute(
        "INSERT INTO event (at, kind, run_no, claim_id, detail) SELECT ?, 'status', run_no, claim_id, 'failed'"
        f" FROM claim WHERE {condition} ORDER BY place",
        (journal.now(), value),
    )


def _record(journal: Journal, run_id: str, chunk_id: int | None, what: str, detail: str) -> None:
    journal.insert(
        "INSERT INTO decision (at, run_id, chunk_id, what, detail) VALUES (?, ?, ?, ?, ?)",
        (journal.now(), run_id, chunk_id, what, detail),
    )
