"""Campaigns, video instances, Speakeasy projects, saved webhooks, previews: created, changed, listed, and by whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bhuman_cli.studio.config import PROJECT_IDS
from tests.support import small_template
from tests.support.studio import RunningStudio, running_studio


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    with running_studio(tmp_path) as running:
        yield running


def ask(studio: RunningStudio, method: str, path: str, body: Any = None, *, bearer: bool = True) -> requests.Response:
    headers = studio.bearing if bearer else studio.basic
    return requests.request(method, studio.api(path), json=body, headers=headers, timeout=10)


def test_a_campaign_is_created_changed_listed_and_rendered_for(studio: RunningStudio) -> None:
    made = ask(studio, "POST", "campaign", {"name": "Autumn"}).json()["result"]
    assert made["video_instance_id"] == studio.instance_id
    changed = ask(studio, "PATCH", f"campaign?id={made['id']}", {"name": "Winter"}).json()["result"]
    assert (changed["name"], changed["created_at"]) == ("Winter", made["created_at"])
    patched = ask(studio, "PATCH", f"campaign?id={made['id']}", {"whatsapp": True}).json()["result"]
    assert (patched["name"], patched["whatsapp"]) == ("Winter", True)
    assert ask(studio, "GET", f"campaign?id={made['id']}").json()["result"] == patched
    listed = ask(studio, "GET", "campaigns?page=0&size=1").json()["result"]
    assert (listed["total"], [record["id"] for record in listed["campaigns"]]) == (2, [studio.campaign_id])
    order = {"campaign_id": made["id"], "variables": ["a"], "names": [["x"]]}
    assert ask(studio, "POST", "pipeline/campaign", order, bearer=False).status_code == 200


def test_an_instance_is_created_and_changed(studio: RunningStudio) -> None:
    (made,) = ask(studio, "POST", "video_instance", {"name": "Presenter"}).json()["result"]
    (changed,) = ask(studio, "PATCH", f"video_instance?id={made['id']}", {"use_case": "demo"}).json()["result"]
    assert (changed["name"], changed["use_case"]) == ("Presenter", "demo")
    assert ask(studio, "GET", "video_instances?page=0&size=100").json()["result"]["total"] == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"campaign?id={uuid.UUID(int=1)}", None, 404),
        ("GET", f"video_instance?id={uuid.UUID(int=1)}", None, 404),
        ("GET", "video_instances?page=0", None, 422),
        ("GET", "video_instances?page=0&size=101", None, 422),
        ("PATCH", f"campaign?id={uuid.UUID(int=1)}", {"name": "x"}, 404),
        ("PATCH", "campaign", {"name": "x"}, 422),
        ("PATCH", f"video_instance?id={uuid.UUID(int=1)}", {"name": "x"}, 404),
        ("POST", "campaign", {}, 422),
        ("POST", "campaign", {"name": "x", "whatsapp": "yes"}, 422),
        ("POST", "campaign", {"name": "x", "whatsapp": 1}, 422),
        ("POST", "campaign", {"name": ""}, 422),
        ("POST", "campaign", {"name": "x", "video_instance_id": str(uuid.UUID(int=1))}, 400),
        ("POST", "video_instance", {}, 422),
        ("POST", "webhook", {"name": "x"}, 422),
        ("DELETE", "campaign", None, 405),
        ("PUT", "campaign", {"name": "x"}, 405),
        ("GET", "campaigns/", None, 404),
        ("GET", "nothing", None, 404),
    ],
)
def test_what_does_not_work_says_so(studio: RunningStudio, method: str, path: str, body: Any, status: int) -> None:
    answer = ask(studio, method, path, body)
    assert answer.status_code == status
    assert answer.json().get("error") or answer.json()["detail"]


def test_basic_keys_may_not_manage_campaigns(studio: RunningStudio) -> None:
    assert ask(studio, "POST", "campaign", {"name": "x"}, bearer=False).status_code == 401
    assert ask(studio, "GET", "campaigns", bearer=False).status_code == 401


def test_a_speakeasy_project_is_imported_once(studio: RunningStudio) -> None:
    projects = ask(studio, "GET", "speakeasy_projects", bearer=False).json()["result"]
    assert [project["id"] for project in projects] == list(PROJECT_IDS)
    body = {"project_id": PROJECT_IDS[0], "workspace_id": projects[0]["workspace_id"]}
    first = ask(studio, "POST", "speakeasy_projects/import", body, bearer=False).json()["result"]
    again = ask(studio, "POST", "speakeasy_projects/import", body, bearer=False).json()["result"]
    assert first == again
    order = {"video_instance_id": first["video_instance_id"], "variables": ["a"], "names": [["x"]]}
    assert ask(studio, "POST", "try_sample", order, bearer=False).status_code == 200
    unknown = ask(studio, "POST", "speakeasy_projects/import", {"project_id": "nope"}, bearer=False)
    assert unknown.status_code == 400


@pytest.mark.parametrize("bearer", [True, False])
def test_a_preview_takes_either_credential(studio: RunningStudio, bearer: bool) -> None:
    body = {"campaign_id": studio.campaign_id, "variables": {"first_name": "Alex"}}
    made = ask(studio, "POST", "videos_preview", body, bearer=bearer).json()["result"]
    record = requests.get(studio.api("get_generated_video"), params={"id": made["id"]}, timeout=10).json()["result"]
    assert record["text"] == ["Alex"]
    assert requests.post(studio.api("videos_preview"), json=body, timeout=10).status_code == 401


def test_a_preview_without_values_works_with_every_template(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[[variables]]\nname = 'company'\nstart = 0\nend = 1\n")
    with running_studio(tmp_path, template=tmp_path / "mine.toml") as studio:
        made = ask(studio, "POST", "videos_preview", {"campaign_id": studio.campaign_id}).json()["result"]
        assert studio.accepted()[0]["variables"] == ["company"]
        assert studio.accepted()[0]["id"] == made["id"]


@pytest.mark.parametrize(
    "body",
    [
        {"variables": ["a"], "names": [["x"], ["y"]]},
        {"variables": {"a": "x"}},
    ],
    ids=["ordered", "object"],
)
def test_leadr_takes_both_shapes(studio: RunningStudio, body: dict[str, Any]) -> None:
    answer = ask(studio, "POST", "pipeline/leadr", {"campaign_id": studio.campaign_id, **body}, bearer=False)
    assert len(answer.json()["result"]) == len(body.get("names", [1]))


def test_a_template_with_its_own_variables_takes_no_others(tmp_path: Path) -> None:
    with running_studio(tmp_path, template=small_template.write(tmp_path)) as studio:
        record = ask(studio, "GET", f"campaign?id={studio.campaign_id}").json()["result"]
        assert record["variables"] == ["first_name"]
        order = {"campaign_id": studio.campaign_id, "variables": ["first_name", "company"], "names": [["x", "y"]]}
        refused = ask(studio, "POST", "pipeline/campaign", order, bearer=False)
        assert (refused.status_code, refused.json()["error"]) == (400, "variables: the template has no company")
        order = {"campaign_id": studio.campaign_id, "variables": ["first_name"], "names": [["x"]]}
        assert ask(studio, "POST", "pipeline/campaign", order, bearer=False).status_code == 200


def test_any_target_takes_every_id(tmp_path: Path) -> None:
    with running_studio(tmp_path, any_target=True) as studio:
        target = str(uuid.uuid4())
        order = {"campaign_id": target.upper(), "variables": ["a"], "names": [["x"]]}
        assert ask(studio, "POST", "pipeline/campaign", order, bearer=False).status_code == 200
        listed = ask(studio, "GET", f"generated_video_by_campaign_id?campaign_id={target}").json()["result"]
        assert listed["total"] == 1
