"""A person's word about requests in doubt: what is told before it, what is looked up first, and what it changes.

It decides only requests of the run it names, and frees none that was seen to be accepted.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bhuman_cli import amounts, domain, durations, errors, ids
from bhuman_cli.clock import iso_utc
from bhuman_cli.domain import ChunkState, Generation, GenerationId, Target, TargetKind
from bhuman_cli.journal import chunks, decisions, generations, history, results, targets
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.runs import judging, verdict
from bhuman_cli.runs.binding import by_list, doubts, match, record_writer, video_list
from bhuman_cli.runs.context import RunContext
from bhuman_cli.terminal.console import Console

DECISIONS: Final = ("ask", "found", "resend", "abandon")
_APP: Final = {
    TargetKind.CAMPAIGN: "https://app.bhuman.ai/campaign/generatedVideos/",
    TargetKind.INSTANCE: "https://app.bhuman.ai/instance/",
}
GRACE_TIME: Final = "in_grace_time"
_MOST_PASTED: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a person says. decision: one of DECISIONS, or "". request: one request's number; None for all of the run."""

    decision: str = ""
    request: int | None = None
    accept_position: bool = False
    asks: bool = False
    yes: bool = False


def require_sense(word: Word) -> None:
    """Refuse words that mean nothing.

    Raises:
        UsageError: an unknown decision, or a request without one.
    """
    if word.decision and word.decision not in DECISIONS:
        raise errors.UsageError(
            f"--in-doubt takes {', '.join(DECISIONS[:-1])} or {DECISIONS[-1]}, not {word.decision[:20]!r}",
            hint="bhuman resume --help",
        )
    if word.request is not None and not word.decision:
        raise errors.UsageError(
            "--request names the request that --in-doubt decides about", hint="bhuman resume --help"
        )


@contextlib.contextmanager
def never_hidden(journal: Journal | Callable[[], Journal], target: Target, input_path: str) -> Iterator[None]:
    """While a request of this file is in doubt no other end hides it: whatever goes wrong in the block, it is told.

    journal: or what opens it, where the block may end before it is open; closed again.

    Raises:
        InDoubtError: instead of any other error.
    """
    try:
        yield
    except errors.InDoubtError:
        raise
    except Exception as error:
        if isinstance(error, errors.Refusal) and error.code == GRACE_TIME:
            raise  # it is about this very doubt
        is_locked = isinstance(error, errors.Refusal) and error.code == "locked"
        if isinstance(journal, Journal):
            run_id = _run_in_doubt(journal, target, input_path, is_locked=is_locked)
        else:
            run_id = None
            with contextlib.suppress(errors.JournalError, OSError), contextlib.closing(journal()) as opened:
                run_id = _run_in_doubt(opened, target, input_path, is_locked=is_locked)
        if run_id is None:
            raise
        said = error.message if isinstance(error, errors.BhumanError) else f"{type(error).__name__}: {error}"
        raise errors.InDoubtError(
            f"a request may have been accepted; a person decides. What ended this command: {said}",
            hint=f"bhuman resume {run_id} --in-doubt ask" if run_id else "bhuman runs",
        ) from error


def _run_in_doubt(journal: Journal, target: Target, input_path: str, *, is_locked: bool) -> str | None:
    """Return the newest run of the file with a request whose fate is open; "" where that can't be looked up now."""
    try:
        return history.run_in_doubt(journal, target, input_path, is_locked=is_locked)
    except (errors.JournalError, OSError, MemoryError):
        return "" if journal.open_requests else None


