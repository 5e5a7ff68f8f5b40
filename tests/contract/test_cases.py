"""One set of cases for everything that claims to be AI Studio: the `responses` fake, the local studio, the real one.

The real one is asked only where BHUMAN_CONTRACT_BASE_URL, _KEY_ID, _KEY_SECRET, _BEARER, _CAMPAIGN_ID and _INSTANCE_ID
are set, and then only what costs nothing, unless BHUMAN_CONTRACT_SPEND=1.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from tests.support import fake_service
from tests.support.studio import running_studio

REAL = ("BASE_URL", "KEY_ID", "KEY_SECRET", "BEARER", "CAMPAIGN_ID", "INSTANCE_ID")
SERVICES = ["fake", "studio", *(["real"] if "BHUMAN_CONTRACT_BASE_URL" in os.environ else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where to send a case, and as whom."""

    base_url: str
    key: tuple[str, str]
    bearer: str
    campaign_id: str
    instance_id: str
    may_spend: bool = True

    def url(self, path: str) -> str:
        return f"{self.base_url}/api/ai_studio/{path}"

    def post(self, path: str, body: Any, *, key: tuple[str, str] | None = None) -> requests.Response:
        if key is None and not self.may_spend:
            pytest.skip("could cost credits")
        return requests.post(self.url(path), json=body, auth=key or self.key, timeout=30)

    def get(self, path: str, *, bearer: bool = False, **query: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.bearer}"} if bearer else {}
        return requests.get(self.url(path), params=query, headers=headers, timeout=30)

    def campaign(self, names: list[list[str]], **fields: Any) -> requests.Response:
        body = {"campaign_id": self.campaign_id, "variables": ["first_name", "company"], "names": names, **fields}
        return self.post("pipeline/campaign", body)

    def ids(self, names: list[list[str]], **fields: Any) -> list[str]:
        answer = self.campaign(names, **fields)
        assert answer.status_code == 200, answer.text
        result: list[str] = answer.json()["result"]
        return result


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    if request.param == "fake":
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            fake_service.FakeService().register(mock)
            yield Service(
                base_url=fake_service.BASE_URL,
                key=(fake_service.KEY, fake_service.SECRET),
                bearer=fake_service.BEARER,
                campaign_id=fake_service.CAMPAIGN_ID,
                instance_id=fake_service.INSTANCE_ID,
            )
    elif request.param == "studio":
        with running_studio(tmp_path) as studio:
            yield Service(
                base_url=studio.base_url,
                key=(studio.key_id, studio.secret),
                bearer=studio.bearer,
                campaign_id=studio.campaign_id,
                instance_id=studio.instance_id,
            )
    else:
        yield real_service()


def real_service() -> Service:
    given = {name: os.environ[f"BHUMAN_CONTRACT_{name}"] for name in REAL}
    return Service(
        base_url=given["BASE_URL"],
        key=(given["KEY_ID"], given["KEY_SECRET"]),
        bearer=given["BEARER"],
        campaign_id=given["CAMPAIGN_ID"],
        instance_id=given["INSTANCE_ID"],
        may_spend=os.environ.get("BHUMAN_CONTRACT_SPEND") == "1",
    )


# --- the order of checks: 422, then 401, then 400 ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"campaign_id": "not-a-uuid", "variables": ["a"], "names": [["x"]]},
        {"variables": ["a"], "names": [["x"]]},
        {"campaign_id": str(uuid.UUID(int=1)), "variables": ["a"]},
        {"campaign_id": str(uuid.UUID(int=1)), "names": [["x"]]},
        [],
    ],
    ids=["malformed id", "no id", "no names", "no variables", "a list"],
)
def test_a_misshapen_body_is_422_even_without_credentials(service: Service, body: Any) -> None:
    assert service.post("pipeline/campaign", body, key=("wrong", "wrong")).status_code == 422


def test_a_body_that_is_not_json_is_422(service: Service) -> None:
    answer = requests.post(service.url("pipeline/campaign"), data=b'{"campaign_id": ', timeout=30)
    assert answer.status_code == 422


@pytest.mark.parametrize("key", [("wrong", "wrong"), ("", "")])
def test_wrong_credentials_are_401_even_where_the_mapping_is_wrong(service: Service, key: tuple[str, str]) -> None:
    body = {"campaign_id": service.campaign_id, "variables": ["first_name"], "names": [["Alex", "one too many"]]}
    assert service.post("pipeline/campaign", body, key=key).status_code == 401


