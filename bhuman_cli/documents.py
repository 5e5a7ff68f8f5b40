"""Shapes of the JSON documents that programs read: what `bhuman schema NAME` prints is generated from these.

A shape that changes gets a new number: `bhuman.render/2` is a promise to whoever parses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from typing import NotRequired, TypedDict
else:
    try:  # pydantic, which writes the schemas, reads these only before Python 3.12
        from typing import NotRequired

        from typing_extensions import TypedDict
    except ImportError:
        from typing import NotRequired, TypedDict


class Target(TypedDict):
    """Where rows are sent; one of the two."""

    campaign_id: NotRequired[str | None]
    instance_id: NotRequired[str | None]


class Rows(TypedDict):
    """Rows by status; the ten statuses add up to `total`."""

    total: int
    succeeded: int
    failed: int
    invalid: int
    rejected: int
    in_doubt: int
    pending: int
    queued: int
    preparing: int
    processing: int
    skipped: int
    reused: int
    submitted: int
    shared: int
    later: int


class RowProblem(TypedDict):
    """A row that needs a person."""

    row_index: int
    line: int
    status: str
    reason: str


class Requests(TypedDict):
    """What was asked of the service."""

    submit: int
    poll: int


class PlanCounts(TypedDict):
    """What would be sent."""

    new: int
    reused: int
    retried: int
    requests: int
    refusals: NotRequired[list[Any]]
    sends: NotRequired[list[str]]
    keeps: NotRequired[list[str]]


class Render(TypedDict):
    """`render`, `resume` and `render --dry-run`. run_id: null where nothing was begun."""

    schema: Literal["bhuman.render/2"]
    run_id: str | None
    target: Target
    output: str | None
    rows: Rows
    problems: list[RowProblem]
    more_problems: NotRequired[int]
    requests: Requests
    elapsed_s: float
    exit_code: int
    next: str | None
    plan: NotRequired[PlanCounts]


class BatchFile(TypedDict):
    """One file of several: its render document, and the file."""

    file: str
    exit_code: int
    rows: dict[str, int]
    run_id: str | None


class Batch(TypedDict):
    """Several files in one command."""

    schema: Literal["bhuman.batch/1"]
    files: list[BatchFile]
    rows: dict[str, int]
    elapsed_s: float
    exit_code: int


class TableProblem(TypedDict):
    """One thing that is wrong in a table, and where; null and "" where it concerns all of it."""

    row_index: int | None
    line: int | None
    column: str
    rule: str
    hint: str


class ErrorBody(TypedDict):
    """What stopped a command. problems: of exit code 3. status: of the service's answer."""

    code: str
    message: str
    hint: str
    problems: NotRequired[list[TableProblem]]
    status: NotRequired[int]


class Error(TypedDict):
    """The last line of stderr with `--json`."""

    error: ErrorBody
    event: NotRequired[Literal["error"]]


class Progress(TypedDict):
    """One line of stderr with `--progress json`."""

    event: Literal["plan", "notice", "warning", "progress", "end", "error"]
    run_id: NotRequired[str]
    text: NotRequired[str]
    rows: NotRequired[dict[str, int]]
    per_minute: NotRequired[float]
    error: NotRequired[ErrorBody]
    exit_code: NotRequired[int]


class Run(TypedDict):
    """One run of the local history."""

    run_id: str
    file: str
    output: str
    service: str
    target: Target
    rows: dict[str, int]
    created_at: str
    state: str
    superseded_by: str | None


class Runs(TypedDict):
    """`runs`: newest first."""

    schema: Literal["bhuman.runs/1"]
    runs: list[Run]


class Status(TypedDict):
    """`status`: a run, a campaign, an instance, or one generation."""

    schema: Literal["bhuman.status/1"]
    kind: str
    exit_code: int
    run_id: NotRequired[str | None]
    rows: NotRequired[dict[str, int]]


class SettingShown(TypedDict):
    """A setting and who said so."""

    name: str
    value: Any
    source: str


class FindingShown(TypedDict):
    """One thing that was looked at."""

    check: str
    verdict: str
    detail: str
    hint: str


class Doctor(TypedDict):
    """`doctor`."""

    schema: Literal["bhuman.doctor/1"]
    versions: dict[str, str]
    settings: list[SettingShown]
    findings: list[FindingShown]
    exit_code: int


class Gallery(TypedDict):
    """`gallery`."""

    schema: Literal["bhuman.gallery/1"]
    run_id: str
    output: str
    rows: int


class Download(TypedDict):
    """`download`."""

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
    files: list[dict[str, Any]]
    exit_code: int


class VideoCheck(TypedDict):
    """One video; quality is null where it is sound."""

    row_index: Any
    file: str
    quality: str | None


class Check(TypedDict):
    """`check`."""

    schema: Literal["bhuman.check/1"]
    run_id: str
    videos: list[VideoCheck]
    exit_code: int


class Event(TypedDict):
    """One line of `events --json`, and the body of a forwarded event. cursor: where to go on with `--since`."""

    schema: Literal["bhuman.event/1"]
    cursor: str
    at: str
    event: Literal["accepted", "status", "finished", "failed", "doubt", "callback"]
    run_id: str | None
    row_index: int | None
    id: str | None
    status: str


class Listen(TypedDict):
    """One line of `listen --json`: where it listens, then each callback."""

    event: str
    callback_url: NotRequired[str]
    port: NotRequired[int]
    id: NotRequired[str]
    status: NotRequired[str]
    state: NotRequired[str]
    known: NotRequired[bool]
    late: NotRequired[bool]
    confirmed: NotRequired[str | None]
    received_at: NotRequired[str]


class PlanRow(TypedDict):
    """One row of a plan file: what becomes of it, and why in words. identity: of its content, a digest."""

    row_index: int
    line: int
    plan: str
    identity: str
    reason: str
    changed: list[str]
    earlier_run: str | None


class PlanTarget(TypedDict):
    """Where the plan's rows would be sent."""

    service: str
    kind: str
    id: str


class Plan(TypedDict):
    """The file of `--plan-out FILE.json`, which `plan sign` signs and `--apply` carries out."""

    schema: Literal["bhuman.plan/1"]
    plan_id: str
    made_at: str
    file: str
    target: PlanTarget
    journal: str
    again: bool
    retry_failed: bool
    plan: PlanCounts
    rows: list[PlanRow]


DOCUMENTS: Final[dict[str, type]] = {
    "render": Render,
    "resume": Render,
    "batch": Batch,
    "error": Error,
    "progress": Progress,
    "plan": Plan,
    "runs": Runs,
    "status": Status,
    "doctor": Doctor,
    "gallery": Gallery,
    "download": Download,
    "check": Check,
    "events": Event,
    "listen": Listen,
}
"""Name, as `bhuman schema NAME` takes it → its shape."""
