"""Owns `export`: parse, choose rows and columns, let the table writer write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bhuman_cli import domain, errors, shell
from bhuman_cli.delivery.mailmerge import COLUMNS, For
from bhuman_cli.domain import ResultRow, Status
from bhuman_cli.workflows import run_lookup
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.run_lookup import Delivered, RunArgument
from bhuman_cli.workflows.session import JsonOption, Session

if TYPE_CHECKING:
    from bhuman_cli.delivery.media import What
    from bhuman_cli.table.output.results_file import OutputStyle

SCHEMA = "bhuman.export/1"


Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="File to write; .csv .tsv .xlsx .json .jsonl",
        show_default="with --for: <results>.mailmerge.csv",
    ),
]
Purpose = Annotated[
    For | None,
    typer.Option("--for", help="Add an `email_html` cell: the GIF, linked to the video; gmail: a plain link, too."),
]
Only = Annotated[
    str | None,
    typer.Option(
        "--status",
        metavar="NAME,…|all",
        help="Only rows of these statuses.",
        show_default="succeeded with --for, else all",
    ),
]
Media = Annotated[
    Path | None,
    typer.Option("--media", metavar="DIR", help="Add the paths of the files downloaded to this folder."),
]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="COLUMN", help="Count rows by this column and by status instead."),
]
Bom = Annotated[bool, typer.Option("--bom", help="Begin a CSV with a byte order mark, for Excel.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is not a results file.")]


def export(  # noqa: PLR0913 - one parameter is one option
    run: RunArgument = None,
    *,
    output: Output = None,
    purpose: Purpose = None,
    only: Only = None,
    media: Media = None,
    by: By = None,
    bom: Bom = False,
    force: Force = False,
    json_output: JsonOption = False,
) -> None:
    """Write a run's results in another shape, or for a mail merge.

    **Examples**

    `bhuman export -o campaign.xlsx`

    `bhuman export campaign.csv --for mailmerge`

    `bhuman export campaign.csv --by company`   how each company's rows ended
    """
    from bhuman_cli.table.output import results_file

    session = sessions.start(json_mode=json_output)
    found = run_lookup.find(session, run, with_late_links=by is None)
    if by is not None:
        if output is not None:
            _require_counts(output, found, force=force)
        _count(session, found, by, _statuses(only, None), output)
        return
    output = output or _usual_output(found, purpose)
    style = style_for(output, found, bom=bom, force=force)
    extras = _extras(found, purpose, media)
    header = _renamed(found.header, [name for name, _ in extras])
    written = list(_rows(found, extras, _statuses(only, purpose)))
    results_file.write_results(output, header, written, style)
    session.console.say(f"{len(written):,} of {len(found.rows):,} rows written")
    if purpose is not None and found.run.target.service == domain.LOCAL_SERVICE:
        session.console.warn("these are links to this machine's files: they work here, not in a mail")
    if json_output:
        columns = [*header, *results_file.result_header(header)]
        about = {"schema": SCHEMA, "run_id": found.run.run_id, "output": str(output)}
        session.console.out_json({**about, "rows": len(written), "columns": columns})
    else:
        session.console.out(str(output))


def style_for(
    output: Path, found: Delivered, *, option: str = "-o", bom: bool = False, force: bool = False
) -> OutputStyle:
    """Return how the file will be written, as its ending says. option: what the user wrote before its name.

    Raises:
        UsageError: the ending is none, or what is there is not ours to replace.
    """
    _require_writable(output, found, option, force=force)
    return _style(output, option, bom=bom)


def write_paths(found: Delivered, folder: Path, whats: Sequence[What], output: Path) -> None:
    """Write the results with the paths of the files in folder; a column for each kind, whether it has files or not."""
    from bhuman_cli.table.output import results_file

    extras = paths(found, folder, whats)
    header = _renamed(found.header, [name for name, _ in extras])
    results_file.write_results(output, header, _rows(found, extras, None), _style(output))


def _count(session: Session, found: Delivered, column: str, statuses: set[str] | None, output: Path | None) -> None:
    """Show or write how many rows of each value ended how."""
    import json

    from bhuman_cli.table import mapping
    from bhuman_cli.table.output import counts

    if column not in found.header:
        near = mapping.meant(column, found.header)
        meant = f"; did you mean {near}?" if near else ""
        raise errors.UsageError(f"--by {column[:60]!r}: there is no such column{meant}", hint="bhuman export --help")
    counted = counts.counts_by(found.header, _rows(found, (), statuses), column)
    if output is not None:
        counts.write(counted, output)
        session.console.out(str(output))
    elif session.console.json_mode:
        rows = json.loads(counted.reset_index().to_json(orient="records"))
        session.console.out_json({"schema": SCHEMA, "run_id": found.run.run_id, "by": column, "counts": rows})
    else:
        header, lines = counts.lines(counted)
        session.console.table(header, lines, right=header[1:])


def _usual_output(found: Delivered, purpose: For | None) -> Path:
    if purpose is None:
        raise errors.UsageError("-o is missing: the file to write", hint=shell.join(["-o", f"{found.stem}.xlsx"]))
    return found.output.with_name(f"{found.stem}.{purpose}.csv")


Extra = tuple[str, dict[str, str]]
"""A column and its cell by row_index."""


def _extras(found: Delivered, purpose: For | None, media: Path | None) -> list[Extra]:
    from bhuman_cli.delivery import mailmerge

    made: list[Extra] = []
    if purpose is not None:
        cells = {row.fields["row_index"]: mailmerge.cells(purpose, row.fields) for row in found.rows}
        for place, name in enumerate(COLUMNS[purpose]):
            made.append((name, {row_index: texts[place] for row_index, texts in cells.items()}))
    if media is not None:
        from bhuman_cli.delivery.media import What

        with_files = [(name, cells) for name, cells in paths(found, media, tuple(What)) if cells]
        if not with_files:
            raise errors.UsageError(
                f"{media}: nothing was downloaded there",
                hint=f"bhuman download {found.run.run_id} --to {shell.quote(str(media))}",
            )
        made += with_files
    return made


def paths(found: Delivered, folder: Path, whats: Sequence[What]) -> list[Extra]:
    """Return a column of paths for each kind of file, with the cells of those that are in folder."""
    from bhuman_cli.delivery import manifest

    entries = manifest.read(folder)
    return [
        (
            f"{what}_file",
            {
                row.fields["row_index"]: str((folder / entry.file).resolve())
                for row in found.rows
                if (entry := entries.get((row.fields["id"], str(what)))) and (folder / entry.file).is_file()
            },
        )
        for what in whats
    ]


def _rows(found: Delivered, extras: Sequence[Extra], statuses: set[str] | None) -> Iterator[ResultRow]:
    for row in found.rows:
        if statuses is None or row.fields["status"] in statuses:
            more = tuple(cells.get(row.fields["row_index"], "") for _, cells in extras)
            yield ResultRow(cells=(*row.cells, *more), fields=row.fields)


def _statuses(only: str | None, purpose: For | None) -> set[str] | None:
    if only is None:
        return {Status.SUCCEEDED} if purpose is not None else None
    words = {word.strip() for word in only.lower().split(",") if word.strip()}
    unknown = words - set(Status) - {"all"}
    if unknown or not words:
        raise errors.UsageError(f"--status {only[:60]!r}: all, or some of {', '.join(Status)}")
    return None if "all" in words else words


def _renamed(header: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Return the header with our columns behind the user's; a name of theirs keeps it."""
    names = list(header)
    for name in extra:
        ours = name
        while ours in names or ours in domain.RESULT_COLUMNS:
            ours = f"bhuman_{ours}"
        names.append(ours)
    return names


