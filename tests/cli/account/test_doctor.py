"""doctor: what it finds, what it says, what it never shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.api import openapi_diff
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.workflows import diagnostics
from tests.cli.account.conftest import Here
from tests.support import certificates, webhooks
from tests.support.clocks import HeldClock
from tests.support.desk import Desk, Ended
from tests.support.servers import byte_server, reply
from tests.support.studio import RunningStudio

NO_KEYS: dict[str, Any] = {"BHUMAN_CLIENT_ID": None, "BHUMAN_CLIENT_SECRET": None, "BHUMAN_TOKEN": None}


def finding(ended: Ended, check: str) -> dict[str, str]:
    found: dict[str, str] = next(one for one in ended.document["findings"] if one["check"] == check)
    return found


def setting(ended: Ended, name: str) -> tuple[Any, str]:
    found = next(one for one in ended.document["settings"] if one["name"] == name)
    return found["value"], found["source"]


def test_all_is_well(here: Here, studio: RunningStudio) -> None:
    ended = here("doctor", "--json")
    assert (ended.code, ended.document["exit_code"]) == (0, 0)
    verdicts = {one["check"]: one["verdict"] for one in ended.document["findings"]}
    for check in ("settings", "connection", "credentials", "API key", "user token", "state folder", "journal"):
        assert verdicts[check] == "ok", check
    assert setting(ended, "base-url") == (studio.base_url, "environment BHUMAN_BASE_URL")
    assert setting(ended, "chunk-size") == (500, "default")
    assert ended.document["versions"]["python"].count(".") == 2


def test_it_changes_nothing(here: Here, desk: Desk) -> None:
    here("doctor")
    assert not desk.home.exists()


def test_for_people_only_what_is_set(here: Here, desk: Desk) -> None:
    (desk.folder / "leads.toml").write_text('chunk-size = 7\ncallback-url = "https://h.example/canary-path"\n')
    ended = here("doctor", "leads.csv")
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert ["chunk-size", "7", "project file leads.toml"] in lines
    assert ["callback-url", "https://h.example/…", "project file leads.toml"] in lines
    assert "canary-path" not in ended.out + ended.err
    assert "poll-interval" not in ended.out


def test_a_wrong_setting_is_exit_2_and_the_rest_is_still_checked(here: Here, desk: Desk) -> None:
    (desk.folder / "bhuman.toml").write_text("yes = true\n")
    ended = here("doctor", "--json")
    assert ended.code == 2
    assert "yes can only be given on the command line" in finding(ended, "settings")["detail"]
    assert finding(ended, "state folder")["verdict"] == "ok"


def test_a_service_that_is_not_there_is_said_once(here: Here) -> None:
    ended = here("doctor", "--json", BHUMAN_BASE_URL="http://127.0.0.1:9")
    assert ended.code == 8
    assert [one["check"] for one in ended.document["findings"] if one["verdict"] == "fail"] == ["connection"]


@pytest.mark.parametrize(
    ("changed", "check"), [(NO_KEYS, "credentials"), ({"BHUMAN_CLIENT_SECRET": "wrong-one"}, "API key")]
)
def test_missing_and_refused_keys_are_exit_4(here: Here, changed: dict[str, Any], check: str) -> None:
    ended = here("doctor", "--json", **changed)
    assert ended.code == 4
    assert finding(ended, check) | {"verdict": "fail", "hint": "bhuman login"} == finding(ended, check)


def test_offline_asks_nobody(here: Here) -> None:
    ended = here("doctor", "--offline", "--json", BHUMAN_BASE_URL="http://127.0.0.1:9")
    assert ended.code == 0
    assert "connection" not in [one["check"] for one in ended.document["findings"]]


def test_a_mistyped_variable_is_named_and_a_proxy_shown_without_its_password(here: Here) -> None:
    proxies = {"HTTPS_PROXY": "http://user:canary-pw@proxy.example:3128", "ALL_PROXY": "http://[bad"}
    ended = here("doctor", "--offline", "--json", BHUMAN_CLIENT_SECERT="canary-x", **proxies)
    assert "did you mean BHUMAN_CLIENT_SECRET?" in finding(ended, "environment")["detail"]
    assert "HTTPS_PROXY=http://proxy.example:3128" in finding(ended, "proxy")["detail"]
    assert "canary" not in ended.out + ended.err


def test_hints_are_for_people_and_never_doctor_itself(here: Here) -> None:
    ended = here("doctor", BHUMAN_BASE_URL="http://127.0.0.1:9")
    assert "bhuman doctor" not in ended.err


def test_what_login_kept_is_listed_without_its_secret(here: Here, desk: Desk, studio: RunningStudio) -> None:
    here("login", "--file", "--profile", "work", stdin="local\nlocal\n", **NO_KEYS)
    (desk.home / "credentials.json").chmod(0o644)
    ended = here("doctor", "--offline", "--json")
    found = [one for one in ended.document["findings"] if one["check"] == "profile"]
    assert found[0]["detail"] == f"work for {studio.base_url}, in the file"
    assert found[1]["hint"] == f"chmod 600 {desk.home / 'credentials.json'}"
    (desk.home / "credentials.json").write_text("{")
    assert here("doctor", "--offline").code == 4


def findings(folder: Path) -> list[diagnostics.Finding]:
    home = settings.Home(config=folder, state=folder, studio=folder / "studio")
    return list(diagnostics.state_folder(home, SystemClock()))


def test_a_folder_that_others_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    assert [(one.verdict, one.hint) for one in findings(folder)][1] == ("warn", f"chmod 700 {folder}")


def test_a_folder_that_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bhuman_cli.workflows.diagnostics.tempfile.TemporaryFile", full)
    assert [(one.verdict, one.detail, one.exit_code) for one in findings(tmp_path)] == [
        ("fail", f"{tmp_path}: No space left on device", 8)
    ]


def test_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr("bhuman_cli.workflows.diagnostics.shutil.disk_usage", lambda _: usage)
    assert findings(tmp_path)[0].verdict == "warn"


def test_a_damaged_journal(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    (folder / "journal.sqlite3").write_bytes(b"not a database at all" * 100)
    assert (findings(folder)[-1].check, findings(folder)[-1].exit_code) == ("journal", 8)


@pytest.mark.parametrize(
    ("offset_s", "verdict", "words"),
    [
        (0, "ok", "within"),
        (-300, "warn", "300 s ahead of"),
        (300, "warn", "300 s behind"),
        (None, "ok", "sent no Date header"),
    ],
)
def test_the_clock_is_compared_with_the_service_s(here: Here, offset_s: int | None, verdict: str, words: str) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=offset_s or 0)
    header = "" if offset_s is None else f"Date: {format_datetime(moment, usegmt=True)}\r\n"
    with byte_server(reply(b"{}", headers=header)) as server:
        ended = here("doctor", "--json", BHUMAN_BASE_URL=server.url)
    found = finding(ended, "clock")
    assert found["verdict"] == verdict
    assert any(near in found["detail"] for near in (words, words.replace("300", "299"), words.replace("300", "301")))


def test_a_service_in_trouble_and_one_that_hides_videos(here: Here) -> None:
    with byte_server(reply(b"{}", status="500 Oops")) as server:
        ended = here("doctor", "--json", BHUMAN_BASE_URL=server.url)
    assert (ended.code, finding(ended, "connection")["verdict"]) == (8, "fail")
    with byte_server(reply(b"{}", status="401 Who")) as server:
        ended = here("doctor", "--json", BHUMAN_BASE_URL=server.url)
    assert finding(ended, "polling")["verdict"] == "warn"


def test_the_studio_keeps_the_contract_we_send_by(here: Here) -> None:
    ended = here("doctor", "--contract", "--json", **NO_KEYS)
    assert ended.code == 0
    assert [one for one in ended.document["differences"] if one["breaks"]] == []
    unsent = {one["route"] for one in ended.document["differences"] if "no command sends it" in one["what"]}
    assert {route for route in unsent if route.startswith("GET ")} == {"GET get_generated_video"}


def test_a_contract_that_changed_is_exit_5(here: Here) -> None:
    document = b'{"openapi": "3.1.0", "paths": {"/api/ai_studio/webhook": {"get": {}}}}'
    with byte_server(reply(document)) as server:
        ended = here("doctor", "--contract", BHUMAN_BASE_URL=server.url, **NO_KEYS)
    assert ended.code == 5
    assert "differs\tPOST pipeline/campaign\tthe route is not in the document" in ended.out
    assert b"Authorization" not in server.requests[0]


def test_no_contract_to_be_found(here: Here) -> None:
    with byte_server(reply(b"<html>")) as server:
        ended = here("doctor", "--contract", BHUMAN_BASE_URL=server.url)
        assert ended.code == 8
        assert len(server.requests) == len(openapi_diff.DOCUMENT_PATHS)
        assert here("doctor", "--openapi", "/only/here.json", BHUMAN_BASE_URL=server.url).code == 8
    assert server.requests[-1].startswith(b"GET /only/here.json ")
    assert here("doctor", "--openapi", "https://evil.example/x").code == 2


def test_the_slow_part_of_a_skew_is_not_the_network() -> None:
    clock = HeldClock()
    from bhuman_cli.api.transport import Response

    answer = Response(
        status=200, headers={"date": format_datetime(clock.now() + timedelta(seconds=50), usegmt=True)}, body=b""
    )
    assert diagnostics._skew(answer, clock.now(), 100.0).verdict == "ok"


def test_a_table_that_is_not_there_is_said(here: Here, desk: Desk) -> None:
    ended = here("doctor", "--offline", "--json", "nofile.csv")
    assert finding(ended, "table")["verdict"] == "warn"
    assert "there is no file nofile.csv" in finding(ended, "table")["detail"]
    desk.people(1)
    assert "there is no file" not in here("doctor", "--offline", "people.csv").out


def test_whose_certificates_are_believed_is_said(here: Here, tmp_path: Path) -> None:
    context = certificates.self_signed(tmp_path)
    bundle = str(tmp_path / certificates.FILE_NAME)
    with webhooks.receiving(context) as secure:
        origin = secure.url.partition("/hook")[0]
        ended = here("doctor", "--json", BHUMAN_BASE_URL=origin, REQUESTS_CA_BUNDLE=bundle)
    assert bundle in finding(ended, "connection")["detail"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(b"", status="302 Found"), "answered 302, a redirect, which is never followed,"),
        (reply(b"<html>sign in</html>"), "answered 200, but not with JSON,"),
    ],
)
def test_something_else_at_the_service_s_address_is_no_connection(here: Here, answer: bytes, said: str) -> None:
    with byte_server(answer) as server:
        ended = here("doctor", "--json", BHUMAN_BASE_URL=server.url)
    assert (ended.code, finding(ended, "connection")["verdict"]) == (8, "fail")
    assert said in finding(ended, "connection")["detail"]
    assert len(server.requests) == 1, "a key is not sent to it"
