"""Generations in the journal: bindings, statuses, counts, the rows of a results file.

STATUS is the one definition of the `status` column; counting and writing both use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bhuman_cli import domain
from bhuman_cli.clock import iso_utc
from bhuman_cli.domain import Binding, Generation, GenerationId, ResultRow, Status
from bhuman_cli.journal import faults
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run

STATUS: Final = """CASE
  WHEN claim.claim_id IS NULL AND row.state <> 'pending' THEN row.state
  WHEN claim.claim_id IS NULL AND row.selected = 0 THEN 'skipped'
  WHEN claim.claim_id IS NULL THEN coalesce(owner.state, 'pending')
  WHEN claim.binding = 'conflict' THEN 'in_doubt'
  WHEN claim.status = 'failed' THEN 'failed'
  WHEN claim.generation_id IS NULL AND chunk.state = 'planned' THEN 'pending'
  WHEN claim.generation_id IS NULL THEN 'in_doubt'
  WHEN claim.status = 'succeeded' AND claim.url <> '' AND claim.binding IN ('confirmed', 'position') THEN 'succeeded'
  WHEN claim.status IN ('queued', 'preparing', 'processing') THEN claim.status
  WHEN claim.status = '' THEN 'queued'
  ELSE 'processing' END"""

JOINED: Final = (
    "row LEFT JOIN row AS owner ON owner.run_no = row.run_no AND owner.row_index = row.shares"
    " LEFT JOIN claim ON claim.claim_id = coalesce(row.claim_id, owner.claim_id)"
    " LEFT JOIN chunk ON chunk.chunk_id = claim.chunk_id"
)
"""A row with the video it shows: its own, or that of the equal row that owns it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A generation that is not finished. chunk_id 0: adopted. selected: False outside `--rows`/`--limit`."""

    claim_id: int
    chunk_id: int
    place: int
    generation_id: GenerationId
    row_index: int
    selected: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimFacts:
    """What decides whether an id belongs to its row.

    seen: what its record said, see binding.match; "" if not asked yet. identity: of the row, assets included.
    values, assets: as they were sent; None and () once the request's body is forgotten.
    """

    claim_id: int
    place: int
    text_key: bytes
    generation_id: GenerationId | None
    binding: str
    seen: str
    status: str
    identity: bytes = b""
    values: tuple[str, ...] | None = None
    assets: tuple[str, ...] = ()


def waiting(journal: Journal, run: Run, *, after: int = 0) -> list[Waiting]:
    """Return the run's generations whose end is not known, oldest chunk first, in request order.

    after: only claims that the run itself made after this one, found without reading all its rows.
    """
    source = (
        "claim JOIN row ON row.run_no = claim.run_no AND row.row_index = claim.row_index"
        " WHERE claim.claim_id > :after AND claim.run_no = :run AND row.claim_id = claim.claim_id"
        if after
        else "row JOIN claim USING (claim_id) WHERE row.run_no = :run"
    )
    return [
        _waiting(found)
        for found in journal.query(
            "SELECT claim.claim_id, claim.chunk_id, claim.place, claim.generation_id,"
            " row.row_index AS shown_index, row.selected"
            f" FROM {source}"
            " AND claim.generation_id IS NOT NULL AND claim.ended_at IS NULL ORDER BY claim.chunk_id, claim.place",
            {"run": run.run_no, "after": after},
        )
    ]


def provisional(journal: Journal, run: Run) -> list[int]:
    """Return the run's claims whose ids are bound by position and whose records were not read yet, in order."""
    return [
        found[0]
        for found in journal.query(
            "SELECT claim_id FROM row JOIN claim USING (claim_id) WHERE row.run_no = ?"
            " AND claim.binding = 'provisional' AND claim.generation_id IS NOT NULL"
            " ORDER BY claim.chunk_id, claim.place",
            (run.run_no,),
        )
    ]


LATE_LINKS: Final = ("thumbnail", "gif", "whatsapp_video_url")
"""What a record may gain after its video is finished. Source: API contract, sections 3 and 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLinks:
    """A finished video without some of LATE_LINKS. names: those that it lacks."""

    waiting: Waiting
    names: tuple[str, ...]


def missing_links(journal: Journal, run: Run, *, whatsapp: bool = False) -> list[MissingLinks]:
    """Return the run's finished videos without a thumbnail or GIF; whatsapp: those without that link instead."""
    missing = "claim.whatsapp_video_url = ''" if whatsapp else "(claim.thumbnail = '' OR claim.gif = '')"
    return [
        MissingLinks(waiting=_waiting(found), names=tuple(name for name in LATE_LINKS if not found[name]))
        for found in journal.query(
            "SELECT claim.*, row.row_index AS shown_index, row.selected FROM row JOIN claim USING (claim_id)"
            " WHERE row.run_no = ? AND claim.status = 'succeeded' AND claim.url <> '' AND claim.ended_at IS NOT NULL"
            f" AND claim.binding IN ('confirmed', 'position') AND {missing} ORDER BY claim.chunk_id, claim.place",
            (run.run_no,),
        )
    ]


