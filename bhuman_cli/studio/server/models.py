"""Shapes of the API as pydantic models: what may come in, and what goes out as OpenAPI tells it. No rules.

Written from the API contract. Tolerant inside what the documents allow: unknown fields are ignored, null is absent.
Bounds in `json_schema_extra` are rules that `queue.validation` keeps, because their answer is 400 and not 422.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

from bhuman_cli.domain import MAX_ROWS_PER_REQUEST
from bhuman_cli.studio.queue import validation


def _bounded(**said: Any) -> Any:
    return Field(json_schema_extra=said)


Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=8_000)]
_Word = Annotated[str, _bounded(pattern=r"\S")]
Variables = Annotated[list[_Word], _bounded(minItems=1, uniqueItems=True)]
_NAMED: Any = _bounded(minProperties=1, propertyNames={"pattern": r"\S"})
ByName = Annotated[dict[str, str], _NAMED]
Names = Annotated[list[list[str]], _bounded(minItems=1, maxItems=MAX_ROWS_PER_REQUEST)]
Mode = Annotated[str | None, _bounded(enum=[*validation.MODES, "", None])]


class Model(BaseModel):
    """Unknown fields are ignored: clients of other years send fields that came and went."""

    model_config = ConfigDict(extra="ignore", strict=True)


class BackgroundConfig(Model):
    """How an asset is shown. Only `mode` is required; the rest is kept as given."""

    model_config = ConfigDict(extra="allow", strict=True)

    mode: Annotated[str, _bounded(enum=list(validation.BACKGROUND_MODES))]


class BackgroundIn(Model):
    """A timed segment of the video that shows an asset. Source: API contract, section 6."""

    name: str | None = None
    start: Annotated[FiniteFloat, _bounded(minimum=0)]
    end: FiniteFloat
    kind: Annotated[str, _bounded(enum=list(validation.KINDS))]
    config: BackgroundConfig


class OrderedRows(Model):
    """What campaign, zapier and try_sample share: names of variables, and rows of values in that order."""

    variables: Variables
    names: Names
    callback_url: str | None = None
    assets: list[list[str | None]] | None = None
    backgrounds: list[BackgroundIn] | None = None
    enable_lipsync: bool | None = None
    generation_mode: Mode = None
    infinitetalk_quality: Literal["standard", "premium"] | None = None


class CampaignRequest(OrderedRows):
    """An order for videos of a campaign."""

    campaign_id: UUID


class SampleRequest(OrderedRows):
    """An order for videos of a video instance."""

    video_instance_id: UUID


class PabblyRequest(Model):
    """An order for one video, variables by name."""

    campaign_id: UUID
    variables: Annotated[dict[str, _Word], _NAMED]  # only here no value may be blank
    callback_url: str | None = None
    generation_mode: Mode = None


class LeadrRequest(Model):
    """An order in the ordered shape or the object shape: which one the service takes is not documented."""

    campaign_id: UUID
    variables: Variables | ByName
    names: Names | None = None
    callback_url: str | None = None
    generation_mode: Mode = None


class PreviewRequest(Model):
    """A preview: a campaign or an instance, and values for one video or for some. Not documented."""

    campaign_id: UUID | None = None
    video_instance_id: UUID | None = None
    variables: Variables | ByName | None = None
    names: Names | None = None
    callback_url: str | None = None


class CampaignChanges(Model):
    """What may be changed of a campaign; what is left out stays as it is. Not documented."""

    name: Name | None = None
    video_instance_id: UUID | None = None
    callback_url: str | None = None
    whatsapp: bool | None = None


class CampaignIn(CampaignChanges):
    """A new campaign. Not documented."""

    name: Name


class InstanceChanges(Model):
    """What may be changed of a video instance; what is left out stays as it is. Not documented."""

    name: Name | None = None
    folder_id: UUID | None = None
    greetings: str | None = None
    use_case: str | None = None


class InstanceIn(InstanceChanges):
    """A new video instance. Not documented."""

    name: Name


class ImportRequest(Model):
    """Which generated presenter to import."""

    project_id: Name
    workspace_id: str | None = None


class WebhookIn(Model):
    """A webhook to save."""

    name: Name
    webhook: Url


class WorkerReport(Model):
    """How a render ended."""

    id: UUID
    status: Literal["succeeded", "failed"]
    message: str = ""


class Callback(BaseModel):
    """A completion, as it is POSTed to a callback URL. `video_url` is the page, `url` the file; empty on failure."""

    id: UUID
    campaign_id: UUID | None = None
    status: Literal["succeeded", "failed"]
    video_url: str | None = None
    share_url: str | None = None
    url: str
    thumbnail: str
    gif: str
    message: str | None = None
    row_index: int | None = None
    campaign_result_id: int | None = None


class WhatsappReady(BaseModel):
    """Sent after the completion where the campaign wants WhatsApp's file, too."""

    event: Literal["whatsapp.ready"]
    id: UUID
    campaign_id: UUID | None
    whatsapp_video_url: str


