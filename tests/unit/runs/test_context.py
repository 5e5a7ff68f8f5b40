"""What a run needs from outside: the stop button, and the joint to the HTTP client."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.api import client as clients
from bhuman_cli.api import limiter, paid_post, wire
from bhuman_cli.api.post_result import NotSent, PostResponse
from bhuman_cli.clock import SystemClock
from bhuman_cli.domain import Generation, GenerationId
from bhuman_cli.runs import context
from bhuman_cli.runs.context import RunContext, Stop
from bhuman_cli.runs.service import ApiService
from tests.support.clocks import HeldClock
from tests.support.ledger import TARGET


def test_the_stop_button_ends_a_pause_at_once() -> None:
    stop, clock = Stop(), HeldClock()
    assert (stop.is_pressed, stop.exit_code) == (False, 0)
    stop.wait(clock, 5.0)
    assert clock.slept == [5.0]
    stop.press(143)
    stop.wait(clock, 5.0)
    assert (clock.slept, stop.is_pressed, stop.exit_code) == ([5.0], True, 143)
    stop.wait(SystemClock(), 3_600.0)


def test_a_real_pause_is_cut_by_a_press_from_another_thread() -> None:
    stop = Stop()
    threading.Timer(0.05, stop.press, [130]).start()
    stop.wait(SystemClock(), 60.0)
    assert stop.exit_code == 130
    Stop().wait(SystemClock(), -1.0)


def test_without_callbacks_and_rescue_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    bare: Any = object()
    held = RunContext(journal=bare, service=bare, clock=HeldClock(), stop=Stop(), reporter=bare)
    assert (held.hints(), held.callbacks("token"), held.save_answer_aside(bare, bare)) == ([], [], "")
    assert context.RunContext is RunContext


class FakeClient:
    base_url = "https://studio.example"
    polls = 7
    secrets = ("very-secret-word",)

    def generation(self, generation_id: str) -> Generation:
        return Generation(id=GenerationId(generation_id), status="queued")

    def generations_page(self, target: object, page: int) -> wire.Page:
        assert target is TARGET
        return wire.Page(total=page, generations=())


def service() -> ApiService:
    client: Any = FakeClient()
    return ApiService(client=client, target=TARGET, user_agent="agent", authorization="Basic abc")


def test_the_paid_request_goes_to_its_route_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[paid_post.PaidRequest] = []
    answers: list[NotSent | PostResponse] = [
        NotSent(reason="refused"),
        PostResponse(status=401, headers={"x": "very-secret-word"}, body=b"key very-secret-word is wrong", error=""),
    ]

    def post_once(request: paid_post.PaidRequest, begin: Any, agent: str) -> NotSent | PostResponse:
        assert agent == "agent"
        seen.append(request)
        return answers.pop(0)

    monkeypatch.setattr(paid_post, "post_once", post_once)
    held = service()
    assert held.post("/route", b"{}", lambda: None) == NotSent(reason="refused")
    response = held.post("/route", b"{}", lambda: None)
    assert isinstance(response, PostResponse)
    assert "very-secret-word" not in repr(response), "what a service repeats is not kept"
    assert (seen[0].url, seen[0].body) == ("https://studio.example/route", b"{}")
    assert seen[0].headers == {"Authorization": "Basic abc"}
    assert "abc" not in repr(held)


def test_reading_is_the_clients() -> None:
    held = service()
    assert held.polls == 7
    found = held.generation("id1")
    assert found is not None
    assert found.id == "id1"
    assert held.page(3).total == 3


@pytest.mark.parametrize(("status", "asks"), [(401, 1), (403, 1), (500, 3)])
def test_a_list_that_was_refused_is_not_asked_for_again(status: int, asks: int) -> None:
    """Whoever asks: the look before sending, the doubts at the start, the waiting, the doubts at the end."""
    seen: list[int] = []

    def refuse(call: object, reader: object) -> wire.Page:
        seen.append(1)
        raise errors.ApiError("no", status=status)

    pace = limiter.for_service(HeldClock(), is_loopback=True)
    with clients.Client("http://127.0.0.1:1", None, limiter=pace, user_agent="test") as asked:
        caller: Any = asked._caller
        caller.read = refuse
        for _ in range(3):
            with pytest.raises(errors.ApiError):
                asked.generations_page(TARGET, 0)
    assert len(seen) == asks
