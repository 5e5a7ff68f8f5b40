"""Export of a run: its results in another shape, for mail products, counted, or for support. Sends nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bhuman_cli import amounts, domain, errors, shell
from bhuman_cli.delivery import mailmerge
from bhuman_cli.delivery.mailmerge import For
from bhuman_cli.domain import ResultRow, Status
from bhuman_cli.errors import ExitCode
from bhuman_cli.workflows.results import mail_export, quality_check, results_writer, run_lookup
from bhuman_cli.workflows.results.run_lookup import RunResults
from bhuman_cli.workflows.session import Session

if TYPE_CHECKING:
    from bhuman_cli.delivery.media import What
    from bhuman_cli.table.output.results_file import OutputStyle

SCHEMA = "bhuman.export/1"
COUNTS = "bhuman.counts/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to write, and to where. statuses: None for rows of every status. by: the column to count by."""

    output: Path | None = None
    purpose: For | None = None
    statuses: set[str] | None = None
    media: Path | None = None
    by: str | None = None
    email: str | None = None
    check_links: bool = False
    utm: str = ""
    fallback_link: str = ""
    poster: bool = False
    reviews: Sequence[Path] = ()
    keep: str | None = None
    bom: bool = False
    force: bool = False


def require_sense(options: ExportOptions) -> None:
    """Refuse options that belong to another kind of export.

    Raises:
        UsageError: there is one.
    """
    mails_only = {"--email": options.email, "--check-links": options.check_links, "--utm": options.utm,
                  "--fallback-link": options.fallback_link, "--poster": options.poster}  # fmt: skip
    if options.purpose in {None, For.SUPPORT} and (misplaced := [name for name, value in mails_only.items() if value]):
        raise errors.UsageError(f"{misplaced[0]} belongs to an export for mails", hint="--for mailmerge")
    if options.keep not in {None, "approved", "rejected"} or (options.reviews and options.keep is None):
        raise errors.UsageError("--review goes with --keep approved or rejected", hint="--keep approved")
    if options.keep is not None and not options.reviews:
        raise errors.UsageError("--keep needs the review to go by", hint="--review campaign.review.csv")


def write(session: Session, delivered: RunResults, options: ExportOptions) -> int:
    """Write the run's results as asked, and say where; return the exit code.

    Raises:
        UsageError: the output is missing, of no known ending, or not ours to replace.
    """
    from bhuman_cli.table.output import results_file

    delivered = _reviewed(delivered, options)
    if options.by is not None:
        if options.output is not None:
            _require_counts(options.output, delivered, force=options.force)
        _count(session, delivered, options.by, options.statuses, options.output)
        return 0
    output = options.output or _usual_output(delivered, options.purpose)
    if options.purpose is For.SUPPORT:
        return _write_support(session, delivered, output, force=options.force)
    style = style_for(output, delivered, bom=options.bom, force=options.force)
    run_lookup.record_artifact(session, delivered, "table", output)
    if options.purpose is not None:
        mails = mail_export.MailOptions(
            purpose=options.purpose, email=options.email, utm=options.utm, fallback_link=options.fallback_link,
            check_links=options.check_links,
            posters=output.with_name(f"{output.stem}.posters") if options.poster else None,
        )  # fmt: skip
        return _write_mails(session, delivered, mails, output, style, options.statuses, options.media)
    extras = _media(delivered, options.media)
    header = _renamed(delivered.header, [name for name, _ in extras])
    written = list(_rows(delivered, extras, options.statuses))
    results_file.write_results(output, header, written, style)
    session.console.say(f"{len(written):,} of {len(delivered.rows):,} rows written{_marking(output, style)}")
    _print(session, delivered, output, len(written), [*header, *results_file.result_header(header)])
    return 0


def _reviewed(delivered: RunResults, options: ExportOptions) -> RunResults:
    """Return the run with only those rows whose video, as it is now, was decided so; all of them without `keep`."""
    if options.keep is None:
        return delivered
    from bhuman_cli.delivery import review

    decisions = review.read(options.reviews)
    rows = [row for row in delivered.rows if (said := decisions.get(row.fields["id"])) and said.word == options.keep]
    return dataclasses.replace(delivered, rows=rows)


def _marking(output: Path, style: OutputStyle) -> str:
    """Return what Excel on Windows needs to read letters beyond ASCII, where the file has them and no mark."""
    if style.kind not in {"csv", "tsv"} or style.bom or output.read_bytes().isascii():
        return ""
    return "; to open it in Excel, add --bom"


def _print(
    session: Session, delivered: RunResults, output: Path, rows: int, columns: Sequence[str], **more: Any
) -> None:
    if session.console.json_mode:
        about = {"schema": SCHEMA, "run_id": delivered.run.run_id, "output": str(output)}
        session.console.out_json({**about, "rows": rows, "columns": list(columns), **more})
    else:
        session.console.out(str(output))


