"""Counts that the gate asks for before a request: what is under way, what failed, what was paid in a day.

Decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bhuman_cli import clock
from bhuman_cli.journal import runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.generations import VIDEO_GONE
from bhuman_cli.journal.planning import PAID_STATES
from bhuman_cli.journal.runs import Run

GRACE: Final = timedelta(minutes=15)
"""A request in doubt counts as under way for so long. Source: how long a lost answer may still be accepted."""

_ACCEPTED: Final = (
    "SELECT count(*) FROM claim WHERE live = 1 AND ended_at IS NULL AND generation_id IS NOT NULL"
    " AND binding IS NOT 'conflict'"
)
_UNKNOWN: Final = (
    "SELECT count(*) FROM chunk JOIN claim USING (chunk_id) WHERE chunk.target_id = :target"
    " AND chunk.state IN ('sending', 'mapping', 'in_doubt') AND chunk.sending_at >= :grace"
    " AND claim.live = 1 AND claim.ended_at IS NULL AND claim.generation_id IS NULL"
)
_COUNTED: Final = f"(chunk.state IN {PAID_STATES} OR (chunk.state = 'released' AND chunk.reason = 'resend'))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is under way on a run's target; see gate.pacing.Traffic."""

    braked: bool
    ended: tuple[bool, ...]
    run_failed: int
    run_sent: int
    run_waiting: int
    target_waiting: int
    first_left: int | None


def counts(journal: Journal, run: Run, *, last: int) -> Counts:
    """Count what is under way; ended: the target's last videos, newest first, True where one failed."""
    state = journal.query_one(
        "SELECT target.braked_at, target.failures_from, run.first_rows FROM run JOIN target USING (target_id)"
        " WHERE run_no = ?",
        (run.run_no,),
    )
    braked_at, failures_from, first_left = state if state is not None else ("", "", None)
    ended = journal.query(
        "SELECT status = 'failed' FROM claim WHERE target_id = ? AND ended_at > ? AND generation_id IS NOT NULL"
        " AND message <> ? ORDER BY ended_at DESC, claim_id DESC LIMIT ?",
        (run.target_id, failures_from, VIDEO_GONE, last),
    )
    own = f"SELECT coalesce(sum(rows), 0) FROM chunk WHERE run_no = ? AND state IN {PAID_STATES}"
    return Counts(
        braked=bool(braked_at),
        ended=tuple(bool(record[0]) for record in ended),
        run_failed=_one(
            journal,
            "SELECT count(*) FROM claim WHERE run_no = ? AND status = 'failed' AND generation_id IS NOT NULL"
            " AND ended_at > ?",
            (run.run_no, failures_from),
        ),
        run_sent=_one(journal, own, (run.run_no,)),
        run_waiting=waiting(journal, run, whole_target=False),
        target_waiting=waiting(journal, run, whole_target=True),
        first_left=first_left,
    )


def waiting(journal: Journal, run: Run, *, whole_target: bool) -> int:
    """Count videos of the run, or of its target, that were accepted, or may have been, and have no end yet."""
    which = "claim.target_id = :target" if whole_target else "claim.run_no = :run"
    values = {"target": run.target_id, "run": run.run_no, "grace": clock.iso_utc(journal.clock.now() - GRACE)}
    return _one(journal, f"SELECT ({_ACCEPTED} AND {which}) + ({_UNKNOWN} AND {which})", values)


def has_succeeded(journal: Journal, target_id: int) -> bool:
    """Say whether a video of the target ever did, since the brake last acted."""
    record = journal.query_one(
        "SELECT 1 FROM claim JOIN target USING (target_id) WHERE claim.target_id = ? AND claim.status = 'succeeded'"
        " AND claim.ended_at > target.failures_from AND claim.ended_at > target.braked_at LIMIT 1",
        (target_id,),
    )
    return record is not None


def has_rows_to_send(journal: Journal, run: Run) -> bool:
    """Say whether there is anything left that a request could carry."""
    rows = "SELECT 1 FROM row WHERE run_no = ? AND plan IN ('new', 'retried') LIMIT 1"
    planned = "SELECT 1 FROM chunk WHERE run_no = ? AND state = 'planned' LIMIT 1"
    return any(journal.query_one(asked, (run.run_no,)) is not None for asked in (rows, planned))


def set_first_rows(journal: Journal, run: Run, first: int | None) -> None:
    """Keep how many of the run's videos are sent alone before the others; None: they are over, or there are none."""
    with journal.transaction():
        journal.execute("UPDATE run SET first_rows = ? WHERE run_no = ?", (first, run.run_no))


def brake(journal: Journal, run: Run, reason: str) -> None:
    """Hold every further request of the target until a person accepts the failures."""
    with journal.transaction():
        journal.execute("UPDATE target SET braked_at = ? WHERE target_id = ?", (journal.now(), run.target_id))
        _decide(journal, run, "brake", reason)


