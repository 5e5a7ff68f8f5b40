"""Owns the life of a paid request on disk. Every transition is a verb, guarded by the state it starts from.

    planned → sending → mapping | accepted | rejected | split | in_doubt | released (429, 401, 403)
    mapping → accepted | in_doubt;  in_doubt → accepted (evidence) | released (a person, or proof)

A chunk is sent at most once: what may be sent again goes into another chunk, with a token of its own. So an answer on
disk always speaks of the only sending there was. A claim is live from `plan` until it is certain that its row was not
accepted.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bhuman_cli import errors
from bhuman_cli.domain import ChunkState, GenerationId
from bhuman_cli.journal import drafts
from bhuman_cli.journal.drafts import Run
from bhuman_cli.journal.store import Journal


class StaleChunk(errors.JournalError):
    """Somebody else sent something, or superseded the run, after this chunk was planned: plan it anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One request: frozen body and where it stands. rows: how many generations it asks for."""

    chunk_id: int
    run_no: int
    target_id: int
    state: ChunkState
    token: str
    rows: int
    body: bytes
    sending_at: str
    judged_at: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row that could go into the next request."""

    row_index: int
    identity: bytes
    text_key: bytes
    values: tuple[str, ...]
    assets: tuple[str, ...]
    retried_claim: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, as it came. status None: no complete answer; error then says what happened after sending."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    error: str = ""


Freeze = Callable[[Sequence[Candidate], str], bytes]
"""Build the request body for rows and the attempt's token."""


def plan(
    journal: Journal, run: Run, pick: Callable[[Iterable[Candidate]], Sequence[Candidate]], freeze: Freeze
) -> Chunk | None:
    """Claim the next rows and freeze their request; None when nothing is left to send. One commit.

    pick: chooses from the rows still to send, in row order, streaming. Planned chunks left by an earlier stop or a
    split come first. Rows that were paid meanwhile by anybody are taken from the pool instead.
    """
    with journal.transaction():
        state = journal.one(
            "SELECT run.state, run.epoch AS seen, target.epoch FROM run JOIN target USING (target_id) WHERE run_no = ?",
            (run.run_no,),
        )
        if state is None or state["state"] != "confirmed":
            raise StaleChunk(f"run {run.run_id} was superseded by another one", hint="bhuman runs")
        if state["seen"] != state["epoch"]:
            _release_planned(journal, run.target_id)
            drafts.share_pool(journal, run)
        waiting = journal.one(
            "SELECT * FROM chunk WHERE run_no = ? AND state = 'planned' ORDER BY chunk_id LIMIT 1", (run.run_no,)
        )
        if waiting is not None:
            return _read(waiting)
        picked = pick(_candidates(journal, run))
        if not picked:
            return None
        chunk_id = _insert(journal, run, picked, state["epoch"], None, freeze)
    return get(journal, chunk_id)


def _candidates(journal: Journal, run: Run) -> Iterable[Candidate]:
    for found in journal.query(
        "SELECT row_index, identity, text_key, payload, claim_id FROM row WHERE run_no = ?"
        " AND plan IN ('new', 'retried') ORDER BY row_index",
        (run.run_no,),
    ):
        values, assets = json.loads(found["payload"])
        yield Candidate(
            row_index=found["row_index"], identity=found["identity"], text_key=found["text_key"],
            values=tuple(values), assets=tuple(assets), retried_claim=found["claim_id"],
        )  # fmt: skip


def _insert(
    journal: Journal, run: Run, rows: Sequence[Candidate], epoch: int, parent: int | None, freeze: Freeze
) -> int:
    import hashlib

    token = secrets.token_urlsafe(16)
    body = freeze(rows, token)
    chunk_id = journal.insert(
        "INSERT INTO chunk (run_no, target_id, parent_id, state, epoch, token, rows, body, body_sha256, planned_at)"
        " VALUES (?, ?, ?, 'planned', ?, ?, ?, ?, ?, ?)",
        (run.run_no, run.target_id, parent, epoch, token, len(rows), body, hashlib.sha256(body).hexdigest(),
         journal.now()),
    )  # fmt: skip
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
    return chunk_id


def get(journal: Journal, chunk_id: int) -> Chunk:
    """Return a chunk as it stands now."""
    found = journal.one("SELECT * FROM chunk WHERE chunk_id = ?", (chunk_id,))
    if found is None:
        raise errors.JournalError("the journal lost a request", hint="bhuman doctor")
    return _read(found)


def _read(found: sqlite3.Row) -> Chunk:
    return Chunk(
        chunk_id=found["chunk_id"], run_no=found["run_no"], target_id=found["target_id"],
        state=ChunkState(found["state"]), token=found["token"], rows=found["rows"], body=found["body"] or b"",
        sending_at=found["sending_at"] or "", judged_at=found["judged_at"] or "", reason=found["reason"],
    )  # fmt: skip


