"""The life of a paid request on disk. Every transition is a verb, guarded by the state it starts from.

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
from typing import Any

from bhuman_cli import errors
from bhuman_cli.domain import ChunkState, GenerationId
from bhuman_cli.journal import claims, events, faults, matching, targets
from bhuman_cli.journal.claims import Candidate, Freeze
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run


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
    sender: str = ""
    clock_offset_s: float | None = None
    lost_at: str = ""
    list_shows_unfinished: bool = False


def is_another_machines(journal: Journal, chunk: Chunk) -> bool:
    """Say whether another machine sent a request, whose answer may lie in a folder there."""
    if not chunk.sender or chunk.sender.partition(",")[0] == journal.sender.partition(",")[0]:
        return False
    answer = last_answer(journal, chunk)
    return answer is None or answer.status is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, as it came. status None: no complete answer; error then says what happened after sending."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    error: str = ""


def plan(
    journal: Journal, run: Run, pick: Callable[[Iterable[Candidate]], Sequence[Candidate]], freeze: Freeze
) -> Chunk | None:
    """Claim the next rows and freeze their request; None when nothing is left to send. One commit.

    pick: chooses from the rows still to send, in row order, streaming. Planned chunks left by an earlier stop or a
    split come first. Rows that were paid meanwhile by anybody are taken from the pool instead.
    """
    with journal.transaction():
        state = journal.query_one(
            "SELECT run.state, run.epoch AS seen, target.epoch FROM run JOIN target USING (target_id) WHERE run_no = ?",
            (run.run_no,),
        )
        if state is None or state["state"] != "confirmed":
            raise StaleChunk(f"run {run.run_id} was superseded by another one", hint="bhuman runs")
        if state["seen"] != state["epoch"]:
            _release_planned(journal, run.target_id)
            matching.share_pool(journal, run)
        waiting = journal.query_one(
            "SELECT * FROM chunk WHERE run_no = ? AND state = 'planned' ORDER BY chunk_id LIMIT 1", (run.run_no,)
        )
        if waiting is not None:
            return _read(waiting)
        picked = pick(claims.rows_to_send(journal, run))
        if not picked:
            return None
        chunk_id = _insert(journal, run, picked, state["epoch"], None, freeze)
    return get(journal, chunk_id)


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
    claims.claim_rows(journal, run, chunk_id, rows)
    return chunk_id


def get(journal: Journal, chunk_id: int) -> Chunk:
    """Return a chunk as it stands now."""
    record = journal.query_one("SELECT * FROM chunk WHERE chunk_id = ?", (chunk_id,))
    if record is None:
        raise errors.JournalError("the journal lost a request", hint="bhuman doctor")
    return _read(record)


def _read(record: sqlite3.Row) -> Chunk:
    return Chunk(
        chunk_id=record["chunk_id"], run_no=record["run_no"], target_id=record["target_id"],
        state=faults.word(ChunkState, record["state"]), token=record["token"], rows=record["rows"],
        body=record["body"] or b"",
        sending_at=record["sending_at"] or "", judged_at=record["judged_at"] or "", reason=record["reason"],
        sender=record["sender"],
        clock_offset_s=record["clock_offset_s"], lost_at=record["lost_at"],
        list_shows_unfinished=bool(record["list_shows_unfinished"]),
    )  # fmt: skip


def unsettled(journal: Journal, target_id: int) -> list[Chunk]:
    """Return the target's chunks that are sending, mapping or in doubt, from any run, oldest first."""
    return [
        _read(record)
        for record in journal.query(
            "SELECT * FROM chunk WHERE target_id = ? AND state IN ('sending', 'mapping', 'in_doubt') ORDER BY chunk_id",
            (target_id,),
        )
    ]


def begin_sending(
    journal: Journal, chunk: Chunk, *, allow: Callable[[], None] = lambda: None, clock_offset_s: float | None = None
) -> int:
    """Say on disk that bytes are about to leave; return the target's new epoch. Committed and synced.

    allow: raises where the request may not go, by what the journal says under its one lock.
    clock_offset_s: the service's clock minus ours, None where no answer told it yet.

    Raises:
        StaleChunk: the chunk is not `planned` any more, its run was superseded, or somebody else sent something
            on this target since it was planned; nothing was sent, and nothing may be.
    """
    import hashlib

    with journal.transaction():
        frozen = journal.query_one("SELECT body_sha256 FROM chunk WHERE chunk_id = ?", (chunk.chunk_id,))
        if frozen is not None and hashlib.sha256(chunk.body).hexdigest() != frozen["body_sha256"]:
            raise faults.damaged(journal.shown, "a request is not what was planned")
        allow()
        moved = journal.execute(
            "UPDATE target SET epoch = epoch + 1 WHERE target_id = ? AND epoch ="
            " (SELECT epoch FROM chunk WHERE chunk_id = ?)",
            (chunk.target_id, chunk.chunk_id),
        )
        marked = journal.execute(
            "UPDATE chunk SET state = 'sending', sending_at = ?, clock_offset_s = ?, sender = ?"
            " WHERE chunk_id = ? AND state = 'planned'"
            " AND (SELECT state FROM run WHERE run.run_no = chunk.run_no) = 'confirmed'",
            (journal.now(), clock_offset_s, journal.sender, chunk.chunk_id),
        )
        journal.require_held()
        if (moved, marked) != (1, 1):
            raise StaleChunk("another process is working on this target; nothing was sent", hint="bhuman runs")
        _follow_epoch(journal, chunk)
        journal.open_requests.add(chunk.chunk_id)
        return targets.epoch(journal, chunk.target_id)


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
    record = journal.query_one(
        "SELECT * FROM answer WHERE chunk_id = ? ORDER BY answer_id DESC LIMIT 1", (chunk.chunk_id,)
    )
    if record is None:
        return None
    return Answer(
        status=record["status"], headers=faults.from_json(record["headers"]), body=record["body"], error=record["error"]
    )


