"""Links that come after a video's end: WhatsApp's, thumbnail, GIF. Waits for none of them.

A callback only says whom to ask; what is kept comes from the record. Few requests: where questions bring nothing, no
more are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bhuman_cli.domain import Generation
from bhuman_cli.journal import generations
from bhuman_cli.journal.generations import MissingLinks
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding import record_writer, video_list
from bhuman_cli.runs.binding.record_updates import RecordUpdater
from bhuman_cli.runs.context import RunContext

MISSES: Final = 5
"""Questions in a row that bring nothing, before the others of their kind are left to a later command."""


def fetch_late_links(
    context: RunContext, run: Run, *, announced_only: bool = False, is_over: Callable[[], bool] = lambda: False
) -> int:
    """Ask about finished videos that lack a link, and keep what their records say now; return how many gained one.

    announced_only: leaves alone those of which no callback told. is_over: looked at between questions.
    """
    told = announced_links(context, run)
    gained = _ask(context, run, told, is_over)
    if announced_only:
        return gained
    asked = {item.waiting.claim_id for item in told}
    others = [item for item in generations.missing_links(context.journal, run) if item.waiting.claim_id not in asked]
    context.rng.shuffle(others)  # the first few may be those whose pictures never come
    return gained + _ask(context, run, others, is_over)


def announced_links(context: RunContext, run: Run) -> list[MissingLinks]:
    """Return the run's videos whose WhatsApp link was announced and is not here, the newest announcement first."""
    places = {generation_id: at for at, generation_id in enumerate(context.announced())}
    if not places:
        return []
    missing = generations.missing_links(context.journal, run, whatsapp=True)
    told = [item for item in missing if item.waiting.generation_id in places]
    return sorted(told, key=lambda item: places[item.waiting.generation_id])


def _ask(context: RunContext, run: Run, items: Sequence[MissingLinks], is_over: Callable[[], bool]) -> int:
    """Ask about each, a few at once; end at the first question without a good answer, or after MISSES in a row."""
    learning = RecordUpdater(run=run, context=context)
    gained = missed = 0
    many = max(1, min(context.in_flight, MISSES)) if context.pool is not None else 1
    for start in range(0, len(items), many):
        if missed >= MISSES or context.stop.is_pressed or is_over():
            break
        some = items[start : start + many]
        answers = list((context.pool.map if context.pool is not None else map)(_question(context), some))
        if any(is_unread for _, is_unread in answers):
            break
        readable = [
            (item, record)
            for item, (record, _) in zip(some, answers, strict=True)
            if record is not None and _brings(item, record) and not video_list.is_foreign(record, run.target)
        ]
        if readable:
            learning.write([(item.waiting, record) for item, record in readable])
        gained += len(readable)
        missed = 0 if readable else missed + len(some)
    return gained


def _question(context: RunContext) -> Callable[[MissingLinks], tuple[Generation | None, bool]]:
    return lambda item: record_writer.try_record(context, item.waiting.generation_id)


def _brings(item: MissingLinks, record: Generation) -> bool:
    """Say whether the record is this video's, finished as before, and has a link that is missing."""
    if record.id != item.waiting.generation_id or record.status != "succeeded" or not record.url:
        return False
    return any(getattr(record, name) for name in item.names)