def decide(word: Word, context: RunContext, run: Run, console: Console) -> None:
    """Look for evidence, then carry out what the person says about what is still in doubt; each word is journaled.

    Raises:
        Refusal: `in_grace_time`. ServiceDown: ids that are known can't be asked now. Declined: a person said no.
    """
    journal = context.journal
    if word.accept_position:
        settled = decisions.settle_conflicts(journal, run, accept_position=True)
        console.say(f"{settled} rows keep the ids beside them")
    if not word.decision:
        return
    checked = doubts.check(context, run)
    doubtful = _own(journal, run, word.request)
    decision = word.decision
    if decision == "ask":
        decision = _asked(context, run, doubtful, console) if word.asks and doubtful else ""
    if decision in {"resend", "abandon"} and not doubtful:
        console.say("no request of this run is in doubt")
    match decision:
        case "found":
            _found(context, run, doubtful, console)
        case "resend":
            _require_grace(context, doubtful, is_list_open=checked.is_list_open)
            _resend(word, context, run, doubtful, console)
        case "abandon":
            _abandon(word, context, run, doubtful, console)


def explain(journal: Journal, run: Run, console: Console) -> None:
    """Say what is at stake, what is known, what was looked at, and the ways out, the free ones first."""
    own = _own(journal, run, None)
    numbers = {chunk.chunk_id for chunk in own}
    for chunk in chunks.unsettled(journal, run.target_id):
        console.say(f"in doubt: {_named(journal, chunk)}")
        console.say(f"  {chunk.reason or 'no reason is known'}")
        if chunks.is_another_machines(journal, chunk):
            console.say(f"  sent by {chunk.sender}: the folders there may hold its answer; a command there looks")
        if chunk.chunk_id not in numbers:
            console.say(f"  another run's: bhuman resume {history.run_id_of(journal, chunk.run_no)} --in-doubt ask")
    conflicts = results.conflicts(journal, run)
    for row_index, message in conflicts[:_SHOWN]:
        console.say(f"in doubt: row {row_index}: {message}")
    if len(conflicts) > _SHOWN:
        console.say(f"  and {len(conflicts) - _SHOWN:,} more rows")
    console.say("  We checked the stored answers, the callbacks and the campaign's list where it is open.")
    if run.target.service != domain.LOCAL_SERVICE:
        console.say(f"  Check whether the videos exist: {_APP[run.target.kind]}{run.target.api_id}")
    command = f"bhuman resume {run.run_id}"
    if conflicts:
        console.say(f"  the ids are right:  {command} --accept-position    (free)")
    if own:
        console.say(f"  they are there:     {command} --in-doubt found    (free: paste their addresses or ids)")
    if any(not _accepted_ids(journal, chunk) for chunk in own):
        console.say(f"  not there:          {command} --in-doubt resend    (pays again if they were accepted)")
    if own or conflicts:
        console.say(f"  give up:            {command} --in-doubt abandon")
    if len(own) > 1:
        console.say("  one request alone:  add --request N")


def _own(journal: Journal, run: Run, number: int | None) -> list[Chunk]:
    """Return the run's requests whose fate is open: its own, and earlier ones of the same file.

    Raises:
        UsageError: number is none of them.
    """
    unsettled = [c for c in chunks.unsettled(journal, run.target_id) if c.state in {"in_doubt", "mapping"}]
    same = history.runs_of_file(journal, run)
    own = [chunk for chunk in unsettled if chunk.run_no in same]
    if number is None:
        return own
    if number not in {chunk.chunk_id for chunk in own}:
        raise errors.UsageError(
            f"run {run.run_id} has no request {number} in doubt", hint=f"bhuman resume {run.run_id} --in-doubt ask"
        )
    return [chunk for chunk in own if chunk.chunk_id == number]


def _named(journal: Journal, chunk: Chunk) -> str:
    """Name a request: its number, file, rows at stake and when it was sent."""
    unbound = [row for row, is_bound in chunks.rows_of(journal, chunk) if not is_bound]
    name = Path(history.input_of(journal, chunk.run_no)).name
    sent = chunk.sending_at[:19].replace("T", " ") or "at an unknown time"
    accepted = chunk.rows - len(unbound)
    partly = f" ({accepted} of its ids are bound)" if accepted else ""
    rows = f"{_count(journal, chunk)} of {name} (row_index {_ranges(unbound)})"
    return f"request {chunk.chunk_id}: {rows}, sent {sent} UTC{partly}"


