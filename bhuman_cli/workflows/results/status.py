"""Status of one generation, campaign, instance or run, from the journal and the service. Sends nothing paid."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bhuman_cli import domain, errors, ids, shell
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials
from bhuman_cli.domain import Generation, Status, Target, TargetKind, short_id
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import chunks, history, results, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import run_context, session
from bhuman_cli.workflows.results import refresh, run_lookup

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client

_PAGE_SIZE: Final = 100
_MOST_PAGES: Final = 1_000
_SAY_PAGES: Final = 20
_SHOWN, _MOST_PROBLEMS = 10, 100  # rows that need a person: listed, and in the document


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known. lines: for people. document: for programs. notice: what could not be asked."""

    lines: tuple[tuple[str, str], ...]
    document: dict[str, Any]
    code: ExitCode
    notice: str = ""


def _look_up(
    opened: session.Session, journal: Journal, identifier: str | None, kind: str | None, *, watch: bool
) -> Report:
    if (run := _run_of(journal, identifier, kind)) is not None:
        return _run(opened, journal, run.run_id, watch=watch)
    assert identifier is not None  # without one it is the latest run
    parsed = ids.parse(identifier)
    kind = kind or parsed.kind or _kind_in(journal, parsed.uuid)
    first_run = history.run_of_generation(journal, parsed.uuid) if kind == "generation" else None
    if first_run is not None and first_run[0].target.service != opened.service:
        with refresh.connect(
            opened, first_run[0]
        ) as own:  # another service would only learn an id that is none of its own
            answer = _generation(journal, own.client, parsed.uuid)
            assert answer is not None  # the journal knows it
            return answer
    stored = opened.credentials_for(opened.service)
    with opened.client(stored) as client:
        if kind in {None, "generation"}:
            report = _generation(journal, client, parsed.uuid)
            if report is not None:
                return report
        if kind == "generation":
            raise errors.ApiError("neither the journal nor the service knows this generation", status=404)
        targets = [TargetKind(kind)] if kind else [TargetKind.CAMPAIGN, TargetKind.INSTANCE]
        return _target(opened, journal, client, targets, parsed.uuid, stored)


def _run_of(journal: Journal, identifier: str | None, kind: str | None) -> runs.Run | None:
    """Return the run that is meant, None if it is the id of something else.

    Raises:
        UsageError: there is no such run.
    """
    if identifier is None:
        latest = next(iter(history.list_runs(journal, limit=1)), None)
        if latest is None:
            raise errors.UsageError("there are no runs yet", hint="bhuman render --help")
        return latest.run
    text = identifier.strip()
    if kind is None and (ids.is_uuid(text) or ("/" in text and run_lookup.of_table(journal, text) is None)):
        return None  # an address of the app, as people paste it
    return run_lookup.named(journal, text) if kind in {None, "run"} else None


def _kind_in(journal: Journal, uuid: str) -> str | None:
    if history.run_of_generation(journal, uuid) is not None:
        return "generation"
    return next((kind for kind in TargetKind if history.runs_of_target(journal, kind, uuid)), None)