def _write_support(session: Session, delivered: RunResults, output: Path, *, force: bool) -> int:
    from bhuman_cli.workflows.results import support_bundle

    if output.suffix.lower() != ".json":
        raise errors.UsageError(f"-o {output}: a support bundle is a .json file", hint=f"-o {output.stem}.json")
    run_lookup.require_other(delivered, output)
    if output.exists() and not force and support_bundle.SCHEMA not in output.read_text("utf-8", errors="replace"):
        raise errors.UsageError(f"{output} is not a support bundle; it is left alone", hint="--force")
    run_lookup.record_artifact(session, delivered, "text", output)
    run_lookup.record_artifact(session, delivered, "text", output.with_suffix(".txt"))
    document = support_bundle.write(session, delivered, output)
    session.console.say(f"{len(document['rows']):,} rows that ended badly; readable: {output.with_suffix('.txt')}")
    if session.console.json_mode:
        session.console.out_json({**document, "output": str(output)})
    else:
        session.console.out(str(output))
    return 0


def _write_mails(  # noqa: PLR0913, PLR0917 - what was asked, and where it goes
    session: Session,
    delivered: RunResults,
    options: mail_export.MailOptions,
    output: Path,
    style: OutputStyle,
    statuses: set[str] | None,
    media: Path | None,
) -> int:
    from bhuman_cli.delivery.media import works_elsewhere
    from bhuman_cli.table.output import results_file
    from bhuman_cli.workflows.results import summary

    if options.posters is not None:
        run_lookup.record_artifact(session, delivered, "posters", options.posters)
    table = mail_export.build(session, delivered, options, output)
    rows = [row for row in table.rows if statuses is None or row.fields["status"] in statuses]
    header = table.header
    if table.keeps_results:
        extras = _media(delivered, media)
        header = _renamed(header, [name for name, _ in extras])
        rows = [
            ResultRow(cells=(*row.cells, *(cells.get(row.fields["row_index"], "") for _, cells in extras)),
                      fields=row.fields)
            for row in rows
        ]  # fmt: skip
        results_file.write_results(output, header, rows, style)
        columns = [*header, *results_file.result_header(header)]
    else:
        # What the products read for certain, whatever the input's separator was.
        plain = style if style.kind != "csv" else dataclasses.replace(style, delimiter=",")
        results_file.write_table(output, header, [row.cells for row in rows], plain)
        columns = header
    session.console.say(f"{len(rows):,} of {len(delivered.rows):,} rows written{_marking(output, style)}")
    for note in table.notes:
        session.console.warn(note)
    here = sum(bool(row.fields["share_url"]) and not works_elsewhere(row.fields["share_url"]) for row in rows)
    if here:
        session.console.warn(f"{amounts.show(here, 'link works', 'links work')} only on this machine, not in a mail")
    by_reason: dict[str, list[int]] = {}
    for row_index, reason in table.dead:
        by_reason.setdefault(reason, []).append(delivered.lines[str(row_index)])
    for reason, lines in by_reason.items():
        session.console.warn(f"dead link ({reason}) · {summary.line_numbers(lines)}")
    dead = [{"row_index": row_index, "reason": reason} for row_index, reason in table.dead]
    _print(session, delivered, output, len(rows), columns, **({"dead_links": dead} if options.check_links else {}))
    return int(ExitCode.ROWS_FAILED) if dead else 0


def style_for(
    output: Path, delivered: RunResults, *, option: str = "-o", bom: bool = False, force: bool = False
) -> OutputStyle:
    """Return how the file will be written, as its ending says. option: what the user wrote before its name.

    Raises:
        UsageError: the ending is none, or what is there is not ours to replace.
    """
    _require_writable(output, delivered, option, force=force)
    return _style(output, delivered, option, bom=bom)


def write_paths(delivered: RunResults, folder: Path, whats: Sequence[What], output: Path) -> None:
    """Write the results with the paths of the files in folder; a column for each kind, whether it has files or not."""
    from bhuman_cli.delivery.media import What
    from bhuman_cli.table.output import results_file

    extras = paths(delivered, folder, whats)
    if What.VIDEO in whats:
        extras.append(("quality", quality_check.qualities(delivered, folder)))
    header = _renamed(delivered.header, [name for name, _ in extras])
    results_file.write_results(output, header, _rows(delivered, extras, None), _style(output, delivered))


def _count(
    session: Session, delivered: RunResults, column: str, statuses: set[str] | None, output: Path | None
) -> None:
    """Show or write how many rows of each value ended how."""
    import json

    from bhuman_cli.table.output import counts

    column = run_lookup.column(delivered.header, column, "--by")
    counted = counts.counts_by(delivered.header, _rows(delivered, (), statuses), column)
    if output is not None:
        counts.write(counted, output)
        session.console.out(str(output))
    elif session.console.json_mode:
        rows = json.loads(counted.reset_index().to_json(orient="records"))
        session.console.out_json({"schema": COUNTS, "run_id": delivered.run.run_id, "by": column, "counts": rows})
    else:
        header, lines = counts.status_counts(counted)
        session.console.table(header, lines, right=header[1:])


