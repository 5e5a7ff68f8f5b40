"""Which addresses `bhuman api` may call."""

from __future__ import annotations

import pytest

from bhuman_cli.api import paths
from bhuman_cli.errors import UsageError

BASE = "https://studio.bhuman.ai"


@pytest.mark.parametrize(
    ("text", "path", "query"),
    [
        ("campaigns", "/api/ai_studio/campaigns", ()),
        ("campaigns?page=0&size=5&q=", "/api/ai_studio/campaigns", (("page", "0"), ("size", "5"), ("q", ""))),
        ("/api/ai_studio/webhook", "/api/ai_studio/webhook", ()),
        ("api/other", "/api/other", ()),
        ("/", "/", ()),
        ("https://studio.bhuman.ai/x?a=b%20c", "/x", (("a", "b c"),)),
        ("HTTPS://STUDIO.bhuman.ai:443/x", "/x", ()),
        ("https://studio.bhuman.ai", "/", ()),
        ("x?next=https://elsewhere.example/y", "/api/ai_studio/x", (("next", "https://elsewhere.example/y"),)),
    ],
)
def test_reads_what_belongs_to_the_service(text: str, path: str, query: tuple[tuple[str, str], ...]) -> None:
    found = paths.read(text, BASE)
    assert (found.path, found.query) == (path, query)


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/x",
        "http://studio.bhuman.ai/x",
        "https://studio.bhuman.ai.evil.example/x",
        "https://studio.bhuman.ai@evil.example/x",
        "https://user:pw@studio.bhuman.ai/x",
        "https://studio.bhuman.ai:8443/x",
        "//evil.example/x",
        "///evil.example/x",
        "/\\evil.example/x",
        "mailto:x",
        "campaigns#top",
        "cam paigns",
        "campaigns\r\nX: y",
        "/a//b",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/%252e%252e/b",
        "/a%2fb",
        "/a%252fb",
    ],
)
def test_refuses_other_hosts_and_paths_that_could_be_read_differently(text: str) -> None:
    with pytest.raises(UsageError):
        paths.read(text, BASE)


@pytest.mark.parametrize(
    "text",
    [
        "pipeline/webhook",
        "/api/ai_studio/pipeline/webhook",
        "/api/ai_studio/pipeline/webhook/",
        "/api/ai_studio/Pipeline/WebHook?x=1",
        "https://studio.bhuman.ai/api/ai_studio/pipeline/webhook",
        "/api/ai_studio/%70ipeline/webhook",
        "/api/ai_studio/%2570ipeline/webhook",
        "/v2/api/ai_studio/pipeline/webhook/extra",
    ],
)
def test_the_completion_ingress_is_never_called(text: str) -> None:
    with pytest.raises(UsageError, match="customers must never call"):
        paths.read(text, BASE)


@pytest.mark.parametrize(
    ("text", "can_cost"),
    [
        ("pipeline/campaign", True),
        ("/api/ai_studio/Pipeline/zapier", True),
        ("try_sample", True),
        ("videos_preview", True),
        ("webhook", False),
        ("campaigns", False),
    ],
)
def test_says_what_may_cost_credits(text: str, can_cost: bool) -> None:
    assert paths.read(text, BASE).can_cost is can_cost
