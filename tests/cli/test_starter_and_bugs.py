"""`render --init`, whose every offer works; and a bug, which is said without what the rows hold."""

from __future__ import annotations

import re
import stat
import subprocess
import sys

from tests.support.desk import Desk

BROKEN = """
import sys
from bhuman_cli.table import reader

def broken(*_, **__):
    raise KeyError("canary cell")

reader.open_table = broken
from bhuman_cli.__main__ import main
sys.exit(main())
"""


def test_the_settings_that_init_offers_are_understood(desk: Desk) -> None:
    desk.table("people.csv", [("Ann", "x", "https://a.example")], header=("First Name", 'A "q" \\ b', "url"))
    begun = desk.render("people.csv", "--init")
    assert (begun.code, begun.out) == (0, "people.toml\n")
    path = desk.folder / "people.toml"
    offered = re.sub(r"^# (?=[\w-]+ = )", "", path.read_text("utf-8"), flags=re.M)
    path.write_text(offered.replace('exclude = ["email"]', "").replace('weird = "Pro"', ""), "utf-8")
    dry = desk.render("people.csv", "-n", "--json")
    assert (dry.code, dry.document["plan"]["new"]) == (0, 1), dry.err
    assert desk.render("people.csv", "-n", "--max-rows", "0").code == 7, "an option wins over what init wrote"
    again = desk.render("people.csv", "--init")
    assert again.code == 2
    assert "people.toml exists already" in again.err
    assert desk.render("-", "--init", stdin=b"a\n1\n").code == 2


def test_a_bug_is_said_without_values_and_kept_for_who_mends_it(desk: Desk) -> None:
    desk.people(1)
    ended = subprocess.run(
        [sys.executable, "-c", BROKEN, "render", "people.csv", "--json"],
        cwd=desk.folder, env=desk.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, "")
    (kept,) = desk.home.rglob("bug-*.txt")
    assert str(kept) in ended.stderr
    text = kept.read_text("utf-8")
    assert "in broken\n" in text
    assert text.endswith("KeyError\n")
    assert "canary" not in text + ended.stderr
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
