"""One queue of generations: which of its ids are worth a request now. Pure: no I/O, no clock of its own.

Videos are served roughly in submission order. A line asks in passes, and in each pass, in this order:

    late ids     asked before, and their own back-off is over
    the front    ids never asked whose place the forecast has reached; a run of hits goes on until it misses
    a peek       when nothing finishes for long: one id just ahead of the front
    an audit     ids far ahead; several hits mean that the queue is not first in, first out

`poll_budget` keeps misses a share of the videos, `forecast` says which ids are probably finished.
It must not know of requests or rows; `schedule` does.
"""

from __future__ import annotations

import math
import random
from typing import Final

from bhuman_cli.runs.polling import forecast, order_probe, poll_budget
from bhuman_cli.runs.polling.forecast import Pace
from bhuman_cli.runs.polling.retry_queue import RetryEntry, RetryQueue

COLD_HITS: Final = 8
"""Below so many hits the rate means nothing yet: a hit just moves on to the next id."""

STREAK: Final = 2
"""So many first asks in a row that hit say that progress is further than believed: go on until a miss."""

THRIFT: Final = 0.7
"""What a queue in strict order spends of the usual misses: there a miss says as much of the ids behind it."""

PEEK_PLACES: Final = 16
CYCLE: Final = 0.67
"""Out of order, every id is asked in turn, each 0.67 x sqrt(outstanding) intervals: with equal chances for all, the
square root costs the fewest requests for a mean notice (an eighth fewer than a constant rate)."""


