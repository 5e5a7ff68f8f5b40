from __future__ import annotations

import json

import pytest

from bhuman_cli.callbacks import events

ID = "c10ee155-6202-4cec-9a40-dde536e2ab4e"
CAMPAIGN = {
    "id": ID, "campaign_id": "x", "status": "succeeded", "video_url": "https://videos.bhuman.ai/video/1",
    "url": "https://assets.bhuman.ai/1.mp4", "thumbnail": "https://assets.bhuman.ai/1.jpg",
    "gif": "https://assets.bhuman.ai/1.gif", "campaign_result_id": None,
}  # fmt: skip
FAILED = {**CAMPAIGN, "status": "failed", "video_url": "", "url": "", "thumbnail": "", "gif": ""}
WEBSITE = {
    "id": ID,
    "status": "completed",
    "share_url": "https://v/1",
    "url": "https://a/1.mp4",
    "message": "",
    "row_index": 0,
}
WHATSAPP = {"event": "whatsapp.ready", "id": ID, "campaign_id": "x", "whatsapp_video_url": "https://a/w.mp4"}


def read(document: object, token: str = "") -> events.Event:
    return events.read(json.dumps(document).encode(), token=token, received_at="2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("document", "kind", "status"),
    [
        (CAMPAIGN, "completion", "succeeded"),
        (FAILED, "completion", "failed"),
        (WEBSITE, "completion", "succeeded"),
        (WHATSAPP, "whatsapp.ready", ""),
        ({"code": 200, "result": CAMPAIGN}, "completion", "succeeded"),
        ({"id": ID.upper(), "status": "PROCESSING"}, "completion", "processing"),
    ],
)
def test_every_documented_form_is_read(document: object, kind: str, status: str) -> None:
    event = read(document, "tok")
    assert (event.generation_id, event.kind, event.status, event.token) == (ID, kind, status, "tok")


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"x", b'{"id": 5}', b'{"id": ""}', b'{"id": "\\ud800"}', b'{"id": "a b"}', b"\xff\xfe",
     b'{"id": "a", "event": 5}', b'{"id": "a", "event": "x y\\u001b"}', b"[" * 60_000,
     b'{"id": "' + b"a" * 500 + b'"}'],
)  # fmt: skip
def test_what_is_no_callback_is_refused_and_nothing_else_is_raised(body: bytes) -> None:
    with pytest.raises(events.NotAnEvent) as refused:
        events.read(body, token="", received_at="")
    assert len(body) < 3 or body.decode("utf-8", "replace") not in str(refused.value)


def test_the_page_and_the_file_are_not_mixed_up() -> None:
    found = events.generation_in(json.dumps(CAMPAIGN).encode())
    assert found.share_url == CAMPAIGN["video_url"]
    assert found.url == CAMPAIGN["url"]
