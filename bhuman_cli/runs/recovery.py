"""Recovery after a stop: requests that were being sent, answers kept elsewhere. Sends nothing.

Call it under the target's lock: a `sending` chunk then has no living sender.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bhuman_cli.api.post_result import PostResponse
from bhuman_cli.domain import ChunkState, GenerationId, Target
from bhuman_cli.journal import chunks
from bhuman_cli.journal.chunks import Answer, Chunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.runs import judging, verdict

KILLED: Final = "the program ended while the request was on its way"
_PREFIX: Final = "bhuman-answer-"


def reopen(journal: Journal, target_id: int, places: Sequence[Path]) -> None:
    """Judge what was being sent when an earlier process ended, and give back what was only planned.

    places: folders in which an answer may have been kept outside the journal; a file is removed once its answer is
        in the journal.
    A chunk with a stored answer is judged from it; one without is in doubt, never sent again by itself.
    """
    answers = _kept(places)
    for chunk in chunks.unsettled(journal, target_id):
        files = answers.get(chunk.token, [])
        if chunk.state is ChunkState.SENDING or (chunk.state is ChunkState.IN_DOUBT and files):
            _judge(journal, chunk, files)
    for token in answers:
        if chunks.has_answer(journal, token):
            for file in answers[token]:
                with contextlib.suppress(OSError):
                    file.path.unlink()
    chunks.release_planned(journal, target_id)


def _judge(journal: Journal, chunk: Chunk, files: Sequence[_Kept]) -> None:
    if files and files[0].is_unsent and chunk.state is ChunkState.SENDING:
        chunks.release(journal, chunk, "not sent: the journal's server did not answer")
        files[0].path.unlink(missing_ok=True)
        return
    answer = chunks.last_answer(journal, chunk)
    if files and (answer is None or answer.status is None):
        answer = files[0].answer
        chunks.record_answer(journal, chunk, answer)
    if answer is None:
        chunks.mark_in_doubt(journal, chunk, KILLED)
        return
    match judging.judge(journal, chunk, answer):
        case verdict.Accepted(ids=ids):
            chunks.accept(journal, chunk, ids)
        case verdict.NeedsMapping(reason=reason):
            chunks.to_mapping(journal, chunk, reason)
        case _ if chunk.state is ChunkState.IN_DOUBT:
            pass  # an answer without ids settles no doubt: people have been told of it
        case verdict.InDoubt(reason=reason):
            chunks.mark_in_doubt(journal, chunk, reason)
        case (  # pragma: no branch - there is no other
            verdict.Rejected(reason=reason) | verdict.NoMoney(reason=reason) | verdict.Resendable(reason=reason)
        ):
            chunks.release(journal, chunk, reason)  # certainly not taken: planned anew, and refused anew if it must be


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """An answer outside the journal. target: (service, kind, id), None in a file of 0.1.0."""

    path: Path
    answer: Answer
    target: list[str] | None
    is_unsent: bool = False


def unknown_answers(journal: Journal, target: Target, places: Sequence[Path]) -> list[tuple[Path, list[GenerationId]]]:
    """Return the answers kept for requests that this journal does not know, and the ids in them.

    They were sent by a journal that is gone: lost, or replaced by an older one. Those of another target are left out.
    """
    answers = _kept(places)
    tokens = chunks.tokens(journal) if answers else set()
    own = [target.service, str(target.kind), target.api_id]
    return [
        (file.path, [identifier for identifier in verdict.named_ids(file.answer) if identifier != target.api_id])
        for token, files in answers.items()
        if token not in tokens
        for file in files[:1]
        if file.target in (None, own)
    ]


def save_answer_aside(chunk: Chunk, response: PostResponse, places: Sequence[Path], target: Target) -> str:
    """Keep an answer outside the journal, in the first place that takes it; return the file, "" if none does."""
    text = json.dumps(
        {
            "token": chunk.token,
            "target": [target.service, str(target.kind), target.api_id],
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


def save_unsent_aside(chunk: Chunk, places: Sequence[Path], target: Target) -> None:
    """Keep the word that not a byte of a request was sent, for the next command of this machine."""
    nothing = PostResponse(status=None, headers={}, body=b"", error="not sent")
    path = save_answer_aside(chunk, nothing, places, target)
    with contextlib.suppress(OSError, ValueError):
        unsent = json.loads(Path(path).read_text(encoding="utf-8"))
        Path(path).write_text(json.dumps({**unsent, "unsent": True}), encoding="utf-8")


def _kept(places: Sequence[Path]) -> dict[str, list[_Kept]]:
    """Return the answers in these folders by their request's token; what can't be read as one is left out."""
    answers: dict[str, list[_Kept]] = {}
    for place in dict.fromkeys(places):
        for path in sorted(place.glob(f"{_PREFIX}*.json")):
            try:
                if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
                    continue  # in a folder for everybody another user's file is nobody's word
                fields = json.loads(path.read_text(encoding="utf-8"))
                answer = Answer(
                    status=fields["status"], headers=fields["headers"], body=base64.b64decode(fields["body"]),
                    error=fields["error"],
                )  # fmt: skip
                answers.setdefault(str(fields["token"]), []).append(
                    _Kept(path=path, answer=answer, target=fields.get("target"), is_unsent=fields.get("unsent") is True)
                )
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
    return answers
