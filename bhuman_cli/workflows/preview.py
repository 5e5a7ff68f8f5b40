"""Preview of one row, rendered in this process, or asked of the service. Sends no paid request."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChoice:
    """Which row: by a cell's text, by its line in the file, by its number from 0; else the first that has values."""

    text: str | None = None
    line: int | None = None
    row_index: int | None = None


def render_row(file: str, choice: RowChoice, flags: dict[str, Any], *, is_json: bool) -> Path:
    """Render one row of a table on this machine and print where its page is; return the page.

    Raises:
        UsageError: there is no such row, or the extra `studio` is missing. InputError: it can't be rendered.
    """
    console = Console(json_mode=is_json)
    values = settings.load(flags=flags, input_path=input_source.project_path(file), environ=os.environ)
    home = settings.home(os.environ)
    source = input_source.open_source(file, values, home, console)
    target = Target(service=domain.LOCAL_SERVICE, kind=TargetKind.CAMPAIGN, api_id="")
    intake, _ = input_table.open_for(source, values, home, target, console)
    row = _chosen(intake.rows(), choice, source.name)
    if row.state is not RowState.PENDING:
        raise errors.InputError(f"line {row.line} can't be rendered: {row.message or 'it is blank'}")
    media = _render(console, source, home, row, intake.variables, values)
    for warning in media.warnings:
        console.warn(warning)
    if is_json:
        console.out_json(
            {
                "schema": "bhuman.preview/1",
                "row_index": row.row_index,
                "line": row.line,
                "page": media.page,
                "video": media.video,
                "warnings": list(media.warnings),
            }
        )
    else:
        console.out(media.page)
    return Path(media.page)


def _chosen(rows: Iterable[domain.Row], choice: RowChoice, name: str) -> domain.Row:
    """Return the row that was asked for.

    Raises:
        UsageError: there is none, or several hold the text.
    """
    if sum(each is not None for each in (choice.text, choice.line, choice.row_index)) > 1:
        raise errors.UsageError("name one row: by NAME, --line or --row")
    if choice.text is None:
        for row in rows:
            if choice.line is None and choice.row_index is None:
                if row.state is not RowState.SKIPPED:
                    return row
            elif choice.line in {None, row.line} and choice.row_index in {None, row.row_index}:
                return row
        which = f"line {choice.line}" if choice.line is not None else f"row {choice.row_index}"
        missing = "no row with values" if choice == RowChoice() else f"no data in {which}"
        raise errors.UsageError(f"{name} has {missing}", hint=f"bhuman preview {shell.quote(name)}")
    wanted = choice.text.strip().casefold()
    holding = [row for row in rows if any(wanted in cell.casefold() for cell in row.cells)]
    exact = [row for row in holding if any(wanted == cell.strip().casefold() for cell in row.cells)]
    fitting = exact or holding
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise errors.UsageError(f"{name} has no row that holds this text", hint=f"bhuman preview {shell.quote(name)}")
    lines = ", ".join(str(row.line) for row in fitting[:8]) + (" …" if len(fitting) > 8 else "")
    raise errors.UsageError(
        f"{len(fitting):,} rows of {name} hold this text: lines {lines}",
        hint=f"bhuman preview {shell.quote(name)} --line {fitting[0].line}",
    )


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
        raise errors.InputError(f"line {row.line} can't be rendered: {failure}") from None


def request_preview(body: dict[str, Any], profile: str | None, *, is_json: bool, is_asked: bool) -> None:
    """Ask the service for a preview and print its answer. is_asked: on a terminal a person is asked first.

    Raises:
        Declined: the person said no.
    """
    opened = session.start(profile=profile, json_mode=is_json)
    stored = opened.stored_credentials()
    session.confirm_change(opened, f"a preview request to {opened.service}", yes=not is_asked, costs=True)
    with opened.client(stored) as client:
        opened.console.out_json(client.videos_preview(body))