def accept_failures(journal: Journal, run: Run) -> bool:
    """Let the target's requests go again; counting begins anew. Says whether a brake was on."""
    with journal.transaction():
        was_on = journal.execute(
            "UPDATE target SET braked_at = '', failures_from = ? WHERE target_id = ? AND braked_at <> ''",
            (journal.now(), run.target_id),
        )
        if was_on:
            _decide(journal, run, "accept-failures", "")
    return bool(was_on)


def is_braked(journal: Journal, target_id: int) -> bool:
    """Say whether the brake holds the target's requests."""
    record = journal.query_one("SELECT braked_at <> '' FROM target WHERE target_id = ?", (target_id,))
    return bool(record and record[0])


def failed_reasons(journal: Journal, target_id: int, last: int) -> list[tuple[str, list[int]]]:
    """Return why the target's last videos failed, the most frequent first, each with the lines that are known."""
    grouped: dict[str, list[int]] = {}
    for record in journal.query(
        "SELECT claim.message, row.line FROM claim LEFT JOIN row ON row.run_no = claim.run_no"
        " AND row.row_index = claim.row_index WHERE claim.target_id = ? AND claim.ended_at IS NOT NULL"
        " AND claim.status = 'failed' AND claim.generation_id IS NOT NULL AND claim.message <> ?"
        " ORDER BY claim.ended_at DESC LIMIT ?",
        (target_id, VIDEO_GONE, last),
    ):
        lines = grouped.setdefault(record[0] or "no reason given", [])
        lines += [] if record[1] is None else [record[1]]
    return sorted(grouped.items(), key=lambda item: -len(item[1]))


def sent_since(journal: Journal, since: datetime, *, api_id: str | None = None, profile: str | None = None) -> int:
    """Count videos paid since then, in doubt and resent ones included; never local ones."""
    return _one(
        journal,
        "SELECT count(*) FROM chunk JOIN claim USING (chunk_id) JOIN target ON target.target_id = chunk.target_id"
        " JOIN run ON run.run_no = chunk.run_no"
        f" WHERE chunk.sending_at >= :since AND {_COUNTED} AND target.service <> 'local'"
        " AND (:api_id IS NULL OR target.api_id = :api_id) AND (:profile IS NULL OR run.profile = :profile)",
        {"since": clock.iso_utc(since), "api_id": api_id, "profile": profile},
    )


def sent_of_files_since(journal: Journal, run: Run, since: datetime, others: Collection[str] = ()) -> int:
    """Count new videos paid since then on the run's target for its file, and for files that continue one another.

    others: input paths of files that count with it.
    """
    own = journal.query_one(f"SELECT {runs.SERIES} FROM run WHERE run_no = ?", (run.run_no,))
    counted = journal.query(
        f"SELECT run.input_path, {runs.SERIES}, count(*) FROM chunk JOIN claim USING (chunk_id)"
        f" JOIN run ON run.run_no = chunk.run_no WHERE chunk.sending_at >= ? AND {_COUNTED}"
        " AND chunk.target_id = ? AND claim.attempt = 1 GROUP BY 1, 2",
        (clock.iso_utc(since), run.target_id),
    )
    return sum(count for path, series, count in counted if path in others or (own and series == own[0]))


def defer(journal: Journal, run: Run, videos: int, *, of: str = "('new')") -> int:
    """Leave all but the first so many of the rows to send for another command; return how many are left out."""
    with journal.transaction():
        return journal.execute(
            "UPDATE row SET payload = NULL, plan = CASE plan WHEN 'retried' THEN 'reused' ELSE 'deferred' END"
            f" WHERE run_no = :run AND plan IN {of} AND row_index NOT IN"
            f" (SELECT row_index FROM row WHERE run_no = :run AND plan IN {of} ORDER BY row_index LIMIT :videos)",
            {"run": run.run_no, "videos": max(0, videos)},
        )


def fact(journal: Journal, name: str, value: str) -> str:
    """Return what the whole journal keeps under a name, after keeping this value if it kept none. One commit."""
    with journal.transaction():
        journal.execute("INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value))
        record = journal.query_one("SELECT value FROM fact WHERE name = ?", (name,))
    return str(record[0]) if record else value


def has_fact(journal: Journal, name: str) -> bool:
    """Say whether the whole journal keeps anything under a name."""
    return journal.query_one("SELECT 1 FROM fact WHERE name = ?", (name,)) is not None


def _one(journal: Journal, sql: str, values: tuple[object, ...] | dict[str, object]) -> int:
    record = journal.query_one(sql, values)
    return int(record[0]) if record else 0


def _decide(journal: Journal, run: Run, what: str, detail: str) -> None:
    journal.insert(
        "INSERT INTO decision (at, run_id, what, detail) VALUES (?, ?, ?, ?)", (journal.now(), run.run_id, what, detail)
    )
