"""The program with one safety taken out, each in turn; the histories must notice every time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from unittest import mock

from bhuman_cli.api.post_result import NotSent, PostResponse
from bhuman_cli.domain import Binding, ChunkState
from bhuman_cli.journal import (
    chunks,
    database,
    generations,
    history,
    listed,
    matching,
    planning,
    results,
    runs,
    schema,
    traffic,
)
from bhuman_cli.runs import list_look, outcome, permission, recovery, submit
from bhuman_cli.runs import verdict as verdicts
from bhuman_cli.runs.binding import by_list, doubts, match, record_updates, spelling, video_list
from bhuman_cli.workflows import doubts as words
from bhuman_cli.workflows import spending, unknown_payments
from tests.crash import commands, copies, histories
from tests.crash.commands import told
from tests.crash.histories import Case, Told

Patch = contextlib.AbstractContextManager[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One unsafe variant. harm: what is taken out. catches: the histories that must notice."""

    name: str
    harm: Callable[[], Sequence[Patch]]
    catches: Callable[[], Iterable[Told]]


@contextlib.contextmanager
def harmed(mutant: Mutant) -> Iterator[None]:
    """Run the block with the safety taken out."""
    with contextlib.ExitStack() as stack:
        for patch in mutant.harm():
            stack.enter_context(patch)
        yield


def caught_by(mutant: Mutant) -> tuple[str, int]:
    """Return what the first history that noticed says, "" if none did; and how many were looked at."""
    looked = 0
    with harmed(mutant):
        for told in mutant.catches():
            looked += 1
            if told.broken:
                return told.broken, looked
    return "", looked


# Histories to notice with.


def killed(*outcomes: str, **more: Any) -> Callable[[], Iterator[Told]]:
    """Return the case unharmed and killed at every effect."""

    def tell() -> Iterator[Told]:
        case = Case(outcomes=outcomes, **more)
        unharmed = histories.run(case)
        yield unharmed
        for at in histories.quick_kills(unharmed, stride=9):
            yield histories.run(histories.killed(case, at))

    return tell


def pairs(seeds: int, *outcomes: str) -> Callable[[], Iterator[Told]]:
    """Return two copies under a broken lock."""
    return lambda: (copies.run(copies.Pair(seed=seed, locks=False, outcomes=outcomes)) for seed in range(seeds))


# What is taken out.


def _retries() -> Sequence[Patch]:
    whole = submit.Submitter._send

    def send(self: submit.Submitter, chunk: chunks.Chunk) -> float:
        service = self.context.service
        post = service.post

        def twice(_: Any, route: str, body: bytes, before: Callable[[], None]) -> NotSent | PostResponse:
            response = post(route, body, before)
            if isinstance(response, PostResponse) and (response.status is None or response.status >= 500):
                return post(route, body, lambda: None)
            return response

        with mock.patch.object(type(service), "post", twice):
            return whole(self, chunk)

    return [mock.patch.object(submit.Submitter, "_send", send)]


def _journals_late() -> Sequence[Patch]:
    whole, begin = submit.Submitter._send, chunks.begin_sending

    def send(self: submit.Submitter, chunk: chunks.Chunk) -> float:
        service = self.context.service
        post = service.post

        def late(_: Any, route: str, body: bytes, before: Callable[[], None]) -> NotSent | PostResponse:
            response = post(route, body, lambda: None)
            begin(self.context.journal, chunk)
            return response

        with mock.patch.object(type(service), "post", late):
            return whole(self, chunk)

    return [mock.patch.object(submit.Submitter, "_send", send)]


def _by_position() -> Sequence[Patch]:
    def decide(facts: Sequence[Any], **_: Any) -> dict[int, Binding]:
        return {fact.claim_id: Binding.CONFIRMED for fact in facts if fact.seen}

    return [mock.patch.object(match, "decide", decide), mock.patch.object(match, "classify", return_value="own")]


def _ids_twice() -> Sequence[Patch]:
    tables = schema.TABLES.replace("generation_id TEXT UNIQUE", "generation_id TEXT")
    return [
        mock.patch.object(schema, "TABLES", tables),
        mock.patch.object(chunks, "bound_ids", return_value=set()),
    ]


def _resends() -> Sequence[Patch]:
    def again(journal: database.Journal, chunk: chunks.Chunk, places: Any) -> None:
        chunks.release(journal, chunk, "sent again at restart")

    return [mock.patch.object(recovery, "_judge", again)]


def _error_means_rejected() -> Sequence[Patch]:
    whole = verdicts.judge

    def judged(answer: chunks.Answer, *given: Any, **more: Any) -> verdicts.Verdict:
        verdict = whole(answer, *given, **more)
        return verdicts.Rejected(reason="error") if isinstance(verdict, verdicts.InDoubt) else verdict

    return [mock.patch.object(verdicts, "judge", judged)]


