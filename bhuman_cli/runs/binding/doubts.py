"""Owns settling what is not certain: which id belongs to which row, and whether a request was accepted at all.

Evidence binds rows; only a complete list after the grace time, or a person, releases them. Nothing here sends anything
that costs money.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bhuman_cli import errors
from bhuman_cli.api.wire import Page, WireError
from bhuman_cli.domain import ChunkState, Generation, GenerationId, Target, TargetKind
from bhuman_cli.journal import chunks, decisions, generations
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.generations import ClaimFacts
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import judging, verdict
from bhuman_cli.runs.binding import match
from bhuman_cli.runs.context import RunContext

GRACE: Final = timedelta(minutes=15)
_BEFORE_SENT: Final = timedelta(minutes=5)
_AFTER_ANSWER: Final = timedelta(minutes=30)
PAGE_SIZE: Final = 100
_MOST_PAGES: Final = 500
_NO_SUCH_PAGE: Final = frozenset({400, 404, 416})  # what there is may be adopted, what there is not frees nothing
AT_ONCE: Final = 4
UNKNOWN_ASKS: Final = 3
UNKNOWN_APART_S: Final = 5.0  # three times over 10 s


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoList:
    """The target's list as far as it could be read. is_complete: read to its end, page 0 unchanged."""

    records: tuple[Generation, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCheck:
    """What a look for evidence left. doubtful: chunks still in doubt. is_list_open: the target's list was read."""

    doubtful: list[Chunk]
    is_list_open: bool


def read_record(context: RunContext, generation_id: str) -> Generation | None:
    """Return one record, None where the service knows none or gives no good answer now."""
    return try_record(context, generation_id)[0]


def is_foreign(generation: Generation, target: Target) -> bool:
    """Say whether the record names another campaign or instance than the one the row was sent to."""
    name = "campaign_id" if target.kind is TargetKind.CAMPAIGN else "video_instance_id"
    named = generation.raw.get(name)
    return isinstance(named, str) and bool(named) and named.lower() != target.api_id


def map_chunk(context: RunContext, run: Run, chunk: Chunk, ids: Sequence[GenerationId], reason: str) -> int:
    """Ask each id which row it belongs to and bind what is proven; the rest is in doubt. Returns how many were bound.

    If the service gives no good answer about any of them now, the chunk stays as it is for a later command.
    """
    journal = context.journal
    bound_already = chunks.bound_ids(journal, ids)
    read = [try_record(context, item) for item in ids if item not in bound_already]
    if read and all(is_unread for _, is_unread in read):
        return 0
    records = [found for found, _ in read if found is not None and not is_foreign(found, run.target)]
    facts = generations.chunk_facts(journal, chunk.chunk_id)
    bound = {fact.place: fact.generation_id for fact in facts if fact.generation_id is not None}
    unbound = [fact for fact in facts if fact.generation_id is None]
    found_now = match.match(unbound, map(match.as_record, records), rows=chunk.rows)
    if found_now or chunks.get(journal, chunk.chunk_id).state is ChunkState.MAPPING:
        _bind(context, chunk, bound | found_now, records, reason)
    return len(found_now)


def are_unknown(context: RunContext, ids: Sequence[GenerationId]) -> bool:
    """Say whether the service knows none of these ids, asked so often and so long apart that it would by now.

    Only beside a refusal: its words may hold ids of anything. False at the first good answer, or where there is none.
    """
    for asking in range(UNKNOWN_ASKS):
        if asking:
            context.stop.wait(context.clock, UNKNOWN_APART_S)
        if any(record is not None or is_unread for record, is_unread in (try_record(context, item) for item in ids)):
            return False
    return not context.stop.is_pressed


def try_record(context: RunContext, generation_id: str) -> tuple[Generation | None, bool]:
    """Return a record, None where the service knows none; and whether it gave no good answer."""
    try:
        return context.service.generation(generation_id), False
    except (errors.ApiError, errors.ServiceDown, WireError):
        return None, True


def _bind(
    context: RunContext,
    chunk: Chunk,
    pairs: Mapping[int, GenerationId],
    records: Iterable[Generation],
    reason: str,
    *,
    is_anew: bool = False,
) -> None:
    journal = context.journal
    said = f"{reason}; {len(pairs)} of {chunk.rows} rows are bound"
    chunks.bind(journal, chunk, pairs, reason=said, is_anew=is_anew)
    by_id = {record.id: record for record in records}
    with journal.transaction():
        for fact in generations.chunk_facts(journal, chunk.chunk_id):
            record = by_id.get(fact.generation_id) if fact.generation_id is not None else None
            if record is not None:
                generations.record(journal, fact.claim_id, record, "own")
                generations.mark_finished(journal, [fact.claim_id])


def rebind(context: RunContext, run: Run, chunk_id: int) -> bool:
    """Try to bind a request's ids anew after a record contradicted its place; True if every row found its own.

    All or nothing: only if all records prove one whole pairing. Else the conflicts stand, and no link is shown.
    """
    journal = context.journal
    facts = generations.chunk_facts(journal, chunk_id)
    records = [read_record(context, fact.generation_id) for fact in facts if fact.generation_id is not None]
    known = [record for record in records if record is not None and not is_foreign(record, run.target)]
    if len(known) != len(facts) or any(record.text is None for record in known):
        return False
    pairs = match.match(facts, map(match.as_record, known), rows=len(facts))
    if len(pairs) != len(facts):
        return False
    chunk = chunks.get(journal, chunk_id)
    _bind(context, chunk, pairs, known, "", is_anew=True)
    context.reporter.notice(f"the service returned {len(facts)} ids in another order than their rows; bound by content")
    return True


def read_list(context: RunContext) -> VideoList | None:
    """Read the target's whole list; None where it is closed to these credentials or can't be read now.

    It ends where the service's own total is reached, else with a page that brings nothing new after one that was not
    full. A short page alone is no end: it may be all that this service shows at once.
    """
    records: dict[str, Generation] = {}
    first: tuple[str, ...] = ()
    unreadable, was_short = 0, True
    try:
        for found in _all_pages(context):
            known = len(records)
            first = first or tuple(item.id for item in found.generations)
            records.update((item.id, item) for item in found.generations)
            unreadable += found.unreadable
            is_short = len(found.generations) + found.unreadable < PAGE_SIZE
            is_all = found.total is not None and len(records) + unreadable >= found.total
            is_over = len(records) == known and is_short
            if (is_short and is_all) or is_over:
                again = context.service.page(0)
                is_still = tuple(item.id for item in again.generations)[: len(first)] == first
                records.update((item.id, item) for item in again.generations)
                is_whole = is_all if found.total is not None else was_short or not found.generations
                return VideoList(records=tuple(records.values()), is_complete=is_still and is_whole and not unreadable)
            was_short = is_short
    except errors.ApiError as error:
        if not records or error.status not in _NO_SUCH_PAGE:
            return None
    except (errors.ServiceDown, WireError):
        return None
    return VideoList(records=tuple(records.values()), is_complete=False)


def _all_pages(context: RunContext) -> Iterator[Page]:
    """Yield the list's pages in order, a few asked for at once where it is said how many there are."""
    page = context.service.page(0)
    yield page
    last = 0 if context.pool is None or page.total is None else page.total // PAGE_SIZE
    place = 1
    while place < _MOST_PAGES:
        numbers = range(place, max(place + 1, min(place + AT_ONCE, last + 1, _MOST_PAGES)))
        yield from pages(context, numbers)
        place = numbers.stop


def pages(context: RunContext, numbers: Sequence[int]) -> Iterator[Page]:
    """Yield these pages of the target's list, asked for at once."""
    if context.pool is None or len(numbers) == 1:
        yield from map(context.service.page, numbers)
    else:
        yield from context.pool.map(context.service.page, numbers)


def settle_doubts(context: RunContext, run: Run) -> list[Chunk]:
    """Settle what evidence can settle on the run's target; return the chunks that stay in doubt."""
    return check(context, run).doubtful


def check(context: RunContext, run: Run) -> ListCheck:
    """Settle what evidence can settle on the run's target; return what stays in doubt, and if looking again may help.

    Looks at stored answers and callbacks first, then at the list where it is open. A chunk is freed only by a stored
    refusal, or by a complete list that holds the run's other chunks, after the grace time. One that is being sent is
    left to its sender.
    """
    journal = context.journal
    for chunk in chunks.unsettled(journal, run.target_id):
        if chunk.state is not ChunkState.SENDING:
            _settle_by_answer(context, run, chunk)
            _settle_by_callbacks(context, run, chunk)
    doubtful = [chunk for chunk in chunks.unsettled(journal, run.target_id) if chunk.state == "in_doubt"]
    listed = read_list(context) if doubtful else None
    if listed is not None:
        _settle_by_list(context, run, doubtful, listed)
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
    known = chunks.bound_ids(context.journal, ids)
    fresh = [item for item in ids if item not in known]
    if fresh and chunks.get(context.journal, chunk.chunk_id).state in {ChunkState.MAPPING, ChunkState.IN_DOUBT}:
        map_chunk(context, run, chunk, fresh, chunk.reason or "mapped from callbacks")


def _settle_by_list(context: RunContext, run: Run, doubtful: Sequence[Chunk], listed: VideoList) -> None:
    journal = context.journal
    known = chunks.bound_ids(journal, [item.id for item in listed.records])
    unknown = [item for item in listed.records if item.id not in known and not is_foreign(item, run.target)]
    unbound: dict[int, list[ClaimFacts]] = {}
    candidates: dict[GenerationId, Generation] = {}
    for chunk in doubtful:
        unbound[chunk.chunk_id] = [
            fact for fact in generations.chunk_facts(journal, chunk.chunk_id) if fact.generation_id is None
        ]
        candidates |= {item.id: item for item in unknown if _is_in_window(item, chunk)}
    pairs = match.match_exactly(unbound, map(match.as_record, candidates.values()))
    for chunk in doubtful:
        found = pairs.get(chunk.chunk_id)
        if found:
            confirmed = [record for item in found.values() if (record := read_record(context, item)) is not None]
            texts = {record.id: match.as_record(record).text_key for record in confirmed}
            keys = {fact.place: fact.text_key for fact in unbound[chunk.chunk_id]}
            if all(texts.get(item) == keys[place] for place, item in found.items()):
                bound = {
                    fact.place: fact.generation_id
                    for fact in generations.chunk_facts(journal, chunk.chunk_id)
                    if fact.generation_id is not None
                }
                _bind(context, chunk, {**bound, **found}, confirmed, chunk.reason)
        elif not candidates and _may_free(context, run, chunk, listed):
            freed = decisions.release_rows(journal, chunk, why="not accepted", run_id=run.run_id)
            context.reporter.notice(f"{freed} rows were certainly not accepted and are sent again")


def _is_in_window(record: Generation, chunk: Chunk) -> bool:
    if not record.created_at or not chunk.sending_at:
        return False
    created = datetime.fromisoformat(record.created_at)
    sent = datetime.fromisoformat(chunk.sending_at)
    lost = datetime.fromisoformat(chunk.judged_at or chunk.sending_at)
    return sent - _BEFORE_SENT <= created <= lost + _AFTER_ANSWER


def _may_free(context: RunContext, run: Run, chunk: Chunk, listed: VideoList) -> bool:
    """Absence is proof only if the list is complete, shows this run's other videos, and time has passed."""
    lost = datetime.fromisoformat(chunk.judged_at or chunk.sending_at)
    if not listed.is_complete or context.clock.now() - lost < GRACE:
        return False
    others = [
        found[0]
        for found in context.journal.query(
            "SELECT generation_id FROM claim WHERE run_no = ? AND generation_id IS NOT NULL", (chunk.run_no,)
        )
    ]
    in_list = {record.id for record in listed.records}
    return bool(others) and all(item in in_list for item in others) and run.target_id == chunk.target_id
