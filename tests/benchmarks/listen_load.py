"""`python -m tests.benchmarks.listen_load`: 300 callbacks a second for 10 s against a real `bhuman listen`.

A third are duplicates; besides, some are forged and some too large. Beside it, in the same moments, the time of one
synced line in a file: an answer means that the event is on disk. Each round is a process of its own; medians.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks import report
from tests.support import listener

P99_MS = 250.0
GROWN_MIB = 8.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a real event is missing or an answer comes late."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.listen_load")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--per-second", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    rounds = []
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory() as folder, listener.running(Path(folder)) as running:
            rounds.append(measure(running, int(chosen.seconds * chosen.per_second), chosen.per_second))
    found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    bad = {name: max(one[name] for one in rounds) for name in ("missing", "wrong")}
    lines: list[list[object]] = [
        ["requests, as sent", report.Figure(name="rate", value=found["rate"], unit="/s")],
        ["answers to real events, median", report.Figure(name="p50", value=found["p50"], unit=" ms")],
        ["99 of 100 answers", report.Figure(name="p99", value=found["p99"], unit=" ms", limit=P99_MS)],
        ["slowest answer", report.Figure(name="worst", value=found["worst"], unit=" ms")],
        ["one synced line, at the same time", report.Figure(name="sync", value=found["sync"], unit=" ms")],
        ["sender's own delay, worst", report.Figure(name="late", value=found["late"], unit=" ms")],
        ["memory gained", report.Figure(name="memory", value=found["memory"], unit=" MiB", limit=GROWN_MIB)],
        ["real events not stored", report.Figure(name="missing", value=bad["missing"], limit=0)],
        ["wrong answers", report.Figure(name="wrong answers", value=bad["wrong"], limit=0)],
    ]
    title = f"Callbacks, {chosen.per_second} a second for {chosen.seconds:g} s, {chosen.rounds} rounds"
    report.show("listen_load", title, ["what", "median"], lines)
    return int(report.missed(lines) > 0)


def measure(running: listener.Listener, count: int, per_second: int) -> dict[str, float]:
    """Send the requests of one round, evenly; return its figures."""
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

    with ThreadPoolExecutor(25) as pool:
        synced = pool.submit(sync_ms, running.home / "floor.txt", started + len(order) * gap)
        results = list(pool.map(one, range(len(order))))
        took_s = time.perf_counter() - started
        floor_ms = synced.result()
    answered = sorted(1_000 * seconds for is_real, status, seconds, _ in results if is_real and status == 200)
    with running.store() as store:
        stored = len(store.hints(0)[1]) - len(warm)
    return {
        "rate": len(order) / took_s,
        "p50": answered[len(answered) // 2],
        "p99": answered[int(len(answered) * 0.99)],
        "worst": answered[-1],
        "sync": floor_ms,
        "late": 1_000 * max(behind for *_, behind in results),
        "memory": (running.resident_kib() - before) / 1_024,
        "missing": len(set(real)) - stored,
        "wrong": sum(is_real != (status == 200) for is_real, status, _, _ in results),
    }


def sync_ms(path: Path, until: float) -> float:
    """Append a line and sync it, ten times a second; return the median's milliseconds."""
    times = []
    with path.open("ab") as file:
        while time.perf_counter() < until:
            began = time.perf_counter()
            file.write(b"x" * 200 + b"\n")
            file.flush()
            os.fsync(file.fileno())
            times.append(1_000 * (time.perf_counter() - began))
            time.sleep(0.1)
    return statistics.median(times)


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
