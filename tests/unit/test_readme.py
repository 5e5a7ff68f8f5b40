"""What the README says of the program is what the program says: its messages, its options, its files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
SOURCE = "\n".join(
    # Adjoining texts are one text; that a line was broken does not matter.
    re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
    for path in sorted((REPOSITORY / "bhuman_cli").rglob("*.py"))
)


def test_every_message_it_explains_is_a_real_one() -> None:
    table = README.split("<!-- messages -->")[1].split("\n## ")[0]
    messages = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    assert len(messages) > 15
    assert [message for message in messages if message not in SOURCE] == []


def test_every_option_it_names_is_in_a_command() -> None:
    commands = re.sub(r"<details>.*?</details>", "", README, flags=re.DOTALL)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", commands))
    foreign = {"--from", "--now"}  # of other programs
    assert sorted(name for name in named - foreign if f'"{name}"' not in SOURCE and f"/{name}" not in SOURCE) == []


@pytest.mark.parametrize("name", sorted(re.findall(r"(?:sample_data|\.github)/[\w./-]+\.\w+", README)))
def test_every_file_it_points_at_is_there(name: str) -> None:
    made_by_running_it = {"sample_data/campaign.local.csv"}
    assert name in made_by_running_it or (REPOSITORY / name).is_file()
