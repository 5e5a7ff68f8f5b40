"""Matching of a run's rows with the videos that are paid already, and of equal rows with one another.

Both sides are read in the order of their identities and walked once, so that what a person repeats grows with the rows.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.planning import MAX_ATTEMPTS, PAID_STATES
from bhuman_cli.journal.runs import Run

_BATCH: Final = 500

T = TypeVar("T")

SUCCEEDED, UNFINISHED, IN_DOUBT, FAILED = range(4)
"""What a video is to the rows that could show it, the best first."""

_RANK: Final = f"""CASE
  WHEN claim.binding = 'conflict' THEN {IN_DOUBT}
  WHEN claim.status = 'failed' THEN {FAILED}
  WHEN claim.status = 'succeeded' AND claim.url <> '' THEN {SUCCEEDED}
  WHEN claim.generation_id IS NOT NULL THEN {UNFINISHED}
  ELSE {IN_DOUBT} END"""


@dataclass(frozen=True, slots=True)
class EqualRow:
    """One of the rows of an identity. video: the claim it shows; owner: the row whose video it shows; None for none.

    may_reuse: False where `--again` has it paid anew.
    """

    row_index: int
    selected: bool
    video: int | None
    owner: int | None
    may_reuse: bool = True


@dataclass(frozen=True, slots=True)
class PaidVideo:
    """One of the videos of an identity."""

    claim_id: int
    rank: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a row shows from now on: a video of its own, or that of another row."""

    row_index: int
    video: int | None = None
    owner: int | None = None


def assign(
    rows: Sequence[EqualRow], videos: Sequence[PaidVideo], shown: Mapping[int, int], *, shares: bool
) -> Iterator[Assignment]:
    """Deal the videos of one identity out to its rows; yield what changes.

    rows: selected ones first, in row order. videos: all of the identity. shown: row_index → the video that the row
    showed before. shares: a row that is left without one shows another row's; of rows without any video the first is
    rendered, and the others wait for its.
    """
    taken = {row.video for row in rows}
    best = min((video.rank for video in videos), default=FAILED)
    free = {
        video.claim_id: video
        for video in sorted(videos, key=lambda video: (video.rank, -video.claim_id))
        # Where one succeeded, a failed one is no reason to show nothing, or to pay for another.
        if video.claim_id not in taken and not (shares and video.rank == FAILED and best < FAILED)
    }
    owners = [(row.video, row.row_index) for row in rows if row.video is not None]
    rank_of = {video.claim_id: video.rank for video in videos}
    wanting = [row for row in rows if row.video is None]
    for row in wanting:
        if row.may_reuse and (before := shown.get(row.row_index)) in free:
            del free[before]
            owners.append((before, row.row_index))
            yield Assignment(row.row_index, video=before)
    served = {row_index for _, row_index in owners}
    for row in wanting:
        if row.may_reuse and free and row.row_index not in served:
            video = free.pop(next(iter(free)))
            owners.append((video.claim_id, row.row_index))
            served.add(row.row_index)
            yield Assignment(row.row_index, video=video.claim_id)
    if shares:
        left = [row for row in wanting if row.row_index not in served]
        reusable = [(rank_of.get(claim, UNFINISHED), claim, row_index) for claim, row_index in owners]
        yield from _share(left, min(reusable)[2] if reusable else None)


def _share(rows: Sequence[EqualRow], owner: int | None) -> Iterator[Assignment]:
    first = next((row.row_index for row in rows if row.selected and row.owner is None), None)
    for row in rows:
        if row.owner is not None and owner is None:
            continue  # it waits for its owner, which may have been refused
        of = owner if owner is not None and row.may_reuse else first
        if of is not None and of not in {row.row_index, row.owner} and (row.selected or of == owner):
            yield Assignment(row.row_index, owner=of)


