"""Preview of one row, rendered in this process, or asked of the service. Sends no paid request."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bhuman_cli import domain, errors, shell
from bhuman_cli.config import settings
from bhuman_cli.domain import RowState, Target, TargetKind
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, session
from bhuman_cli.workflows.input import input_source, input_table
from bhuman_cli.workflows.input.input_source import InputSource

if TYPE_CHECKING:
    from bhuman_cli.studio.render.job import RenderedMedia


def render_row(file: str, row_index: int, flags: dict[str, Any], *, is_json: bool) -> Path:
    """Render one row of a table on this machine and print where its page is; return the page.

    Raises:
        UsageError: there is no such row, or the extra `studio` is missing. InputError: it can't be rendered.
    """
    console = Console(json_mode=is_json)
    values = settings.load(flags=flags, input_path=input_source.project_path(file), environ=os.environ)
    home = settings.home(os.environ)
    source = input_source.open_source(file, values, home, console)
    target = Target(service=domain.LOCAL_SERVICE, kind=TargetKind.CAMPAIGN, api_id="")
    intake = input_table.open_for(source, values, home, target, console)
    found = next((item for item in intake.rows() if item.row_index == row_index), None)
    if found is None:
        raise errors.UsageError(f"{source.name} has no data row {row_index}", hint="--row 0")
    if found.state is not RowState.PENDING:
        said = found.message or "it is blank"
        raise errors.InputError(f"row {row_index} (line {found.line}) can't be rendered: {said}")
    media = _render(console, source, home, found, intake.variables, values)
    for warning in media.warnings:
        console.warn(warning)
    if is_json:
        console.out_json(
            {"row_index": row_index, "page": media.page, "video": media.video, "warnings": list(media.warnings)}
        )
    else:
        console.out(media.page)
    return Path(media.page)


def _render(
    console: Console,
    source: InputSource,
    home: settings.Home,
    row: domain.Row,
    variables: tuple[str, ...],
    values: settings.Settings,
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
        backgrounds=tuple(item.as_json() for item in input_table.backgrounds(values)),
        out_dir=str(folder),
        options={"at_once": os.cpu_count() or 1, "allow_private": bool(values.get("allow_private"))},
    )
    cache_dir = home.studio / "cache"
    if step := jobs.first_steps(job, cache_dir):
        console.say(f"first use: preparing {step} (once; later previews take a second or two)")
    try:
        return jobs.render(job, cache_dir)
    except jobs.RenderHalted as problem:
        raise errors.ServiceDown(f"nothing can be rendered now: {problem}", hint=shell.show_free_space()) from None
    except jobs.RenderFailure as failure:
        raise errors.InputError(f"row {row.row_index} (line {row.line}) can't be rendered: {failure}") from None


def request_preview(body: dict[str, Any], profile: str | None, *, is_json: bool, is_asked: bool) -> None:
    """Ask the service for a preview and print its answer. is_asked: on a terminal a person is asked first.

    Raises:
        Declined: the person said no.
    """
    opened = session.start(profile=profile, json_mode=is_json)
    held = opened.stored_credentials()
    session.confirm_change(opened, f"a preview request to {opened.service}", yes=not is_asked, costs=True)
    with opened.client(held) as client:
        opened.console.out_json(client.videos_preview(body))
