"""Lookup of the run that download, gallery and export are about, and of its files. Decides nothing else."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bhuman_cli import domain, durations, errors
from bhuman_cli.clock import Clock, SystemClock
from bhuman_cli.config import settings
from bhuman_cli.domain import Status
from bhuman_cli.journal import history, persons, results
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import RunSummary
from bhuman_cli.journal.runs import Run
from bhuman_cli.table.formats import csv_records
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.input import input_source
from bhuman_cli.workflows.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResults:
    """A run and its results as they are known now.

    seconds: how long its videos took, where that is known. lines: of its rows in the file, by row_index.
    """

    run: Run
    rows: Sequence[domain.ResultRow]
    seconds: Sequence[float] = ()
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def header(self) -> tuple[str, ...]:
        """Return the user's own columns."""
        return self.run.columns

    @property
    def output(self) -> Path:
        """Return the results file, beside which files go when nobody says."""
        return Path(self.run.output_path)

    @property
    def stem(self) -> str:
        """Return `campaign` for `campaign.results.csv`: what the user calls the batch.

        A local run keeps its `.local`: its pages, media and exports never replace those of the paid one.
        """
        stem = self.output.stem.removesuffix(".results") or self.output.stem
        is_local = self.run.target.service == domain.LOCAL_SERVICE
        return f"{stem}.local" if is_local and not stem.endswith(".local") else stem

    @property
    def media_folder(self) -> Path:
        """Return where downloads go when nobody says."""
        return self.output.with_name(f"{self.stem}.media")

    @property
    def unfinished(self) -> int:
        """Return how many rows may still get a video."""
        waiting = {*domain.UNFINISHED, Status.IN_DOUBT}
        return sum(row.fields["status"] in waiting for row in self.rows)


def find_run(session: Session, text: str | None, *, with_late_links: bool = False) -> RunResults:
    """Return the run meant by an id, the start of one, or the path of its input or results file; else the latest.

    with_late_links: asks the service for those that a callback announced, if there are any.

    Raises:
        UsageError: there is none, or several.
    """
    with contextlib.closing(run_context.open_journal(session.home)) as journal:
        run = _latest(session, journal) if text is None else named(journal, text.strip())
        if with_late_links:
            from bhuman_cli.workflows.results import refresh

            refresh.fetch_announced_links(session, journal, run)
        rows, seconds = list(results.rows(journal, run)), results.seconds(journal, run)
        return RunResults(run=run, rows=rows, seconds=seconds, lines=results.lines(journal, run))


def _latest(session: Session, journal: Journal) -> Run:
    """Return the latest run with a video, and say which that is; a younger one of another file is asked about."""
    console, younger = session.console, ""
    for item in history.list_runs(journal):
        if not item.tally.get(Status.SUCCEEDED):
            younger = younger or item.run.input_name
            continue
        run = item.run
        since = durations.ago(age_s(run, SystemClock()))
        console.say(f"{run.input_name} · run {run.run_id} · {since}")
        if younger and younger != run.input_name and console.is_interactive():
            question = f"{younger} was rendered later, but has no video yet. Take {run.input_name}?"
            if not console.confirm(question):
                raise errors.Declined("nothing was written")
        return run
    raise errors.UsageError("there is no run with a finished video yet", hint="bhuman runs")


def named(journal: Journal, text: str) -> Run:
    """Return the run that an id, the start of one, or the path or name of its input or results file means.

    Raises:
        UsageError: there is none, or several.
    """
    runs = [item.run for item in history.list_runs(journal)]
    if exact := next((run for run in runs if run.run_id == text), None) or of_table(journal, text):
        return exact
    matches = [run for run in runs if len(text) > 1 and run.run_id.startswith(text)]
    if len(matches) != 1:
        said = f"several runs begin with {text[:40]!r}" if matches else f"there is no run of {text[:40]!r}"
        raise errors.UsageError(said, hint="bhuman runs --all")
    return matches[0]


def of_table(journal: Journal, text: str) -> Run | None:
    """Return the latest run of the table at a path or an address, or of a results file, wherever that was moved."""
    runs = [item.run for item in history.list_runs(journal)]
    return next((run for run in runs if is_of(run, text)), None) or _of_moved(journal, runs, Path(text))


def _of_moved(journal: Journal, runs: Sequence[Run], path: Path) -> Run | None:
    """Return the run whose table or results a file holds, byte for byte or by the ids in it."""
    from bhuman_cli.table.output import results_file

    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if run := next((run for run in runs if digest in {run.input_sha256, run.output_sha256}), None):
            return run
        first = next(results_file.read_ids(path), None)
    except (OSError, ValueError, errors.BhumanError):
        return None
    shown = history.run_of_generation(journal, first.generation_id) if first else None
    return shown[0] if shown else None


def is_of(run: Run, text: str) -> bool:
    """Say whether a run is of this table: its path or address, its results file, or the name an address was given."""
    if input_source.is_address(text):
        name = input_source.identity(text)
        # Without `--sheet` a link to a workbook means whichever of its sheets was rendered.
        return run.input_path == name or run.input_path.partition("#sheet=")[0] == name.partition("#gid=0")[0]
    return str(Path(text).resolve()) in {run.input_path, run.output_path} or text == run.options.get("input_name")


def columns(delivered: RunResults, names: Sequence[str] | None, option: str) -> list[str]:
    """Return the columns named by a repeatable, comma-separated option.

    Raises:
        UsageError: one is not in the table.
    """
    header = delivered.header
    # A name may itself hold a comma.
    parts = [[text] if text in header else text.split(",") for text in names or ()]
    return [column(header, name, option) for some in parts for name in some if name.strip()]


