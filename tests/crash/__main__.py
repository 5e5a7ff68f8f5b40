"""`python -m tests.crash [--all] [--kills N]`: every history, every mutant, and as many real kills as asked for."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.crash import copies, flips, histories, kills, mutants, servers
from tests.crash.histories import Case, Score, Told
from tests.support import postgres
from tests.support.money_service import OUTCOMES

BASES: tuple[tuple[str, Case], ...] = (
    ("one answer, then resume", Case(outcomes=(), after=("resume",))),
    ("one answer, then render", Case(outcomes=(), after=("render",))),
    ("one answer, list open", Case(outcomes=(), lists=True)),
    ("one answer, list late", Case(outcomes=(), lists=True, lag_s=120.0)),
    ("one answer, callbacks", Case(outcomes=(), calls_back=True)),
    ("one answer, edited file", Case(outcomes=(), after=("render",), edited=(*histories.ROWS[:1], ("new", "Row")))),
    ("one answer, resend", Case(outcomes=(), decision="resend")),
    ("one answer, abandon", Case(outcomes=(), decision="abandon")),
    ("one answer, late text", Case(outcomes=(), speaks="late", table=histories.DISTINCT)),
)


@dataclass(frozen=True, slots=True)
class Share:
    """Every so many of the histories; the first is number one."""

    first: int
    step: int

    def takes(self, number: int) -> bool:
        """Say whether a history is among them."""
        return number % self.step == self.first % self.step

    def of(self, seeds: int) -> range:
        """Return the interleavings among them."""
        return range(self.first % self.step, seeds, self.step)


def singles(base: Case, share: Share, *, second: bool) -> Iterator[Told]:
    """Run every outcome with kills at every effect, and a second kill in recovery."""
    for outcome in OUTCOMES:
        case = histories.with_outcomes(base, outcome)
        yield from histories.with_kills(case, second=second, stride=17, takes=share.takes)


def twos(share: Share) -> Iterator[Told]:
    """Run every pair of outcomes with one kill at every effect."""
    for one in OUTCOMES:
        for two in OUTCOMES:
            yield from histories.with_kills(Case(outcomes=(one, two)), second=False, stride=60, takes=share.takes)


def everything(share: Share, seeds: int) -> Iterator[Score]:
    """Run all there is, a table row at a time."""
    for label, base in BASES:
        second = label in {"one answer, then resume", "one answer, then render"}
        yield histories.score(f"{label}{', two kills' if second else ''}", singles(base, share, second=second))
    yield histories.score("two answers, a kill at every effect", twos(share))
    yield copies.score("two copies, the lock works", seeds=share.of(seeds), locks=True)
    yield copies.score("two copies, the lock is broken", seeds=share.of(seeds), locks=False)


def quickly() -> Iterator[Score]:
    """Run one kill at every effect, and some copies."""
    yield histories.score(BASES[0][0], singles(BASES[0][1], Share(1, 1), second=False))
    yield copies.score("two copies, the lock is broken", seeds=range(200), locks=False)


def main() -> int:
    """Run what was asked for; 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every history (takes long)")
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="real SIGKILLs of the command")
    parser.add_argument(
        "--share", default="1/1", metavar="I/N", help="of the histories with --all, every Nth from I on"
    )
    parser.add_argument("--seeds", type=int, default=10_000, metavar="N", help="interleavings of two copies each")
    parser.add_argument("--flips", type=int, default=0, metavar="N", help="bits flipped in a journal, nothing else")
    parser.add_argument(
        "--postgres", type=int, default=0, metavar="N", help="histories on a server; N/4 kills, or --kills"
    )
    asked = parser.parse_args()
    if asked.postgres:
        return _on_server(asked.postgres, asked.kills or max(1, asked.postgres // 4))
    if asked.flips:
        return _flipped(asked.flips)
    broken = total = 0
    print(histories.HEAD)
    share = Share(*(int(part) for part in asked.share.split("/")))
    for score in everything(share, asked.seeds) if asked.all else quickly():
        print(score.line(), flush=True)
        total += score.histories
        broken += sum(score.broken.values())
        for told in score.examples.values():
            print(told.broken, told.case, *told.story, sep="\n    ", file=sys.stderr)
    print(f"\n{total:,} histories, {broken} broken promises\n\n{mutants.table()}")
    if asked.kills:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = kills.many(Path(folder), asked.kills)
        broken += sum(len(one.broken) for one in found)
        print("\n" + kills.line(found, time.monotonic() - started))
    return int(broken > 0)


def _on_server(count: int, kills_wanted: int) -> int:
    with postgres.running() as server, tempfile.TemporaryDirectory() as folder:
        print(histories.HEAD)
        scores = []
        for label, told in (
            ("PostgreSQL, random answers and kills", servers.told(server.url(), count, time.time_ns())),
            (
                "PostgreSQL, the connection cut at every commit",
                servers.cut(server, ("ok", "lost_after", "429", "short_ids")),
            ),
        ):
            scores.append(histories.score(label, told))
            print(scores[-1].line(), flush=True)
            for one in scores[-1].examples.values():
                print(one.broken, one.case, *one.story, sep="\n    ", file=sys.stderr)
        started = time.monotonic()
        deaths = kills.many(Path(folder), kills_wanted, address=server.url())
        print(kills.line(deaths, time.monotonic() - started))
    return int(sum(sum(score.broken.values()) for score in scores) + sum(len(one.broken) for one in deaths) > 0)


def _flipped(count: int) -> int:
    outcomes, wrong = flips.flip(count, seed=time.time_ns())
    print(f"{count:,} flipped bits: {dict(outcomes)}", *wrong, sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
