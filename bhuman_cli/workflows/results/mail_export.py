"""Mail export: the rows of a run as a mail program wants them, links checked, posters made. Sends no mail."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from bhuman_cli import domain, errors
from bhuman_cli.config import settings
from bhuman_cli.delivery import contacts, mailmerge, media
from bhuman_cli.delivery.mailmerge import For, Mail
from bhuman_cli.domain import ResultRow, Status
from bhuman_cli.workflows.results import refresh
from bhuman_cli.workflows.results.run_lookup import RunResults
from bhuman_cli.workflows.session import Session

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client
    from bhuman_cli.delivery import fetch, link_check
    from bhuman_cli.net import addresses

GIF_LIMIT_BYTES: Final = 1_000_000
"""Mail programs cut, delay or hide pictures much larger than this."""

POSTER_COLUMN: Final = "poster_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOptions:
    """What the user asked for. email: the address column. posters: the folder for posters, None for none."""

    purpose: For
    email: str | None = None
    utm: str = ""
    fallback_link: str = ""
    check_links: bool = False
    posters: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTable:
    """What is written: the header, and rows whose cells stand under it. keeps_results: result columns follow.

    dead: (row_index, reason) of links that do not open. notes: what a person should know.
    """

    header: list[str]
    rows: list[ResultRow]
    keeps_results: bool
    dead: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def build(session: Session, run: RunResults, options: MailOptions, output: Path) -> MailTable:
    """Return the table to write at output. Without `check_links` and `posters` nothing touches the network.

    Raises:
        UsageError: an option does not fit the table.
    """
    header = [name.strip() for name in run.header]
    needs_address = options.purpose in mailmerge.PRODUCTS or options.email is not None
    person = contacts.contact(header, run.rows, options.email) if needs_address else None
    pairs = mailmerge.campaign_fields(options.utm, [*header, *domain.RESULT_COLUMNS])
    fallback = _fallback(options.fallback_link)
    rows = [row for row in run.rows if _is_wanted(row, has_fallback=bool(fallback))]
    notes: list[str] = []
    rows, answers, dead = _checked(session, run, rows, options)
    name_place = contacts.first_name(header)
    mails = {
        row.fields["row_index"]: mailmerge.mail(
            row.fields if row.fields["status"] == Status.SUCCEEDED else {}, _cell(row, name_place)
        )
        for row in rows
    }
    posters = _posters(session, run, rows, options, name_place) if options.posters is not None else {}
    mails, heavy = _light(rows, mails, answers, posters, output)
    lighter = [run.lines[str(index)] for index in heavy]
    notes += _size_notes(lighter, options, posters)
    tags = _tags(rows, header, pairs)
    mails = {index: _addressed(shown, tags[index], fallback) for index, shown in mails.items()}
    return dataclasses.replace(_table(run, rows, mails, options, person, posters), dead=dead, notes=notes)


def _is_wanted(row: ResultRow, *, has_fallback: bool) -> bool:
    """Keep rows with a video; with a fallback all who may be written to: never those that were left out on purpose."""
    status = row.fields["status"]
    return status == Status.SUCCEEDED or (has_fallback and status != Status.SKIPPED)


def _fallback(link: str) -> str:
    if link and (urlsplit(link).scheme not in {"http", "https"} or not urlsplit(link).hostname):
        raise errors.UsageError(f"--fallback-link {link[:80]!r}: not an http(s) address")
    return link


def _cell(row: ResultRow, place: int) -> str:
    return row.cells[place].strip() if 0 <= place < len(row.cells) else ""


def _checked(
    session: Session, run: RunResults, rows: list[ResultRow], options: MailOptions
) -> tuple[list[ResultRow], Mapping[str, link_check.Answer], list[tuple[int, str]]]:
    """Return the rows with fresh links where old ones were dead, every answer, and the rows whose link stays dead."""
    from bhuman_cli.delivery import link_check

    policy = _policy(run)
    report = _progress(session)
    if not options.check_links:
        wanted = [row.fields["gif"] for row in rows if options.posters is not None or _is_file(row.fields["gif"])]
        return rows, link_check.check(wanted, policy, report), []
    answers = link_check.check((url for row in rows for url in _links(row)), policy, report)
    broken = [place for place, row in enumerate(rows) if any(answers[url].reason for url in _links(row))]
    if broken and run.run.target.service != domain.LOCAL_SERVICE:
        with refresh.connect(session, run.run) as connected:
            for place in broken:
                rows[place] = _refreshed(rows[place], connected.client)
        again = [url for place in broken for url in _links(rows[place]) if url not in answers]
        answers |= link_check.check(again, policy, report)
    dead = [
        (int(rows[place].fields["row_index"]), reason)
        for place in broken
        if (reason := next((answers[url].reason for url in _links(rows[place]) if answers[url].reason), ""))
    ]
    return rows, answers, dead


def _links(row: ResultRow) -> list[str]:
    shown = mailmerge.mail(row.fields if row.fields["status"] == Status.SUCCEEDED else {})
    return [url for url in (shown.link, shown.picture) if url]


def _is_file(url: str) -> bool:
    return url.startswith("file:")


def _policy(run: RunResults) -> addresses.Policy:
    from bhuman_cli.net import addresses

    is_local = run.run.target.service == domain.LOCAL_SERVICE
    return addresses.Policy(base_url="" if is_local else run.run.target.service)


def _refreshed(row: ResultRow, client: Client | None) -> ResultRow:
    """Return the row with the links that the service knows now."""
    if client is None or not row.fields["id"]:
        return row
    try:
        record = client.generation(domain.GenerationId(row.fields["id"]))
    except errors.BhumanError:
        return row
    if record is None:
        return row
    fresh = {name: text for name in ("share_url", "url", "gif", "thumbnail") if (text := str(getattr(record, name)))}
    return dataclasses.replace(row, fields={**row.fields, **fresh})


def _progress(session: Session) -> Callable[[int], None]:
    from bhuman_cli.clock import SystemClock

    clock = SystemClock()
    said = [clock.monotonic_s()]

    def report(count: int) -> None:
        if clock.monotonic_s() - said[0] >= 2.0:
            said[0] = clock.monotonic_s()
            session.console.say(f"{count:,} links checked")

    return report


def _posters(
    session: Session, run: RunResults, rows: Sequence[ResultRow], options: MailOptions, name_place: int
) -> dict[str, tuple[Path, tuple[int, int]]]:
    """Write a poster for each row with a thumbnail; return its file and size by row_index."""
    try:
        from bhuman_cli.studio.render.output import play_mark
    except ImportError:
        raise errors.UsageError("--poster needs the extra `studio`", hint="pip install 'bhuman[studio]'") from None
    from bhuman_cli.delivery import batch, fetch

    folder = options.posters or Path()
    names = {row.fields["row_index"]: _cell(row, name_place) for row in rows}
    made: dict[str, tuple[Path, tuple[int, int]]] = {}
    local = run.run.target.service == domain.LOCAL_SERVICE
    with (
        tempfile.TemporaryDirectory(prefix="bhuman-posters-") as temporary,
        nullcontext(None) if local else refresh.connect(session, run.run) as connected,
    ):
        choice = batch.Choice(whats=(media.What.THUMBNAIL,))
        jobs = batch.jobs(run.header, rows, Path(temporary), choice)
        kit = _fetch_tools(run, connected.client if connected is not None else None)
        for done in batch.run(jobs, Path(temporary), kit, batch.WORKERS, lambda _: None):
            if done.state is not fetch.State.FETCHED:
                continue
            index = done.job.row_index
            try:
                content, size = play_mark.poster(done.job.path, names[index])
            except (OSError, ValueError):
                continue
            path = folder / f"{done.job.path.stem}.jpg"
            _write(path, content)
            made[index] = (path, size)
    missing = sum(row.fields["status"] == Status.SUCCEEDED for row in rows) - len(made)
    if missing:
        session.console.warn(f"{missing:,} rows have no poster: their thumbnail is missing or could not be read")
    return made


def _fetch_tools(run: RunResults, client: Client | None) -> fetch.FetchTools:
    from bhuman_cli.clock import SystemClock
    from bhuman_cli.delivery import fetch

    def refreshed(job: fetch.FetchJob) -> str:
        record = None
        if client is not None:
            with contextlib.suppress(errors.BhumanError):
                record = client.generation(domain.GenerationId(job.generation_id))
        return str(getattr(record, media.FIELD[job.what])) if record is not None else ""

    is_local = run.run.target.service == domain.LOCAL_SERVICE
    return fetch.FetchTools(
        policy=_policy(run), clock=SystemClock(), stop=threading.Event(), refresh=refreshed,
        file_root=settings.home(os.environ).studio / "media" if is_local else None,
    )  # fmt: skip


def _write(path: Path, content: bytes) -> None:
    from bhuman_cli import files

    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as stream:
        stream.write(content)


def _light(
    rows: Sequence[ResultRow],
    mails: Mapping[str, Mail],
    answers: Mapping[str, link_check.Answer],
    posters: Mapping[str, tuple[Path, tuple[int, int]]],
    output: Path,
) -> tuple[dict[str, Mail], list[int]]:
    """Return the mails with a still picture for every GIF over the limit, and the row_index of each."""
    light = dict(mails)
    heavy: list[int] = []
    for row in rows:
        index, gif = row.fields["row_index"], row.fields["gif"]
        if gif not in answers or answers[gif].bytes <= GIF_LIMIT_BYTES:
            continue
        heavy.append(int(index))
        poster = posters.get(index)
        if poster is not None:
            path, size = poster
            shown = path.relative_to(output.parent) if path.is_relative_to(output.parent) else path
            light[index] = dataclasses.replace(mails[index], picture=quote(shown.as_posix()), size=size)
        else:
            still = mailmerge.mail({**row.fields, "gif": ""})
            light[index] = dataclasses.replace(mails[index], picture=still.picture)
    return light, heavy


def _size_notes(heavy: Sequence[int], options: MailOptions, posters: Mapping[str, object]) -> list[str]:
    if not heavy:
        return []
    from bhuman_cli.workflows.results import summary

    instead = "the poster" if posters else "the thumbnail"
    said = [f"{len(heavy):,} GIFs are over 1 MB: their mails show {instead} instead · {summary.line_numbers(heavy)}"]
    if posters and options.posters is not None:
        said.append(f"put the folder {options.posters.name} where the mails can show its pictures")
    return said


def _tags(
    rows: Iterable[ResultRow], header: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> dict[str, Callable[[str], str]]:
    def tagger(row: ResultRow) -> Callable[[str], str]:
        values = {**row.fields, **dict(zip(header, row.cells, strict=False))}
        return lambda link: mailmerge.tagged(link, pairs, values)

    return {row.fields["row_index"]: tagger(row) for row in rows}


def _addressed(shown: Mail, tag: Callable[[str], str], fallback: str) -> Mail:
    if shown.link:
        return dataclasses.replace(shown, link=tag(shown.link))
    return Mail(link=tag(fallback) if fallback else "", name=shown.name)


def _table(
    run: RunResults,
    rows: Sequence[ResultRow],
    mails: Mapping[str, Mail],
    options: MailOptions,
    person: contacts.Contact | None,
    posters: Mapping[str, tuple[Path, tuple[int, int]]],
) -> MailTable:
    extra = [POSTER_COLUMN] if options.posters is not None else []

    def poster(row: ResultRow) -> list[str]:
        path = posters.get(row.fields["row_index"])
        return [str(path[0]) if path is not None else ""] if extra else []

    product = mailmerge.PRODUCTS.get(options.purpose)
    if product is None or person is None:
        names = [*mailmerge.COLUMNS[options.purpose], *extra]
        cells = [
            (*row.cells, *mailmerge.cells(options.purpose, mails[row.fields["row_index"]]), *poster(row))
            for row in rows
        ]
        return MailTable(
            header=[*run.header, *_own_names(run.header, names)],
            rows=[dataclasses.replace(row, cells=line) for row, line in zip(rows, cells, strict=True)],
            keeps_results=True,
        )
    written = []
    for row in rows:
        shown = mails[row.fields["row_index"]]
        address = _cell(row, person.address).removeprefix("mailto:")
        names = [_cell(row, person.first_name), _cell(row, person.last_name)]
        written.append(dataclasses.replace(row, cells=(address, *names, shown.link, shown.picture, *poster(row))))
    return MailTable(header=[*product.columns, *extra], rows=written, keeps_results=False)


def _own_names(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return our columns' names beside the user's; a name of theirs keeps it."""
    made: list[str] = []
    taken = {*(name.strip() for name in header), *domain.RESULT_COLUMNS}
    for name in names:
        ours = name
        while ours in taken:
            ours = f"bhuman_{ours}"
        taken.add(ours)
        made.append(ours)
    return made
