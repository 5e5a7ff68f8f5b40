"""The answer came, and the journal can't take it: ids held only in memory are money held only in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bhuman_cli import errors
from bhuman_cli.journal import chunks
from bhuman_cli.journal.database import Journal
from tests.crash import histories
from tests.crash.histories import Case
from tests.support import money_judge
from tests.support.money_client import Client
from tests.support.money_world import Killed

Answers = list[BaseException | None]


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What happens to the next attempts to store an answer; an exception, or None for success."""
    script: Answers = []
    whole = chunks.record_answer

    def record(journal: Journal, chunk: chunks.Chunk, answer: chunks.Answer) -> None:
        error = script.pop(0) if script else None
        if error is not None:
            raise error
        whole(journal, chunk, answer)

    monkeypatch.setattr(chunks, "record_answer", record)
    return script


@pytest.fixture
def client(tmp_path: Path) -> Client:
    made = histories.build(Case(outcomes=()))
    made.places = (tmp_path / "missing", tmp_path)
    return made


def live(client: Client, how: str) -> None:
    with client.world.alive(how):
        if how == "render":
            client.render(how, histories.ROWS)
        else:
            client.resume(how)
    money_judge.check(client.world, client.oracle)


def kept(client: Client) -> Iterator[Path]:
    return client.places[1].glob("bhuman-answer-*.json")


def full() -> errors.JournalError:
    return errors.JournalError("the disk is full")


def test_it_stays_alive_until_the_disk_has_room_again(client: Client, refusals: Answers) -> None:
    refusals += [full() for _ in range(20)]
    live(client, "render")
    assert client.last is not None
    assert client.last.exit_code == 0
    assert client.oracle.posts == 2


def test_killed_while_trying_the_second_place_has_the_answer(client: Client, refusals: Answers) -> None:
    refusals += [full(), full(), Killed()]
    live(client, "render")
    (path,) = kept(client)
    assert path.stat().st_mode & 0o777 == 0o600
    live(client, "resume")
    assert client.last is not None
    assert (client.last.exit_code, client.oracle.posts) == (0, 2)


def test_stopped_while_trying_nothing_is_lost_either(client: Client, refusals: Answers) -> None:
    refusals += [full() for _ in range(3)]
    client.oracle.on_answer = lambda _: client.stop.press(130)
    live(client, "render")
    assert client.refused == "the disk is full"
    refusals.clear()
    later = client.copy()
    later.oracle.on_answer = lambda _: None
    live(later, "resume")
    assert later.last is not None
    assert (later.last.exit_code, later.oracle.posts) == (0, 2)


def test_an_answer_kept_for_an_earlier_attempt_says_nothing_of_a_later_one(client: Client, refusals: Answers) -> None:
    """429, kept beside the journal; the next attempt is accepted, and its answer dies with the program."""
    client.oracle.outcomes = ["429", "ok"]
    refusals += [full(), None, Killed()]
    live(client, "render")
    assert (client.oracle.posts, len(list(kept(client)))) == (2, 1)
    live(client, "resume")
    assert client.last is not None
    assert client.last.exit_code == 9
    assert client.oracle.accepted()[("bob", "Acme")] <= 3
