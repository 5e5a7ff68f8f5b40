"""What is not certain, settled by evidence: which id belongs to which row, whether a request was accepted at all.

Evidence binds rows; only a complete list after the grace time, or a person, releases them. Nothing here sends anything
that costs money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli.domain import ChunkState, GenerationId
from bhuman_cli.journal import chunks, decisions, generations
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import judging, verdict
from bhuman_cli.runs.binding import by_list, match, record_writer, video_list
from bhuman_cli.runs.context import RunContext

UNKNOWN_ASKS: Final = 3
UNKNOWN_APART_S: Final = 5.0  # three times over 10 s


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCheck:
    """What a look for evidence left. doubtful: chunks still in doubt. is_list_open: the target's list was read."""

    doubtful: list[Chunk]
    is_list_open: bool


def map_chunk(context: RunContext, run: Run, chunk: Chunk, ids: Sequence[GenerationId], reason: str) -> int:
    """Ask each id which row it belongs to and bind what is proven; the rest is in doubt. Returns how many were bound.

    If the service gives no good answer about any of them now, the chunk stays as it is for a later command.
    """
    journal = context.journal
    bound_already = chunks.bound_ids(journal, ids)
    read = [record_writer.try_record(context, item) for item in ids if item not in bound_already]
    if read and all(is_unread for _, is_unread in read):
        return 0
    records = [record for record, _ in read if record is not None and not video_list.is_foreign(record, run.target)]
    facts = generations.chunk_facts(journal, chunk.chunk_id)
    bound = {fact.place: fact.generation_id for fact in facts if fact.generation_id is not None}
    unbound = [fact for fact in facts if fact.generation_id is None]
    found_now = match.match(unbound, map(match.as_record, records), rows=chunk.rows)
    if found_now or chunks.get(journal, chunk.chunk_id).state is ChunkState.MAPPING:
        record_writer.bind(journal, chunk, bound | found_now, records, reason)
    return len(found_now)


def are_unknown(context: RunContext, ids: Sequence[GenerationId]) -> bool:
    """Say whether the service knows none of these ids, asked so often and so long apart that it would by now.

    Only beside a refusal: its words may hold ids of anything. False at the first good answer, or where there is none.
    """
    for asking in range(UNKNOWN_ASKS):
        if asking:
            context.stop.wait(context.clock, UNKNOWN_APART_S)
        if any(
            record is not None or is_unread
            for record, is_unread in (record_writer.try_record(context, item) for item in ids)
        ):
            return False
    return not context.stop.is_pressed


def rebind(context: RunContext, run: Run, chunk_id: int) -> bool:
    """Try to bind a request's ids anew after a record contradicted its place; True if every row found its own.

    All or nothing: only if all records prove one whole pairing. Else the conflicts stand, and no link is shown.
    """
    journal = context.journal
    facts = generations.chunk_facts(journal, chunk_id)
    records = [
        record_writer.read_record(context, fact.generation_id) for fact in facts if fact.generation_id is not None
    ]
    readable = [record for record in records if record is not None and not video_list.is_foreign(record, run.target)]
    if len(readable) != len(facts) or any(record.text is None for record in readable):
        return False
    pairs = match.match(facts, map(match.as_record, readable), rows=len(facts))
    if len(pairs) != len(facts):
        return False
    chunk = chunks.get(journal, chunk_id)
    record_writer.bind(journal, chunk, pairs, readable, "", is_anew=True)
    context.reporter.notice(f"the service returned {len(facts)} ids in another order than their rows; bound by content")
    return True


def settle_doubts(context: RunContext, run: Run) -> list[Chunk]:
    """Settle what evidence can settle on the run's target; return the chunks that stay in doubt."""
    return check(context, run).doubtful


def check(context: RunContext, run: Run) -> ListCheck:
    """Settle what evidence can settle on the run's target; return what stays in doubt, and if looking again may help.

    Looks at stored answers and callbacks first, then at the list where it is open. A chunk is freed only by a stored
    refusal, or by its absence from the list with all the evidence of `by_list`. One that is being sent is left to its
    sender.
    """
    journal = context.journal
    for chunk in chunks.unsettled(journal, run.target_id):
        if chunk.state is not ChunkState.SENDING:
            _settle_by_answer(context, run, chunk)
            _settle_by_callbacks(context, run, chunk)
    doubtful = [chunk for chunk in chunks.unsettled(journal, run.target_id) if chunk.state == "in_doubt"]
    listed = video_list.read_list(context) if doubtful else None
    by_list.note_time(context, doubtful)
    if listed is not None:
        by_list.settle(context, run, doubtful, listed)
    left = [chunk for chunk in chunks.unsettled(journal, run.target_id) if chunk.state == "in_doubt"]
    return ListCheck(doubtful=left, is_list_open=listed is not None)


def _settle_by_answer(context: RunContext, run: Run, chunk: Chunk) -> None:
    answer = chunks.last_answer(context.journal, chunk)
    if answer is None:
        return
    match judging.judge(context.journal, chunk, answer):
        case verdict.NeedsMapping(ids=ids, otherwise=otherwise) if otherwise is not None and are_unknown(context, ids):
            _release_refused(context, run, chunk)
        case verdict.Accepted(ids=ids) | verdict.NeedsMapping(ids=ids):
            map_chunk(context, run, chunk, ids, chunk.reason or "mapped from the stored answer")
        case verdict.Rejected() | verdict.NoMoney() | verdict.Resendable():
            # Another copy called it in doubt while its sender still waited for this answer.
            _release_refused(context, run, chunk)


def _release_refused(context: RunContext, run: Run, chunk: Chunk) -> None:
    if chunk.state is ChunkState.IN_DOUBT:
        decisions.release_rows(context.journal, chunk, why="not accepted", run_id=run.run_id)
    else:
        chunks.release(context.journal, chunk, "not accepted")


def _settle_by_callbacks(context: RunContext, run: Run, chunk: Chunk) -> None:
    """A callback that came for this attempt's own token names a video of this very request."""
    ids = context.callbacks(chunk.token)
    bound_ids = chunks.bound_ids(context.journal, ids)
    fresh = [item for item in ids if item not in bound_ids]
    if fresh and chunks.get(context.journal, chunk.chunk_id).state in {ChunkState.MAPPING, ChunkState.IN_DOUBT}:
        map_chunk(context, run, chunk, fresh, chunk.reason or "mapped from callbacks")
