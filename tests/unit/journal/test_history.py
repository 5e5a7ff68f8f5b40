"""Looking back: earlier runs, unfinished ones, lookups by id, adoption, forgetting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli import errors
from bhuman_cli.config import settings
from bhuman_cli.domain import Generation, GenerationId, RenderSpec
from bhuman_cli.journal import chunks, comparison, forget, generations, history, matching, planning, results, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.history import AdoptedGeneration
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import identity, runner
from bhuman_cli.workflows import connections
from tests.support import ledger

OTHER = replace(ledger.TARGET, api_id="00000000-0000-4000-8000-000000000000")


def ended(journal: Journal, run: Run, status: str = "succeeded") -> None:
    with journal.transaction():
        journal.execute(
            "UPDATE claim SET status = ?, url = 'https://x.example/v.mp4', binding = 'confirmed', ended_at = 'then'"
            " WHERE claim_id IN (SELECT claim_id FROM row WHERE run_no = ?)",
            (status, run.run_no),
        )


def paid(journal: Journal, *texts: str, **fields: object) -> Run:
    run = ledger.confirmed(journal, ledger.rows_of(*texts), **fields)
    ledger.sent(journal, run, ledger.new_ids(len(texts)))
    return run


def test_runs_are_listed_newest_first_without_drafts(journal: Journal) -> None:
    one = paid(journal, "Ada", input_path="/in/one.csv")
    two = paid(journal, "Bob", target=OTHER, input_path="/in/two.csv")
    runner.prepare(journal, ledger.new_run(), ledger.rows_of("Cid"))
    assert [item.run.run_id for item in history.list_runs(journal)] == [two.run_id, one.run_id]
    assert [item.run.run_id for item in history.list_runs(journal, limit=1)] == [two.run_id]
    assert [item.run.run_id for item in history.list_runs(journal, target_id=one.target_id)] == [one.run_id]
    found = history.runs_of_target(journal, "campaign", OTHER.api_id)
    assert [item.run.run_id for item in found] == [two.run_id]
    assert history.runs_of_target(journal, "instance", OTHER.api_id) == []


def test_a_run_is_unfinished_while_something_is_to_be_sent_awaited_or_decided(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    assert [item.run_id for item in history.unfinished(journal)] == [run.run_id], "unsent"
    assert not history.summarize(journal, run).is_finished
    chunk = ledger.sent(journal, run, None)
    chunks.mark_in_doubt(journal, chunk, "lost")
    assert [item.run_id for item in history.unfinished(journal)] == [run.run_id], "in doubt"
    assert not history.summarize(journal, run).is_finished
    chunks.accept(journal, chunk, ledger.new_ids(1))
    assert [item.run_id for item in history.unfinished(journal)] == [run.run_id], "queued"
    ended(journal, run)
    assert history.unfinished(journal) == []
    assert history.summarize(journal, run).is_finished


def test_a_superseded_run_is_nobodys_unfinished_business(journal: Journal) -> None:
    old = paid(journal, "Ada", "Bob")
    new = ledger.confirmed(journal, ledger.rows_of("Ada"))
    assert [item.run_id for item in history.unfinished(journal)] == [new.run_id]
    assert history.summarize(journal, runs.find(journal, old.run_id)).unsent == 0


def test_before_tells_the_guard_what_this_file_had_rendered(journal: Journal) -> None:
    first = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada"))
    assert (first.previous.variables, first.previous.paid, first.previous.shown) == (None, 0, 0)
    run = runner.confirm(journal, first)
    ledger.sent(journal, run, ledger.new_ids(1))
    paid(journal, "Zoe", input_path="/in/another.csv")
    wide = RenderSpec(variables=("name", "company"))
    later = runner.prepare(journal, ledger.new_run(spec=wide), [ledger.row(0, "Ada", "Acme")])
    assert (later.previous.variables, later.previous.paid, later.previous.shown) == (("name",), 1, 0)
    same = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob"))
    assert (same.previous.paid, same.previous.shown) == (1, 1)


def test_variables_are_those_of_the_last_run_that_had_something_accepted(journal: Journal) -> None:
    assert history.last_variables(journal, ledger.TARGET) is None
    paid(journal, "Ada")
    refused = ledger.confirmed(journal, [ledger.row(0, "x", "y")], spec=RenderSpec(variables=("a", "b")))
    chunks.reject(journal, ledger.sent(journal, refused, None), "HTTP 400")
    assert history.last_variables(journal, ledger.TARGET) == ("name",)
    assert history.last_variables(journal, OTHER) is None


def test_an_unfinished_run_that_pays_again_is_named(journal: Journal) -> None:
    paid(journal, "Ada")
    again = ledger.confirmed(journal, ledger.rows_of("Ada"), again=True)
    same = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada")).run
    assert history.unfinished_again(journal, same) == again.run_id
    elsewhere = runner.prepare(journal, ledger.new_run(input_path="/in/else.csv"), ledger.rows_of("Ada")).run
    assert history.unfinished_again(journal, elsewhere) == ""
    earlier = comparison.own_file(journal, same)
    assert earlier is not None
    comparison.set_continues(journal, elsewhere, earlier)
    assert history.unfinished_again(journal, elsewhere) == again.run_id, "the same table under another name"
    assert history.rows_before(journal, elsewhere) == 1
    ledger.sent(journal, again, ledger.new_ids(1))
    ended(journal, again)
    same = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada")).run
    assert history.unfinished_again(journal, same) == ""


def test_a_generation_is_found_in_the_newest_run_that_shows_it(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("", "Ada"))
    ids = ledger.new_ids(1)
    ledger.sent(journal, run, ids)
    newer = ledger.confirmed(journal, ledger.rows_of("Ada"))
    found = history.run_of_generation(journal, ids[0])
    assert found is not None
    assert (found[0].run_id, found[1]) == (newer.run_id, 0)
    assert history.run_of_generation(journal, "nobody") is None
    assert forget.bound_ids(journal, [*ids, "nobody"]) == set(ids)


def test_doubts_of_the_same_file_are_counted(journal: Journal) -> None:
    one = paid(journal, "Ada")
    other = paid(journal, "Bob", input_path="/in/other.csv")
    new = paid(journal, "Cid")
    assert history.count_same_file(journal, new, [one.run_no, one.run_no, other.run_no]) == 2
    assert history.count_same_file(journal, new, []) == 0


def test_forgetting_payments_forgets_all_and_pays_again(journal: Journal) -> None:
    run = paid(journal, "Ada")
    ids = [item.generation_id for item in generations.waiting(journal, run)]
    ended(journal, run, "failed")
    retry = ledger.confirmed(journal, ledger.rows_of("Ada"), retry_failed=True)
    chunk = ledger.sent(journal, retry, None)
    chunks.split(journal, retry, chunk, ledger.freeze, "HTTP 400")
    other = paid(journal, "Zoe", input_path="/in/other.csv")
    for gone in (retry, run):
        forget.forget_payments(journal, gone)
    assert [item.run.run_id for item in history.list_runs(journal)] == [other.run_id]
    assert forget.bound_ids(journal, ids) == set()
    assert runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Zoe")).counts.new == 1
    assert [found["what"] for found in journal.query("SELECT what FROM decision")] == ["forget-payments"] * 2


def test_the_results_file_as_we_wrote_it_is_remembered(journal: Journal) -> None:
    def written(run: Run) -> str:
        found = history.last_output(journal, run.output_path)
        return found.sha256 if found else ""

    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    assert written(run) == ""
    history.wrote_output(journal, run, "abc")
    newer = ledger.confirmed(journal, ledger.rows_of("Ada"), input_path="/in/other.csv")
    assert written(newer) == "abc", "whichever run wrote it"
    history.wrote_output(journal, newer, "def")
    assert written(run) == "def"
    history.wrote_output(journal, run, "ghi")
    assert written(newer) == "ghi", "the older run wrote it last"


def test_why_sending_ended_is_remembered_until_it_goes_on(journal: Journal) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    for reason in ("quota", ""):
        history.record_stop(journal, run, reason)
        assert runs.find(journal, run.run_id).stopped == reason


def adopted(text: str, generation_id: str, **fields: object) -> AdoptedGeneration:
    make = identity.of_spec(ledger.SPEC)
    usual: dict[str, Any] = {"status": "succeeded", "url": "https://x.example/v", **fields}
    generation = Generation(id=GenerationId(generation_id), **usual)
    return AdoptedGeneration(identity=make([text], []), text_key=identity.text_key([text]), generation=generation)


def test_adopted_generations_are_in_the_pool_like_paid_ones(journal: Journal) -> None:
    plan = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob", "Cid"))
    one, two = ledger.new_ids(2)
    items = [adopted("Ada", one), adopted("Bob", two, status="", url="")]
    assert history.adopt(journal, plan.run, items) == 2
    assert history.adopt(journal, plan.run, items) == 0, "twice is once"
    matching.match(journal, plan.run)
    counts = planning.counts(journal, plan.run)
    assert (counts.reused, counts.new) == (2, 1)
    rows = [row.fields for row in results.rows(journal, plan.run)]
    assert [(row["status"], row["id"]) for row in rows] == [("succeeded", one), ("queued", two), ("pending", "")]
    run = runner.confirm(journal, plan)
    assert [(item.chunk_id, item.generation_id) for item in generations.waiting(journal, run)] == [(0, two)]
    decisions = [(found["what"], found["detail"]) for found in journal.query("SELECT * FROM decision")]
    assert decisions == [("adopt", "2 generations"), ("adopt", "0 generations")]


def test_adopting_never_takes_a_generation_from_its_row(journal: Journal) -> None:
    run = paid(journal, "Ada")
    known = generations.waiting(journal, run)[0].generation_id
    plan = runner.prepare(journal, ledger.new_run(input_path="/in/other.csv"), ledger.rows_of("Bob"))
    assert history.adopt(journal, plan.run, [adopted("Bob", known)]) == 0
    matching.match(journal, plan.run)
    assert planning.counts(journal, plan.run).new == 1
    assert history.run_of_generation(journal, known) is not None


def test_what_is_gone_from_disk_is_rendered_again_locally(journal: Journal) -> None:
    run = paid(journal, "Ada", "Bob")
    ended(journal, run)
    videos = history.shared_videos(journal, run.target_id)
    assert [url for _, _, url in videos] == ["https://x.example/v.mp4"] * 2
    forget.forget_gone(journal, run.target_id, [videos[0][0]])
    plan = runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob"))
    assert (plan.counts.new, plan.counts.reused) == (1, 1)


def test_a_local_studio_that_lost_its_memory_is_not_waited_for(journal: Journal, tmp_path: Path) -> None:
    run = paid(journal, "Ada", "Bob")
    claims = [video[0] for video in history.shared_videos(journal, run.target_id)]
    home = settings.Home(config=tmp_path, state=tmp_path, studio=tmp_path / "studio")
    assert connections.lost_videos(home, journal, run.target_id) == claims
    forget.forget_gone(journal, run.target_id, claims)
    assert (results.tally(journal, run), generations.waiting(journal, run)) == ({"failed": 2}, [])
    assert runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob")).counts.new == 2


def test_forgetting_values_keeps_what_was_paid(journal: Journal) -> None:
    run = ledger.confirmed(journal, [ledger.row(0, "Secretia", message="default used for company")])
    chunk = ledger.sent(journal, run, None)
    chunks.record_answer(journal, chunk, chunks.Answer(status=200, headers={}, body=b"Secretia"))
    chunks.accept(journal, chunk, ledger.new_ids(1))
    ended(journal, run)
    forget.forget_values(journal, run)
    assert runner.prepare(journal, ledger.new_run(), [ledger.row(0, "Secretia")]).counts.reused == 1
    assert [row.cells for row in results.rows(journal, run)] == [("",)]
    assert journal.query_one("SELECT 1 FROM answer") is None


def test_the_statuses_of_a_sample_are_those_of_the_first_valid_rows(journal: Journal) -> None:
    rows = [*ledger.rows_of("", "Ada", "Bob", "Cid"), ledger.row(4, "Dan")._replace(selected=False)]
    run = ledger.confirmed(journal, rows)
    chunk = ledger.sent(journal, run, None, limit=1)
    chunks.reject(journal, chunk, "HTTP 422")
    assert history.sample_statuses(journal, run, 2) == ["rejected", "pending"]
    assert history.sample_statuses(journal, run, 9) == ["rejected", "pending", "pending"]


def test_deleting_an_old_run_takes_nothing_from_the_runs_that_are_kept(journal: Journal) -> None:
    """The newest run shows what earlier ones paid for: their links are its links, and it stays finished."""
    first = paid(journal, "Ada", "Bob")
    ended(journal, first)
    newest = ledger.confirmed(journal, ledger.rows_of("Ada", "Cid"))
    ledger.sent(journal, newest, ledger.new_ids(1))
    ended(journal, newest)
    before = [row.fields for row in results.rows(journal, newest)]
    assert [row["status"] for row in before] == ["succeeded", "succeeded"]
    only_its_own = forget.generation_ids(journal, first)
    forget.forget_values(journal, first)
    assert [row.fields for row in results.rows(journal, newest)] == before
    assert history.summarize(journal, newest).is_finished
    links = [found["url"] for found in journal.query("SELECT url FROM claim ORDER BY claim_id")]
    assert [bool(url) for url in links] == [True, False, True], "what nobody else shows has lost its link"
    assert len(only_its_own) == 1
    # The last one that shows them takes their links along, whoever paid.
    forget.forget_values(journal, newest)
    assert journal.query_one("SELECT 1 FROM claim WHERE url <> ''") is None
    assert runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob", "Cid")).counts.new == 0


def test_forgetting_an_old_run_s_payments_takes_none_from_the_runs_that_are_kept(journal: Journal) -> None:
    first = paid(journal, "Ada", "Bob")
    ended(journal, first)
    newest = ledger.confirmed(journal, ledger.rows_of("Ada"))
    before = [row.fields for row in results.rows(journal, newest)]
    assert forget.forget_payments(journal, first) == 1
    assert [row.fields for row in results.rows(journal, newest)] == before
    assert history.summarize(journal, newest).is_finished
    assert runner.prepare(journal, ledger.new_run(), ledger.rows_of("Ada", "Bob")).counts.new == 1


@pytest.mark.parametrize("forget", [forget.forget_values, forget.forget_payments])
@pytest.mark.parametrize("state", ["sending", "mapping", "in_doubt"])
def test_a_run_with_an_unsettled_request_is_not_forgotten_superseded_or_not(
    journal: Journal, state: str, forget: Callable[[Journal, Run], object]
) -> None:
    run = ledger.confirmed(journal, ledger.rows_of("Ada"))
    chunk = ledger.sent(journal, run, None)
    chunks.record_answer(journal, chunk, chunks.Answer(status=500, headers={}, body=b"ids"))
    journal.execute("UPDATE chunk SET state = ? WHERE chunk_id = ?", (state, chunk.chunk_id))
    ledger.confirmed(journal, ledger.rows_of("Bob"))
    with pytest.raises(errors.Refusal) as refused:
        forget(journal, runs.find(journal, run.run_id))
    assert run.run_id in refused.value.hint
    assert chunks.last_answer(journal, chunk) is not None
    assert runs.find(journal, run.run_id).state == "superseded"
