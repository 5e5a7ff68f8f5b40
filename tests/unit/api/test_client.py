"""Reading through the client: what is asked, with which credentials, how often, and what answers become."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import responses

from bhuman_cli.api.client import Client
from bhuman_cli.api.limiter import Limiter
from bhuman_cli.clock import SystemClock
from bhuman_cli.domain import Target, TargetKind
from bhuman_cli.errors import ApiError, ExitCode, ServiceDown
from tests.support.clocks import HeldClock
from tests.support.raw_server import Listener, Script
from tests.unit.api.conftest import API, BASE, BASIC, BEARER, Make, auth, enveloped, query

ID = "c10ee155-6202-4cec-9a40-dde536e2ab4e"
RECORD = {"id": ID, "status": "succeeded", "url": "https://a/v.mp4", "text": ["Alex"], "row_index": 0}
CAMPAIGN = Target(service=BASE, kind=TargetKind.CAMPAIGN, api_id="c" * 8)
INSTANCE = Target(service=BASE, kind=TargetKind.INSTANCE, api_id="i" * 8)


def test_a_generation_is_asked_for_without_credentials(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/generated_video_by_id", json=enveloped(RECORD), match=[auth(None), query(id=ID)])
    client = make()
    found = client.generation(ID)
    assert found is not None
    assert (found.id, found.text, client.polls) == (ID, ("Alex",), 1)


def test_basic_only_where_the_service_wants_it_and_then_at_once(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/generated_video_by_id", status=401, match=[auth(None)])
    http.get(f"{API}/generated_video_by_id", json=RECORD, match=[auth(BASIC)])
    client = make()
    client.generation(ID)
    client.generation(ID)
    assert [call.request.headers.get("Authorization") for call in http.calls] == [None, BASIC, BASIC]
    assert client.polls == 3


def test_a_refused_key_is_exit_4(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/generated_video_by_id", status=401, json={"error": "who?"})
    with pytest.raises(ApiError, match="generated_video_by_id: the service answered 401: who") as caught:
        make().generation(ID)
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.CREDENTIALS, "bhuman login")
    assert len(http.calls) == 2


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        (404, {"error": "x"}),
        (400, {"error": "x"}),
        (410, {}),
        (200, enveloped(None)),
        (200, None),
        (200, {"code": 404, "error": "x"}),
    ],
)
def test_an_unknown_generation_is_none(make: Make, http: responses.RequestsMock, status: int, payload: Any) -> None:
    http.get(f"{API}/generated_video_by_id", status=status, body=json.dumps(payload))
    assert make().generation(ID) is None


def test_a_record_without_its_id_is_about_the_one_asked_for(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/generated_video_by_id", json=enveloped({"status": "queued"}))
    found = make().generation(ID)
    assert found is not None
    assert (found.id, found.status) == (ID, "queued")


def test_an_answer_for_another_video_is_not_believed(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/generated_video_by_id", json=enveloped({**RECORD, "id": "0" * 36}))
    with pytest.raises(ServiceDown, match="another video"):
        make().generation(ID)


@pytest.mark.parametrize(
    ("target", "path", "parameter"),
    [
        (CAMPAIGN, "generated_video_by_campaign_id", "campaign_id"),
        (INSTANCE, "generated_video_by_video_instance_id", "video_instance_id"),
    ],
)
def test_a_page_of_results(make: Make, http: responses.RequestsMock, target: Target, path: str, parameter: str) -> None:
    http.get(
        f"{API}/{path}",
        json=enveloped({"total": 7, "videos": [RECORD]}),
        match=[auth(BEARER), query(**{parameter: target.api_id, "page": "2", "size": "100"})],
    )
    page = make(bearer=True).generations_page(target, 2)
    assert (page.total, [one.id for one in page.generations]) == (7, [ID])


def test_a_list_tries_the_token_then_the_key(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/campaigns", status=401, match=[auth(BEARER)])
    http.get(f"{API}/campaigns", json=enveloped({"total": 0, "campaigns": []}), match=[auth(BASIC)])
    assert make(bearer=True).resources(TargetKind.CAMPAIGN).total == 0


@pytest.mark.parametrize("status", [401, 403])
def test_a_closed_list_says_which_key_opens_it(make: Make, http: responses.RequestsMock, status: int) -> None:
    http.get(f"{API}/campaigns", status=status, json={"error": "no"})
    with pytest.raises(ApiError) as caught:
        make().resources(TargetKind.CAMPAIGN)
    assert (caught.value.status, caught.value.hint) == (status, "bhuman login --token")


def test_campaigns_and_instances(make: Make, http: responses.RequestsMock) -> None:
    http.get(
        f"{API}/campaigns", json=enveloped({"total": 1, "campaigns": [{"id": "c"}]}), match=[query(page="0", size="50")]
    )
    http.get(
        f"{API}/video_instances", json={"total": 1, "instances": [{"id": "i"}]}, match=[query(page="0", size="100")]
    )
    http.get(f"{API}/campaign", json=enveloped({"id": "c"}), match=[query(id="c")])
    http.get(f"{API}/video_instance", json=enveloped([{"id": "i"}]), match=[query(id="i")])
    http.get(f"{API}/campaign", status=404, match=[query(id="none")])
    client = make()
    assert client.resources(TargetKind.CAMPAIGN, limit=50).items == ({"id": "c"},)
    assert client.resources(TargetKind.INSTANCE).items == ({"id": "i"},)
    assert client.resource(TargetKind.CAMPAIGN, "c") == {"id": "c"}
    assert client.resource(TargetKind.INSTANCE, "i") == {"id": "i"}
    assert client.resource(TargetKind.CAMPAIGN, "none") is None


def test_webhooks_and_projects(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/webhook", json=enveloped([{"id": "w"}]))
    http.get(f"{API}/speakeasy_projects", json=[{"id": "p"}])
    client = make()
    assert client.webhooks().items == ({"id": "w"},)
    assert client.speakeasy_projects().items == ({"id": "p"},)


def test_a_get_is_asked_three_times_and_then_given_up(
    make: Make, http: responses.RequestsMock, clock: HeldClock
) -> None:
    http.get(f"{API}/webhook", status=503, json={"error": "busy"})
    client = make()
    with pytest.raises(ApiError, match="503: busy") as caught:
        client.webhooks()
    assert (client.polls, caught.value.exit_code) == (3, ExitCode.DOWN)
    assert sum(clock.slept) <= 3.0


def test_a_get_recovers(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/webhook", body=requests.ConnectionError("reset"))
    http.get(f"{API}/webhook", status=502)
    http.get(f"{API}/webhook", json=enveloped([]))
    client = make()
    assert client.webhooks().items == ()
    assert client.polls == 3


def test_retry_after_is_kept_and_said(
    make: Make, http: responses.RequestsMock, clock: HeldClock, notices: list[str]
) -> None:
    http.get(f"{API}/webhook", status=429, headers={"Retry-After": "120"})
    http.get(f"{API}/webhook", json=enveloped([]))
    make().webhooks()
    assert 120 <= sum(clock.slept) <= 121.1
    assert notices == ["the service asked for a pause of 2 min"]


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"", b"{"])
def test_a_good_status_around_something_else_is_no_good_answer(
    make: Make, http: responses.RequestsMock, body: bytes
) -> None:
    http.get(f"{API}/webhook", body=body)
    with pytest.raises(ServiceDown, match="webhook: the answer is not JSON"):
        make().webhooks()


def test_a_redirect_is_named_and_not_followed(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/webhook", status=307, headers={"Location": "https://evil.example"})
    with pytest.raises(ServiceDown, match="redirect"):
        make().webhooks()
    assert len(http.calls) == 1


def test_a_server_that_repeats_the_key_does_not_reach_the_message(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/webhook", status=400, json={"error": f"bad {BASIC} canary-secret {BEARER}"})
    with pytest.raises(ApiError) as caught:
        make(bearer=True).webhooks()
    assert "canary" not in json.dumps(caught.value.as_json())
    assert BASIC.removeprefix("Basic ") not in caught.value.message


def test_a_client_without_credentials_asks_openly(clock: HeldClock, http: responses.RequestsMock) -> None:
    http.get(f"{API}/webhook", status=401, match=[auth(None)])
    with (
        Client(f"{BASE}/", None, limiter=Limiter(clock, rate_per_s=None), user_agent="t") as client,
        pytest.raises(ApiError),
    ):
        client.webhooks()
    assert client.base_url == BASE


def test_many_threads_count_every_get(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/generated_video_by_id", json=enveloped(RECORD))
    client = make()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: client.generation(ID), range(200)))
    assert len(found) == 200
    assert client.polls == 200


def test_file_addresses_only_from_this_machine(make: Make, http: responses.RequestsMock) -> None:
    record = {**RECORD, "url": "file:///v.mp4"}
    http.get(f"{API}/generated_video_by_id", json=record)
    http.get("http://127.0.0.1:1/api/ai_studio/generated_video_by_id", json=record)
    real, local = make().generation(ID), make(base="http://127.0.0.1:1").generation(ID)
    assert real is not None
    assert local is not None
    assert (real.url, local.url) == ("", "file:///v.mp4")


def test_a_stop_ends_the_pause_a_service_asked_for(http: responses.RequestsMock) -> None:
    """On the real clock: two threads wait for an hour, and are told to stop."""
    http.get(f"{API}/webhook", status=429, headers={"Retry-After": "3600"})
    clock = SystemClock()
    is_waiting = threading.Event()
    pace = Limiter(clock, rate_per_s=None)
    held = Client(BASE, None, limiter=pace, user_agent="t", on_notice=lambda _: is_waiting.set())
    with held as client, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(client.webhooks) for _ in range(2)]
        assert is_waiting.wait(10)
        client.stop()
        for question in asked:
            with pytest.raises(ServiceDown, match="stopped"):
                question.result(10)


def test_patience_ends_a_question_whatever_pause_the_service_asks_for(
    clock: HeldClock, http: responses.RequestsMock
) -> None:
    http.get(f"{API}/webhook", status=429, headers={"Retry-After": "600"})
    pace = Limiter(clock, rate_per_s=None)
    began_s = clock.monotonic_s()
    with Client(BASE, None, limiter=pace, user_agent="t", patience_s=10) as client:
        with pytest.raises(ApiError):
            client.webhooks()
        assert (client.polls, clock.monotonic_s() - began_s < 10) == (1, True)


def test_patience_ends_a_question_that_is_never_answered(listening: Callable[[Script], Listener]) -> None:
    over = threading.Event()

    def say_nothing(_: socket.socket) -> None:
        over.wait(30)

    silent = listening(say_nothing)
    clock = SystemClock()
    pace = Limiter(clock, rate_per_s=None)
    base = f"http://127.0.0.1:{silent.port}"
    began_s = clock.monotonic_s()
    with Client(base, None, limiter=pace, user_agent="t", patience_s=0.5) as client:
        with pytest.raises(ServiceDown):
            client.webhooks()
        assert client.polls == 1
    assert clock.monotonic_s() - began_s < 10
    over.set()


def test_a_request_that_need_not_wait_goes_on_after_a_stop(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/webhook", json=enveloped([]))
    client = make()
    client.stop()
    assert client.webhooks().items == ()