def _run(opened: session.Session, journal: Journal, run_id: str, *, watch: bool) -> Report:
    run = runs.find(journal, run_id)
    refresh.refresh_run(opened, journal, run, stays=watch)
    listed = history.summarize(journal, run)
    state = run_lookup.state_of(listed)
    tally = results.tally(journal, listed.run, selected_only=True)
    if state == "superseded" or listed.stopped == runs.DECLINED:
        tally.pop(Status.PENDING, None)  # released or declined: nothing sends them any more
    code = _code(tally, unsent=listed.unsent)
    if listed.stopped == history.UNWRITTEN and code in {ExitCode.OK, ExitCode.ROWS_FAILED}:
        code = ExitCode.NOT_FINISHED
    target = listed.run.target
    lines = [
        ("run", listed.run.run_id),
        ("file", listed.run.input_path),
        ("results", listed.run.output_path),
        (str(target.kind), target.api_id),
        ("service", "local studio" if target.service == domain.LOCAL_SERVICE else target.service),
        ("state", state + (f" by {listed.run.superseded_by}" if state == "superseded" else "")),
        *((status, f"{count:,}") for status, count in run_lookup.in_order(listed.tally)),
    ]
    problems = _problems(journal, run)
    lines += [(f"line {problem['line']}", f"{problem['status']}: {problem['reason']}") for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        lines.append(("", f"{len(problems) - _SHOWN:,} more: bhuman export {listed.run.run_id} --status failed -o …"))
    if listed.stopped:
        lines.append(("stopped", listed.stopped))
    if listed.stopped == runs.DECLINED and state == "finished":
        again = ["bhuman", "render", listed.run.input_path, f"--{target.kind}", target.api_id]
        lines.append(("send rest", shell.join(again)))
    if state == "unfinished":
        lines.append(("next", f"bhuman resume {listed.run.run_id}"))
    document = {"schema": "bhuman.status/1", "kind": "run", **run_lookup.as_json(listed)}
    document["requests"] = chunks.requests_of(journal, listed.run)
    document |= {"problems": problems[:_MOST_PROBLEMS], "exit_code": int(code)}
    return Report(lines=tuple(lines), document=document, code=code)


def _problems(journal: Journal, run: runs.Run) -> list[dict[str, Any]]:
    """Return the rows that need a person: where they stand in the file, and why."""
    return [
        {"row_index": failure.row_index, "line": failure.line, "status": failure.status, "reason": failure.reason}
        for failure in results.failures(journal, run, limit=_MOST_PROBLEMS + 1)
    ]


def _code(tally: dict[str, int], *, unsent: int = 0) -> ExitCode:
    codes = []
    if tally.get(Status.IN_DOUBT):
        codes.append(ExitCode.IN_DOUBT)
    if unsent or any(tally.get(word) for word in tally if word not in domain.FINISHED):
        codes.append(ExitCode.NOT_FINISHED)
    if any(tally.get(word) for word in (Status.FAILED, Status.REJECTED, Status.INVALID)):
        codes.append(ExitCode.ROWS_FAILED)
    return errors.worst(codes)


def _generation(journal: Journal, client: Client, uuid: str) -> Report | None:
    first_run = history.run_of_generation(journal, uuid)
    try:
        record = client.generation(uuid)
    except errors.BhumanError as error:
        if first_run is None:
            raise
        return _from_journal(journal, first_run, uuid, f"the service could not be asked: {error.message}")
    if record is None:
        return _from_journal(journal, first_run, uuid, "the service does not know it") if first_run else None
    lines = [(name, value) for name, value in _fields(record).items() if value]
    if first_run is not None:
        lines.append(("row", f"{first_run[1]} of run {first_run[0].run_id}"))
    code = _code({record.status if record.is_final else "processing": 1})
    document = {
        "schema": "bhuman.status/1",
        "kind": "generation",
        **_fields(record),
        "run_id": first_run[0].run_id if first_run else None,
        "row_index": first_run[1] if first_run else None,
        "exit_code": int(code),
    }
    return Report(lines=tuple(lines), document=document, code=code)


def _fields(record: Generation) -> dict[str, str]:
    names = ("id", "status", "share_url", "url", "thumbnail", "gif", "whatsapp_video_url", "message", "execution_name")
    return {name: str(getattr(record, name)) for name in (*names, "generated_at")}


def _from_journal(journal: Journal, first_run: tuple[runs.Run, int], uuid: str, notice: str) -> Report:
    run, row_index = first_run
    row = next(item for item in results.rows(journal, run) if item.fields["row_index"] == str(row_index))
    fields = {name: value for name, value in row.fields.items() if value}
    code = _code({row.fields["status"]: 1})
    document = {"schema": "bhuman.status/1", "kind": "generation", **row.fields, "run_id": run.run_id}
    return Report(
        lines=(*fields.items(), ("run", run.run_id)),
        document={**document, "row_index": row_index, "id": uuid, "exit_code": int(code)},
        code=code,
        notice=f"{notice}; this is what the journal knows",
    )


def _target(
    opened: session.Session,
    journal: Journal,
    client: Client,
    kinds: list[TargetKind],
    uuid: str,
    stored: credentials.Credentials | None,
) -> Report:
    """Count a target's videos from its list where that is open, else from the journal, and say which."""
    refused: errors.BhumanError | None = None
    empty: Report | None = None
    for kind in kinds:
        target = Target(service=opened.service, kind=kind, api_id=uuid)
        try:
            if stored is None:
                raise errors.CredentialsError("there are no credentials to read its list with", hint="bhuman login")
            report = _counted(client, target, opened.console.say)
        except errors.BhumanError as error:
            refused = refused or error
            continue
        if report.document["rows"]["total"]:
            return report
        empty = empty or report  # the id may be one of the other kind
    summaries = [item for kind in kinds for item in history.runs_of_target(journal, kind, uuid)]
    if empty is not None and (summaries or len(kinds) == 1):
        return empty
    if not summaries:
        if empty is None and refused is not None:
            raise refused
        raise errors.UsageError(
            f"nothing is known by {short_id(uuid)}: neither {opened.service} nor this machine has it",
            hint="bhuman runs --all",
        )
    tally = _tally(journal, [item.run for item in summaries])
    why = f"its list can't be read ({refused.message})" if refused else "its list can't be read"
    report = _summed(
        Target(service=summaries[0].run.target.service, kind=kinds[0], api_id=uuid), dict(tally), "journal"
    )
    return Report(
        lines=report.lines,
        document=report.document,
        code=report.code,
        notice=f"{why}; this is what the journal knows. A user token (BHUMAN_TOKEN) opens the list.",
    )


def _tally(journal: Journal, shown_runs: Sequence[runs.Run]) -> Counter[str]:
    """Count the rows of these runs; a video that several of them show is one."""
    tally: Counter[str] = Counter()
    seen: set[str] = set()
    for run in shown_runs:
        for row in results.rows(journal, run):
            identifier = row.fields["id"]
            # What an earlier run of a file has not sent is nobody's any more; what it paid for is there.
            if identifier not in seen if identifier else run.state == "confirmed":
                tally[row.fields["status"]] += 1
            seen.add(identifier)
    return tally


def _counted(client: Client, target: Target, say: Callable[[str], None]) -> Report:
    """Count the videos of the list, each once; a service that takes no notice of `page` shows the same ones again."""
    tally: Counter[str] = Counter()
    seen: set[str] = set()
    for page in range(_MOST_PAGES):
        listed = client.generations_page(target, page)
        fresh = {record.id: record for record in listed.generations if record.id not in seen}
        seen.update(fresh)
        tally.update(record.status or "unknown" for record in fresh.values())
        if listed.unreadable and (fresh or page == 0):
            tally["unreadable"] += listed.unreadable
        shown = len(listed.generations) + listed.unreadable
        is_all = sum(tally.values()) >= listed.total if listed.total is not None else shown != _PAGE_SIZE
        if is_all or not fresh or shown > _PAGE_SIZE:
            break
        if page % _SAY_PAGES == 0:
            say(f"counting: {len(seen):,}{'' if listed.total is None else f' of {listed.total:,}'} videos so far")
    else:
        say(f"the list goes on: only its first {_MOST_PAGES:,} pages are counted")
    return _summed(target, dict(tally), "service")


def _summed(target: Target, tally: dict[str, int], source: str) -> Report:
    code = _code(tally)
    lines = [
        (str(target.kind), target.api_id),
        ("service", target.service if target.service != domain.LOCAL_SERVICE else "local studio"),
        ("videos", str(sum(tally.values()))),
        *((status, f"{count:,}") for status, count in run_lookup.in_order(tally)),
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


def show(opened: session.Session, identifier: str | None, kind: str | None, *, watch: bool, every_s: float) -> ExitCode:
    """Print how something stands; with watch, again whenever that changed, until it is finished.

    Raises:
        ApiError: nobody knows it. ServiceDown: the service could not be asked.
    """
    console, clock, last = opened.console, SystemClock(), ""
    with contextlib.closing(run_context.open_journal(opened.home)) as journal, console.redrawn(watch) as draw:
        while True:
            report = _look_up(opened, journal, identifier, kind, watch=watch)
            shown, is_last = str(report.document), not watch or report.code is not ExitCode.NOT_FINISHED
            if is_last or (shown != last and not console.json_mode):  # one document is one document
                _say(console, report, draw)
            if is_last:
                return report.code
            last = shown
            clock.sleep(every_s)


def _say(console: Console, report: Report, draw: Callable[[Sequence[Sequence[str]]], None]) -> None:
    if report.notice:
        console.say(report.notice)
    if console.json_mode:
        console.out_json(report.document)
    else:
        draw(report.lines)