def _waiting(found: Any) -> Waiting:
    return Waiting(
        claim_id=found["claim_id"], chunk_id=found["chunk_id"] or 0, place=found["place"],
        generation_id=GenerationId(found["generation_id"]), row_index=found["shown_index"],
        selected=bool(found["selected"]),
    )  # fmt: skip


def fronts(journal: Journal, run: Run) -> list[tuple[int, int]]:
    """Return (chunk, furthest finished place) of the run's requests: where waiting goes on after a stop."""
    return [
        (found[0], found[1])
        for found in journal.query(
            "SELECT claim.chunk_id, max(claim.place) FROM row JOIN claim USING (claim_id) WHERE row.run_no = ?"
            " AND claim.chunk_id IS NOT NULL AND claim.ended_at IS NOT NULL GROUP BY claim.chunk_id",
            (run.run_no,),
        )
    ]


def chunk_facts(journal: Journal, chunk_id: int) -> list[ClaimFacts]:
    """Return what is known of every place of a chunk, in place order."""
    sent = _sent_rows(journal, chunk_id)
    return [
        ClaimFacts(
            claim_id=found["claim_id"], place=found["place"], text_key=found["text_key"],
            generation_id=GenerationId(found["generation_id"]) if found["generation_id"] else None,
            binding=found["binding"] or "", seen=found["seen"] or "",
            status=found["status"], identity=found["identity"],
            values=sent[found["place"]][0] if found["place"] < len(sent) else None,
            assets=sent[found["place"]][1] if found["place"] < len(sent) else (),
        )
        for found in journal.query(
            "SELECT * FROM claim WHERE chunk_id = ? AND (live = 1 OR generation_id IS NOT NULL) ORDER BY place",
            (chunk_id,),
        )
    ]  # fmt: skip


def _sent_rows(journal: Journal, chunk_id: int) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the values and assets of a request's rows, as its frozen body has them; none once that is forgotten."""
    found = journal.query_one("SELECT body FROM chunk WHERE chunk_id = ?", (chunk_id,))
    if found is None or not found["body"]:
        return []
    body = faults.from_json(found["body"])
    variables = body.get("variables")
    names = body["names"] if "names" in body else [list(variables.values())] if isinstance(variables, dict) else []
    assets = body.get("assets") or []
    return [
        (tuple(values), tuple(assets[at]) if at < len(assets) and any(assets[at]) else ())
        for at, values in enumerate(names)
    ]


def record(journal: Journal, claim_id: int, generation: Generation, seen: str) -> None:
    """Keep what the service says of a claim's generation; inside a transaction. Statuses never move backwards.

    seen: what the record says to bind by. A final generation stays final, but links that came late are added.
    """
    before = journal.query_one("SELECT * FROM claim WHERE claim_id = ?", (claim_id,))
    if before is None or before["generation_id"] != generation.id:
        return  # bound anew meanwhile
    status, message = before["status"], before["message"]
    if not before["ended_at"] and domain.status_rank(generation.status) >= domain.status_rank(status):
        # What was said on the way ("waiting for a worker") does not outlive it; a person's word does.
        is_over = generation.status != status and before["seen"] != "person"
        message = generation.message or ("" if is_over else message)
        status = generation.status
    if status != before["status"]:
        journal.execute(
            "INSERT INTO event (at, kind, run_no, claim_id, detail) VALUES (?, 'status', ?, ?, ?)",
            (journal.now(), before["run_no"], claim_id, status),
        )
    journal.execute(
        "UPDATE claim SET missing_from = '', missing_looks = 0, status = :status, seen = :seen,"
        " url = coalesce(nullif(:url, ''), url),"
        " share_url = coalesce(nullif(:share_url, ''), share_url),"
        " thumbnail = coalesce(nullif(:thumbnail, ''), thumbnail), gif = coalesce(nullif(:gif, ''), gif),"
        " whatsapp_video_url = coalesce(nullif(:whatsapp, ''), whatsapp_video_url),"
        " message = :message,"
        " execution_name = coalesce(nullif(:execution, ''), execution_name),"
        " generated_at = coalesce(nullif(:generated_at, ''), generated_at) WHERE claim_id = :claim",
        {
            "status": status, "seen": seen, "claim": claim_id, "url": generation.url,
            "share_url": generation.share_url, "thumbnail": generation.thumbnail, "gif": generation.gif,
            "whatsapp": generation.whatsapp_video_url, "message": message,
            "execution": generation.execution_name, "generated_at": generation.generated_at,
        },
    )  # fmt: skip


