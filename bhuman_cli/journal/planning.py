"""Plan of a run: a draft with all its rows, what of it is paid already, and the confirmation.

A draft claims nothing: it can be thrown away at any moment before `confirm`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli import domain, errors
from bhuman_cli.journal import runs
from bhuman_cli.journal.database import Journal

MAX_ATTEMPTS = 3
"""A row whose render failed is paid at most this often in all."""

# States of a chunk whose rows may have been paid: their claims are what equal rows share.
PAID_STATES = "('sending', 'mapping', 'accepted', 'in_doubt')"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """A checked row with its content's identity. identity and text_key: 16 bytes, b"" unless the row is pending."""

    row: domain.Row
    identity: bytes
    text_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCounts:
    """What confirming a draft would do with the selected rows; new, retried, reused and in_doubt count videos.

    in_doubt: nobody knows whether they are paid; not sent. shared: rows that show another row's video.
    later: new ones that are left for another command.
    """

    new: int
    retried: int
    reused: int
    rows: int
    invalid: int
    in_doubt: int = 0
    shared: int = 0
    later: int = 0


def add_rows(journal: Journal, run: runs.Run, rows: Iterable[DraftRow]) -> None:
    """Record every row of the table, streaming; one commit. Nothing is matched yet: what could be sent counts as new.

    Most rows are new, and a row that is changed later is written twice.
    """
    with journal.transaction():
        journal.execute_many(
            "INSERT INTO row (run_no, row_index, line, state, selected, plan, identity, text_key, message, cells,"
            " payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_row_values(run.run_no, item) for item in rows),
        )


def _row_values(run_no: int, item: DraftRow) -> tuple[Any, ...]:
    row = item.row
    pending = row.state is domain.RowState.PENDING
    return (
        run_no, row.row_index, row.line, str(row.state), int(row.selected), "new" if pending and row.selected else None,
        item.identity if pending else None, item.text_key if pending else None,
        row.message, runs.dump_texts(row.cells),
        f"[{runs.dump_texts(row.values)},{runs.dump_texts(row.assets)}]" if pending else None,
    )  # fmt: skip


def counts(journal: Journal, run: runs.Run) -> PlanCounts:
    """Count what the draft would do."""
    found = journal.query_one(
        "SELECT count(*) FILTER (WHERE row.plan = 'new') AS new,"
        " count(*) FILTER (WHERE row.plan = 'retried') AS retried,"
        " count(*) FILTER (WHERE row.plan = 'reused') AS reused, count(*) AS rows,"
        " count(*) FILTER (WHERE row.state = 'invalid') AS invalid,"
        " count(*) FILTER (WHERE row.shares IS NOT NULL) AS shared,"
        " count(*) FILTER (WHERE row.plan = 'deferred') AS later,"
        " count(*) FILTER (WHERE row.plan = 'reused' AND claim.generation_id IS NULL AND claim.status <> 'failed')"
        " AS in_doubt FROM row LEFT JOIN claim USING (claim_id) WHERE row.run_no = ? AND row.selected = 1",
        (run.run_no,),
    )
    if found is None:
        raise errors.JournalError("the journal lost the rows of a run", hint="bhuman doctor")
    return PlanCounts(
        new=found["new"], retried=found["retried"], reused=found["reused"] - found["in_doubt"], rows=found["rows"],
        invalid=found["invalid"], in_doubt=found["in_doubt"], shared=found["shared"],
        later=found["later"],
    )  # fmt: skip


_SAMPLE: Final = (
    "(SELECT row_index FROM row WHERE run_no = :run AND state = 'pending' AND selected = 1 AND shares IS NULL"
    " ORDER BY row_index LIMIT :size)"
)


def to_send_in_sample(journal: Journal, run: runs.Run, size: int) -> int:
    """Count the rows to send among the first `size` valid ones; the others were paid before."""
    found = journal.query_one(
        f"SELECT count(*) FROM row WHERE run_no = :run AND plan IN ('new', 'retried') AND row_index IN {_SAMPLE}",
        {"run": run.run_no, "size": size},
    )
    return int(found[0]) if found else 0


def keep_sample(journal: Journal, run: runs.Run, size: int) -> None:
    """Hold back every row to send that is not among the first `size` valid ones, until `release_sample`."""
    with journal.transaction():
        journal.execute(
            "UPDATE row SET plan = 'later' WHERE run_no = :run AND plan IN ('new', 'retried')"
            f" AND row_index NOT IN {_SAMPLE}",
            {"run": run.run_no, "size": size},
        )


def release_sample(journal: Journal, run: runs.Run) -> None:
    """Let the rows that were held back by the sample be sent."""
    with journal.transaction():
        journal.execute(
            "UPDATE row SET plan = CASE WHEN claim_id IS NULL THEN 'new' ELSE 'retried' END"
            " WHERE run_no = ? AND plan = 'later'",
            (run.run_no,),
        )


def rows_after_sample(journal: Journal, run: runs.Run) -> int:
    """Count the rows that wait for a word after the sample."""
    found = journal.query_one(
        "SELECT count(*) FROM row LEFT JOIN row AS owner ON owner.run_no = row.run_no AND owner.row_index = row.shares"
        " WHERE row.run_no = ? AND coalesce(owner.plan, row.plan) = 'later'",
        (run.run_no,),
    )
    return int(found[0]) if found else 0


def decline_sample(journal: Journal, run: runs.Run) -> None:
    """Drop the rows that were held back: a person saw the sample and said no. No later `resume` sends them."""
    with journal.transaction():
        journal.execute("UPDATE row SET plan = NULL WHERE run_no = ? AND plan = 'later'", (run.run_no,))
        journal.execute("UPDATE run SET stopped = ? WHERE run_no = ?", (runs.DECLINED, run.run_no))


def set_payer(journal: Journal, run: runs.Run, *, profile: str, key_id: str) -> runs.Run:
    """Keep whose credentials pay for a run; return it as it is now."""
    with journal.transaction():
        values = (profile, key_id, run.run_no)
        journal.execute("UPDATE run SET profile = ?, key_id = ? WHERE run_no = ?", values)
    return runs.find(journal, run.run_id)


def confirm(journal: Journal, run: runs.Run, *, plan_id: str = "") -> runs.Run:
    """Make the draft a run: from now on `resume` sees it, and earlier runs of this file on this target are superseded.

    Their unsent rows are released; what they had accepted stays tracked. One commit.

    plan_id: of the saved plan that is used up by it, "" for none.
    """
    with journal.transaction():
        if plan_id:
            journal.insert(
                "INSERT INTO applied_plan (plan_id, run_id, at) VALUES (?, ?, ?)", (plan_id, run.run_id, journal.now())
            )
        changed = journal.execute(
            "UPDATE run SET state = 'confirmed', confirmed_at = ?, reading_rules = ?"
            " WHERE run_no = ? AND state = 'draft'",
            (journal.now(), domain.READING_RULES, run.run_no),
        )
        if changed != 1:
            raise errors.JournalError("another process deleted this plan before it was confirmed", hint="bhuman runs")
        journal.execute(
            "UPDATE run SET state = 'superseded', superseded_by = ? WHERE target_id = ? AND input_path = ?"
            " AND state = 'confirmed' AND run_no < ?",
            (run.run_id, run.target_id, run.input_path, run.run_no),
        )
    return runs.find(journal, run.run_id)
