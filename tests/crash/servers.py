"""Histories on a real PostgreSQL: every outcome, kills at any effect, the server stopped and started in between."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.crash import histories
from tests.crash.histories import Case, Told
from tests.support.money_service import OUTCOMES


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