MISSING_LOOKS: Final = 3
MISSING_FOR: Final = timedelta(days=1)
GONE: Final = "gone at the service"


def note_missing(journal: Journal, claim_ids: Iterable[int], *, now: datetime) -> set[int]:
    """Keep that the service knows no such ids; return those that are gone: told so for a day, in three commands.

    now: by the service's clock where that is known. Call it once a command for each id. One commit.
    """
    gone: set[int] = set()
    with journal.transaction():
        for claim in claim_ids:
            journal.execute(
                "UPDATE claim SET missing_looks = missing_looks + 1,"
                " missing_from = CASE WHEN missing_from = '' THEN ? ELSE missing_from END"
                " WHERE claim_id = ? AND ended_at IS NULL",
                (iso_utc(now), claim),
            )
            found = journal.query_one("SELECT missing_from, missing_looks FROM claim WHERE claim_id = ?", (claim,))
            if found is None or found["missing_looks"] < MISSING_LOOKS or not found["missing_from"]:
                continue
            if now - datetime.fromisoformat(found["missing_from"]) >= MISSING_FOR:
                journal.execute(
                    "UPDATE claim SET status = 'failed', message = ?, ended_at = ? WHERE claim_id = ?",
                    (GONE, journal.now(), claim),
                )
                gone.add(claim)
    return gone


def save_bindings(journal: Journal, bindings: Mapping[int, Binding]) -> None:
    """Keep how surely claims are bound, and end those whose generation is final and settled; inside a transaction."""
    journal.execute_many(
        "UPDATE claim SET ended_at = NULL WHERE claim_id = ? AND binding = 'conflict'",  # it is asked again
        ((claim,) for claim in bindings),
    )
    journal.execute_many(
        "UPDATE claim SET binding = ? WHERE claim_id = ?", ((str(what), claim) for claim, what in bindings.items())
    )
    journal.execute_many(
        "UPDATE claim SET ended_at = ? WHERE claim_id = ? AND ended_at IS NULL AND"
        " ((binding IN ('confirmed', 'position') AND (status = 'failed' OR (status = 'succeeded' AND url <> '')))"
        " OR binding = 'conflict')",
        ((journal.now(), claim) for claim in bindings),
    )


def mark_finished(journal: Journal, claim_ids: Sequence[int]) -> None:
    """End claims whose binding was settled before and whose generation is final now; inside a transaction."""
    journal.execute_many(
        "UPDATE claim SET ended_at = ? WHERE claim_id = ? AND ended_at IS NULL AND binding IN ('confirmed', 'position')"
        " AND (status = 'failed' OR (status = 'succeeded' AND url <> ''))",
        ((journal.now(), claim) for claim in claim_ids),
    )


def drop_bodies(journal: Journal, chunk_ids: Iterable[int]) -> None:
    """Forget the frozen bodies of requests whose videos are all finished and bound; inside a transaction.

    Until then a body tells which values a record must name.
    """
    journal.execute_many(
        "UPDATE chunk SET body = NULL WHERE chunk_id = ? AND state = 'accepted' AND body IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM claim WHERE claim.chunk_id = chunk.chunk_id AND (claim.ended_at IS NULL"
        " OR claim.binding = 'conflict') AND (claim.live = 1 OR claim.generation_id IS NOT NULL))",
        ((chunk_id,) for chunk_id in chunk_ids),
    )


def finished(journal: Journal, claim_ids: Iterable[int]) -> set[int]:
    """Return those of the claims that are finished."""
    asked = list(claim_ids)
    found: set[int] = set()
    for start in range(0, len(asked), 500):
        part = asked[start : start + 500]
        marks = ",".join("?" * len(part))
        sql = f"SELECT claim_id FROM claim WHERE claim_id IN ({marks}) AND ended_at IS NOT NULL"
        found |= {row[0] for row in journal.query(sql, part)}
    return found


