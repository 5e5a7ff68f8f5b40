"""Campaigns, video instances, Speakeasy projects and saved webhooks. No HTTP; on disk through the store."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bhuman_cli import clock
from bhuman_cli.errors import UsageError
from bhuman_cli.studio.config import (
    CAMPAIGN_ID,
    FOLDER_ID,
    INSTANCE_ID,
    PROJECT_IDS,
    USER_ID,
    WORKSPACE_ID,
    StudioConfig,
)
from bhuman_cli.studio.queue.store import StudioStore
from bhuman_cli.studio.queue.validation import InvalidOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What an order needs to know of its target.

    variables: the template's; binding unless accepts_any. callback_url: used where the request names none.
    """

    variables: tuple[str, ...]
    accepts_any: bool
    template: Path | None
    callback_url: str
    whatsapp: bool


class Targets:
    """The things that requests point at."""

    def __init__(self, config: StudioConfig, store: StudioStore, clock: clock.Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._variables, self._accepts_any = _template_variables(config.template)

    def on(self, store: StudioStore) -> Self:
        """Return the same through another connection."""
        other = copy.copy(self)
        other._store = store
        return other

    def seed(self) -> None:
        """Put what every studio starts with into a new home."""
        if self._store.thing("instance", INSTANCE_ID) is None:
            self._create_instance(INSTANCE_ID, {"name": "Local presenter"})
        if self._store.thing("campaign", CAMPAIGN_ID) is None:
            self._create_campaign(CAMPAIGN_ID, {"name": "Local campaign", "video_instance_id": INSTANCE_ID})
        for identifier, name in zip(PROJECT_IDS, ("Welcome presenter", "Product demo presenter"), strict=True):
            if self._store.thing("project", identifier) is None:
                record = {"id": identifier, "name": name, "workspace_id": WORKSPACE_ID, "created_at": self._now()}
                self._store.put_thing("project", {**record, "status": "succeeded", "imported": None})

    def resolve(self, kind: str, identifier: str) -> Resolved:
        """Return what an order to this campaign or instance needs.

        Raises:
            InvalidOrder: there is none.
        """
        record = self._store.thing(kind, identifier)
        if record is None and not self._config.any_target:
            raise InvalidOrder(f"{'campaign_id' if kind == 'campaign' else 'video_instance_id'}: not found")
        record = record or {}
        saved = "" if record.get("callback_url") else self._store.newest_webhook()
        return Resolved(
            variables=self._variables,
            accepts_any=self._accepts_any,
            template=self._config.template,
            callback_url=record.get("callback_url") or saved,
            whatsapp=bool(record.get("whatsapp")),
        )

    def page(self, kind: str, *, offset: int = 0, limit: int = -1) -> tuple[int, list[dict[str, Any]]]:
        """Return how many records of a kind there are, and some of them, oldest first."""
        total, records = self._store.things(kind, offset=offset, limit=limit)
        return total, [self._complete(kind, record) for record in records]

    def get(self, kind: str, identifier: str) -> dict[str, Any] | None:
        """Return one record, or None."""
        record = self._store.thing(kind, identifier)
        return None if record is None else self._complete(kind, record)

    def save_campaign(self, identifier: str | None, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        """Create a campaign (identifier None) or change the given fields of one; None if there is no such one.

        Raises:
            InvalidOrder: its video instance does not exist.
        """
        instance_id = fields.get("video_instance_id")
        if instance_id is not None and self._store.thing("instance", instance_id) is None:
            raise InvalidOrder("video_instance_id: not found")
        if identifier is not None:
            return self._change("campaign", identifier, fields)
        return self._create_campaign(str(uuid.uuid4()), fields)

    def save_instance(self, identifier: str | None, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        """Create a video instance (identifier None) or change the given fields of one; None if there is no such one."""
        if identifier is not None:
            return self._change("instance", identifier, fields)
        return self._create_instance(str(uuid.uuid4()), fields)

    def import_project(self, identifier: str) -> dict[str, Any]:
        """Make a video instance of a Speakeasy project, and return it; a second import returns the first's instance.

        Raises:
            InvalidOrder: there is no such project.
        """
        project = self._store.thing("project", identifier)
        if project is None:
            raise InvalidOrder("project_id: not found")
        if project["imported"] and (imported := self._store.thing("instance", project["imported"])):
            return imported
        instance = self._create_instance(str(uuid.uuid4()), {"name": project["name"]})
        self._store.put_thing("project", {**project, "imported": instance["id"]})
        return instance

    def save_webhook(self, name: str, url: str) -> dict[str, Any]:
        """Keep a webhook, and return its record."""
        record = {"id": str(uuid.uuid4()), "name": name, "webhook": url, "created_at": self._now()}
        self._store.put_thing("webhook", record)
        return record

    def _complete(self, kind: str, record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "variables": list(self._variables)} if kind == "campaign" else record

    def _change(self, kind: str, identifier: str, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        record = self._store.thing(kind, identifier)
        if record is None:
            return None
        changes = {key: value for key, value in fields.items() if value is not None}
        self._store.put_thing(kind, {**record, **changes, "id": identifier, "updated_at": self._now()})
        return self.get(kind, identifier)

    def _create_campaign(self, identifier: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        record = {
            "id": identifier,
            "name": fields["name"],
            "video_instance_id": fields.get("video_instance_id") or INSTANCE_ID,
            "user_id": USER_ID,
            "callback_url": fields.get("callback_url") or "",
            "whatsapp": bool(fields.get("whatsapp")),
            "created_at": self._now(),
            "updated_at": self._now(),
        }
        self._store.put_thing("campaign", record)
        return self._complete("campaign", record)

    def _create_instance(self, identifier: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        record = {
            "id": identifier,
            "name": fields["name"],
            "user_id": USER_ID,
            "folder_id": fields.get("folder_id") or FOLDER_ID,
            "actor_id": None,
            "product_id": None,
            "industry": 0,
            "use_case": fields.get("use_case"),
            "color_mode": None,
            "greetings": fields.get("greetings") or "",
            "mode": 0,
            "processed_video_id": None,
            "text_to_video": False,
            "thumbnail": "",
            "training_url": None,
            "variable_timing_config": None,
            "video_distance_execution_name": None,
            "video_distance_status": "succeeded",
            "video_id": identifier,
            "video_percent_of_face": None,
            "videos_preview_flag": False,
            "voice_config": None,
            "created_at": self._now(),
            "updated_at": self._now(),
        }
        self._store.put_thing("instance", record)
        return record

    def _now(self) -> str:
        return clock.iso_utc(self._clock.now())


def _template_variables(path: Path | None) -> tuple[tuple[str, ...], bool]:
    if path is None:
        return (), True
    from bhuman_cli.studio.render import template

    try:
        loaded = template.load(path)
    except template.TemplateError as error:
        raise UsageError(error.message, hint=f"bhuman studio template check {path}") from None
    return tuple(loaded.variables), bool(loaded.accepts_any)
