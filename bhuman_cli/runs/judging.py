"""Answers judged for a request of the journal: looks up what `verdict` needs, decides nothing itself."""

from __future__ import annotations

from bhuman_cli.journal import chunks
from bhuman_cli.journal.chunks import Answer, Chunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.runs import verdict
from bhuman_cli.runs.verdict import Asked, Verdict


def judge(journal: Journal, chunk: Chunk, answer: Answer) -> Verdict:
    """Say what an answer means for this request, as the journal stands now.

    Ids that were bound to this request's own rows since are still what makes the answer no refusal.
    """
    bound_ids = chunks.bound_ids(journal, verdict.named_ids(answer)) - chunks.ids_of_chunk(journal, chunk)
    return verdict.judge(answer, Asked(rows=chunk.rows, body=chunk.body, known=frozenset(bound_ids)))
