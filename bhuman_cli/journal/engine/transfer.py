"""Transfer of a whole journal, or of its payments, into another one; copies are compared by counts and digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from bhuman_cli import errors
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.engine import dialect

TABLES: Final = (
    "target", "run", "chunk", "claim", "row", "answer", "decision", "listed_video", "event", "fact", "applied_plan",
    "forgotten", "artifact",
)  # fmt: skip
"""Every table, what is named before what names it."""

Tell = Callable[[int, int], None]
"""Told now and then how many rows were read or written, and of how many."""

Advance = Callable[[int], None]
_BATCH: Final = 5_000
_LOOPS: Final = (("chunk", "parent_id"), ("claim", "replaced_by"))  # a table that names its own later rows


def _silent(*_: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDigest:
    """What a table holds: how many rows, and a digest of all of them."""

    rows: int
    digest: str


def is_empty(journal: Journal) -> bool:
    """Say whether nothing was ever recorded."""
    return journal.query_one("SELECT 1 FROM target LIMIT 1") is None


def columns(table: str) -> list[str]:
    """Return a table's columns, in the order of their names: it may differ between two journals."""
    return sorted(dialect.columns()[table])


def digests(journal: Journal, advance: Advance = _silent) -> dict[str, TableDigest]:
    """Return what each table holds; equal journals have equal digests, on either engine and in any order."""
    by_table = {}
    for table in TABLES:
        count = total = 0
        for batch in _batches(journal.query(f"SELECT {', '.join(columns(table))} FROM {table}")):
            for row in batch:
                text = repr([_plain(value) for value in row]).encode("utf-8", "surrogatepass")
                total += int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")
            count += len(batch)
            advance(len(batch))
        by_table[table] = TableDigest(rows=count, digest=f"{total % 2**128:032x}")
    return by_table


def copy(source: Journal, target: Journal, tell: Tell = _silent) -> dict[str, TableDigest]:
    """Copy everything into an empty journal, and compare; one transaction there, so that nothing is left half.

    Nobody writes to the source meanwhile, if this is called inside a transaction of it.

    Raises:
        UsageError: the other one is not empty.
        JournalError: what arrived is not what was sent.
    """
    total = 3 * sum(_count(source, table) for table in TABLES)  # written, and read once more on either side
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        tell(done, total)

    with target.transaction():
        if not is_empty(target):
            raise errors.UsageError(
                f"{target.shown} is not empty: `journal add` takes payments into a filled one",
                hint="bhuman journal add --from PATH",
            )
        target.be_patient()
        target.execute("DELETE FROM fact")
        for table in TABLES:
            _copy_table(source, target, table, advance)
        target.settle_keys(dialect.KEYS)
        sent, arrived = digests(source, advance), digests(target, advance)
        if sent != arrived:
            wrong = next(table for table in TABLES if sent[table] != arrived[table])
            raise errors.JournalError(f"the copy in {target.shown} differs in {wrong}; nothing was left there")
    return sent


def _copy_table(source: Journal, target: Journal, table: str, advance: Advance) -> None:
    names = columns(table)
    later = next((name for looped, name in _LOOPS if looped == table), "")
    first = [name for name in names if name != later]
    marks = ", ".join("?" * len(first))
    rows = source.query(f"SELECT {', '.join(first)} FROM {table}")
    for batch in _batches(rows):
        target.execute_many(f"INSERT INTO {table} ({', '.join(first)}) VALUES ({marks})", batch)
        advance(len(batch))
    if later:
        key = dialect.KEYS[table]
        pairs = source.query(f"SELECT {later}, {key} FROM {table} WHERE {later} IS NOT NULL")
        for batch in _batches(pairs):
            target.execute_many(f"UPDATE {table} SET {later} = ? WHERE {key} = ?", batch)


def _batches(rows: Iterator[Any]) -> Iterator[list[tuple[Any, ...]]]:
    while batch := [tuple(row) for row in islice(rows, _BATCH)]:
        yield batch


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return float(value) if isinstance(value, float) else value


