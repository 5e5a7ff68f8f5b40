"""Two copies of the program at once, interleaved between any two effects; the lock works, or it does not."""

from __future__ import annotations

import contextlib
import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.crash import histories
from tests.crash.histories import Case, Told
from tests.support import money_judge
from tests.support.money_client import Client
from tests.support.money_service import OUTCOMES
from tests.support.money_world import Life, Violation, World

SWITCHES = 0.35  # how often the other copy goes on at a point where it could
DIES = 0.4  # how often a life is killed at all
LIVES = 6
WAIT_S = 60.0


class Baton:
    """Threads of which exactly one runs: the one that was told to go on."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world, self._rng = world, rng
        self._back = threading.Semaphore(0)
        self._turns: dict[str, threading.Semaphore] = {}
        self._ended: set[str] = set()
        self._errors: list[BaseException] = []
        world.switch = self._pause

    def start(self, name: str, life: Callable[[], None]) -> None:
        """Begin a life; it waits for its turn."""
        turn = self._turns[name] = threading.Semaphore(0)

        def whole() -> None:
            turn.acquire()
            try:
                life()
            except BaseException as error:
                self._errors.append(error)
            finally:
                self._ended.add(name)
                self._back.release()

        threading.Thread(target=whole, name=name, daemon=True).start()

    @property
    def live(self) -> list[str]:
        """Return the lives that have not ended."""
        return [name for name in self._turns if name not in self._ended]

    def go(self, name: str) -> None:
        """Let one life go on until it pauses or ends."""
        self._turns[name].release()
        if not self._back.acquire(timeout=WAIT_S):
            raise Violation(f"hang: {name} does not come to its next effect")
        if self._errors:
            raise self._errors[0]

    def _pause(self, life: Life) -> None:
        if self._rng.random() >= SWITCHES:
            return
        self._back.release()
        self._turns[life.name].acquire()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One seed: outcomes, deaths and interleaving follow from it."""

    seed: int
    locks: bool
    outcomes: tuple[str, ...] = OUTCOMES


def run(pair: Pair) -> Told:
    """Let up to two copies work at once, six in all; then a quiet end, and judgement."""
    rng = random.Random(pair.seed)
    table = rng.choice([histories.ROWS, histories.DISTINCT, histories.BAD_ROWS])
    case = Case(
        outcomes=tuple(rng.choice([*pair.outcomes, "ok", "ok"]) for _ in range(8)),
        lists=rng.random() < 0.4,
        lag_s=rng.choice([0.0, 5.0]),
        calls_back=rng.random() < 0.3,
        table=table,
    )
    told = Told(case)
    client = histories.build(case, locks=pair.locks)
    client.is_alone = False
    told.story = client.world.story
    try:
        _together(client, case, rng)
        client.world.switch = None
        client.is_alone = True
        histories.quiet_end(client, told)
        told.is_settled = money_judge.finished(client.world)
    except Violation as violation:
        told.broken = str(violation)
    except Exception as error:
        told.broken = f"bug: {type(error).__name__}: {error}"
        if histories.TRACES:
            traceback.print_exc()
    told.posts = client.oracle.posts
    return told


def _together(client: Client, case: Case, rng: random.Random) -> None:
    baton = Baton(client.world, rng)
    started = 0
    while started < LIVES or baton.live:
        if started < LIVES and (not baton.live or (len(baton.live) < 2 and rng.random() < 0.5)):
            name = f"copy{started}"
            baton.start(name, _life(client, case, rng, name))
            started += 1
        baton.go(rng.choice(baton.live))
        if rng.random() < 0.1:
            client.world.clock.pass_s(1.0)


def _life(client: Client, case: Case, rng: random.Random, name: str) -> Callable[[], None]:
    dies_at = rng.randrange(1, 110) if rng.random() < DIES else None
    path = rng.choice(["/table.csv", "/table.csv", "/other.csv"])
    renders = name == "copy0" or rng.random() < 0.5
    mine = client.copy()

    def life() -> None:
        with mine.world.alive(name, dies_at), contextlib.suppress(GeneratorExit):
            if renders:
                mine.render(name, case.table, path=path)
            else:
                mine.resume(name)
            mine.world.story.append(f"{name} ended: {histories.ending(mine)}")

    return life


def score(label: str, *, seeds: range, locks: bool) -> histories.Score:
    """Run many seeds."""
    return histories.score(label, (run(Pair(seed=seed, locks=locks)) for seed in seeds))


def kinds(told: list[Told]) -> Counter[str]:
    """Count what broke."""
    return Counter(one.broken.partition(":")[0] for one in told if one.broken)