def has_answer(journal: Journal, token: str) -> bool:
    """Say whether an answer to the attempt with this token is in the journal."""
    asked = (
        "SELECT 1 FROM chunk JOIN answer USING (chunk_id) WHERE token = ? AND answer.status IS NOT NULL"
        " UNION ALL SELECT 1 FROM chunk WHERE token = ? AND state = 'accepted'"
    )
    return journal.query_one(asked, (token, token)) is not None


def tokens(journal: Journal) -> set[str]:
    """Return the token of every attempt that this journal ever planned."""
    return {record[0] for record in journal.query("SELECT token FROM chunk")}


def bound_ids(journal: Journal, ids: Sequence[GenerationId]) -> set[str]:
    """Return those of ids that are bound already."""
    ids_bound = set()
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        marks = ",".join("?" * len(part))
        ids_bound |= {
            record[0]
            for record in journal.query(f"SELECT generation_id FROM claim WHERE generation_id IN ({marks})", part)
        }
    return ids_bound


def ids_of_chunk(journal: Journal, chunk: Chunk) -> set[str]:
    """Return the ids that a request was given."""
    return {
        record[0]
        for record in journal.query(
            "SELECT generation_id FROM claim WHERE chunk_id = ? AND generation_id IS NOT NULL", (chunk.chunk_id,)
        )
    }


def rows_of(journal: Journal, chunk: Chunk) -> list[tuple[int, bool]]:
    """Return (row_index, whether it has an id) of a request's rows, in order."""
    return [
        (record[0], bool(record[1]))
        for record in journal.query(
            "SELECT row_index, generation_id IS NOT NULL FROM claim WHERE chunk_id = ? AND row_index IS NOT NULL"
            " AND (live = 1 OR generation_id IS NOT NULL) ORDER BY row_index",
            (chunk.chunk_id,),
        )
    ]


def requests_of(journal: Journal, run: Run) -> list[dict[str, Any]]:
    """Return a run's requests with the ids they were given, also those that no record confirmed yet."""
    return [
        {
            "request": record["chunk_id"],
            "state": record["state"],
            "rows": record["rows"],
            "sent_at": record["sending_at"],
            "ids": [
                row[0]
                for row in journal.query(
                    "SELECT generation_id FROM claim WHERE chunk_id = ? AND generation_id IS NOT NULL ORDER BY place",
                    (record["chunk_id"],),
                )
            ],
        }
        for record in list(
            journal.query(
                "SELECT * FROM chunk WHERE run_no = ? AND sending_at IS NOT NULL ORDER BY chunk_id", (run.run_no,)
            )
        )
    ]


def ids_of_run(journal: Journal, run_no: int) -> set[str]:
    """Return the ids that a run's requests were given."""
    return {
        record[0]
        for record in journal.query(
            "SELECT generation_id FROM claim WHERE run_no = ? AND generation_id IS NOT NULL", (run_no,)
        )
    }


def ids_sent_after(journal: Journal, chunk: Chunk) -> set[str]:
    """Return the ids that later requests on the same target were given; requests are planned and sent one by one."""
    return {
        record[0]
        for record in journal.query(
            "SELECT generation_id FROM claim WHERE target_id = ? AND chunk_id > ? AND generation_id IS NOT NULL",
            (chunk.target_id, chunk.chunk_id),
        )
    }


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
        transition(journal, chunk, ("sending", "in_doubt"), ChunkState.ACCEPTED, "")
        now = journal.now()
        journal.execute_many(
            "UPDATE claim SET generation_id = ?, binding = 'provisional', status = 'queued', accepted_at = ?"
            " WHERE chunk_id = ? AND place = ? AND generation_id IS NULL",
            ((generation, now, chunk.chunk_id, place) for place, generation in enumerate(ids)),
        )
        claims.drop_payload(journal, chunk.chunk_id)
        events.add_accepted(journal, chunk.chunk_id)


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
            record["place"]: record["generation_id"] if record["binding"] != "conflict" else ""
            for record in list(
                journal.query("SELECT place, generation_id, binding FROM claim WHERE chunk_id = ?", (chunk.chunk_id,))
            )
        }
        if not is_anew:
            taken = {place: GenerationId(generation) for place, generation in before.items() if generation}
            added = {p: generation for p, generation in pairs.items() if generation not in taken.values()}
            pairs = added | taken
        state = ChunkState.ACCEPTED if len(pairs) == chunk.rows else ChunkState.IN_DOUBT
        transition(journal, chunk, ("mapping", "in_doubt", "accepted"), state, "" if state == "accepted" else reason)
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
            claims.drop_payload(journal, chunk.chunk_id)
        events.add_accepted(journal, chunk.chunk_id)


