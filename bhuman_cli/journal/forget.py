"""Forgetting: values, old rows, payments. What was paid stays known, but where a person takes that back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from bhuman_cli import amounts, domain, errors
from bhuman_cli.domain import GenerationId
from bhuman_cli.journal import generations, results, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run

RUNS_WITH_CELLS: Final = 3
"""Superseded runs of a file whose rows are kept, so that `export` and `gallery` can look back a little."""


def forget_gone(journal: Journal, target_id: int, claim_ids: Iterable[int]) -> None:
    """Take videos that are gone out of the pool (local studio only: rendering again costs nothing).

    One that was not finished has failed: nobody waits for it any more.
    """
    with journal.transaction():
        journal.execute_many(
            "UPDATE claim SET live = 0, ended_at = coalesce(ended_at, ?),"
            " message = CASE WHEN ended_at IS NULL THEN ? ELSE message END,"
            " status = CASE WHEN ended_at IS NULL THEN 'failed' ELSE status END WHERE claim_id = ? AND target_id = ?",
            ((journal.now(), generations.GONE, claim, target_id) for claim in claim_ids),
        )


# What a run's deletion may clear: generations that it paid for or shows, and that no run which is kept shows.
_SHOWN_BY_OTHERS: Final = (
    "SELECT claim_id FROM row JOIN run USING (run_no) WHERE run_no <> :run AND claim_id IS NOT NULL"
    " AND cells IS NOT NULL AND run.state <> 'draft'"
)


_ONLY_ITS_OWN: Final = (
    "(run_no = :run OR claim_id IN (SELECT claim_id FROM row WHERE run_no = :run AND claim_id IS NOT NULL))"
    f" AND claim_id NOT IN ({_SHOWN_BY_OTHERS})"
)


def generation_ids(journal: Journal, run: Run) -> list[str]:
    """Return the ids of the generations that only this run paid for or shows."""
    records = journal.query(
        f"SELECT generation_id FROM claim WHERE {_ONLY_ITS_OWN} AND generation_id IS NOT NULL", {"run": run.run_no}
    )
    return [row[0] for row in records]


def _require_settled(journal: Journal, run: Run) -> None:
    """Refuse to forget a run of which a request may have been accepted: its answers are all that can tell.

    Raises:
        Refusal: a request of it is sending, mapping or in doubt.
    """
    record = journal.query_one(
        "SELECT count(*), coalesce(sum(rows), 0) FROM chunk WHERE run_no = ?"
        " AND state IN ('sending', 'mapping', 'in_doubt')",
        (run.run_no,),
    )
    if record is not None and record[0]:
        requests, rows = record
        raise errors.Refusal(
            f"run {run.run_id} has {amounts.show(requests, 'unsettled request')}"
            f" for {amounts.show(rows, 'row')} that may have been paid; nothing was forgotten",
            hint=f"bhuman resume {run.run_id} --in-doubt ask",
            code="in_doubt",
        )


def forget_values(journal: Journal, run: Run) -> None:
    """Remove a run's cells, payloads, links and raw answers; identities and ids stay, so nothing is paid again.

    What a run that is kept shows keeps its links. Call it under the target's lock.

    Raises:
        Refusal: a request of it may have been accepted.
    """
    with journal.transaction():
        _require_settled(journal, run)
        journal.execute(
            "UPDATE run SET tally = ? WHERE run_no = ? AND tally IS NULL",
            (json.dumps(results.tally(journal, run)), run.run_no),
        )
        # A succeeded one is asked about again by the next run that shows it, and so gets its links back.
        journal.execute(
            "UPDATE claim SET url = '', share_url = '', thumbnail = '', gif = '', whatsapp_video_url = '',"
            " message = '', ended_at = CASE WHEN status = 'succeeded' THEN NULL ELSE ended_at END"
            f" WHERE {_ONLY_ITS_OWN}",
            {"run": run.run_no},
        )
        journal.execute("UPDATE row SET cells = NULL, payload = NULL, message = '' WHERE run_no = ?", (run.run_no,))
        journal.execute(
            "DELETE FROM answer WHERE chunk_id IN (SELECT chunk_id FROM chunk WHERE run_no = ?)", (run.run_no,)
        )
        journal.execute("UPDATE chunk SET body = NULL WHERE run_no = ?", (run.run_no,))
        journal.execute(
            "UPDATE run SET state = 'superseded', superseded_by = coalesce(superseded_by, 'forgotten')"
            " WHERE run_no = ?",
            (run.run_no,),
        )


def drop_old_rows(journal: Journal, run: Run, *, keep: int = RUNS_WITH_CELLS) -> int:
    """Drop the rows of long superseded, finished runs of the same file, so that a daily job's journal stays small.

    What was paid is in the claims and stays; the runs stay listed with their counts. Returns how many lost their rows.
    """
    old = [
        runs.read_run(record)
        for record in journal.query(
            "SELECT * FROM run JOIN target USING (target_id) WHERE target_id = ? AND input_path = ?"
            " AND state = 'superseded' AND tally IS NULL ORDER BY run_no DESC LIMIT 9223372036854775807 OFFSET ?",
            (run.target_id, run.input_path, keep),
        )
    ]
    dropped = 0
    for item in old:
        counts = results.tally(journal, item)
        if any(counts.get(status) for status in (*domain.MAKING, domain.Status.IN_DOUBT)):
            continue
        with journal.transaction():
            journal.execute(
                "UPDATE run SET tally = ?, reused = (SELECT count(*) FROM row WHERE row.run_no = run.run_no"
                " AND row.plan = 'reused' AND row.shares IS NULL), shared = (SELECT count(*) FROM row"
                " WHERE row.run_no = run.run_no AND row.shares IS NOT NULL) WHERE run_no = ?",
                (json.dumps(counts), item.run_no),
            )
            journal.execute("DELETE FROM row WHERE run_no = ?", (item.run_no,))
        dropped += 1
    return dropped


def forget_payments(journal: Journal, run: Run) -> int:
    """Remove a run with everything it knows of what was paid: a later render of its rows pays again.

    What a run that is kept shows stays known and paid; returns how many generations those are. Call it under the
    target's lock.

    Raises:
        Refusal: a request of it may have been accepted.
    """
    with journal.transaction():
        _require_settled(journal, run)
        values = {"run": run.run_no}
        shared = journal.execute(
            f"UPDATE claim SET run_no = NULL, row_index = NULL, chunk_id = NULL WHERE run_no = :run"
            f" AND claim_id IN ({_SHOWN_BY_OTHERS})",
            values,
        )
        mine = "(SELECT claim_id FROM claim WHERE run_no = :run)"
        journal.execute(f"UPDATE row SET claim_id = NULL, plan = NULL WHERE claim_id IN {mine}", values)
        journal.execute(f"UPDATE claim SET replaced_by = NULL WHERE replaced_by IN {mine}", values)
        journal.execute("DELETE FROM claim WHERE run_no = :run", values)
        requests = "(SELECT chunk_id FROM chunk WHERE run_no = :run)"
        journal.execute(f"DELETE FROM answer WHERE chunk_id IN {requests}", values)
        journal.execute(f"UPDATE chunk SET parent_id = NULL WHERE parent_id IN {requests}", values)
        journal.execute("DELETE FROM chunk WHERE run_no = :run", values)
        journal.execute("DELETE FROM run WHERE run_no = :run", values)
        journal.insert(
            "INSERT INTO decision (at, run_id, what) VALUES (?, ?, 'forget-payments')", (journal.now(), run.run_id)
        )
    return shared


def bound_ids(journal: Journal, ids: Iterable[str]) -> set[str]:
    """Return those of ids that this journal knows as bound."""
    from bhuman_cli.journal import chunks

    return chunks.bound_ids(journal, [GenerationId(item) for item in ids])
