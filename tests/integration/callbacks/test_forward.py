"""Events posted on: in order per video, at least once, through refusals, drops, restarts and three bad days."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bhuman_cli.callbacks import forward
from bhuman_cli.journal import database, events
from bhuman_cli.journal.database import Journal
from tests.support import webhooks
from tests.support.clocks import HeldClock


@pytest.fixture
def wall() -> HeldClock:
    return HeldClock()


@pytest.fixture
def journal(tmp_path: Path, wall: HeldClock) -> Iterator[Journal]:
    with contextlib.closing(database.open_journal(tmp_path, wall)) as opened:
        yield opened


def happen(journal: Journal, *details: str) -> None:
    with journal.transaction():
        for detail in details:
            journal.execute("INSERT INTO event (at, kind, detail) VALUES (?, 'status', ?)", (journal.now(), detail))


def test_every_event_arrives_in_order_through_refusals_and_a_restart(journal: Journal, wall: HeldClock) -> None:
    with webhooks.receiving() as receiver:
        forwarder = forward.Forwarder(journal, receiver.url, "", wall)
        happen(journal, "queued", "processing")
        receiver.refuse = 2
        assert forwarder.step() > 0
        assert forwarder.step() > forwarder.receiver.attempts - 1
        again = forward.Forwarder(journal, receiver.url, "", wall)
        happen(journal, "succeeded")
        assert again.step() == 0
        assert [event["status"] for event in receiver.events] == ["queued", "processing", "succeeded"]
        assert [event["event"] for event in receiver.events] == ["status", "status", "finished"]
        assert forward.Forwarder(journal, receiver.url, "", wall).step() == 0
        assert len(receiver.events) == 3, "what was taken is not posted again"
        assert forward.troubled(journal) == []


def test_a_new_receiver_begins_with_what_happens_from_now_on(journal: Journal, wall: HeldClock) -> None:
    happen(journal, "queued")
    with webhooks.receiving() as receiver:
        forwarder = forward.Forwarder(journal, receiver.url, "", wall)
        happen(journal, "succeeded")
        forwarder.step()
        assert [event["status"] for event in receiver.events] == ["succeeded"]


def test_after_three_days_an_event_is_left_out_and_listed(journal: Journal, wall: HeldClock) -> None:
    forwarder = forward.Forwarder(journal, "http://127.0.0.1:9/hook?key=secret", "", wall)
    happen(journal, "queued")
    assert forwarder.step() > 0
    wall.pass_s(timedelta(days=3).total_seconds())
    assert forwarder.step() == 0
    (receiver,) = forward.troubled(journal)
    assert (receiver.host, receiver.dropped) == ("127.0.0.1", (events.last(journal),))
    assert "secret" not in json.dumps([row["value"] for row in journal.query("SELECT value FROM fact")])


def test_410_ends_it_for_good(journal: Journal, wall: HeldClock) -> None:
    with webhooks.receiving() as receiver:
        receiver.refuse, receiver.refusal = 1, 410
        forwarder = forward.Forwarder(journal, receiver.url, "", wall)
        happen(journal, "queued", "succeeded")
        forwarder.step()
        assert forward.Forwarder(journal, receiver.url, "", wall).step() > 0
        assert (receiver.events, forward.troubled(journal)[0].ended) == ([], True)


def test_the_body_is_signed_and_numbered(journal: Journal, wall: HeldClock) -> None:
    with webhooks.receiving() as receiver:
        forwarder = forward.Forwarder(journal, receiver.url, "shared", wall)
        happen(journal, "queued")
        forwarder.step()
        headers, body = receiver.posts[0]
    assert headers["Bhuman-Event-Id"] == json.loads(body)["cursor"]
    assert headers["Bhuman-Signature"] == "sha256=" + hmac.new(b"shared", body, hashlib.sha256).hexdigest()
    assert "Authorization" not in headers
