"""Batch of tables in one command: one plan and one yes for all, one table on the screen, one document at the end.

Each file is planned first and rendered then, with its own settings and under its own guards; a file that can't be
rendered stops no other. All are sent before any is waited for.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bhuman_cli import domain, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.delivery import mailmerge
from bhuman_cli.errors import ExitCode
from bhuman_cli.runs import spend_limits
from bhuman_cli.terminal import progress, talk
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import doubts, render, resume, spending
from bhuman_cli.workflows.input import input_source
from bhuman_cli.workflows.results import run_report

SCHEMA: Final = "bhuman.batch/1"
_STOPPED: Final = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED})
_OURS: Final = re.compile(r"\.(?:problems|review)\.csv$|^manifest\.csv$|\.plan\.(?:csv|json)$|\.support\.json$")
_RESULTS: Final = re.compile(r"^(?P<name>.+)\.(?:results|local)\.(?:csv|tsv|xlsx|json|jsonl)$")


@dataclass(slots=True, kw_only=True)
class FileRun:
    """One file of the command, and what came of it so far. said: sentences, told with the file's name."""

    file: str
    on_progress: Callable[[], None] = lambda: None
    document: dict[str, Any] | None = None
    error: errors.BhumanError | None = None
    code: ExitCode = ExitCode.OK
    rows: Mapping[str, int] = field(default_factory=dict)
    said: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    planned: int = 0
    is_told: bool = False

    @property
    def name(self) -> str:
        """Return what messages call it."""
        return self.file if "://" in self.file else Path(self.file).name

    def say(self, kind: str, text: str) -> None:
        """Hear a sentence."""
        self.said.append((kind, text))

    def show_progress(self, rows: Mapping[str, int], per_minute: float) -> None:
        """Hear how far the file is."""
        del per_minute
        self.rows = {name: count for name, count in rows.items() if name != "total"}
        self.on_progress()

    def take_line(self, text: str) -> None:
        """Take the results path."""
        self.lines.append(text)

    def take_document(self, document: Any) -> None:
        """Take the document, keeping what an earlier step of this command had sent."""
        before = self.document
        self.document = document
        if before is None or document.get("rows") is None or before.get("plan") is not None:
            return
        sent = before["rows"]["submitted"]
        document["rows"]["submitted"] += sent
        document["rows"]["reused"] = max(0, document["rows"]["reused"] - sent)
        for name in document["requests"]:
            document["requests"][name] += before["requests"][name]
        document["elapsed_s"] = round(document["elapsed_s"] + before["elapsed_s"], 3)

    def run(self, work: Callable[[], int]) -> None:
        """Do a step of this file, with its talk and its errors kept apart from the others'."""
        outer = talk.CURRENT.get()
        token = talk.CURRENT.set(talk.Talk(listener=self, cancel=outer.cancel, owns_signals=outer.owns_signals))
        try:
            self.code = ExitCode(work())
            self.error = None
        except errors.BhumanError as error:
            self.error, self.code = error, error.exit_code
        finally:
            talk.CURRENT.reset(token)


def run(files: Sequence[str], flags: Mapping[str, Any]) -> int:
    """Render several tables; return the worst exit code.

    Raises:
        UsageError: an option that belongs to one file.
        Refusal: all files together are over the cap; nothing was sent.
    """
    console = Console(json_mode=bool(flags.get("json")), no_input=bool(flags.get("no_input")))
    for option in ("output", "init", "apply", "plan_out"):
        if flags.get(option):
            name = option.replace("_", "-")
            raise errors.UsageError(f"--{name} is for one file, but {len(files)} are named")
    began = time.monotonic()
    batch = [FileRun(file=file) for file in _inputs(files, console)]
    _plan(batch, flags)
    _tell(batch, console)
    cost = sum(each.planned for each in batch)
    is_dry = bool(flags.get("dry_run"))
    if cost or is_dry:
        console.tell_news()
    many = [each for each in batch if each.planned]
    console.say(f"plan: {cost:,} new videos for {len(many)} of {len(batch)} files")
    console.event("plan", new=cost, files=len(batch))
    if not is_dry:
        _require_allowed(cost, flags, console)
        _render(batch, flags, console)
    return _end(batch, console, began)


