"""Videos that another memory paid for, beside rows about to be sent: which rows they may be, and what follows. Pure.

Texts are handed in as marks: a digest for each value, equal for values that fold to the same beginning. Marks may make
two texts look alike that are not; they never make equal ones look different.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bhuman_cli import amounts
from bhuman_cli.errors import Refusal

Marks = frozenset[str]

SHARED_ROWS: Final = 20  # in a campaign that colleagues work in, too
SHARED_SHARE: Final = 0.2


class Rows:
    """The marks of rows about to be sent, found without comparing each with each."""

    def __init__(self, rows: Sequence[Marks]) -> None:
        self._rows = rows
        often = Counter(mark for row in rows for mark in row)
        self._with: dict[str, list[int]] = defaultdict(list)
        self._by_rarest: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            for mark in row:
                self._with[mark].append(number)
            if row:
                self._by_rarest[min(row, key=lambda mark: (often[mark], mark))].append(number)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def fitting(self, video: Marks) -> set[int]:
        """Return the rows whose values a video may show: all of either stand in the other, in whatever order."""
        if not video:
            return set()
        rarest = min(video, key=lambda mark: len(self._with.get(mark, ())))
        within = {number for number in self._with.get(rarest, ()) if video <= self._rows[number]}
        around = {n for mark in video for n in self._by_rarest.get(mark, ()) if self._rows[n] <= video}
        return within | around


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A listed video that this journal does not know. marks: None where nothing says its text yet."""

    generation_id: str
    marks: Marks | None
    is_ended: bool = False
    has_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a look came to. rows: by video, the rows it may be. unclear: videos being made that show no text yet.

    is_complete: the list was read as far as unknown videos may be left in it. total: rows about to be sent.
    """

    total: int = 0
    rows: Mapping[str, frozenset[int]] = field(default_factory=dict)
    unclear: tuple[str, ...] = ()
    is_complete: bool = True

    @property
    def count(self) -> int:
        """Return how many rows seem to be rendered already."""
        return len(frozenset[int]().union(*self.rows.values()))


def find(videos: Iterable[Video], rows: Rows, *, is_shared: bool = False, is_complete: bool = True) -> Finding:
    """Find the rows that unknown videos may be. is_shared: failed videos of colleagues refuse nobody."""
    fitting: dict[str, frozenset[int]] = {}
    unclear: list[str] = []
    for video in videos:
        if video.has_failed and is_shared:
            continue
        if video.marks is None:
            unclear += [] if video.is_ended else [video.generation_id]
        elif numbers := rows.fitting(video.marks):
            fitting[video.generation_id] = frozenset(numbers)
    return Finding(total=len(rows), rows=fitting, unclear=tuple(unclear), is_complete=is_complete)


def refusal(finding: Finding, *, is_shared: bool = False) -> Refusal | None:
    """Return why nothing may be sent before a person has looked, None where nothing speaks against it."""
    if finding.total == 0:
        return None
    is_enough = finding.count > SHARED_ROWS and finding.count > SHARED_SHARE * finding.total
    if finding.rows and (is_enough or not is_shared):
        return Refusal(
            f"{finding.count:,} of the {finding.total:,} rows to be sent seem to be rendered already, by another"
            " journal; --adopt takes their videos over, --accept-videos says that they are not ours",
            hint="--adopt",
            code="unknown_videos",
        )
    if finding.unclear and not is_shared:
        count = len(finding.unclear)
        return Refusal(
            f"{amounts.show(count, 'video')} of another journal {amounts.plural(count, 'is', 'are')} being made;"
            " try again when they ended",
            code="unknown_videos",
        )
    if not finding.is_complete:
        return Refusal(
            "the list of this target's videos could not be read to its end, and some of them may be unknown here;"
            " try again later",
            code="unknown_videos",
        )
    return None
