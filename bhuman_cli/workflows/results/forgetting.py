"""Removal of a person from everything the program wrote, with a receipt that holds none of their values.

In this order, so that a kill at any moment is finished by the next call: the journal notes who is forgotten and what
is to be done, files are cleaned, then the journal itself. What was paid stays known, and is not paid again.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli import clock as clocks
from bhuman_cli import errors, files
from bhuman_cli.journal import history, persons
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.persons import Pending, PersonRow
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.results import person_files
from bhuman_cli.workflows.results.person_files import Finding, Person
from bhuman_cli.workflows.session import Session

SCHEMA: Final = "bhuman.forget/1"
RECEIPTS: Final = "receipts"
_SHORTEST: Final = 4
"""Letters of a cell that may stand for a person: shorter ones stand everywhere."""

_UNREACHABLE: Final = (
    "the input files", "reviews kept in a browser", "copies on other machines and in backups",
    "a database server's own log and backups", "mails and imports that were already made",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetOptions:
    """Who is removed: where a column holds a value, or by the ids of their videos."""

    column: str = ""
    value: str = ""
    ids: tuple[str, ...] = ()
    yes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What is known of the person, and where they stand."""

    job: Pending
    person: Person
    shared: frozenset[int]
    shared_ids: tuple[str, ...]
    local_ids: frozenset[str]
    inputs: tuple[str, ...]
    findings: tuple[Finding, ...]


def where(text: str) -> tuple[str, str]:
    """Read `COLUMN=VALUE`.

    Raises:
        UsageError: it is something else.
    """
    column, equals, value = text.partition("=")
    if not equals or not column.strip() or not value.strip():
        raise errors.UsageError("--where: expected COLUMN=VALUE", hint="--where email=ADDRESS")
    return column.strip(), value.strip()


def forget(session: Session, options: ForgetOptions) -> int:
    """Show where the person stands, ask, remove, and write a receipt; return the exit code.

    Raises:
        UsageError: nobody is known by that, or nobody could be asked. Declined: the answer was no.
        Refusal: a request with the person is on the wire or in doubt.
    """
    with contextlib.closing(run_context.open_journal(session.home)) as journal:
        interrupted = persons.pending(journal)
        if interrupted is not None:
            session.console.say("finishing a removal that was interrupted")
            _carry_out(session, journal, _search_pending(session, journal, interrupted))
        search = _search(session, journal, options)
        if search is None:
            is_known = bool(interrupted) or _is_forgotten(journal, options)
            if not is_known:
                raise errors.UsageError("nobody is known by that; nothing was removed", hint="bhuman forget --help")
            session.console.say("nothing of this person is left")
            return 0
        persons.require_settled(journal, search.job.claim_ids)
        _show(session, search)
        if not options.yes:
            if not session.console.is_interactive():
                raise errors.UsageError("nobody could be asked, so nothing was removed", hint="--yes")
            if not session.console.confirm("Remove this person? What was paid stays known."):
                raise errors.Declined("nothing was removed")
        with _locks(session, journal, search.job.run_nos):
            persons.require_settled(journal, search.job.claim_ids)
            persons.begin(journal, search.job)
            receipt = _carry_out(session, journal, search)
    _report(session, search, receipt)
    return 0


def _is_forgotten(journal: Journal, options: ForgetOptions) -> bool:
    if not options.column:
        return False
    return persons.is_forgotten(journal, options.column, options.value)


def _search(session: Session, journal: Journal, options: ForgetOptions) -> _Search | None:
    runs = persons.runs(journal)
    ids = set(options.ids)
    rows: list[PersonRow] = []
    if options.column:
        for run in runs:
            rows += persons.rows_where(journal, run, options.column, options.value)
        for path in {run.output_path for run in runs}:
            ids |= set(person_files.rows_of_table(Path(path), options.column, options.value))
    rows += [row for row in persons.rows_of_ids(journal, ids) if row not in rows and not _is_other(row, runs, options)]
    claims = persons.claims_of(journal, rows, ids)
    if not rows and not claims:
        return None
    name = persons.folded(options.column)
    value = options.value or persons.whole_row(rows[0].cells if rows else ())
    job = Pending(
        name=name, digest=persons.digest(journal, name, value), run_nos=tuple(sorted({row.run_no for row in rows})),
        claim_ids=tuple(sorted(claims)), ids=tuple(sorted(ids | {id_ for id_ in claims.values() if id_})),
        rows=tuple((row.run_no, row.row_index) for row in rows),
    )  # fmt: skip
    return _complete(session, journal, job, rows, options)


