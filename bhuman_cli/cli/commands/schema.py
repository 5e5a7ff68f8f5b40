"""`bhuman schema`: what programs can rely on, as JSON: documents, commands, errors."""

from __future__ import annotations

import difflib
import json
from importlib import resources
from typing import Annotated, Any

import typer

from bhuman_cli import documents, errors
from bhuman_cli.terminal.console import Console

Name = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="As the command: journal show.", show_default="list the names"),
]


def schema(
    name: Name = None,
    *,
    commands: Annotated[bool, typer.Option("--commands", help="The command tree with all options.")] = False,
    errors_: Annotated[bool, typer.Option("--errors", help="Every error code, its exit code and its cure.")] = False,
) -> int:
    """Print the JSON Schema of a document that programs read, or list their names.

    **Examples**

    `bhuman schema render`

    `bhuman schema --errors`
    """
    console = Console()
    if commands or errors_:
        console.out_json(command_tree() if commands else error_list())
        return 0
    if not name:
        for each in sorted(documents.DOCUMENTS):
            console.out(each)
        return 0
    # `campaigns list` and `trigger zapier` are told apart by nothing in their documents.
    document = next((key for key in ("-".join(name), name[0]) if key in documents.DOCUMENTS), None)
    if document is None:
        near = difflib.get_close_matches("-".join(name), documents.DOCUMENTS, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise errors.UsageError(f"there is no schema {' '.join(name)[:40]!r}{meant}", hint="bhuman schema")
    console.out_json(json.loads(text_of(document)))
    return 0


def text_of(name: str) -> str:
    """Return a schema as it is shipped."""
    return resources.files("bhuman_cli.cli").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")


def command_tree() -> dict[str, Any]:
    """Return every command with its arguments and options."""
    from bhuman_cli.cli import app

    return {
        "schema": "bhuman.commands/1",
        "commands": [_command(name, app.load(name)) for name in app.COMMANDS],
    }


def _command(name: str, command: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"name": name, "help": (command.help or "").strip().split("\n\n")[0].replace("\n", " ")}
    children = getattr(command, "commands", {})
    if children:
        document["commands"] = [_command(child, children[child]) for child in children]
    document["arguments"] = [_parameter(each) for each in command.params if each.param_type_name == "argument"]
    document["options"] = [
        _parameter(each) for each in command.params if each.param_type_name == "option" and each.name != "help"
    ]
    return document


def _parameter(parameter: Any) -> dict[str, Any]:
    default = parameter.default
    variables = parameter.envvar or []
    return {
        "names": [*parameter.opts, *parameter.secondary_opts],
        "type": _type(parameter),
        "metavar": parameter.metavar,
        "multiple": bool(getattr(parameter, "multiple", False) or parameter.nargs == -1),
        "required": bool(parameter.required),
        "default": default if isinstance(default, str | int | float | bool | type(None)) else str(default),
        "environment": [variables] if isinstance(variables, str) else list(variables),
        "help": getattr(parameter, "help", None),
    }


def _type(parameter: Any) -> str:
    """Return text, number, path …: of one value, where the option is repeatable."""
    kind = parameter.type_descriptor.annotation
    kind = next(iter(getattr(kind, "__args__", ())), kind)
    return {"str": "text", "int": "whole number", "float": "number", "bool": "switch", "Path": "path"}.get(
        kind.__name__, "text"
    )


def error_list() -> dict[str, Any]:
    """Return every error code with its exit code and what helps."""
    return {
        "schema": "bhuman.errors/1",
        "exit_codes": {int(code): meaning for code, meaning in errors.EXIT_MEANINGS.items()},
        "errors": [
            {"code": code, "exit_code": int(exit_code), "cure": cure}
            for code, (exit_code, cure) in errors.CODES.items()
        ],
    }