def match(journal: Journal, run: Run) -> None:
    """Decide for each row whether it is new, reused, retried or shared; idempotent, one commit.

    Selected rows are served first, so that running the same selection twice finds what it paid. With `again` only rows
    outside the selection look into the pool.
    """
    with journal.transaction():
        share_pool(journal, run)
        journal.execute(
            "UPDATE row SET plan = 'new' WHERE run_no = ? AND state = 'pending' AND selected = 1 AND claim_id IS NULL"
            " AND shares IS NULL AND plan IS NULL",
            (run.run_no,),
        )
        if run.options.get("retry_failed"):
            # What was given up may have been paid: only `--again` pays for it once more.
            journal.execute(
                "UPDATE row SET plan = 'retried' WHERE run_no = ? AND selected = 1 AND plan = 'reused' AND claim_id IN"
                " (SELECT claim_id FROM claim WHERE target_id = ? AND status = 'failed' AND attempt < ?"
                " AND generation_id IS NOT NULL AND coalesce(seen, '') <> 'given up')",
                (run.run_no, run.target_id, MAX_ATTEMPTS),
            )
        if redo := run.options.get("redo"):
            # A decision belongs to the video it names: a row whose video is another one was made again since.
            journal.execute_many(
                "UPDATE row SET plan = 'retried' WHERE run_no = ? AND selected = 1 AND plan = 'reused' AND claim_id IN"
                " (SELECT claim_id FROM claim WHERE target_id = ? AND generation_id = ? AND attempt < ?"
                " AND status = 'succeeded')",
                ((run.run_no, run.target_id, id_, MAX_ATTEMPTS) for id_ in redo),
            )


def share(journal: Journal, run: Run) -> None:
    """Give a run's unsent rows what was paid meanwhile. One commit."""
    with journal.transaction():
        share_pool(journal, run)


def share_pool(journal: Journal, run: Run) -> None:
    """Give unclaimed pending rows what is paid already; inside a transaction. Remembers the target's epoch."""
    # A failed render that another run retried meanwhile is not retried once more: what that run paid is in the pool.
    journal.execute(
        "UPDATE row SET claim_id = NULL, plan = CASE plan WHEN 'retried' THEN 'new' ELSE plan END WHERE run_no = ?"
        " AND plan IN ('retried', 'later') AND claim_id IN (SELECT claim_id FROM claim WHERE live = 0)",
        (run.run_no,),
    )
    is_paid = "SELECT 1 FROM claim WHERE target_id = ? AND live = 1 LIMIT 1"
    if journal.query_one(is_paid, (run.target_id,)) is not None or _has_equal_rows(journal, run):
        _write(journal, run, _assignments(journal, run))
    journal.execute(
        "UPDATE run SET epoch = (SELECT epoch FROM target WHERE target_id = run.target_id) WHERE run_no = ?",
        (run.run_no,),
    )


def _has_equal_rows(journal: Journal, run: Run) -> bool:
    """Walking a million rows in Python to find that all differ takes longer than asking."""
    return (
        journal.query_one(
            "SELECT 1 FROM row WHERE run_no = ? AND identity IS NOT NULL GROUP BY identity HAVING count(*) > 1 LIMIT 1",
            (run.run_no,),
        )
        is not None
    )


def _assignments(journal: Journal, run: Run) -> Iterator[Assignment]:
    """Walk the rows and the videos of every identity, side by side."""
    shares = bool(run.options.get("share_equal", True))
    videos = _Sorted(_videos(journal, run))
    shown_before = _Sorted(_shown_before(journal, run) if shares else iter(()))
    for identity, rows in _rows(journal, run):
        paid = videos.of(identity)
        if len(rows) == 1 and (rows[0].video is not None or not paid):
            continue
        before = shown_before.of(identity) if len(rows) > 1 and len(paid) > 1 else ()
        yield from assign(rows, paid, _shown(journal, run, rows, before) if before else {}, shares=shares)


class _Sorted(Generic[T]):
    """Groups in the order of their identities, asked for in that order."""

    def __init__(self, groups: Iterator[tuple[bytes, list[T]]]) -> None:
        self._groups = groups
        self._ahead = next(groups, None)

    def of(self, identity: bytes) -> Sequence[T]:
        """Return the group of an identity, () if there is none."""
        while self._ahead is not None and self._ahead[0] < identity:
            self._ahead = next(self._groups, None)
        return self._ahead[1] if self._ahead is not None and self._ahead[0] == identity else ()