def _style(output: Path, option: str = "-o", *, bom: bool = False) -> OutputStyle:
    from bhuman_cli.table.output import results_file

    kind = results_file.KINDS.get(output.suffix.lower())
    if kind is None:
        raise errors.UsageError(
            f"{option} {output}: the ending picks the format, and this is none",
            hint=shell.join([option, f"{output.stem}.csv"]),
        )
    return results_file.OutputStyle(
        kind=kind, delimiter="\t" if kind == "tsv" else ",", bom=bom and kind in {"csv", "tsv"}
    )


def _require_writable(output: Path, found: Delivered, option: str, *, force: bool) -> None:
    from bhuman_cli.table.output import results_file

    run_lookup.require_other(found, output)
    if not force and results_file.recognise(output) is results_file.Recognised.FOREIGN:
        hint = "--force" if option == "-o" else shell.join([option, f"{output.stem}.files{output.suffix}"])
        raise errors.UsageError(f"{output} is not a results file; it is left alone", hint=hint)


def _require_counts(output: Path, found: Delivered, *, force: bool) -> None:
    """Refuse to write counts over anything but earlier counts, which end with a total."""
    from bhuman_cli.table import reader
    from bhuman_cli.table.output import counts

    run_lookup.require_other(found, output)
    if force or not output.exists():
        return
    try:
        header = reader.open_table(output, reader.ReadOptions()).header
    except errors.BhumanError:
        header = ()
    if header[-1:] != (counts.TOTAL,):
        raise errors.UsageError(f"{output} holds no counts of rows; it is left alone", hint="--force")
