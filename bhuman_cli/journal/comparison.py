"""Rows and variables of earlier runs on a campaign, to compare a plan with. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bhuman_cli import domain
from bhuman_cli.journal import faults
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run

_ACCEPTED: Final = (
    "EXISTS (SELECT 1 FROM chunk WHERE chunk.run_no = run.run_no AND chunk.state IN ('accepted', 'mapping'))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierFile:
    """A file of the target that was paid for, and its last run. paid: the rows that it showed videos of."""

    input_path: str
    run_no: int
    columns: tuple[str, ...]
    paid: int


def accepted_variables(journal: Journal, target: domain.Target) -> list[tuple[str, ...]]:
    """Return the sets of variables that requests of the target were accepted with, the last first."""
    records = journal.query(
        "SELECT spec, max(run_no) FROM run JOIN target USING (target_id) WHERE service = ? AND kind = ? AND api_id = ?"
        f" AND {_ACCEPTED} GROUP BY spec ORDER BY max(run_no) DESC",
        (target.service, target.kind, target.api_id),
    )
    return list(dict.fromkeys(tuple(faults.from_json(item[0])["variables"]) for item in records))


def is_paid(journal: Journal, target_id: int, identity: bytes, *, but_failed: bool) -> bool:
    """Say whether a video of this identity was accepted on the target. but_failed: a failed one does not count."""
    record = journal.query_one(
        "SELECT 1 FROM claim WHERE target_id = ? AND identity = ? AND live = 1 AND generation_id IS NOT NULL"
        " AND (? = 0 OR status <> 'failed') LIMIT 1",
        (target_id, identity, int(but_failed)),
    )
    return record is not None


def earlier_files(journal: Journal, run: Run) -> list[EarlierFile]:
    """Return the other files that were paid for on the run's target, the last rendered first."""
    return list(_files(journal, run, "input_path <> :path"))


def own_file(journal: Journal, run: Run) -> EarlierFile | None:
    """Return the run's own file as it was last paid for, None if it never was."""
    return next(_files(journal, run, "input_path = :path AND run_no < :run"), None)


def _files(journal: Journal, run: Run, which: str) -> Iterator[EarlierFile]:
    for record in journal.query(
        "SELECT run.input_path, run.run_no AS last, run.columns, (SELECT count(*) FROM row JOIN claim USING (claim_id)"
        " WHERE row.run_no = run.run_no AND claim.generation_id IS NOT NULL) AS paid FROM run WHERE run.run_no IN"
        f" (SELECT max(run.run_no) FROM run WHERE target_id = :target AND {which} AND state <> 'draft' AND {_ACCEPTED}"
        " GROUP BY run.input_path)"
        " ORDER BY run.run_no DESC",
        {"target": run.target_id, "path": run.input_path, "run": run.run_no},
    ):
        yield EarlierFile(
            input_path=record["input_path"], run_no=record["last"], paid=record["paid"],
            columns=tuple(faults.from_json(record["columns"])),
        )  # fmt: skip


def paid_cells(journal: Journal, run: Run, earlier: EarlierFile) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield row_index and cells, by column, of the earlier file's paid rows whose videos the run does not show."""
    for record in journal.query(
        "SELECT row.row_index, row.cells FROM row JOIN claim USING (claim_id) WHERE row.run_no = ?"
        " AND row.cells IS NOT NULL AND claim.generation_id IS NOT NULL AND row.claim_id NOT IN"
        " (SELECT claim_id FROM row WHERE run_no = ? AND claim_id IS NOT NULL)",
        (earlier.run_no, run.run_no),
    ):
        yield record[0], dict(zip(earlier.columns, faults.from_json(record[1]), strict=False))


def shown_of(journal: Journal, run: Run, earlier: EarlierFile) -> int:
    """Count the earlier file's videos that the run shows."""
    record = journal.query_one(
        "SELECT count(*) FROM row WHERE run_no = ? AND claim_id IN (SELECT claim_id FROM row WHERE run_no = ?"
        " AND claim_id IS NOT NULL)",
        (run.run_no, earlier.run_no),
    )
    return int(record[0]) if record else 0