def move(source: Journal, target: Journal, tell: Tell = _silent) -> dict[str, TableDigest]:
    """Copy everything into an empty journal, and say in the source that the copy counts from now on.

    Raises:
        UsageError, JournalError: as `copy`.
    """
    with source.transaction():
        source.be_patient()
        sent = copy(source, target, tell)
        source.execute("DELETE FROM fact WHERE name = 'moved_to'")
        source.execute("INSERT INTO fact (name, value) VALUES ('moved_to', ?)", (target.shown,))
    return sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What `add` took over: payments, and requests of which nobody knows."""

    payments: int
    doubtful: int


def add(source: Journal, target: Journal) -> Added:
    """Take another journal's payments into a filled one, in one commit; what is known there already stays as it is.

    A request that is open there becomes one in doubt here: its rows are not sent until somebody decides.
    """
    payments = doubtful = 0
    with target.transaction():
        for record in list(source.query("SELECT * FROM target")):
            target.execute(
                "INSERT INTO target (service, kind, api_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (record["service"], record["kind"], record["api_id"]),
            )
            mine = target.query_one(
                "SELECT target_id FROM target WHERE service = ? AND kind = ? AND api_id = ?",
                (record["service"], record["kind"], record["api_id"]),
            )
            if mine is None:
                raise errors.JournalError("the journal lost a target it had just recorded")
            payments += _add_payments(source, target, record["target_id"], int(mine[0]))
            doubtful += _add_doubts(source, target, record["target_id"], int(mine[0]))
            # Plans are stale, and the machine of the other journal has seen its epoch.
            target.execute(
                "UPDATE target SET epoch = CASE WHEN epoch < ? THEN ? ELSE epoch END + 1 WHERE target_id = ?",
                (record["epoch"], record["epoch"], mine[0]),
            )
        target.insert(
            "INSERT INTO decision (at, run_id, what, detail) VALUES (?, '', 'add', ?)",
            (target.now(), f"{payments} payments and {doubtful} requests in doubt from {source.shown}"),
        )
    return Added(payments=payments, doubtful=doubtful)


_PAYMENT: Final = (
    "identity", "text_key", "generation_id", "binding", "seen", "status", "url", "share_url", "thumbnail", "gif",
    "whatsapp_video_url", "message", "execution_name", "generated_at", "accepted_at", "ended_at", "forgotten",
)  # fmt: skip


def _add_payments(source: Journal, target: Journal, theirs: int, mine: int) -> int:
    names = ", ".join(_PAYMENT)
    marks = ", ".join("?" * len(_PAYMENT))
    rows = source.query(
        f"SELECT {names} FROM claim WHERE target_id = ? AND live = 1 AND generation_id IS NOT NULL ORDER BY claim_id",
        (theirs,),
    )
    before = _count(target, "claim")
    for batch in _batches(rows):
        target.execute_many(
            f"INSERT INTO claim (place, target_id, {names}) VALUES (0, ?, {marks})"
            " ON CONFLICT (generation_id) DO NOTHING",
            [(mine, *row) for row in batch],
        )
    return _count(target, "claim") - before


def _count(journal: Journal, table: str) -> int:
    row = journal.query_one(f"SELECT count(*) FROM {table}")
    return int(row[0]) if row else 0


def _add_doubts(source: Journal, target: Journal, theirs: int, mine: int) -> int:
    """Take over requests that may have been accepted: as in doubt, with the run that they belong to, superseded."""
    added = 0
    open_chunks = source.query(
        "SELECT * FROM chunk WHERE target_id = ? AND state IN ('sending', 'mapping', 'in_doubt') ORDER BY chunk_id",
        (theirs,),
    )
    for chunk in list(open_chunks):
        if target.query_one("SELECT 1 FROM chunk WHERE token = ?", (chunk["token"],)) is not None:
            continue
        run_no = _run_of(source, target, chunk["run_no"], mine)
        chunk_id = target.insert(
            "INSERT INTO chunk (run_no, target_id, state, epoch, token, rows, body, body_sha256, planned_at,"
            " sending_at, judged_at, reason, sender, clock_offset_s, lost_at)"
            " VALUES (?, ?, 'in_doubt', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run_no, mine, chunk["epoch"], chunk["token"], chunk["rows"], chunk["body"], chunk["body_sha256"],
                chunk["planned_at"], chunk["sending_at"], chunk["judged_at"] or target.now(),
                chunk["reason"] or "open in the journal that was added", chunk["sender"], chunk["clock_offset_s"],
                chunk["lost_at"],
            ),
        )  # fmt: skip
        _copy_open(source, target, chunk["chunk_id"], chunk_id, run_no, mine)
        added += 1
    return added


def _copy_open(source: Journal, target: Journal, theirs: int, chunk_id: int, run_no: int, target_id: int) -> None:
    claims = source.query(
        "SELECT place, row_index, identity, text_key FROM claim WHERE chunk_id = ? AND live = 1"
        " AND generation_id IS NULL ORDER BY place",
        (theirs,),
    )
    target.execute_many(
        "INSERT INTO claim (chunk_id, place, target_id, run_no, row_index, identity, text_key)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (chunk_id, record["place"], target_id, run_no, record["row_index"], record["identity"], record["text_key"])
            for record in claims
        ],
    )
    answers = source.query("SELECT at, status, headers, body, error FROM answer WHERE chunk_id = ?", (theirs,))
    target.execute_many(
        "INSERT INTO answer (chunk_id, at, status, headers, body, error) VALUES (?, ?, ?, ?, ?, ?)",
        [(chunk_id, *tuple(record)) for record in answers],
    )


def _run_of(source: Journal, target: Journal, theirs: int, target_id: int) -> int:
    """Return the number here of the run that a request there belongs to; it is only waited for, and decided about."""
    run = source.query_one("SELECT * FROM run WHERE run_no = ?", (theirs,))
    if run is None:
        raise errors.JournalError(f"{source.shown} lost a run")
    record = target.query_one("SELECT run_no FROM run WHERE run_id = ?", (run["run_id"],))
    if record is not None:
        return int(record[0])
    names = [name for name in dialect.columns()["run"] if name not in {"run_no", "target_id", "state", "superseded_by"}]
    marks = ", ".join("?" * len(names))
    return target.insert(
        f"INSERT INTO run (target_id, state, superseded_by, {', '.join(names)}) VALUES (?, 'superseded', 'added',"
        f" {marks})",
        (target_id, *(run[name] for name in names)),
    )


def counts(journal: Journal) -> dict[str, int]:
    """Count what a person knows by name: targets, runs, rows, requests, payments."""
    return {table: _count(journal, table) for table in ("target", "run", "row", "chunk", "claim")}


def last_write(journal: Journal) -> str:
    """Return when something was last recorded, "" if nothing ever was."""
    row = journal.query_one(
        "SELECT max(at) FROM (SELECT max(created_at) AS at FROM run UNION ALL SELECT max(judged_at) FROM chunk"
        " UNION ALL SELECT max(at) FROM event UNION ALL SELECT max(at) FROM decision) AS times"
    )
    return str(row[0] or "") if row else ""


def broken_promises(journal: Journal) -> list[str]:
    """Return which promises the journal's own content breaks, that a query can tell; one sentence each."""
    asked = (
        ("rows stand in a request without being recorded as paid or planned",
         "SELECT count(*) FROM row WHERE plan = 'sent' AND claim_id IS NULL AND shares IS NULL"),
        ("accepted requests have rows that neither have an id nor were given up",
         "SELECT count(*) FROM claim JOIN chunk USING (chunk_id) WHERE chunk.state = 'accepted' AND claim.live = 1"
         " AND claim.generation_id IS NULL AND claim.status <> 'failed' AND coalesce(claim.seen, '') <> 'given up'"),
        ("requests certainly not accepted still hold rows",
         "SELECT count(*) FROM claim JOIN chunk USING (chunk_id) WHERE chunk.state IN ('released', 'rejected', 'split')"
         " AND claim.live = 1 AND claim.generation_id IS NULL"),
        ("requests were sent in a state that is not recorded",
         "SELECT count(*) FROM chunk WHERE state IN ('sending', 'mapping', 'accepted', 'in_doubt')"
         " AND sending_at IS NULL"),
        ("rows name a video that is not there",
         "SELECT count(*) FROM row LEFT JOIN claim USING (claim_id) WHERE row.claim_id IS NOT NULL"
         " AND claim.claim_id IS NULL"),
        ("requests name a run that is not there",
         "SELECT count(*) FROM chunk LEFT JOIN run USING (run_no) WHERE run.run_no IS NULL"),
    )  # fmt: skip
    problems = []
    for words, sql in asked:
        row = journal.query_one(sql)
        if row is not None and row[0]:
            problems.append(f"{row[0]:,}: {words}")
    return problems
