"""A target's list looked at before a paid request: videos that this journal does not know, beside rows to be sent.

It sends, binds and frees nothing; what a look means is decided by `gate.other_memory`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bhuman_cli import errors
from bhuman_cli.api.wire import WireError
from bhuman_cli.domain import Generation, Status
from bhuman_cli.errors import Refusal
from bhuman_cli.gate import other_memory
from bhuman_cli.gate.other_memory import Finding, Marks, Rows, Video
from bhuman_cli.journal import chunks, generations, history, listed
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding import record_writer, spelling, video_list
from bhuman_cli.runs.binding.video_list import VideoList
from bhuman_cli.runs.context import RunContext

EVERY_S: Final = 30.0
MOST_ASKED: Final = 200  # unknown videos that the list shows without a text
_MARK_LENGTH: Final = spelling.SHORTEST_CUT


@dataclass(slots=True, kw_only=True)
class ListLook:
    """One command's looks. is_shared: colleagues make videos in this campaign. is_off: nothing is looked at."""

    is_shared: bool = False
    is_off: bool = False
    finding: Finding = field(default_factory=Finding)
    _looked_s: float = float("-inf")

    def refusal(self, context: RunContext, run: Run) -> Refusal | None:
        """Look, if the last look is older than 30 s; return why nothing may be sent, None where nothing is."""
        now = context.clock.monotonic_s()
        if self.is_off or now - self._looked_s < EVERY_S:
            return None
        self.finding = look(context, run, is_shared=self.is_shared)
        self._looked_s = context.clock.monotonic_s()
        return other_memory.refusal(self.finding, is_shared=self.is_shared)

    def judge_again(self, context: RunContext, run: Run) -> Refusal | None:
        """Look once more, however short ago the last look was: what is known has changed."""
        self._looked_s = float("-inf")
        return self.refusal(context, run)


def look(context: RunContext, run: Run, *, is_shared: bool = False) -> Finding:
    """Read what is new in the list, judge it once, and find the rows to be sent that unknown videos may be.

    A list that is closed to these credentials shows nothing, silently.
    """
    journal, target_id = context.journal, run.target_id
    payloads = history.to_send(journal, run)
    if not payloads:
        return Finding()
    try:
        read = _read(context, run)
    except errors.ApiError:
        return Finding()
    is_complete = read is not None and read.reached_end
    if read is not None:
        _judge(context, run, read.records)
    elif not listed.was_read(journal, target_id):
        return Finding()  # nothing says that it is open at all
    stored = listed.unknown(journal, target_id)
    states: dict[str, Generation] = {record.id: record for record in read.records} if read is not None else {}
    videos = [_video(item, marks, states.get(item)) for item, marks in stored]
    if not videos:
        return Finding(total=len(payloads), is_complete=is_complete)
    doubtful = _doubtful_marks(context, run)
    videos = [video for video in videos if not _is_of_doubt(video, doubtful)]
    rows = [json.loads(payload)[0] for payload in payloads]
    index = Rows([marks_of(row) for row in rows])
    finding = other_memory.find(videos, index, is_shared=is_shared, is_complete=is_complete)
    return _verified(context, finding, rows)


def marks_of(text: Iterable[str]) -> Marks:
    """Return the marks of a text's values: equal for values that fold to the same beginning."""
    starts = {spelling.fold(value)[:_MARK_LENGTH].strip() for value in text}
    return frozenset(hashlib.blake2b(start.encode(), digest_size=6).hexdigest() for start in starts if start)


def accept(journal: Journal, run: Run, finding: Finding) -> None:
    """Keep, by a person's word, that these videos are others'."""
    ids = [*finding.rows, *finding.unclear]
    listed.keep(journal, run.target_id, listed.OTHERS, ((item, None) for item in ids))


def _read(context: RunContext, run: Run) -> VideoList | None:
    """Read page 0, and the rest unless page 0 shows that nothing else came; None where no good answer comes now."""
    try:
        first = context.service.page(0)
    except (errors.ServiceDown, WireError):
        return None
    ids = [record.id for record in first.generations]
    journal = context.journal
    known_ids = listed.kept(journal, run.target_id, ids) | chunks.bound_ids(journal, ids)
    expected = listed.expected_total(journal, run.target_id)
    if known_ids.issuperset(ids) and not first.unreadable and first.total == expected:
        return VideoList(records=first.generations, is_complete=True, reached_end=True)
    return video_list.read_list(context, page=first)


def _judge(context: RunContext, run: Run, records: Sequence[Generation]) -> None:
    """Judge each listed video that was not judged before; ask those without a text by their ids."""
    journal, target_id = context.journal, run.target_id
    ids = [record.id for record in records]
    bound = chunks.bound_ids(journal, ids)
    known_ids = listed.kept(journal, target_id, ids)
    silent = {item for item, marks in listed.unknown(journal, target_id) if marks is None}
    ours = [item for item in ids if item in bound and item not in known_ids]
    new = [r for r in records if r.id not in bound and (r.id not in known_ids or r.id in silent)]
    unknown: list[tuple[str, Iterable[str] | None]] = []
    asked = 0
    for record in new:
        if video_list.is_foreign(record, run.target):
            continue
        text = record.text
        if text is None and asked < MOST_ASKED:
            asked += 1
            detail = record_writer.read_record(context, record.id)
            text = detail.text if detail is not None else None
        unknown.append((record.id, None if text is None else marks_of(text)))
    listed.keep(journal, target_id, listed.OURS, ((item, None) for item in ours))
    listed.keep(journal, target_id, listed.UNKNOWN, unknown)


def _video(item: str, marks: Marks | None, record: Generation | None) -> Video:
    status = record.status if record is not None else ""
    ended = status in {Status.SUCCEEDED, Status.FAILED}
    return Video(generation_id=item, marks=marks, is_ended=ended or record is None, has_failed=status == Status.FAILED)


def _doubtful_marks(context: RunContext, run: Run) -> Rows:
    """Return the rows of requests in doubt: an unknown video may be theirs, and they are settled elsewhere."""
    marks = [
        marks_of(fact.values)
        for chunk in chunks.unsettled(context.journal, run.target_id)
        for fact in generations.chunk_facts(context.journal, chunk.chunk_id)
        if fact.generation_id is None and fact.values is not None
    ]
    return Rows(marks)


def _is_of_doubt(video: Video, doubtful: Rows) -> bool:
    return video.marks is not None and bool(doubtful.fitting(video.marks))


def _verified(context: RunContext, finding: Finding, rows: Sequence[Sequence[str]]) -> Finding:
    """Compare the texts themselves where marks look alike, as long as they can be asked for."""
    sure: dict[str, frozenset[int]] = {}
    folded = {number: spelling.folded(rows[number]) for numbers in finding.rows.values() for number in numbers}
    for at, (item, numbers) in enumerate(finding.rows.items()):
        record = record_writer.read_record(context, item) if at < MOST_ASKED else None
        if record is None or record.text is None:
            sure[item] = numbers
            continue
        text = spelling.folded(record.text)
        if same := frozenset(number for number in numbers if spelling.resembles(text, folded[number])):
            sure[item] = same
    return Finding(total=finding.total, rows=sure, unclear=finding.unclear, is_complete=finding.is_complete)
