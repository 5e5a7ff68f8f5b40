"""`python -m tests.benchmarks.listen_load`: 300 callbacks a second for 10 s against a real `bhuman listen`.

A third are duplicates; besides, some are forged and some too large. Prints the answers' times, the process's memory,
and what is stored; fails if a real event is missing or the promised times are not met.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support import listener

P99_S = 0.25


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--per-second", type=int, default=300)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, listener.running(Path(folder)) as running:
        return measure(running, int(chosen.seconds * chosen.per_second), chosen.per_second)


def measure(running: listener.Listener, count: int, per_second: int) -> int:
    real, bad = requests(running, count)
    order = [*((request, True) for request in real), *((request, False) for request in bad)]
    random.Random(1).shuffle(order)
    warm = [running.send(running.request(listener.event(10**6 + n))) for n in range(50)]
    assert set(warm) == {200}
    before = running.resident_kib()
    gap = count / per_second / len(order)
    started = time.perf_counter()

    def one(place: int) -> tuple[bool, int, float, float]:
        due = started + place * gap
        time.sleep(max(0.0, due - time.perf_counter()))
        at = time.perf_counter()
        request, is_real = order[place]
        status = running.send(request)
        ended = time.perf_counter()
        return is_real, status, ended - at, at - due

    with ThreadPoolExecutor(24) as pool:
        results = list(pool.map(one, range(len(order))))
    took = time.perf_counter() - started
    answered = sorted(seconds for is_real, status, seconds, _ in results if is_real and status == 200)
    wrong = [status for is_real, status, _, _ in results if is_real != (status == 200)]
    with running.store() as store:
        stored = len(store.hints(0)[1]) - len(warm)
    p50, p99 = answered[len(answered) // 2], answered[int(len(answered) * 0.99)]
    after = running.resident_kib()
    late = max(behind for *_, behind in results)
    print(
        f"{len(order)} requests in {took:.1f} s ({len(order) / took:.0f}/s), sender at most {late * 1000:.0f} ms late"
    )
    print(
        f"answers to real events: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, worst {answered[-1] * 1000:.0f} ms"
    )
    print(f"stored {stored} of {len(set(real))} distinct events, {len(real)} sent; wrong answers: {len(wrong)}")
    print(f"memory {before / 1024:.1f} MiB before, {after / 1024:.1f} MiB after")
    kept = stored == len(set(real)) and not wrong
    return 0 if kept and p99 <= P99_S and after - before < 8 * 1024 else 1


def requests(running: listener.Listener, count: int) -> tuple[list[bytes], list[bytes]]:
    """Return real requests (two thirds distinct, one third repeated) and ones that must not be let in."""
    distinct = [running.request(listener.event(n), token=f"t{n % 7}") for n in range(count * 2 // 3)]
    repeated = random.Random(2).choices(distinct, k=count - len(distinct))
    forged = running.request(listener.event(0), path="/cb/" + "x" * 32)
    oversized = running.request(listener.event(0, message="x" * 70_000))
    garbled = running.request(b"{")
    return distinct + repeated, [forged, oversized, garbled] * (count // 60)


if __name__ == "__main__":
    raise SystemExit(main())
