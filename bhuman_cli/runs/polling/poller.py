"""Poller of generations in the order of the schedule, or by list where that is open and cheaper.

What is learnt is written in batches; losing one costs a GET, never money.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Final

from bhuman_cli import domain, errors
from bhuman_cli.api.wire import WireError
from bhuman_cli.domain import Generation, GenerationId
from bhuman_cli.journal import generations
from bhuman_cli.journal.generations import Waiting
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs.binding.record_updates import RecordUpdater
from bhuman_cli.runs.context import RunContext
from bhuman_cli.runs.polling.list_poller import ListPoller
from bhuman_cli.runs.polling.schedule import Schedule, ScheduleOptions

_LATENCY_S: Final = 0.2  # how long to wait for answers in flight before looking at the stop button again

_SOON: Final = 10
_CONFIRMED_AT_ONCE: Final = 50

_LAST_LOOK: Final = 20  # videos asked about when the time is over
_EARLY: Final = 5_000  # callbacks kept for generations that are not known yet

Answered = tuple[int, Generation | None, Exception | None]


@dataclass(slots=True, kw_only=True)
class Poller:
    """One run's waiting. `turn` does what is due now and returns; the caller sleeps in between.

    ended: generations that came to their end during this command. last_end_s: when one last did.
    good_at_s: when the service last gave a good answer. refused: why it refuses to answer, "" if it does not.
    selected_only: rows outside the selection are asked about along the way, but nobody stays for them.
    """

    run: Run
    context: RunContext
    interval_s: float
    ended: int = 0
    last_end_s: float = 0.0
    good_at_s: float = 0.0
    refused: str = ""
    selected_only: bool = False
    _others: int = 0
    _schedule: Schedule = field(init=False)
    _newest: int = 0
    _hinted: int = 0
    _soon: int = 0
    _early: deque[GenerationId] = field(default_factory=lambda: deque(maxlen=_EARLY))
    _waiting: dict[int, Waiting] = field(default_factory=dict)
    _by_id: dict[str, int] = field(default_factory=dict)
    _updater: RecordUpdater = field(init=False)
    _missing: set[int] = field(default_factory=set)
    _in_flight: dict[Future[Answered], int] = field(default_factory=dict)
    _unknown_words: set[str] = field(default_factory=set)
    _list_poller: ListPoller = field(init=False)

    def __post_init__(self) -> None:
        """Start with an empty schedule; `take` fills it."""
        self._list_poller = ListPoller(context=self.context, interval_s=self.interval_s)
        self._updater = RecordUpdater(run=self.run, context=self.context)
        self._schedule = Schedule(ScheduleOptions(interval_s=self.interval_s), self.context.rng)
        now = self.context.clock.monotonic_s()
        self.last_end_s = self.good_at_s = now
        for chunk, place in generations.fronts(self.context.journal, self.run):
            self._schedule.seen_finished(chunk, place)

    @property
    def remaining(self) -> int:
        """Return how many generations are waited for."""
        return len(self._waiting) - (self._others if self.selected_only else 0)

    @property
    def list_is_closed(self) -> bool:
        """Say whether the list was asked for and refused."""
        return self._list_poller.is_closed

    def load_waiting(self, *, anew: bool = True) -> None:
        """Take over the run's unfinished generations from the journal; not anew: only those accepted since."""
        now = self.context.clock.monotonic_s()
        if not self._waiting:
            self.last_end_s = now
        waiting = generations.waiting(self.context.journal, self.run, after=0 if anew else self._newest)
        if anew:
            self._drop(self._waiting.keys() - {item.claim_id for item in waiting}, now)
        for item in waiting:
            self._newest = max(self._newest, item.claim_id)
            earlier = self._waiting.get(item.claim_id)
            if earlier is not None and earlier.generation_id == item.generation_id:
                continue
            if earlier is not None:
                self._drop_id(earlier)
            else:
                self._others += not item.selected
            self._schedule.add(item.claim_id, chunk=item.chunk_id, place=item.place, now=now)
            self._waiting[item.claim_id] = item
            self._by_id[item.generation_id] = item.claim_id

    def ask_soon(self) -> None:
        """Ask at once about the front of what earlier commands left: it had its time; go on while all is finished."""
        self._soon = _SOON
        self._ask_front(is_hit=True)

    def _ask_front(self, *, is_hit: bool) -> None:
        if not is_hit:
            self._soon = 0
        if self._soon and not self._in_flight:
            now = self.context.clock.monotonic_s()
            for claim in itertools.islice(self._waiting, self._soon):
                self._schedule.hint(claim, now)
                self._hinted += 1
            self._soon *= 2

    def _drop(self, finished: set[int], now: float) -> None:
        """Stop waiting for what ended while its request was bound anew."""
        for claim in finished:
            self._schedule.drop(claim, now)
        self._remove(finished)

    def step(self) -> float:
        """Ask what is due; write down what is learnt. Returns the monotonic second of the next turn."""
        context = self.context
        self.has_callbacks()
        if self._hinted:
            hinted, self._hinted = self._hinted, 0
            self._ask_due(most=hinted)
        if not self._in_flight and self._list_poller.is_cheaper(len(self._waiting)):
            return self._ask_list()
        self._ask_due()
        for notice in self._schedule.notices():
            context.reporter.notice(notice)
        now = context.clock.monotonic_s()
        return now if self._in_flight else max(now, self._schedule.wake_at(now))

    def has_callbacks(self) -> bool:
        """Take the news that callbacks brought; say whether any is about a generation that is waited for.

        News can overtake the answer that names its id: what is not known yet is kept for a while.
        """
        now = self.context.clock.monotonic_s()
        news = [*self._early, *self.context.hints()]
        self._early.clear()
        for generation_id in news:
            claim = self._by_id.get(generation_id)
            if claim is None:
                self._early.append(generation_id)
            else:
                self._schedule.hint(claim, now)
                self._hinted += 1
        return self._hinted > 0

    def drain(self) -> None:
        """Wait for the questions in flight and keep their answers."""
        while self._in_flight:
            self._apply_answer(self._collect(5.0))

    def confirm_once(self, is_over: Callable[[], bool]) -> None:
        """Ask once for each id that no record has confirmed yet, for whoever does not wait. is_over: time is up."""
        self.load_waiting()
        claims = generations.provisional(self.context.journal, self.run)
        for start in range(0, len(claims), _CONFIRMED_AT_ONCE):
            now = self.context.clock.monotonic_s()
            some = [claim for claim in claims[start : start + _CONFIRMED_AT_ONCE] if claim in self._waiting]
            if is_over() or self.refused or self.context.stop.is_pressed:
                return
            for claim in some:
                self._schedule.hint(claim, now)
            self._ask_due(most=len(some))
            self.drain()

    # Single questions.

    def _ask_due(self, most: int | None = None) -> None:
        """Ask what is due; `most` ids at most, so that news is asked about without the rest of a pass."""
        context = self.context
        asked = 0
        while not context.stop.is_pressed and not self.refused:
            now = context.clock.monotonic_s()
            free = context.in_flight - len(self._in_flight)
            free = free if most is None else min(free, most - asked)
            claims = self._schedule.due(now, free) if free > 0 else []
            asked += len(claims)
            if context.pool is None:
                if not claims:
                    return
                self._apply_answer([self._question(claim, self._waiting[claim].generation_id) for claim in claims])
                continue
            for claim in claims:
                question = context.pool.submit(self._question, claim, self._waiting[claim].generation_id)
                self._in_flight[question] = claim
            if not self._in_flight:
                return
            self._apply_answer(self._collect(_LATENCY_S))
            context.reporter.update()

    def _question(self, claim: int, generation_id: GenerationId) -> Answered:
        try:
            return claim, self.context.service.generation(generation_id), None
        except (errors.BhumanError, WireError) as error:
            return claim, None, error

    def _collect(self, timeout_s: float) -> list[Answered]:
        done, _ = wait(self._in_flight, timeout=timeout_s, return_when=FIRST_COMPLETED)
        for future in done:
            del self._in_flight[future]
        return [future.result() for future in done]

    def _apply_answer(self, answers: Sequence[Answered]) -> None:
        now = self.context.clock.monotonic_s()
        records: list[tuple[int, Generation]] = []
        self._note_missing([claim for claim, record, error in answers if record is None and error is None])
        answers = [answer for answer in answers if answer[0] in self._waiting or answer[1] is not None]
        for claim, record, error in answers:
            if isinstance(error, errors.ApiError) and error.status in {401, 403}:
                self.refused = error.message
            if error is not None:
                self._schedule.failed(claim, now)
                continue
            self.good_at_s = now
            if record is not None:
                self._say_unknown(record.status)
            if record is None or not self._is_of(claim, record):
                # Nothing is known yet, or the row was bound to another id while this question was in flight.
                self._schedule.answered(claim, now, finished=False)
            else:
                records.append((claim, record))
        final: set[int] = set()
        if records:
            ended = self._write(records)
            asked = {claim for claim, _ in records}
            # A video that is finished is not asked again, even while it is open whose it is: the others will tell.
            final = ended | {claim for claim, record in records if record.is_final and self._is_of(claim, record)}
            for claim in asked:
                self._schedule.answered(claim, now, finished=claim in final)
            if final:
                self.last_end_s = now
            for claim in ended - asked:
                self._schedule.drop(claim, now)
            self._remove(ended)
        if self._soon and answers:
            self._ask_front(is_hit=all(claim in final for claim, _, _ in answers))

    def _say_unknown(self, status: str) -> None:
        """Say once which word for a status this program does not know: it counts as not finished."""
        if status and status not in domain.STATUS_RANK and status not in self._unknown_words:
            self._unknown_words.add(status)
            self.context.reporter.notice(
                f"the service says {status!r} of a video, which this program does not know: it counts as not finished"
            )

    def ask_once_more(self) -> None:
        """Ask about the front a last time: the clock ran on while this machine slept, and the videos went on, too."""
        now = self.context.clock.monotonic_s()
        claims = list(itertools.islice(self._waiting, _LAST_LOOK))
        for claim in claims:
            self._schedule.hint(claim, now)
        self._ask_due(most=len(claims))
        self.drain()

    def _note_missing(self, claims: Sequence[int]) -> None:
        """Keep, once a command, that the service knows none of these; stop waiting for what is gone for good."""
        missing = [claim for claim in claims if claim in self._waiting and claim not in self._missing]
        if not missing:
            return
        self._missing.update(missing)
        seen = self.context.service.service_time
        gone = generations.note_missing(
            self.context.journal, missing, now=seen.at if seen is not None else self.context.clock.now()
        )
        for claim in gone:
            self._schedule.drop(claim, self.context.clock.monotonic_s())
        self._remove(gone)

    def _is_of(self, claim: int, record: Generation) -> bool:
        """Say whether the record is that of the id to which the row is bound now."""
        item = self._waiting.get(claim)
        return item is not None and item.generation_id == record.id

    def _ask_list(self) -> float:
        """Read some of the list; return when to go on."""
        records = [item for item in self._list_poller.step(self._by_id) if item.id in self._by_id]
        self.good_at_s = max(self.good_at_s, self._list_poller.good_at_s)
        if records:
            now = self.context.clock.monotonic_s()
            ended = self._write([(self._by_id[item.id], item) for item in records])
            for claim in ended:
                self._schedule.drop(claim, now)
            if ended:
                self._list_poller.note_news()
            self._remove(ended)
        return self._list_poller.due_s

    def _write(self, records: Sequence[tuple[int, Generation]]) -> set[int]:
        """Keep records; return the claims that are finished now, others of the same requests included."""
        learnt = self._updater.write([(self._waiting[claim], record) for claim, record in records])
        if learnt.is_rebound:
            self.load_waiting()
        return learnt.ended & self._waiting.keys()

    def _remove(self, ended: set[int]) -> None:
        if not ended:
            return
        self.last_end_s = self.context.clock.monotonic_s()
        self.ended += len(ended)
        for claim in ended:
            item = self._waiting.pop(claim)
            self._others -= not item.selected
            self._drop_id(item)

    def _drop_id(self, item: Waiting) -> None:
        if self._by_id.get(item.generation_id) == item.claim_id:  # else the id is another row's by now
            del self._by_id[item.generation_id]
