"""AI Studio as a `responses` fake in memory: a third reading of the API contract, apart from client and studio.

Only what the contract cases need. Videos are finished as soon as they are accepted.
"""

from __future__ import annotations

import base64
import functools
import itertools
import json
import re
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import responses

BASE_URL = "https://studio.fake.test"
CAMPAIGN_ID = "3d9c1b52-94f0-4d5b-8d39-0d3c8c1c7f10"
INSTANCE_ID = "7a0f3f0e-5c1e-4a7e-9f8c-2f0a4a1b6c22"
KEY, SECRET, BEARER = "fake-id", "fake-secret", "fake-token"
MOST_ROWS = 2000

Reply = tuple[int, dict[str, str], str]


class FakeService:
    """The fake's memory and its answers."""

    def __init__(self) -> None:
        self.videos: dict[str, dict[str, Any]] = {}
        self.owners: dict[str, str] = {}

    def register(self, mock: responses.RequestsMock) -> None:
        """Answer for BASE_URL."""
        root = re.escape(f"{BASE_URL}/api/ai_studio/")
        posts = {
            "pipeline/campaign": ("campaign_id", self._ordered),
            "pipeline/zapier": ("campaign_id", self._ordered),
            "try_sample": ("video_instance_id", self._ordered),
            "pipeline/pabbly": ("campaign_id", self._by_name),
        }
        for path, (target, handler) in posts.items():
            mock.add_callback(
                responses.POST,
                re.compile(f"{root}{path}$"),
                callback=functools.partial(self._post, target=target, handler=handler),
            )
        mock.add_callback(responses.GET, re.compile(f"{root}generated_video_by_id"), callback=self._by_id)
        for kind, target in (("campaign_id", CAMPAIGN_ID), ("video_instance_id", INSTANCE_ID)):
            mock.add_callback(
                responses.GET,
                re.compile(f"{root}generated_video_by_{kind}"),
                callback=functools.partial(self._list, kind=kind, target=target),
            )

    def _post(self, request: Any, target: str, handler: Any) -> Reply:
        try:
            body = json.loads(request.body)
            uuid.UUID(body[target])
            assert isinstance(body["variables"], list | dict)
            assert target != "campaign_id" or "names" in body or isinstance(body["variables"], dict)
            for background in body.get("backgrounds") or []:
                assert {"start", "end", "kind", "config"} <= background.keys()
                assert "mode" in background["config"]
        except (ValueError, KeyError, TypeError, AttributeError, AssertionError):
            return _answer(422, {"detail": [{"loc": ["body"], "msg": "wrong", "type": "value_error"}]})
        if not _basic(request):
            return _answer(401, {"code": 401, "result": None, "error": "unauthorized"})
        if body[target].lower() not in {CAMPAIGN_ID, INSTANCE_ID}:
            return _refuse("unknown target")
        return handler(body, body[target].lower())  # type: ignore[no-any-return]

    def _ordered(self, body: dict[str, Any], target: str) -> Reply:
        names, variables = body["names"], body["variables"]
        backgrounds = body.get("backgrounds") or []
        assets = body.get("assets") or []
        spans = sorted((b["start"], float("inf") if b["end"] == -1 else b["end"]) for b in backgrounds)
        wrong = (
            not names
            or len(names) > MOST_ROWS
            or any(len(row) != len(variables) for row in names)
            or (bool(assets or backgrounds) and len(assets) != len(names))
            or any(len(row) != len(backgrounds) for row in assets)
            or any(one[1] > two[0] for one, two in itertools.pairwise(spans))
            or (body.get("generation_mode") or "keep_original") not in {"keep_original", "full_script"}
        )
        return _refuse("rows and columns don't line up") if wrong else self._accept(names, target)

    def _by_name(self, body: dict[str, Any], target: str) -> Reply:
        values = list(body["variables"].values())
        return self._accept([values], target) if all(values) else _refuse("blank value")

    def _accept(self, names: list[list[str]], target: str) -> Reply:
        ids = []
        for index, row in enumerate(names):
            identifier = str(uuid.uuid4())
            media = f"https://assets.fake.test/{identifier}"
            self.owners[identifier] = target
            self.videos[identifier] = {
                "id": identifier,
                "user_id": "u-1",
                "video_id": "b4d3c1b2-70a5-4b6f-8a4e-6f5d3c2b1a09",
                "actor_id": "c5e4d2c3-81b6-4c70-9b5f-706e4d3c2b1a",
                "video_instance_id": target if target == INSTANCE_ID else None,
                "campaign_id": target if target == CAMPAIGN_ID else None,
                "status": "succeeded",
                "url": f"{media}.mp4",
                "share_url": f"https://videos.fake.test/video/{identifier}",
                "thumbnail": f"{media}.jpg",
                "gif": f"{media}.gif",
                "message": "",
                "execution_name": f"run-{len(self.videos)}",
                "row_index": index,
                "text": list(row),
                "checksum": index,
                "created_at": "2026-10-02T10:00:00",
                "updated_at": "2026-10-02T10:00:05",
            }
            ids.append(identifier)
        return _answer(200, {"code": 200, "result": ids})

    def _by_id(self, request: Any) -> Reply:
        try:
            identifier = str(uuid.UUID(_query(request)["id"]))
        except (KeyError, ValueError):
            return _answer(422, {"detail": []})
        found = self.videos.get(identifier)
        return (
            _answer(200, {"code": 200, "result": found}) if found else _answer(404, {"code": 404, "error": "unknown"})
        )

    def _list(self, request: Any, kind: str, target: str) -> Reply:
        query = _query(request)
        try:
            wanted = str(uuid.UUID(query[kind]))
            page, size = int(query.get("page", "0")), int(query.get("size", "100"))
            assert page >= 0
            assert 1 <= size <= 100
        except (KeyError, ValueError, AssertionError):
            return _answer(422, {"detail": []})
        if request.headers.get("Authorization") != f"Bearer {BEARER}":
            return _answer(401, {"code": 401, "result": None, "error": "unauthorized"})
        mine = [video for key, video in self.videos.items() if wanted == target and self.owners[key] == target]
        shown = mine[page * size : (page + 1) * size]
        return _answer(200, {"code": 200, "result": {"total": len(mine), "videos": shown}})


def _query(request: Any) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(request.url).query).items()}


def _basic(request: Any) -> bool:
    expected = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    return bool(request.headers.get("Authorization") == f"Basic {expected}")


def _refuse(message: str) -> Reply:
    return _answer(400, {"code": 400, "result": None, "error": message})


def _answer(status: int, payload: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(payload)
