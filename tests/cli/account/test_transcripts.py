"""What a person sees on a terminal of 80 and 120 columns, and a program in a pipe; prompts, and where none comes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID
from tests.cli.account.conftest import Watch
from tests.support.desk import Desk
from tests.support.servers import byte_server, reply
from tests.support.studio import running_studio
from tests.support.terminal import ESCAPES, Terminal, terminal

# Several commands in one process, one after the other on the same terminal: each starts a second sooner.
DRIVER = """
import json, sys
from bhuman_cli.cli import app
for argv in json.loads(sys.argv[1]):
    print("$ bhuman", " ".join(argv), flush=True)
    code = app.run(argv)
    sys.stdout.flush()
    print("=>", code, flush=True)
"""
COMMANDS = (
    ("whoami",),
    ("campaigns", "list"),
    ("campaigns", "show", CAMPAIGN_ID),
    ("instances", "list"),
    ("instances", "show", INSTANCE_ID),
    ("webhooks", "create", "--name", "Production", "--url", "https://yourapp.example/bhuman/callback"),
    ("webhooks", "list"),
    ("import-speakeasy", "--list"),
    ("api", "GET", "campaigns", "--include"),
    ("doctor",),
    ("doctor", "--contract"),
    ("logout",),
    ("campaigns", "show", "nonsense"),
    *((name, "--help") for name in ("login", "logout", "whoami", "doctor", "campaigns", "webhooks", "api", "trigger")),
)


@pytest.fixture(scope="module")
def own_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk with a studio of its own, so that its lists hold what this file makes."""
    folder = tmp_path_factory.mktemp("transcripts")
    with running_studio(folder) as studio:
        desk = Desk(folder, studio.base_url)
        keys = {"BHUMAN_CLIENT_ID": "local", "BHUMAN_CLIENT_SECRET": "local", "BHUMAN_TOKEN": "local"}
        desk.env = {"BHUMAN_HOME": str(folder / "home"), "BHUMAN_BASE_URL": studio.base_url, **keys}
        yield desk


def transcript(desk: Desk, columns: int, **env: str) -> dict[str, list[str]]:
    """Return the screen of each command, escape codes included."""
    argv = [sys.executable, "-c", DRIVER, json.dumps(COMMANDS)]
    with terminal(argv, folder=desk.folder, env=desk.environment(env), columns=columns) as screen:
        assert screen.end() == 0
    shown: dict[str, list[str]] = {}
    for block in re.split(r"(?m)^\$ bhuman ", screen.raw.replace("\r\n", "\n"))[1:]:
        lines = block.splitlines()
        shown[lines[0]] = [line for line in lines[1:] if not line.startswith("waiting for http")]  # a busy machine
    return shown


@pytest.mark.parametrize("columns", [80, 120])
def test_every_command_fits_its_terminal(own_desk: Desk, columns: int) -> None:
    shown = transcript(own_desk, columns)
    plain = {command: [ESCAPES.sub("", line) for line in lines] for command, lines in shown.items()}
    for command, lines in plain.items():
        drawn = [line for line in lines if not command.startswith("api ")]  # JSON of a server keeps its long values
        assert all(len(line) <= columns or " " not in line.strip() or ":" in line for line in drawn), command
        assert lines[-1] == ("=> 2" if "nonsense" in command else "=> 0"), (command, lines)
    assert plain["whoami"][0].split()[:2] == ["service", own_desk.env["BHUMAN_BASE_URL"]]
    assert any(line.split()[:2] == [CAMPAIGN_ID, "Local"] for line in plain["campaigns list"])
    assert plain["campaigns list"][0].split() == ["id", "name", "updated_at"]
    assert any(line.startswith("✓ connection") for line in plain["doctor"])
    assert any("0 differences that matter" in line for line in plain["doctor --contract"])
    assert plain["api GET campaigns --include"][0] == "HTTP 200"
    assert '  "code": 200,' in plain["api GET campaigns --include"]
    assert any(line.startswith("hint: ") for line in plain["campaigns show nonsense"])
    assert any("Examples" in line for line in plain["login --help"])


def test_no_color_means_none(own_desk: Desk) -> None:
    coloured = transcript(own_desk, 80)
    assert any("\x1b[" in line for lines in coloured.values() for line in lines)
    quiet = transcript(own_desk, 80, NO_COLOR="1")
    # Bold is no colour; what sets one is 30 to 49 and 90 to 107.
    sets_colour = [
        (command, line)
        for command, lines in quiet.items()
        for line in lines
        for code in ESCAPES.findall(line)
        if any(part.isdigit() and (30 <= int(part) <= 49 or 90 <= int(part) <= 107) for part in code[2:-1].split(";"))
    ]
    assert sets_colour == []


