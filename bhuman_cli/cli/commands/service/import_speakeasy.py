"""Command `import-speakeasy`: lists the presenters that can be imported, imports one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from bhuman_cli import errors
from bhuman_cli.cli.commands.service import resources
from bhuman_cli.cli.options import JsonOption, ProfileOption
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.session import Session

_COLUMNS = ("id", "name", "status")
# The record is not documented; `project_id` is what the import calls it. Source: API contract, 2.13 and 2.14.
_IDS, _NAMES = ("id", "project_id", "uuid"), ("name", "title")


def import_speakeasy(
    *,
    project_id: Annotated[
        str | None, typer.Argument(metavar="PROJECT_ID", help="The Speakeasy project; without it, choose or list.")
    ] = None,
    workspace_id: Annotated[
        str | None, typer.Option("--workspace-id", metavar="ID", help="The workspace to import into.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="List what can be imported, import nothing.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Don't ask which one; list.")] = False,
    json_output: JsonOption = False,
    profile: ProfileOption = None,
) -> None:
    """Import a generated presenter as a video instance, or list what can be imported.

    The answer of this route is not documented, so it is shown as it comes.

    **Examples**

    `bhuman import-speakeasy`

    `bhuman import-speakeasy PROJECT_ID --workspace-id WORKSPACE_ID`
    """
    session = sessions.start(profile=profile, json_mode=json_output, no_input=no_input)
    if project_id and list_only:
        raise errors.UsageError("--list imports nothing: leave it out, or the project id")
    with session.client(session.stored_credentials()) as client:
        projects = () if project_id else client.speakeasy_projects().items
        chosen = project_id or _chosen(session, projects, list_only=list_only or json_output)
        if chosen is None:
            return
        if not chosen.strip() or not chosen.isprintable():
            raise errors.UsageError("the project id is blank or holds control characters")
        result = client.import_speakeasy(chosen.strip(), workspace_id)
    _print_imported(session, result)


def _chosen(session: Session, projects: Sequence[Any], *, list_only: bool) -> str | None:
    """List the projects; on a terminal ask for one of them. None where nothing is to be imported."""
    if session.console.json_mode:
        session.console.out_json({"schema": "bhuman.speakeasy_projects/1", "projects": list(projects)})
        return None
    if not projects:
        session.console.say("there is nothing to import")
        return None
    if list_only or not session.console.is_interactive():
        resources.print_items(session.console, _COLUMNS, projects)
        return None
    return _asked(session, projects)


def _asked(session: Session, projects: Sequence[Any]) -> str | None:
    for number, project in enumerate(projects, start=1):
        session.console.say(f"{number:3}  {_field(project, _NAMES)}  {_field(project, _IDS)}".rstrip())
    answer = session.console.ask(
        f"Import which one (1-{len(projects)}, nothing: none)? ", check=lambda text: _is_choice(text, len(projects))
    )
    return _field(projects[int(answer) - 1], _IDS) if answer else None


def _field(project: Any, names: Sequence[str]) -> str:
    """Return the first of these fields that the project has; a project that is no record is its own id."""
    if not isinstance(project, Mapping):
        return resources.cell(project) if names is _IDS else ""
    return next(filter(None, (resources.cell(project.get(name)) for name in names)), "")


def _is_choice(text: str, count: int) -> bool:
    return text == "" or (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= count)


def _print_imported(session: Session, result: Any) -> None:
    if session.console.json_mode:
        session.console.out_json({"result": result})
    else:
        resources.print_changed(session.console, result, "imported")