class PollQueue:
    """One queue, in submission order; an id's place is its index in that order."""

    def __init__(self, pace: Pace, rng: random.Random, *, now: float, resumed: bool) -> None:
        self._pace, self._rng = pace, rng
        self._keys: list[int] = []
        self._place: dict[int, int] = {}
        self._late = RetryQueue()
        self._cursor = 0
        self._furthest = -1
        self._forecast = forecast.Forecast(pace, now=now)
        self._resumed = resumed
        self._sweeping = True
        self._streak = 0
        self._front_missed = False
        self._patience = 1
        self._order = order_probe.OvertakingDetector()
        self._purse = poll_budget.PollBudget(now=now, ceiling_s=pace.ceiling_s)
        self._flying: dict[int, str] = {}
        self.in_pass = False
        self._pass_at = now
        self._asks = 0
        self._asked_at = now
        self._dry = 0
        self._to_audit = 0
        self._audits = order_probe.OrderProbe(rng)
        self._next_pass = now + pace.floor_s * rng.uniform(0.9, 1.0)
        self.in_order = True
        self.few = False
        self.dormant = False
        self.stuck: set[int] = set()

    def extend(self, keys: list[int]) -> None:
        """Append ids in submission order."""
        for key in keys:
            self._place[key] = len(self._keys)
            self._keys.append(key)
        self._purse.grant(len(self._keys))

    def take_late(self, keys: list[int], now: float) -> None:
        """Note which ids stand behind a place already seen finished: they are late, and due now."""
        for key in keys:
            self._furthest = max(self._furthest, self._place[key])
            self._late.keep(key, RetryEntry(), now)
        self._forecast.shift(-len(keys))

    def wake_late(self, now: float) -> None:
        """Ask the late ids again soon: the service was away and is back."""
        for key, late in self._late.items():
            if key not in self._flying:
                late.misses = min(late.misses, 1)
                due = now + self._rng.random() * self._forecast.wait_s(1, self._pace.ceiling_s)
                if due < late.due:
                    self._late.keep(key, late, due)

    # Picking.

    def pick(self, now: float) -> int | None:
        """Return an id to ask now, or None when this pass has no more (or none yet: answers are awaited)."""
        if not self._place:
            self.in_pass = False
            return None
        if self.few or not self.in_order:
            self.in_pass = False
            return self._fly(self._late.pop_due(now, self._flying), "late")
        if not self.in_pass:
            if now < self._next_pass:
                return None
            self._begin(now)
        key = self._pick_in_order(now)
        if key is None and not self._flying:
            self._end(now)
        return key

    def _begin(self, now: float) -> None:
        self.in_pass, self._pass_at, self._asks, self._streak, self._front_missed = True, now, 0, 0, False
        self._skip_known()
        self._sweeping = self._quiet(now) or self._forecast.hits < COLD_HITS
        self._purse.refill(now, self._income(now))
        self._patience = 1 + int(3 * self._purse.fullness)
        self._forecast.be_bold(self._purse.fullness)
        unproven = not self.dormant and self._audits.unproven(len(self._keys), self._cursor)
        self._to_audit = self._audits.wanted(doubtful=self._doubtful) if unproven else 0

    def _income(self, now: float) -> float:
        thrift = THRIFT if self._order.strict else 1.0
        return thrift * self._forecast.income(now)

    def _quiet(self, now: float) -> bool:
        gap_s = min(self._forecast.usual_gap_s(now), self._pace.ceiling_s)
        return self._forecast.quiet_s(now) > 3 * gap_s + self._pace.ceiling_s

    @property
    def _doubtful(self) -> bool:
        unproven = not self.dormant and self._audits.unproven(len(self._keys), self._cursor)
        silent = self._quiet(self._pass_at) or self._forecast.is_told
        return unproven and self._audits.doubtful(self._forecast, silent=silent)

    def _pick_in_order(self, now: float) -> int | None:
        if self._purse.affords(len(self._flying)):
            key, why = self._ripest(now, late_first=True)
        elif not self._asks:  # the purse is empty: one ask a pass, late and front ids by turns
            key, why = self._ripest(now, late_first=self._dry % 2 == 0 or not self._quiet(now))
        else:
            key, why = None, ""
        if key is not None:
            return self._fly(key, why)
        patience_s = 0.8 * self._pace.ceiling_s if self._purse.fullness < 0.5 else 0.0
        if not self._asks and not self.dormant and now - self._asked_at > patience_s:
            key = self._near()
            if key is not None:
                return self._fly(key, "peek")
        if self._to_audit:
            self._to_audit -= 1
            return self._fly(self._far(), "audit")
        return None

    def _ripest(self, now: float, *, late_first: bool) -> tuple[int | None, str]:
        front = self._ripe_front(now) if not late_first else None
        if front is not None:
            return front, "front"
        late = self._late.pop_due(now, self._flying)
        return (late, "late") if late is not None else (self._ripe_front(now), "front")

    def _fly(self, key: int | None, why: str) -> int | None:
        if key is not None:
            self._flying[key] = why
            if why != "audit":
                self._asks += 1
                self._asked_at = self._pass_at
        return key

    def _ripe_front(self, now: float) -> int | None:
        self._skip_known()
        if self._cursor == len(self._keys) or (self._order.strict and self._front_missed):
            return None
        likely = self._forecast.likely(self._cursor, now) or self._moves_on()
        return self._keys[self._cursor] if likely else None

    def _skip_known(self) -> None:
        while self._cursor < len(self._keys) and not self._fresh(self._cursor):
            self._cursor += 1

    def _moves_on(self) -> bool:
        if self._furthest < 0 and not self._late and not self._flying:
            return True  # the very first id of the queue
        fronts = sum(why == "front" for why in self._flying.values()) if self._sweeping or self._streak else 0
        if self._sweeping and self._furthest >= 0 and not fronts:
            return True
        return (self._sweeping or self._streak >= STREAK) and self._streak > 0 and fronts < 1 + self._streak // 2

    def _fresh(self, place: int) -> bool:
        key = self._keys[place]
        return key in self._place and key not in self._late and key not in self._flying

    def _near(self) -> int | None:
        place = self._cursor + self._rng.randrange(PEEK_PLACES) if self._dry > 2 else self._cursor
        return self._keys[place] if place < len(self._keys) and self._fresh(place) else None

    def _far(self) -> int | None:
        place = self._audits.place(len(self._keys))
        return self._keys[place] if self._fresh(place) else None

    def _end(self, now: float) -> None:
        self.in_pass = False
        self._dry = 0 if self._forecast.hits and self._forecast.quiet_s(now) <= now - self._pass_at else self._dry + 1
        if self._resumed and self._forecast.hits:
            self._forecast.forget_rate(now)
            self._resumed = False
        self._forecast.mark(now)
        rest = 0.05 * self._pace.floor_s  # when the pass itself took longer than the pause
        self._next_pass = max(now + rest, self._pass_at + self._pause_s(now) * self._rng.uniform(0.95, 1.0))

    def _pause_s(self, now: float) -> float:
        floor, ceiling = self._pace.floor_s, self._pace.ceiling_s
        if self._forecast.hits and self._doubtful:
            ceiling = 2 * floor
        affordable = self._pass_at + self._purse.wait_s(self._income(now))
        ripe = self._late.next_due(self._flying)
        if self._cursor < len(self._keys):
            ripe = min(ripe, self._forecast.likely_at(self._cursor, now))
        return max(floor, min(ceiling, max(ripe, affordable) - self._pass_at))

    # Answers.

    def finished(self, key: int, now: float) -> None:
        """Take an id out: an answer, a list or a callback says that it is finished."""
        why = self._flying.pop(key, "")
        place = self._place.pop(key)
        late = self._late.remove(key)
        self.stuck.discard(key)
        if why in {"front", "peek"}:
            self._streak += 1
            self._front_missed = False
            self._sweeping = self._sweeping or why == "peek"
            self._forecast.learn_first(place, now, hit=True)
        elif why == "late" and late and late.misses == 1:
            self._forecast.learn_again(hit=True)
        elif why == "audit":
            self._audited(now, hit=True)
        if self._quiet(now):
            self.wake_late(now)
        self._forecast.finished_one(now, told=why in {"hint", ""})
        if late and late.overtaken and why == "late":
            self._order.learn(hit=True)
        if why != "audit" and place > self._furthest:
            self._furthest = place
            self._overtake(now)

    def missed(self, key: int, now: float) -> None:
        """Learn from an id that was asked and is not finished."""
        why = self._flying.pop(key, "")
        place = self._place[key]
        late = self._late.get(key) or RetryEntry()
        match why:
            case "audit":
                self._audited(now, hit=False)
            case "front" | "peek":
                self._first_missed(place, now, moving=why == "front")
            case "late" if late.misses == 1:
                self._forecast.learn_again(hit=False)
        if why != "audit":
            self._purse.spend()
        if why in {"peek", "audit"} and place > self._cursor and self.in_order:
            return  # it is asked again when the front comes to it
        if late.overtaken and why == "late":
            self._order.learn(hit=False)
            late.overtaken = False
        if not late.misses and place > self._furthest:
            self._order.watch(place, key)
        late.misses += 1
        self._late.keep(key, late, now + self._wait_s(late.misses))
        if place < self._furthest:
            late.since = now if late.since is None else late.since
            if now - late.since >= self._pace.stuck_s:
                self.stuck.add(key)

    def _overtake(self, now: float) -> None:
        for key in self._order.passed(self._furthest):
            late = self._late.get(key)
            if late is not None:
                late.overtaken = True
                if self._order.strict and key not in self._flying:
                    self._late.keep(key, late, min(late.due, now))

    def _first_missed(self, place: int, now: float, *, moving: bool) -> None:
        self._patience -= 1
        self._front_missed = True
        self._sweeping = self._sweeping and moving and self._patience > 0
        self._streak = self._streak // 2 if self._sweeping else 0
        if not self._quiet(now):  # a service that stands still says nothing about the order
            self._forecast.learn_first(place, now, hit=False)

    def lost(self, key: int, due: float) -> None:
        """Put an id back whose request failed: nothing was learned."""
        self._flying.pop(key, None)
        self._late.keep(key, self._late.get(key) or RetryEntry(), due)

    def taken(self, key: int) -> None:
        """Note that an id is being asked for another reason than this line's own."""
        self._flying[key] = "hint"

    def _wait_s(self, misses: int) -> float:
        if self.few:
            return self._pace.floor_s * self._rng.uniform(0.95, 1.0)
        if not self.in_order:
            cycle = CYCLE * math.sqrt(len(self._place)) * self._pace.floor_s
            return max(self._pace.floor_s, min(cycle, self._pace.longest_s)) * self._rng.uniform(0.97, 1.03)
        longest = self._pace.longest_s if self._forecast.hits else self._pace.ceiling_s
        longest = 6 * self._pace.longest_s if self.dormant else longest
        return self._forecast.wait_s(misses, longest)

    def _audited(self, now: float, *, hit: bool) -> None:
        if self._audits.note(self._forecast, hit=hit):
            self.go_out_of_order(now)

    def go_out_of_order(self, now: float) -> None:
        """Give up the frontier: from now on every id is asked in turn."""
        if not self.in_order:
            return
        self.in_order = False
        self._spread_out(now, self._wait_s(1))

    def ask_all(self, now: float) -> None:
        """Ask every id one interval from now."""
        self._spread_out(now + self._pace.floor_s * 0.9, self._pace.floor_s * 0.1)

    def _spread_out(self, start: float, width_s: float) -> None:
        for place in range(self._cursor, len(self._keys)):
            if self._fresh(place):
                self._late.keep(self._keys[place], RetryEntry(), start + self._rng.random() * width_s)

    # Time.

    @property
    def nearly_through(self) -> bool:
        """Say whether few ids are left that were never asked: the next queue may have begun."""
        return self._cursor >= 0.95 * len(self._keys) or len(self._place) <= 0.05 * len(self._keys)

    def stir(self, now: float) -> None:
        """Begin a pass now instead of later."""
        self._next_pass = min(self._next_pass, now)
        self.wake_late(now)

    def wake_at(self) -> float:
        """Return the earliest moment at which `pick` may return something."""
        if not self._place:
            return math.inf
        if self.in_order and not self.few:
            return self._pass_at if self.in_pass else self._next_pass
        return self._late.next_due(self._flying)
