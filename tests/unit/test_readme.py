"""README and manual say of the program what the program says: its messages, options, files and generated parts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bhuman_cli import manual

REPOSITORY = Path(__file__).resolve().parents[2]
MANUAL = REPOSITORY / "bhuman_cli" / "manual"
PAGES = [REPOSITORY / "README.md", *sorted(MANUAL.glob("*.md"))]
SOURCE = "\n".join(
    # Adjoining texts are one text; that a line was broken does not matter.
    re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
    for path in sorted((REPOSITORY / "bhuman_cli").rglob("*.py"))
)


def test_there_is_a_page_for_every_topic_and_no_other() -> None:
    assert {path.stem for path in MANUAL.glob("*.md")} == set(manual.TOPICS)


@pytest.mark.parametrize("topic", manual.TOPICS)
def test_a_page_begins_with_its_topic_and_shows_no_mark_of_its_making(topic: str) -> None:
    text = manual.read(topic)
    assert text.startswith(f"# {topic}: ")
    assert manual.summary(topic)
    assert "<!--" not in text
    assert "[[[" not in text


def test_every_message_it_explains_is_a_real_one() -> None:
    messages = re.findall(r"^\| `(.+?)` \|", manual.read("troubleshooting"), re.MULTILINE)
    assert len(messages) > 15
    assert [message for message in messages if message not in SOURCE] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_option_it_names_is_in_a_command(page: Path) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text(encoding="utf-8")))
    foreign = {
        "--cached",
        "--from",
        "--now",
        "--quiet",
        "--to",
        "--install-completion",
        "--no-deps",
        "--require-hashes",
    }  # of other programs, and Typer's own
    assert sorted(name for name in named - foreign if f'"{name}"' not in SOURCE and f"/{name}" not in SOURCE) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_file_it_points_at_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:sample_data|\.github|bhuman_cli)/[\w./-]+\.\w+", text))
    made_by_running_it = {"sample_data/campaign.local.csv"}
    assert sorted(name for name in named - made_by_running_it if not (REPOSITORY / name).is_file()) == []


def test_every_generated_part_is_as_the_program_says_now() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", *map(str, PAGES)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
