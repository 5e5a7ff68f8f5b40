"""Persons in the journal: where their rows are, removing their values, knowing them again without a value of theirs.

Payments stay known: identities, ids and counts are no values, and nothing is paid again for a person who is gone.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bhuman_cli import domain, errors
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.generations import JOINED

_KEY: Final = "forget_key"
_PENDING: Final = "forgetting"
_SEPARATOR: Final = "\0"  # no white space, or folding would take it away


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """One row of a person in one run. claim_id: the video it shows, 0 for none."""

    run_no: int
    row_index: int
    claim_id: int
    generation_id: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """What a run wrote, and from what."""

    run_no: int
    run_id: str
    service: str
    input_path: str
    output_path: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A removal that has begun: enough to finish it after a kill. Holds no value of the person."""

    name: str
    digest: str
    run_nos: tuple[int, ...]
    claim_ids: tuple[int, ...]
    ids: tuple[str, ...]
    rows: tuple[tuple[int, int], ...]


def folded(value: str) -> str:
    """Return a value as two spellings of one person compare."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().removeprefix("mailto:").split())


def runs(journal: Journal) -> list[RunFiles]:
    """Return every confirmed or superseded run, newest first."""
    return [
        RunFiles(
            run_no=record["run_no"], run_id=record["run_id"], service=record["service"],
            input_path=record["input_path"],
            output_path=record["output_path"], columns=tuple(json.loads(record["columns"])),
        )
        for record in journal.query(
            "SELECT run_no, run_id, service, input_path, output_path, columns FROM run JOIN target USING (target_id)"
            " WHERE state <> 'draft' ORDER BY run_no DESC"
        )
    ]  # fmt: skip


def rows_where(journal: Journal, run: RunFiles, column: str, value: str) -> list[PersonRow]:
    """Return the run's rows whose cell in a column is the value; none of a run without that column or its cells."""
    names = [folded(name) for name in run.columns]
    if folded(column) not in names:
        return []
    place, wanted = names.index(folded(column)), folded(value)
    return [row for row in _rows(journal, run.run_no) if place < len(row.cells) and folded(row.cells[place]) == wanted]


def rows_of_ids(journal: Journal, ids: Iterable[str]) -> list[PersonRow]:
    """Return all rows, of any run, that show one of the videos."""
    rows: list[PersonRow] = []
    for id_ in ids:
        rows += [
            _row(record)
            for record in journal.query(
                f"SELECT row.run_no, row.row_index, row.cells, claim.claim_id, claim.generation_id FROM {JOINED}"
                " WHERE claim.generation_id = ?",
                (id_,),
            )
        ]
    return rows


def claims_of(journal: Journal, rows: Sequence[PersonRow], ids: Iterable[str]) -> dict[int, str]:
    """Return every video that was ever made for the rows, or has one of the ids: claim and generation id."""
    claims = {row.claim_id: row.generation_id for row in rows if row.claim_id}
    for row in rows:
        claims |= {
            record["claim_id"]: record["generation_id"] or ""
            for record in journal.query(
                "SELECT claim_id, generation_id FROM claim WHERE run_no = ? AND row_index = ?",
                (row.run_no, row.row_index),
            )
        }
    for id_ in ids:
        claims |= {
            record["claim_id"]: id_
            for record in journal.query("SELECT claim_id FROM claim WHERE generation_id = ?", (id_,))
        }
    return claims


def shown_by_others(journal: Journal, claims: Iterable[int], rows: Sequence[PersonRow]) -> set[int]:
    """Return the claims that rows of other people show as well."""
    own = {(row.run_no, row.row_index) for row in rows}
    return {
        claim
        for claim in claims
        for record in journal.query(
            f"SELECT row.run_no, row.row_index FROM {JOINED} WHERE claim.claim_id = ?"
            " AND row.run_no IN (SELECT run_no FROM run WHERE state <> 'draft')",
            (claim,),
        )
        if (record[0], record[1]) not in own
    }


def local_ids(journal: Journal, ids: Iterable[str]) -> frozenset[str]:
    """Return the ids of videos that this machine's studio made: no service keeps them."""
    asked = "SELECT 1 FROM claim JOIN target USING (target_id) WHERE generation_id = ? AND service = ?"
    return frozenset(id_ for id_ in ids if journal.query_one(asked, (id_, domain.LOCAL_SERVICE)) is not None)


