from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bhuman_cli.callbacks import merge
from bhuman_cli.domain import Generation, GenerationId

ID = GenerationId("a")
QUEUED = Generation(id=ID, status="queued")
WORKING = Generation(id=ID, status="processing", message="frame 5")
DONE = Generation(id=ID, status="succeeded", url="https://a/v.mp4", share_url="https://a/p")
LATER = Generation(id=ID, status="succeeded", url="https://a/v.mp4", gif="https://a/g.gif")
BARE = Generation(id=ID, status="succeeded")
FAILED = Generation(id=ID, status="failed", message="asset not found")
WHATSAPP = Generation(id=ID, status="", whatsapp_video_url="https://a/w.mp4")
ODD = Generation(id=ID, status="uploading")


def test_late_events_never_undo_a_newer_state() -> None:
    for order in itertools.permutations([QUEUED, WORKING, DONE, LATER, WHATSAPP]):
        state = merge.merge_all(order)
        assert (state.status, state.url, state.gif) == ("succeeded", "https://a/v.mp4", "https://a/g.gif")
        assert state.share_url == "https://a/p"
        assert state.whatsapp_video_url == "https://a/w.mp4"


def test_whatsapp_alone_says_nothing_about_the_video() -> None:
    assert merge.merge_all([WHATSAPP]).status == ""
    assert merge.merge(WHATSAPP, FAILED).status == "failed"


def test_a_video_that_exists_has_not_failed() -> None:
    for order in itertools.permutations([FAILED, DONE]):
        assert merge.merge_all(order).status == "succeeded"


def test_done_without_a_file_gives_way_to_done_with_one() -> None:
    for order in itertools.permutations([BARE, DONE]):
        assert merge.merge_all(order).is_final


@given(st.lists(st.sampled_from([QUEUED, WORKING, DONE, LATER, BARE, FAILED, WHATSAPP, ODD]), min_size=1, max_size=8))
def test_the_end_does_not_depend_on_the_order_or_on_duplicates(order: list[Generation]) -> None:
    state = merge.merge_all(order)
    assert merge.merge_all(order[::-1] + order).status == state.status
    for name in ("url", "share_url", "gif", "whatsapp_video_url"):
        assert bool(getattr(state, name)) == any(getattr(event, name) for event in order)


def test_two_generations_do_not_mix() -> None:
    with pytest.raises(ValueError, match="two generations"):
        merge.merge(DONE, Generation(id=GenerationId("b"), status="failed"))


def test_no_event_is_no_state() -> None:
    with pytest.raises(ValueError, match="no event"):
        merge.merge_all([])