def _absence_means_resend() -> Sequence[Patch]:
    return [mock.patch.object(by_list, "_is_absent", return_value=True)]


def _status_first() -> Sequence[Patch]:
    whole = verdicts.judge

    def judged(answer: chunks.Answer, asked: verdicts.Asked) -> verdicts.Verdict:
        is_good = answer.status is not None and 200 <= answer.status < 300
        return whole(answer, asked) if is_good else verdicts._by_table(answer, asked)

    return [mock.patch.object(verdicts, "judge", judged)]


def _finished_list_is_proof() -> Sequence[Patch]:
    return [mock.patch.object(by_list, "_shows_unfinished", return_value=True)]


def _own_clock() -> Sequence[Patch]:
    def is_over(context: Any, chunk: chunks.Chunk) -> bool:
        return bool(context.clock.now() - datetime.fromisoformat(chunk.judged_at) >= by_list.GRACE)

    return [mock.patch.object(by_list, "is_grace_over", is_over)]


def _without_look(nothing: doubts.ListCheck) -> Callable[..., None]:
    whole = words.decide

    def decide(*given: Any) -> None:
        with mock.patch.object(doubts, "check", return_value=nothing):
            whole(*given)

    return decide


def _decides_blindly() -> Sequence[Patch]:
    nothing = doubts.ListCheck(doubtful=[], is_list_open=False)
    return [mock.patch.object(words, "decide", _without_look(nothing))]


def _spelling_is_conflict() -> Sequence[Patch]:
    whole = match.classify

    def classify(*given: Any, **more: Any) -> str:
        word = whole(*given, **more)
        return word.replace("fold", "foreign").replace("odd", "foreign")

    return [mock.patch.object(match, "classify", classify), mock.patch.object(doubts, "rebind", return_value=False)]


def settled(**more: Any) -> Callable[[], Iterator[Told]]:
    """Return one history that needs no person; that it ends unsettled is what is noticed."""

    def tell() -> Iterator[Told]:
        told = histories.run(Case(**more))
        if not told.broken and any("exit 9" in line for line in told.story):
            told.broken = "unsettled: a person is asked although there is evidence"
        yield told

    return tell


def _takes_first() -> Sequence[Patch]:
    def first(unbound: Any, records: Any, **_: Any) -> dict[int, dict[int, Any]]:
        free = list(records)
        found: dict[int, dict[int, Any]] = {}
        for chunk, facts in unbound.items():
            for fact in facts:
                fit = next((item for item in free[::-1] if item.text_key == fact.text_key), None)
                if fit is not None:
                    free.remove(fit)
                    found.setdefault(chunk, {})[fact.place] = fit.generation_id
        return found

    return [mock.patch.object(match, "match_exactly", first)]


def _no_guard() -> Sequence[Patch]:
    def begin(journal: database.Journal, chunk: chunks.Chunk, **_: Any) -> int:
        with journal.transaction():
            journal.execute("UPDATE chunk SET state = 'sending' WHERE chunk_id = ?", (chunk.chunk_id,))
        return 0

    return [mock.patch.object(chunks, "begin_sending", begin)]


def _no_epoch() -> Sequence[Patch]:
    def begin(journal: database.Journal, chunk: chunks.Chunk, **_: Any) -> int:
        with journal.transaction():
            marked = journal.execute(
                "UPDATE chunk SET state = 'sending', sending_at = ? WHERE chunk_id = ? AND state = 'planned'",
                (journal.now(), chunk.chunk_id),
            )
            if marked != 1:
                raise chunks.StaleChunk("stale")
        return 0

    return [mock.patch.object(chunks, "begin_sending", begin)]


def _drops_answers() -> Sequence[Patch]:
    whole = chunks.record_answer

    def record(journal: database.Journal, chunk: chunks.Chunk, answer: chunks.Answer) -> None:
        if chunks.get(journal, chunk.chunk_id).state is ChunkState.SENDING:
            whole(journal, chunk, answer)

    return [mock.patch.object(chunks, "record_answer", record)]


def _judges_first() -> Sequence[Patch]:
    return [mock.patch.object(submit, "store_answer", return_value=None)]


def _same_chunk_again() -> Sequence[Patch]:
    def reissue(journal: database.Journal, run: Any, chunk: chunks.Chunk, freeze: Any, reason: str) -> None:
        with journal.transaction():
            journal.execute(
                "UPDATE chunk SET state = 'planned', epoch = (SELECT epoch FROM target WHERE target.target_id ="
                " chunk.target_id) WHERE chunk_id = ?",
                (chunk.chunk_id,),
            )

    return [mock.patch.object(chunks, "reissue", reissue)]