def _count(journal: Journal, chunk: Chunk) -> str:
    unbound = sum(not is_bound for _, is_bound in chunks.rows_of(journal, chunk))
    return amounts.show(unbound, "row")


def _ranges(numbers: Sequence[int]) -> str:
    """Return `0-2, 5` for 0, 1, 2, 5."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    shown = ", ".join("-".join(map(str, part)) for part in parts[:_SHOWN])
    return shown + (", …" if len(parts) > _SHOWN else "")


def _accepted_ids(journal: Journal, chunk: Chunk) -> set[str]:
    """Return the ids by which a request is known to be accepted: bound ones, and those its stored answer names."""
    answer = chunks.last_answer(journal, chunk)
    judged = judging.judge(journal, chunk, answer) if answer is not None else None
    named = judged.ids if isinstance(judged, verdict.Accepted | verdict.NeedsMapping) else ()
    return {*named, *chunks.ids_of_chunk(journal, chunk)}


def _require_grace(context: RunContext, doubtful: Sequence[Chunk], *, is_list_open: bool) -> None:
    """Refuse to send again what the open list may still show.

    Raises:
        Refusal: `in_grace_time`.
    """
    if not is_list_open:
        return
    seen = context.service.service_time
    for chunk in doubtful:
        lost = chunk.lost_at or chunk.judged_at or chunk.sending_at
        now = seen.at if seen is not None and chunk.lost_at else context.clock.now()
        over = datetime.fromisoformat(lost) + by_list.GRACE
        if now < over:
            wait_s = (over - now).total_seconds()
            raise errors.Refusal(
                f"request {chunk.chunk_id} may still appear in the list; ask again in {durations.show(wait_s)}"
                f" (at {iso_utc(context.clock.now() + (over - now))[:16].replace('T', ' ')} UTC)",
                code=GRACE_TIME,
                hint="bhuman runs",
            )


def _open_only(context: RunContext, doubtful: Sequence[Chunk], console: Console) -> list[Chunk]:
    """Leave out requests that were accepted at least in part; what is known of them must not be lost.

    Raises:
        ServiceDown: the ids of one can't be asked now.
    """
    open_chunks = []
    for chunk in doubtful:
        if chunk.state is ChunkState.MAPPING:
            raise errors.ServiceDown(
                f"request {chunk.chunk_id} was accepted, and its ids can't be asked now; nothing was changed",
                hint="bhuman doctor",
            )
        ids = _accepted_ids(context.journal, chunk) | {*context.callbacks(chunk.token)}
        if ids:
            console.say(
                f"request {chunk.chunk_id} was accepted at least in part ({len(ids)} ids are known): it is never sent"
                " again; --in-doubt found binds its other videos, --in-doubt abandon gives them up"
            )
        else:
            open_chunks.append(chunk)
    return open_chunks


def _resend(word: Word, context: RunContext, run: Run, doubtful: Sequence[Chunk], console: Console) -> None:
    journal = context.journal
    chosen = _open_only(context, doubtful, console)
    elsewhere = [chunk for chunk in chosen if chunks.is_another_machines(journal, chunk)]
    if elsewhere and word.request is None:
        raise errors.Refusal(
            f"request {elsewhere[0].chunk_id} was sent by {elsewhere[0].sender}, where its answer may lie; --request"
            f" {elsewhere[0].chunk_id} sends it again from here all the same",
            code="other_machine",
            hint=f"bhuman resume {run.run_id} --in-doubt ask",
        )
    for chunk in chosen:
        console.say(f"{_count(journal, chunk)} are sent again; they may be paid twice: {_named(journal, chunk)}")
    if chosen and word.asks and not word.yes:
        rows = sum(chunk.rows for chunk in chosen)
        if not console.confirm(f"{rows:,} rows may be paid twice. Send them again?"):
            raise errors.Declined("nothing was sent")
    for chunk in chosen:
        decisions.release_rows(journal, chunk, why="resend", run_id=run.run_id)


def _abandon(word: Word, context: RunContext, run: Run, doubtful: Sequence[Chunk], console: Console) -> None:
    journal = context.journal
    if any(chunk.state is ChunkState.MAPPING for chunk in doubtful):
        _open_only(context, doubtful, console)
    for chunk in doubtful:
        console.say(f"{_named(journal, chunk)} is given up: only --again pays for these rows")
        decisions.abandon(journal, chunk, run_id=run.run_id)
    if word.request is None:
        decisions.settle_conflicts(journal, run, accept_position=False)


def _asked(context: RunContext, run: Run, doubtful: Sequence[Chunk], console: Console) -> str:
    """Return what the person says to the doubts; "" to leave them."""
    explain(context.journal, run, console)
    can_resend = any(not _accepted_ids(context.journal, chunk) for chunk in doubtful)
    words = ["found", *(["resend"] if can_resend else []), "abandon"]
    return console.ask(f"{', '.join(words)}, or Enter to leave it for now: ", check=lambda text: text in {"", *words})


def _found(context: RunContext, run: Run, doubtful: Sequence[Chunk], console: Console) -> None:
    """Bind the videos whose addresses or ids a person pastes; each is confirmed by its own record.

    Raises:
        UsageError: nothing was pasted, or no id is in it.
    """
    pasted = _pasted(console)
    unknown = [item for item in pasted if item not in chunks.bound_ids(context.journal, pasted)]
    records = [record for item in unknown if (record := record_writer.read_record(context, item)) is not None]
    ours = [record for record in records if not video_list.is_foreign(record, run.target)]
    bound = bind_given(context.journal, doubtful, ours)
    decisions.record(context.journal, run, "found", f"{bound} of {len(pasted)} pasted ids")
    console.say(f"{bound:,} of {len(pasted):,} videos are those of rows in doubt and are bound to them")
    if bound < len(pasted):
        console.say(
            f"  {len(pasted) - len(unknown)} were known already, {len(unknown) - len(records)} the service does not"
            f" know now, {len(records) - bound} name none of these rows"
        )


def bind_given(journal: Journal, doubtful: Sequence[Chunk], records: Sequence[Generation]) -> int:
    """Bind records that a person gave to unbound rows of doubtful requests, by the strict rule; return how many."""
    left = list(records)
    for chunk in doubtful:
        facts = generations.chunk_facts(journal, chunk.chunk_id)
        unbound = [fact for fact in facts if fact.generation_id is None]
        names = targets.respellings(journal, chunk.target_id)
        pairs = match.match_given(unbound, map(match.as_record, left), respellings=names)
        if pairs:
            bound = {fact.place: fact.generation_id for fact in facts if fact.generation_id is not None}
            taken = {*pairs.values()}
            some = [record for record in left if record.id in taken]
            record_writer.bind(journal, chunk, {**bound, **pairs}, some, chunk.reason)
            left = [record for record in left if record.id not in taken]
    return len(records) - len(left)


def _pasted(console: Console) -> list[GenerationId]:
    if console.is_interactive():
        lines = []
        while line := console.ask("address or id of a video (Enter when done): "):
            lines.append(line)
        text = "\n".join(lines)
    else:
        text = sys.stdin.read(_MOST_PASTED) if sys.stdin is not None and not sys.stdin.closed else ""
    last: dict[str, None] = {}
    for line in text.splitlines():
        places = ids.within(line)
        last.update({ids.normal(place.group()): None for place in places[-1:] or ()})
        if len(places) > 1 and "/" not in line:
            last.update({ids.normal(place.group()): None for place in places})
    if not last:
        raise errors.UsageError(
            "no video was named: paste the addresses of their pages, or their ids, one a line",
            hint="bhuman resume --help",
        )
    return [GenerationId(item) for item in last]


_SHOWN: Final = 10
