"""What the commands say while they work: the same on a terminal and in a pipe, and never about a recipient."""

from __future__ import annotations

import csv
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.delivery.conftest import NAMES, Rendered
from tests.support.desk import bare_environment

COMMANDS = {
    "download": ["download", "--to", "media", "--what", "all"],
    "gallery": ["gallery", "-o", "page.html", "--embed"],
    "export": ["export", "-o", "out.xlsx"],
    "mailmerge": ["export", "--for", "gmail", "-o", "out.csv"],
}


def environ(rendered: Rendered, **more: str) -> dict[str, str]:
    return {**bare_environment(), "BHUMAN_HOME": str(rendered.home), "TERM": "xterm-256color", **more}


def on_a_terminal(words: list[str], folder: Path, env: dict[str, str]) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bhuman_cli", *words], cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 65_536):
            said += piece
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    return process.wait(20), said.decode()


@pytest.mark.parametrize(("name", "columns"), [*((name, "80") for name in COMMANDS), ("download", "120")])
def test_a_terminal_shows_a_line_or_two_and_is_asked_nothing(
    rendered: Rendered, tmp_path: Path, name: str, columns: str
) -> None:
    code, said = on_a_terminal(COMMANDS[name], tmp_path, environ(rendered, COLUMNS=columns))
    assert code == 0, said
    lines = said.split("\r\n")
    assert 2 <= len(lines) <= 5
    # A path is never broken, or it could not be copied; it is as long as the folder of this test.
    assert max(len(line.replace(str(tmp_path), "")) for line in lines) <= int(columns)


def test_no_color_means_no_colours(rendered: Rendered, tmp_path: Path) -> None:
    _, said = on_a_terminal(["export", "-o", "out.docx"], tmp_path, environ(rendered, NO_COLOR="1"))
    assert "the ending picks the format" in said
    assert not re.search(r"\x1b\[[0-9;]*(3[0-9]|9[0-7])m", said)


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_stdout_is_the_place_and_stderr_names_nobody(rendered: Rendered, tmp_path: Path, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bhuman_cli", *words], cwd=tmp_path, env=environ(rendered), capture_output=True,
        text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert (tmp_path / done.stdout.strip()).exists()
    with (rendered.folder / "people.results.csv").open(newline="", encoding="utf-8") as file:
        secrets = [line["id"] for line in csv.DictReader(file)] + NAMES
    assert not [secret for secret in secrets if secret in done.stderr]
    assert "\x1b" not in done.stdout + done.stderr
