"""The real command ended by SIGKILL at random moments; a stand-in that shares no code with it counts and judges."""

from __future__ import annotations

import base64
import contextlib
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import plain_service
from tests.support.desk import Desk
from tests.support.plain_service import PlainService

ROWS = (("Ann", "Acme"), ("Bob", "Acme"), ("Bob", "Acme"), ("Cy", "Blue"), ("Dan", "Blue"))
SECRET = base64.b64encode(f"{plain_service.KEY}:{plain_service.SECRET}".encode())  # as the header carries it
_SLOW_S = 0.06  # before and after it is accepted: so that many kills meet a request on its way
UNFINISHED = 6
IN_DOUBT = 9


@dataclass(slots=True)
class Fallen:
    """What one history of real kills came to. broken: what was wrong, "" if nothing."""

    number: int
    kills: int = 0
    in_flight: int = 0
    in_doubt: bool = False
    broken: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serving() -> Iterator[PlainService]:
    """Run the service that judges."""
    with plain_service.running() as service:

        def accept_slowly(body: dict[str, Any]) -> plain_service.Reply:
            time.sleep(_SLOW_S)
            ids = service.accept(body)
            time.sleep(_SLOW_S)
            return plain_service.reply(200, {"code": 200, "result": ids})

        service.always = accept_slowly
        yield service


def desk_at(service: PlainService, folder: Path) -> Desk:
    """Return a desk whose commands talk to the service."""
    folder.mkdir(parents=True, exist_ok=True)
    desk = Desk(folder, service.url)
    desk.timeout_s = 600.0  # a busy machine is no hang
    return desk


def measure(service: PlainService, folder: Path) -> float:
    """Return how many seconds an unharmed run takes here and now."""
    desk = desk_at(service, folder)
    desk.table("people.csv", [(f"measure {a}", b) for a, b in ROWS])
    started = time.monotonic()
    ended = desk.run(*_render())
    assert ended.code == 0, ended.err
    return time.monotonic() - started


def _render() -> tuple[str, ...]:
    return ("render", "people.csv", "--chunk-size", "2", "--poll-interval", "0.1", "--progress", "none")


def fall(service: PlainService, folder: Path, number: int, usual_s: float, address: str = "") -> Fallen:
    """Kill a run, perhaps twice; continue to the end; judge."""
    rng = random.Random(number)
    desk = desk_at(service, folder / f"fall{number}")
    if address:
        desk.env["BHUMAN_JOURNAL"] = address
    table = [(f"f{number} {first}", company) for first, company in ROWS]
    desk.table("people.csv", table)
    told = Fallen(number)
    for life in range(1 + (rng.random() < 0.5)):
        command = _render() if life == 0 or rng.random() < 0.5 else ("resume", "--poll-interval", "0.1")
        _killed(desk, command, rng.uniform(0.15, 1.0) * usual_s, told)
        _check_whole(desk, told)
    _finish(desk, rng, told)
    _judge(service, desk, table, told)
    return told


def _killed(desk: Desk, command: tuple[str, ...], after_s: float, told: Fallen) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bhuman_cli", *command],
        cwd=desk.folder, env=desk.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
        told.kills += 1
    if SECRET in said:
        told.broken.append("secret on stderr")
    told.story.append(f"{command[0]} after {after_s:.2f} s: {process.returncode}")


def _check_whole(desk: Desk, told: Fallen) -> None:
    path = desk.folder / "people.results.csv"
    if path.exists() and len(desk.results()) != len(ROWS):
        told.broken.append("results file is not whole")


def _finish(desk: Desk, rng: random.Random, told: Fallen) -> None:
    """Run to the end, by either command; let a person give up what stays in doubt."""
    for _ in range(4):
        ended = desk.run(*(_render() if rng.random() < 0.5 else ("resume", "--poll-interval", "0.1")))
        told.story.append(f"then {ended.code}")
        if ended.code not in {0, UNFINISHED, IN_DOUBT}:
            told.broken.append(f"exit {ended.code}: {ended.err[-300:]}")
            return
        told.in_doubt = told.in_doubt or ended.code == IN_DOUBT
        _check_whole(desk, told)
        if ended.code != UNFINISHED:
            break
    final = desk.run(*_render())
    if not (desk.folder / "people.results.csv").exists():
        told.broken.append(f"no results file: exit {final.code}: {final.err[-300:]}")
        return
    states = set(desk.column("status"))
    expected = IN_DOUBT if "in_doubt" in states else 0
    allowed = {"succeeded", "in_doubt", "pending"} if expected else {"succeeded"}  # two doubts hold the rest back
    if final.code != expected or states - allowed:
        told.broken.append(f"exit code {final.code} with {sorted(states)}")


def _judge(service: PlainService, desk: Desk, table: list[tuple[str, str]], told: Fallen) -> None:
    accepted = [row for row in list(service.accepted) if row["text"][0].startswith(f"f{told.number} ")]
    counts = Counter(tuple(row["text"]) for row in accepted)
    told.broken += [f"accepted twice: {text}" for text, count in counts.items() if count > 1]  # equal rows are one
    shown = {service.record(row)["url"]: tuple(row["text"]) for row in accepted}
    open_rows: Counter[tuple[str, str]] = Counter()
    bound: Counter[tuple[str, str]] = Counter()
    for row in desk.results():
        values = (row["first_name"], row["company"])
        if row["url"] and shown.get(row["url"]) != values:
            told.broken.append(f"wrong link beside {values}")
        bound[values] += bool(row["id"])
        open_rows[values] += row["status"] == "in_doubt"
    lost = [text for text, count in counts.items() if count > bound[text] + open_rows[text]]
    told.broken += [f"lost silently: {text}" for text in lost]
    told.in_flight = sum(open_rows.values())
    for path in desk.home.rglob("*"):
        if path.is_file() and SECRET in path.read_bytes():
            told.broken.append(f"secret in {path.name}")


def many(folder: Path, kills: int, *, at_once: int = 3, address: str = "") -> list[Fallen]:
    """Run histories, a few at once, until there were so many kills. address: of a journal that each has a schema in."""
    found: list[Fallen] = []
    with serving() as service, ThreadPoolExecutor(at_once) as pool:
        usual_s = measure(service, folder / "measure")
        while (left := kills - sum(one.kills for one in found)) > 0 and len(found) < 3 * kills:
            numbers = range(len(found), len(found) + max(2, left * 3 // 4))
            found += pool.map(
                lambda number: fall(service, folder, number, usual_s * 1.2, f"{address}{number}" if address else ""),
                numbers,
            )
    return found


def line(found: list[Fallen], seconds: float) -> str:
    """Return the figures in a sentence."""
    kills = sum(one.kills for one in found)
    broken = [what for one in found for what in one.broken]
    doubts = sum(one.in_doubt for one in found)
    return (
        f"{kills} real kills in {len(found)} histories ({seconds:.0f} s): {doubts} left a request openly in doubt; "
        f"{len(broken)} promises broken{': ' if broken else ''}{'; '.join(broken[:5])}"
    )