def require_settled(journal: Journal, claims: Iterable[int]) -> None:
    """Refuse while a request with one of the claims may still be accepted.

    Raises:
        Refusal: one is on the wire, or in doubt.
    """
    for claim in claims:
        record = journal.query_one(
            "SELECT run_id FROM claim JOIN chunk USING (chunk_id) JOIN run ON run.run_no = chunk.run_no"
            " WHERE claim_id = ? AND chunk.state IN ('sending', 'mapping', 'in_doubt')",
            (claim,),
        )
        if record is not None:
            raise errors.Refusal(
                "a request with this person is on the wire or in doubt; nothing was removed",
                hint=f"bhuman resume {record[0]} --in-doubt ask",
                code="in_doubt",
            )


def begin(journal: Journal, pending: Pending) -> None:
    """Record that a removal begins: from now on the person is known as forgotten, and a kill is finished later."""
    with journal.transaction():
        journal.execute(
            "INSERT INTO forgotten (name, digest, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (pending.name, bytes.fromhex(pending.digest), journal.now()),
        )
        journal.execute("DELETE FROM fact WHERE name = ?", (_PENDING,))
        journal.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (_PENDING, json.dumps(asdict(pending))))


def pending(journal: Journal) -> Pending | None:
    """Return the removal that a kill interrupted, None if there is none."""
    record = journal.query_one("SELECT value FROM fact WHERE name = ?", (_PENDING,))
    if record is None:
        return None
    told: dict[str, Any] = json.loads(record[0])
    return Pending(
        name=told["name"], digest=told["digest"], run_nos=tuple(told["run_nos"]), claim_ids=tuple(told["claim_ids"]),
        ids=tuple(told["ids"]), rows=tuple((pair[0], pair[1]) for pair in told["rows"]),
    )  # fmt: skip


def remove(journal: Journal, job: Pending, shared: Iterable[int]) -> None:
    """Remove the person's values: cells, links, words, the requests and answers that held them; one commit.

    shared: claims that other people's rows show; they stay as they are.
    """
    others = set(shared)
    with journal.transaction():
        for run_no, row_index in job.rows:
            _hand_over(journal, run_no, row_index, job.rows)
        journal.execute_many(
            "UPDATE row SET cells = NULL, payload = NULL, message = 'forgotten', state = 'skipped', plan = NULL,"
            " claim_id = NULL, shares = NULL, identity = NULL, text_key = NULL WHERE run_no = ? AND row_index = ?",
            job.rows,
        )
        for claim in set(job.claim_ids) - others:
            journal.execute(
                "UPDATE claim SET url = '', share_url = '', thumbnail = '', gif = '', whatsapp_video_url = '',"
                " message = '', execution_name = '', forgotten = 1, live = 0,"
                " ended_at = coalesce(ended_at, ?) WHERE claim_id = ?",
                (journal.now(), claim),
            )
        for claim in job.claim_ids:
            chunk = "(SELECT chunk_id FROM claim WHERE claim_id = ?)"
            journal.execute(f"DELETE FROM answer WHERE chunk_id IN {chunk}", (claim,))
            journal.execute(f"UPDATE chunk SET body = NULL WHERE chunk_id IN {chunk}", (claim,))
        journal.execute("DELETE FROM fact WHERE name = ?", (_PENDING,))
        journal.insert(
            "INSERT INTO decision (at, run_id, what, detail) VALUES (?, '', 'forget', ?)",
            (journal.now(), f"{len(job.rows)} rows, {len(job.claim_ids)} videos"),
        )


def _hand_over(journal: Journal, run_no: int, row_index: int, leaving: Sequence[tuple[int, int]]) -> None:
    """Give a row's video to the first of those who share it and stay; inside a transaction."""
    owner = journal.query_one(
        "SELECT claim_id, plan FROM row WHERE run_no = ? AND row_index = ? AND claim_id IS NOT NULL",
        (run_no, row_index),
    )
    heirs = [
        record[0]
        for record in journal.query(
            "SELECT row_index FROM row WHERE run_no = ? AND shares = ? ORDER BY row_index", (run_no, row_index)
        )
        if (run_no, record[0]) not in leaving
    ]
    if owner is None or not heirs:
        return
    journal.execute("UPDATE row SET claim_id = NULL WHERE run_no = ? AND row_index = ?", (run_no, row_index))
    journal.execute(
        "UPDATE row SET claim_id = ?, plan = ?, shares = NULL WHERE run_no = ? AND row_index = ?",
        (owner["claim_id"], owner["plan"], run_no, heirs[0]),
    )
    journal.execute("UPDATE row SET shares = ? WHERE run_no = ? AND shares = ?", (heirs[0], run_no, row_index))


def tokens_of(journal: Journal, claims: Iterable[int]) -> set[str]:
    """Return the tokens of the requests that held the claims: rescued answers are named by them."""
    tokens: set[str] = set()
    for claim in claims:
        record = journal.query_one("SELECT token FROM claim JOIN chunk USING (chunk_id) WHERE claim_id = ?", (claim,))
        tokens |= {record[0]} if record is not None else set()
    return tokens


