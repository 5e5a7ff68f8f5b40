"""Commands `studio template new|list|check`. What a template is, `studio.render.template` says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bhuman_cli import amounts, errors, files, shell
from bhuman_cli.cli.options import JsonOption
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections

if TYPE_CHECKING:
    from bhuman_cli.studio.render.template import Template

USUAL_NAME: Final = "bhuman-template.toml"

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=(
        "Write, list and check video templates for the local studio.\n\n**Examples**\n\n"
        "`bhuman studio template new --from campaign.csv`\n\n`bhuman studio template check`"
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def new(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Where to write it.", show_default=f"{USUAL_NAME}, beside the table"),
    ] = None,
    *,
    table: Annotated[
        Path | None,
        typer.Option("--from", "--for", metavar="TABLE", help="Take the variables from this spreadsheet's header."),
    ] = None,
    video: Annotated[
        Path | None, typer.Option("--video", metavar="FILE", help="Your own footage; the texts are spread over it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> int:
    """Write a commented template to start from; `render --local` uses it if it stands beside the spreadsheet.

    **Example**

    `bhuman studio template new --from campaign.csv --video me.mp4`
    """
    from bhuman_cli.studio.render import template

    file = file or (table.parent if table else Path()) / USUAL_NAME
    seen_from = os.path.relpath(video, file.parent) if video else ""
    text = template.starter(_header(table), Path(seen_from).as_posix() if video else "", _duration_s(video))
    if os.path.lexists(file) and not force:
        raise errors.UsageError(
            f"{file} exists already; --force replaces it",
            hint=shell.join(["bhuman", "studio", "template", "check", str(file)]),
        )
    with files.replacing(file) as stream:  # a link under this name may come with the folder
        stream.write(text.encode())
    console = Console()
    console.out(str(file))
    shown = f"bhuman preview {shell.quote(str(table or 'campaign.csv'))} --open"
    console.say(f"Edit it, check it with `bhuman studio template check {shell.quote(str(file))}`, and look: {shown}")
    return 0


@app.command("list")
def list_templates(*, json_output: JsonOption = False) -> int:
    """List the built-in template, those in this folder, and the styles a text can have.

    **Example**

    `bhuman studio template list --json`
    """
    from bhuman_cli.studio.render import template

    console = Console(json_mode=json_output)
    templates = [template.BUILT_IN, *_in_folder(Path())]
    if json_output:
        console.out_json(
            {
                "schema": "bhuman.templates/1",
                "templates": [_described(one) for one in templates],
                "styles": template.styles(),
            }
        )
        return 0
    console.table(
        ["template", "file", "variables"],
        [
            [one.name, str(one.path or "built in"), "any" if one.accepts_any else ", ".join(one.variables)]
            for one in templates
        ],
    )
    console.table(["style", "for"], [list(pair) for pair in template.styles().items()])
    return 0


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The template.")] = Path(USUAL_NAME),
    *,
    json_output: JsonOption = False,
) -> int:
    """Say everything that is wrong with a template; exit 3 if anything is.

    **Example**

    `bhuman studio template check bhuman-template.toml`
    """
    loaded = connections.load_template(file)
    console = Console(json_mode=json_output)
    if json_output:
        console.out_json({"schema": "bhuman.template/1", **_described(loaded)})
        return 0
    texts, backgrounds = amounts.show(len(loaded.sections), "text"), amounts.show(len(loaded.backdrops), "background")
    console.out(f"{file}: good: {texts}, {backgrounds}, variables {', '.join(loaded.variables) or 'none'}")
    return 0


def _duration_s(video: Path | None) -> float:
    if video is None:
        return 0.0
    connections.require_extra(web=False, rendering=True)
    from bhuman_cli.studio.render.footage import reader

    try:
        return reader.probe(video).duration_s
    except reader.SourceError as problem:
        raise errors.UsageError(f"--video {video} {problem}") from None


def _described(one: Template) -> dict[str, Any]:
    return {
        "name": one.name,
        "file": None if one.path is None else str(one.path),
        "variables": None if one.accepts_any else list(one.variables),
        "texts": len(one.sections),
        "backgrounds": len(one.backdrops),
        "duration_s": one.duration or None,
    }


def _in_folder(folder: Path) -> list[Template]:
    """Return every file of a folder that is a template; project files and others are TOML, too."""
    from bhuman_cli.studio.render import template

    templates = []
    for path in sorted(folder.glob("*.toml")):
        try:
            loaded = template.load(path)
        except template.TemplateError:
            continue
        if loaded.sections or loaded.backdrops:
            templates.append(loaded)
    return templates


def _header(table: Path | None) -> tuple[str, ...]:
    if table is None:
        return ()
    from bhuman_cli.workflows.input import input_table

    return input_table.header_of(table)
