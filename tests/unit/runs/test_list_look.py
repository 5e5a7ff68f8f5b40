"""The look at a target's list before a paid request: what it costs, what it finds, what it keeps."""

from __future__ import annotations

import pytest

from bhuman_cli import errors
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import list_look
from bhuman_cli.runs.list_look import ListLook
from tests.support import ledger
from tests.support.ledger import Bench

pytestmark = pytest.mark.usefixtures("open_list")


def to_send(bench: Bench, *texts: str) -> Run:
    return ledger.confirmed(bench.journal, ledger.rows_of(*texts))


def others(bench: Bench, *texts: str) -> None:
    bench.service.take({"names": [[text] for text in texts]})


def refused(bench: Bench, run: Run, look: ListLook | None = None) -> str:
    found = (look or ListLook()).refusal(bench.context, run)
    return "" if found is None else found.message


def test_a_list_that_agrees_costs_one_get_every_half_minute(bench: Bench) -> None:
    others(bench, *(f"stranger {at}" for at in range(250)))
    run, look = to_send(bench, "Ada"), ListLook()
    assert refused(bench, run, look) == ""
    bench.service.pages_read = 0
    assert refused(bench, run, look) == ""
    bench.clock.pass_s(29.0)
    assert (refused(bench, run, look), bench.service.pages_read) == ("", 0)
    for _ in range(3):
        bench.clock.pass_s(30.0)
        assert refused(bench, run, look) == ""
    assert bench.service.pages_read == 3
    assert bench.service.asked == [], "who shows its text is not asked for it"


def test_what_was_accepted_since_is_expected_in_the_list(bench: Bench) -> None:
    run, look = to_send(bench, "Ada", "Bob"), ListLook()
    assert refused(bench, run, look) == ""
    ids = bench.service.take({"names": [["Ada"]]})
    ledger.sent(bench.journal, run, ids, limit=1)  # type: ignore[arg-type]
    bench.clock.pass_s(30.0)
    bench.service.pages_read = 0
    assert refused(bench, run, look) == ""
    assert bench.service.pages_read == 1


def test_equal_totals_prove_nothing(bench: Bench) -> None:
    others(bench, "Zoe", "Yan")
    run, look = to_send(bench, "Ada"), ListLook()
    assert refused(bench, run, look) == ""
    bench.service.accepted.pop()
    others(bench, "Ada")
    bench.clock.pass_s(30.0)
    assert refused(bench, run, look).startswith("1 of the 1 rows")


@pytest.mark.parametrize("text", ["Ada &amp; bob", "ADA & BOB", " Ada  & Bob"])
def test_a_video_of_a_row_in_whatever_spelling_refuses(bench: Bench, text: str) -> None:
    others(bench, text)
    assert refused(bench, to_send(bench, "Ada & Bob", "Cid")).startswith("1 of the 2 rows")


def test_a_video_seen_beside_other_rows_is_found_for_the_file_that_has_its_row(bench: Bench) -> None:
    others(bench, "Ada")
    assert refused(bench, to_send(bench, "Zoe")) == ""
    run = ledger.confirmed(bench.journal, ledger.rows_of("Ada"), input_path="/in/other.csv")
    bench.service.pages_read = 0
    assert refused(bench, run).startswith("1 of the 1 rows")
    assert bench.service.pages_read == 1, "it was judged before"


def test_rows_that_only_begin_alike_are_told_apart_by_the_texts_themselves(bench: Bench) -> None:
    others(bench, "https://www.example.com/one")
    assert refused(bench, to_send(bench, "https://www.example.com/two")) == ""


def test_videos_that_are_others_by_a_persons_word_are_never_asked_about_again(bench: Bench) -> None:
    others(bench, "Ada")
    run, look = to_send(bench, "Ada"), ListLook()
    assert refused(bench, run, look)
    list_look.accept(bench.journal, run, look.finding)
    assert refused(bench, run) == ""
    others(bench, "Ada")
    assert refused(bench, run), "that was another one"


def test_a_silent_video_is_asked_by_its_id_and_holds_up_while_it_is_made(bench: Bench) -> None:
    others(bench, "Ada")
    own = bench.service.accepted[0]["id"]
    bench.service.change = lambda record: {**record, "text": None}
    bench.service.undone.add(own)
    run = to_send(bench, "Ada")
    assert "are being made" in refused(bench, run) or "is being made" in refused(bench, run)
    bench.service.change = lambda record: record
    assert refused(bench, run).startswith("1 of the 1 rows")


def test_videos_of_a_request_in_doubt_are_no_other_journals(bench: Bench) -> None:
    run = to_send(bench, "Ada", "Ada")
    from tests.support.doubts import lost

    lost(bench, "Ada", path="/in/lost.csv")
    assert refused(bench, run) == ""


def test_a_closed_list_is_no_refusal_and_an_open_one_that_can_not_be_read_is(bench: Bench) -> None:
    run = to_send(bench, "Ada")
    for error in (errors.ApiError("closed", status=403), errors.ServiceDown("down")):
        bench.service.page_error = error
        assert refused(bench, run) == ""
    bench.service.page_error = None
    others(bench, "Zoe")
    assert refused(bench, run) == ""
    bench.service.page_error = errors.ServiceDown("down")
    assert "could not be read to its end" in refused(bench, run)


def test_nothing_is_sent_beside_a_video_that_came_meanwhile(bench: Bench) -> None:
    run = to_send(bench, "Ada")
    others(bench, "Ada")
    outcome = bench.carry_out(run, list_look=ListLook())
    assert (outcome.exit_code, outcome.requests, len(bench.service.bodies)) == (ExitCode.REFUSED, 0, 0)
    assert outcome.next_command == f"bhuman resume {run.run_id}"