def unsettled(journal: Journal, target_id: int) -> list[Chunk]:
    """Return the target's chunks that are sending, mapping or in doubt, from any run, oldest first."""
    return [
        _read(found)
        for found in journal.query(
            "SELECT * FROM chunk WHERE target_id = ? AND state IN ('sending', 'mapping', 'in_doubt') ORDER BY chunk_id",
            (target_id,),
        )
    ]


def begin_sending(journal: Journal, chunk: Chunk) -> None:
    """Say on disk that bytes are about to leave. Committed and synced before this returns.

    Raises:
        StaleChunk: the chunk is not `planned` any more, its run was superseded, or somebody else sent something
            on this target since it was planned; nothing was sent, and nothing may be.
    """
    with journal.transaction():
        moved = journal.execute(
            "UPDATE target SET epoch = epoch + 1 WHERE target_id = ? AND epoch ="
            " (SELECT epoch FROM chunk WHERE chunk_id = ?)",
            (chunk.target_id, chunk.chunk_id),
        )
        marked = journal.execute(
            "UPDATE chunk SET state = 'sending', sending_at = ? WHERE chunk_id = ? AND state = 'planned'"
            " AND (SELECT state FROM run WHERE run.run_no = chunk.run_no) = 'confirmed'",
            (journal.now(), chunk.chunk_id),
        )
        if (moved, marked) != (1, 1):
            raise StaleChunk("another process is working on this target; nothing was sent", hint="bhuman runs")
        _follow_epoch(journal, chunk)


def _follow_epoch(journal: Journal, chunk: Chunk) -> None:
    """Our own sending makes nobody's plan stale but others': this run and its planned chunks keep up."""
    now = "(SELECT epoch FROM target WHERE target_id = :target)"
    values = {"target": chunk.target_id, "run": chunk.run_no}
    journal.execute(f"UPDATE run SET epoch = {now} WHERE run_no = :run AND epoch = {now} - 1", values)
    journal.execute(
        f"UPDATE chunk SET epoch = {now} WHERE run_no = :run AND state = 'planned' AND epoch = {now} - 1",
        values,
    )


def record_answer(journal: Journal, chunk: Chunk, answer: Answer) -> None:
    """Keep what came back, before anybody reads it, whatever state the chunk is in. Committed and synced."""
    with journal.transaction():
        journal.insert(
            "INSERT INTO answer (chunk_id, at, status, headers, body, error) VALUES (?, ?, ?, ?, ?, ?)",
            (chunk.chunk_id, journal.now(), answer.status, json.dumps(dict(answer.headers)), answer.body,
             answer.error),
        )  # fmt: skip


def last_answer(journal: Journal, chunk: Chunk) -> Answer | None:
    """Return the newest stored answer of a chunk."""
    found = journal.one("SELECT * FROM answer WHERE chunk_id = ? ORDER BY answer_id DESC LIMIT 1", (chunk.chunk_id,))
    if found is None:
        return None
    return Answer(
        status=found["status"], headers=json.loads(found["headers"]), body=found["body"], error=found["error"]
    )


def known_ids(journal: Journal, ids: Sequence[GenerationId]) -> set[str]:
    """Return those of ids that are bound already."""
    known = set()
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        marks = ",".join("?" * len(part))
        known |= {
            found[0]
            for found in journal.query(f"SELECT generation_id FROM claim WHERE generation_id IN ({marks})", part)
        }
    return known


def accept(journal: Journal, chunk: Chunk, ids: Sequence[GenerationId]) -> None:
    """Record that the service took the chunk; ids, one per row in row order, are bound provisionally.

    Committed and synced before this returns: from then on the chunk is never sent again.

    Raises:
        JournalError: the chunk is in no state to be accepted, or the number of ids is not the number of rows.
    Source: API contract, "pipeline/campaign".
    """
    if len(ids) != chunk.rows:
        raise errors.JournalError(f"{len(ids)} ids for {chunk.rows} rows can't be bound by place")
    with journal.transaction():
        _move(journal, chunk, ("sending", "in_doubt"), ChunkState.ACCEPTED, "")
        now = journal.now()
        journal.execute_many(
            "UPDATE claim SET generation_id = ?, binding = 'provisional', status = 'queued', accepted_at = ?"
            " WHERE chunk_id = ? AND place = ? AND generation_id IS NULL",
            ((generation, now, chunk.chunk_id, place) for place, generation in enumerate(ids)),
        )
        _drop_payload(journal, chunk)


