"""What waiting costs and how late it is, beside other ways: `python -m tests.benchmarks.polling [--seeds N]`.

Nothing is sent and nothing waits: a simulated service renders under virtual time, a GET takes 0.1 s, 4 are in flight,
10 a second. Medians over the seeds; `worst` is the worst of all.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence

from tests.benchmarks import polling_cases as cases
from tests.benchmarks import polling_policies as policies
from tests.benchmarks import report
from tests.benchmarks.polling_service import Case, Outcome, Wire, each, finish_times, play

UNLIMITED = Wire(at_once=1_000_000, per_second=1e9)
BRISK = {"polls/video": 1.6, "p50": 15.0, "worst": 60.0}
STEADY = {"polls/video": 1.7, "mean": 45.0, "p95": 110.0}
LIMITS: dict[str, dict[str, float]] = {
    **{case.name: BRISK for case in cases.BRISK},
    cases.SLOW.name: STEADY,
    cases.SLOW_EXACT.name: STEADY,
    cases.SHUFFLED.name: {"polls/video": 2.5},
}
CASES = (
    *cases.BRISK,
    cases.WIDE,
    cases.SLOW,
    cases.SLOW_EXACT,
    cases.SHUFFLED,
    cases.RANDOM,
    cases.FAIR,
    cases.ONE_BY_ONE,
    cases.OUTAGE,
    cases.FAILING,
    cases.TAIL,
    cases.SERIAL,
    cases.SMALL,
    cases.FEW,
)
NAIVE_SLOTS = 500_000
"""Every id every interval is left out where it would take more requests than this."""

Measure = Callable[[int], Outcome]


def same_rate(case: Case) -> Measure:
    """Ask in turn, at the rate that our schedule needed on average for the same queue."""

    def measure(seed: int) -> Outcome:
        ours = cases.frontier(case, seed)
        done = finish_times(case, seed)
        per_second = ours.polls / (max(ours.asked_at) - min(ours.asked_at))
        return play(policies.InTurn(case, per_second=per_second), done, Wire())

    return measure


def measures(case: Case) -> dict[str, Measure]:
    """Return the policies for a case, ours first."""

    def with_policy(make: Callable[[random.Random], policies.EveryId | policies.PlainFrontier], wire: Wire) -> Measure:
        return lambda seed: play(make(random.Random(seed)), finish_times(case, seed), wire)

    found: dict[str, Measure] = {
        "this program": lambda seed: cases.frontier(case, seed),
        "plain frontier": with_policy(lambda rng: policies.PlainFrontier(case, rng), Wire()),
        "each in turn, same request rate": same_rate(case),
        "each id, back-off x1.5 to 300 s": with_policy(lambda rng: policies.EveryId(case, rng, factor=1.5), Wire()),
    }
    if case.videos**2 * case.service_s / case.workers / case.interval_s / 2 <= NAIVE_SLOTS:
        found["each id every interval, unlimited"] = with_policy(lambda rng: policies.EveryId(case, rng), UNLIMITED)
    return found


def others() -> dict[str, dict[str, Measure]]:
    """Return what else is measured on the slow queue: callbacks, the list, a restart."""
    case = cases.SLOW

    def hinted(seed: int) -> Outcome:
        done = finish_times(case, seed)
        return play(policies.Hinted(cases.schedule_of(case, seed), done, random.Random(seed)), done, Wire())

    return {
        case.name: {
            "this program with callbacks, 2 % lost": hinted,
            "list, all pages, every 60 s": lambda seed: policies.list_pages(finish_times(case, seed)),
            "this program, restarted after 3,000 s": lambda seed: cases.restarted(case, seed, stop=3_000, go=3_001),
            "this program, away from 3,000 s to 4,000 s": lambda seed: cases.restarted(
                case, seed, stop=3_000, go=4_000
            ),
        }
    }


def row(case: Case, name: str, measure: Measure, seeds: int) -> list[object]:
    """Measure one policy on one case; ours carries the limits."""
    figures = each(measure, seeds)
    limits = LIMITS.get(case.name, {}) if name == "this program" else {}
    cells = [report.Figure(name=key, value=value, limit=limits.get(key), peer=name) for key, value in figures.items()]
    return [case.name, name, *cells]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a figure is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.polling")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args(arguments)
    rows: list[list[object]] = []
    for case in CASES:
        report.note(f"polling: {case.name}")
        for name, measure in {**measures(case), **others().get(case.name, {})}.items():
            rows.append(row(case, name, measure, options.seeds))
    ours, peer = (
        next(r for r in rows if r[:2] == [cases.RANDOM.name, name])
        for name in ("this program", "each in turn, same request rate")
    )
    ours[3] = report.Figure(name="mean", value=_value(ours[3]), limit=_value(peer[3]), peer=str(peer[1]))
    headers = ["queue", "policy", "requests per video", "mean notice, s", "median, s", "95 %, s", "worst, s"]
    report.show("polling", "Waiting", headers, rows)
    return int(report.missed(rows) > 0)


def _value(cell: object) -> float:
    assert isinstance(cell, report.Figure)
    return cell.value


if __name__ == "__main__":
    sys.exit(main())
