"""Doubts settled by a target's list: videos found there are bound; absence frees only with all the evidence there is.

A list may be short, lag, leave unfinished videos out or change while it is read; clocks may be off. None of that may
free a request that was accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from bhuman_cli.clock import iso_utc
from bhuman_cli.domain import Generation, GenerationId, Status
from bhuman_cli.journal import chunks, decisions, generations, targets
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.generations import ClaimFacts
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding import match, record_writer, spelling, video_list
from bhuman_cli.runs.binding.video_list import VideoList
from bhuman_cli.runs.context import RunContext

GRACE: Final = timedelta(minutes=15)
_BEFORE_SENT: Final = timedelta(minutes=5)
_AFTER_ANSWER: Final = timedelta(minutes=30)


def note_time(context: RunContext, doubtful: Sequence[Chunk]) -> None:
    """Keep what time it is at the service, for requests whose answer was lost before that was known."""
    seen = context.service.service_time
    if seen is None:
        return
    for chunk in doubtful:
        lost = datetime.fromisoformat(chunk.judged_at or chunk.sending_at)
        if not chunk.lost_at and seen.seen_at >= lost:
            targets.note_service_time(context.journal, chunk.chunk_id, at=iso_utc(seen.at), offset_s=seen.offset_s)


def note_unfinished(context: RunContext, run: Run, records: Iterable[Generation]) -> None:
    """Keep that this list shows videos of ours that are not finished, if it does: it is no list of finished ones."""
    unfinished = [item.id for item in records if item.status not in {Status.SUCCEEDED, Status.FAILED, ""}]
    if unfinished and chunks.bound_ids(context.journal, unfinished):
        targets.note_unfinished_in_list(context.journal, run.target_id)


def settle(context: RunContext, run: Run, doubtful: Sequence[Chunk], listed: VideoList) -> None:
    """Bind what the list shows of doubtful requests; free what it proves to be missing."""
    note_unfinished(context, run, listed.records)
    doubtful = [chunks.get(context.journal, chunk.chunk_id) for chunk in doubtful]
    unbound = {chunk.chunk_id: _unbound(context, chunk) for chunk in doubtful}
    unknown = _unknown(context, run, listed)
    candidates = {item.id: item for chunk in doubtful for item in unknown if _is_in_window(item, chunk)}
    pairs = match.match_exactly(
        unbound,
        map(match.as_record, candidates.values()),
        respellings=targets.respellings(context.journal, run.target_id),
    )
    for chunk in doubtful:
        if pair := pairs.get(chunk.chunk_id):
            _bind(context, chunk, unbound[chunk.chunk_id], pair)
        elif _is_absent(context, run, chunk, unbound[chunk.chunk_id], listed):
            # A second reading, past the total that the service names, must say the same.
            again = video_list.read_list(context, beyond_total=True)
            if again is not None and _is_absent(context, run, chunk, unbound[chunk.chunk_id], again):
                freed = decisions.release_rows(context.journal, chunk, why="not accepted", run_id=run.run_id)
                context.reporter.notice(f"{freed} rows were certainly not accepted and are sent again")


def _unbound(context: RunContext, chunk: Chunk) -> list[ClaimFacts]:
    facts = generations.chunk_facts(context.journal, chunk.chunk_id)
    return [fact for fact in facts if fact.generation_id is None]


def _unknown(context: RunContext, run: Run, listed: VideoList) -> list[Generation]:
    bound_ids = chunks.bound_ids(context.journal, [item.id for item in listed.records])
    return [item for item in listed.records if item.id not in bound_ids and not video_list.is_foreign(item, run.target)]


def _bind(context: RunContext, chunk: Chunk, facts: Sequence[ClaimFacts], pairs: dict[int, GenerationId]) -> None:
    """Bind, if each video's own record names the same text as the list."""
    records = {item: record_writer.read_record(context, item) for item in pairs.values()}
    confirmed = {key: record for key, record in records.items() if record is not None}
    offered = match.match_exactly(
        {chunk.chunk_id: facts},
        map(match.as_record, confirmed.values()),
        respellings=targets.respellings(context.journal, chunk.target_id),
    )
    if offered.get(chunk.chunk_id, {}).keys() != pairs.keys():
        return
    bound = {
        fact.place: fact.generation_id
        for fact in generations.chunk_facts(context.journal, chunk.chunk_id)
        if fact.generation_id is not None
    }
    whole = {**bound, **offered[chunk.chunk_id]}
    record_writer.bind(context.journal, chunk, whole, confirmed.values(), chunk.reason)


def _is_in_window(record: Generation, chunk: Chunk) -> bool:
    """Say whether a video was made about when the request was sent, by the service's clock."""
    if not record.created_at or not chunk.sending_at:
        return False
    off = timedelta(seconds=chunk.clock_offset_s or 0.0)
    created = datetime.fromisoformat(record.created_at)
    sent = datetime.fromisoformat(chunk.sending_at) + off
    lost = datetime.fromisoformat(chunk.judged_at or chunk.sending_at) + off
    return sent - _BEFORE_SENT <= created <= lost + _AFTER_ANSWER


def _is_absent(context: RunContext, run: Run, chunk: Chunk, unbound: Sequence[ClaimFacts], listed: VideoList) -> bool:
    """Say whether the list proves that none of a request's unbound rows was accepted."""
    if chunks.is_another_machines(context.journal, chunk):
        return False  # only its own record, or a person, can say that it was not sent
    if not listed.is_complete or not _shows_unfinished(chunk) or not is_grace_over(context, chunk):
        return False
    in_list = {record.id for record in listed.records}
    others = chunks.ids_of_run(context.journal, chunk.run_no)
    later = chunks.ids_sent_after(context.journal, chunk)
    if not others or not others <= in_list or not later & in_list:
        return False
    return not any(_may_be_of(context, item, unbound) for item in _unknown(context, run, listed))


def _shows_unfinished(chunk: Chunk) -> bool:
    """Say whether the list was seen, since the request is open, to show a video of ours that was not finished."""
    return chunk.list_shows_unfinished


def is_grace_over(context: RunContext, chunk: Chunk) -> bool:
    """Say whether the service's own clock is past the time in which an accepted video may still be missing."""
    seen = context.service.service_time
    return bool(chunk.lost_at) and seen is not None and seen.at - datetime.fromisoformat(chunk.lost_at) >= GRACE


def _may_be_of(context: RunContext, record: Generation, unbound: Sequence[ClaimFacts]) -> bool:
    """Say whether an unknown video may be one of these rows', whenever it was made; one without a text may be any."""
    text = record.text
    if text is None:
        asked = record_writer.read_record(context, record.id)
        text = asked.text if asked is not None else None
    if text is None:
        return True
    wanted = spelling.folded(text)
    return any(fact.values is None or spelling.resembles(wanted, spelling.folded(fact.values)) for fact in unbound)
