"""The drawing of the house in `bhuman_cli/__init__.py` shows every room there is, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import bhuman_cli
from bhuman_cli.cli import app

ROOT = Path(bhuman_cli.__file__).parent
NAMED_BESIDE_OTHERS = {"durations"}


def test_every_room_is_drawn_and_every_drawn_room_exists() -> None:
    drawn = set(re.findall(r"^ {4}(\w+)/?  ", bhuman_cli.__doc__ or "", re.M)) | NAMED_BESIDE_OTHERS
    there = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert drawn == there - {"__init__"}


def test_every_module_says_what_it_owns() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if not path.read_text("utf-8").startswith('"""')
    ]
    assert silent == []


def test_files_and_functions_stay_short_enough_to_be_read_at_once() -> None:
    too_long = []
    for path in ROOT.rglob("*.py"):
        text = path.read_text("utf-8")
        whole = [("", text.count("\n"), 500)]
        parts = [
            (node.name, (node.end_lineno or 0) - node.lineno + 1, 50)
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        too_long += [f"{path.relative_to(ROOT)} {name}: {lines}" for name, lines, most in whole + parts if lines > most]
    assert too_long == []


def test_every_command_of_the_list_is_there_and_says_the_same_in_short() -> None:
    """`bhuman --help` says what each command does without importing it."""
    for name, entry in app.COMMANDS.items():
        said = (app.load(name).help or "").strip().split("\n\n")[0].replace("\n", " ")
        assert said, name
        if entry.attribute != "app":
            assert _start(said) == _start(entry.summary), name


def _start(text: str) -> str:
    return text.split(maxsplit=1)[0].lower()