def test_in_a_pipe_there_is_data_and_nothing_else(own_desk: Desk) -> None:
    argv = [sys.executable, "-c", DRIVER, json.dumps(COMMANDS)]
    came = subprocess.run(
        argv, cwd=own_desk.folder, env=own_desk.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert b"\x1b" not in came.stdout + came.stderr
    blocks = [block.splitlines() for block in came.stdout.decode().split("$ bhuman ")[1:]]
    rows = next(block for block in blocks if block[0] == "campaigns list")[1:-1]
    assert rows
    assert all(len(row.split("\t")) == 3 for row in rows)
    raw = next(block for block in blocks if block[0].startswith("api "))
    assert json.loads(raw[-2])["code"] == 200


Open = Callable[..., AbstractContextManager[Terminal]]


@pytest.fixture
def on_terminal(desk: Desk) -> Open:
    def run(*arguments: str, **env: str | None) -> AbstractContextManager[Terminal]:
        argv = [sys.executable, "-m", "bhuman_cli", *arguments]
        return terminal(argv, folder=desk.folder, env=desk.environment(env))

    return run


NO_KEYS = {"BHUMAN_CLIENT_ID": None, "BHUMAN_CLIENT_SECRET": None, "BHUMAN_TOKEN": None}


def test_logging_in_hides_the_secret(on_terminal: Open, desk: Desk) -> None:
    with on_terminal("login", "--file", **NO_KEYS) as screen:
        screen.wait_for("Client ID: ")
        screen.type("local\n")
        screen.wait_for("Client Secret (not shown): ")
        screen.type("local\n")
        screen.wait_for("(profile default). Saved in")
        assert screen.end() == 0
    after_prompt = screen.screen.split("(not shown): ")[1]
    assert "local\n" not in after_prompt.split("they work")[0]
    assert (desk.home / "credentials.json").exists()


def test_choosing_a_presenter(on_terminal: Open, watch: Watch) -> None:
    with on_terminal("import-speakeasy") as screen:
        screen.wait_for("Import which one (1-2, nothing: none)? ")
        screen.type("7\n")
        screen.wait_for("Import which one (1-2, nothing: none)? ")
        screen.type("2\n")
        screen.wait_for("imported")
        assert screen.end() == 0
    assert watch.lines == ["GET speakeasy_projects", "POST speakeasy_projects/import"]


@pytest.mark.parametrize(("answer", "code", "sent"), [("y", 0, 1), ("n", 0, 0), ("", 0, 0)])
def test_money_is_asked_about(
    on_terminal: Open, watch: Watch, tmp_path: Path, answer: str, code: int, sent: int
) -> None:
    value = f"first_name={tmp_path.name}"
    with on_terminal("trigger", "zapier", "-c", CAMPAIGN_ID, "--set", value) as screen:
        screen.wait_for("plan: 1 new")
        screen.wait_for("[y/N] ")
        screen.type(f"{answer}\n")
        assert screen.end() == code
    assert [line for line in watch.lines if line.startswith("POST")] == ["POST pipeline/zapier"] * sent


def test_a_change_is_asked_about_with_a_warning_if_it_may_cost(on_terminal: Open, watch: Watch) -> None:
    with on_terminal("api", "POST", "videos_preview", "-f", f"campaign_id={CAMPAIGN_ID}") as screen:
        screen.wait_for("this may cost credits")
        screen.wait_for("[y/N] ")
        screen.type("n\n")
        assert screen.end() == 0
    assert watch.lines == []


def test_control_c_at_a_question_sends_nothing(on_terminal: Open, watch: Watch) -> None:
    with on_terminal("api", "POST", "webhook", "-f", "name=x") as screen:
        screen.wait_for("[y/N] ")
        screen.type("\x03")
        assert screen.end() == 130
    assert watch.lines == []


@pytest.mark.parametrize("closed", [False, True])
def test_nothing_asks_without_a_terminal(desk: Desk, watch: Watch, closed: bool) -> None:
    """Standard input is empty, or a terminal while --no-input forbids to ask."""
    argv = ["api", "POST", "webhook", "-f", "name=x"]
    if closed:
        ended = desk.run(*argv)
        assert (ended.code, "[y/N]" in ended.err) == (7, False)
    else:
        command = [sys.executable, "-m", "bhuman_cli", *argv, "--no-input"]
        with terminal(command, folder=desk.folder, env=desk.environment()) as screen:
            assert screen.end() == 7
        assert "[y/N]" not in screen.screen
    assert watch.lines == []


def test_a_bare_environment_is_enough(desk: Desk) -> None:
    """As cron has it: no HOME, no terminal, no keyring."""
    assert "HOME" not in desk.environment()
    assert desk.run("whoami").code == 0
    assert os.environ.get("HOME") is None or "HOME" not in desk.environment()


def test_a_slow_service_is_named_to_whoever_waits(tmp_path: Path) -> None:
    said = threading.Event()

    def slow(connection: socket.socket) -> None:
        said.wait(30)
        connection.sendall(reply(b"[]"))

    with byte_server(slow) as server:
        desk = Desk(tmp_path, server.url)
        argv = (sys.executable, "-m", "bhuman_cli", "webhooks", "list")
        with terminal(argv, folder=tmp_path, env=desk.environment()) as screen:
            screen.wait_for(f"waiting for {server.url} …")
            said.set()
            assert screen.end() == 0
        assert "waiting for" not in desk.run("webhooks", "list").err, "a log is not watched"
