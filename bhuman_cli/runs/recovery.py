"""Owns what an earlier stop left behind: requests being sent, answers kept elsewhere. Sends nothing.

Call it under the target's lock: a `sending` chunk then has no living sender.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bhuman_cli.api.post_result import PostResponse
from bhuman_cli.domain import ChunkState
from bhuman_cli.journal import chunks
from bhuman_cli.journal.chunks import Answer, Chunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.runs import judging, verdict

KILLED: Final = "the program ended while the request was on its way"
_PREFIX: Final = "bhuman-answer-"


def reopen(journal: Journal, target_id: int, places: Sequence[Path]) -> None:
    """Judge what was being sent when an earlier process ended, and give back what was only planned.

    places: folders in which an answer may have been kept outside the journal.
    A chunk with a stored answer is judged from it; one without is in doubt, never sent again by itself.
    """
    for chunk in chunks.unsettled(journal, target_id):
        if chunk.state is ChunkState.SENDING:
            _judge(journal, chunk, places)
    chunks.release_planned(journal, target_id)


def _judge(journal: Journal, chunk: Chunk, places: Sequence[Path]) -> None:
    answer = chunks.last_answer(journal, chunk)
    if answer is None:
        answer = _answer_aside(chunk, places)
        if answer is not None:
            chunks.record_answer(journal, chunk, answer)
    if answer is None:
        chunks.mark_in_doubt(journal, chunk, KILLED)
        return
    match judging.judge(journal, chunk, answer):
        case verdict.Accepted(ids=ids):
            chunks.accept(journal, chunk, ids)
        case verdict.NeedsMapping(reason=reason):
            chunks.to_mapping(journal, chunk, reason)
        case verdict.InDoubt(reason=reason):
            chunks.mark_in_doubt(journal, chunk, reason)
        case (  # pragma: no branch - there is no other
            verdict.Rejected(reason=reason) | verdict.NoMoney(reason=reason) | verdict.Resendable(reason=reason)
        ):
            chunks.release(journal, chunk, reason)  # certainly not taken: planned anew, and refused anew if it must be


def save_answer_aside(chunk: Chunk, response: PostResponse, places: Sequence[Path]) -> str:
    """Keep an answer outside the journal, in the first place that takes it; return the file, "" if none does."""
    text = json.dumps(
        {
            "token": chunk.token,
            "status": response.status,
            "headers": dict(response.headers),
            "body": base64.b64encode(response.body).decode(),
            "error": response.error,
        }
    )
    for place in places:
        path = place / f"{_PREFIX}{chunk.token}.json"
        try:
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return str(path)
    return ""


def _answer_aside(chunk: Chunk, places: Sequence[Path]) -> Answer | None:
    for place in places:
        try:
            kept = json.loads((place / f"{_PREFIX}{chunk.token}.json").read_text(encoding="utf-8"))
            return Answer(
                status=kept["status"], headers=kept["headers"], body=base64.b64decode(kept["body"]), error=kept["error"]
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None
