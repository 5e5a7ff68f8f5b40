"""What people paste as an id."""

from __future__ import annotations

import pytest

from bhuman_cli import ids
from bhuman_cli.errors import UsageError

UUID = "c10ee155-6202-4cec-9a40-dde536e2ab4e"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (UUID, None),
        (UUID.upper(), None),
        (UUID.replace("-", ""), None),
        (f"  {UUID}\n", None),
        (f"https://app.bhuman.ai/campaign/generatedVideos/{UUID}", "campaign"),
        (f"app.bhuman.ai/campaign/generatedVideos/{UUID}/", "campaign"),
        (f"https://app.bhuman.ai/campaign/generatedVideos/{UUID}?tab=all#top", "campaign"),
        (f"https://app.bhuman.ai/instance/{UUID}", "instance"),
        (f"https://videos.bhuman.ai/video/{UUID}", "generation"),
        (f"https://app.bhuman.ai/somewhere/{UUID}", None),
        (f"<https://app.bhuman.ai/instance/{UUID.upper()}>", "instance"),
        (f"https://studio.bhuman.ai/api/ai_studio/x?campaign_id={UUID}", "campaign"),
        (f"https://studio.bhuman.ai/api/ai_studio/generated_video_by_id?id={UUID}", None),
    ],
)
def test_reads_ids_and_app_addresses(text: str, kind: str | None) -> None:
    assert ids.parse(text) == ids.ParsedId(kind=kind, uuid=UUID)


@pytest.mark.parametrize(
    "text",
    ["", "abc", UUID[:-1], UUID + "0", "https://app.bhuman.ai/", "https://[::bad/", "x" * 3_000, "https://a/?id=1"],
)
def test_refuses_what_holds_no_id(text: str) -> None:
    with pytest.raises(UsageError):
        ids.parse(text)


def test_a_mistyped_id_is_not_repeated_whole() -> None:
    with pytest.raises(UsageError) as caught:
        ids.parse(UUID[:-1])
    assert UUID[9:-1] not in caught.value.message


def test_control_characters_of_a_mistyped_id_are_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        ids.parse("\x1b[31mred")
    assert "\x1b" not in caught.value.message