def test_a_row_with_another_number_of_values_is_400(service: Service) -> None:
    assert service.campaign([["Alex", "ExampleCo"], ["Jordan"]]).status_code == 400


def test_an_unknown_campaign_is_refused(service: Service) -> None:
    body = {"campaign_id": str(uuid.UUID(int=5)), "variables": ["first_name"], "names": [["Alex"]]}
    assert service.post("pipeline/campaign", body).status_code == 400


def test_more_than_2000_rows_are_refused_whole(service: Service) -> None:
    assert service.campaign([["Alex", str(number)] for number in range(2_001)]).status_code == 400
    page = service.get("generated_video_by_campaign_id", bearer=True, campaign_id=service.campaign_id, page=0, size=1)
    assert page.json()["result"]["total"] == 0


# --- accepting --------------------------------------------------------------------------------------------------------


def test_one_id_per_row_in_the_order_of_the_rows(service: Service) -> None:
    names = [["Alex", "ExampleCo"], ["Jordan", "Sample Labs"], ["Alex", "ExampleCo"]]
    answer = service.campaign(names)
    assert answer.status_code == 200
    assert answer.json()["code"] == 200
    ids = answer.json()["result"]
    assert [str(uuid.UUID(identifier)) for identifier in ids] == ids
    assert len(set(ids)) == len(names)
    records = [service.get("generated_video_by_id", id=identifier).json()["result"] for identifier in ids]
    assert [record["text"] for record in records] == names
    assert [record["row_index"] for record in records] == [0, 1, 2]


def test_row_index_starts_again_in_every_request(service: Service) -> None:
    ids = [*service.ids([["A", "1"], ["B", "2"]]), *service.ids([["C", "3"]])]
    records = [service.get("generated_video_by_id", id=identifier).json()["result"] for identifier in ids]
    assert [record["row_index"] for record in records] == [0, 1, 0]


def test_text_comes_back_as_it_was_submitted(service: Service) -> None:
    row = ["  Zoë 👩‍🚀 ", '007\nNA, <b>"x"</b>']
    (identifier,) = service.ids([row])
    assert service.get("generated_video_by_id", id=identifier).json()["result"]["text"] == row


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"generation_mode": ""},
        {"generation_mode": "full_script"},
        {"callback_url": ""},
        {"enable_subtitles": True, "callback_url": None},
    ],
)
def test_optional_fields_may_be_missing_blank_or_of_another_year(service: Service, fields: dict[str, Any]) -> None:
    assert len(service.ids([["Alex", "ExampleCo"]], **fields)) == 1


def test_an_unknown_generation_mode_is_400(service: Service) -> None:
    assert service.campaign([["Alex", "ExampleCo"]], generation_mode="other").status_code == 400


def test_zapier_takes_the_same_as_campaign(service: Service) -> None:
    body = {"campaign_id": service.campaign_id, "variables": ["first_name"], "names": [["Erada"], ["Alex"]]}
    assert len(service.post("pipeline/zapier", body).json()["result"]) == 2


def test_pabbly_takes_one_row_by_name(service: Service) -> None:
    body = {"campaign_id": service.campaign_id, "variables": {"first_name": "Alex", "company": "ExampleCo"}}
    (identifier,) = service.post("pipeline/pabbly", body).json()["result"]
    assert service.get("generated_video_by_id", id=identifier).json()["result"]["text"] == ["Alex", "ExampleCo"]


def test_pabbly_refuses_a_blank_value(service: Service) -> None:
    body = {"campaign_id": service.campaign_id, "variables": {"first_name": "Alex", "company": ""}}
    assert service.post("pipeline/pabbly", body).status_code == 400


def test_try_sample_takes_an_instance_and_an_empty_callback(service: Service) -> None:
    body = {
        "video_instance_id": service.instance_id,
        "variables": ["first_name"],
        "names": [["Alex"]],
        "callback_url": "",
    }
    (identifier,) = service.post("try_sample", body).json()["result"]
    listed = service.get("generated_video_by_video_instance_id", bearer=True, video_instance_id=service.instance_id)
    assert [video["id"] for video in listed.json()["result"]["videos"]] == [identifier]


# --- assets and backgrounds -------------------------------------------------------------------------------------------


def background(start: float, end: float) -> dict[str, Any]:
    return {"start": start, "end": end, "kind": "link", "config": {"mode": "circle"}}