def tally(journal: Journal, run: Run, *, selected_only: bool = False) -> dict[str, int]:
    """Count the run's rows by status; of a run whose rows were dropped, as they were counted then."""
    dropped = journal.query_one("SELECT tally FROM run WHERE run_no = ? AND tally IS NOT NULL", (run.run_no,))
    if dropped is not None:
        return dict(faults.from_json(dropped[0]))
    where = " AND row.selected = 1" if selected_only else ""
    return {
        found[0]: found[1]
        for found in journal.query(
            f"SELECT {STATUS} AS status, count(*) FROM {JOINED} WHERE row.run_no = ?{where} GROUP BY 1",
            (run.run_no,),
        )
    }


def paid_rows(journal: Journal, run: Run) -> int:
    """Count the rows that show a generation that was accepted, whenever and by whichever run."""
    found = journal.query_one(
        "SELECT count(*) FROM row JOIN claim USING (claim_id) WHERE row.run_no = ? AND claim.generation_id IS NOT NULL",
        (run.run_no,),
    )
    return int(found[0]) if found else 0


_PLANS: Final = "row LEFT JOIN row AS owner ON owner.run_no = row.run_no AND owner.row_index = row.shares"


def unsent(journal: Journal, run: Run) -> int:
    """Count the rows that were to be sent, or wait for an equal one that was, and are not."""
    return _count(
        journal,
        f"{_PLANS} LEFT JOIN claim ON claim.claim_id = coalesce(owner.claim_id, row.claim_id)"
        " LEFT JOIN chunk USING (chunk_id) WHERE row.run_no = ?"
        " AND (coalesce(owner.plan, row.plan) IN ('new', 'retried', 'later')"
        " OR (coalesce(owner.plan, row.plan) = 'sent' AND chunk.state = 'planned'))",
        run,
    )


def shared_rows(journal: Journal, run: Run) -> int:
    """Count the rows that show another row's video."""
    return _count(journal, "row WHERE run_no = ? AND shares IS NOT NULL", run)


def deferred_rows(journal: Journal, run: Run) -> int:
    """Count the rows that are left for another command: pending, but nothing of this run waits for them."""
    where = "row.run_no = ? AND coalesce(owner.plan, row.plan) = 'deferred'"
    return _count(journal, f"{_PLANS} WHERE {where}", run)


def _count(journal: Journal, what: str, run: Run) -> int:
    found = journal.query_one(f"SELECT count(*) FROM {what}", (run.run_no,))
    return int(found[0]) if found else 0


def retryable(journal: Journal, run: Run) -> int:
    """Count the selected rows whose render failed; those that a person gave up never did."""
    found = journal.query_one(
        "SELECT count(*) FROM row JOIN claim USING (claim_id) WHERE row.run_no = ? AND row.selected = 1"
        " AND claim.status = 'failed' AND claim.generation_id IS NOT NULL AND coalesce(claim.seen, '') <> 'given up'",
        (run.run_no,),
    )
    return int(found[0]) if found else 0


def conflicts(journal: Journal, run: Run) -> list[tuple[int, str]]:
    """Return (row_index, message) of the run's rows whose record contradicts their place."""
    return [
        (found["row_index"], _conflict(journal, found))
        for found in journal.query(
            "SELECT row.row_index, claim.* FROM row JOIN claim USING (claim_id) WHERE row.run_no = ?"
            " AND claim.binding = 'conflict' ORDER BY row.row_index",
            (run.run_no,),
        )
    ]


def per_chunk(journal: Journal, run: Run) -> list[tuple[int, int, int]]:
    """Return (chunk number, rows finished, rows) for each of the run's own accepted chunks, for the progress table."""
    return [
        (found[0], found[1], found[2])
        for found in journal.query(
            "SELECT chunk_id, count(*) FILTER (WHERE claim.ended_at IS NOT NULL), count(*) FROM claim"
            " WHERE claim.run_no = ? AND claim.live = 1 AND claim.chunk_id IS NOT NULL GROUP BY chunk_id"
            " ORDER BY chunk_id",
            (run.run_no,),
        )
    ]


def results(journal: Journal, run: Run) -> Iterator[ResultRow]:
    """Stream the results file: every row in input order, the user's cells and what happened to it.

    Links appear only beside rows whose binding is settled; a row in doubt shows neither link nor id.
    """
    width = len(run.columns)
    for found in journal.query(
        f"SELECT row.row_index, row.cells, row.message AS row_message, row.state, {STATUS} AS shown, claim.*,"
        f" chunk.reason, owner.line AS owner_line FROM {JOINED} WHERE row.run_no = ? ORDER BY row.row_index",
        (run.run_no,),
    ):
        cells = tuple(faults.from_json(found["cells"])) if found["cells"] else ("",) * width
        yield ResultRow(cells=cells, fields=_fields(found, _message(journal, found)))


