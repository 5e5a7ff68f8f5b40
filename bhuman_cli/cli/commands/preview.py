"""Owns `bhuman preview`: one row rendered on this machine, or a preview request to the service."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bhuman_cli import domain, errors, ids
from bhuman_cli.cli import options
from bhuman_cli.cli import options as opt
from bhuman_cli.config import settings
from bhuman_cli.domain import RowState, Target, TargetKind
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, input_source, input_table, request_body, session
from bhuman_cli.workflows.input_source import InputSource

if TYPE_CHECKING:
    from bhuman_cli.studio.render.job import RenderedMedia

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before a preview is requested from the service.")]


def preview(  # noqa: PLR0913 - one parameter is one option
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="The table whose row is rendered here.")] = None,
    *,
    row: Annotated[int, typer.Option("--row", min=0, metavar="N", help="Which data row, from 0.")] = 0,
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
    json_output: options.JsonOption = False,
) -> int:
    """Look at one row before anything is spent.

    With a file, the row is rendered on this machine by the local studio, in a second or two; nothing is sent. With
    `--campaign` or `--instance` and no file, a preview is requested from the service, in the shape you give with
    `--data`. What the service wants there, and what it costs, is not documented: on a terminal you are asked first.

    **Examples**

    `bhuman preview campaign.csv --row 3 --open`

    `bhuman preview --campaign CAMPAIGN_ID`
    """
    if file is None:
        if not campaign and not instance:
            raise errors.UsageError("name a file, or --campaign or --instance", hint="bhuman preview campaign.csv")
        return _request(_body(campaign, instance, data), profile, is_json=json_output, is_asked=not yes)
    if data is not None:
        raise errors.UsageError("--data goes with --campaign or --instance, not with a file")
    given: dict[str, Any] = {
        "map": map_, "only": only, "exclude": exclude, "set": set_, "default": default, "asset": asset,
        "backgrounds": backgrounds, "sheet": sheet, "rows": str(row), "local": True,
    }  # fmt: skip
    return _render(file, row, given, opens=open_, is_json=json_output)


def _render(file: str, row_index: int, given: dict[str, Any], *, opens: bool, is_json: bool) -> int:
    console = Console(json_mode=is_json)
    values = settings.load(flags=given, input_path=input_source.project_path(file), environ=os.environ)
    home = settings.home(os.environ)
    source = input_source.open_source(file, values, home, console)
    target = Target(service=domain.LOCAL_SERVICE, kind=TargetKind.CAMPAIGN, api_id="")
    intake = input_table.open_for(source, values, home, target)
    found = next((item for item in intake.rows() if item.row_index == row_index), None)
    if found is None:
        raise errors.UsageError(f"{source.name} has no data row {row_index}", hint="--row 0")
    if found.state is not RowState.PENDING:
        said = found.message or "it is blank"
        raise errors.InputError(f"row {row_index} (line {found.line}) can't be rendered: {said}")
    media = _rendered(console, source, home, found, intake.variables, input_table.backgrounds(values))
    for warning in media.warnings:
        console.warn(warning)
    if is_json:
        console.out_json(
            {"row_index": row_index, "page": media.page, "video": media.video, "warnings": list(media.warnings)}
        )
    else:
        console.out(media.page)
    if opens:
        typer.launch(Path(media.page).as_uri())
    return 0


def _rendered(
    console: Console,
    source: InputSource,
    home: settings.Home,
    row: domain.Row,
    variables: tuple[str, ...],
    backgrounds: tuple[domain.Background, ...],
) -> RenderedMedia:
    """Render in this process: for one row, starting workers would take longer than the work."""
    connections.require_extra(web=False, rendering=True)
    from bhuman_cli.studio.render import job as jobs

    template = connections.template_beside(source.beside)
    name = hashlib.blake2b(f"{source.input_path}:{row.row_index}".encode(), digest_size=8).hexdigest()
    folder = settings.private_folder(home.studio) / "previews" / name
    job = jobs.RenderJob(
        generation_id=f"preview-{name}",
        template=str(template) if template else None,
        values=dict(zip(variables, row.values, strict=True)),
        assets=row.assets,
        backgrounds=tuple(item.as_json() for item in backgrounds),
        out_dir=str(folder),
        options={"at_once": os.cpu_count() or 1},
    )
    cache_dir = home.studio / "cache"
    if step := jobs.first_steps(job, cache_dir):
        console.say(f"first use: preparing {step} (once; later previews take a second or two)")
    try:
        return jobs.render(job, cache_dir)
    except jobs.RenderFailure as failure:
        raise errors.InputError(f"row {row.row_index} (line {row.line}) can't be rendered: {failure}") from None


def _body(campaign: str | None, instance: str | None, data: str | None) -> dict[str, Any]:
    body: dict[str, Any] = request_body.read_object(data) if data else {}
    if campaign:
        body.setdefault("campaign_id", ids.parse(campaign).uuid)
    if instance:
        body.setdefault("video_instance_id", ids.parse(instance).uuid)
    return body


def _request(body: dict[str, Any], profile: str | None, *, is_json: bool, is_asked: bool) -> int:
    opened = session.start(profile=profile, json_mode=is_json)
    held = opened.stored_credentials()
    session.confirm_change(opened, f"a preview request to {opened.service}", yes=not is_asked, costs=True)
    with opened.client(held) as client:
        opened.console.out_json(client.videos_preview(body))
    return 0