def _inputs(files: Sequence[str], console: Console) -> list[str]:
    """Leave out what this program itself wrote beside its inputs: `*.csv` names that, too."""
    unique = list(dict.fromkeys(files))
    names = {os.path.abspath(file) for file in unique}  # noqa: PTH100 - addresses are no paths
    purposes = "|".join(re.escape(str(purpose)) for purpose in mailmerge.For)
    export = re.compile(rf"\.(?:{purposes})\.\w+$")

    def is_ours(file: str) -> bool:
        path = Path(file)
        if "://" in file or file == "-":
            return False
        match = _RESULTS.match(path.name)
        inputs = [f"{match['name']}{end}" for end in ("", ".csv", ".tsv", ".txt")] if match else []
        has_input = any(str(path.absolute().with_name(name)) in names for name in inputs)
        return bool(_OURS.search(path.name) or export.search(path.name) or has_input)

    left_out = [file for file in unique if is_ours(file)]
    if left_out:
        listed = ", ".join(Path(file).name for file in left_out[:8]) + (", …" if len(left_out) > 8 else "")
        console.say(f"left out, because bhuman wrote them: {listed}")
    return [file for file in unique if file not in left_out]


def _plan(batch: Sequence[FileRun], flags: Mapping[str, Any]) -> None:
    options, planned = {**flags, "dry_run": True, "json": True}, 0
    for each in batch:
        beside = _beside(batch, flags, planned)
        each.run(lambda each=each, beside=beside: render.run(each.file, options, beside=beside))  # type: ignore[misc]
        plan = (each.document or {}).get("plan") or {}
        # Over its own cap a file is refused when its turn comes; here only the sum is looked at.
        each.planned = 0 if each.code is ExitCode.INPUT else plan.get("new", 0) + plan.get("retried", 0)
        planned += each.planned


def _beside(batch: Sequence[FileRun], flags: Mapping[str, Any], videos: int) -> spending.Beside:
    """Return what one file must know of the others: `--take` holds over all of them together."""
    paths = frozenset(input_source.journal_path(each.file, flags.get("sheet")) for each in batch)
    return spending.Beside(input_paths=paths, submitted=videos)


def _tell(batch: Sequence[FileRun], console: Console) -> None:
    """Say what each file is about; the words of its plan are told in one line."""
    for each in batch:
        for kind, text in each.said:
            if kind == "warning":
                console.warn(f"{each.name}: {text}")
        if each.error is not None:
            console.warn(f"{each.name}: {each.error.message}")
            each.is_told = each.code is not ExitCode.REFUSED
        elif each.document is not None:
            plan = each.document["plan"]
            console.say(f"  {each.name}: {plan['new']:,} new, {plan['reused']:,} reused")
        each.said.clear()


def _require_allowed(cost: int, flags: Mapping[str, Any], console: Console) -> None:
    """Ask once for all files; where nobody can be asked, the cap holds over all of them together."""
    asks = console.is_interactive() and not flags.get("yes") and not flags.get("local")
    cap = flags.get("max_rows")
    if cap is None and not asks and not flags.get("local"):
        cap = spend_limits.DEFAULT_MAX_ROWS
    if cap is not None and cost > int(cap):
        raise errors.Refusal(
            f"{cost:,} rows of all files would be submitted, but at most {int(cap):,} are allowed",
            hint="bhuman help spending", code="over_max_rows",
        )  # fmt: skip
    if asks and cost and not console.confirm(f"Render and pay for {cost:,} videos?"):
        raise errors.Declined("nothing was sent")


