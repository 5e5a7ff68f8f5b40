"""Shapes of the documents about runs: what was planned, sent, happened and went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from typing import NotRequired, TypedDict
else:
    from bhuman_cli.documents.typed import NotRequired, TypedDict


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
    shared: int
    later: int
    requests: int


class PlanRefusal(TypedDict):
    """What a real run would ask about, or be refused for: its code in `bhuman schema --errors`."""

    code: str
    message: str
    hint: NotRequired[str]


class DryPlan(PlanCounts):
    """What would be sent: columns that go and columns that stay, and what stands against it."""

    refusals: list[PlanRefusal]
    sends: list[str]
    keeps: list[str]


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
    plan: NotRequired[DryPlan]


class BatchFile(TypedDict):
    """One file of several: its render document, as far as it came, the file, and what stopped it."""

    schema: Literal["bhuman.render/2"]
    file: str
    run_id: str | None
    target: NotRequired[Target]
    output: NotRequired[str | None]
    rows: dict[str, int]
    problems: NotRequired[list[RowProblem]]
    more_problems: NotRequired[int]
    requests: NotRequired[Requests]
    elapsed_s: NotRequired[float]
    exit_code: int
    next: NotRequired[str | None]
    plan: NotRequired[DryPlan]
    error: NotRequired[ErrorBody]


class Batch(TypedDict):
    """Several files in one command."""

    schema: Literal["bhuman.batch/1"]
    files: list[BatchFile]
    rows: dict[str, int]
    elapsed_s: float
    exit_code: int


class Progress(TypedDict):
    """One line of stderr with `--progress json`; `end` has what the command's document has."""

    event: Literal["plan", "notice", "warning", "progress", "end", "error"]
    run_id: NotRequired[str]
    text: NotRequired[str]
    new: NotRequired[int]
    reused: NotRequired[int]
    retried: NotRequired[int]
    shared: NotRequired[int]
    later: NotRequired[int]
    files: NotRequired[int]
    rows: NotRequired[dict[str, int]]
    per_minute: NotRequired[float]
    error: NotRequired[ErrorBody]
    schema: NotRequired[Literal["bhuman.render/2"]]
    target: NotRequired[Target]
    output: NotRequired[str | None]
    problems: NotRequired[list[RowProblem]]
    more_problems: NotRequired[int]
    requests: NotRequired[int | Requests]
    elapsed_s: NotRequired[float]
    exit_code: NotRequired[int]
    next: NotRequired[str | None]


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


class Run(TypedDict):
    """One run of the local history."""

    run_id: str
    file: str
    output: str
    service: str
    target: Target
    rows: dict[str, int]
    unsent: int
    created_at: str
    state: str
    stopped: str
    superseded_by: str | None
    forgotten: bool


class Runs(TypedDict):
    """`runs`: newest first."""

    schema: Literal["bhuman.runs/1"]
    runs: list[Run]


class DeletedRuns(TypedDict):
    """`runs delete` and `runs prune`. payments_forgotten: a later render of their rows pays again."""

    schema: Literal["bhuman.runs-delete/1"]
    run_ids: list[str]
    payments_forgotten: bool


class StatusOfRun(Run):
    """How a run stands, from the journal; `requests` by state."""

    schema: Literal["bhuman.status/1"]
    kind: Literal["run"]
    requests: Any
    problems: list[RowProblem]
    exit_code: int


class StatusOfTarget(TypedDict):
    """How a campaign or instance stands; source: service or journal."""

    schema: Literal["bhuman.status/1"]
    kind: Literal["campaign", "instance"]
    target: Target
    source: Literal["service", "journal"]
    rows: dict[str, int]
    exit_code: int


class StatusOfVideo(TypedDict):
    """How one generation stands."""

    schema: Literal["bhuman.status/1"]
    kind: Literal["generation"]
    id: str
    status: str
    share_url: str
    url: str
    thumbnail: str
    gif: str
    whatsapp_video_url: str
    message: str
    execution_name: str
    generated_at: str
    run_id: str | None
    row_index: int | None
    exit_code: int


class TriggeredVideo(TypedDict):
    """One video that a trigger asked for."""

    row_index: int
    id: str
    status: str
    share_url: str
    url: str
    message: str


class Trigger(TypedDict):
    """`trigger …`: as `render`, and the videos. With `--dry-run` stdout is the request itself."""

    schema: Literal["bhuman.trigger/1"]
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
    generations: list[TriggeredVideo]


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
    """One line of `listen --json`: where it listens, each callback. confirmed: the service's own status."""

    event: str
    callback_url: NotRequired[str]
    port: NotRequired[int]
    id: NotRequired[str]
    status: NotRequired[str]
    state: NotRequired[str]
    known: NotRequired[bool]
    late: NotRequired[bool]
    confirmed: NotRequired[str | None]
    token: NotRequired[str | None]
    received_at: NotRequired[str]
    share_url: NotRequired[str]
    url: NotRequired[str]
    thumbnail: NotRequired[str]
    gif: NotRequired[str]
    whatsapp_video_url: NotRequired[str]
    message: NotRequired[str]