def to_mapping(journal: Journal, chunk: Chunk, reason: str) -> None:
    """Record that the chunk was accepted, but its ids must be asked which row they belong to."""
    with journal.transaction():
        transition(journal, chunk, ("sending", "in_doubt"), ChunkState.MAPPING, reason)


def mark_in_doubt(journal: Journal, chunk: Chunk, reason: str) -> None:
    """Record that nobody knows whether the chunk was accepted."""
    with journal.transaction():
        transition(journal, chunk, ("sending", "mapping"), ChunkState.IN_DOUBT, reason)
        events.add_doubt(journal, chunk.chunk_id)


def release(journal: Journal, chunk: Chunk, reason: str) -> None:
    """Record that the chunk was certainly not accepted and its rows may be sent again; they wait to be planned anew."""
    with journal.transaction():
        transition(journal, chunk, ("sending", "mapping"), ChunkState.RELEASED, reason)
        claims.return_rows(journal, chunk.chunk_id)


def reissue(journal: Journal, run: Run, chunk: Chunk, freeze: Freeze, reason: str) -> None:
    """Replace a chunk that was certainly not accepted (429, 401, 403) by a new attempt, `planned`. One commit.

    Not the same chunk again: a stored answer to the first attempt would be taken for one to the second after a crash.
    """
    with journal.transaction():
        transition(journal, chunk, ("sending", "mapping"), ChunkState.RELEASED, reason)
        rows = claims.reclaim_rows(journal, run, chunk.chunk_id)
        _insert(journal, run, rows, targets.epoch(journal, chunk.target_id), chunk.chunk_id, freeze)


def reject(journal: Journal, chunk: Chunk, reason: str) -> None:
    """Record that the chunk was certainly not accepted: its rows cost nothing and are offered again by a later run."""
    with journal.transaction():
        transition(journal, chunk, ("sending", "mapping", "planned"), ChunkState.REJECTED, reason)
        claims.return_rows(journal, chunk.chunk_id, row_state="rejected", plan=None, message=reason)
        journal.execute("UPDATE chunk SET body = NULL WHERE chunk_id = ?", (chunk.chunk_id,))


def split(journal: Journal, run: Run, chunk: Chunk, freeze: Freeze, reason: str) -> None:
    """Replace a refused chunk by its two halves, `planned`; their claims take over the rows in the same commit."""
    with journal.transaction():
        transition(journal, chunk, ("sending", "mapping"), ChunkState.SPLIT, reason)
        rows = claims.reclaim_rows(journal, run, chunk.chunk_id)
        middle = (len(rows) + 1) // 2
        for half in (rows[:middle], rows[middle:]):
            _insert(journal, run, half, targets.epoch(journal, chunk.target_id), chunk.chunk_id, freeze)


def release_planned(journal: Journal, target_id: int) -> None:
    """Give back every planned chunk on the target: certainly unsent, its rows wait to be planned anew. One commit."""
    with journal.transaction():
        _release_planned(journal, target_id)


def _release_planned(journal: Journal, target_id: int) -> None:
    for record in list(journal.query("SELECT * FROM chunk WHERE target_id = ? AND state = 'planned'", (target_id,))):
        chunk = _read(record)
        transition(journal, chunk, ("planned",), ChunkState.RELEASED, "given back unsent")
        claims.return_rows(journal, chunk.chunk_id)


def transition(journal: Journal, chunk: Chunk, before: tuple[str, ...], after: ChunkState, reason: str) -> None:
    """Move a chunk from one of the states before, inside a transition's transaction.

    Raises:
        StaleChunk: it is in none of them: another process changed it.
    """
    marks = ",".join("?" * len(before))
    moved = journal.execute(
        f"UPDATE chunk SET state = ?, reason = ?, judged_at = ? WHERE chunk_id = ? AND state IN ({marks})",
        (str(after), reason, journal.now(), chunk.chunk_id, *before),
    )
    if after in {ChunkState.MAPPING, ChunkState.IN_DOUBT}:
        journal.open_requests.add(chunk.chunk_id)
    else:
        journal.open_requests.discard(chunk.chunk_id)
    if moved != 1:
        raise StaleChunk(f"a request can't become {after}: another process changed it", hint="bhuman runs")
