"""Lines of `help cron` tried as they are printed: crontab, systemd unit and workflow, with other places and keys."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from bhuman_cli import manual
from tests.support import plain_service
from tests.support.desk import REPOSITORY, Desk
from tests.support.plain_service import CAMPAIGN_ID, PlainService


def blocks(desk: Desk, kind: str) -> list[str]:
    """Return the page's blocks of a kind, with the desk's places instead of a server's."""
    page = re.sub("BHUMAN_API_KEY_ID=…", f"BHUMAN_API_KEY_ID={plain_service.KEY}", manual.read("cron"))
    page = page.replace("BHUMAN_API_KEY_SECRET=…", f"BHUMAN_API_KEY_SECRET={plain_service.SECRET}")
    for place in ("/opt/bhuman", "/srv", "/var"):
        page = page.replace(place, str(desk.folder / place[1:]))
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.S | re.M)


@pytest.fixture
def machine(desk: Desk) -> Desk:
    """Return a desk with the page's folders, a table with its project file, and the program in its place."""
    for folder in ("srv/campaigns", "var/log", "var/lib", "opt/bhuman/bin"):
        (desk.folder / folder).mkdir(parents=True)
    desk.people(2, "srv/campaigns/leads.csv")
    (desk.folder / "srv/campaigns/leads.toml").write_text(f'campaign = "{CAMPAIGN_ID}"\nfirst = 0\n')
    program = desk.folder / "opt/bhuman/bin/bhuman"
    program.write_text(
        f"#!/bin/sh\nexport PYTHONPATH={REPOSITORY} BHUMAN_BASE_URL={desk.env['BHUMAN_BASE_URL']} BHUMAN_FIRST=0\n"
        f'exec {sys.executable} -m bhuman_cli "$@"\n'
    )
    program.chmod(0o755)
    return desk


def shell(line: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line as cron does: by sh, with nothing but what is named."""
    named = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(["sh", "-c", line], env=named, cwd=folder, capture_output=True, text=True, check=False)


def test_the_crontab_works_from_an_empty_environment_and_is_silent_on_quiet_days(
    machine: Desk, service: PlainService
) -> None:
    crontab = next(block for block in blocks(machine, "") if "* * *" in block)
    settings = dict(re.findall(r"^(\w+)=(.*)$", crontab, re.M))
    lines = [line.split(maxsplit=5)[5] for line in crontab.splitlines() if line[:1] in "0123456789*"]
    assert len(lines) == 2
    for _ in range(2):
        for line in lines:
            ended = shell(line, settings, Path("/"))
            assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert ended.stderr == ""
    assert len(service.accepted) == 2
    assert (machine.folder / "srv/campaigns/leads.results.csv").is_file()
    assert "exit=0" in (machine.folder / "var/log/bhuman.log").read_text()


def test_the_systemd_unit_is_sound_and_its_command_renders(machine: Desk, service: PlainService) -> None:
    unit, timer = blocks(machine, "ini")
    units = machine.folder / "units"
    units.mkdir()
    (units / "bhuman.service").write_text(unit.replace("User=bhuman", "User=root"))
    (units / "bhuman.timer").write_text(timer)
    if shutil.which("systemd-analyze"):
        words = ["systemd-analyze", "verify", "--man=no", str(units / "bhuman.service"), str(units / "bhuman.timer")]
        verified = subprocess.run(words, capture_output=True, text=True, check=False)
        told = [line for line in verified.stderr.splitlines() if "bhuman" in line]
        assert (verified.returncode, told) == (0, []), verified.stderr
    home = re.search(r"^Environment=BHUMAN_HOME=(.*)$", unit, re.M)
    command = re.search(r"^ExecStart=(.*)$", unit, re.M)
    assert home
    assert command
    keys = {name: machine.env[name] for name in ("BHUMAN_API_KEY_ID", "BHUMAN_API_KEY_SECRET")}
    ended = shell(command[1], {"BHUMAN_HOME": home[1], **keys}, Path("/"))
    assert (ended.returncode, len(service.accepted)) == (0, 2), ended.stderr


def test_the_workflow_commits_results_and_is_green_on_a_quiet_day(machine: Desk, service: PlainService) -> None:
    (text,) = blocks(machine, "yaml")
    workflow = yaml.safe_load(text)
    assert workflow[True]["schedule"] == [{"cron": "15 6 * * 1-5"}]
    job = workflow["jobs"]["render"]
    steps = [step["run"] for step in job["steps"] if "run" in step]
    assert steps.pop(0) == "pip install -q ."
    origin, clone = machine.folder / "origin.git", machine.folder / "clone"
    person = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    begin = (
        f"git init -q --bare {origin} && git clone -q {origin} {clone} && cp -r srv/campaigns {clone}"
        " && cd clone && git add . && git commit -qm Tables && git push -q origin HEAD"
    )
    assert shell(begin, person, machine.folder).returncode == 0
    environment = {
        "PATH": f"{machine.folder}/opt/bhuman/bin:{os.environ['PATH']}",
        "BHUMAN_HOME": job["env"]["BHUMAN_HOME"].replace("${{ github.workspace }}", str(clone)),
        "BHUMAN_API_KEY_ID": plain_service.KEY, "BHUMAN_API_KEY_SECRET": plain_service.SECRET,
    }  # fmt: skip
    for _ in range(2):
        for step in steps:
            ended = shell(f"set -e\n{step}", environment, clone)
            assert ended.returncode == 0, ended.stderr
    logged = shell("git log --format=%s", environment, clone)
    assert logged.stdout.split() == ["Results", "Tables"]
    assert len(service.accepted) == 2
