"""Records asked one by one, and the ids that they prove written to the journal. It decides no binding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bhuman_cli import errors
from bhuman_cli.api.wire import WireError
from bhuman_cli.domain import Generation, GenerationId
from bhuman_cli.journal import chunks, generations
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.runs.context import RunContext


def read_record(context: RunContext, generation_id: str) -> Generation | None:
    """Return one record, None where the service knows none or gives no good answer now."""
    return try_record(context, generation_id)[0]


def try_record(context: RunContext, generation_id: str) -> tuple[Generation | None, bool]:
    """Return a record, None where the service knows none; and whether it gave no good answer."""
    try:
        return context.service.generation(generation_id), False
    except (errors.ApiError, errors.ServiceDown, WireError):
        return None, True


def bind(
    journal: Journal,
    chunk: Chunk,
    pairs: Mapping[int, GenerationId],
    records: Iterable[Generation],
    reason: str,
    *,
    is_anew: bool = False,
) -> None:
    """Bind ids to places and keep their records. is_anew: places that are not in pairs lose their ids."""
    said = f"{reason}; {len(pairs)} of {chunk.rows} rows are bound"
    chunks.bind(journal, chunk, pairs, reason=said, is_anew=is_anew)
    by_id = {record.id: record for record in records}
    with journal.transaction():
        for fact in generations.chunk_facts(journal, chunk.chunk_id):
            record = by_id.get(fact.generation_id) if fact.generation_id is not None else None
            if record is not None:
                generations.record(journal, fact.claim_id, record, "own")
                generations.mark_finished(journal, [fact.claim_id])