def _render(batch: Sequence[FileRun], flags: Mapping[str, Any], console: Console) -> None:
    """Send every file that may be sent, then wait for all of them."""
    waits = flags.get("wait") is not False and not flags.get("sample")
    shown = str(flags.get("progress") or "auto")
    with progress.choose(shown, console, lambda: _snapshot(batch), SystemClock()) as reporter:
        submitted = 0
        for each in batch:
            if each.error is not None and each.error.exit_code is not ExitCode.REFUSED:
                continue
            each.on_progress = reporter.update
            options = {**flags, "json": True, "max_rows": each.planned}
            options |= {"wait": False} if waits else {}
            each.document = None
            beside = _beside(batch, flags, submitted)
            each.run(lambda each=each, options=options, beside=beside: render.run(each.file, options, beside=beside))  # type: ignore[misc]
            if each.code in _STOPPED:
                return
            submitted += _submitted(each)
        for each in batch if waits else ():
            if each.error is None and each.document is not None and _is_open(each.document):
                each.run(lambda each=each: _resumed(each, flags))  # type: ignore[misc]
                if each.code in _STOPPED:
                    return
            reporter.update()


def _resumed(each: FileRun, flags: Mapping[str, Any]) -> int:
    """Wait for a file that was sent, and send what its guards held back."""
    assert each.document is not None
    passed = ("timeout", "poll_interval", "rate", "lock_wait", "no_input")
    resume_flags = {name: flags[name] for name in passed if flags.get(name) is not None} | {"json": True}
    values = settings.load(flags=resume_flags, input_path=None, environ=os.environ, profile=flags.get("profile"))
    options = resume.ResumeOptions(
        console=Console(json_mode=True, no_input=True), values=values, home=settings.home(os.environ),
        word=doubts.Word(decision="", request=None, accept_position=False), is_all=False, yes=bool(flags.get("yes")),
    )  # fmt: skip
    return resume.resume(options, each.document["run_id"])


def _snapshot(batch: Sequence[FileRun]) -> progress.Snapshot:
    tally: Counter[str] = Counter()
    for each in batch:
        tally.update(each.rows)
    return progress.Snapshot(tally=tally, chunks=())


def _submitted(each: FileRun) -> int:
    return int(((each.document or {}).get("rows") or {}).get("submitted", 0))


def _is_open(document: Mapping[str, Any]) -> bool:
    rows = document["rows"]
    waiting = sum(rows.get(name, 0) for name in domain.UNFINISHED)
    return bool(waiting - rows.get("later", 0)) and document.get("run_id") is not None


def _end(batch: Sequence[FileRun], console: Console, began: float) -> int:
    sums: Counter[str] = Counter()
    documents: list[dict[str, Any]] = []
    for each in batch:
        if each.error is not None and not each.is_told:
            console.warn(f"{each.name}: {each.error.message}")
        document = {**(each.document or {"schema": run_report.SCHEMA, "run_id": None, "rows": {}}), "file": each.file}
        document["exit_code"] = int(each.code)
        if each.error is not None:
            document["error"] = each.error.as_json()
        documents.append(document)
        sums.update({name: count for name, count in document["rows"].items() if isinstance(count, int)})
    code = errors.worst([each.code for each in batch])
    shown = ("succeeded", "failed", "invalid", "rejected", "in_doubt", "pending")
    counted = ", ".join(f"{sums[name]:,} {name.replace('_', ' ')}" for name in shown if sums[name])
    console.say(f"{len(batch)} files, {sums['total']:,} rows: {counted or 'nothing to do'}")
    elapsed = round(time.monotonic() - began, 3)
    document = {"schema": SCHEMA, "files": documents, "rows": dict(sums), "elapsed_s": elapsed, "exit_code": int(code)}
    console.event("end", rows=dict(sums), exit_code=int(code))
    if console.json_mode:
        console.out_json(document)
    else:
        for each in batch:
            if each.document is not None and each.document.get("output"):
                console.out(str(each.document["output"]))
    return int(code)
