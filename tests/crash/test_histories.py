"""Kills at every effect, for every outcome of the paid request. The service's own count is the judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash import histories
from tests.crash.histories import Case, Score, Told
from tests.support import money_judge
from tests.support.money_service import OUTCOMES

# Kills while videos are only waited for can lose a GET, never money: every seventh is enough for the quick run.
QUICK_STRIDE = 7


def quick(case: Case, *, from_start: bool = False) -> Iterator[Told]:
    """Run a case unharmed, then killed at every effect until the last request was judged, then at every seventh.

    from_start: also before the first connection, which is the same whatever is answered then.
    """
    unharmed = histories.run(case)
    yield unharmed
    labels = unharmed.labels[0] if unharmed.labels else []
    first = 1 if from_start or not labels else labels.index("post: connecting")
    for at in histories.quick_kills(unharmed, stride=QUICK_STRIDE):
        if at >= first:
            yield histories.run(histories.killed(case, at))


def expect_zeros(score: Score) -> None:
    for told in score.examples.values():
        story = "\n".join(told.story)
        pytest.fail(f"{told.broken}\nkilled at {told.case.kills} of {told.case.outcomes}\n{story}")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_killed_at_any_effect_nothing_is_paid_twice_lost_or_beside_the_wrong_row(outcome: str) -> None:
    case = Case(outcomes=(outcome,), after=("resume", "render"))
    score = histories.score(outcome, quick(case, from_start=outcome == "ok"))
    expect_zeros(score)
    assert score.histories > 8
    assert score.posts >= score.histories


@pytest.mark.parametrize("outcome", ["ok", "lost_after", "short_ids"])
def test_killed_at_any_effect_no_more_videos_are_in_flight_than_may_be(outcome: str) -> None:
    expect_zeros(histories.score(outcome, quick(Case(outcomes=(outcome,), after=("resume", "render"), at_once=1))))


@pytest.mark.parametrize("outcome", ["lost_after", "500_before", "short_ids", "part_lost"])
@pytest.mark.parametrize("evidence", ["list", "callbacks"])
def test_evidence_binds_what_was_accepted_and_never_sends_it_again(outcome: str, evidence: str) -> None:
    case = Case(outcomes=(outcome,), lists=evidence == "list", calls_back=evidence == "callbacks")
    expect_zeros(histories.score(outcome, quick(case)))


@pytest.mark.parametrize("outcome", ["lost_after", "500_after", "short_ids"])
@pytest.mark.parametrize("evidence", ["list", "callbacks"])
def test_where_there_is_evidence_no_person_is_asked(outcome: str, evidence: str) -> None:
    told = histories.run(Case(outcomes=(outcome,), lists=evidence == "list", calls_back=evidence == "callbacks"))
    assert told.broken == ""
    assert told.is_settled


def test_a_complete_list_without_the_rows_frees_them_after_the_grace_time() -> None:
    told = histories.run(Case(outcomes=("lost_before",), lists=True))
    assert told.broken == ""
    assert told.is_settled
    assert told.posts == 3


@pytest.mark.parametrize("speaks", ["late", "index", "index1", "odd", "odd_null", "null"])
@pytest.mark.parametrize("outcome", ["ok", "short_ids", "repeated"])
def test_however_records_speak_no_link_stands_beside_the_wrong_row(speaks: str, outcome: str) -> None:
    case = Case(outcomes=(outcome, "ok"), speaks=speaks, table=histories.DISTINCT, chunk_size=3)
    expect_zeros(histories.score(outcome, quick(case)))


@pytest.mark.parametrize("speaks", ["text", "late", "index", "index1", "odd"])
def test_ids_in_another_order_never_put_a_link_beside_the_wrong_row(speaks: str) -> None:
    case = Case(outcomes=("shuffled", "shuffled"), speaks=speaks, table=histories.DISTINCT, chunk_size=3)
    expect_zeros(histories.score(speaks, quick(case)))


@pytest.mark.parametrize("decision", ["resend", "abandon"])
@pytest.mark.parametrize("outcome", ["lost_after", "lost_before", "short_ids", "foreign", "only_unknown"])
def test_a_person_settles_what_evidence_can_not(outcome: str, decision: str) -> None:
    case = Case(outcomes=(outcome,), decision=decision)
    expect_zeros(histories.score(outcome, quick(case)))
    # What an answer named ids for is never sent again; it can only be found, or given up.
    was_accepted = outcome in {"short_ids", "only_unknown"}
    assert histories.run(case).is_settled != (was_accepted and decision == "resend")


def test_accepting_positions_says_nothing_about_requests_in_doubt() -> None:
    told = histories.run(Case(outcomes=("lost_after",), decision="accept"))
    assert (told.broken, told.is_settled) == ("", False)


def test_given_up_rows_stay_given_up_while_others_of_their_request_are_still_asked_about() -> None:
    client = histories.build(Case(outcomes=("foreign",), table=histories.DISTINCT))
    client.world.clock.pass_s(60.0)  # the stranger's video is finished long ago
    client.timeout_s = 1.1  # ours are not
    with client.world.alive("render"):
        client.render("render", histories.DISTINCT)
    client.timeout_s = 0.1
    with client.world.alive("abandon"):
        client.decide("abandon", "abandon")
    assert client.last is not None
    assert client.last.selected["failed"] == 1
    assert client.last.open_rows > 0
    client.timeout_s = 130.0
    with client.world.alive("resume"):
        client.resume("resume")
    assert client.last is not None
    assert client.last.exit_code == 5
    assert client.last.selected == {"failed": 1, "succeeded": 3}


def test_refused_rows_are_found_by_halving_however_often_it_is_killed() -> None:
    case = Case(outcomes=(), table=histories.BAD_ROWS, chunk_size=5)
    expect_zeros(histories.score("400", quick(case)))


def test_a_second_kill_in_recovery_changes_nothing() -> None:
    for outcomes in (("429", "lost_after"), ("short_ids", "500_after"), ("400", "429")):
        case = Case(outcomes=outcomes, after=("resume", "render"))
        unharmed = histories.run(case)
        for one in histories.quick_kills(unharmed, stride=40)[::8]:
            once = histories.run(histories.killed(case, one))
            assert once.broken == ""
            recovery = histories.quick_kills(once, stride=40, life=1)[::5] if len(once.counts) > 1 else []
            for two in recovery:
                told = histories.run(histories.killed(case, one, two))
                assert told.broken == "", (outcomes, one, two, told.story)


def test_rows_deleted_from_the_file_are_never_sent_by_anybody() -> None:
    edited = (*histories.ROWS[:1], ("new", "Row"))
    for after in (("render", "resume"), ("resume", "render")):
        case = Case(outcomes=("ok",), after=after, edited=edited)
        expect_zeros(histories.score("edited", quick(case)))


def test_a_plan_that_was_not_confirmed_is_never_paid() -> None:
    case = Case(outcomes=("ok",))
    unharmed = histories.run(case)
    confirmation = unharmed.labels[0].index("results written")
    for at in range(1, confirmation - 4):
        client = histories.build(case)
        with client.world.alive("render", at):
            client.render("render", case.table)
        with client.world.alive("resume"):
            client.resume("resume")
        assert client.oracle.posts == 0


def test_a_failed_render_is_retried_once_by_two_runs_that_share_it() -> None:
    row = (("fay", "Blue"),)
    client = histories.build(Case(outcomes=(), table=row * 2))
    client.oracle.manner.fails = frozenset({"fay"})
    lives: tuple[tuple[str, Callable[[], None]], ...] = (
        ("ok", lambda: client.render("life", row, path="/a.csv")),
        ("429_long", lambda: client.render("life", row, path="/b.csv", retry=True)),
        ("ok", lambda: client.render("life", row, path="/a.csv", retry=True)),
        ("ok", lambda: client.resume("life")),
    )
    for outcome, live in lives:
        client.oracle.outcomes = [outcome]
        with client.world.alive("life"):
            live()
    assert client.oracle.accepted()[row[0]] == 2


@pytest.mark.parametrize("outcome", ["ok", "lost_after", "short_ids", "429"])
def test_a_journal_in_a_real_file_goes_the_same_ways(tmp_path: Path, outcome: str) -> None:
    """Most histories keep their journal in memory; here it is the file that is used for real."""
    for at in range(5, 60, 9):
        case = Case(outcomes=(outcome,), kills=(at,))
        real = histories.run(case, folder=tmp_path / f"{outcome}{at}")
        assert real.broken == ""
        assert (real.labels, real.posts) == ((same := histories.run(case)).labels, same.posts)


@pytest.mark.parametrize("outcome", ["ok", "lost_after", "429"])
def test_paying_again_on_purpose_pays_once_more_however_often_it_is_killed(outcome: str) -> None:
    at = 0
    while True:
        at += 3
        client = histories.build(Case(outcomes=(), table=(*histories.DISTINCT, *histories.DISTINCT)))
        with client.world.alive("first"):
            client.render("first", histories.DISTINCT)
        client.oracle.outcomes = [outcome]
        with client.world.alive("again", at) as life:
            client.render("again", histories.DISTINCT, again=True)
        for name in ("second", "third"):
            with client.world.alive(name):
                client.resume(name)
        with client.world.alive("plain"):
            client.render("plain", histories.DISTINCT)
        money_judge.check(client.world, client.oracle)
        assert max(client.oracle.accepted().values()) <= 2
        if life.count < at:
            break
    assert min(client.oracle.accepted().values()) == 2
