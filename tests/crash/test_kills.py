"""Twenty real SIGKILLs of the real command; more with `python -m tests.crash --kills N`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.crash import kills

KILLS = 20


@pytest.mark.timeout(300)  # some sixty processes one after the other, on whatever machine this is
def test_a_killed_command_pays_nothing_twice_loses_nothing_and_crosses_no_links(tmp_path: Path) -> None:
    started = time.monotonic()
    found = kills.many(tmp_path, KILLS)
    assert {one.number: (one.broken, one.story) for one in found if one.broken} == {}
    print(kills.line(found, time.monotonic() - started))
    assert sum(one.kills for one in found) >= KILLS