def _usual_output(delivered: RunResults, purpose: For | None) -> Path:
    if purpose is None:
        raise errors.UsageError("-o is missing: the file to write", hint=shell.join(["-o", f"{delivered.stem}.xlsx"]))
    if purpose is For.SUPPORT:
        return delivered.output.with_name(f"{delivered.stem}.support.json")
    ending = ".csv" if purpose in mailmerge.PRODUCTS else _input_ending(delivered)
    return delivered.output.with_name(f"{delivered.stem}.{purpose}{ending}")


def _input_ending(delivered: RunResults) -> str:
    """Return the ending of the input's own format, where it can be written: people go on in the program they use."""
    from bhuman_cli.table.output import results_file

    ending = Path(delivered.run.input_path).suffix.lower()
    if ending in {".xlsm", ".xls", ".ods"}:
        return ".xlsx"
    return ending if ending in results_file.KINDS else ".csv"


Extra = tuple[str, dict[str, str]]
"""A column and its cell by row_index."""


def _media(delivered: RunResults, media: Path | None) -> list[Extra]:
    """Return columns of the paths of downloaded files, none without a folder."""
    if media is None:
        return []
    from bhuman_cli.delivery.media import What

    with_files = [(name, cells) for name, cells in paths(delivered, media, tuple(What)) if cells]
    if not with_files:
        raise errors.UsageError(
            f"{media}: nothing was downloaded there",
            hint=f"bhuman download {delivered.run.run_id} --to {shell.quote(str(media))}",
        )
    return with_files


def paths(delivered: RunResults, folder: Path, whats: Sequence[What]) -> list[Extra]:
    """Return a column of paths for each kind of file, with the cells of those that are in folder."""
    from bhuman_cli.delivery import manifest

    entries = manifest.read(folder)
    return [
        (
            f"{what}_file",
            {
                row.fields["row_index"]: str((folder / entry.file).resolve())
                for row in delivered.rows
                if (entry := entries.get((row.fields["id"], str(what)))) and (folder / entry.file).is_file()
            },
        )
        for what in whats
    ]


def _rows(delivered: RunResults, extras: Sequence[Extra], statuses: set[str] | None) -> Iterator[ResultRow]:
    for row in delivered.rows:
        if statuses is None or row.fields["status"] in statuses:
            more = tuple(cells.get(row.fields["row_index"], "") for _, cells in extras)
            yield ResultRow(cells=(*row.cells, *more), fields=row.fields)


def statuses_in(only: str | None) -> set[str] | None:
    """Return the statuses that `--only` names, None for all.

    Raises:
        UsageError: there is no such status.
    """
    if only is None:
        return None
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


def _style(output: Path, delivered: RunResults, option: str = "-o", *, bom: bool = False) -> OutputStyle:
    """Return how the file is written: its ending picks the kind, the run's input the separator and the mark."""
    from bhuman_cli.table.output import results_file

    stored = results_writer.style_of(delivered.run)

    kind = results_file.KINDS.get(output.suffix.lower())
    if kind is None:
        raise errors.UsageError(
            f"{option} {output}: the ending picks the format, and this is none",
            hint=shell.join([option, f"{output.stem}.csv"]),
        )
    delimiter = stored.delimiter if stored.delimiter != "\t" or output.suffix.lower() == ".txt" else ","
    return results_file.OutputStyle(
        kind=kind, delimiter="\t" if kind == "tsv" else delimiter, bom=(bom or stored.bom) and kind in {"csv", "tsv"}
    )


def _require_writable(output: Path, delivered: RunResults, option: str, *, force: bool) -> None:
    from bhuman_cli.table.output import results_file

    run_lookup.require_other(delivered, output)
    if not force and results_file.recognise(output) is results_file.RecognisedColumns.FOREIGN:
        hint = "--force" if option == "-o" else shell.join([option, f"{output.stem}.files{output.suffix}"])
        raise errors.UsageError(f"{output} is not a results file; it is left alone", hint=hint)


def _require_counts(output: Path, delivered: RunResults, *, force: bool) -> None:
    """Refuse to write counts over anything but earlier counts, which end with a total."""
    from bhuman_cli.table import reader
    from bhuman_cli.table.output import counts

    run_lookup.require_other(delivered, output)
    if force or not output.exists():
        return
    try:
        header = reader.open_table(output, reader.ReadOptions()).header
    except errors.BhumanError:
        header = ()
    if header[-1:] != (counts.TOTAL,):
        raise errors.UsageError(f"{output} holds no counts of rows; it is left alone", hint="--force")
