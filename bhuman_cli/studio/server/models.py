"""Pydantic models of the API: what may come in, and what goes out as OpenAPI tells it. No rules.

Written from the API contract. Tolerant inside what the documents allow: unknown fields are ignored, null is absent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=8_000)]


class Model(BaseModel):
    """Unknown fields are ignored: clients of other years send fields that came and went."""

    model_config = ConfigDict(extra="ignore")


class BackgroundConfig(Model):
    """How an asset is shown. Only `mode` is required; the rest is kept as given."""

    model_config = ConfigDict(extra="allow")

    mode: str


class BackgroundIn(Model):
    """A timed segment of the video that shows an asset. Source: API contract, section 6."""

    name: str | None = None
    start: FiniteFloat
    end: FiniteFloat
    kind: str
    config: BackgroundConfig


class OrderedRows(Model):
    """What campaign, zapier and try_sample share: names of variables, and rows of values in that order."""

    variables: list[str]
    names: list[list[str]]
    callback_url: str | None = None
    assets: list[list[str | None]] | None = None
    backgrounds: list[BackgroundIn] | None = None
    enable_lipsync: bool | None = None
    generation_mode: str | None = None
    infinitetalk_quality: Literal["standard", "premium"] | None = None


class CampaignRequest(OrderedRows):
    """POST pipeline/campaign and pipeline/zapier."""

    campaign_id: UUID


class SampleRequest(OrderedRows):
    """POST try_sample."""

    video_instance_id: UUID


class PabblyRequest(Model):
    """POST pipeline/pabbly: one video, variables by name."""

    campaign_id: UUID
    variables: dict[str, str]
    callback_url: str | None = None
    generation_mode: str | None = None


class LeadrRequest(Model):
    """POST pipeline/leadr. Not documented: the ordered shape and the object shape are both taken."""

    campaign_id: UUID
    variables: list[str] | dict[str, str]
    names: list[list[str]] | None = None
    callback_url: str | None = None
    generation_mode: str | None = None


class PreviewRequest(Model):
    """POST videos_preview. Not documented: a campaign or an instance, and values for one video or for some."""

    campaign_id: UUID | None = None
    video_instance_id: UUID | None = None
    variables: list[str] | dict[str, str] | None = None
    names: list[list[str]] | None = None
    callback_url: str | None = None


class CampaignIn(Model):
    """Create or update a campaign. Not documented; fields that are left out stay as they are."""

    id: UUID | None = None
    name: Name | None = None
    video_instance_id: UUID | None = None
    callback_url: str | None = None
    whatsapp: bool | None = None


class InstanceIn(Model):
    """Create or update a video instance. Not documented; fields that are left out stay as they are."""

    id: UUID | None = None
    name: Name | None = None
    folder_id: UUID | None = None
    greetings: str | None = None
    use_case: str | None = None


class ImportRequest(Model):
    """POST speakeasy_projects/import."""

    project_id: Name
    workspace_id: str | None = None


class WebhookIn(Model):
    """POST webhook."""

    name: Name
    webhook: Url


class WorkerReport(Model):
    """POST pipeline/webhook: how a render ended. Only workers with the token are heard."""

    id: UUID
    status: Annotated[str, StringConstraints(pattern="^(succeeded|failed)$")]
    message: str = ""


class Video(Model):
    """A generated-video record. Source: API contract, section 3."""

    id: str
    user_id: str
    video_id: str
    actor_id: str
    video_instance_id: str | None
    campaign_id: str | None
    status: str
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
    created_at: str
    updated_at: str


class Ids(BaseModel):
    """Accepted: one generation id for each row, in the order of the rows."""

    code: int
    result: list[str]


class VideoAnswer(BaseModel):
    """One record."""

    code: int
    result: Video


class VideoPage(BaseModel):
    """One page of records, and how many there are in all."""

    total: int
    videos: list[Video]


class VideoPageAnswer(BaseModel):
    """A list of records."""

    code: int
    result: VideoPage


class Campaign(Model):
    """A campaign's record. Not documented."""

    id: str
    name: str
    video_instance_id: str
    user_id: str
    callback_url: str
    whatsapp: bool
    variables: list[str]
    created_at: str
    updated_at: str


class CampaignAnswer(BaseModel):
    """One campaign."""

    code: int
    result: Campaign


class CampaignPage(BaseModel):
    """One page of campaigns."""

    total: int
    campaigns: list[Campaign]


class CampaignPageAnswer(BaseModel):
    """A list of campaigns."""

    code: int
    result: CampaignPage


class Instance(Model):
    """A video instance's record."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    user_id: str
    folder_id: str
    actor_id: str | None
    product_id: str | None
    industry: int
    use_case: str | None
    created_at: str
    updated_at: str


class InstancePage(BaseModel):
    """One page of video instances."""

    total: int
    instances: list[Instance]


class InstancePageAnswer(BaseModel):
    """A list of video instances."""

    code: int
    result: InstancePage


class InstanceAnswer(BaseModel):
    """One video instance; in a list, as the service documents it."""

    code: int
    result: list[Instance]


class Thing(BaseModel):
    """Any other record: a Speakeasy project, a saved webhook, what was imported."""

    code: int
    result: dict[str, Any]


class Things(BaseModel):
    """A list of such records."""

    code: int
    result: list[dict[str, Any]]


class Problem(BaseModel):
    """A refusal. The body of errors is not documented: this is one of the shapes a client must read."""

    code: int = Field(examples=[400])
    result: None
    error: str


class ShapeProblem(BaseModel):
    """A body or query that can't be read, or lacks a field."""

    detail: list[dict[str, Any]]
