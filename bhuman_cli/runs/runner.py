"""Runner: plan, confirm, send and wait at once, settle, count. Decisions are in the siblings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bhuman_cli import amounts
from bhuman_cli.domain import ChunkState, Row, RowState, Status
from bhuman_cli.journal import chunks, comparison, forget, history, matching, planning, results, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.planning import DraftRow, PlanCounts
from bhuman_cli.journal.runs import NewRun, Run
from bhuman_cli.runs import identity, recovery
from bhuman_cli.runs import permission as permissions
from bhuman_cli.runs.binding import doubts, late_links, unexpected_videos
from bhuman_cli.runs.context import RunContext
from bhuman_cli.runs.list_look import ListLook
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.runs.permission import Permission
from bhuman_cli.runs.polling.poller import Poller
from bhuman_cli.runs.request import Shape, clamp_rows
from bhuman_cli.runs.submit import Ending, Submitter

PATIENCE_S: Final = 2 * 3600.0  # without --timeout: after a row last finished
SILENCE_S: Final = 60.0  # no good answer for so long means down
DOUBT_LOOK_S: Final = 20.0
_DOUBT_STEP_S: Final = 5.0
_TICK_S: Final = 0.5
_SLEPT_S: Final = 5.0  # between two looks: this machine slept, while the service worked on
_ROUNDS: Final = 3  # of sending, waiting and settling; each further one needs evidence from the one before
_SHOWN_LINES: Final = 10
_CHECKPOINT_S: Final = 2.0
_CHECKPOINT_SHARE: Final = 20  # writing the results file takes at most one part in so many of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRun:
    """A draft that is ready to be shown and confirmed.

    paid_with_more: rows that were paid when more of their columns were sent.
    """

    run: Run
    counts: PlanCounts
    previous: history.PreviousRun
    paid_with_more: int = 0


@dataclass(slots=True, kw_only=True)
class RunOptions:
    """How to carry a confirmed run out.

    timeout_s: None waits until nothing has finished for two hours.
    submits: False only waits: a superseded run, whose unsent rows were released.
    permission, list_look: asked before every request. checkpoint: writes the results file, and says whether it could.
    """

    run: Run
    shape: Shape
    chunk_size: int
    interval_s: float
    waits: bool = True
    submits: bool = True
    selected_only: bool = False
    timeout_s: float | None = None
    permission: Permission = field(default_factory=permissions.unlimited)
    list_look: ListLook = field(default_factory=lambda: ListLook(is_off=True))
    checkpoint: Callable[[], bool] = field(default=lambda: True)


def prepare(
    journal: Journal,
    new: NewRun,
    rows: Iterable[Row],
    *,
    places: Sequence[Path] = (),
    gone: Callable[[Journal, int], Iterable[int]] | None = None,
    larger: Sequence[Callable[[Row], bytes]] = (),
) -> PreparedRun:
    """Record a draft of the table and decide what of it is new. Under the target's lock.

    rows: streamed once, in order. gone: names the target's claims whose videos are gone (local studio only).
    larger: how rows were identified when more of their columns were sent; what was paid so is not paid again.
    """
    with journal.transaction():
        target_id = runs.target_key(journal, new.target)
    recovery.reopen(journal, target_id, places)
    if gone is not None:
        forget.forget_gone(journal, target_id, gone(journal, target_id))
    run = runs.start_draft(journal, new)
    found_larger: list[int] = []
    planning.add_rows(journal, run, _identified(journal, run, new, rows, larger, found_larger))
    matching.match(journal, run)
    return PreparedRun(
        run=run,
        counts=planning.counts(journal, run),
        previous=history.previous_run(journal, run),
        paid_with_more=len(found_larger),
    )


def _identified(
    journal: Journal,
    run: Run,
    new: NewRun,
    rows: Iterable[Row],
    larger: Sequence[Callable[[Row], bytes]],
    found_larger: list[int],
) -> Iterator[DraftRow]:
    identify = identity.of_spec(new.spec)

    def is_paid(key: bytes) -> bool:
        return comparison.is_paid(journal, run.target_id, key, but_failed=new.retry_failed)

    for row in rows:
        if row.state is not RowState.PENDING:
            yield DraftRow(row=row, identity=b"", text_key=b"")
            continue
        own = identify(row.values, row.assets)
        if larger and not is_paid(own):
            paid = next((key for of in larger if is_paid(key := of(row))), None)
            if paid is not None:
                found_larger.append(row.row_index)
                own = paid
        yield DraftRow(row=row, identity=own, text_key=identity.text_key(row.values))


def confirm(journal: Journal, prepared: PreparedRun, *, plan_id: str = "") -> Run:
    """Make the draft a run; from now on it may cost money. plan_id: of the saved plan that it uses up."""
    run = planning.confirm(journal, prepared.run, plan_id=plan_id)
    chunks.release_planned(journal, run.target_id)
    forget.drop_old_rows(journal, run)
    return run


def execute(options: RunOptions, context: RunContext) -> Outcome:
    """Send what is to be sent and wait for it; results are written at the start, at checkpoints and at the end."""
    return _Execution(options, context).go()


class _Execution:
    """One command's work on one run."""

    def __init__(self, options: RunOptions, context: RunContext) -> None:
        self.options = options
        self.context = context
        self.run = options.run
        self.submitter = Submitter(
            run=options.run,
            shape=options.shape,
            chunk_size=clamp_rows(options.chunk_size),
            context=context,
            permission=options.permission,
            list_look=options.list_look,
            can_wait=lambda: options.waits and self.poller.remaining > 0,
        )
        self.poller = Poller(
            run=options.run, context=context, interval_s=options.interval_s, selected_only=options.selected_only
        )
        self.started_s = context.clock.monotonic_s()
        self.started = context.clock.now()
        self._written_s = float("-inf")
        self._write_cost_s = 0.0
        self._ended_written = -1
        self._is_written = True
        self._has_checked = False

    def go(self) -> Outcome:
        self._checkpoint(force=True)
        history.record_stop(self.context.journal, self.run, history.UNWRITTEN)  # true until the end
        doubts.settle_doubts(self.context, self.run)
        if not self.options.submits:
            self.submitter.ending = Ending.SENT
        doubtful = self._carry()
        self._late_links()
        audit = self._audit() if self.submitter.requests and not self.poller.list_is_closed else 0
        self._checkpoint(force=True)
        self.context.reporter.update()
        return self._outcome(doubtful, audit)

    def _carry(self) -> int:
        """Send, wait and settle, and once more where settling gave rows to send or to wait for; return the doubts."""
        for _ in range(_ROUNDS):
            self._loop()
            self.poller.drain()
            if not self.options.waits:
                self.poller.confirm_once(self._is_late)
            doubtful = self._settle()
            if not self._has_more():
                break
        return doubtful

    def _has_more(self) -> bool:
        if self.context.stop.is_pressed or self.poller.refused or self._is_late():
            return False
        if self.options.submits and self.submitter.ending is Ending.SENT:
            held_back = planning.rows_after_sample(self.context.journal, self.run)
            is_freed = results.unsent(self.context.journal, self.run) > held_back
            self.submitter.ending = None if is_freed else Ending.SENT
        return self.submitter.ending is None or (self.options.waits and self.poller.remaining > 0)

    def _loop(self) -> None:
        """Send and wait in turns, so that a long pause of one never holds up the other."""
        context = self.context
        send_at_s = context.clock.monotonic_s()
        poll_at_s = send_at_s
        if self.options.waits:
            self.poller.load_waiting()
            self.poller.ask_soon()
        turned_s = send_at_s
        while not context.stop.is_pressed:
            now = context.clock.monotonic_s()
            has_slept, turned_s = now - turned_s > _SLEPT_S, now
            if self.submitter.ending is None and now >= send_at_s:
                requests = self.submitter.requests
                send_at_s = now + self.submitter.step()
                if self.options.waits and self.submitter.requests > requests:
                    self.poller.load_waiting(anew=False)
                    poll_at_s = now  # it may have been "never", while nothing was left to wait for
            self._check_doubts_early()
            if self._is_done():
                if has_slept and self.options.waits and not self.poller.refused:
                    self.poller.ask_once_more()
                return
            now = context.clock.monotonic_s()
            if self.options.waits and self.poller.remaining and (now >= poll_at_s or self.poller.has_callbacks()):
                poll_at_s = self.poller.step()
            context.reporter.update()
            self._checkpoint()
            if self.submitter.ending is None and send_at_s <= context.clock.monotonic_s():
                continue
            may_poll = self.options.waits and self.poller.remaining > 0  # else its time is long past: no reason to spin
            may_send = self.submitter.ending is None
            if not (may_poll or may_send):
                continue  # the last answer came: it is over now, not at the next tick
            self._rest(min(poll_at_s if may_poll else float("inf"), send_at_s if may_send else float("inf")))

    def _check_doubts_early(self) -> None:
        """Look once while videos are being made: only then can a list show that it holds unfinished ones, too."""
        if self._has_checked or self.submitter.ending is None or not self.poller.remaining:
            return
        self._has_checked = True
        unsettled = chunks.unsettled(self.context.journal, self.run.target_id)
        if any(chunk.state == ChunkState.IN_DOUBT for chunk in unsettled):
            doubts.check(self.context, self.run)
            self.poller.load_waiting()

    def _rest(self, until_s: float) -> None:
        now = self.context.clock.monotonic_s()
        if until_s > now:
            self.context.stop.wait(self.context.clock, min(until_s - now, _TICK_S))

    def _is_done(self) -> bool:
        if self.submitter.ending is None:
            return self._is_late()
        if not self.options.waits or not self.poller.remaining or self.poller.refused:
            return True
        return self._is_late()

    def _is_late(self) -> bool:
        """Say whether waiting ends; sending never waits for this, and a request in flight is never cut."""
        now = self.context.clock.monotonic_s()
        if self.options.timeout_s is not None:
            return now - self.started_s >= self.options.timeout_s
        return bool(self.poller.remaining) and now - self.poller.last_end_s >= PATIENCE_S

    def _settle(self) -> int:
        """Look for evidence about doubts: now, and for at most 20 s more."""
        context = self.context
        doubts_left = doubts.check(context, self.run)
        end_s = context.clock.monotonic_s() + DOUBT_LOOK_S
        while doubts_left.doubtful and doubts_left.is_list_open and not context.stop.is_pressed:
            if context.clock.monotonic_s() + _DOUBT_STEP_S > end_s:
                break
            context.stop.wait(context.clock, _DOUBT_STEP_S)
            doubts_left = doubts.check(context, self.run)
        doubtful = doubts_left.doubtful
        if self.options.waits:
            self.poller.load_waiting()
        if self.submitter.ending is Ending.DOUBT:
            return len(doubtful)  # another file's doubts, too, keep this one's rows unsent
        return history.count_same_file(context.journal, self.run, [chunk.run_no for chunk in doubtful])

    def _late_links(self) -> None:
        """Ask once more for what follows a video's end, where nothing else is left to wait for."""
        if self.options.waits and not self.poller.remaining and not self.poller.refused:
            late_links.fetch_late_links(self.context, self.run, is_over=self._is_late)

    def _audit(self) -> int:
        videos = unexpected_videos.find_unexpected(self.context, self.run, self.started)
        if videos:
            lines = unexpected_videos.lines_of(self.context, self.run, videos)
            shown = ", ".join(map(str, lines[:_SHOWN_LINES])) + (", …" if len(lines) > _SHOWN_LINES else "")
            equal = f"; their texts are those of {amounts.plural(len(lines), 'line', 'lines')} {shown}" if lines else ""
            self.context.reporter.notice(
                f"{amounts.show(len(videos), 'video')} appeared in this target during the run that this program did not"
                f" ask for{equal}"
            )
        return len(videos)

    def _checkpoint(self, *, force: bool = False) -> None:
        now = self.context.clock.monotonic_s()
        is_due = now - self._written_s >= max(_CHECKPOINT_S, _CHECKPOINT_SHARE * self._write_cost_s)
        has_news = self.poller.ended + self.submitter.requests != self._ended_written
        if force or (is_due and has_news):
            self._ended_written = self.poller.ended + self.submitter.requests
            self._is_written = self.options.checkpoint()
            self._written_s = self.context.clock.monotonic_s()
            self._write_cost_s = self._written_s - now

    def _outcome(self, doubtful: int, audit: int) -> Outcome:
        context = self.context
        journal = context.journal
        ending = self.submitter.ending or Ending.STOPPED
        if ending not in {Ending.SENT, Ending.STOPPED}:
            history.record_stop(journal, self.run, f"{ending}: {self.submitter.reason}")
        elif self._is_written:
            history.record_stop(journal, self.run, "")
        silence_s = context.clock.monotonic_s() - self.poller.good_at_s
        held_back = planning.rows_after_sample(journal, self.run) if self.options.submits else 0
        selected = results.tally(journal, self.run, selected_only=True)
        if not self.options.submits:
            selected.pop(Status.PENDING, None)  # released: they are another run's, or nobody's
        return Outcome(
            run_id=self.run.run_id,
            tally=results.tally(journal, self.run),
            selected=selected,
            unsent=results.unsent(journal, self.run) - held_back if self.options.submits else 0,
            successor="" if self.options.submits else history.unfinished_successor(journal, self.run),
            submitted=self.submitter.accepted,
            reused=max(0, results.paid_rows(journal, self.run) - self.submitter.accepted),
            requests=self.submitter.requests,
            polls=context.service.polls,
            elapsed_s=context.clock.monotonic_s() - self.started_s,
            ending=ending,
            reason=self.submitter.reason,
            waited=self.options.waits,
            held_back=held_back,
            unanswered=self.poller.remaining > 0 and silence_s >= SILENCE_S,
            refused=self.poller.refused,
            stopped=context.stop.exit_code,
            doubts=doubtful,
            unwritten=not self._is_written,
            audit=audit,
            profile=self.run.profile,
            shared=results.shared_rows(journal, self.run),
            later=results.deferred_rows(journal, self.run),
        )
