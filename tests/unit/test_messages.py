"""Every hint and every message of the program, read from its source: commands exist, words are those of the manual."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bhuman_cli
from bhuman_cli.cli import app

ROOT = Path(bhuman_cli.__file__).parent
_RAISED = {"UsageError", "InputError", "CredentialsError", "Refusal", "ServiceDown", "JournalError", "NotFinished"}
_SAID = {"say", "warn", "confirm", "ask"}


@functools.cache
def calls() -> list[tuple[str, ast.Call]]:
    return list(_calls())


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def shown(node: ast.expr) -> str | None:
    """Return a string as its reader sees it, X for what is filled in; None for what is no string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    return None


def hints() -> Iterator[tuple[str, str]]:
    for place, call in calls():
        for keyword in call.keywords:
            if keyword.arg == "hint" and (text := shown(keyword.value)):
                yield place, text


def messages() -> Iterator[tuple[str, str]]:
    for place, call in calls():
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name in _RAISED | _SAID and call.args and (text := shown(call.args[0])):
            yield place, text


def _command(words: list[str]) -> tuple[Any, list[str]]:
    command = app.load(words[0])
    while hasattr(command, "commands") and len(words) > 1 and words[1] in command.commands:
        command, words = command.commands[words[1]], words[1:]
    return command, words[1:]


def test_every_hint_that_is_a_command_exists_with_its_options() -> None:
    wrong = []
    for place, hint in hints():
        if not hint.startswith("bhuman ") or hint.startswith("bhuman X"):
            continue
        line = hint.partition(";")[0].partition(" && ")[0].replace("X", " X ")
        words = [word for word in shlex.split(line)[1:] if word != "X"]
        if not words or words[0].startswith("-") or words[0] in {"help", "version"}:
            continue
        if words[0] not in app.COMMANDS:
            wrong.append(f"{place}: {hint}")
            continue
        command, rest = _command(words)
        known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
        wrong += [f"{place}: {word} in {hint}" for word in rest if re.match(r"--?[a-z]", word) and word not in known]
    assert wrong == []


PRIVATE = re.compile(
    r"\b(nothing was to be continued|opens nothing|half a key|mend(ed)?|is not sent without a yes|nothing was kept"
    r"|means nothing to|does not say what time|(un)?known by nobody|purse|sieve|strangers|wish(es)?)\b",
    re.IGNORECASE,
)


def test_messages_use_the_words_of_the_manual() -> None:
    assert [f"{place}: {text}" for place, text in messages() if PRIVATE.search(text)] == []


def test_messages_hold_no_name_of_a_module() -> None:
    parts = (path.relative_to(ROOT).with_suffix("").parts for path in ROOT.rglob("*.py"))
    modules = {".".join(names[-2:]) for names in parts if len(names) > 1}
    odd = [f"{place}: {text}" for place, text in (*messages(), *hints()) if any(name in text for name in modules)]
    assert odd == []
