"""Status of one generation, campaign, instance or run, from the journal and the service. Sends nothing paid."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bhuman_cli import domain, errors, ids
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials
from bhuman_cli.domain import Generation, Status, Target, TargetKind, short_id
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import generations, history, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context, session
from bhuman_cli.workflows.results import refresh, run_lookup

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client

_RUN: Final = re.compile(r"r[0-9a-f]{10}")


_PAGE_SIZE: Final = 100


_MOST_PAGES: Final = 1_000


_SAY_PAGES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known. lines: for people. document: for programs. notice: what could not be asked."""

    lines: tuple[tuple[str, str], ...]
    document: dict[str, Any]
    code: ExitCode
    notice: str = ""


def _look_up(opened: session.Session, journal: Journal, identifier: str, kind: str | None, *, watch: bool) -> Report:
    if kind == "run" or (kind is None and _RUN.fullmatch(identifier.strip())):
        return _run(opened, journal, identifier.strip(), watch=watch)
    if kind is None and (run := run_lookup.of_table(journal, identifier.strip())) is not None:
        return _run(opened, journal, run.run_id, watch=watch)
    parsed = ids.parse(identifier)
    kind = kind or parsed.kind or _kind_in(journal, parsed.uuid)
    known = history.run_of_generation(journal, parsed.uuid) if kind == "generation" else None
    if known is not None and known[0].target.service != opened.service:
        with refresh.connect(opened, known[0]) as own:  # another service would only learn an id that is none of its own
            found = _generation(journal, own.client, parsed.uuid)
            assert found is not None  # the journal knows it
            return found
    held = opened.credentials_for(opened.service)
    with opened.client(held) as client:
        if kind in {None, "generation"}:
            report = _generation(journal, client, parsed.uuid)
            if report is not None:
                return report
        if kind == "generation":
            raise errors.ApiError("neither the journal nor the service knows this generation", status=404)
        targets = [TargetKind(kind)] if kind else [TargetKind.CAMPAIGN, TargetKind.INSTANCE]
        return _target(opened, journal, client, targets, parsed.uuid, held)


def _kind_in(journal: Journal, uuid: str) -> str | None:
    if history.run_of_generation(journal, uuid) is not None:
        return "generation"
    return next((kind for kind in TargetKind if history.runs_of_target(journal, kind, uuid)), None)


def _run(opened: session.Session, journal: Journal, run_id: str, *, watch: bool) -> Report:
    run = runs.find(journal, run_id)
    refresh.refresh_run(opened, journal, run, stays=watch)
    listed = history.summarize(journal, run)
    state = run_lookup.state_of(listed)
    tally = generations.tally(journal, listed.run, selected_only=True)
    if state == "superseded":
        tally.pop(Status.PENDING, None)  # released: nobody sends them any more
    code = _code(tally, unsent=listed.unsent)
    if listed.stopped == history.UNWRITTEN and code in {ExitCode.OK, ExitCode.ROWS_FAILED}:
        code = ExitCode.NOT_FINISHED
    lines = [
        ("run", listed.run.run_id),
        ("file", listed.run.input_path),
        ("results", listed.run.output_path),
        (str(listed.run.target.kind), listed.run.target.api_id),
        ("service", listed.run.target.service),
        ("state", state + (f" by {listed.run.superseded_by}" if listed.run.superseded_by else "")),
        *((status, str(count)) for status, count in sorted(listed.tally.items())),
    ]
    if listed.stopped:
        lines.append(("stopped", listed.stopped))
    if state == "unfinished":
        lines.append(("next", f"bhuman resume {listed.run.run_id}"))
    document = {"schema": "bhuman.status/1", "kind": "run", **run_lookup.as_json(listed), "exit_code": int(code)}
    return Report(lines=tuple(lines), document=document, code=code)


def _code(tally: dict[str, int], *, unsent: int = 0) -> ExitCode:
    codes = []
    if tally.get(Status.IN_DOUBT):
        codes.append(ExitCode.IN_DOUBT)
    if unsent or any(tally.get(word) for word in tally if word not in _ENDS):
        codes.append(ExitCode.NOT_FINISHED)
    if any(tally.get(word) for word in (Status.FAILED, Status.REJECTED, Status.INVALID)):
        codes.append(ExitCode.ROWS_FAILED)
    return errors.worst(codes)


_ENDS: Final = (
    Status.SUCCEEDED, Status.FAILED, Status.REJECTED, Status.INVALID, Status.SKIPPED, Status.IN_DOUBT,
)  # fmt: skip


def _generation(journal: Journal, client: Client, uuid: str) -> Report | None:
    known = history.run_of_generation(journal, uuid)
    try:
        record = client.generation(uuid)
    except errors.BhumanError as error:
        if known is None:
            raise
        return _from_journal(journal, known, uuid, f"the service could not be asked: {error.message}")
    if record is None:
        return _from_journal(journal, known, uuid, "the service does not know it") if known else None
    lines = [(name, value) for name, value in _fields(record).items() if value]
    if known is not None:
        lines.append(("row", f"{known[1]} of run {known[0].run_id}"))
    code = _code({record.status if record.is_final else "processing": 1})
    document = {
        "schema": "bhuman.status/1",
        "kind": "generation",
        **_fields(record),
        "run_id": known[0].run_id if known else None,
        "row_index": known[1] if known else None,
        "exit_code": int(code),
    }
    return Report(lines=tuple(lines), document=document, code=code)


