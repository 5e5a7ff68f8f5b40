"""The commands around the account and AI Studio's resources: what people and programs see."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID, PROJECT_IDS
from tests.cli.account.conftest import Here, Watch, written
from tests.support.desk import Desk
from tests.support.servers import byte_server, reply
from tests.support.studio import RunningStudio

NO_KEYS: dict[str, Any] = {"BHUMAN_CLIENT_ID": None, "BHUMAN_CLIENT_SECRET": None, "BHUMAN_TOKEN": None}
NO_TOKEN: dict[str, Any] = {"BHUMAN_TOKEN": None}


def test_log_in_use_it_and_log_out(here: Here, desk: Desk, studio: RunningStudio) -> None:
    assert here("campaigns", "list", **NO_KEYS).code == 4
    ended = here("login", stdin="local\nlocal\n", **NO_KEYS)
    assert (ended.code, ended.out) == (0, "")
    assert "(profile default). Saved in" in ended.err
    assert here("login", "--token", "--json", stdin="local", **NO_KEYS).document == {
        "schema": "bhuman.login/1", "profile": "default", "service": studio.base_url, "kept_in": "file",
        "checked": "works",
    }  # fmt: skip
    kept = json.loads((desk.home / "credentials.json").read_text())["default"][studio.base_url]
    assert set(kept) == {"basic", "bearer"}, "the token stands beside the key"
    assert here("campaigns", "list", **NO_KEYS).code == 0
    assert here("logout", "--json", **NO_KEYS).document["forgotten"] is True
    assert here("logout", **NO_KEYS).err.startswith("No saved key")
    assert here("whoami", **NO_KEYS).code == 4


@pytest.mark.parametrize("stdin", ["local:local", "bG9jYWw6bG9jYWw=", " local \r\n local \r\n"])
def test_a_key_in_any_of_three_forms(here: Here, stdin: str) -> None:
    assert here("login", stdin=stdin, **NO_KEYS).code == 0
    assert here("whoami", "--json", **NO_KEYS).document["credentials"] == [{"kind": "basic", "verdict": "works"}]


def test_a_long_wrapped_pair_and_a_byte_order_mark(here: Here) -> None:
    pair = base64.b64encode(b"local:" + b"x" * 90).decode()
    ended = here("login", stdin=f"{pair[:76]}\n{pair[76:]}\n", **NO_KEYS)
    assert "refused these credentials" in ended.err, "read as one pair, and a wrong one"
    assert here("login", stdin="\ufefflocal\nlocal\n", **NO_KEYS).code == 0


def test_bytes_that_are_no_text_are_no_key(desk: Desk) -> None:
    ended = desk.run("login", stdin=b"local\n\xff\xfe\n", env=NO_KEYS)
    assert ended.code == 4
    assert "a character that no key has" in ended.err


def test_an_answer_passes_a_pipe_of_any_encoding_unchanged(desk: Desk) -> None:
    with byte_server(reply('{"name": "Zoë 日本"}'.encode())) as server:
        ended = desk.run("api", "GET", "x", env={"BHUMAN_BASE_URL": server.url, "PYTHONIOENCODING": "ascii"})
    assert (ended.code, ended.out) == (0, '{"name": "Zoë 日本"}\n')


def test_a_refused_key_is_not_kept(here: Here, desk: Desk) -> None:
    ended = here("login", "--json", stdin="local\ncanary-wrong\n", **NO_KEYS)
    assert (ended.code, ended.error["code"]) == (4, "credentials")
    assert "canary" not in ended.err
    assert not (desk.home / "credentials.json").exists()


@pytest.mark.parametrize("arguments", [(), ("--token",)])
def test_nothing_on_stdin(here: Here, arguments: tuple[str, ...]) -> None:
    ended = here("login", *arguments, stdin="", **NO_KEYS)
    assert ended.code == 4
    assert "stdin is empty" in ended.err


def test_a_key_that_could_not_be_checked_is_kept_only_on_purpose(here: Here) -> None:
    down = {**NO_KEYS, "BHUMAN_BASE_URL": "http://127.0.0.1:9"}
    ended = here("login", stdin="a\nb\n", **down)
    assert ended.code == 8
    assert "hint: bhuman login --unchecked" in ended.err
    assert here("login", "--unchecked", stdin="a\nb\n", **down).code == 0


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (("404 No", "404 No", "200 OK"), "works"),
        (("403 No", "200 OK"), "works"),
        (("403 No", "403 No", "401 No", "401 No"), "closed"),
        (("404 No", "404 No", "401 No", "401 No"), "closed"),
        (("401 No", "200 OK"), "works"),
        (("404 No",), "unknown"),
    ],
)
def test_what_a_service_s_answers_say_about_a_key(here: Here, answers: tuple[str, ...], verdict: str) -> None:
    replies = [
        reply(b'{"code": 200, "result": []}' if status == "200 OK" else b"{}", status=status) for status in answers
    ]
    with byte_server(*replies) as server:
        ended = here("whoami", "--json", BHUMAN_BASE_URL=server.url, **NO_TOKEN)
    assert ended.document["credentials"][0]["verdict"] == verdict


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("unknown client id", "refused"),
        ("API key was revoked", "refused"),
        ("The client_secret is invalid", "refused"),
        ("Could not validate credentials", "closed"),
        ("this route needs a user token", "closed"),
    ],
)
def test_a_key_is_refused_only_where_the_words_speak_of_it(here: Here, words: str, verdict: str) -> None:
    answer = reply(json.dumps({"code": 401, "error": words}).encode(), status="401 No")
    with byte_server(*[answer] * 8) as server:
        where = {"BHUMAN_BASE_URL": server.url, **NO_TOKEN}
        ended = here("whoami", "--json", **where)
        assert ended.document["credentials"][0]["verdict"] == verdict
        assert ended.code == (4 if verdict == "refused" else 0)
        kept = here("login", "--file", stdin="some-id\nsome-secret\n", **{**where, **NO_KEYS})
        assert kept.code == (4 if verdict == "refused" else 0)
        said = "refused these credentials" if verdict == "refused" else "the first render will tell"
        assert said in kept.err
        assert here("login", "--file", "--unchecked", stdin="a\nb\n", **{**where, **NO_KEYS}).code == 0


@pytest.mark.parametrize("stdin", ["bhm_mcp_abc123\n", "id\nbhm_mcp_abc123\n"])
def test_the_key_of_another_door_is_named(here: Here, stdin: str) -> None:
    ended = here("login", stdin=stdin, **NO_KEYS)
    assert ended.code == 4
    assert "that is an MCP key" in ended.err
    assert "abc123" not in ended.err
    assert here("whoami", BHUMAN_TOKEN="bhm_mcp_abc123").code == 4


def test_logging_out_says_that_the_environment_still_holds_a_key(here: Here) -> None:
    assert "still in effect" in here("logout").err


def test_profiles_are_apart(here: Here) -> None:
    assert here("login", "--profile", "work", stdin="local\nlocal\n", **NO_KEYS).code == 0
    assert here("whoami", **NO_KEYS).code == 4
    assert here("whoami", "--profile", "work", **NO_KEYS).code == 0
    assert here("whoami", BHUMAN_PROFILE="work", **NO_KEYS).code == 0


def test_whoami_says_what_works(here: Here, studio: RunningStudio) -> None:
    ended = here("whoami", "--json")
    assert ended.document == {
        "schema": "bhuman.whoami/1",
        "service": studio.base_url,
        "profile": "default",
        "source": "environment BHUMAN_CLIENT_ID",
        "key_id": "loca…",
        "credentials": [{"kind": "basic", "verdict": "works"}, {"kind": "bearer", "verdict": "works"}],
    }
    refused = here("whoami", BHUMAN_CLIENT_SECRET="wrong-secret", **NO_TOKEN)
    assert refused.code == 4
    assert "refused (401" in refused.out
    assert here("whoami", BHUMAN_BASE_URL="http://127.0.0.1:9").code == 8


def test_a_closed_list_explains_itself(here: Here) -> None:
    ended = here("campaigns", "list", "--json", **NO_TOKEN)
    assert (ended.code, ended.error["code"], ended.error["hint"]) == (4, "credentials", "bhuman login --token")
    assert "user bearer token" in ended.error["message"]
    assert "bhuman render FILE -c" in ended.error["message"]


@pytest.mark.parametrize(("noun", "known"), [("campaigns", CAMPAIGN_ID), ("instances", INSTANCE_ID)])
def test_lists_for_people_and_their_ends(here: Here, noun: str, known: str) -> None:
    ended = here(noun, "list")
    assert ended.code == 0
    assert known in [line.split("\t")[0] for line in ended.out.splitlines()]
    assert here(noun, "show", "00000000-0000-0000-0000-00000000000a").code == 5
    assert here(noun, "show", "nonsense").code == 2
    assert here(noun, "create").code == 2
    assert here(noun, "update", known, "--set", "novalue").code == 2


def test_a_cut_list_says_how_to_see_all(here: Here) -> None:
    for name in "ab":
        here("campaigns", "create", "--name", name)
    ended = here("campaigns", "list", "--limit", "1")
    assert len(ended.out.splitlines()) == 1
    assert "bhuman campaigns list --limit 0" in ended.err


def test_the_address_of_something_else_is_refused(here: Here, watch: Watch) -> None:
    ended = here("campaigns", "show", f"https://app.bhuman.ai/instance/{INSTANCE_ID}")
    assert ended.code == 2
    assert "belongs to a video instance" in ended.err
    assert watch.lines == []


@pytest.mark.parametrize("url", ["http://h.example/x", "h.example", "https://h.example/a b", "javascript:x"])
def test_a_webhook_that_could_not_be_called_is_not_saved(here: Here, watch: Watch, url: str) -> None:
    assert here("webhooks", "create", "--name", "x", "--url", url).code == 2
    assert here("webhooks", "create", "--name", " ", "--url", "https://h.example").code == 2
    assert watch.lines == []


def test_what_can_be_imported_is_listed_without_a_terminal(here: Here, watch: Watch) -> None:
    ended = here("import-speakeasy")
    assert [line.split("\t")[0] for line in ended.out.splitlines()] == list(PROJECT_IDS)
    assert watch.lines == ["GET speakeasy_projects"]
    assert here("import-speakeasy", PROJECT_IDS[0], "--list").code == 2
    assert here("import-speakeasy", " ").code == 2
    assert here("import-speakeasy", "nobody-knows-it").code == 5


def test_data_from_a_file_and_from_stdin(here: Here, desk: Desk, watch: Watch) -> None:
    name = written(desk.folder, "body.json", {"name": "from a file"})
    assert here("campaigns", "create", "--data", name).code == 0
    assert here("campaigns", "create", "--data", "-", stdin='{"name": "from stdin"}').code == 0
    assert [entry["body"]["name"] for entry in watch.seen] == ["from a file", "from stdin"]
    for source, stdin in (("missing.json", ""), ("-", "{"), ("-", "[1]"), ("-", "\xff")):
        assert here("campaigns", "create", "--data", source, stdin=stdin).code == 2


def test_any_other_endpoint(here: Here, watch: Watch) -> None:
    ended = here("api", "GET", "campaigns", "-f", "page=0", "-F", "size=1", "--include")
    assert ended.out.startswith("HTTP 200\ncontent-type: application/json\n")
    assert set(watch.lines) == {"GET campaigns?page=0&size=1"}
    everything = here("api", "get", "campaigns", "--paginate")
    assert CAMPAIGN_ID in [item["id"] for item in json.loads(everything.out)]


def test_an_answer_that_is_no_success_is_printed_and_ends_accordingly(here: Here) -> None:
    ended = here("api", "GET", "campaigns", "--auth", "basic")
    assert (ended.code, json.loads(ended.out)["code"]) == (4, 401)
    assert here("api", "GET", "nothing-there").code == 5
    assert here("api", "GET", "generated_video_by_id", "-f", "id=x").code == 5
    assert here("api", "GET", "campaigns", BHUMAN_BASE_URL="http://127.0.0.1:9").code == 8


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_anything_but_a_get_needs_a_yes(here: Here, watch: Watch, method: str) -> None:
    ended = here("api", method, "webhook", "-f", "name=x", "--json")
    assert (ended.code, ended.error["code"]) == (7, "not_confirmed")
    assert watch.lines == []


def test_with_a_yes_it_is_sent_once(here: Here, watch: Watch) -> None:
    ended = here("api", "POST", "webhook", "-f", "name=x", "-f", "webhook=https://h.example", "--yes")
    assert ended.code == 0
    assert watch.seen[0]["body"] == {"name": "x", "webhook": "https://h.example"}
    assert len(watch.seen) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("DELTE", "x"),
        ("GET", "https://evil.example/x"),
        ("GET", "x", "--data", "-"),
        ("POST", "x", "--data", "-", "-f", "a=b"),
        ("POST", "x", "--data", "-"),
        ("POST", "x", "--paginate", "--yes"),
        ("GET", "x", "-f", "novalue"),
        ("GET", "x", "-f", "a=1", "-F", "a=2"),
        ("GET", "x", "-F", "a={"),
        ("GET", "x", "--auth", "other"),
    ],
    ids=" ".join,
)
def test_a_wish_that_makes_no_sense(here: Here, watch: Watch, arguments: tuple[str, ...]) -> None:
    assert here("api", *arguments, stdin="{").code == 2
    assert watch.lines == []


def test_a_request_that_may_have_cost_something_is_in_doubt_and_sent_once(
    here: Here, studio: RunningStudio, watch: Watch
) -> None:
    for fault in ("drop-after-acceptance", "500 after-acceptance", "html after-acceptance"):
        studio.faults.replace([f"POST videos_preview: {fault}"])
        try:
            body = json.dumps({"campaign_id": CAMPAIGN_ID})
            ended = here("api", "POST", "videos_preview", "--data", "-", "--yes", stdin=body)
        finally:
            studio.faults.clear()
        assert ended.code == 9, fault
    assert len(watch.seen) == 3


def test_a_trigger_is_paid_once(here: Here, watch: Watch) -> None:
    wish = ("trigger", "zapier", "-c", CAMPAIGN_ID, "--set", "first_name=Once", "--json")
    first, second = here(*wish), here(*wish)
    assert first.document["rows"]["submitted"] == 1
    assert (second.document["rows"]["submitted"], second.document["rows"]["reused"]) == (0, 1)
    assert first.document["generations"][0]["id"] == second.document["generations"][0]["id"]
    assert f"these values were paid in {first.document['run_id']} (trigger zapier" in second.err
    assert [line for line in watch.lines if line.startswith("POST")] == ["POST pipeline/zapier"]
    again = here(*wish, "--again")
    assert again.document["rows"]["submitted"] == 1
    assert again.document["generations"][0]["id"] != first.document["generations"][0]["id"]


def test_a_trigger_in_doubt_is_never_sent_again_by_itself(here: Here, studio: RunningStudio, watch: Watch) -> None:
    wish = ("trigger", "pabbly", "-c", CAMPAIGN_ID, "--set", "first_name=Doubt")
    studio.faults.replace(["POST pipeline/pabbly: drop-after-acceptance", "GET generated_video_by_campaign_id: 403"])
    try:
        ended = here(*wish)
        assert ended.code == 9
        assert "resend" in ended.err
        assert here(*wish).code == 9
    finally:
        studio.faults.clear()
    assert [line for line in watch.lines if line.startswith("POST")] == ["POST pipeline/pabbly"]


def test_a_trigger_that_is_refused_costs_nothing(here: Here, studio: RunningStudio) -> None:
    studio.faults.replace(["POST pipeline/campaign: 401"])
    try:
        ended = here("trigger", "campaign", "-c", CAMPAIGN_ID, "--set", "first_name=Refused")
    finally:
        studio.faults.clear()
    assert ended.code == 4
    assert "hint: bhuman login" in ended.err


def test_a_payload_names_its_target_above_the_environment(here: Here, desk: Desk, watch: Watch) -> None:
    name = written(desk.folder, "body.json", {"campaign_id": CAMPAIGN_ID, "variables": ["a"], "names": [["1"], ["2"]]})
    ended = here(
        "trigger", "campaign", "--data", name, "--json", BHUMAN_CAMPAIGN_ID="00000000-0000-0000-0000-00000000000a"
    )
    assert ended.code == 0
    assert len(ended.document["generations"]) == 2
    bodies = [one["body"] for one in watch.seen if one["body"]]  # the list is looked at before
    assert bodies[0]["campaign_id"] == CAMPAIGN_ID


def test_a_dry_run_shows_the_request_and_sends_nothing(here: Here, desk: Desk, watch: Watch) -> None:
    wish = ("trigger", "pabbly", "-c", CAMPAIGN_ID, "--set", "first_name=Zoë", "--callback-url", "https://h.example/x")
    ended = here(*wish, "--dry-run", **NO_KEYS)
    assert (ended.code, ended.document) == (0, {
        "campaign_id": CAMPAIGN_ID,
        "variables": {"first_name": "Zoë"},
        "generation_mode": "keep_original",
        "callback_url": "https://h.example/x",
    })  # fmt: skip
    assert "POST /api/ai_studio/pipeline/pabbly" in ended.err
    assert watch.lines == []
    assert not desk.home.exists()


def test_a_log_file_holds_what_was_said(here: Here, desk: Desk) -> None:
    here("trigger", "pabbly", "-c", CAMPAIGN_ID, "--set", "first_name=Logged", "--log-file", "run.log")
    assert "plan: " in (desk.folder / "run.log").read_text()


def test_a_trigger_without_keys_or_with_bad_values_sends_nothing(here: Here, watch: Watch) -> None:
    assert here("trigger", "pabbly", "-c", CAMPAIGN_ID, "--set", "a=1", **NO_KEYS).code == 4
    assert here("trigger", "pabbly", "-c", CAMPAIGN_ID, "--set", "a=").code == 3
    assert here("trigger", "pabbly", "-c", CAMPAIGN_ID, "--set", "a={{a}}").code == 3
    assert here("trigger", "pabbly", "-c", CAMPAIGN_ID).code == 2
    assert watch.lines == []
