"""Generations in the journal: bindings, statuses, links, and what waits for an answer.

STATUS is the one definition of the `status` column; counting and writing both use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bhuman_cli import domain
from bhuman_cli.clock import iso_utc
from bhuman_cli.domain import Binding, Generation, GenerationId
from bhuman_cli.journal import faults
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import SERIES, Run

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
        _waiting(record)
        for record in journal.query(
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
        record[0]
        for record in journal.query(
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
        MissingLinks(waiting=_waiting(record), names=tuple(name for name in LATE_LINKS if not record[name]))
        for record in journal.query(
            "SELECT claim.*, row.row_index AS shown_index, row.selected FROM row JOIN claim USING (claim_id)"
            " WHERE row.run_no = ? AND claim.status = 'succeeded' AND claim.url <> '' AND claim.ended_at IS NOT NULL"
            f" AND claim.binding IN ('confirmed', 'position') AND {missing} ORDER BY claim.chunk_id, claim.place",
            (run.run_no,),
        )
    ]


def _waiting(record: Any) -> Waiting:
    return Waiting(
        claim_id=record["claim_id"], chunk_id=record["chunk_id"] or 0, place=record["place"],
        generation_id=GenerationId(record["generation_id"]), row_index=record["shown_index"],
        selected=bool(record["selected"]),
    )  # fmt: skip


def fronts(journal: Journal, run: Run) -> list[tuple[int, int]]:
    """Return (chunk, furthest finished place) of the run's requests: where waiting goes on after a stop."""
    return [
        (record[0], record[1])
        for record in journal.query(
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
            claim_id=record["claim_id"], place=record["place"], text_key=record["text_key"],
            generation_id=GenerationId(record["generation_id"]) if record["generation_id"] else None,
            binding=record["binding"] or "", seen=record["seen"] or "",
            status=record["status"], identity=record["identity"],
            values=sent[record["place"]][0] if record["place"] < len(sent) else None,
            assets=sent[record["place"]][1] if record["place"] < len(sent) else (),
        )
        for record in journal.query(
            "SELECT * FROM claim WHERE chunk_id = ? AND (live = 1 OR generation_id IS NOT NULL) ORDER BY place",
            (chunk_id,),
        )
    ]  # fmt: skip


def _sent_rows(journal: Journal, chunk_id: int) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the values and assets of a request's rows, as its frozen body has them; none once that is forgotten."""
    record = journal.query_one("SELECT body FROM chunk WHERE chunk_id = ?", (chunk_id,))
    if record is None or not record["body"]:
        return []
    body = faults.from_json(record["body"])
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
            record = journal.query_one("SELECT missing_from, missing_looks FROM claim WHERE claim_id = ?", (claim,))
            if record is None or record["missing_looks"] < MISSING_LOOKS or not record["missing_from"]:
                continue
            if now - datetime.fromisoformat(record["missing_from"]) >= MISSING_FOR:
                journal.execute(
                    "UPDATE claim SET status = 'failed', message = ?, ended_at = ? WHERE claim_id = ?",
                    (GONE, journal.now(), claim),
                )
                gone.add(claim)
    return gone


VIDEO_GONE: Final = "its video is gone"
_SHOWN: Final = (
    "SELECT coalesce(row.claim_id, owner.claim_id) AS claim_id, count(*) AS rows FROM row LEFT JOIN row AS owner"
    " ON owner.run_no = row.run_no AND owner.row_index = row.shares WHERE row.run_no"
)


def old_videos_of_new_rows(journal: Journal, run: Run, *, asked_before: datetime) -> list[tuple[int, GenerationId]]:
    """Return (claim, id) of videos last asked before a moment, where more rows show them than the series did before."""
    records = journal.query(
        f"SELECT claim.claim_id, claim.generation_id FROM ({_SHOWN} = :run AND row.selected = 1 GROUP BY 1) AS now"
        " JOIN claim ON claim.claim_id = now.claim_id"
        f" LEFT JOIN ({_SHOWN} = (SELECT max(run.run_no) FROM run WHERE target_id = :target AND run_no < :run"
        f" AND state <> 'draft' AND {SERIES} = (SELECT {SERIES} FROM run WHERE run_no = :run)) GROUP BY 1) AS before"
        " ON before.claim_id = now.claim_id WHERE now.rows > coalesce(before.rows, 0) AND claim.status = 'succeeded'"
        " AND claim.generation_id IS NOT NULL AND claim.forgotten = 0 AND claim.ended_at < :before"
        " AND claim.asked_at < :before",
        {"run": run.run_no, "target": run.target_id, "before": iso_utc(asked_before)},
    )
    return [(item[0], GenerationId(item[1])) for item in records]


def note_asked(journal: Journal, claim_ids: Iterable[int], *, gone: Iterable[int]) -> None:
    """Keep that these videos were asked whether they are still there, and end those that are gone. One commit."""
    with journal.transaction():
        journal.execute_many(
            "UPDATE claim SET asked_at = ? WHERE claim_id = ?", ((journal.now(), claim) for claim in claim_ids)
        )
        journal.execute_many(
            "UPDATE claim SET status = 'failed', message = ? WHERE claim_id = ?",
            ((VIDEO_GONE, claim) for claim in gone),
        )


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
    ids: set[int] = set()
    for start in range(0, len(asked), 500):
        part = asked[start : start + 500]
        marks = ",".join("?" * len(part))
        sql = f"SELECT claim_id FROM claim WHERE claim_id IN ({marks}) AND ended_at IS NOT NULL"
        ids |= {row[0] for row in journal.query(sql, part)}
    return ids