def test_assets_line_up_with_rows_and_backgrounds_and_may_be_blank(service: Service) -> None:
    rows = [["Alex", "ExampleCo"], ["Jordan", "Sample Labs"]]
    assets = [["https://example.com/a.png", ""], ["example.com/b.png", "https://example.com/c.mp4"]]
    assert len(service.ids(rows, assets=assets, backgrounds=[background(0, 3), background(3, -1)])) == 2


@pytest.mark.parametrize(
    ("assets", "backgrounds"),
    [
        ([["https://example.com/a.png"]], [background(0, 3)]),
        ([["https://example.com/a.png"], []], [background(0, 3)]),
        ([["a.png"], ["b.png"]], []),
        ([["a.png", "b.png"], ["c.png", "d.png"]], [background(0, 4), background(3, -1)]),
    ],
    ids=["a row short", "a column short", "no backgrounds", "overlapping segments"],
)
def test_assets_that_do_not_line_up_are_400(service: Service, assets: Any, backgrounds: Any) -> None:
    rows = [["Alex", "ExampleCo"], ["Jordan", "Sample Labs"]]
    assert service.campaign(rows, assets=assets, backgrounds=backgrounds).status_code == 400


@pytest.mark.parametrize("field", ["start", "end", "kind", "config"])
def test_a_background_without_a_required_field_is_422(service: Service, field: str) -> None:
    broken = {key: value for key, value in background(0, 3).items() if key != field}
    answer = service.campaign([["Alex", "ExampleCo"]], assets=[["https://example.com/a.png"]], backgrounds=[broken])
    assert answer.status_code == 422


# --- reading ----------------------------------------------------------------------------------------------------------


def test_by_id_needs_no_credentials_and_shows_a_finished_video(service: Service) -> None:
    (identifier,) = service.ids([["Alex", "ExampleCo"]])
    answer = service.get("generated_video_by_id", id=identifier)
    assert answer.status_code == 200
    record = answer.json()["result"]
    assert record["id"] == identifier
    assert record["status"] in {"succeeded", "completed"}
    for field in ("url", "share_url", "thumbnail", "gif"):
        assert record[field].startswith("http")
    assert (record["campaign_id"], record["video_instance_id"]) == (service.campaign_id, None)
    for field in ("user_id", "video_id", "actor_id"):
        assert record[field]
    for field in ("message", "execution_name", "checksum", "created_at", "updated_at"):
        assert field in record


def test_by_id_with_a_malformed_id_is_422(service: Service) -> None:
    assert service.get("generated_video_by_id", id="nope").status_code == 422
    assert service.get("generated_video_by_id").status_code == 422


def test_by_id_with_an_unknown_id_has_no_record(service: Service) -> None:
    answer = service.get("generated_video_by_id", id=str(uuid.uuid4()))
    assert answer.status_code in {200, 400, 404}
    assert not answer.json().get("result")


def test_lists_are_for_bearers(service: Service) -> None:
    query: dict[str, Any] = {"campaign_id": service.campaign_id, "page": 0, "size": 10}
    url = service.url("generated_video_by_campaign_id")
    assert requests.get(url, params=query, timeout=30).status_code == 401
    assert requests.get(url, params=query, auth=service.key, timeout=30).status_code == 401
    assert service.get("generated_video_by_campaign_id", bearer=True, **query).status_code == 200


def test_pages_cover_everything_once(service: Service) -> None:
    ids = service.ids([[f"Name {number}", "ExampleCo"] for number in range(7)])
    pages = [
        service.get("generated_video_by_campaign_id", bearer=True, campaign_id=service.campaign_id, page=page, size=3)
        for page in range(4)
    ]
    results = [page.json()["result"] for page in pages]
    assert {result["total"] for result in results} == {7}
    assert [len(result["videos"]) for result in results] == [3, 3, 1, 0]
    assert sorted(video["id"] for result in results for video in result["videos"]) == sorted(ids)


@pytest.mark.parametrize("query", [{"page": -1}, {"size": 0}, {"size": 101}, {"page": "x"}, {"campaign_id": "nope"}])
def test_a_query_out_of_range_is_422_before_401(service: Service, query: dict[str, Any]) -> None:
    full = {"campaign_id": service.campaign_id, "page": 0, "size": 10, **query}
    assert service.get("generated_video_by_campaign_id", **full).status_code == 422
