"""What is known of each generation: statuses that only move forward, counts, and the rows of a results file."""

from __future__ import annotations

from typing import Any

import pytest

from bhuman_cli.domain import Binding, Generation, GenerationId, Status
from bhuman_cli.journal import chunks, generations, results
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from tests.support import ledger


class Sent:
    """A run of some rows, accepted."""

    def __init__(self, journal: Journal, *texts: str) -> None:
        self.journal = journal
        self.run: Run = ledger.confirmed(journal, ledger.rows_of(*texts))
        self.ids = ledger.new_ids(len([text for text in texts if text]))
        self.chunk: Chunk = ledger.sent(journal, self.run, self.ids)
        self.facts = generations.chunk_facts(journal, self.chunk.chunk_id)

    def learn(self, place: int, status: str, **fields: Any) -> None:
        record = Generation(id=self.ids[place], status=status, **fields)
        with self.journal.transaction():
            generations.record(self.journal, self.facts[place].claim_id, record, "own")

    def judge(self, place: int, binding: Binding) -> None:
        with self.journal.transaction():
            generations.save_bindings(self.journal, {self.facts[place].claim_id: binding})

    def fields(self, place: int = 0) -> dict[str, str]:
        return dict(list(results.rows(self.journal, self.run))[place].fields)


def test_a_status_never_moves_backwards_and_an_unknown_one_counts_as_processing(journal: Journal) -> None:
    sent = Sent(journal, "Ada")
    for word, shown in [
        ("preparing", "preparing"), ("queued", "preparing"), ("compositing", "processing"), ("preparing", "processing"),
        ("processing", "processing"), ("queued", "processing"),
    ]:  # fmt: skip
        sent.learn(0, word)
        assert sent.fields()["status"] == shown, word


def test_what_is_final_stays_final_but_late_links_are_added(journal: Journal) -> None:
    sent = Sent(journal, "Ada")
    sent.learn(0, "succeeded", url="https://x.example/1.mp4", share_url="https://v.example/1")
    sent.judge(0, Binding.CONFIRMED)
    sent.learn(0, "failed", message="too late")
    assert sent.fields()["status"] == "succeeded"
    sent.learn(0, "processing", gif="https://x.example/1.gif", url="")
    fields = sent.fields()
    assert (fields["url"], fields["gif"]) == ("https://x.example/1.mp4", "https://x.example/1.gif")


def test_what_was_said_on_the_way_does_not_outlive_it(journal: Journal) -> None:
    sent = Sent(journal, "Ada")
    sent.judge(0, Binding.CONFIRMED)
    sent.learn(0, "processing", message="waiting for a worker")
    sent.learn(0, "processing")
    assert sent.fields()["message"] == "waiting for a worker"
    sent.learn(0, "queued", message="out of order")
    assert sent.fields()["message"] == "waiting for a worker"
    sent.learn(0, "succeeded", url="https://x.example/1.mp4")
    sent.judge(0, Binding.CONFIRMED)
    assert sent.fields()["message"] == ""
    sent.learn(0, "failed", message="too late")
    assert (sent.fields()["status"], sent.fields()["message"]) == ("succeeded", "")


def test_success_without_a_url_is_not_the_end(journal: Journal) -> None:
    sent = Sent(journal, "Ada")
    sent.learn(0, "succeeded")
    sent.judge(0, Binding.CONFIRMED)
    assert (sent.fields()["status"], len(generations.waiting(journal, sent.run))) == ("processing", 1)
    sent.learn(0, "succeeded", url="https://x.example/1.mp4")
    with journal.transaction():
        generations.mark_finished(journal, [sent.facts[0].claim_id])
    assert (sent.fields()["status"], generations.waiting(journal, sent.run)) == ("succeeded", [])
    assert generations.finished(journal, [fact.claim_id for fact in sent.facts]) == {sent.facts[0].claim_id}


@pytest.mark.parametrize(
    ("binding", "shown", "has_link", "has_id"),
    [
        (None, "processing", False, False),
        (Binding.CONFIRMED, "succeeded", True, True),
        (Binding.POSITION, "succeeded", True, True),
        (Binding.CONFLICT, "in_doubt", False, False),
    ],
)
def test_a_link_is_shown_only_beside_the_row_it_belongs_to(
    journal: Journal, binding: Binding | None, shown: str, has_link: bool, has_id: bool
) -> None:
    sent = Sent(journal, "Ada")
    links = {
        name: f"https://x.example/{name}" for name in ("url", "share_url", "thumbnail", "gif", "whatsapp_video_url")
    }
    sent.learn(0, "succeeded", **links, generated_at="2026-11-21T12:00:00.000Z", execution_name="exec")
    if binding is not None:
        sent.judge(0, binding)
    fields = sent.fields()
    assert fields["status"] == shown
    assert {name: fields[name] for name in links} == (links if has_link else dict.fromkeys(links, ""))
    assert bool(fields["generated_at"]) == has_link
    assert (bool(fields["id"]), bool(fields["execution_name"])) == (has_id, has_id)
    assert ("points to another row" in fields["message"]) == (binding is Binding.CONFLICT)
    assert (fields["message"] == "accepted, not confirmed yet") == (binding is None)
    assert (fields["message"] == "bound by position") == (binding is Binding.POSITION)