def _no_stop_at_doubts() -> Sequence[Patch]:
    return [mock.patch.object(submit, "DOUBTS", 99)]


def _silence_is_proof() -> Sequence[Patch]:
    whole = match._binding

    def binding(fact: Any, *given: Any, **more: Any) -> Binding | None:
        return None if fact.binding == Binding.POSITION else whole(fact, *given, **more)

    return [mock.patch.object(match, "_binding", binding)]


def _drafts_count() -> Sequence[Patch]:
    def unfinished(journal: database.Journal) -> list[runs.Run]:
        journal.execute("UPDATE run SET state = 'confirmed' WHERE state = 'draft'")
        found = journal.query("SELECT * FROM run JOIN target USING (target_id) WHERE state = 'confirmed'")
        return [runs.read_run(item) for item in list(found)]

    return [mock.patch.object(history, "unfinished", unfinished)]


def _superseded_sends() -> Sequence[Patch]:
    whole = planning.confirm

    def confirm(journal: database.Journal, run: runs.Run, **more: Any) -> runs.Run:
        journal.execute("UPDATE run SET input_path = run_id WHERE run_no <> ?", (run.run_no,))
        return whole(journal, run, **more)

    return [mock.patch.object(planning, "confirm", confirm)]


def _pool_forgets_doubt() -> Sequence[Patch]:
    return [mock.patch.object(matching, "PAID_STATES", "('accepted')")]


def _forgets_the_final() -> Sequence[Patch]:
    whole = chunks.bind

    def bind(journal: database.Journal, chunk: chunks.Chunk, found: Any, **more: Any) -> None:
        whole(journal, chunk, found, **more)
        with journal.transaction():
            journal.execute(
                "UPDATE claim SET generation_id = NULL, url = '' WHERE chunk_id = ? AND status <> 'queued'",
                (chunk.chunk_id,),
            )

    return [mock.patch.object(chunks, "bind", bind)]


def _calls_it_finished() -> Sequence[Patch]:
    return [
        mock.patch.object(results, "unsent", return_value=0),
        mock.patch.object(outcome.Outcome, "open_rows", 0),
    ]


def _ends_unsure() -> Sequence[Patch]:
    status = generations.STATUS.replace(" AND claim.binding IN ('confirmed', 'position')", "")
    joined = results.rows

    def rows(journal: database.Journal, run: Any) -> Any:
        with mock.patch.object(generations, "STATUS", status):
            yield from joined(journal, run)

    return [
        mock.patch.object(results, "rows", rows),
        mock.patch.object(record_updates.RecordUpdater, "_bindings", return_value={}),
    ]


def _asks_the_gate_once() -> Sequence[Patch]:
    asked: dict[int, Any] = {}
    ask = permission.Permission.ask

    def once(self: permission.Permission, journal: database.Journal, run: runs.Run) -> Any:
        if id(self) not in asked:
            asked[id(self)] = ask(self, journal, run)
        return asked[id(self)]

    return [mock.patch.object(permission.Permission, "ask", once)]


def _resumes_blindly() -> Sequence[Patch]:
    return [mock.patch.object(unknown_payments, "search", return_value=unknown_payments.Unknown())]


def _believes_totals() -> Sequence[Patch]:
    whole = list_look._read

    def read(context: Any, run: runs.Run) -> Any:
        first = context.service.page(0)
        if first.total == listed.expected_total(context.journal, run.target_id):
            return video_list.VideoList(records=(), is_complete=True, reached_end=True)
        return whole(context, run)

    return [mock.patch.object(list_look, "_read", read)]


def _adopts_by_prefix() -> Sequence[Patch]:
    def cut(values: Sequence[str], _: Any) -> tuple[str, ...]:
        return tuple(value[:16] for value in values)

    return [mock.patch.object(spelling, "respelled", cut)]


def _pays_equal_rows_each() -> Sequence[Patch]:
    return [mock.patch.object(matching, "_share", return_value=iter(()))]


def _suppresses_once() -> Sequence[Patch]:
    return [mock.patch.object(spending, "suppress_again", return_value=None)]


def _brakes_one_run() -> Sequence[Patch]:
    whole = traffic.counts

    def counts(journal: database.Journal, run: runs.Run, *, last: int) -> traffic.Counts:
        came = whole(journal, run, last=last)
        return came if came.run_sent else replace(came, braked=False, ended=())

    return [
        mock.patch.object(traffic, "counts", counts),
        mock.patch.object(traffic, "is_braked", return_value=False),
    ]


def _counts_one_command() -> Sequence[Patch]:
    return [mock.patch.object(traffic, "sent_since", return_value=0)]


