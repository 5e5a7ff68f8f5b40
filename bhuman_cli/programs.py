"""Commands as functions for Python programs: the same settings, guards and journal, and nothing on any stream.

import bhuman_cli as bhuman
outcome = bhuman.render("campaign.csv", campaign="…", max_rows=500)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, Unpack

from bhuman_cli import shell
from bhuman_cli.cli import app
from bhuman_cli.terminal.talk import Notice, Progress

Table = str | os.PathLike[str]
Duration = str | int | float
Pairs = Mapping[str, str] | Sequence[str]


class RenderOptions(TypedDict, total=False):
    """The options of `bhuman render`; `bhuman render --help` says what each means."""

    campaign: str | None
    instance: str | None
    local: bool
    allow_private: bool
    generation_mode: str
    lipsync: bool | None
    quality: str | None
    callback_url: str | None
    profile: str | None
    sheet: str | int | None
    delimiter: str | None
    encoding: str | None
    header_row: int | None
    insecure_source: bool
    map: Pairs
    only: Sequence[str]
    exclude: Sequence[str]
    all_columns: bool
    set: Pairs
    default: Pairs
    clean: Pairs
    say: Table | None
    asset: Sequence[str]
    backgrounds: Table | None
    rows: str | None
    limit: int | None
    where: Sequence[str]
    visible_only: bool
    suppress: Sequence[Table]
    on: str | None
    take: str | int | None
    sample: int | None
    first: int | None
    in_flight: int | None
    max_failures: str | int | None
    on_invalid: str
    strict: bool
    allow_empty: bool
    probe: bool
    row_key: str | None
    share_equal: bool
    yes: bool
    max_rows: int | None
    retry_failed: bool
    again: bool
    accept_changes: bool
    accept_videos: bool
    accept_journal: bool
    accept_failures: bool
    accept_account: bool
    adopt: bool
    apply: Table | None
    plan_age: Duration | None
    redo: str | None
    review: Sequence[Table]
    wait: bool
    timeout: Duration | None
    poll_interval: Duration | None
    rate: float | None
    chunk_size: int | None
    lock_wait: Duration | None
    download: Table | None
    output: Table | None
    force: bool
    bom: bool
    log_file: Table | None
    fail_on_old: bool


class ResumeOptions(TypedDict, total=False):
    """The options of `bhuman resume`."""

    all: bool
    in_doubt: str | None
    request: int | None
    accept_position: bool
    yes: bool
    wait: bool
    timeout: Duration | None
    poll_interval: Duration | None
    rate: float | None
    lock_wait: Duration | None
    adopt: bool
    accept_videos: bool
    accept_journal: bool
    accept_failures: bool
    accept_account: bool
    profile: str | None
    log_file: Table | None
    fail_on_old: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended, by the names of its JSON document; `document` is all of it.

    rows: counts by status. problems: rows that need a person. next: the command that continues, None if none is needed.
    plan: what would be sent, of `plan()` only. notices: what was said, sentences as (kind, text).
    """

    exit_code: int
    document: Mapping[str, Any] = field(repr=False)
    run_id: str | None = None
    target: Mapping[str, str | None] = field(default_factory=dict)
    output: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[Mapping[str, Any]] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    elapsed_s: float = 0.0
    next: str | None = None
    plan: Mapping[str, Any] | None = None
    notices: Sequence[tuple[str, str]] = field(default=(), repr=False)


def render(
    file: Table,
    *,
    on_progress: Progress | None = None,
    on_notice: Notice | None = None,
    cancel: threading.Event | None = None,
    **options: Unpack[RenderOptions],
) -> Outcome:
    """Render every row of a table, as `bhuman render FILE` does; call it again and it continues.

    on_progress: called with the counts of rows by status and the rows a minute. on_notice: with the kind of a sentence
    (notice, warning, error) and its text. cancel: once set, no further request is sent, and the outcome has code 130.

    Raises:
        BhumanError: the table, the settings or a guard stopped it; nothing was sent. Its kind says which:
            InputError, UsageError, CredentialsError, Refusal, ServiceDown, JournalError.
    """
    words = ["render", os.fspath(file), *_words(options)]
    return _outcome(words, on_progress=on_progress, on_notice=on_notice, cancel=cancel)


def plan(file: Table, *, plan_out: Table | None = None, **options: Unpack[RenderOptions]) -> Outcome:
    """Say what `render` would send, and send nothing; `outcome.plan` has the counts.

    plan_out: write the plan to this file, `.json` for signing.

    Raises:
        BhumanError: what a real run would stop at.
    """
    more = [] if plan_out is None else [f"--plan-out={os.fspath(plan_out)}"]
    return _outcome(["render", os.fspath(file), "--dry-run", *more, *_words(options)])


def resume(
    run: str | None = None,
    *,
    on_progress: Progress | None = None,
    on_notice: Notice | None = None,
    cancel: threading.Event | None = None,
    **options: Unpack[ResumeOptions],
) -> Outcome:
    """Continue a run without its file, the latest unfinished one if none is named, as `bhuman resume` does.

    Raises:
        BhumanError: it can't be continued.
    """
    words = ["resume", *([run] if run else []), *_words(options)]
    return _outcome(words, on_progress=on_progress, on_notice=on_notice, cancel=cancel)


def status(name: str, *, kind: str | None = None, profile: str | None = None) -> Outcome:
    """Say where a run, a table, a campaign, an instance or one generation stands, as `bhuman status` does.

    Raises:
        BhumanError: nobody knows it, or the service can't be asked.
    """
    return _outcome(["status", name, *shell.command_words({"kind": kind, "profile": profile})])


def results(name: Table) -> list[dict[str, str]]:
    """Return the rows of a table's results as they are known now, one mapping each, as the results file has them.

    name: the table, its results file, an address, or a run.

    Raises:
        UsageError: nothing of that name was rendered.
    """
    from bhuman_cli.workflows.results import results_rows

    return results_rows.rows(os.fspath(name))


def _words(options: Mapping[str, Any]) -> list[str]:
    return shell.command_words({name: _path(value) for name, value in options.items()}, switches=_SWITCHES)


def _path(value: Any) -> Any:
    return Path(value) if isinstance(value, os.PathLike) else value


def _outcome(
    words: Sequence[str],
    *,
    on_progress: Progress | None = None,
    on_notice: Notice | None = None,
    cancel: threading.Event | None = None,
) -> Outcome:
    transcript = app.call([*words, "--json"], on_progress=on_progress, on_notice=on_notice, cancel=cancel)
    document = transcript.document()
    return Outcome(
        exit_code=int(document.get("exit_code", transcript.exit_code)),
        document=document,
        run_id=document.get("run_id"),
        target=document.get("target") or {},
        output=document.get("output"),
        rows=document.get("rows") or {},
        problems=document.get("problems") or (),
        requests=document.get("requests") or {},
        elapsed_s=float(document.get("elapsed_s") or 0.0),
        next=document.get("next"),
        plan=document.get("plan"),
        notices=tuple(transcript.said),
    )


_SWITCHES = frozenset(
    name
    for name, kind in {**RenderOptions.__annotations__, **ResumeOptions.__annotations__}.items()
    if str(kind) == "bool" and name not in {"wait", "share_equal"}
)
"""Options that are given or not; the others of this kind have a `--no-…`."""