def test_a_failure_ends_only_once_it_is_certain_whose_it_is(journal: Journal) -> None:
    sent = Sent(journal, "Ada")
    sent.learn(0, "failed", message="no face")
    assert generations.finished(journal, [sent.facts[0].claim_id]) == set()
    sent.judge(0, Binding.CONFIRMED)
    assert generations.finished(journal, [sent.facts[0].claim_id]) == {sent.facts[0].claim_id}
    assert sent.fields()["message"] == "no face"


def test_news_of_an_id_that_was_bound_elsewhere_meanwhile_is_dropped(journal: Journal) -> None:
    sent = Sent(journal, "Ada", "Bob")
    chunks.bind(journal, sent.chunk, {0: sent.ids[1], 1: sent.ids[0]}, reason="")
    sent.learn(0, "failed", message="of Bob")
    assert [sent.fields(place)["status"] for place in (0, 1)] == ["queued", "queued"]
    with journal.transaction():
        generations.record(journal, 999, Generation(id=GenerationId("x"), status="failed"), "own")


def test_messages_say_the_most_telling_thing_first(journal: Journal) -> None:
    run = ledger.confirmed(journal, [ledger.row(0, "Ada", message="default used for company")])
    chunk = ledger.sent(journal, run, None)
    chunks.mark_in_doubt(journal, chunk, "after sending: reset")
    assert [row.fields["message"] for row in results.rows(journal, run)] == [
        "after sending: reset; default used for company"
    ]
    with journal.transaction():
        journal.execute("UPDATE chunk SET reason = ''")
    assert [row.fields["message"] for row in results.rows(journal, run)] == ["in doubt; default used for company"]


def test_counts_and_rows_agree_for_every_state_there_is(journal: Journal) -> None:
    sent = Sent(journal, "Ada", "", "Bob", "Cid")
    sent.learn(0, "succeeded", url="https://x.example/1.mp4")
    sent.judge(0, Binding.CONFIRMED)
    sent.learn(1, "failed")
    sent.judge(1, Binding.POSITION)
    tally = results.tally(journal, sent.run)
    assert tally == {"succeeded": 1, "skipped": 1, "failed": 1, "queued": 1}
    shown = [row.fields["status"] for row in results.rows(journal, sent.run)]
    assert sorted(shown) == sorted(status for status, count in tally.items() for _ in range(count))
    assert results.tally(journal, sent.run, selected_only=True) == tally
    assert results.paid_rows(journal, sent.run) == 3
    assert results.unsent(journal, sent.run) == 0
    assert results.per_chunk(journal, sent.run) == [(sent.chunk.chunk_id, 2, 3)]
    assert [(row.row_index, row.status) for row in results.failures(journal, sent.run)] == [(2, "failed")]
    assert results.failures(journal, sent.run, limit=0) == []


def test_waiting_lists_oldest_requests_first_in_their_order(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada", "Bob", "Cid"))
    first, second = ledger.new_ids(2), ledger.new_ids(1)
    one = ledger.sent(journal, run, first, limit=2)
    two = ledger.sent(journal, run, second, limit=2)
    found = generations.waiting(journal, run)
    assert [(item.chunk_id, item.place, item.generation_id, item.row_index) for item in found] == [
        (one.chunk_id, 0, first[0], 0), (one.chunk_id, 1, first[1], 1), (two.chunk_id, 0, second[0], 2),
    ]  # fmt: skip
    newest = max(item.claim_id for item in generations.waiting(journal, run) if item.chunk_id == one.chunk_id)
    assert [item.generation_id for item in generations.waiting(journal, run, after=newest)] == second


def test_where_waiting_goes_on_after_a_stop(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of(*"abcdef"))
    one = ledger.sent(journal, run, ledger.new_ids(4), limit=4)
    ledger.sent(journal, run, ledger.new_ids(2), limit=4)
    assert generations.fronts(journal, run) == []
    with journal.transaction():
        journal.execute("UPDATE claim SET ended_at = 'then' WHERE chunk_id = ? AND place IN (0, 2)", (one.chunk_id,))
    assert generations.fronts(journal, run) == [(one.chunk_id, 2)]


def test_how_long_videos_took_is_known_where_both_ends_are(journal: Journal) -> None:
    sent = Sent(journal, "Ada", "Bob", "Cid")
    sent.learn(0, "succeeded", url="https://x.example/1", generated_at="2026-11-21T12:01:30.000Z")
    sent.learn(1, "succeeded", url="https://x.example/2")
    for place in (0, 1):
        sent.judge(place, Binding.CONFIRMED)
    assert [round(seconds) for seconds in results.seconds(journal, sent.run)] == [90]


def test_thousands_of_claims_are_asked_in_parts(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of(*(f"person {at}" for at in range(700))))
    chunk = ledger.sent(journal, run, ledger.new_ids(700), limit=2_000)
    with journal.transaction():
        journal.execute("UPDATE claim SET ended_at = 'then'")
    claims = {fact.claim_id for fact in generations.chunk_facts(journal, chunk.chunk_id)}
    assert generations.finished(journal, claims) == claims


def test_forgotten_cells_become_empty_columns(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    with journal.transaction():
        journal.execute("UPDATE row SET cells = NULL")
    assert [row.cells for row in results.rows(journal, run)] == [("",)]


def test_every_status_is_one_of_the_contract(journal: Journal) -> None:
    sent = Sent(journal, "Ada")
    for word in ("", "queued", "odd word", "succeeded", "completed?"):
        with journal.transaction():
            journal.execute("UPDATE claim SET status = ?", (word,))
        assert sent.fields()["status"] in set(Status)