def column(header: Sequence[str], name: str, option: str) -> str:
    """Return the column of this name as the file spells it; marks and white space around names don't count.

    Raises:
        UsageError: there is none.
    """
    plain = {csv_records.cleaned(each): each for each in reversed(header)}
    spelled = name if name in header else plain.get(csv_records.cleaned(name))
    if spelled is None:
        near = difflib.get_close_matches(csv_records.cleaned(name), list(plain), n=1)
        said = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(list(plain)[:20])}"
        raise errors.UsageError(f"{option} {name[:60]!r}: there is no such column{said}")
    return spelled


def record_artifact(session: Session, delivered: RunResults, kind: str, path: Path) -> None:
    """Remember that a file or folder holds rows of the run, so that a person can be removed from it."""
    with contextlib.closing(run_context.open_journal(session.home)) as journal:
        persons.record_artifact(journal, delivered.run.run_no, kind, str(path.absolute()))


def require_other(delivered: RunResults, path: Path) -> None:
    """Refuse to write over the run's own files, whatever else may be replaced.

    Raises:
        UsageError: it is one of them.
    """
    if path.resolve() in {Path(delivered.run.input_path).resolve(), delivered.output.resolve()}:
        raise errors.UsageError(f"{path} is the run's own input or results file; choose another name")


STATES: Final = ("unfinished", "finished", "superseded", "deleted")
_ORDER: Final = tuple(str(status) for status in Status)


def in_order(tally: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the counts that are not 0 in the order of the `status` column's words: succeeded first."""
    listed = [(name, tally[name]) for name in _ORDER if tally.get(name)]
    return listed + [(name, count) for name, count in sorted(tally.items()) if name not in _ORDER and count]


def state_of(item: RunSummary) -> str:
    """Return a run's state in a word."""
    if item.is_forgotten:
        return "deleted"
    if item.run.state == "superseded":
        return "superseded"
    return "finished" if item.is_finished else "unfinished"


def as_json(item: RunSummary) -> dict[str, Any]:
    """Return a run as `--json` shows it."""
    run = item.run
    return {
        "run_id": run.run_id,
        "file": run.input_path,
        "output": run.output_path,
        "service": run.target.service,
        "target": {f"{run.target.kind}_id": run.target.api_id},
        "rows": {"total": sum(item.tally.values()), **item.tally},
        "unsent": item.unsent,
        "created_at": run.created_at,
        "state": state_of(item),
        "stopped": item.stopped,
        "superseded_by": run.superseded_by or None,
        "forgotten": item.is_forgotten,
    }


def as_line(item: RunSummary, clock: Clock, *, for_people: bool) -> tuple[str, ...]:
    """Return a run as the list shows it: id, file, target, rows, counts, age, state."""
    run = item.run
    where = "local" if run.target.service == domain.LOCAL_SERVICE else run.target.api_id[:8]
    age = durations.ago(age_s(run, clock)) if for_people else run.created_at
    return (
        run.run_id,
        shown_path(run) if for_people else run.input_path,
        where,
        str(sum(item.tally.values())),
        ", ".join(f"{count:,} {status}" for status, count in in_order(item.tally)),
        age,
        state_of(item),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are listed; those that were superseded or deleted only where asked for."""

    state: str | None = None
    file: str | None = None
    campaign: str | None = None
    profile: str | None = None
    since_s: float | None = None
    everything: bool = False

    def takes(self, item: RunSummary, age_s: float) -> bool:
        """Say whether a run of this age is listed."""
        run, state = item.run, state_of(item)
        shown = state == self.state if self.state else self.everything or state in {"unfinished", "finished"}
        return (
            shown
            and (not self.file or self.file in run.input_path or self.file in run.input_name)
            and (not self.campaign or run.target.api_id.startswith(self.campaign.lower()))
            and (not self.profile or (run.options.get("profile") or "default") == self.profile)
            and (self.since_s is None or age_s <= self.since_s)
        )


def list_summaries(home: settings.Home, wanted: RunFilter, clock: Clock) -> list[RunSummary]:
    """Return the runs that a filter takes, newest first. Makes no journal."""
    if not run_context.has_journal(home):
        return []
    with contextlib.closing(run_context.open_journal(home)) as journal:
        return [item for item in history.list_runs(journal) if wanted.takes(item, age_s(item.run, clock))]


def ids_beginning(home: settings.Home, text: str, *, limit: int) -> list[tuple[str, str]]:
    """Return (run id, file) of the latest runs whose id begins so, newest first. Makes no journal."""
    if not run_context.has_journal(home):
        return []
    with contextlib.closing(run_context.open_journal(home)) as journal:
        runs = [item.run for item in history.list_runs(journal, limit=limit)]
    return [(run.run_id, run.input_name) for run in runs if run.run_id.startswith(text)]


def age_s(run: Run, clock: Clock) -> float:
    """Return how long ago a run began."""
    return max(0.0, (clock.now() - datetime.fromisoformat(run.created_at)).total_seconds())


def shown_path(run: Run) -> str:
    """Return a run's input as a list shows it: from the working directory where it is below, else its last folders."""
    if run.options.get("input_name"):  # an address: its file's name says more
        return run.input_name
    path = Path(run.input_path)
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return str(Path("…", *path.parts[-2:])) if len(path.parts) > 3 else str(path)
