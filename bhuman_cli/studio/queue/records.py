"""What a client sees of a generation: the record, its URLs, and the callback payloads. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from bhuman_cli.studio.config import ACTOR_ID, CAMPAIGN_ID, EXAMPLE_ID, USER_ID, VIDEO_ID

MEDIA: Mapping[str, str] = {"url": "video.mp4", "thumbnail": "thumbnail.jpg", "gif": "preview.gif"}


class GenerationRow(Protocol):
    """A row of the store's generations, by column name."""

    def __getitem__(self, key: str, /) -> Any: ...


EXAMPLE: Final[GenerationRow] = {
    "id": EXAMPLE_ID, "target_kind": "campaign", "target_id": CAMPAIGN_ID, "state": "succeeded", "attempts": 1,
    "api_row_index": 0, "text": '["Alex"]', "variables": '["first_name"]', "accepted_at": "2026-10-02T12:00:00Z",
    "updated_at": "2026-10-02T12:00:00Z", "placeholder": 1, "message": "", "whatsapp": 0, "accepted_s": 0.0,
    "reads": 1_000_000,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where media and pages are found from outside.

    base_url: of the running studio. media: the folder with a folder for each video. kind: see StudioConfig.links.
    """

    base_url: str
    media: Path
    kind: Literal["http", "file"]

    def of(self, identifier: str, *, placeholder: bool) -> dict[str, str]:
        """Return url, thumbnail, gif and share_url of a finished video."""
        if self.kind == "file":
            folder = self.media / ("placeholder" if placeholder else identifier)
            files = {field: (folder / name).resolve().as_uri() for field, name in MEDIA.items()}
            return {**files, "share_url": (folder / "index.html").resolve().as_uri()}
        files = {field: f"{self.base_url}/media/{identifier}/{name}" for field, name in MEDIA.items()}
        return {**files, "share_url": f"{self.base_url}/video/{identifier}"}


def record(row: GenerationRow, status: str, links: Links) -> dict[str, Any]:
    """Return the generated-video record as the API shows it.

    status: what may be shown, which can be behind the truth. Fields are null until the video has ended.
    Source: API contract, section 3.
    """
    of_campaign = row["target_kind"] == "campaign"
    shown: dict[str, Any] = {
        "id": row["id"],
        "user_id": USER_ID,
        "video_id": VIDEO_ID,
        "actor_id": ACTOR_ID,
        "video_instance_id": None if of_campaign else row["target_id"],
        "campaign_id": row["target_id"] if of_campaign else None,
        "status": status,
        "url": None,
        "thumbnail": None,
        "gif": None,
        "message": None,
        "execution_name": f"local-{row['id'][:8]}-{row['attempts']}",
        "row_index": row["api_row_index"],
        "text": json.loads(row["text"]),
        "checksum": checksum(row["text"]),
        "created_at": row["accepted_at"],
        "updated_at": row["updated_at"],
    }
    if status == "succeeded":
        shown |= links.of(row["id"], placeholder=bool(row["placeholder"]))
        shown["message"] = row["message"]
        if row["whatsapp"]:
            shown["whatsapp_video_url"] = shown["url"]
    elif status == "failed":
        shown["message"] = row["message"]
    return shown


def checksum(text: str) -> int:
    """Return a signed 32-bit number that changes with the text."""
    value = zlib.crc32(text.encode())
    return value - (1 << 32) if value >= 1 << 31 else value


def callback(row: GenerationRow, event: str, links: Links, *, shape: str = "") -> dict[str, Any]:
    """Return what is POSTed to a callback URL.

    event: `completion` or `whatsapp.ready`. shape: `current`, `website` or `2023`; "" is the one of the row's route.
    Trap: `video_url` is the page here, and `url` the file.
    Source: API contract, section 4.
    """
    done = row["state"] == "succeeded"
    media = (
        links.of(row["id"], placeholder=bool(row["placeholder"])) if done else dict.fromkeys([*MEDIA, "share_url"], "")
    )
    files = {field: media[field] for field in MEDIA}
    campaign_id = row["target_id"] if row["target_kind"] == "campaign" else None
    if event == "whatsapp.ready":
        return {"event": event, "id": row["id"], "campaign_id": campaign_id, "whatsapp_video_url": media["url"]}
    base = {"id": row["id"], "status": row["state"]}
    match shape or ("current" if row["target_kind"] == "campaign" else "website"):
        case "website":
            told = {"message": row["message"], "row_index": row["api_row_index"]}
            return {**base, "share_url": media["share_url"], **files, **told}
        case "2023":
            return {**base, "video_url": media["share_url"], **files}
        case _:
            page = {"campaign_id": campaign_id, "video_url": media["share_url"]}
            return {**base, **page, **files, "campaign_result_id": None}