def new_cells(journal: Journal, run: Run) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield row_index and cells, by column, of the rows that the run would pay for."""
    for record in journal.query(
        "SELECT row_index, cells FROM row WHERE run_no = ? AND plan IN ('new', 'deferred') AND cells IS NOT NULL",
        (run.run_no,),
    ):
        yield record[0], dict(zip(run.columns, faults.from_json(record[1]), strict=False))


def anew_by_rules(journal: Journal, run: Run) -> int:
    """Count rows that would be rendered anew though the row at their place was paid, under older rules of reading.

    0 where the file's last accepted run was read by today's rules.
    """
    last = journal.query_one(
        f"SELECT run_no, reading_rules FROM run WHERE target_id = ? AND input_path = ? AND run_no < ? AND {_ACCEPTED}"
        " ORDER BY run_no DESC LIMIT 1",
        (run.target_id, run.input_path, run.run_no),
    )
    if last is None or last["reading_rules"] >= domain.READING_RULES:
        return 0
    record = journal.query_one(
        "SELECT count(*) FROM row AS now JOIN row AS old ON old.run_no = ? AND old.row_index = now.row_index"
        " JOIN claim ON claim.claim_id = old.claim_id WHERE now.run_no = ? AND now.plan = 'new'"
        " AND claim.generation_id IS NOT NULL AND old.claim_id NOT IN"
        " (SELECT claim_id FROM row WHERE run_no = ? AND claim_id IS NOT NULL)",
        (last["run_no"], run.run_no, run.run_no),
    )
    return int(record[0]) if record else 0


def shared_between_people(journal: Journal, run: Run, columns: Sequence[str]) -> bool:
    """Say whether rows that share a video differ in one of these columns of the file."""
    places = [at for at, column in enumerate(run.columns) if column in columns]
    if not places:
        return False
    for record in journal.query(
        "SELECT row.cells, owner.cells FROM row JOIN row AS owner ON owner.run_no = row.run_no"
        " AND owner.row_index = row.shares WHERE row.run_no = ? AND row.cells IS NOT NULL",
        (run.run_no,),
    ):
        ours, theirs = faults.from_json(record[0]), faults.from_json(record[1] or "[]")
        if any(ours[at : at + 1] != theirs[at : at + 1] for at in places):
            return True
    return False


def example_row(journal: Journal, run: Run) -> tuple[int, tuple[str, ...]] | None:
    """Return line and values of the first row that would be sent, None where none would."""
    record = journal.query_one(
        "SELECT line, payload FROM row WHERE run_no = ? AND plan IN ('new', 'retried') AND payload IS NOT NULL"
        " ORDER BY row_index LIMIT 1",
        (run.run_no,),
    )
    return (record["line"], tuple(faults.from_json(record["payload"])[0])) if record else None


def set_continues(journal: Journal, run: Run, earlier: EarlierFile) -> None:
    """Keep that the run's file continues another one under a new name: all such files name the same first one."""
    with journal.transaction():
        journal.execute(
            "UPDATE run SET continues = (SELECT coalesce(nullif(continues, ''), input_path) FROM run WHERE run_no = ?)"
            " WHERE run_no = ?",
            (earlier.run_no, run.run_no),
        )


def texts(rows: Mapping[int, Mapping[str, str]], columns: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """Return rows as one text per column, outer white space cut."""
    return {at: tuple(row.get(column, "").strip() for column in columns) for at, row in rows.items()}


def cells_to_send(journal: Journal, run: Run) -> dict[int, tuple[str, ...]]:
    """Return the cells of the rows that are left to send, and of those that show their videos, by row_index."""
    return {
        record[0]: tuple(faults.from_json(record[1]))
        for record in journal.query(
            "SELECT row.row_index, row.cells FROM row LEFT JOIN row AS owner ON owner.run_no = row.run_no"
            " AND owner.row_index = row.shares WHERE row.run_no = ? AND row.cells IS NOT NULL"
            " AND coalesce(owner.plan, row.plan) IN ('new', 'retried', 'later', 'deferred')",
            (run.run_no,),
        )
    }


def assets_to_send(journal: Journal, run: Run) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield row_index, line and assets of the rows that would be sent."""
    for record in journal.query(
        "SELECT row_index, line, payload FROM row WHERE run_no = ? AND plan IN ('new', 'retried')"
        " AND payload IS NOT NULL ORDER BY row_index",
        (run.run_no,),
    ):
        yield record[0], record[1], tuple(faults.from_json(record[2])[1])


def leave_out(journal: Journal, run: Run, row_indexes: Sequence[int], message: str, *, state: str = "skipped") -> None:
    """Leave rows out that were to be sent: they become `skipped`, or another state, with no link. One commit.

    Of equal rows whose first is left out the next is sent in its place.
    """
    with journal.transaction():
        for row_index in row_indexes:
            heir = journal.query_one(
                "SELECT min(row_index) FROM row WHERE run_no = ? AND shares = ?", (run.run_no, row_index)
            )
            journal.execute(
                "UPDATE row SET (plan, payload) ="
                " (SELECT plan, payload FROM row WHERE run_no = :run AND row_index = :at),"
                " shares = NULL WHERE run_no = :run AND row_index = :heir",
                {"run": run.run_no, "at": row_index, "heir": heir[0] if heir else None},
            )
            journal.execute(
                "UPDATE row SET shares = :heir WHERE run_no = :run AND shares = :at",
                {"run": run.run_no, "at": row_index, "heir": heir[0] if heir else None},
            )
            journal.execute(
                "UPDATE row SET state = ?, plan = NULL, claim_id = NULL, shares = NULL, payload = NULL,"
                " message = ? WHERE run_no = ? AND row_index = ?",
                (state, message, run.run_no, row_index),
            )


def last_runs(journal: Journal, run: Run) -> list[int]:
    """Return the last run of each file that was paid for on the run's target, the oldest first."""
    records = journal.query(
        f"SELECT max(run_no) FROM run WHERE target_id = ? AND state <> 'draft' AND {_ACCEPTED} GROUP BY input_path"
        " ORDER BY 1",
        (run.target_id,),
    )
    return [item[0] for item in records]


def rendered_rows(journal: Journal, run: Run) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the cells, by column, of rows that were accepted on the run's target, and the run that shows them."""
    for run_no in last_runs(journal, run):
        for record in journal.query(
            "SELECT row.cells, run.columns, run.run_id FROM row JOIN run USING (run_no) JOIN claim USING (claim_id)"
            " WHERE row.run_no = ? AND row.cells IS NOT NULL AND claim.generation_id IS NOT NULL",
            (run_no,),
        ):
            yield dict(zip(faults.from_json(record[1]), faults.from_json(record[0]), strict=False)), record[2]