def digest(journal: Journal, name: str, value: str) -> str:
    """Return what a person is known by again, in hexadecimal: keyed, so that another journal's says nothing."""
    record = journal.query_one("SELECT value FROM fact WHERE name = ?", (_KEY,))
    if record is None:
        with journal.transaction():
            journal.execute(
                "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (_KEY, secrets.token_hex(32))
            )
        record = journal.query_one("SELECT value FROM fact WHERE name = ?", (_KEY,))
    key = bytes.fromhex(record[0]) if record is not None else b""
    return _hashed(key, name, folded(value))


def whole_row(cells: Sequence[str]) -> str:
    """Return a row as one value, for a person who is named by a video only."""
    return _SEPARATOR.join(folded(cell) for cell in cells)


def has_forgotten(journal: Journal) -> bool:
    """Say whether anybody was ever forgotten here."""
    return journal.query_one("SELECT 1 FROM forgotten LIMIT 1") is not None


def without_forgotten(journal: Journal, columns: Sequence[str], rows: Iterator[domain.Row]) -> Iterator[domain.Row]:
    """Return the rows with those of forgotten people blank and skipped: the file may name them still."""
    digests = {(row["name"], row["digest"].hex()) for row in journal.query("SELECT name, digest FROM forgotten")}
    if not digests:
        return rows
    row = journal.query_one("SELECT value FROM fact WHERE name = ?", (_KEY,))
    return _marked(bytes.fromhex(row[0]) if row is not None else b"", digests, columns, rows)


def _marked(
    key: bytes, digests: set[tuple[str, str]], columns: Sequence[str], rows: Iterator[domain.Row]
) -> Iterator[domain.Row]:
    names = [folded(name) for name in columns]
    places = [(name, names.index(name)) for name, _ in digests if name in names]
    for row in rows:
        told = [(name, folded(row.cells[place])) for name, place in dict(places).items() if place < len(row.cells)]
        told.append(("", whole_row(row.cells)))
        if any((name, _hashed(key, name, value)) in digests for name, value in told):
            yield domain.Row(
                row_index=row.row_index, line=row.line, cells=("",) * len(row.cells),
                state=domain.RowState.SKIPPED, selected=row.selected, message="forgotten",
            )  # fmt: skip
        else:
            yield row


def record_artifact(journal: Journal, run_no: int, kind: str, path: str) -> None:
    """Remember a file or folder that holds rows of a run."""
    with journal.transaction():
        journal.execute("DELETE FROM artifact WHERE path = ?", (path,))
        journal.execute("INSERT INTO artifact (path, kind, run_no) VALUES (?, ?, ?)", (path, kind, run_no))


def artifacts(journal: Journal, run_nos: Iterable[int]) -> list[tuple[str, str]]:
    """Return (kind, path) of what was written of the runs."""
    chosen = set(run_nos)
    return [
        (record["kind"], record["path"])
        for record in journal.query("SELECT kind, path, run_no FROM artifact ORDER BY path")
        if record["run_no"] in chosen
    ]


def other_cells(journal: Journal, rows: Sequence[PersonRow]) -> set[str]:
    """Return the values that other people's rows hold: they say nothing of this person."""
    own = {(row.run_no, row.row_index) for row in rows}
    return {
        cell.strip()
        for run_no in {row.run_no for row in rows}
        for row in _rows(journal, run_no)
        if (row.run_no, row.row_index) not in own
        for cell in row.cells
    }


def _rows(journal: Journal, run_no: int) -> Iterator[PersonRow]:
    for record in journal.query(
        f"SELECT row.run_no, row.row_index, row.cells, claim.claim_id, claim.generation_id FROM {JOINED}"
        " WHERE row.run_no = ? AND row.cells IS NOT NULL",
        (run_no,),
    ):
        yield _row(record)


def _row(record: Any) -> PersonRow:
    return PersonRow(
        run_no=record["run_no"], row_index=record["row_index"], claim_id=record["claim_id"] or 0,
        generation_id=record["generation_id"] or "", cells=tuple(json.loads(record["cells"] or "[]")),
    )  # fmt: skip


def _hashed(key: bytes, name: str, value: str) -> str:
    return hashlib.blake2b(
        f"{name}{_SEPARATOR}{value}".encode("utf-8", "surrogatepass"), key=key, digest_size=16
    ).hexdigest()


def is_forgotten(journal: Journal, column: str, value: str) -> bool:
    """Say whether whoever has this value in this column was forgotten before."""
    asked = "SELECT 1 FROM forgotten WHERE name = ? AND digest = ?"
    name = folded(column)
    return journal.query_one(asked, (name, bytes.fromhex(digest(journal, name, value)))) is not None
