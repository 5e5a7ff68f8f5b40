"""Histories on a real PostgreSQL: every outcome, kills at any effect, the server stopped and started in between."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.crash import histories
from tests.crash.histories import Case, Told
from tests.support import cutting_proxy
from tests.support.money_service import OUTCOMES
from tests.support.postgres import Server


def told(address: str, count: int, seed: int) -> Iterator[Told]:
    """Run histories of random answers with one or two kills each, all on one server."""
    rng = random.Random(seed)
    for _ in range(count):
        case = Case(
            outcomes=(rng.choice(OUTCOMES), rng.choice(OUTCOMES)),
            kills=tuple(rng.randrange(1, 60) for _ in range(rng.randrange(1, 3))),
            after=(rng.choice(("resume", "render")),),
            lists=rng.random() < 0.3,
        )
        yield histories.run(case, address=address)


def cut(server: Server, outcomes: tuple[str, ...], *, stride: int = 1) -> Iterator[Told]:
    """Run histories in which the connection breaks at a COMMIT: every so many of them, before, between and after."""
    address = server.url()
    with cutting_proxy.running(server.port) as proxy:
        way = address.replace(f":{server.port}", f":{proxy.port}")
        for outcome in outcomes:
            case = Case(outcomes=(outcome,))
            proxy.cut(0, "")
            yield histories.run(case, address=address, by_way_of=way)
            commits = proxy.commits
            for number, phase in enumerate(cutting_proxy.PHASES):
                for at in range(1 + number % stride, commits + 1, stride):
                    proxy.cut(at, phase)
                    told = histories.run(case, address=address, by_way_of=way)
                    told.story.append(f"cut {phase} commit {at}")
                    if not proxy.cuts:
                        told.broken = told.broken or f"never cut: {commits} commits"
                    yield told