def bind(
    journal: Journal, chunk: Chunk, pairs: Mapping[int, GenerationId], *, reason: str, is_anew: bool = True
) -> None:
    """Bind ids to places by evidence. A place that keeps its id keeps what is known of it: what was final stays final.

    is_anew: places that are not in pairs lose their id and stay in doubt. Otherwise pairs only add: what is bound
        stays, also what another copy of the program bound since the evidence was read.

    The chunk becomes `accepted` when every place has an id, else `in_doubt` with the reason. One commit.
    """
    with journal.transaction():
        before = {
            found["place"]: found["generation_id"] if found["binding"] != "conflict" else ""
            for found in list(
                journal.query("SELECT place, generation_id, binding FROM claim WHERE chunk_id = ?", (chunk.chunk_id,))
            )
        }
        if not is_anew:
            taken = {place: GenerationId(generation) for place, generation in before.items() if generation}
            added = {p: generation for p, generation in pairs.items() if generation not in taken.values()}
            pairs = added | taken
        state = ChunkState.ACCEPTED if len(pairs) == chunk.rows else ChunkState.IN_DOUBT
        _move(journal, chunk, ("mapping", "in_doubt", "accepted"), state, "" if state == "accepted" else reason)
        journal.execute_many(
            "UPDATE claim SET generation_id = NULL, binding = NULL, seen = NULL, status = '', url = '', share_url = '',"
            " thumbnail = '', gif = '', whatsapp_video_url = '', message = '', execution_name = '', generated_at = '',"
            " ended_at = NULL WHERE chunk_id = ? AND place = ?",
            ((chunk.chunk_id, place) for place, generation in before.items() if pairs.get(place) != generation),
        )
        journal.execute_many(
            "UPDATE claim SET generation_id = ?, binding = 'confirmed', status = 'queued',"
            " accepted_at = coalesce(accepted_at, ?) WHERE chunk_id = ? AND place = ?",
            (
                (generation, journal.now(), chunk.chunk_id, place)
                for place, generation in pairs.items()
                if before.get(place) != generation
            ),
        )
        journal.execute(
            "UPDATE claim SET binding = 'confirmed' WHERE chunk_id = ? AND binding = 'provisional'", (chunk.chunk_id,)
        )
        if state is ChunkState.ACCEPTED:
            _drop_payload(journal, chunk)


def to_mapping(journal: Journal, chunk: Chunk, reason: str) -> None:
    """Record that the chunk was accepted, but its ids must be asked which row they belong to."""
    with journal.transaction():
        _move(journal, chunk, ("sending", "in_doubt"), ChunkState.MAPPING, reason)


def doubt(journal: Journal, chunk: Chunk, reason: str) -> None:
    """Record that nobody knows whether the chunk was accepted."""
    with journal.transaction():
        _move(journal, chunk, ("sending", "mapping"), ChunkState.IN_DOUBT, reason)


def back(journal: Journal, chunk: Chunk, reason: str) -> None:
    """Record that the chunk was certainly not accepted and its rows may be sent again; they wait to be planned anew."""
    with journal.transaction():
        _move(journal, chunk, ("sending",), ChunkState.RELEASED, reason)
        _unclaim(journal, chunk, row_state="pending", plan="new", message="")


def renew(journal: Journal, run: Run, chunk: Chunk, freeze: Freeze, reason: str) -> None:
    """Replace a chunk that was certainly not accepted (429, 401, 403) by a new attempt, `planned`. One commit.

    Not the same chunk again: a stored answer to the first attempt would be taken for one to the second after a crash.
    """
    with journal.transaction():
        _move(journal, chunk, ("sending",), ChunkState.RELEASED, reason)
        rows = _take_back(journal, run, chunk)
        _insert(journal, run, rows, _epoch(journal, chunk), chunk.chunk_id, freeze)


def reject(journal: Journal, chunk: Chunk, reason: str) -> None:
    """Record that the chunk was certainly not accepted: its rows cost nothing and are offered again by a later run."""
    with journal.transaction():
        _move(journal, chunk, ("sending", "planned"), ChunkState.REJECTED, reason)
        _unclaim(journal, chunk, row_state="rejected", plan=None, message=reason)
        journal.execute("UPDATE chunk SET body = NULL WHERE chunk_id = ?", (chunk.chunk_id,))


def split(journal: Journal, run: Run, chunk: Chunk, freeze: Freeze, reason: str) -> None:
    """Replace a refused chunk by its two halves, `planned`; their claims take over the rows in the same commit."""
    with journal.transaction():
        _move(journal, chunk, ("sending",), ChunkState.SPLIT, reason)
        rows = _take_back(journal, run, chunk)
        middle = (len(rows) + 1) // 2
        for half in (rows[:middle], rows[middle:]):
            _insert(journal, run, half, _epoch(journal, chunk), chunk.chunk_id, freeze)