def _is_other(row: PersonRow, runs: Sequence[persons.RunFiles], options: ForgetOptions) -> bool:
    """Say whether a row that shows the person's video is another person's: their values happen to be equal."""
    run = next((run for run in runs if run.run_no == row.run_no), None)
    if not options.column or run is None or not row.cells:
        return False
    names = [persons.folded(name) for name in run.columns]
    if persons.folded(options.column) not in names:
        return False
    return persons.folded(row.cells[names.index(persons.folded(options.column))]) != persons.folded(options.value)


def _search_pending(session: Session, journal: Journal, job: Pending) -> _Search:
    """Return what a killed removal still has to do; the values may be gone already, the ids are not."""
    paths = [
        row for row in persons.rows_of_ids(journal, job.ids) if (row.run_no, row.row_index) in set(job.rows)
    ]  # fmt: skip
    return _complete(session, journal, job, paths, ForgetOptions())


def _complete(
    session: Session, journal: Journal, job: Pending, rows: Sequence[PersonRow], options: ForgetOptions
) -> _Search:
    others = persons.other_cells(journal, rows)
    cells = {cell.strip() for row in rows for cell in row.cells if len(cell.strip()) >= _SHORTEST}
    needles = {cell for cell in cells if cell not in others} | ({options.value} if options.value else set())
    owners = list(rows) or [
        PersonRow(run_no=run, row_index=index, claim_id=0, generation_id="", cells=()) for run, index in job.rows
    ]
    shared = persons.shown_by_others(journal, job.claim_ids, owners)
    claims = persons.claims_of(journal, rows, job.ids)
    shared_ids = tuple(sorted(claims[claim] for claim in shared if claims.get(claim)))
    # A video that others show is theirs, too: its id names nobody, and its files stay.
    person = Person(
        column=options.column, value=options.value, ids=frozenset(set(job.ids) - set(shared_ids)),
        needles=frozenset(needles), row_indexes=frozenset(index for _, index in job.rows),
    )  # fmt: skip
    findings = tuple(_findings(session, journal, job, person))
    runs = {run.run_no: run for run in persons.runs(journal)}
    inputs = tuple(dict.fromkeys(runs[number].input_path for number in job.run_nos if number in runs))
    return _Search(
        job=job,
        person=person,
        shared=frozenset(shared),
        shared_ids=shared_ids,
        inputs=inputs,
        findings=findings,
        local_ids=persons.local_ids(journal, job.ids),
    )


def _findings(session: Session, journal: Journal, job: Pending, person: Person) -> Iterator[Finding]:
    runs = persons.runs(journal)
    inputs = {Path(run.input_path).absolute() for run in runs} - {Path(run.output_path).absolute() for run in runs}
    seen: set[str] = set()
    for run in runs:
        recorded = persons.artifacts(journal, [run.run_no])
        media = history.media_folder(journal, run.run_no)
        for finding in person_files.find(run, [*recorded, *([("media", media)] if media else [])], person, inputs):
            if finding.path not in seen:
                seen.add(finding.path)
                yield finding
    yield from _in_state(session, journal, job, person)


def _in_state(session: Session, journal: Journal, job: Pending, person: Person) -> Iterator[Finding]:
    """Yield what the program keeps for itself: callbacks, rescued answers, bug reports, logs, the local studio."""
    from bhuman_cli.callbacks import store

    home, ids = session.home, sorted(person.ids)
    with contextlib.closing(store.EventStore.beside(journal, read_only=True)) as events:
        if count := sum(len(events.of(id_)) for id_ in ids):
            yield Finding(kind="callbacks", path=events.shown, count=count, remove=lambda: _clean_events(journal, ids))
    with contextlib.suppress(ImportError):
        from bhuman_cli.studio.queue import erasure

        if studio_ids := erasure.known(home.studio, ids):
            yield Finding(
                kind="studio",
                path=str(home.studio),
                count=len(studio_ids),
                remove=lambda: erasure.erase(home.studio, ids),
            )
    tokens = persons.tokens_of(journal, job.claim_ids)
    runs = {run.run_no: run for run in persons.runs(journal)}
    outputs = [Path(runs[number].output_path) for number in job.run_nos if number in runs]
    places = {place for output in outputs for place in run_context.rescue_places(home, output)}
    for folder in places | set(run_context.rescue_places(home, None)):
        for path in folder.glob("*.json") if folder.is_dir() else []:
            if any(token in path.name for token in tokens):
                yield Finding(kind="answer", path=str(path), count=1, remove=person_files.removal(path))
    receipts = (home.state / RECEIPTS).glob("*") if (home.state / RECEIPTS).is_dir() else ()
    yield from person_files.find_below(home.state, person, [*receipts, home.studio])
    if log_file := session.values.get("log_file"):
        yield from person_files.in_log(Path(log_file), person)


