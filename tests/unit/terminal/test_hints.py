"""A hint is a command that works when pasted: what was typed, with the option that helps."""

from __future__ import annotations

import pytest

from bhuman_cli.terminal import hints


@pytest.mark.parametrize(
    ("hint", "argv", "command"),
    [
        ("--force", ["render", "my leads.csv"], "bhuman render 'my leads.csv' --force"),
        ("--max-rows 37", ["render", "a.csv", "--max-rows", "10"], "bhuman render a.csv --max-rows 37"),
        ("--max-rows 37", ["render", "--max-rows=10", "a.csv"], "bhuman render --max-rows 37 a.csv"),
        ("-o a.csv", ["render", "a.json", "--output", "a.pdf"], "bhuman render a.json -o a.csv"),
        (
            "--map first_name='First Name'",
            ["render", "a.csv", "-m", "company=Firm", "-m", "first_name=Frist Name"],
            "bhuman render a.csv -m company=Firm --map 'first_name=First Name'",
        ),
        ("--only a", ["render", "a.csv", "--only", "a", "--exclude", "a"], ""),
        ("bhuman login", ["render", "a.csv"], "bhuman login"),
        (
            "bhuman login --token",
            ["campaigns", "list", "--profile=my work"],
            "bhuman login --token --profile 'my work'",
        ),
        ("--force", [], "--force"),
        ("--sheet NAME", ["render", "a.xlsx"], "--sheet NAME"),
        ("--only 'a", ["render", "a.csv"], "--only 'a"),
        ("--header-row 3, if that is it", ["render", "a.csv"], "--header-row 3, if that is it"),
    ],
)
def test_an_option_becomes_the_whole_command(hint: str, argv: list[str], command: str) -> None:
    assert hints.whole(hint, argv) == command


def test_sentences_are_told_from_commands() -> None:
    assert hints.is_command('pip install "bhuman[studio]"')
    assert not hints.is_command("save it as .xlsx")
