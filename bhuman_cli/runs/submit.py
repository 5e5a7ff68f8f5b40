"""Submitter: one request in flight, intent on disk before it, its raw answer on disk before anybody reads it.

**Money.** A request is sent at most once. Its rows go into another one only after a verdict that is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bhuman_cli import errors
from bhuman_cli.api.post_result import NotSent, PostResponse
from bhuman_cli.domain import ChunkState
from bhuman_cli.gate import allowance, pacing
from bhuman_cli.journal import chunks, faults, history, results, traffic
from bhuman_cli.journal.chunks import Answer, Chunk
from bhuman_cli.journal.claims import Candidate
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import identity, judging, request
from bhuman_cli.runs import permission as permissions
from bhuman_cli.runs import verdict as verdicts
from bhuman_cli.runs.binding import doubts
from bhuman_cli.runs.context import RunContext
from bhuman_cli.runs.list_look import ListLook
from bhuman_cli.runs.permission import Permission
from bhuman_cli.runs.request import Shape

CONNECT_ATTEMPTS: Final = 5
CONNECT_WINDOW_S: Final = 30.0
SLOW_DOWNS: Final = 3  # 429s a run
SLOW_DOWN_S: Final = (60.0, 120.0, 240.0)  # where the service names no time
LONGEST_PAUSE_S: Final = 15 * 60.0
SAME_REFUSALS: Final = 7  # while nothing was accepted: a wrong campaign costs a handful of requests
EXTRA_REQUESTS: Final = 200  # by splitting, a run
DOUBTS: Final = 2  # unresolved ones on a target, from any run
TOP_UP: Final = "top up in the app under Settings > Plan & usage, then resume"
NO_ACCESS: Final = "either the key is another account's (`bhuman login`), or the account has no access to this target"
_WAIT_S: Final = 0.5
OVERSLEPT_S: Final = 5.0  # between the intent and the first byte
_STORE_AGAIN_S: Final = 5.0


class _Overslept(Exception):
    """The machine slept between the intent and the first byte."""


class Ending(StrEnum):
    """Why sending ended."""

    SENT = "sent"
    CREDENTIALS = "credentials refused"
    DOWN = "no connection"
    SLOW = "the service asked for a long pause"
    REFUSED = "the service refuses every request"
    BRAKED = "too many videos failed"
    PACED = "videos that are being made are waited for"
    BUDGET = "the budget is spent"
    BUSINESS = "the service declined"
    NO_MONEY = "the account has nothing left to spend"
    DOUBT = "requests are in doubt"
    UNKNOWN_VIDEOS = "another journal seems to have paid"
    STOPPED = "stopped"
    SUPERSEDED = "another run took over"


class OverBudget(Exception):
    """A budget has no room for the request; nothing was sent."""


def _never() -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class Submitter:
    """One run's sending, a request a step.

    permission, list_look: asked before every request. can_wait: whether a video is watched that a pause could wait for.
    ending: None while there may be more. accepted: rows taken by the service during this command.
    """

    run: Run
    shape: Shape
    chunk_size: int
    context: RunContext
    permission: Permission = field(default_factory=permissions.unlimited)
    list_look: ListLook = field(default_factory=lambda: ListLook(is_off=True))
    can_wait: Callable[[], bool] = _never
    ending: Ending | None = None
    reason: str = ""
    accepted: int = 0
    requests: int = 0
    _connects: int = 0
    _first_connect_s: float = 0.0
    _slow_downs: int = 0
    _refusals: int = 0
    _refusal: str = ""
    _extra: int = 0

    def step(self) -> float:
        """Send the next request, if any; return the seconds to wait before the next step."""
        context = self.context
        if context.stop.is_pressed:
            return self._end(Ending.STOPPED, "stopped")
        doubts = [c for c in chunks.unsettled(context.journal, self.run.target_id) if c.state == "in_doubt"]
        if len(doubts) >= DOUBTS:
            return self._end(Ending.DOUBT, f"{len(doubts)} requests on this target are in doubt")
        if not traffic.has_rows_to_send(context.journal, self.run):
            return self._end(Ending.SENT, "")
        if (refused := self.list_look.refusal(context, self.run)) is not None:
            return self._end(Ending.UNKNOWN_VIDEOS, refused.message)
        try:
            match self.permission.ask(context.journal, self.run):
                case pacing.Brake(reason=reason):
                    return self._end(Ending.BRAKED, permissions.brake_words(context.journal, self.run, reason))
                case pacing.Wait() as wait:
                    return self._wait(wait)
                case pacing.Send(rows=rows):  # pragma: no branch - there is no other answer
                    return self._send_next(rows)
        except chunks.StaleChunk as stale:
            return self._end(Ending.SUPERSEDED, stale.message)
        except OverBudget:
            return self._over_budget()

    def _send_next(self, rows: int) -> float:
        journal = self.context.journal
        rows = min(rows, self.chunk_size)
        room = self.permission.room(journal)
        if room is not None:
            rows = min(rows, room.videos)
        if rows <= 0:
            raise OverBudget
        chunk = self._planned(rows)
        if chunk is not None and chunk.rows > rows:  # frozen when more was allowed
            chunks.release_planned(journal, self.run.target_id)
            chunk = self._planned(rows)
        return self._end(Ending.SENT, "") if chunk is None else self._send(chunk)

    def _planned(self, rows: int) -> Chunk | None:
        return chunks.plan(
            self.context.journal, self.run, lambda candidates: request.pick(candidates, rows), self._freeze
        )

    def _wait(self, wait: pacing.Wait) -> float:
        """Wait for a video's end, where this command watches any that could end."""
        if not self.can_wait():
            return self._end(Ending.PACED, f"{wait.reason}: {wait.videos:,} without an end")
        return _WAIT_S

    def _over_budget(self) -> float:
        journal = self.context.journal
        room = self.permission.room(journal)
        if room is None:  # pragma: no cover - a budget was over a moment ago
            return _WAIT_S
        if room.budget.later:
            traffic.defer(journal, self.run, 0, of="('new', 'retried')")
            return self._end(Ending.SENT, "")
        return self._end(Ending.BUDGET, allowance.says(room, results.unsent(journal, self.run)))

    def _end(self, ending: Ending, reason: str) -> float:
        self.ending, self.reason = ending, reason
        return 0.0

    def _freeze(self, rows: Sequence[Candidate], token: str) -> bytes:
        self._require_intact(rows)
        return request.freeze(self.shape, rows, token)

    def _require_intact(self, rows: Sequence[Candidate]) -> None:
        """Refuse to send values that are not those the row was recorded with: a bit rotted on disk.

        Raises:
            JournalError: damaged.
        """
        identify = identity.of_spec(self.run.spec)
        for row in rows:
            if identify(row.values, row.assets) != row.identity or identity.text_key(row.values) != row.text_key:
                raise faults.damaged(self.context.journal.shown, "a row's values are not what was planned")

    def _send(self, chunk: Chunk) -> float:
        context = self.context

        def allow() -> None:
            room = self.permission.room(context.journal)
            if room is not None and room.videos < chunk.rows:  # another command paid since it was planned
                raise OverBudget

        def begin() -> None:
            offset_s = context.offset_s
            began_s = context.elapsed_s()
            context.keep_epoch(chunks.begin_sending(context.journal, chunk, allow=allow, clock_offset_s=offset_s))
            context.stop.in_flight = True
            if context.elapsed_s() - began_s > OVERSLEPT_S:  # by now another machine may have taken over
                raise _Overslept

        try:
            outcome = context.service.post(self.shape.route, chunk.body, begin)
        except _Overslept:
            return self._take_back(chunk, "not sent: this machine slept before the first byte")
        except errors.JournalError as error:
            if error.fault is not errors.JournalFault.GONE:
                raise
            return self._look_after_commit(chunk, error)
        if isinstance(outcome, NotSent):
            return self._not_sent(outcome)
        self._connects = 0
        self.requests += 1
        answer = Answer(status=outcome.status, headers=dict(outcome.headers), body=outcome.body, error=outcome.error)
        store_answer(context, chunk, outcome, answer)
        context.stop.in_flight = False
        return self._apply(chunk, judging.judge(context.journal, chunk, answer))

    def _take_back(self, chunk: Chunk, reason: str) -> float:
        """Record that not a byte of a request was sent; its rows go into another one."""
        self.context.stop.in_flight = False
        chunks.reissue(self.context.journal, self.run, chunk, self._freeze, reason)
        return 0.0

    def _look_after_commit(self, chunk: Chunk, error: errors.JournalError) -> float:
        """The journal's server did not answer the intent: nothing is sent. Look what it knows, as soon as it can say.

        Raises:
            JournalError: it can not be asked; that nothing was sent is kept outside the journal.
        """
        context = self.context
        context.stop.in_flight = False
        end_s = context.clock.monotonic_s() + CONNECT_WINDOW_S
        while True:
            try:
                if chunks.get(context.journal, chunk.chunk_id).state is ChunkState.SENDING:
                    return self._take_back(chunk, "not sent: the journal's server did not answer")
                return 0.0
            except errors.JournalError as again:
                if again.fault is not errors.JournalFault.GONE:
                    raise
                if context.stop.is_pressed or context.clock.monotonic_s() >= end_s:
                    context.save_unsent_aside(chunk)
                    raise error from None
            context.stop.wait(context.clock, _STORE_AGAIN_S)

    def _not_sent(self, outcome: NotSent) -> float:
        """The chunk is still `planned`: nothing to write, and it may be tried again."""
        now = self.context.clock.monotonic_s()
        if self._connects == 0:
            self._first_connect_s = now
        self._connects += 1
        pause = self.context.rng.uniform(0.0, min(2.0**self._connects, 12.0))
        in_time = now + pause - self._first_connect_s <= CONNECT_WINDOW_S
        if outcome.is_lasting or self._connects >= CONNECT_ATTEMPTS or not in_time:
            return self._end(Ending.DOWN, outcome.reason)
        return pause

    def _apply(self, chunk: Chunk, verdict: verdicts.Verdict) -> float:
        journal = self.context.journal
        match verdict:
            case verdicts.Accepted():
                chunks.accept(journal, chunk, verdict.ids)
                self._took(chunk.rows)
                return 0.0
            case verdicts.NeedsMapping():
                return self._map(chunk, verdict)
            case verdicts.InDoubt():
                chunks.mark_in_doubt(journal, chunk, verdict.reason)
                self.context.reporter.notice(f"a request for {chunk.rows} rows is in doubt: {verdict.reason}")
                return 0.0
            case verdicts.Rejected():
                return self._rejected(chunk, verdict)
            case verdicts.NoMoney():
                chunks.release(journal, chunk, verdict.reason)
                return self._end(Ending.NO_MONEY, f"{verdict.reason}; {TOP_UP}")
            case verdicts.Resendable():  # pragma: no branch - there is no other verdict
                chunks.reissue(journal, self.run, chunk, self._freeze, verdict.reason)
                return self._paused(verdict)

    def _map(self, chunk: Chunk, verdict: verdicts.NeedsMapping) -> float:
        """Bind ids by their records; a refusal whose ids nobody knows is a refusal after all."""
        chunks.to_mapping(self.context.journal, chunk, verdict.reason)
        if verdict.otherwise is not None and doubts.are_unknown(self.context, verdict.ids):
            return self._apply(chunk, verdict.otherwise)
        self._took(doubts.map_chunk(self.context, self.run, chunk, verdict.ids, verdict.reason))
        return 0.0

    def _took(self, rows: int) -> None:
        self.accepted += rows
        self._refusals, self._refusal = 0, ""

    def _paused(self, verdict: verdicts.Resendable) -> float:
        if verdict.needs_credentials:
            cures = f"; {NO_ACCESS}" if verdict.reason.startswith("HTTP 403") else ""
            return self._end(Ending.CREDENTIALS, verdict.reason + cures)
        if verdict.is_web_page:
            between = "something between here and the service answered with a web page"
            return self._end(Ending.DOWN, f"{between} ({verdict.reason})")
        self._slow_downs += 1
        asked = verdict.retry_after_s
        if self._slow_downs > SLOW_DOWNS:
            return self._end(Ending.SLOW, f"{verdict.reason}; asked to slow down {self._slow_downs} times")
        pause = SLOW_DOWN_S[self._slow_downs - 1] if asked is None else asked
        if pause > LONGEST_PAUSE_S:
            return self._end(Ending.SLOW, f"{verdict.reason}; the service asks to wait {pause / 60:.0f} minutes")
        self.context.reporter.notice(f"the service asks to slow down; the next request follows in {pause:.0f} s")
        return pause

    def _rejected(self, chunk: Chunk, verdict: verdicts.Rejected) -> float:
        journal = self.context.journal
        if verdict.stops:
            chunks.reject(journal, chunk, verdict.reason)
            return self._end(Ending.BUSINESS, verdict.reason)
        if verdict.too_large and chunk.rows > 1:
            self.chunk_size = (chunk.rows + 1) // 2
            chunks.release(journal, chunk, verdict.reason)
            self.context.reporter.notice(
                f"a request of {chunk.rows} rows is too large ({verdict.reason}); at most {self.chunk_size} go in one"
                f" (--chunk-size {self.chunk_size} says so at once)"
            )
            return 0.0
        self._count_refusal(verdict.reason)
        can_split = verdict.can_split and chunk.rows > 1 and self._extra + 2 <= EXTRA_REQUESTS
        if can_split and not self._is_hopeless():
            self._extra += 2
            chunks.split(journal, self.run, chunk, self._freeze, verdict.reason)
        else:
            chunks.reject(journal, chunk, verdict.reason)
        return self._end(Ending.REFUSED, verdict.reason) if self._is_hopeless() else 0.0

    def _count_refusal(self, reason: str) -> None:
        normal = verdicts.without_numbers(reason)
        self._refusals = self._refusals + 1 if normal == self._refusal else 1
        self._refusal = normal

    def _is_hopeless(self) -> bool:
        if self.accepted or self._refusals < SAME_REFUSALS:
            return False
        return not history.has_accepted(self.context.journal, self.run)  # by an earlier command, either


def store_answer(context: RunContext, chunk: Chunk, response: PostResponse, answer: Answer) -> None:
    """Store the raw answer; where the journal can't, in a second place, and stay alive trying.

    Ids held only in memory are money held only in memory.
    """
    place: str | None = None
    while True:
        try:
            chunks.record_answer(context.journal, chunk, answer)
            return
        except errors.JournalError as error:
            may_pass = error.fault in errors.PASSING_FAULTS
            if place is None:
                place = context.save_answer_aside(chunk, response)
                context.reporter.notice(_storage_notice(error, place, answer, tries_again=may_pass or not place))
            if place and not may_pass:
                raise
            if context.stop.is_pressed:
                error.exit_code = errors.ExitCode.IN_DOUBT  # what was accepted stands outside the journal
                raise
            context.stop.wait(context.clock, _STORE_AGAIN_S)


def _storage_notice(error: errors.JournalError, place: str, answer: Answer, *, tries_again: bool) -> str:
    where = f"it is kept in {place}" if place else f"ids: {' '.join(verdicts.named_ids(answer)) or 'none'}"
    again = "; trying again" if tries_again else ""
    return f"{error.message}; an answer that may have cost money could not be stored, {where}{again}"
