"""The paid request's content: which rows go together, and the frozen bytes. Pure; sends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli import domain
from bhuman_cli.domain import RenderSpec, Target, TargetKind
from bhuman_cli.journal.claims import Candidate

MAX_BYTES: Final = 5 * 1024 * 1024
_FRAME_BYTES: Final = 64 * 1024  # variables, backgrounds and addresses, beside the rows

PATHS: Final = {
    TargetKind.CAMPAIGN: "/api/ai_studio/pipeline/campaign",
    TargetKind.INSTANCE: "/api/ai_studio/try_sample",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a run's requests look. callback_url: "" for none; `{token}` in it stands for the attempt's token.

    path: other than the target's own for integrations (`trigger`). as_object: one row, variables as an object.
    """

    target: Target
    spec: RenderSpec
    callback_url: str = ""
    path: str = ""
    as_object: bool = False

    @property
    def route(self) -> str:
        """Return the path the request is posted to."""
        return self.path or PATHS[self.target.kind]


def pick(candidates: Iterable[Candidate], max_rows: int) -> list[Candidate]:
    """Choose the rows of the next request, in row order.

    At most max_rows rows and 5 MiB. Rows with equal values but different assets never go together: the service's
    record names only the values, so they could not be told apart.
    """
    picked: list[Candidate] = []
    assets_of: dict[bytes, tuple[str, ...]] = {}
    size = 0
    for row in candidates:
        if len(picked) >= max_rows:
            break
        if assets_of.setdefault(row.text_key, row.assets) != row.assets:
            continue
        size += row_bytes(row.values, row.assets)
        if picked and size > MAX_BYTES - _FRAME_BYTES:
            break
        picked.append(row)
    return picked


def row_bytes(values: Sequence[str], assets: Sequence[str]) -> int:
    """Return the bytes a row takes in a request, as JSON: quotes, line breaks and backslashes count twice."""
    return sum(len(_json(list(texts))) + 1 for texts in (values, assets))


def freeze(shape: Shape, rows: Sequence[Candidate], token: str) -> bytes:
    """Build the request's body. Source: API contract, 2.1, 2.3 and 2.5."""
    spec = shape.spec
    body: dict[str, Any] = {_TARGET_FIELD[shape.target.kind]: shape.target.api_id}
    if shape.as_object:
        body["variables"] = dict(zip(spec.variables, rows[0].values, strict=True))
    else:
        body["variables"] = list(spec.variables)
        body["names"] = [list(row.values) for row in rows]
    body["generation_mode"] = spec.generation_mode
    if shape.callback_url:
        body["callback_url"] = shape.callback_url.replace("{token}", token)
    if spec.backgrounds and shape.target.kind is TargetKind.CAMPAIGN:
        body["assets"] = [list(row.assets) for row in rows]
        body["backgrounds"] = [background.as_json() for background in spec.backgrounds]
    if spec.lipsync is not None:
        body["enable_lipsync"] = spec.lipsync
    if spec.quality is not None:
        body["infinitetalk_quality"] = spec.quality
    return _json(body)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


_TARGET_FIELD: Final = {TargetKind.CAMPAIGN: "campaign_id", TargetKind.INSTANCE: "video_instance_id"}


def clamp_rows(chunk_size: int) -> int:
    """Return a chunk size within the API's limit."""
    return max(1, min(chunk_size, domain.MAX_ROWS_PER_REQUEST))
