"""Shapes of the documents about what a run delivered, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from bhuman_cli.documents.runs import Target

if TYPE_CHECKING:
    from typing import NotRequired, TypedDict
else:
    from bhuman_cli.documents.typed import NotRequired, TypedDict


class Fetched(TypedDict):
    """One file of a download."""

    row_index: int
    what: str
    state: str
    file: str
    bytes: int
    reason: str


class VideoCheck(TypedDict):
    """One video; quality is null where it is sound."""

    row_index: int
    file: str
    quality: str | None


class Download(TypedDict):
    """`download`. videos: with `--check`."""

    schema: Literal["bhuman.download/1"]
    run_id: str
    folder: str
    manifest: str
    results: str | None
    total: int
    fetched: int
    kept: int
    failed: int
    left: int
    files: list[Fetched]
    videos: NotRequired[list[VideoCheck]]
    exit_code: int


class Check(TypedDict):
    """`check`."""

    schema: Literal["bhuman.check/1"]
    run_id: str
    videos: list[VideoCheck]
    exit_code: int


class Gallery(TypedDict):
    """`gallery`."""

    schema: Literal["bhuman.gallery/1"]
    run_id: str
    output: str
    rows: int


class Export(TypedDict):
    """`export`: the file that was written."""

    schema: Literal["bhuman.export/1"]
    run_id: str
    output: str
    rows: int
    columns: list[str]
    dead_links: NotRequired[list[int]]


class Counts(TypedDict):
    """`export --by COLUMN`: for each of its values, how many rows ended how."""

    schema: Literal["bhuman.counts/1"]
    run_id: str
    by: str
    counts: list[dict[str, Any]]


class SupportStatus(TypedDict):
    """A status that was seen, and when."""

    status: str
    at: str | None


class SupportAttempt(TypedDict):
    """One request for a row's video, with whole ids and the service's words."""

    id: str | None
    execution_name: str | None
    status: str | None
    sent_at: str | None
    answered_at: str | None
    http_status: int | None
    request: str
    statuses: list[SupportStatus]
    message: str


class SupportRow(TypedDict):
    """A row that ended badly; no recipient's values."""

    row_index: int
    line: int
    status: str
    message: str
    sent: int
    attempts: list[SupportAttempt]


class Support(TypedDict):
    """`export --for support`: the bundle, and on stdout where it was written."""

    schema: Literal["bhuman.support/1"]
    run_id: str
    service: str
    target: Target
    created_at: str
    written_at: str
    program: str
    platform: str
    variables: int
    rows: list[SupportRow]
    output: NotRequired[str]


class Spend(TypedDict):
    """`spend`: one row a group, named by `by`, with paid, failed, reused, shared, retried, in_doubt."""

    schema: Literal["bhuman.spend/1"]
    by: str
    since: str | None
    rows: list[dict[str, Any]]


class Removed(TypedDict):
    """Where a person stood, and how often."""

    kind: str
    path: str
    count: int


class Forget(TypedDict):
    """`forget`, and the receipt that it writes: no values. delete_at_service: ids that only the service deletes."""

    schema: Literal["bhuman.forget/1"]
    at: str
    column: str | None
    rows: int
    videos: int
    removed: list[Removed]
    delete_at_service: list[str]
    shared: list[str]
    not_reached: list[str]
    receipt: NotRequired[str]


class Preview(TypedDict):
    """`preview FILE`: where the row's page and video are. With `--campaign` stdout is the service's own answer."""

    schema: Literal["bhuman.preview/1"]
    row_index: int
    line: int
    page: str
    video: str
    warnings: list[str]


class Template(TypedDict):
    """`studio template check`. variables: null where any will do."""

    schema: NotRequired[Literal["bhuman.template/1"]]
    name: str
    file: str | None
    variables: list[str] | None
    texts: int
    backgrounds: int
    duration_s: float | None


class Templates(TypedDict):
    """`studio template list`."""

    schema: Literal["bhuman.templates/1"]
    templates: list[Template]
    styles: Any
