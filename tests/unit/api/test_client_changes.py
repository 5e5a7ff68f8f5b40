"""Anything but a GET: sent once, and openly in doubt where nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import responses
from responses import matchers

from bhuman_cli.domain import TargetKind
from bhuman_cli.errors import ApiError, ExitCode, InDoubtError, ServiceDown
from tests.unit.api.conftest import API, BASE, BASIC, BEARER, Make, auth, enveloped, query


def test_creating_and_changing(make: Make, http: responses.RequestsMock) -> None:
    body = matchers.json_params_matcher
    http.post(f"{API}/campaign", json=enveloped({"id": "new"}), match=[body({"name": "x"})])
    http.patch(f"{API}/video_instance", json=enveloped(None), match=[body({"id": "i", "name": "y"}), query(id="i")])
    http.post(
        f"{API}/webhook", json=enveloped({"id": "w"}), match=[body({"name": "n", "webhook": "https://h"}), auth(BASIC)]
    )
    http.post(
        f"{API}/speakeasy_projects/import",
        json=enveloped("instance-id"),
        match=[body({"project_id": "p", "workspace_id": "w"}), auth(BASIC)],
    )
    http.post(f"{API}/videos_preview", json=enveloped({"x": 1}), match=[body({"a": 1})])
    client = make()
    assert client.create(TargetKind.CAMPAIGN, {"name": "x"}) == {"id": "new"}
    assert client.update(TargetKind.INSTANCE, "i", {"name": "y"}) is None
    assert client.create_webhook("n", "https://h") == {"id": "w"}
    assert client.import_speakeasy("p", "w") == "instance-id"
    assert client.videos_preview({"a": 1}) == {"x": 1}
    assert client.polls == 0


@pytest.mark.parametrize("status", [500, 503, 429])
def test_anything_but_a_get_is_sent_once(make: Make, http: responses.RequestsMock, status: int) -> None:
    http.post(f"{API}/webhook", status=status, json={"error": "x"})
    with pytest.raises(ApiError):
        make().create_webhook("n", "https://h")
    assert len(http.calls) == 1


def test_a_change_without_an_answer_is_in_doubt(make: Make, http: responses.RequestsMock) -> None:
    http.post(f"{API}/webhook", body=requests.ReadTimeout("x"))
    with pytest.raises(InDoubtError, match="may have been carried out"):
        make().create_webhook("n", "https://h")
    assert len(http.calls) == 1


def test_a_change_acknowledged_in_any_shape_is_done(make: Make, http: responses.RequestsMock) -> None:
    http.post(f"{API}/webhook", status=201, body=b"")
    http.post(f"{API}/campaign", json=enveloped("new-id"))
    http.patch(f"{API}/campaign", status=204)
    http.post(f"{API}/videos_preview", json={"preview": {"id": "p"}})
    client = make()
    assert client.create_webhook("n", "https://h") is None
    assert client.create(TargetKind.CAMPAIGN, {"name": "x"}) == "new-id"
    assert client.update(TargetKind.CAMPAIGN, "c", {"name": "x"}) is None
    assert client.videos_preview({}) == {"preview": {"id": "p"}}


def test_a_change_whose_answer_can_t_be_read_is_in_doubt(make: Make, http: responses.RequestsMock) -> None:
    http.post(f"{API}/webhook", body=b"<html>ok</html>")
    with pytest.raises(InDoubtError, match="webhook: the answer is not JSON; the POST may have been carried out"):
        make().create_webhook("n", "https://h")


@pytest.mark.parametrize("status", [302, 408, 500, 503])
def test_a_preview_that_may_have_been_taken_is_in_doubt(make: Make, http: responses.RequestsMock, status: int) -> None:
    http.post(f"{API}/videos_preview", status=status, json={"error": "x"})
    with pytest.raises(InDoubtError, match=f"videos_preview: the service answered {status}"):
        make().videos_preview({})
    assert len(http.calls) == 1


def test_a_change_interrupted_in_flight_is_in_doubt_and_a_question_is_not(
    make: Make, http: responses.RequestsMock
) -> None:
    def interrupt(_: requests.PreparedRequest) -> Any:
        raise KeyboardInterrupt

    for method in ("POST", "GET"):
        http.add_callback(method, f"{API}/webhook", interrupt)
    with pytest.raises(InDoubtError, match="interrupted before an answer came; the POST may have been carried out"):
        make().create_webhook("n", "https://h")
    with pytest.raises(KeyboardInterrupt):
        make().webhooks()


def test_a_change_that_was_not_sent_is_not_in_doubt(make: Make, http: responses.RequestsMock) -> None:
    http.post(f"{API}/webhook", body=requests.ConnectTimeout("x"))
    with pytest.raises(ServiceDown, match="no connection within 5 s"):
        make().create_webhook("n", "https://h")


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"code": 1001, "error": "credits"}, 1001),
        ({"code": 200, "result": {"error": "credits"}}, 400),
        ({"code": 0, "error": "x"}, 400),
    ],
)
def test_a_failure_inside_200_is_a_failure(
    make: Make, http: responses.RequestsMock, payload: dict[str, Any], status: int
) -> None:
    http.post(f"{API}/webhook", json=payload)
    with pytest.raises(ApiError) as caught:
        make().create_webhook("n", "https://h")
    assert caught.value.status == status
    assert caught.value.exit_code is ExitCode.ROWS_FAILED, "a business failure, not a service that is down"


def test_any_other_request(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{BASE}/other", status=418, body=b"tea", match=[query(a="1"), auth(BASIC)])
    http.post(f"{BASE}/other", status=401, match=[auth(BASIC), matchers.json_params_matcher({"x": 1})])
    http.delete(f"{BASE}/other", body=b"", match=[auth(BEARER)])
    client = make(bearer=True)
    answer = client.request("GET", "/other", query=(("a", "1"),))
    assert (answer.status, answer.body) == (418, b"tea")
    assert client.request("POST", "/other", body=b'{"x": 1}').status == 401, "not tried again with the token"
    client.request("DELETE", "/other", auth=("bearer",))


def test_probing_says_what_the_service_thinks(make: Make, http: responses.RequestsMock) -> None:
    http.get(f"{API}/speakeasy_projects", status=403, json={"error": "no"}, match=[auth(BASIC)])
    http.get(f"{API}/webhook", json=enveloped([]), match=[auth(BASIC)])
    client = make()
    assert client.probe("speakeasy_projects", "basic") == (403, "no")
    assert client.probe("webhook", "basic") == (200, "")