def _take_back(journal: Journal, run: Run, chunk: Chunk) -> list[Candidate]:
    """Give a chunk's rows back and return them, for other chunks in the same commit."""
    _unclaim(journal, chunk, row_state="pending", plan="taken", message="")
    return [
        Candidate(
            row_index=found["row_index"], identity=found["identity"], text_key=found["text_key"],
            values=tuple(json.loads(found["payload"])[0]), assets=tuple(json.loads(found["payload"])[1]),
            retried_claim=found["claim_id"],
        )
        for found in journal.query(
            "SELECT * FROM row WHERE run_no = ? AND plan = 'taken' ORDER BY row_index", (run.run_no,)
        )
    ]  # fmt: skip


def _epoch(journal: Journal, chunk: Chunk) -> int:
    found = journal.one("SELECT epoch FROM target WHERE target_id = ?", (chunk.target_id,))
    return int(found[0]) if found else 0


def release_planned(journal: Journal, target_id: int) -> None:
    """Give back every planned chunk on the target: certainly unsent, its rows wait to be planned anew. One commit."""
    with journal.transaction():
        _release_planned(journal, target_id)


def _release_planned(journal: Journal, target_id: int) -> None:
    for found in list(journal.query("SELECT * FROM chunk WHERE target_id = ? AND state = 'planned'", (target_id,))):
        chunk = _read(found)
        _move(journal, chunk, ("planned",), ChunkState.RELEASED, "given back unsent")
        _unclaim(journal, chunk, row_state="pending", plan="new", message="")


def free(journal: Journal, chunk: Chunk, *, why: str, run_id: str) -> int:
    """Let the unbound rows of a doubtful chunk be sent again; return how many. Journaled as a decision.

    why: `resend` (a person accepts that they may be paid twice) or `not accepted` (proof).
    """
    with journal.transaction():
        _move(journal, chunk, ("in_doubt",), ChunkState.RELEASED, why)
        freed = _unclaim(journal, chunk, row_state="pending", plan="new", message="")
        _decide(journal, run_id, chunk.chunk_id, why, f"{freed} rows")
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
        _move(journal, chunk, ("in_doubt",), ChunkState.ACCEPTED, "abandoned")
        given_up = journal.execute(
            "UPDATE claim SET status = 'failed', ended_at = ?, "
            " message = 'abandoned: it may have been accepted and paid'"
            " WHERE chunk_id = ? AND generation_id IS NULL AND live = 1",
            (journal.now(), chunk.chunk_id),
        )
        _decide(journal, run_id, chunk.chunk_id, "abandon", f"{given_up} rows")
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
    with journal.transaction():
        settled = journal.execute(
            f"UPDATE claim SET {change} WHERE binding = 'conflict' AND claim_id IN"
            " (SELECT claim_id FROM row WHERE run_no = ?)",
            (run.run_no,),
        )
        _decide(journal, run.run_id, None, "accept-position" if accept_position else "abandon", f"{settled} conflicts")
    return settled


def _move(journal: Journal, chunk: Chunk, before: tuple[str, ...], after: ChunkState, reason: str) -> None:
    marks = ",".join("?" * len(before))
    moved = journal.execute(
        f"UPDATE chunk SET state = ?, reason = ?, judged_at = ? WHERE chunk_id = ? AND state IN ({marks})",
        (str(after), reason, journal.now(), chunk.chunk_id, *before),
    )
    if moved != 1:
        raise StaleChunk(f"a request can't become {after}: another process changed it", hint="bhuman runs")


def _unclaim(journal: Journal, chunk: Chunk, *, row_state: str, plan: str | None, message: str) -> int:
    """Take unbound claims out of the pool and give their rows back; rows that were retried get their failed render."""
    values = {"chunk": chunk.chunk_id, "state": row_state, "plan": plan, "message": message}
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


def _drop_payload(journal: Journal, chunk: Chunk) -> None:
    """What is accepted is never sent again: the frozen body and the rows' payload are not needed any more."""
    journal.execute("UPDATE chunk SET body = NULL WHERE chunk_id = ?", (chunk.chunk_id,))
    journal.execute(
        "UPDATE row SET payload = NULL FROM claim WHERE claim.chunk_id = ? AND row.run_no = claim.run_no"
        " AND row.row_index = claim.row_index",
        (chunk.chunk_id,),
    )


def _decide(journal: Journal, run_id: str, chunk_id: int | None, what: str, detail: str) -> None:
    journal.insert(
        "INSERT INTO decision (at, run_id, chunk_id, what, detail) VALUES (?, ?, ?, ?, ?)",
        (journal.now(), run_id, chunk_id, what, detail),
    )
