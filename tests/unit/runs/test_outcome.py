"""How a command ends: the exit code nearest to money, counts that add up, the command that continues."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.errors import ExitCode
from bhuman_cli.runs import outcome as outcomes
from bhuman_cli.runs.outcome import Outcome
from bhuman_cli.runs.submit import Ending


def ended(tally: dict[str, int], **fields: Any) -> Outcome:
    usual: dict[str, Any] = {
        "run_id": "r1", "tally": tally, "selected": tally, "unsent": 0, "submitted": 0, "reused": 0,
        "requests": 0, "polls": 0, "elapsed_s": 1.0, "ending": Ending.SENT, "reason": "", "waited": True,
    }  # fmt: skip
    return Outcome(**{**usual, **fields})


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (ended({"succeeded": 3, "skipped": 2}), 0),
        (ended({}), 0),
        (ended({"succeeded": 1, "failed": 1}), 5),
        (ended({"rejected": 1}), 5),
        (ended({"invalid": 1}), 5),
        (ended({"queued": 1}), 6),
        (ended({"queued": 1, "failed": 1}), 6),
        (ended({"queued": 1}, waited=False), 0),
        (ended({"queued": 1, "failed": 1}, waited=False), 5),
        (ended({"pending": 1}, unsent=1, waited=False), 6),
        (ended({"processing": 1}, unanswered=True), 8),
        (ended({"processing": 1}, unanswered=True, waited=False), 0),
        (ended({"succeeded": 1}, unanswered=True), 0),
        (ended({"preparing": 1}, refused="HTTP 401"), 4),
        (ended({"in_doubt": 1, "queued": 1}, unanswered=True), 9),
        (ended({"succeeded": 1}, doubts=1), 9),
        (ended({"pending": 1}, unsent=1, ending=Ending.CREDENTIALS), 4),
        (ended({"pending": 1}, unsent=1, ending=Ending.DOWN), 8),
        (ended({"pending": 1}, unsent=1, ending=Ending.SLOW), 6),
        (ended({"pending": 1, "rejected": 1}, unsent=1, ending=Ending.REFUSED), 6),
        (ended({"pending": 1, "rejected": 1}, unsent=1, ending=Ending.BUSINESS), 6),
        (ended({"rejected": 7}, ending=Ending.REFUSED), 5),
        (ended({"pending": 1}, unsent=1, ending=Ending.SUPERSEDED), 7),
        (ended({"pending": 1}, unsent=1, ending=Ending.STOPPED), 6),
        (ended({"pending": 1}, unsent=1, ending=Ending.STOPPED, stopped=130), 130),
        (ended({"queued": 1}, stopped=143), 143),
        (ended({"in_doubt": 1}, stopped=130), 9),
        (ended({"pending": 4}, held_back=4), 6),
        (ended({"pending": 4}, held_back=4, waited=False), 6),
        (ended({"pending": 4}, held_back=0, declined=True), 0),
        (ended({"pending": 4, "failed": 1}, held_back=4, sample_failed=True), 5),
        (ended({"pending": 4, "processing": 1}, held_back=4, sample_failed=True), 6),
        (ended({"pending": 4}, declined=True, stopped=130), 130),
        (ended({"succeeded": 1}, fetched=ExitCode.ROWS_FAILED), 5),
        (ended({"succeeded": 1, "failed": 1}, fetched=ExitCode.NOT_FINISHED), 6),
        (ended({"in_doubt": 1}, fetched=ExitCode.NOT_FINISHED), 9),
        (ended({"queued": 1}, stopped=130, fetched=ExitCode.ROWS_FAILED), 130),
    ],
)
def test_the_code_nearest_to_money_wins(found: Outcome, code: int) -> None:
    assert found.exit_code == code


def test_rows_outside_the_selection_never_change_the_code() -> None:
    tally = {"succeeded": 1, "failed": 3, "queued": 5, "in_doubt": 1}
    found = ended(tally, selected={"succeeded": 1})
    assert (found.exit_code, found.next_command) == (0, None)
    assert found.as_json()["rows"]["total"] == 10


def test_the_command_that_continues() -> None:
    assert ended({"succeeded": 1}).next_command is None
    assert ended({"failed": 1}).next_command is None
    assert ended({"queued": 1}).next_command == "bhuman resume r1"
    assert ended({"rejected": 1}, unsent=3).next_command == "bhuman resume r1"
    assert ended({"pending": 1}, held_back=1).next_command == "bhuman resume r1"
    assert ended({"pending": 1}, declined=True).next_command is None
    assert ended({"in_doubt": 1, "queued": 3}).next_command == "bhuman resume r1 --in-doubt ask"
    taken_over = ended({"succeeded": 1}, successor="r2")
    assert (taken_over.next_command, taken_over.exit_code) == ("bhuman resume r2", ExitCode.NOT_FINISHED)
    fetch = "bhuman download r1 --to media"
    assert ended({"succeeded": 1}, fetch_command=fetch).next_command is None
    assert ended({"succeeded": 1}, fetched=ExitCode.ROWS_FAILED, fetch_command=fetch).next_command == fetch
    assert ended({"queued": 1}, fetched=ExitCode.ROWS_FAILED, fetch_command=fetch).next_command == "bhuman resume r1"


def test_counts_are_those_of_the_status_column_and_always_add_up() -> None:
    statuses = [
        "succeeded", "failed", "invalid", "rejected", "in_doubt", "skipped", "pending", "queued", "preparing",
        "processing",
    ]  # fmt: skip
    tally = {status: 2**place for place, status in enumerate(statuses)}
    found = ended(tally, submitted=3, reused=4, requests=5, polls=6, elapsed_s=1.23456).as_json()
    rows = found["rows"]
    assert {name: rows[name] for name in statuses} == tally
    assert rows["total"] == 2 ** len(statuses) - 1
    assert (rows["submitted"], rows["reused"], found["requests"]) == (3, 4, {"submit": 5, "poll": 6})
    assert found["elapsed_s"] == 1.235
    json.dumps(found)


def test_counts_that_do_not_add_up_are_an_error_not_a_lie() -> None:
    with pytest.raises(errors.JournalError, match="do not add up"):
        ended({"succeeded": 1, "mislaid": 1}).as_json()


def test_every_failure_can_be_said_to_a_program() -> None:
    assert outcomes.as_error(ended({"succeeded": 1})) is None
    expected = {
        4: ("credentials", "bhuman login"), 5: ("rows_failed", ""), 6: ("not_finished", "bhuman resume r1"),
        8: ("service_down", "bhuman resume r1"), 9: ("in_doubt", "bhuman resume r1 --in-doubt ask"),
        130: ("stopped", "bhuman resume r1"),
    }  # fmt: skip
    found = [
        ended({"queued": 1}, refused="HTTP 401"), ended({"failed": 1}), ended({"queued": 1}),
        ended({"queued": 1}, unanswered=True), ended({"in_doubt": 1}), ended({"queued": 1}, stopped=130),
    ]  # fmt: skip
    for item, (code, (word, hint)) in zip(found, expected.items(), strict=True):
        error = outcomes.as_error(item)
        assert error is not None
        assert (error.exit_code, error.code, error.hint) == (code, word, hint)
    refused = outcomes.as_error(ended({"pending": 1}, unsent=1, ending=Ending.SUPERSEDED, reason="superseded"))
    assert outcomes.as_error(ended({"pending": 1}, declined=True)) is None
    assert refused
    assert (refused.code, refused.message) == ("locked", "superseded")
    files = outcomes.as_error(ended({"succeeded": 1}, fetched=ExitCode.ROWS_FAILED))
    both = outcomes.as_error(ended({"failed": 1}, fetched=ExitCode.ROWS_FAILED))
    assert files
    assert both
    assert ("files" in files.message, "files" in both.message) == (True, False)
    quota = outcomes.as_error(ended({"rejected": 1}, unsent=1, ending=Ending.BUSINESS, reason="quota exceeded"))
    assert quota is not None
    assert "quota exceeded" in quota.message


def test_precedence_of_every_pair() -> None:
    order = [9, 1, 8, 4, 7, 3, 2, 6, 5, 0]
    for one, two in itertools.combinations(order, 2):
        assert errors.worst([ExitCode(two), ExitCode(one)]) == one
    assert errors.worst([]) == 0
