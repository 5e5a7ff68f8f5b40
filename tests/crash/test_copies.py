"""Two copies at once: with a lock that works, and with one that does not (a network disk)."""

from __future__ import annotations

import pytest

from tests.crash import copies

SEEDS = 120


@pytest.mark.parametrize("locks", [True, False], ids=["lock works", "lock broken"])
def test_two_copies_pay_once_lose_nothing_and_never_cross_links(locks: bool) -> None:
    score = copies.score("two copies", seeds=range(SEEDS), locks=locks)
    assert {kind: told.broken for kind, told in score.examples.items()} == {}
    assert score.histories == SEEDS
    assert score.posts > SEEDS


def test_a_working_lock_lets_one_copy_work_and_turns_the_other_away() -> None:
    refused = 0
    for seed in range(20):
        told = copies.run(copies.Pair(seed=seed, locks=True))
        refused += sum("locked" in line for line in told.story)
    assert refused > 0