def _clean_events(journal: Journal, ids: Sequence[str]) -> None:
    from bhuman_cli.callbacks import store

    with contextlib.closing(store.EventStore.beside(journal)) as events:
        events.forget(ids)


@contextlib.contextmanager
def _locks(session: Session, journal: Journal, run_nos: Sequence[int]) -> Iterator[None]:
    """Hold the targets of the runs: nobody sends, and nobody writes results, while files are cleaned."""
    from bhuman_cli.journal import runs

    targets = {runs.find(journal, run.run_id).target for run in persons.runs(journal) if run.run_no in set(run_nos)}
    with contextlib.ExitStack() as stack:
        for target in sorted(targets, key=lambda target: (target.service, target.kind, target.api_id)):
            stack.enter_context(
                run_context.with_lock(journal, session.home, target, session.console, wait_s=0.0, asks=False)
            )
        yield


def _carry_out(session: Session, journal: Journal, search: _Search) -> Path:
    """Remove the person from every place, the journal last; write the receipt."""
    for finding in search.findings:
        finding.remove()
    for finding in search.findings:
        if finding.kind == "table":
            history.rewrote_output(journal, finding.path, _sha256(Path(finding.path)))
    persons.remove(journal, search.job, search.shared)
    journal.compact()
    return _write_receipt(session, search)


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _to_delete(search: _Search) -> list[str]:
    return [id_ for id_ in search.job.ids if id_ not in search.shared_ids and id_ not in search.local_ids]


def _document(search: _Search, at: str) -> dict[str, Any]:
    """Return the receipt: places, counts and ids, no value of the person."""
    return {
        "schema": SCHEMA,
        "at": at,
        "column": search.job.name or None,
        "rows": len(search.job.rows),
        "videos": len(search.job.claim_ids),
        "removed": [
            {"kind": finding.kind, "path": _harmless(finding.path, search.person), "count": finding.count}
            for finding in search.findings
        ],
        "delete_at_service": _to_delete(search),
        "shared": list(search.shared_ids),
        "not_reached": [
            *_UNREACHABLE[1:],
            *(f"the input file {_harmless(path, search.person)}" for path in search.inputs),
        ],
    }


def _harmless(path: str, person: Person) -> str:
    """Return a path without the person's texts: files may be named after them."""
    return f"{Path(path).parent}/…" if person.is_in(path.encode("utf-8", "surrogatepass")) else path


def _write_receipt(session: Session, search: _Search) -> Path:
    now = clocks.SystemClock().now()
    folder = session.home.state / RECEIPTS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"forget-{now:%Y%m%dT%H%M%S}-{time.monotonic_ns() % 10**6:06}.json"
    with files.replacing(path) as stream:
        stream.write(json.dumps(_document(search, clocks.iso_utc(now)), indent=2).encode() + b"\n")
    path.chmod(0o600)
    return path


def _show(session: Session, search: _Search) -> None:
    say = session.console.say
    say(f"journal: {len(search.job.rows):,} rows, {len(search.job.claim_ids):,} videos")
    for finding in search.findings:
        say(f"{finding.kind}: {finding.count:,} in {_harmless(finding.path, search.person)}")
    if search.shared_ids:
        say(f"{len(search.shared_ids):,} videos are shown by other rows, too; they stay")


def _report(session: Session, search: _Search, receipt: Path) -> None:
    console = session.console
    if console.json_mode:
        console.out_json({**json.loads(receipt.read_text("utf-8")), "receipt": str(receipt)})
        return
    console.say(f"removed; receipt: {receipt}")
    console.say("not reached: " + ", ".join(_UNREACHABLE))
    ids = _to_delete(search)
    if ids:
        console.say(f"delete at the service, if it keeps them ({len(ids):,}):")
    for id_ in ids:
        console.out(id_)
