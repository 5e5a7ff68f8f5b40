"""Sending: intent, one POST, the raw answer on disk before anybody reads it; pauses, splits and when to stop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bhuman_cli.domain import Target
from bhuman_cli.journal import chunks, results
from bhuman_cli.journal.chunks import Answer
from bhuman_cli.runs import verdict
from bhuman_cli.runs.binding import doubts
from bhuman_cli.runs.submit import Ending
from tests.support import ledger
from tests.support.ledger import LOST, REFUSED, Bench, answered
from tests.support.sends import people, refusing, sending, started, statuses, to_the_end


def test_requests_go_out_one_after_the_other_in_file_order(bench: Bench) -> None:
    run, sender = started(bench, 5, chunk_size=2)
    assert to_the_end(bench, sender) == []
    assert [len(body["names"]) for body in bench.service.bodies] == [2, 2, 1]
    assert [item["text"] for item in bench.service.accepted] == [[f"person {at}"] for at in range(5)]
    assert (sender.ending, sender.accepted, sender.requests) == (Ending.SENT, 5, 3)
    assert statuses(bench, run) == ["queued"] * 5


def test_intent_is_durable_before_the_first_byte_and_the_answer_before_it_is_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def look() -> None:
        seen.append([chunk.state for chunk in chunks.unsettled(bench.journal, 1)])

    bench.service.before_answer = look
    _run, sender = started(bench, 1)
    stored: list[bytes] = []
    judged = verdict.judge

    def judging(answer: Answer, asked: verdict.Asked) -> Any:
        kept = bench.journal.query_one("SELECT body FROM answer")
        assert kept is not None
        stored.append(kept["body"])
        return judged(answer, asked)

    monkeypatch.setattr(verdict, "judge", judging)
    sender.step()
    assert seen == [["sending"]]
    assert json.loads(stored[0])["result"] == [bench.service.accepted[0]["id"]]
    assert bench.context.stop.in_flight is False


def test_no_connection_is_tried_five_times_within_thirty_seconds(bench: Bench) -> None:
    run, sender = started(bench, 1)
    bench.service.always = REFUSED
    pauses = to_the_end(bench, sender)
    assert (sender.ending, sender.reason) == (Ending.DOWN, "the connection was refused")
    assert bench.service.connects <= 5
    assert sum(pauses) <= 30
    assert len(set(pauses)) == len(pauses), "full jitter"
    assert (sender.requests, statuses(bench, run)) == (0, ["pending"])
    assert bench.journal.query_one("SELECT 1 FROM answer") is None


def test_the_attempts_are_counted_anew_after_each_connection(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _run, sender = started(bench, 2, chunk_size=1)
    accept = refusing("nobody")
    bench.service.posts = [REFUSED, REFUSED, REFUSED, REFUSED, accept, REFUSED, REFUSED, REFUSED, REFUSED, accept]
    monkeypatch.setattr(bench.context.rng, "uniform", lambda low, high: high / 4)
    to_the_end(bench, sender)
    assert (sender.ending, len(bench.service.accepted)) == (Ending.SENT, 2)


def test_slow_connections_end_at_thirty_seconds_not_at_five_attempts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run, sender = started(bench, 1)
    monkeypatch.setattr(bench.context.rng, "uniform", lambda low, high: 12.0)
    bench.service.always = REFUSED
    assert to_the_end(bench, sender) == [12.0, 12.0]
    assert bench.service.connects == 3


def test_429_waits_as_asked_else_one_two_four_minutes_and_three_times_at_most(bench: Bench) -> None:
    run, sender = started(bench, 1)
    bench.service.always = answered(429, {"error": "slow"})
    assert to_the_end(bench, sender) == [60.0, 120.0, 240.0]
    assert (sender.ending, bench.service.connects, sender.accepted) == (Ending.SLOW, 4, 0)
    assert statuses(bench, run) == ["pending"]
    bench.service.always = None
    bench.service.posts = [answered(429, {}, retry_after="7"), answered(429, {}, retry_after="0")]
    again = sending(bench, run)
    assert to_the_end(bench, again) == [7.0]
    assert (again.ending, len(bench.service.accepted)) == (Ending.SENT, 1)
    assert any("7 s" in said for said in bench.notices.said)


def test_a_pause_of_more_than_a_quarter_of_an_hour_stops_the_sending(bench: Bench) -> None:
    _run, sender = started(bench, 1)
    bench.service.always = answered(429, {}, retry_after="901")
    assert to_the_end(bench, sender) == []
    assert (sender.ending, "15 minutes" in sender.reason) == (Ending.SLOW, True)


def test_refused_credentials_stop_at_once_and_nothing_is_lost(bench: Bench) -> None:
    run, sender = started(bench, 4, chunk_size=2)
    bench.service.posts = [answered(401, {"error": "bad key"})]
    to_the_end(bench, sender)
    assert (sender.ending, sender.reason, bench.service.connects) == (Ending.CREDENTIALS, "HTTP 401: bad key", 1)
    assert statuses(bench, run) == ["pending"] * 4
    to_the_end(bench, sending(bench, run, 2))
    assert [item["text"] for item in bench.service.accepted] == [[f"person {at}"] for at in range(4)]


def test_quota_stops_the_sending_at_once_and_every_row_stays_pending(bench: Bench) -> None:
    run, sender = started(bench, 5, chunk_size=2)
    bench.service.posts = [refusing("nobody"), answered(400, {"code": 9, "error": "no credits left"})]
    to_the_end(bench, sender)
    assert sender.ending is Ending.NO_MONEY
    assert sender.reason.startswith("HTTP 400: no credits left; top up in the app under Settings > Plan & usage")
    assert (sender.accepted, len(bench.service.bodies)) == (2, 2), "never split, nothing after it"
    assert statuses(bench, run) == ["queued", "queued", "pending", "pending", "pending"]
    later = sending(bench, run, chunk_size=2)
    to_the_end(bench, later)
    assert (later.ending, later.accepted) == (Ending.SENT, 3)


def test_ids_in_a_refusal_are_asked_three_times_before_it_counts_as_one(bench: Bench) -> None:
    run, sender = started(bench, 2)
    stray = ledger.new_ids(1)[0]
    bench.service.posts = [answered(422, {"error": f"see {stray}"})]
    before = bench.clock.monotonic_s()
    to_the_end(bench, sender)
    assert bench.service.asked == [stray] * 3
    assert bench.clock.monotonic_s() - before >= 10
    assert statuses(bench, run) == ["rejected"] * 2


def test_ids_in_a_refusal_that_the_service_knows_are_bound_and_never_sent_again(bench: Bench) -> None:
    run, sender = started(bench, 2)
    bench.service.posts = [lambda service, body: answered(400, {"error": "partly", "ok": service.take(body, (1,))})]
    to_the_end(bench, sender)
    assert statuses(bench, run) == ["in_doubt", "succeeded"]
    for _ in range(2):  # the ids are known by now, and the answer is no refusal for it
        doubts.check(bench.context, run)
    assert statuses(bench, run) == ["in_doubt", "succeeded"]
    assert len(bench.service.bodies) == 1


def test_ids_in_a_refusal_that_nobody_can_ask_about_now_leave_it_open(bench: Bench) -> None:
    run, sender = started(bench, 2)
    bench.service.posts = [answered(422, {"error": f"see {ledger.new_ids(1)[0]}"})]
    bench.service.down = True
    to_the_end(bench, sender)
    assert statuses(bench, run) == ["in_doubt"] * 2
    bench.service.down = False
    doubts.check(bench.context, run)
    assert statuses(bench, run) == ["pending"] * 2


def test_a_lost_answer_is_in_doubt_once_and_two_of_them_stop_the_target(bench: Bench) -> None:
    run, sender = started(bench, 6, chunk_size=2)
    bench.service.posts = [LOST, refusing("nobody"), answered(500, {"error": "oops"})]
    to_the_end(bench, sender)
    assert statuses(bench, run) == ["in_doubt"] * 2 + ["queued"] * 2 + ["in_doubt"] * 2
    assert sum("in doubt" in said for said in bench.notices.said) == 2
    other = ledger.confirmed(bench.journal, ledger.rows_of("Zoe"), input_path="/in/other.csv")
    blocked = sending(bench, other)
    connects = bench.service.connects
    to_the_end(bench, blocked)
    assert (blocked.ending, bench.service.connects) == (Ending.DOUBT, connects), "from any run"
    elsewhere = ledger.confirmed(
        bench.journal, ledger.rows_of("Zoe"), target=Target(service="local", kind=run.target.kind, api_id="x")
    )
    free = sending(bench, elsewhere)
    to_the_end(bench, free)
    assert free.ending is Ending.SENT, "another target has no doubts"


def test_too_few_ids_are_asked_which_rows_they_belong_to(bench: Bench) -> None:
    run, sender = started(bench, 3)
    bench.service.posts = [
        lambda service, body: answered(200, {"code": 200, "result": service.take(body, rows=(2, 0))[::-1]})
    ]
    to_the_end(bench, sender)
    assert (sender.ending, sender.accepted) == (Ending.SENT, 2)
    rows = list(results.rows(bench.journal, run))
    assert [row.fields["status"] for row in rows] == ["succeeded", "in_doubt", "succeeded"]
    for at in (0, 2):
        assert bench.service.text_of(rows[at].fields["id"]) == [f"person {at}"]


# Splitting.


def test_one_bad_row_is_found_and_all_others_go_through(bench: Bench) -> None:
    rows = ledger.rows_of(*("bad" if at == 37 else f"person {at}" for at in range(100)))
    run = ledger.confirmed(bench.journal, rows)
    sender = sending(bench, run)
    bench.service.always = refusing("bad")
    to_the_end(bench, sender)
    assert (sender.ending, sender.accepted) == (Ending.SENT, 99)
    found = statuses(bench, run)
    assert (found[37], found.count("queued")) == ("rejected", 99)
    assert list(results.rows(bench.journal, run))[37].fields["message"] == "HTTP 400: row 0: not allowed"
    assert len(bench.service.bodies) <= 2 * 7 + 1


def test_both_halves_are_tried_before_going_deeper(bench: Bench) -> None:
    """So that a good half shows early that the campaign is right."""
    rows = ledger.rows_of(*(f"bad {at}" if at < 2 else f"person {at}" for at in range(8)))
    run = ledger.confirmed(bench.journal, rows)
    bench.service.always = refusing("bad")
    to_the_end(bench, sending(bench, run))
    assert [len(body["names"]) for body in bench.service.bodies] == [8, 4, 4, 2, 2, 1, 1]
    assert statuses(bench, run) == ["rejected"] * 2 + ["queued"] * 6


def test_other_refusals_are_not_split(bench: Bench) -> None:
    run, sender = started(bench, 4, chunk_size=2)
    bench.service.posts = [answered(422, {"error": "no"})]
    to_the_end(bench, sender)
    assert (statuses(bench, run), len(bench.service.bodies)) == (["rejected"] * 2 + ["queued"] * 2, 2)


def test_a_request_that_is_too_large_for_something_in_between_is_made_smaller(bench: Bench) -> None:
    """Halved until it passes, however small that is: no row is at fault, and no refusal counts."""
    run, sender = started(bench, 64)

    def proxy(service: object, body: dict[str, Any]) -> Any:
        return answered(413, b"<html>413 Request Entity Too Large</html>") if len(body["names"]) > 3 else None

    bench.service.always = proxy
    to_the_end(bench, sender)
    sizes = [len(body["names"]) for body in bench.service.bodies]
    assert sizes[:6] == [64, 32, 16, 8, 4, 2]
    assert set(sizes[6:]) == {2}
    assert statuses(bench, run) == ["queued"] * 64
    assert "--chunk-size 2" in bench.notices.said[-1]


def test_a_web_page_says_nothing_about_a_key(bench: Bench) -> None:
    run, sender = started(bench, 1)
    bench.service.posts = [answered(403, b"<!DOCTYPE html><title>Attention Required! | plan limit</title>")]
    to_the_end(bench, sender)
    assert (sender.ending, statuses(bench, run)) == (Ending.DOWN, ["pending"])
    assert "web page" in sender.reason


def test_at_most_two_hundred_extra_requests_a_run(bench: Bench) -> None:
    """Every second row is bad: without a limit this would be some two thousand requests."""
    rows = ledger.rows_of(*(f"{'bad' if at % 2 else 'person'} {at}" for at in range(1_000)))
    run = ledger.confirmed(bench.journal, rows)
    sender = sending(bench, run, 250)
    sender.accepted = 1  # something of this run was accepted
    bench.service.always = refusing("bad")
    to_the_end(bench, sender)
    assert sender.ending is Ending.SENT
    assert sender.requests == 4 + 200
    assert set(statuses(bench, run)) <= {"rejected", "queued"}


def test_seven_refusals_for_the_same_reason_stop_a_run_that_had_nothing_accepted(bench: Bench) -> None:
    run, sender = started(bench, 40, chunk_size=1)
    bench.service.always = refusing("person")
    to_the_end(bench, sender)
    assert (sender.ending, bench.service.connects) == (Ending.REFUSED, 7)
    assert statuses(bench, run) == ["rejected"] * 7 + ["pending"] * 33


def test_another_reason_or_one_accepted_request_starts_the_count_anew(bench: Bench) -> None:
    sender = started(bench, 14, chunk_size=1)[1]
    other = answered(400, {"error": "something else"})
    bench.service.posts = [*[refusing("person")] * 6, other, *[refusing("person")] * 6, refusing("nobody")]
    to_the_end(bench, sender)
    assert (sender.ending, bench.service.connects) == (Ending.SENT, 14)
    sender = started(bench, 30, chunk_size=1)[1]
    bench.service.posts = [refusing("nobody"), *[refusing("person")] * 40]
    to_the_end(bench, sender)
    assert sender.ending is Ending.SENT, "the campaign is right: every bad row is found"


def test_what_an_earlier_command_had_accepted_counts_for_its_run(bench: Bench) -> None:
    run, sender = started(bench, 30, chunk_size=1)
    sender.step()
    bench.service.always = refusing("person")
    resumed = sending(bench, run, 1)
    to_the_end(bench, resumed)
    assert (resumed.ending, statuses(bench, run).count("rejected")) == (Ending.SENT, 29)


# Stopping, and others at work.


def test_the_stop_button_is_looked_at_before_each_request(bench: Bench) -> None:
    _run, sender = started(bench, 4, chunk_size=2)
    sender.step()
    bench.context.stop.press(130)
    to_the_end(bench, sender)
    assert (sender.ending, len(bench.service.bodies)) == (Ending.STOPPED, 1)


def test_a_run_that_was_superseded_meanwhile_sends_nothing_more(bench: Bench) -> None:
    _run, sender = started(bench, 4, chunk_size=2)
    sender.step()
    newer = ledger.confirmed(bench.journal, people(4))
    to_the_end(bench, sender)
    assert (sender.ending, len(bench.service.bodies)) == (Ending.SUPERSEDED, 1)
    to_the_end(bench, sending(bench, newer))
    assert len(bench.service.accepted) == 4
