"""Rows of a draft as its plan says them: what would become of each, and why. Decides nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bhuman_cli.journal import faults
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run

_WORDS: Final = """CASE
  WHEN row.state IN ('skipped', 'invalid') THEN row.state
  WHEN row.selected = 0 THEN 'skipped'
  WHEN row.plan IN ('new', 'retried', 'reused', 'shared') THEN row.plan
  WHEN row.plan IN ('deferred', 'later') THEN 'later'
  ELSE 'skipped' END"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One row of a plan. owner_line: of the row whose video it shows. earlier_run: that paid for the video it shows."""

    row_index: int
    line: int
    plan: str
    identity: bytes
    message: str
    cells: tuple[str, ...]
    owner_line: int | None
    status: str
    earlier_run: str


def rows(journal: Journal, run: Run) -> Iterator[PlanRow]:
    """Yield the draft's rows in row order."""
    for record in journal.query(
        f"SELECT row.row_index, row.line, {_WORDS} AS word, row.identity, row.message, row.cells,"
        " owner.line AS owner_line, claim.status, paid.run_id FROM row"
        " LEFT JOIN row AS owner ON owner.run_no = row.run_no AND owner.row_index = row.shares"
        " LEFT JOIN claim ON claim.claim_id = coalesce(row.claim_id, owner.claim_id)"
        " LEFT JOIN run AS paid ON paid.run_no = claim.run_no WHERE row.run_no = ? ORDER BY row.row_index",
        (run.run_no,),
    ):
        yield PlanRow(
            row_index=record["row_index"], line=record["line"], plan=record["word"], identity=record["identity"] or b"",
            message=record["message"], cells=tuple(faults.from_json(record["cells"] or "[]")),
            owner_line=record["owner_line"], status=record["status"] or "", earlier_run=record["run_id"] or "",
        )  # fmt: skip


def identities_to_send(journal: Journal, run: Run) -> list[bytes]:
    """Return the identities of the rows that would be paid for."""
    records = journal.query("SELECT identity FROM row WHERE run_no = ? AND plan IN ('new', 'retried')", (run.run_no,))
    return [bytes(item[0]) for item in records]


def keep_only(journal: Journal, run: Run, identities: frozenset[bytes]) -> int:
    """Leave every row to send that is not of these identities for another command; return how many."""
    with journal.transaction():
        records = journal.query(
            "SELECT row_index, identity FROM row WHERE run_no = ? AND plan IN ('new', 'retried')", (run.run_no,)
        )
        others = [item[0] for item in list(records) if bytes(item[1]) not in identities]
        journal.execute_many(
            "UPDATE row SET payload = NULL, plan = CASE plan WHEN 'retried' THEN 'reused' ELSE 'deferred' END"
            " WHERE run_no = ? AND row_index = ?",
            ((run.run_no, row_index) for row_index in others),
        )
    return len(others)


def journal_id(journal: Journal) -> str:
    """Return the journal's random id, made at first need; copies of the journal keep it."""
    record = journal.query_one("SELECT value FROM fact WHERE name = 'journal_id'")
    if record is not None:
        return str(record[0])
    with journal.transaction():
        journal.execute(
            "INSERT INTO fact (name, value) VALUES ('journal_id', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(8),)
        )
    return journal_id(journal)


def known_id(journal: Journal) -> str:
    """Return the journal's id, "" where it has none yet; nothing is written."""
    record = journal.query_one("SELECT value FROM fact WHERE name = 'journal_id'")
    return str(record[0]) if record else ""


def is_applied(journal: Journal, plan_id: str) -> bool:
    """Say whether a plan was applied before."""
    return journal.query_one("SELECT 1 FROM applied_plan WHERE plan_id = ?", (plan_id,)) is not None