def _fields(record: Generation) -> dict[str, str]:
    names = ("id", "status", "share_url", "url", "thumbnail", "gif", "whatsapp_video_url", "message", "execution_name")
    return {name: str(getattr(record, name)) for name in (*names, "generated_at")}


def _from_journal(journal: Journal, known: tuple[runs.Run, int], uuid: str, notice: str) -> Report:
    run, row_index = known
    row = next(item for item in generations.results(journal, run) if item.fields["row_index"] == str(row_index))
    fields = {name: value for name, value in row.fields.items() if value}
    code = _code({row.fields["status"]: 1})
    document = {"schema": "bhuman.status/1", "kind": "generation", **row.fields, "run_id": run.run_id}
    return Report(
        lines=(*fields.items(), ("run", run.run_id)),
        document={**document, "id": uuid, "exit_code": int(code)},
        code=code,
        notice=f"{notice}; this is what the journal knows",
    )


def _target(
    opened: session.Session,
    journal: Journal,
    client: Client,
    kinds: list[TargetKind],
    uuid: str,
    held: credentials.Credentials | None,
) -> Report:
    """Count a target's videos from its list where that is open, else from the journal, and say which."""
    refused: errors.BhumanError | None = None
    empty: Report | None = None
    for kind in kinds:
        target = Target(service=opened.service, kind=kind, api_id=uuid)
        try:
            if held is None:
                raise errors.CredentialsError("there are no credentials to read its list with", hint="bhuman login")
            report = _counted(client, target, opened.console.say)
        except errors.BhumanError as error:
            refused = refused or error
            continue
        if report.document["rows"]["total"]:
            return report
        empty = empty or report  # the id may be one of the other kind
    if empty is not None:
        return empty
    known = [item for kind in kinds for item in history.runs_of_target(journal, kind, uuid)]
    if not known:
        raise refused or errors.UsageError(f"nothing is known of {short_id(uuid)}", hint="bhuman runs")
    tally = _tally(journal, [item.run for item in known if item.run.state == "confirmed"])
    why = f"its list can't be read ({refused.message})" if refused else "its list can't be read"
    report = _summed(Target(service=known[0].run.target.service, kind=kinds[0], api_id=uuid), dict(tally), "journal")
    return Report(
        lines=report.lines,
        document=report.document,
        code=report.code,
        notice=f"{why}; this is what the journal knows. A user token (BHUMAN_TOKEN) opens the list.",
    )


def _tally(journal: Journal, found: Sequence[runs.Run]) -> Counter[str]:
    """Count the rows of these runs; a video that several of them show is one."""
    tally: Counter[str] = Counter()
    seen: set[str] = set()
    for run in found:
        for row in generations.results(journal, run):
            identifier = row.fields["id"]
            if not identifier or identifier not in seen:
                tally[row.fields["status"]] += 1
            seen.add(identifier)
    return tally


def _counted(client: Client, target: Target, say: Callable[[str], None]) -> Report:
    """Count the videos of the list, each once; a service that takes no notice of `page` shows the same ones again."""
    tally: Counter[str] = Counter()
    seen: set[str] = set()
    for page in range(_MOST_PAGES):
        found = client.generations_page(target, page)
        fresh = {record.id: record for record in found.generations if record.id not in seen}
        seen.update(fresh)
        tally.update(record.status or "unknown" for record in fresh.values())
        if found.unreadable and (fresh or page == 0):
            tally["unreadable"] += found.unreadable
        shown = len(found.generations) + found.unreadable
        is_all = sum(tally.values()) >= found.total if found.total is not None else shown != _PAGE_SIZE
        if is_all or not fresh or shown > _PAGE_SIZE:
            break
        if page % _SAY_PAGES == 0:
            say(f"counting: {len(seen):,}{'' if found.total is None else f' of {found.total:,}'} videos so far")
    else:
        say(f"the list goes on: only its first {_MOST_PAGES:,} pages are counted")
    return _summed(target, dict(tally), "service")


def _summed(target: Target, tally: dict[str, int], source: str) -> Report:
    code = _code(tally)
    lines = [
        (str(target.kind), target.api_id),
        ("service", target.service if target.service != domain.LOCAL_SERVICE else "local studio"),
        ("videos", str(sum(tally.values()))),
        *((status, str(count)) for status, count in sorted(tally.items())),
    ]
    document = {
        "schema": "bhuman.status/1",
        "kind": str(target.kind),
        "target": {f"{target.kind}_id": target.api_id},
        "source": source,
        "rows": {"total": sum(tally.values()), **tally},
        "exit_code": int(code),
    }
    return Report(lines=tuple(lines), document=document, code=code)


def show(opened: session.Session, identifier: str, kind: str | None, *, watch: bool, every_s: float) -> ExitCode:
    """Print how something stands; with watch, again whenever that changed, until it is finished.

    Raises:
        ApiError: nobody knows it. ServiceDown: the service could not be asked.
    """
    console, clock, last = opened.console, SystemClock(), ""
    with contextlib.closing(run_context.open_journal(opened.home)) as journal:
        while True:
            report = _look_up(opened, journal, identifier, kind, watch=watch)
            shown, is_last = str(report.document), not watch or report.code is not ExitCode.NOT_FINISHED
            if is_last or (shown != last and not console.json_mode):  # one document is one document
                _say(console, report)
            if is_last:
                return report.code
            last = shown
            clock.sleep(every_s)


def _say(console: Console, report: Report) -> None:
    if report.notice:
        console.say(report.notice)
    if console.json_mode:
        console.out_json(report.document)
    else:
        console.table(("", ""), report.lines)
