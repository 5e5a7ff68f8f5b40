"""Histories: for each outcome of the POST, the program is killed at every effect, then at every effect of recovery."""

from __future__ import annotations

import dataclasses
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import money_judge
from tests.support.money_client import Client, Table
from tests.support.money_service import BAD, RENDER_S, Manner, Oracle
from tests.support.money_world import Violation, World

ROWS: Table = (("bob", "Acme"), ("bob", "Acme"), ("ann", "Blue"), ("bob", "Acme"))
GRACE_S = 16 * 60.0
TRACES = bool(os.environ.get("BHUMAN_CRASH_TRACES"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One history.

    kills: after how many effects each life dies. after: how later lives start: render or resume.
    edited: the table as later renders find it. decision: a person's, about what stays in doubt.
    wall_jumps_s: how far our wall clock is set after the first life. lists_later: the list opens just before a person
    decides.
    """

    outcomes: tuple[str, ...]
    kills: tuple[int, ...] = ()
    after: tuple[str, ...] = ("resume",)
    speaks: str = "text"
    lists: bool = False
    lag_s: float = 0.0
    calls_back: bool = False
    has_colleague: bool = False
    decision: str = ""
    table: Table = ROWS
    edited: Table | None = None
    chunk_size: int = 2
    at_once: int = 0
    lists_finished_only: bool = False
    first_takes_s: float = RENDER_S
    first_lag_s: float | None = None
    wall_jumps_s: float = 0.0
    lists_later: bool = False


@dataclass(slots=True)
class Told:
    """What a history came to. counts: effects of each life, for the next kills."""

    case: Case
    broken: str = ""
    counts: list[int] = field(default_factory=list)
    labels: list[list[str]] = field(default_factory=list)
    is_settled: bool = False
    posts: int = 0
    story: list[str] = field(default_factory=list)


def build(case: Case, *, locks: bool = True, folder: Path | None = None, address: str = "") -> Client:
    """Put a world together; its journal is a real file where a folder is given, or on a server."""
    world = World(locks=locks, folder=folder, address=address)
    manner = Manner(
        speaks=case.speaks, lists=case.lists, lag_s=case.lag_s, calls_back=case.calls_back,
        has_colleague=case.has_colleague, lists_finished_only=case.lists_finished_only,
        first_takes_s=case.first_takes_s, first_lag_s=case.first_lag_s,
    )  # fmt: skip
    oracle = Oracle(world=world, outcomes=list(case.outcomes), manner=manner)
    oracle.allowed.update(Counter(case.table) | Counter(case.edited or ()))
    client = Client(world=world, oracle=oracle, chunk_size=case.chunk_size, at_once=case.at_once)

    def on_wire(token: str) -> None:
        _intent_is_durable(world, token)
        if case.at_once:
            _few_are_in_flight(world, token, case.at_once)

    oracle.on_wire = on_wire
    unstored: dict[str, str] = {}
    oracle.on_answer = lambda token: unstored.update({world.life.name: token})
    world.after_commit = lambda life: _answer_is_durable(world, unstored.pop(life.name, ""))
    return client


def _intent_is_durable(world: World, token: str) -> None:
    """Bytes are on the wire: the journal must say so already, committed; and no third doubt may be risked."""
    with world.looking() as journal:
        found = journal.query_one("SELECT state FROM chunk WHERE token = ?", (token,))
        doubts = journal.query_one("SELECT count(*) FROM chunk WHERE state = 'in_doubt' AND token <> ?", (token,))
    if world.life.in_transaction or found is None or found["state"] == "planned":
        raise Violation("intent: bytes on the wire before `sending` was on disk")
    if doubts is not None and doubts[0] >= 2 and world.locks:
        raise Violation("doubts: sent although two requests are in doubt")


def _few_are_in_flight(world: World, token: str, most: int) -> None:
    """A request goes only where there is room for its videos beside those that have no end yet."""
    with world.looking() as journal:
        found = journal.query_one(
            "SELECT count(*) FROM claim JOIN chunk USING (chunk_id) WHERE claim.live = 1 AND claim.ended_at IS NULL"
            " AND claim.status <> 'failed' AND chunk.state <> 'in_doubt'"  # doubts count for a quarter of an hour only
            " AND claim.run_no = (SELECT run_no FROM chunk WHERE token = ?)",
            (token,),
        )
    if found is not None and found[0] > most:
        raise Violation(f"gate: {found[0]} videos at once, at most {most} may be")


def _answer_is_durable(world: World, token: str) -> None:
    """The first thing written after an answer is the answer."""
    if not token:
        return
    with world.looking() as journal:
        if journal.query_one("SELECT 1 FROM answer JOIN chunk USING (chunk_id) WHERE token = ?", (token,)) is None:
            raise Violation("answer: something was written before the raw answer")


def run(case: Case, *, folder: Path | None = None, address: str = "", by_way_of: str = "") -> Told:
    """Live one history to its quiet end and judge it. by_way_of: another address of the journal, for the lives."""
    told = Told(case)
    client = build(case, folder=folder, address=address)
    world = client.world
    world.lives_at = by_way_of or world.lives_at
    told.story = world.story
    try:
        for number, dies_at in enumerate([*case.kills, None]):
            how = "render" if number == 0 else case.after[(number - 1) % len(case.after)]
            _live(client, told, how, f"life{number}", dies_at)
            world.clock.pass_s(1.0)
            world.clock.set_wall(case.wall_jumps_s if number == 0 else 0.0)
        quiet_end(client, told)
        told.is_settled = money_judge.finished(world)
    except Violation as violation:
        told.broken = str(violation)
    except Exception as error:
        told.broken = f"bug: {type(error).__name__}: {error}"
        if TRACES:
            traceback.print_exc()
    told.posts = client.oracle.posts
    return told


def _live(client: Client, told: Told, how: str, name: str, dies_at: int | None) -> None:
    with client.world.alive(name, dies_at) as life:
        if how == "render":
            is_first = not told.counts or told.case.edited is None
            client.render(name, told.case.table if is_first else told.case.edited or ())
        else:
            client.resume(name)
        client.world.story.append(f"{name} {how} ended: {ending(client)}")
    told.counts.append(life.count)
    told.labels.append(life.labels)
    money_judge.check(client.world, client.oracle)


def ending(client: Client) -> str:
    return client.refused or (f"exit {int(client.last.exit_code)}" if client.last else "nothing to do")


def quiet_end(client: Client, told: Told) -> None:
    """Nothing fails any more: continue, wait past the grace time, let a person decide, render once more."""
    world = client.world
    client.oracle.outcomes.clear()
    _live(client, told, "resume", "quiet1", None)
    world.clock.pass_s(GRACE_S)
    _live(client, told, "resume", "quiet2", None)
    if told.case.lists_later:
        client.oracle.manner.lists = True
    if told.case.decision:
        with world.alive("person"):
            client.resume("person", told.case.decision)
        money_judge.check(world, client.oracle)
    _live(client, told, "render", "quiet3", None)
    _live(client, told, "resume", "quiet4", None)


def killed(case: Case, *kills: int) -> Case:
    """Return the case with these deaths."""
    return dataclasses.replace(case, kills=kills)


def with_outcomes(case: Case, *outcomes: str) -> Case:
    """Return the case with these answers."""
    return dataclasses.replace(case, outcomes=outcomes)


def quick_kills(told: Told, *, stride: int, life: int = 0) -> list[int]:
    """Return every effect until the last request was judged, and every so many of those that only wait."""
    labels = told.labels[life] if len(told.labels) > life else []
    posts = [at for at, label in enumerate(labels) if label == "post: answered"]
    judged = posts[-1] + 5 if posts else 0
    return [at for at in range(1, len(labels) + 1) if at <= judged or at % stride == 0]


def with_kills(
    case: Case, *, second: bool, stride: int = 1, takes: Callable[[int], bool] = lambda _: True
) -> Iterator[Told]:
    """Run a case unharmed, then killed at every effect, and at every effect of the life after that.

    stride: of the effects that only wait for videos, every so many. takes: which of the histories by their number;
    those from which others follow are run all the same.
    """
    unharmed = run(case)
    yield unharmed
    number = 0
    for one in quick_kills(unharmed, stride=stride):
        number += 1
        if not second and not takes(number):
            continue
        once = run(killed(case, one))
        yield once
        for two in quick_kills(once, stride=stride, life=1) if second else ():
            number += 1
            if takes(number):
                yield run(killed(case, one, two))


@dataclass(slots=True)
class Score:
    """The zeros, and how many histories they stand for."""

    label: str
    histories: int = 0
    posts: int = 0
    settled: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Told] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, told: Told) -> None:
        """Count one history."""
        self.histories += 1
        self.posts += told.posts
        self.settled += told.is_settled
        if told.broken:
            kind = told.broken.partition(":")[0]
            self.broken[kind] += 1
            self.examples.setdefault(kind, told)

    def line(self) -> str:
        """Return a row of the table."""
        twice, wrong = self.broken["accepted twice"], self.broken["wrong link"]
        lost = self.broken["lost"] + self.broken["lost silently"] + self.broken["an id is bound to two rows"]
        other = sum(self.broken.values()) - twice - wrong - lost
        return (
            f"| {self.label} | {self.histories:,} | {self.posts:,} | {twice} | {wrong} | {lost} | {other} |"
            f" {self.settled / max(1, self.histories):.0%} | {self.seconds:.1f} |"
        )


HEAD = (
    "| histories of | number | POSTs | accepted twice | wrong link | lost silently | other | settled without a person"
    " | s |\n|---|---|---|---|---|---|---|---|---|"
)


def score(label: str, told: Iterable[Told]) -> Score:
    """Count histories."""
    started = time.perf_counter()
    found = Score(label)
    for one in told:
        found.add(one)
    found.seconds = time.perf_counter() - started
    return found


DISTINCT: Table = (("bob", "Acme"), ("ann", "Blue"), ("cy", "Acme"), ("dan", "Blue"))
BAD_ROWS: Table = (("bob", "Acme"), ("ann", BAD), ("cy", "Acme"), ("bob", "Acme"), ("dan", "Blue"))
