"""Command `preview`: parse, call, open the page."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bhuman_cli import errors, ids
from bhuman_cli.cli import options
from bhuman_cli.cli import options as opt
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import preview as workflow
from bhuman_cli.workflows.input import request_body

Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="Whose row: what stands in a cell of it.", show_default="the first row"),
]
Line = Annotated[
    int | None, typer.Option("--line", min=1, metavar="N", help="Which line, as the spreadsheet shows it.")
]
RowNumber = Annotated[int | None, typer.Option("--row", min=0, metavar="N", help="Which data row, from 0.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before a preview is requested from the service.")]


def preview(  # noqa: PLR0913 - one parameter is one option
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="The table whose row is rendered here.")] = None,
    text: Name = None,
    *,
    line: Line = None,
    row: RowNumber = None,
    open_: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    campaign: opt.Campaign = None,
    instance: opt.Instance = None,
    data: options.DataOption = None,
    map_: opt.Map = None,
    only: opt.Only = None,
    exclude: opt.Exclude = None,
    set_: opt.Set = None,
    default: opt.Default = None,
    asset: opt.Asset = None,
    backgrounds: opt.Backgrounds = None,
    sheet: opt.Sheet = None,
    yes: Yes = False,
    profile: options.ProfileOption = None,
    allow_private: options.AllowPrivate = None,
    json_output: options.JsonOption = False,
) -> int:
    """Look at one row before anything is spent.

    With a file, the row is rendered on this machine in a second or two; nothing is sent. With `--campaign` or
    `--instance` and no file, a preview is requested from the service, in the shape you give with `--data`; what it
    costs is not documented, so you are asked first.

    **Examples**

    `bhuman preview campaign.csv Carla --open`

    `bhuman preview --campaign CAMPAIGN_ID`
    """
    if file is None:
        workflow.request_preview(_body(campaign, instance, data), profile, is_json=json_output, is_asked=not yes)
        return 0
    if data is not None:
        raise errors.UsageError("--data goes with --campaign or --instance, not with a file")
    flags: dict[str, Any] = {
        "map": map_, "only": only, "exclude": exclude, "set": set_, "default": default, "asset": asset,
        "backgrounds": backgrounds, "sheet": sheet, "local": True, "allow_private": allow_private,
    }  # fmt: skip
    choice = workflow.RowChoice(text=text, line=line, row_index=row)
    page = workflow.render_row(file, choice, flags, is_json=json_output)
    if open_:
        Console(json_mode=json_output).show_page(page)
    return 0


def _body(campaign: str | None, instance: str | None, data: str | None) -> dict[str, Any]:
    if not campaign and not instance:
        raise errors.UsageError("name a file, or --campaign or --instance", hint="bhuman preview campaign.csv")
    body: dict[str, Any] = request_body.read_object(data) if data else {}
    if campaign:
        body.setdefault("campaign_id", ids.parse(campaign).uuid)
    if instance:
        body.setdefault("video_instance_id", ids.parse(instance).uuid)
    return body
