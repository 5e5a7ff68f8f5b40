"""A long life of one journal: files edited, programs killed, copies, lost replies, people deciding; one promise."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.crash import copies, histories
from tests.crash.histories import Case
from tests.support import money_judge
from tests.support.money_client import Table
from tests.support.money_service import BAD, OUTCOMES

FAILS = "fay"
PEOPLE = (("bob", "Acme"), ("ann", "Blue"), ("cy", "Acme"), (FAILS, "Blue"), ("dan", BAD))
FILES = ("/a.csv", "/b.csv")
MOST_ATTEMPTS = 3

rows = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=6).map(tuple)
files = st.sampled_from(FILES)
outcomes = st.lists(st.sampled_from(OUTCOMES), max_size=4)
deaths = st.none() | st.integers(1, 90)


class MoneyMachine(RuleBasedStateMachine):
    """One campaign, two files, any number of programs."""

    @initialize(rows=rows, speaks=st.sampled_from(["text", "late"]))
    def begin(self, rows: Table, speaks: str) -> None:
        self.client = histories.build(Case(outcomes=(), table=(), speaks=speaks))
        self.world, self.oracle = self.client.world, self.client.oracle
        self.oracle.manner.fails = frozenset({FAILS})
        self.tables: dict[str, Table] = dict.fromkeys(FILES, rows)
        self.most: Counter[tuple[str, str]] = Counter()
        self.attempts = 1
        self.lives = 0

    def _name(self) -> str:
        self.lives += 1
        return f"life{self.lives}"

    def _may_cost(self, path: str) -> None:
        """A file may cost as many of a content as it has rows of it; what any file paid, all share."""
        more = Counter(self.tables[path]) - self.most
        self.most += more
        for values, count in more.items():
            self.oracle.allowed[values] += count * self.attempts

    @rule(path=files, rows=rows)
    def edit(self, path: str, rows: Table) -> None:
        self.tables[path] = rows

    @rule(path=files, seed=st.integers(0, 9))
    def sort_again(self, path: str, seed: int) -> None:
        self.tables[path] = tuple(random.Random(seed).sample(self.tables[path], len(self.tables[path])))

    @rule(path=files, replies=outcomes, dies_at=deaths)
    def render(self, path: str, replies: list[str], dies_at: int | None) -> None:
        self._may_cost(path)
        self.oracle.outcomes = replies
        with self.world.alive(name := self._name(), dies_at):
            self.client.render(name, self.tables[path], path=path)

    @rule(path=files, dies_at=deaths)
    def retry_failed(self, path: str, dies_at: int | None) -> None:
        for values, count in self.most.items() if self.attempts == 1 else ():
            self.oracle.allowed[values] += count * (MOST_ATTEMPTS - 1)
        self.attempts = MOST_ATTEMPTS
        self._may_cost(path)
        with self.world.alive(name := self._name(), dies_at):
            self.client.render(name, self.tables[path], path=path, retry=True)

    @rule(replies=outcomes, dies_at=deaths)
    def resume(self, replies: list[str], dies_at: int | None) -> None:
        self.oracle.outcomes = replies
        with self.world.alive(name := self._name(), dies_at):
            self.client.resume(name)

    @rule(path=files, replies=outcomes, dies_at=deaths, locks=st.booleans(), seed=st.integers(0, 99))
    def two_at_once(self, path: str, replies: list[str], dies_at: int | None, locks: bool, seed: int) -> None:
        self._may_cost(path)
        self.oracle.outcomes = replies
        self.world.locks, self.client.is_alone = locks, False
        rng = random.Random(seed)
        baton = copies.Baton(self.world, rng)
        one, two = self.client.copy(), self.client.copy()
        first, second = self._name(), self._name()

        def renders() -> None:
            with self.world.alive(first, dies_at):
                one.render(first, self.tables[path], path=path)

        def resumes() -> None:
            with self.world.alive(second):
                two.resume(second)

        baton.start(first, renders)
        baton.start(second, resumes)
        while baton.live:
            baton.go(rng.choice(baton.live))
        self.world.switch = None
        self.world.locks, self.client.is_alone = True, True

    @rule(decision=st.sampled_from(["resend", "abandon", "accept"]), replies=outcomes)
    def decide(self, decision: str, replies: list[str]) -> None:
        if decision == "accept" and self.oracle.manner.speaks != "null":
            return  # a person who looked would not accept these: their records name other rows
        self.oracle.outcomes = replies
        with self.world.alive(name := self._name()):
            self.client.decide(name, decision)

    @rule(seconds=st.sampled_from([1.0, 60.0, 16 * 60.0]))
    def tick(self, seconds: float) -> None:
        self.world.clock.pass_s(seconds)

    @rule(is_open=st.booleans())
    def list_opens_or_closes(self, is_open: bool) -> None:
        self.oracle.manner.lists = is_open

    @rule(come=st.booleans())
    def callbacks_come_or_stop(self, come: bool) -> None:
        self.oracle.manner.calls_back = come

    @rule(is_away=st.booleans())
    def service_goes_or_comes(self, is_away: bool) -> None:
        self.oracle.manner.is_away = is_away
        self.client.timeout_s = 20.0 if is_away else 130.0

    @rule()
    def a_colleague_orders_the_same(self) -> None:
        self.oracle.accept([PEOPLE[0]], "colleague", ours=False)

    @invariant()
    def every_accepted_row_is_bound_or_openly_in_doubt(self) -> None:
        if hasattr(self, "client"):
            money_judge.check(self.world, self.oracle)


TestMoneyMachine = MoneyMachine.TestCase
TestMoneyMachine.settings = settings(
    max_examples=60,
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    derandomize=True,
    database=None,
)
