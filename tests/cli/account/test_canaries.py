"""Secrets in every place they can come from never leave it: output, logs, tracebacks, journal, JSON, doctor."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bhuman_cli.studio.config import CAMPAIGN_ID
from tests.support.desk import Desk
from tests.support.servers import byte_server, reply

KEY, SECRET, TOKEN, PROXY = "canary-id-1", "canary-secret-2", "canary-token-3", "canary-proxy-4"
ENCODED = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
SECRETS = (SECRET, TOKEN, ENCODED, PROXY)

PLACES = {
    "pair": {"BHUMAN_API_KEY_ID": KEY, "BHUMAN_API_KEY_SECRET": SECRET},
    "client": {"BHUMAN_CLIENT_ID": KEY, "BHUMAN_CLIENT_SECRET": SECRET},
    "encoded": {"BHUMAN_BASIC_AUTH": ENCODED},
    "half": {"BHUMAN_API_KEY_SECRET": SECRET},
    "spoilt": {"BHUMAN_BASIC_AUTH": f"{SECRET}!!"},
}
# A service that repeats the credentials it was sent, as careless ones do.
ECHO = f'{{"error": "bad Basic {ENCODED} or Bearer {TOKEN} for {SECRET}"}}'.encode()


def everything_written(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def bare(desk: Desk) -> Desk:
    for name in ("BHUMAN_CLIENT_ID", "BHUMAN_CLIENT_SECRET", "BHUMAN_TOKEN"):
        del desk.env[name]
    desk.env |= {"BHUMAN_TOKEN": TOKEN, "HTTPS_PROXY": f"http://u:{PROXY}@127.0.0.1:1"}
    return desk


@pytest.mark.parametrize("place", PLACES)
def test_a_service_that_repeats_them_gets_no_further(bare: Desk, place: str) -> None:
    desk = bare
    (desk.folder / "t.csv").write_text("first_name\nAlex\n")
    commands = [
        ("whoami", "--json"),
        ("doctor", "--json"),
        ("api", "GET", "campaigns", "--include"),
        ("trigger", "pabbly", "-c", CAMPAIGN_ID, "--set", "a=1", "--json"),
        ("render", "t.csv", "-c", CAMPAIGN_ID, "--json", "--log-file", "run.log"),
    ]
    # Each place meets two of the commands; together the places meet all of them.
    first = list(PLACES).index(place)
    with byte_server(reply(ECHO, status="400 Bad", headers=f"X-Echo: {ENCODED}\r\n")) as server:
        for command in (commands[first], commands[(first + 1) % len(commands)]):
            ended = desk.run(*command, env={**PLACES[place], "BHUMAN_BASE_URL": server.url})
            for secret in SECRETS:
                assert secret not in ended.out, command
                assert secret not in ended.err, command
            assert ended.code != 1, (command, ended.err)
    written = everything_written(desk.folder)
    for secret in SECRETS:
        assert secret.encode() not in written


def test_a_secret_that_is_kept_is_in_one_private_file_only(bare: Desk) -> None:
    desk = bare
    with byte_server(reply(b'{"code": 200, "result": []}')) as server:
        env = {"BHUMAN_BASE_URL": server.url, "BHUMAN_TOKEN": None}
        ended = desk.run("login", "--file", stdin=f"{KEY}\n{SECRET}\n".encode(), env=env)
        assert ended.code == 0
        for command in (("whoami",), ("doctor",)):
            shown = desk.run(*command, env=env)
            assert SECRET not in shown.out + shown.err
            assert ENCODED not in shown.out + shown.err
    assert SECRET not in ended.out + ended.err
    held = [path.name for path in desk.folder.rglob("*") if path.is_file() and ENCODED.encode() in path.read_bytes()]
    assert held == ["credentials.json"]


def test_no_command_has_an_option_for_a_secret() -> None:
    from bhuman_cli.cli import app

    for name in set(app.COMMANDS) - {"studio"}:  # its keys are pretend ones, and printed
        command = app.load(name)
        for found in getattr(command, "commands", {"": command}).values():
            options = {option for parameter in found.params for option in parameter.opts}
            assert not options & {"--secret", "--key", "--password", "--api-key", "--key-secret", "--basic-auth"}, name
            token = next((one for one in found.params if "--token" in one.opts), None)
            assert token is None or token.is_flag, "a token is read from stdin, not from argv"