def _rows(journal: Journal, run: Run) -> Iterator[tuple[bytes, list[EqualRow]]]:
    records = journal.query(
        "SELECT identity, row_index, selected, claim_id, shares FROM row WHERE run_no = ? AND state = 'pending'"
        " AND identity IS NOT NULL ORDER BY identity, selected DESC, row_index",
        (run.run_no,),
    )
    for identity, group in itertools.groupby(records, key=operator.itemgetter(0)):
        yield (
            bytes(identity),
            [EqualRow(item[1], bool(item[2]), item[3], item[4], not (run.again and item[2])) for item in group],
        )


def _videos(journal: Journal, run: Run) -> Iterator[tuple[bytes, list[PaidVideo]]]:
    records = journal.query(
        f"SELECT claim.identity, claim.claim_id, {_RANK} FROM claim LEFT JOIN chunk USING (chunk_id)"
        " WHERE claim.target_id = ? AND claim.live = 1"
        f" AND (claim.chunk_id IS NULL OR chunk.state IN {PAID_STATES}) ORDER BY claim.identity",
        (run.target_id,),
    )
    for identity, group in itertools.groupby(records, key=operator.itemgetter(0)):
        yield bytes(identity), [PaidVideo(item[1], item[2]) for item in group]


def _shown_before(journal: Journal, run: Run) -> Iterator[tuple[bytes, list[tuple[str, int]]]]:
    """Yield (cells, video) of the file's last run, where an identity has several videos to choose from."""
    records = journal.query(
        "SELECT identity, cells, claim_id FROM row WHERE claim_id IS NOT NULL AND run_no = (SELECT max(run_no) FROM run"
        " WHERE target_id = :target AND input_path = :path AND run_no < :run AND state <> 'draft') AND identity IN"
        " (SELECT identity FROM claim WHERE target_id = :target AND live = 1 GROUP BY identity HAVING count(*) > 1)"
        " ORDER BY identity, row_index",
        {"target": run.target_id, "path": run.input_path, "run": run.run_no},
    )
    for identity, group in itertools.groupby(records, key=operator.itemgetter(0)):
        yield bytes(identity), [(item[1] or "", item[2]) for item in group]


def _shown(journal: Journal, run: Run, rows: Sequence[EqualRow], before: Sequence[tuple[str, int]]) -> dict[int, int]:
    """Return which of the videos each row showed in the file's last run, told by the row's cells."""
    by_cells: dict[str, list[int]] = {}
    for cells, video in reversed(before):
        by_cells.setdefault(cells, []).append(video)
    wanting = [row.row_index for row in rows if row.video is None]
    now = "SELECT cells, row_index FROM row WHERE run_no = ? AND row_index IN"
    return {
        record[1]: videos.pop()
        for record in _among(journal, now, run.run_no, wanting)
        if (videos := by_cells.get(record[0] or ""))
    }


def _among(journal: Journal, sql: str, run_no: int, keys: Collection[int]) -> Iterator[Any]:
    listed = list(keys)
    for start in range(0, len(listed), _BATCH):
        part = listed[start : start + _BATCH]
        yield from list(journal.query(f"{sql} ({','.join('?' * len(part))})", (run_no, *part)))


def _write(journal: Journal, run: Run, assignments: Iterable[Assignment]) -> None:
    """Write in batches: what is read meanwhile was sorted before the first of them."""
    stream = iter(assignments)
    while batch := list(itertools.islice(stream, 5_000)):
        journal.execute_many(
            "UPDATE row SET claim_id = ?, shares = NULL, plan = 'reused' WHERE run_no = ? AND row_index = ?",
            ((item.video, run.run_no, item.row_index) for item in batch if item.video is not None),
        )
        journal.execute_many(
            "UPDATE row SET shares = ?, plan = 'shared', payload = NULL WHERE run_no = ? AND row_index = ?",
            ((item.owner, run.run_no, item.row_index) for item in batch if item.owner is not None),
        )
