"""Domain types: rows, targets, chunks, generations, statuses. No I/O, only invariants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, NewType

GenerationId = NewType("GenerationId", str)

MAX_ROWS_PER_REQUEST: Final = 2_000
"""Source: API contract, "pipeline/campaign": rows in one request."""

MAX_ROW_BYTES: Final = 5 * 1024 * 1024
"""A row's values as JSON; larger ones are a broken cell, not a recipient."""


class RowState(StrEnum):
    """What a row is before it has a generation."""

    PENDING = "pending"  # to be sent, or waiting for the pool to say that it was paid already
    SKIPPED = "skipped"  # blank
    INVALID = "invalid"  # did not pass the checks
    REJECTED = "rejected"  # the service refused it; nothing was paid


class Status(StrEnum):
    """The `status` column of a results file."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    QUEUED = "queued"
    PREPARING = "preparing"
    PROCESSING = "processing"
    PENDING = "pending"
    INVALID = "invalid"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"
    SKIPPED = "skipped"


MAKING: Final = (Status.QUEUED, Status.PREPARING, Status.PROCESSING)
"""Accepted and paid, and not ended."""

UNFINISHED: Final = (*MAKING, Status.PENDING)
"""What may still become a video by itself."""

FINISHED: Final = (
    Status.SUCCEEDED, Status.FAILED, Status.REJECTED, Status.INVALID, Status.SKIPPED, Status.IN_DOUBT,
)  # fmt: skip
"""What waiting does not change; for `in_doubt`, evidence or a person."""


class TargetKind(StrEnum):
    """Which endpoint a run's rows are sent to."""

    CAMPAIGN = "campaign"
    INSTANCE = "instance"


READING_RULES: Final = 1
"""Version of the rules by which cells become values; 0 in journals of 0.1.0. Other rules make other identities."""

NO_TARGET: Final = "00000000-0000-0000-0000-000000000000"
"""Stands in a dry run's plan where no target is named yet."""

LOCAL_SERVICE: Final = "local"
"""The service name of the embedded studio, whatever its port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where rows are sent, and so what "paid already" is relative to.

    service: `local`, or scheme://host[:port] in lower case.
    api_id: the campaign's or the video instance's UUID in lower case.
    """

    service: str
    kind: TargetKind
    api_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A timed segment of the video that shows an asset. Source: API contract, section 6.

    start, end: seconds; end -1 means to the end. config: sent as given.
    """

    start: float
    end: float
    kind: str
    config: Mapping[str, Any]
    name: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the request form; `name` only if there is one."""
        named = {"name": self.name} if self.name else {}
        return {**named, "start": self.start, "end": self.end, "kind": self.kind, "config": dict(self.config)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSpec:
    """Everything besides a row's own values that changes what its video shows.

    variables: in the order they are sent. Part of every row's identity (as a set), with the row's values and assets.
    """

    variables: tuple[str, ...]
    backgrounds: tuple[Background, ...] = ()
    generation_mode: str = "keep_original"
    lipsync: bool | None = None
    quality: str | None = None


class Row(NamedTuple):
    """One data row of the input, mapped and checked; a tuple, because a million of them are made.

    row_index: 0-based among the file's data rows. line: 1-based physical line (or sheet row), for messages.
    cells: the source cells, untouched, one per source column.
    values: one text per variable, trimmed; () unless state is PENDING.
    assets: one per background, "" where blank; () where there are no backgrounds or the state is not PENDING.
    selected: False outside `--rows`/`--limit`: shown, never sent, never counted against the exit code.
    message: why it is invalid, or which defaults were used; shown in the results.
    """

    row_index: int
    line: int
    cells: tuple[str, ...]
    values: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    state: RowState = RowState.PENDING
    selected: bool = True
    message: str = ""


RESULT_COLUMNS: Final[tuple[str, ...]] = (
    "row_index",
    "id",
    "status",
    "share_url",
    "url",
    "thumbnail",
    "gif",
    "whatsapp_video_url",
    "message",
    "execution_name",
    "generated_at",
)
"""The columns appended to the user's own, in this order. Fixed by the contract with people's spreadsheets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One line of a results file: the user's cells, and what happened to the row.

    cells: the source cells, untouched. fields: keys are RESULT_COLUMNS, `row_index` included, all text.
    line: as the spreadsheet shows it, 0 where nobody asks.
    """

    cells: tuple[str, ...]
    fields: Mapping[str, str]
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What the service says of one generation, read tolerantly. Source: API contract, section 3.

    status: the service's own word in lower case, `completed` already read as `succeeded`; unknown words are kept.
    text: the submitted values, or None where the service does not say. api_row_index: inside one request.
    generated_at: ISO 8601 UTC of the last update, "" if unknown.
    """

    id: GenerationId
    status: str
    url: str = ""
    share_url: str = ""
    thumbnail: str = ""
    gif: str = ""
    whatsapp_video_url: str = ""
    message: str = ""
    execution_name: str = ""
    generated_at: str = ""
    created_at: str = ""
    text: tuple[str, ...] | None = None
    api_row_index: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_final(self) -> bool:
        """Say whether nothing more can change: failed, or succeeded with its video's URL set."""
        return self.status == Status.FAILED or (self.status == Status.SUCCEEDED and bool(self.url))


STATUS_RANK: Final[Mapping[str, int]] = {
    Status.QUEUED: 1,
    Status.PREPARING: 2,
    Status.PROCESSING: 3,
    Status.FAILED: 5,
    Status.SUCCEEDED: 5,
}
"""Server status only moves forward; an unknown word stands between processing and the ends (rank 3)."""


def status_rank(status: str) -> int:
    """Return how far along a server status is; unknown words count as processing."""
    return STATUS_RANK.get(status, 3)


def short_id(identifier: str) -> str:
    """Return the part of a generation id that may be shown: possession of the whole id opens the video."""
    return f"{identifier[:8]}…" if len(identifier) > 9 else identifier


class ChunkState(StrEnum):
    """What is known of one request. The transitions are the verbs of journal.chunks."""

    PLANNED = "planned"  # frozen, certainly not sent
    SENDING = "sending"  # bytes may be on the wire
    MAPPING = "mapping"  # accepted, but which id belongs to which row is not known yet
    ACCEPTED = "accepted"
    REJECTED = "rejected"  # certainly not accepted
    SPLIT = "split"  # refused with 400; its halves took over its rows
    IN_DOUBT = "in_doubt"
    RELEASED = "released"  # given back: unsent, put off (429, 401, 403), or freed by evidence or a person


class Binding(StrEnum):
    """How surely a generation id belongs to its row."""

    PROVISIONAL = "provisional"  # by position in a complete answer
    CONFIRMED = "confirmed"  # the service's own record says so
    POSITION = "position"  # final, but the record has nothing to confirm by
    CONFLICT = "conflict"  # the record contradicts it; no URL is shown