MUTANTS: tuple[Mutant, ...] = (
    Mutant(name="resume without the results check", harm=_resumes_blindly, catches=told(commands.restored_home)),
    Mutant(name="the list's total is believed", harm=_believes_totals, catches=told(commands.equal_totals)),
    Mutant(name="adoption by prefix", harm=_adopts_by_prefix, catches=told(commands.cut_texts)),
    Mutant(name="equal rows are bound to different ids", harm=_pays_equal_rows_each, catches=told(commands.equal_rows)),
    Mutant(name="suppression read once", harm=_suppresses_once, catches=told(commands.opted_out)),
    Mutant(name="the brake holds one run", harm=_brakes_one_run, catches=told(commands.failing_service)),
    Mutant(name="a budget is counted per command", harm=_counts_one_command, catches=told(commands.spent_budget)),
    Mutant(name="the gate is asked once", harm=_asks_the_gate_once, catches=killed("ok", at_once=1)),
    Mutant(name="retry the POST", harm=_retries, catches=killed("lost_after")),
    Mutant(name="journal after the POST", harm=_journals_late, catches=killed("ok")),
    Mutant(
        name="bind by position only", harm=_by_position, catches=killed("shuffled", table=histories.DISTINCT)
    ),
    Mutant(name="an id binds twice", harm=_ids_twice, catches=killed("foreign", "foreign")),
    Mutant(name="resend `sending` at restart", harm=_resends, catches=killed("ok")),
    Mutant(name="error = rejected", harm=_error_means_rejected, catches=killed("500_after")),
    Mutant(
        name='"not in the list" = resend', harm=_absence_means_resend,
        catches=killed("lost_after", lists=True, lag_s=1e6),
    ),
    Mutant(name="the status is judged before ids", harm=_status_first, catches=killed("part_400_with_ids")),
    Mutant(
        name="a list of finished videos is believed", harm=_finished_list_is_proof,
        catches=killed("lost_after", lists=True, lists_finished_only=True, first_takes_s=1e6),
    ),
    Mutant(
        name="the local clock is believed", harm=_own_clock,
        catches=killed("lost_after", lists=True, first_lag_s=300.0, wall_jumps_s=7200.0),
    ),
    Mutant(
        name="resend without looking", harm=_decides_blindly,
        catches=killed("lost_after", lists_later=True, decision="resend"),
    ),
    Mutant(
        name="another spelling is a conflict", harm=_spelling_is_conflict,
        catches=settled(outcomes=("ok",), speaks="escaped", table=histories.DISTINCT),
    ),
    Mutant(
        name="take the first that fits", harm=_takes_first,
        catches=killed("lost_after", lists=True, has_colleague=True),
    ),
    Mutant(name="no guard on `sending`", harm=_no_guard, catches=pairs(60, "ok")),
    Mutant(name="two plans for one row (claim race)", harm=_no_epoch, catches=pairs(120, "ok")),
    Mutant(name="raw answer dropped in a wrong state", harm=_drops_answers, catches=pairs(120, "ok")),
    Mutant(name="judge before the answer is stored", harm=_judges_first, catches=killed("ok")),
    Mutant(name="the same request again after 429", harm=_same_chunk_again, catches=killed("429")),
    Mutant(name="no stop at two doubts", harm=_no_stop_at_doubts,
           catches=killed("lost_before", "lost_before", "ok", table=(*histories.DISTINCT, ("eve", "Blue")))),
    Mutant(
        name="a silent record proves the place", harm=_silence_is_proof,
        catches=killed("shuffled", "shuffled", speaks="late", table=histories.DISTINCT),
    ),
    Mutant(name="a draft counts as confirmed", harm=_drafts_count, catches=killed("ok")),
    Mutant(
        name="a superseded run sends", harm=_superseded_sends,
        catches=killed("ok", after=("render", "resume"), edited=histories.ROWS[:1]),
    ),
    Mutant(
        name="a later run forgets doubts", harm=_pool_forgets_doubt, catches=killed("lost_after", after=("render",))
    ),
    Mutant(
        name="late evidence unmakes what was final", harm=_forgets_the_final, catches=killed("short_ids", lists=True)
    ),
    Mutant(name="unsent rows are called finished", harm=_calls_it_finished, catches=killed("401")),
    Mutant(name="links before the record confirms", harm=_ends_unsure,
           catches=killed("shuffled", table=histories.DISTINCT)),
)  # fmt: skip


def table() -> str:
    """Try every mutant; return the table."""
    lines = ["| taken out | histories until it was noticed | noticed as |", "|---|---|---|"]
    for mutant in MUTANTS:
        said, looked = caught_by(mutant)
        lines.append(f"| {mutant.name} | {looked} | {said.partition(' {')[0][:90] or 'NOT NOTICED'} |")
    return "\n".join(lines)
