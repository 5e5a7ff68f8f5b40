"""`bhuman mcp` driven by the official client of its SDK over stdio: tools, results, and that nothing is spent."""

from __future__ import annotations

import functools
import json
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import ElicitResult

from bhuman_cli import errors
from bhuman_cli.config import settings
from bhuman_cli.workflows import plan_signature
from tests.support import plain_service, terminal
from tests.support.desk import REPOSITORY, Desk
from tests.support.plain_service import CAMPAIGN_ID, PlainService

Talk = Callable[[Client], Awaitable[Any]]


def talk(desk: Desk, work: Talk, *flags: str, answer: Any = None) -> Any:
    """Start the server in the desk's folder, talk to it, and return what came of it. answer: to what it asks."""

    async def main() -> Any:
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "bhuman_cli", "mcp", *flags], cwd=desk.folder,
            env={**desk.environment(), "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        with anyio.fail_after(90):
            async with Client(stdio_client(server), elicitation_callback=answer) as client:
                return await work(client)

    return anyio.run(main)


async def said(client: Client, name: str, **arguments: Any) -> Any:
    """Call a tool; return its typed result, or the error's text."""
    result: Any = await client.call_tool(name, arguments)
    return result.content[0].text if result.is_error else result.structured_content


def test_a_client_that_calls_everything_reads_typed_results_and_spends_nothing(
    desk: Desk, service: PlainService
) -> None:
    desk.people(3)
    assert desk.render("people.csv").code == 0
    desk.table("new.csv", [("Zoe", "Zed"), ("Yan", "")])

    async def work(client: Client) -> dict[str, Any]:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {
            "check_table", "plan", "preview_row", "runs", "status", "results", "gallery", "export", "doctor",
            "apply_plan",
        }  # fmt: skip
        assert all(tool.description and tool.output_schema for tool in tools)
        return {
            "check": await said(client, "check_table", file="new.csv"),
            "runs": await said(client, "runs"),
            "status": await said(client, "status", file="people.csv"),
            "results": await said(client, "results", file="people.csv"),
            "gallery": await said(client, "gallery", file="people.csv"),
            "export": await said(client, "export", file="people.csv", format="json"),
            "doctor": await said(client, "doctor"),
            "apply": await said(client, "apply_plan", path="new.csv"),
        }

    found = talk(desk, work)
    assert found["check"]["ok"] is False
    assert [(each["line"], each["column"]) for each in found["check"]["problems"]] == [(3, "company")]
    assert found["runs"]["runs"][0]["file"] == "people.csv"
    assert (found["status"]["exit_code"], found["status"]["rows"]["succeeded"]) == (0, 3)
    assert [row["status"] for row in found["results"]["rows"]] == ["succeeded"] * 3
    assert (desk.folder / found["gallery"]["path"]).is_file()
    assert (desk.folder / found["export"]["path"]).suffix == ".json"
    assert "no plan" in found["apply"]
    assert {each["check"] for each in found["doctor"]["findings"]} & {"credentials", "clock", "journal"}
    whole = json.dumps(found)
    assert "Name0" not in whole, "no recipient's cell"
    assert not any(item["id"] in whole for item in service.accepted)
    assert "https://videos.example" not in whole
    assert len(service.bodies) == 1, "only the person's own render"


def test_values_are_shown_where_the_person_said_so(desk: Desk) -> None:
    desk.people(1)
    assert desk.render("people.csv").code == 0
    rows = talk(desk, lambda client: said(client, "results", file="people.csv"), "--show-values")["rows"]
    assert (rows[0]["first_name"], rows[0]["url"][:5]) == ("Name0", "https")


@pytest.mark.parametrize(
    "place", ["../secret.csv", "/etc/hostname", "link.csv", "https://files.example/a.csv", "-", "in/x.csv"]
)
def test_no_tool_reads_outside_the_folder(desk: Desk, tmp_path_factory: pytest.TempPathFactory, place: str) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.csv").write_text("first_name,company\nSecret,Person\n")
    (desk.folder / "link.csv").symlink_to(outside / "x.csv")
    (desk.folder / "in").symlink_to(outside)
    (desk.folder.parent / "secret.csv").write_text("first_name,company\nSecret,Person\n")
    found = talk(desk, lambda client: said(client, "check_table", file=place))
    assert isinstance(found, str)
    assert "folder" in found
    assert "Secret" not in found


def test_runs_of_other_folders_are_nobodys_business_here(desk: Desk, tmp_path: Path) -> None:
    desk.people(2)
    assert desk.render("people.csv", "--json").code == 0
    run = json.loads(desk.run("runs", "--json").out)["runs"][0]["run_id"]
    other = Desk(desk.folder, str(desk.env["BHUMAN_BASE_URL"]))
    other.folder = desk.folder / "elsewhere"
    other.folder.mkdir()
    other.env = desk.env

    async def work(client: Client) -> tuple[Any, Any]:
        return await said(client, "runs"), await said(client, "results", file=run)

    listed, refused = talk(other, work)
    assert listed["runs"] == []
    assert "outside" in refused


def plan_of(videos: int) -> dict[str, Any]:
    rows = [{"row_index": at, "line": at + 2, "plan": "new", "identity": f"{at:032x}"} for at in range(videos)]
    return {
        "schema": "bhuman.plan/1", "plan_id": "p1", "made_at": "2026-11-29T12:00:00Z", "file": "a.csv",
        "target": {"service": "https://studio.bhuman.ai", "kind": "campaign", "id": CAMPAIGN_ID}, "journal": "j1",
        "again": False, "retry_failed": False, "plan": {"new": videos, "retried": 0}, "rows": rows,
    }  # fmt: skip


def sign(desk: Desk, plan: str, videos: int) -> None:
    """Be the person on the terminal."""
    words = [sys.executable, "-m", "bhuman_cli", "plan", "sign", plan]
    with terminal.terminal(words, folder=desk.folder, env=desk.environment()) as screen:
        screen.wait_for("Type the number")
        screen.type(f"{videos}\r")
        assert screen.end() == 0


def test_a_signed_plan_is_rendered_once_and_exactly(desk: Desk, service: PlainService) -> None:
    desk.people(3)
    made = talk(desk, lambda client: said(client, "plan", file="people.csv"))
    assert (made["plan_file"], made["videos"]) == ("people.plan.json", 3)
    assert made["to_sign"] == "bhuman plan sign people.plan.json"
    unsigned = talk(desk, lambda client: said(client, "apply_plan", path="people.plan.json"))
    assert "plan_unsigned" in unsigned
    assert "bhuman plan sign people.plan.json" in unsigned
    sign(desk, "people.plan.json", 3)
    desk.people(5)

    async def twice(client: Client) -> tuple[Any, Any]:
        first = await said(client, "apply_plan", path="people.plan.json")
        return first, await said(client, "apply_plan", path="people.plan.json")

    applied, again = talk(desk, twice)
    assert applied["submitted"] == 3, applied
    assert sorted(service.texts()) == [[f"Name{at}", f"Company {at}"] for at in range(3)]
    assert "plan_used" in again
    assert len(service.accepted) == 3


def test_only_a_server_that_a_person_started_so_asks_for_a_yes_and_the_number_counts(
    desk: Desk, service: PlainService
) -> None:
    desk.people(2)
    talk(desk, lambda client: said(client, "plan", file="people.csv"))
    answers = [ElicitResult(action="decline"), *(ElicitResult(action="accept", content={"videos": n}) for n in (3, 2))]
    asked: list[str] = []

    async def answer(_: Any, question: Any) -> ElicitResult:
        asked.append(question.message)
        return answers.pop(0)

    async def apply(client: Client) -> Any:
        return await said(client, "apply_plan", path="people.plan.json")

    async def thrice(client: Client) -> list[Any]:
        return [await apply(client) for _ in range(3)]

    assert "plan_unsigned" in talk(desk, apply, answer=answer)
    assert (asked, service.bodies) == ([], []), "a client that approves everything spends nothing"
    declined, wrong, applied = talk(desk, thrice, "--elicit", answer=answer)
    assert "plan_unsigned" in declined
    assert "plan_unsigned" in wrong
    assert (applied["submitted"], len(service.accepted)) == (2, 2), applied
    assert asked[0].startswith("2 videos of people.csv")


def test_a_cancelled_call_ends_and_a_paid_request_is_kept_all_the_same(desk: Desk, service: PlainService) -> None:
    sent, release = threading.Event(), threading.Event()

    def held(body: dict[str, Any]) -> plain_service.Reply:
        sent.set()
        release.wait(30)
        return plain_service.reply(200, {"code": 200, "result": service.accept(body)})

    service.posts = [held]
    desk.people(2)
    talk(desk, lambda client: said(client, "plan", file="people.csv"))
    sign(desk, "people.plan.json", 2)

    async def cancelled(client: Client) -> Any:
        async with anyio.create_task_group() as group:
            group.start_soon(functools.partial(said, client, "apply_plan", path="people.plan.json"))
            await anyio.to_thread.run_sync(sent.wait)
            group.cancel_scope.cancel()
        release.set()
        return await said(client, "check_table", file="people.csv")

    assert talk(desk, cancelled)["rows"]["total"] == 2, "the server goes on"
    assert desk.render("people.csv").code == 0
    assert (len(service.bodies), len(service.accepted)) == (1, 2)


def test_a_changed_plan_and_an_old_or_forged_signature_spend_nothing(desk: Desk, service: PlainService) -> None:
    desk.people(2)
    talk(desk, lambda client: said(client, "plan", file="people.csv"))
    path = desk.folder / "people.plan.json"
    plan, home = plan_signature.read_plan(path), settings.home(desk.environment())
    plan_signature.sign(plan, home, datetime.now(UTC) - timedelta(days=7, seconds=1))
    signature = plan_signature.place(path)
    old = json.loads(signature.read_text())
    forged = json.dumps({**old, "signed_at": datetime.now(UTC).isoformat()})

    async def work(client: Client) -> list[Any]:
        answers = [await said(client, "apply_plan", path="people.plan.json")]
        signature.write_text(forged)
        answers.append(await said(client, "apply_plan", path="people.plan.json"))
        plan_signature.sign(plan, home, datetime.now(UTC))
        path.write_text(path.read_text().replace("people.csv", "other.csv"))
        desk.people(2, "other.csv")
        return [*answers, await said(client, "apply_plan", path="people.plan.json")]

    refused = talk(desk, work)
    codes = [one.split(": ")[1] for one in refused]
    assert codes == ["plan_expired", "plan_unsigned", "plan_unsigned"]
    assert service.bodies == []


def test_a_signature_fits_one_plan_one_person_and_seven_days(tmp_path: Path) -> None:
    home = settings.home({"BHUMAN_HOME": str(tmp_path / "home")})
    path = tmp_path / "a.plan.json"
    document = plan_of(3)
    path.write_text(json.dumps(document))
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    plan = plan_signature.read_plan(path)
    assert plan.videos == 3
    with pytest.raises(errors.Refusal, match="nobody has signed"):
        plan_signature.require_signed(plan, home, now)
    plan_signature.sign(plan, home, now)
    plan_signature.require_signed(plan, home, now)
    assert (home.config / "plan.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(errors.Refusal, match="seven days"):
        plan_signature.require_signed(plan, home, now + timedelta(days=7, seconds=1))
    other = settings.home({"BHUMAN_HOME": str(tmp_path / "other")})
    plan_signature.sign(plan_signature.read_plan(path), other, now)
    with pytest.raises(errors.Refusal, match="does not belong"):
        plan_signature.require_signed(plan, home, now)
    plan_signature.sign(plan, home, now)
    path.write_text(json.dumps({**document, "file": "b.csv"}))
    with pytest.raises(errors.Refusal, match="does not belong"):
        plan_signature.require_signed(plan_signature.read_plan(path), home, now)
    forged = json.loads(plan_signature.place(path).read_text())
    forged["sha256"] = plan_signature.read_plan(path).sha256
    plan_signature.place(path).write_text(json.dumps(forged))
    with pytest.raises(errors.Refusal, match="does not belong"):
        plan_signature.require_signed(plan_signature.read_plan(path), home, now)


def test_a_plan_is_signed_by_a_person_who_types_the_number(desk: Desk) -> None:
    (desk.folder / "a.plan.json").write_text(
        # The rows count; what stands beside them may be an agent's lie.
        json.dumps({**plan_of(12), "plan": {"new": 1, "retried": 0}})
    )
    ended = desk.run("plan", "sign", "a.plan.json", stdin=b"12\n")
    assert (ended.code, (desk.folder / "a.plan.json.signature").exists()) == (2, False)
    assert "on a terminal" in ended.err
    words = [sys.executable, "-m", "bhuman_cli", "plan", "sign", "a.plan.json"]
    for typed, code, is_signed in (("11", 7, False), ("", 0, False), ("12", 0, True)):
        with terminal.terminal(words, folder=desk.folder, env=desk.environment()) as screen:
            screen.wait_for("Type the number")
            screen.type(f"{typed}\r")
            assert screen.end() == code
        assert (desk.folder / "a.plan.json.signature").exists() is is_signed


@pytest.mark.parametrize("client", ["claude", "cursor", "vscode"])
def test_what_to_paste_is_json_and_the_skill_names_the_tools(desk: Desk, client: str) -> None:
    entry = json.loads(desk.run("mcp", "--print-config", client).out)
    servers = entry.get("mcpServers") or entry["servers"]
    assert servers["bhuman"]["args"] == ["mcp"]
    skill = desk.run("mcp", "--print-skill").out
    assert skill.startswith("---\nname: bhuman\n")
    assert "bhuman plan sign" in skill
