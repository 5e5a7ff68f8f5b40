"""Every endpoint of the API contract (2.1 to 2.16) has a command: run as a process, request and output looked at."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID, PROJECT_IDS, WORKSPACE_ID
from tests.cli.account.conftest import Watch, written
from tests.support.desk import Desk
from tests.support.studio import RunningStudio

ORDERED = {"variables": ["first_name", "company"], "names": [["Alex", "ExampleCo"]], "generation_mode": "keep_original"}
SETS = ("--set", "first_name=Alex", "--set", "company=ExampleCo")


@dataclass(frozen=True)
class Reached:
    """request: how it appears in the studio's log. body: what must be in it. out: keys of the JSON on stdout."""

    section: str
    argv: tuple[str, ...]
    request: str
    body: dict[str, Any] | None = None
    out: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


PASTED = f"https://app.bhuman.ai/campaign/generatedVideos/{CAMPAIGN_ID}"
PAID = ("run_id", "rows", "requests", "generations")
CASES = [
    Reached("2.1", ("trigger", "campaign", "-c", CAMPAIGN_ID, *SETS, "--json", "--accept-videos"),
            "POST pipeline/campaign",
            {"campaign_id": CAMPAIGN_ID, **ORDERED}, PAID),
    Reached("2.2", ("trigger", "zapier", "-c", CAMPAIGN_ID, *SETS, "--json", "--again"), "POST pipeline/zapier",
            {"campaign_id": CAMPAIGN_ID, **ORDERED}, PAID),
    Reached("2.3", ("trigger", "pabbly", "-c", CAMPAIGN_ID, *SETS, "--json", "--again"), "POST pipeline/pabbly",
            {"campaign_id": CAMPAIGN_ID, "variables": {"first_name": "Alex", "company": "ExampleCo"}}, PAID),
    Reached("2.4", ("trigger", "leadr", "--data", "body.json", "--json", "--accept-videos"), "POST pipeline/leadr",
            {"campaign_id": CAMPAIGN_ID, "variables": {"first_name": "Alex"}}, PAID,
            {"campaign_id": CAMPAIGN_ID, "variables": {"first_name": "Alex"}}),
    Reached("2.5", ("trigger", "sample", "-i", INSTANCE_ID, *SETS, "--json"), "POST try_sample",
            {"video_instance_id": INSTANCE_ID, **ORDERED}, PAID),
    Reached("2.6", ("instances", "list", "--json"), "GET video_instances?page=0&size=100", out=("total", "instances")),
    Reached("2.7", ("instances", "show", INSTANCE_ID, "--json"), f"GET video_instance?id={INSTANCE_ID}",
            out=("id", "folder_id", "created_at")),
    Reached("2.7 create", ("instances", "create", "--name", "N", "--set", "use_case=u", "--json"),
            "POST video_instance", {"name": "N", "use_case": "u"}, ("id", "name")),
    Reached("2.7 update", ("instances", "update", INSTANCE_ID, "--data", "body.json", "--json"),
            f"PATCH video_instance?id={INSTANCE_ID}", {"id": INSTANCE_ID, "greetings": "Hi"}, ("id", "greetings"),
            {"greetings": "Hi"}),
    Reached("2.8", ("campaigns", "list", "--json", "--limit", "3"), "GET campaigns?page=0&size=3",
            out=("total", "campaigns")),
    Reached("2.8 show", ("campaigns", "show", PASTED, "--json"),
            f"GET campaign?id={CAMPAIGN_ID}", out=("id", "name", "video_instance_id")),
    Reached("2.8 create", ("campaigns", "create", "--name", "C", "--json"), "POST campaign", {"name": "C"},
            ("id", "name")),
    Reached("2.8 update", ("campaigns", "update", CAMPAIGN_ID, "--name", "D", "--json"),
            f"PATCH campaign?id={CAMPAIGN_ID}", {"id": CAMPAIGN_ID, "name": "D"}, ("id", "name")),
    Reached("2.9", ("status", INSTANCE_ID, "--kind", "instance", "--json"),
            f"GET generated_video_by_video_instance_id?video_instance_id={INSTANCE_ID}&page=0&size=100", out=("rows",)),
    Reached("2.10", ("status", CAMPAIGN_ID, "--kind", "campaign", "--json"),
            f"GET generated_video_by_campaign_id?campaign_id={CAMPAIGN_ID}&page=0&size=100", out=("rows",)),
    Reached("2.13", ("import-speakeasy", "--list", "--json"), "GET speakeasy_projects", out=("projects",)),
    Reached("2.14", ("import-speakeasy", PROJECT_IDS[0], "--workspace-id", WORKSPACE_ID, "--json"),
            "POST speakeasy_projects/import", {"project_id": PROJECT_IDS[0], "workspace_id": WORKSPACE_ID},
            ("result",)),
    Reached("2.15", ("webhooks", "list", "--json"), "GET webhook", out=("webhooks",)),
    Reached("2.15 create", ("webhooks", "create", "--name", "P", "--url", "https://h.example/x", "--json"),
            "POST webhook", {"name": "P", "webhook": "https://h.example/x"}, ("id", "webhook")),
    Reached("2.16", ("preview", "--campaign", CAMPAIGN_ID, "--json", "--yes"), "POST videos_preview",
            {"campaign_id": CAMPAIGN_ID}, ("id",)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.section)
def test_a_command_reaches_it(case: Reached, desk: Desk, watch: Watch) -> None:
    if case.data:
        written(desk.folder, "body.json", case.data)
    ended = desk.run(*case.argv)
    assert ended.code == 0, ended.err
    assert case.request in watch.lines
    entry = watch.seen[watch.lines.index(case.request)]
    for key, value in (case.body or {}).items():
        assert entry["body"][key] == value
    assert set(case.out) <= set(json.loads(ended.out))


@pytest.mark.parametrize(("section", "route"), [("2.11", "generated_video_by_id"), ("2.12", "get_generated_video")])
def test_one_generation(section: str, route: str, desk: Desk, studio: RunningStudio, watch: Watch) -> None:
    values = ("--set", f"first_name={uuid.uuid4()}", "--wait", "--poll-interval", "0.05", "--json")
    first = desk.run("trigger", "pabbly", "-c", CAMPAIGN_ID, *values)
    generation = first.document["generations"][0]
    if section == "2.11":
        ended = desk.run("status", generation["id"], "--json")
        assert "succeeded" in ended.out
    else:
        ended = desk.run("api", "GET", route, "-f", f"id={generation['id']}")
        assert json.loads(ended.out)["result"]["url"] == generation["url"]
    assert ended.code == 0, ended.err
    assert f"GET {route}?id={generation['id']}" in watch.lines


def test_every_section_of_the_contract_has_its_case() -> None:
    covered = {case.section.split()[0] for case in CASES} | {"2.11", "2.12"}
    assert covered == {f"2.{number}" for number in range(1, 17)}


@pytest.mark.parametrize(
    "argv",
    [
        ("trigger", "leadr"),
        ("campaigns", "create"),
        ("campaigns", "update"),
        ("instances", "create"),
        ("instances", "update"),
    ],
    ids=" ".join,
)
def test_help_says_what_nobody_documents(argv: tuple[str, ...], here: Any) -> None:
    ended = here(*argv, "--help")
    assert ended.code == 0
    assert "unverified" in " ".join(ended.out.split())


def test_the_ingress_of_completion_events_has_no_command(desk: Desk, watch: Watch) -> None:
    ended = desk.run("api", "POST", "pipeline/webhook", "-f", "id=x", "--yes")
    assert ended.code == 2
    assert watch.lines == []