class Video(BaseModel):
    """A generated-video record. Source: API contract, section 3."""

    id: UUID
    user_id: UUID
    video_id: UUID
    actor_id: UUID
    video_instance_id: UUID | None
    campaign_id: UUID | None
    status: Literal["queued", "preparing", "processing", "succeeded", "failed"]
    url: str | None
    share_url: str | None = None
    thumbnail: str | None
    gif: str | None
    whatsapp_video_url: str | None = None
    message: str | None
    execution_name: str | None
    row_index: int | None
    text: list[str] | None
    checksum: int
    created_at: datetime
    updated_at: datetime


class Answer(BaseModel):
    """The documented envelope."""

    code: Literal[200]


class Ids(Answer):
    """Accepted: one generation id for each row, in the order of the rows."""

    result: list[UUID]


class VideoAnswer(Answer):
    """One record."""

    result: Video


class VideoPage(BaseModel):
    """One page of records, and how many there are in all."""

    total: int
    videos: list[Video]


class VideoPageAnswer(Answer):
    """A list of records."""

    result: VideoPage


class Campaign(BaseModel):
    """A campaign's record. Not documented."""

    id: UUID
    name: str
    video_instance_id: UUID
    user_id: UUID
    callback_url: str
    whatsapp: bool
    variables: list[str]
    created_at: datetime
    updated_at: datetime


class CampaignAnswer(Answer):
    """One campaign."""

    result: Campaign


class CampaignPage(BaseModel):
    """One page of campaigns."""

    total: int
    campaigns: list[Campaign]


class CampaignPageAnswer(Answer):
    """A list of campaigns."""

    result: CampaignPage


class Instance(BaseModel):
    """A video instance's record, with further fields that nobody documents."""

    model_config = ConfigDict(extra="allow")

    id: UUID
    name: str
    user_id: UUID
    folder_id: UUID
    actor_id: UUID | None
    product_id: UUID | None
    industry: int
    use_case: str | None
    created_at: datetime
    updated_at: datetime


class InstancePage(BaseModel):
    """One page of video instances."""

    total: int
    instances: list[Instance]


class InstancePageAnswer(Answer):
    """A list of video instances."""

    result: InstancePage


class InstanceAnswer(Answer):
    """One video instance; in a list, as the service documents it."""

    result: list[Instance]


class Project(BaseModel):
    """A generated presenter. Not documented."""

    id: UUID
    name: str
    workspace_id: UUID
    status: str
    imported: UUID | None
    created_at: datetime


class ProjectsAnswer(Answer):
    """All generated presenters."""

    result: list[Project]


class Imported(BaseModel):
    """The video instance that an import made. Not documented."""

    video_instance_id: UUID
    id: UUID
    name: str


class ImportedAnswer(Answer):
    """What an import made."""

    result: Imported


class Webhook(BaseModel):
    """A saved webhook. Not documented."""

    id: UUID
    name: str
    webhook: str
    created_at: datetime


class WebhookAnswer(Answer):
    """One saved webhook."""

    result: Webhook


class WebhooksAnswer(Answer):
    """All saved webhooks."""

    result: list[Webhook]


class Preview(BaseModel):
    """A preview that is being made. Not documented."""

    id: UUID
    ids: list[UUID]
    status: Literal["queued"]


class PreviewAnswer(Answer):
    """The preview's ids."""

    result: Preview


class Reported(BaseModel):
    """Whether there was something to end."""

    id: UUID
    ended: bool


class ReportedAnswer(Answer):
    """What came of a worker's report."""

    result: Reported


class Problem(BaseModel):
    """A refusal. The body of errors is not documented: this is one of the shapes a client must read."""

    code: int
    result: None
    error: str


class BusinessFailure(Problem):
    """Refused with HTTP 200: the credits don't suffice; nothing was accepted."""

    code: Literal[1001]


class ShapeError(BaseModel):
    """One thing that can't be read."""

    type: str
    loc: list[str | int]
    msg: str


class ShapeProblem(BaseModel):
    """A body or query that can't be read, or lacks a field."""

    detail: list[ShapeError]
