"""Help reads like a manual at every width, and typos are answered in one voice at every level."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bhuman_cli.cli import app
from tests.support.desk import Desk


def help_of(desk: Desk, *words: str, columns: int = 80) -> str:
    came = subprocess.run(
        [sys.executable, "-m", "bhuman_cli", *words], cwd=desk.folder, capture_output=True, text=True, check=True,
        env=desk.environment({"COLUMNS": str(columns)}),
    )  # fmt: skip
    return came.stdout


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("words", ["--help", "render -h", "runs delete --help"])
def test_a_page_breaks_at_words_and_stays_inside_the_terminal(desk: Desk, words: str, columns: int) -> None:
    page = help_of(desk, *words.split(), columns=columns)
    prose = [line for line in page.splitlines() if not line.startswith("  $ ")]
    too_wide = [line for line in prose if len(line) > columns and " " in line.strip()]
    assert too_wide == []
    assert "<bool>" not in page
    assert "│" not in page


def test_the_list_of_all_commands_fits_one_screen(desk: Desk) -> None:
    page = help_of(desk, "--help")
    assert len(page.splitlines()) <= 40
    assert all(name in page for name in app.COMMANDS)


def test_common_options_come_first_and_examples_can_be_pasted(desk: Desk) -> None:
    page = help_of(desk, "render", "--help")
    assert page.index("Common options") < page.index("--campaign") < page.index("Target") < page.index("--instance")
    assert "  $ bhuman render campaign.csv --dry-run" in page


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("rendr", "there is no command `rendr`; did you mean `render`?", "bhuman render --help"),
        ("campaigns lst", "there is no command `campaigns lst`; did you mean `list`?", "bhuman campaigns list --help"),
        ("render a.csv --campain x", "there is no option --campain; did you mean --campaign?", "bhuman render --help"),
        ("render a.csv --limit many", "--limit takes a whole number", "bhuman render --help"),
        ("render a.csv --limit", "--limit needs a value", ""),
        ("render", "is missing", "bhuman render --help"),
        ("export --for gmial", "did you mean `gmail`?", "bhuman export --help"),
    ],
)
def test_typos_are_answered_in_one_voice(desk: Desk, words: str, said: str, hint: str) -> None:
    came = subprocess.run(
        [sys.executable, "-m", "bhuman_cli", *words.split()], cwd=desk.folder, capture_output=True, text=True,
        check=False, env=desk.environment({}),
    )  # fmt: skip
    assert came.returncode == 2
    assert said in came.stderr
    assert f"hint: {hint}" in came.stderr
