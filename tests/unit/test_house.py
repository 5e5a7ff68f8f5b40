"""The drawing of the house in `bhuman_cli/__init__.py` shows every room there is, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import bhuman_cli
from bhuman_cli.cli import app

ROOT = Path(bhuman_cli.__file__).parent
NAMED_BESIDE_OTHERS = {"durations", "amounts"}
MODULES_SIDE_BY_SIDE = 24


def test_every_room_is_drawn_and_every_drawn_room_exists() -> None:
    drawn = set(re.findall(r"^ {4}(\w+)/?  ", bhuman_cli.__doc__ or "", re.M)) | NAMED_BESIDE_OTHERS
    there = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert drawn == there - {"__init__"}


def test_every_module_says_what_it_is_noun_first() -> None:
    """A verb in front, always the same one, hides the word that a reader looks for."""
    heads = {path: (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split() for path in ROOT.rglob("*.py")}
    assert [str(path.relative_to(ROOT)) for path, words in heads.items() if not words or words[0] == "Owns"] == []


def test_no_folder_holds_more_modules_than_can_be_looked_over() -> None:
    crowded = {
        str(folder.relative_to(ROOT)): len(modules)
        for folder in [ROOT, *(path for path in ROOT.rglob("*") if path.is_dir())]
        if len(modules := [path for path in folder.glob("*.py") if path.stem != "__init__"]) > MODULES_SIDE_BY_SIDE
        and folder.name != "commands"  # a module for each, in the order of the alphabet
    }
    assert crowded == {}


def test_what_the_architecture_page_names_is_there() -> None:
    page = (ROOT.parent / ".github" / "CONTRIBUTING.md").read_text("utf-8")
    named = sorted(set(re.findall(r"`((?:\w+\.)+\w+)`", page)) - {"plan.split"})
    packages = {path.name for path in ROOT.iterdir()} | {path.stem for path in ROOT.glob("*.py")}
    names = [name for name in named if name.split(".")[0] in packages and not name.endswith((".py", ".toml", ".md"))]
    assert len(names) > 25
    assert [name for name in names if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    """Say whether a dotted name below the package is a module, or something in one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:cut])
        if place.is_dir() and cut == len(parts):
            return True
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if source.is_file():
            rest = parts[cut:]
            return not rest or bool(re.search(rf"^(?:def |class )?{rest[0]}\b", source.read_text("utf-8"), re.M))
    return False


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


def test_only_the_owners_of_databases_speak_sql() -> None:
    spoken = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if not str(path.relative_to(ROOT)).startswith(("journal/", "callbacks/store", "studio/queue/"))
        and re.search(
            r"\b(SELECT|UPDATE|INSERT INTO|DELETE FROM)\b .*\b(FROM|SET|VALUES|WHERE)\b", path.read_text("utf-8")
        )
    ]
    assert spoken == []


def test_the_signs_in_contributing_lead_somewhere() -> None:
    text = (ROOT.parent / ".github" / "CONTRIBUTING.md").read_text()
    rooms = {path.stem for path in ROOT.iterdir()}
    signs = [sign for sign in re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", text) if sign.split(".")[0] in rooms]
    assert len(signs) > 20
    for sign in signs:
        place, names = ROOT, sign.split(".")
        while names and (place / names[0]).is_dir():
            place /= names.pop(0)
        module = place / f"{names[0]}.py" if names else place
        names, module = (names[1:], module) if module.is_file() else (names, place / "__init__.py")
        source = module.read_text()
        assert all(re.search(rf"\b{name}\b", source) for name in names), f"{sign}: not in {module}"