def _fields(found: Any, message: str) -> dict[str, str]:
    shown = found["shown"]
    linked = shown == Status.SUCCEEDED
    # A provisional id may be another person's: it is shown beside nobody.
    bound = found["binding"] in {Binding.CONFIRMED, Binding.POSITION}
    return {
        "row_index": str(found["row_index"]),
        "id": found["generation_id"] if bound else "",
        "status": shown,
        "share_url": found["share_url"] if linked else "",
        "url": found["url"] if linked else "",
        "thumbnail": found["thumbnail"] if linked else "",
        "gif": found["gif"] if linked else "",
        "whatsapp_video_url": found["whatsapp_video_url"] if linked else "",
        "message": message,
        "execution_name": (found["execution_name"] or "") if bound else "",
        "generated_at": found["generated_at"] if linked else "",
    }


NOT_CONFIRMED: Final = "accepted, not confirmed yet"


def other_place(word: str) -> int | None:
    """Return the place that a record names instead of its own, from what it said (`other@<place>`)."""
    kind, _, place = word.partition(":")[0].partition("@")
    return int(place) if kind == "other" and place else None


def _conflict(journal: Journal, found: Any) -> str:
    """Name both rows: the one the id was given for, and the one its record speaks of."""
    place = other_place(found["seen"] or "")
    other = None
    if place is not None:
        asked = "SELECT row_index FROM claim WHERE chunk_id = ? AND place = ?"
        other = journal.query_one(asked, (found["chunk_id"], place))
    if other is not None:
        return f"the service's record is that of row {other[0]}, not of row {found['row_index']}"
    if (found["seen"] or "").startswith("foreign"):
        return "the service's record belongs to another campaign"
    return "the service's record points to another row"


def _message(journal: Journal, found: Any) -> str:
    """Say the most telling thing first: why it is in doubt, what the service says, how it was bound, what stood in."""
    parts = [f"shares the video of line {found['owner_line']}"] if found["owner_line"] is not None else []
    if found["binding"] == Binding.PROVISIONAL and found["shown"] != Status.IN_DOUBT:
        parts.append(NOT_CONFIRMED)
    if found["shown"] == Status.IN_DOUBT:
        conflict = found["binding"] == Binding.CONFLICT
        parts.append(_conflict(journal, found) if conflict else found["reason"] or "in doubt")
    elif found["message"]:
        parts.append(found["message"])
    if found["binding"] == Binding.POSITION and not found["message"]:
        parts.append("bound by position")
    if found["row_message"]:
        parts.append(found["row_message"])
    return "; ".join(parts)


def lines(journal: Journal, run: Run) -> dict[str, int]:
    """Return the line of each row in its file, by row_index as text, as the spreadsheet shows it."""
    found = journal.query("SELECT row_index, line FROM row WHERE run_no = ?", (run.run_no,))
    return {str(row[0]): row[1] for row in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFailure:
    """A row that needs a person. line: as the spreadsheet shows it. generation_id: "" if nothing was accepted."""

    row_index: int
    line: int
    status: str
    reason: str
    generation_id: str
    execution_name: str


def failures(journal: Journal, run: Run, limit: int = 2_000) -> list[RowFailure]:
    """Return the selected rows that ended badly or are in doubt, in the order of the file."""
    return [
        RowFailure(
            row_index=found["row_index"],
            line=found["row_line"],
            status=found["shown"],
            reason=_message(journal, found),
            generation_id=found["generation_id"] or "",
            execution_name=found["execution_name"] or "",
        )
        for found in journal.query(
            f"SELECT row.row_index, row.line AS row_line, row.message AS row_message, {STATUS} AS shown, claim.*,"
            " chunk.reason, owner.line AS owner_line"
            f" FROM {JOINED} WHERE row.run_no = ? AND row.selected = 1"
            " AND shown IN ('failed', 'rejected', 'in_doubt', 'invalid') ORDER BY row.row_index LIMIT ?",
            (run.run_no, limit),
        )
    ]


def seconds(journal: Journal, run: Run) -> list[float]:
    """Return how long each finished video took from its acceptance to its last update, where both are known."""
    return [
        float(found[0])
        for found in journal.query(
            "SELECT (julianday(generated_at) - julianday(accepted_at)) * 86400 AS seconds FROM row"
            " JOIN claim USING (claim_id) WHERE row.run_no = ? AND claim.url <> '' AND seconds >= 0",
            (run.run_no,),
        )
    ]
