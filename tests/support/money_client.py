"""Lives of the program over a world: `render` and `resume` as the command line does them, without the command line."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bhuman_cli import errors
from bhuman_cli.domain import GenerationId, RenderSpec, ResultRow, Row, Target, TargetKind
from bhuman_cli.errors import ExitCode
from bhuman_cli.gate.pacing import MaxFailures, Pace
from bhuman_cli.journal import chunks, history, results, runs
from bhuman_cli.journal.runs import NewRun, Run
from bhuman_cli.runs import recovery, runner
from bhuman_cli.runs.context import RunContext, Stop
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.runs.permission import Permission
from bhuman_cli.runs.request import Shape
from bhuman_cli.runs.runner import RunOptions
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import doubts
from bhuman_cli.workflows.doubts import Word
from tests.support.money_service import CAMPAIGN, Oracle
from tests.support.money_world import Violation, WatchedJournal, World

TARGET = Target(service="https://studio.test", kind=TargetKind.CAMPAIGN, api_id=CAMPAIGN)
VARIABLES = ("first_name", "company")
LINKED = "succeeded"

Table = Sequence[tuple[str, str]]


class Quiet:
    """A reporter that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def notice(self, text: str) -> None:
        self.said.append(text)

    def update(self) -> None:
        return


@dataclass(slots=True, kw_only=True)
class Client:
    """The command line's part.

    last: how the latest life ended; None if it was killed or refused. places: for answers the journal can't take.
    finals: results that were final once, by run and place, which must stay as they are. is_alone: no other copy runs.
    """

    world: World
    oracle: Oracle
    chunk_size: int = 2
    waits: bool = True
    timeout_s: float = 130.0
    shares_equal: bool = False
    at_once: int = 0  # videos of a run in flight; 0: no bound
    last: Outcome | None = None
    refused: str = ""
    stop: Stop = field(default_factory=Stop)
    finals: dict[str, dict[int, tuple[str, ...]]] = field(default_factory=dict)
    is_alone: bool = True
    places: tuple[Path, ...] = ()

    def decide(self, name: str, decision: str) -> None:
        """Do what `bhuman resume RUN --in-doubt …` does with the newest run."""
        with self._ended(), self._opened() as journal:
            newest = next((item.run for item in history.list_runs(journal) if item.run.state == "confirmed"), None)
            if newest is not None:
                with self.locked(name):
                    recovery.reopen(journal, newest.target_id, self.places)
                    self._decide(journal, newest, decision)
                    self._carry_out(journal, newest)

    def copy(self) -> Client:
        """Return another process's client over the same world."""
        return replace(self, last=None, refused="", stop=Stop())

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the target's lock, where locks work."""
        world = self.world
        world.effect("lock")
        if world.locks and world.lock_owner not in {"", name}:
            raise errors.Refusal("locked", code="locked")
        world.lock_owner = name
        yield
        world.lock_owner = ""

    def render(
        self, name: str, table: Table, *, path: str = "/table.csv", retry: bool = False, again: bool = False
    ) -> None:
        """Do what `bhuman render` does."""
        with self._ended(), self._opened() as journal, self.locked(name):
            new = NewRun(
                target=TARGET, input_path=path, input_sha256="x", output_path=path + ".results.csv",
                columns=VARIABLES, spec=RenderSpec(variables=VARIABLES),
                options={"chunk_size": self.chunk_size, "share_equal": self.shares_equal},
                retry_failed=retry, again=again,
            )  # fmt: skip
            prepared = runner.prepare(journal, new, rows_of(table), places=self.places)
            self.world.life.next_commit = lambda: self.oracle.wanted.update({path: frozenset(table)})
            run = runner.confirm(journal, prepared)
            self._carry_out(journal, run)

    def resume(self, name: str, decision: str = "") -> None:
        """Do what `bhuman resume --all` does, with the person's decision on each run's doubts, if there is one."""
        with self._ended(), self._opened() as journal:
            for run in reversed(history.unfinished(journal)):
                with self.locked(name):
                    recovery.reopen(journal, run.target_id, self.places)
                    if decision:
                        self._decide(journal, run, decision)
                    now = runs.find(journal, run.run_id)
                    self._carry_out(journal, now)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[WatchedJournal]:
        journal = self.world.open()
        try:
            yield journal
        finally:
            journal.close()

    @contextlib.contextmanager
    def _ended(self) -> Iterator[None]:
        self.last, self.refused = None, ""
        try:
            yield
        except errors.Refusal as refusal:
            self.refused = refusal.code
        except (errors.JournalError, errors.ServiceDown) as error:
            self.refused = error.message

    def _decide(self, journal: WatchedJournal, run: Run, decision: str) -> None:
        """Do what `resume RUN --in-doubt …` does, and let the judge know what a person allowed."""
        word = Word(decision="" if decision == "accept" else decision, accept_position=decision == "accept")
        before = self._resent()
        try:
            doubts.decide(word, self._context(journal), run, Console(quiet=True, no_input=True))
        finally:  # what was committed before a kill was allowed, too
            for text_key in (self._resent() - before).elements():
                self._evidence_was_looked_at(KEYS[text_key])
                self.oracle.allowed[KEYS[text_key]] += 1

    def _evidence_was_looked_at(self, values: tuple[str, ...]) -> None:
        """A person's word frees nothing that the open list shows."""
        oracle = self.oracle
        if not oracle.manner.lists or oracle.manner.is_away:
            return
        with self.world.looking() as journal:
            known = {found[0] for found in journal.query("SELECT generation_id FROM claim")}
        if any(video.ours and video.values == values and video.id not in known for video in oracle.videos.values()):
            raise Violation(f"resent without looking: the list shows {values}")

    def _resent(self) -> Counter[bytes]:
        """Count the rows that a person let be sent again, as it is on disk."""
        with self.world.looking() as journal:
            return Counter(
                found[0]
                for found in journal.query(
                    "SELECT claim.text_key FROM claim JOIN decision USING (chunk_id) WHERE decision.what = 'resend'"
                    " AND claim.live = 0 AND claim.generation_id IS NULL"
                )
            )

    def _context(self, journal: WatchedJournal) -> RunContext:
        return RunContext(
            journal=journal, service=self.oracle, clock=self.world.clock, stop=self.stop, reporter=Quiet(),
            rng=random.Random(7),
            save_answer_aside=lambda chunk, came: recovery.save_answer_aside(chunk, came, self.places, TARGET),
            callbacks=lambda token: [GenerationId(i) for i in self.oracle.called_back(token)],
        )  # fmt: skip

    def _carry_out(self, journal: WatchedJournal, run: Run) -> None:
        context = self._context(journal)
        drive = RunOptions(
            run=run,
            shape=Shape(target=TARGET, spec=run.spec, callback_url="https://hook.test/{token}"),
            chunk_size=self.chunk_size,
            interval_s=1.0,
            waits=self.waits,
            submits=run.state == "confirmed",
            timeout_s=self.timeout_s,
            permission=Permission(
                pace=Pace(
                    chunk_size=self.chunk_size,
                    in_flight=self.at_once or None,
                    max_failures=MaxFailures(percent=50),
                )
            ),
            checkpoint=lambda: self._write(journal, run),
        )
        self.last = runner.execute(drive, context)
        if self.is_alone:  # else the other copy may have changed what the code was made from
            self.check_code(journal, run, self.last)

    def _write(self, journal: WatchedJournal, run: Run) -> bool:
        """Stand for the results file; what it says is checked at every writing."""
        rows = list(results.rows(journal, run))
        self.world.effect("results written")
        self.check_rows(run, rows)
        return True

    def check_rows(self, run: Run, rows: list[ResultRow]) -> None:
        """No link beside the wrong row; what was final stays."""
        finals = self.finals.setdefault(run.run_id, {})
        for row in rows:
            index, identifier = int(row.fields["row_index"]), row.fields["id"]
            if row.fields["url"]:
                video = self.oracle.videos.get(identifier)
                if video is None or video.values != row.cells or identifier not in row.fields["url"]:
                    said = video.values if video else "nobody's"
                    raise Violation(f"wrong link: row {index} {row.cells} shows {said}")
            shown = (row.fields["status"], identifier, row.fields["url"])
            is_stale = not self.is_alone and not shown[2]  # the other copy's older view, written a moment later
            if index in finals and finals[index] != shown and not is_stale:
                raise Violation(f"a final row changed: {finals[index]} became {shown}")
            if row.fields["status"] == LINKED:
                finals[index] = shown

    def check_code(self, journal: WatchedJournal, run: Run, outcome: Outcome) -> None:
        """The exit code says what the rows say."""
        states = [row.fields["status"] for row in results.rows(journal, run)]
        code = outcome.exit_code
        doubtful = [c.run_no for c in chunks.unsettled(journal, run.target_id) if c.state == "in_doubt"]
        same_file = history.count_same_file(journal, run, doubtful) > 0
        wrong = ""
        if code is not ExitCode.IN_DOUBT and ("in_doubt" in states or same_file):
            wrong = "something of this file is in doubt"
        elif code is ExitCode.IN_DOUBT and not doubtful and "in_doubt" not in states:
            wrong = "9 says that something is in doubt"
        elif code is ExitCode.OK and set(states) - {LINKED}:
            wrong = "0 says that all succeeded"
        elif code is ExitCode.ROWS_FAILED and not set(states) & {"failed", "rejected", "invalid"}:
            wrong = "5 says that rows failed"
        elif code is ExitCode.ROWS_FAILED and set(states) & {"pending", "queued", "processing", "preparing"}:
            wrong = "5 says finished"
        elif code in {ExitCode.NOT_FINISHED, ExitCode.DOWN, ExitCode.CREDENTIALS} and not set(states) & {
            "pending", "queued", "processing", "preparing",
        }:  # fmt: skip
            wrong = f"{code} says unfinished"
        if wrong:
            raise Violation(f"exit code {int(code)} with {states}: {wrong}; ending {outcome.ending}")


KEYS: dict[bytes, tuple[str, ...]] = {}


def rows_of(table: Table) -> list[Row]:
    """Return checked rows, and remember which text hashes to which key."""
    from bhuman_cli.runs import identity

    for values in table:
        KEYS[identity.text_key(values)] = values
    return [Row(row_index=n, line=n + 2, cells=values, values=values) for n, values in enumerate(table)]
