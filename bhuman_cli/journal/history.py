"""History: earlier runs of a file, unfinished runs, lookups by id, adopted generations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bhuman_cli import domain
from bhuman_cli.journal import faults, forget, generations, results, runs
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run

_ALL: Final = 2**63 - 1

UNWRITTEN: Final = "its results were not written to the end"
"""Why a run stopped that was killed, or could not write, when all else was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run as `bhuman runs` shows it.

    unsent: rows that were to be sent and are not. later: pending ones that are left for another command.
    """

    run: Run
    tally: dict[str, int]
    unsent: int
    is_forgotten: bool = False
    later: int = 0

    @property
    def is_finished(self) -> bool:
        """Say whether nothing is left to send, wait for, decide or write."""
        return self._is_over and self.run.stopped != UNWRITTEN

    @property
    def stopped(self) -> str:
        """Return why it stopped, "" for a run that did not, or is under way."""
        return "" if self.run.stopped == UNWRITTEN and not self._is_over else self.run.stopped

    @property
    def _is_over(self) -> bool:
        waiting = domain.MAKING if self.run.stopped == runs.DECLINED else domain.UNFINISHED
        open_rows = sum(self.tally.get(status, 0) for status in waiting) - self.later
        return not self.unsent and not self.tally.get("in_doubt", 0) and open_rows == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRecord:
    """A results file as it was last written, and for which input and target."""

    run_id: str
    sha256: str
    target_id: int
    input_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousRun:
    """What earlier runs of the same file on the same target leave behind, for the spend guard.

    variables: of the last run with an accepted request, None if there is none. paid: generations paid for this file.
    shown: how many of those the new plan still shows.
    """

    variables: tuple[str, ...] | None
    paid: int
    shown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedGeneration:
    """A generation taken over from a results file after a GET confirmed it."""

    identity: bytes
    text_key: bytes
    generation: domain.Generation


def list_runs(journal: Journal, *, limit: int = 0, target_id: int = 0) -> list[RunSummary]:
    """Return confirmed and superseded runs, newest first."""
    records = journal.query(
        "SELECT * FROM run JOIN target USING (target_id) WHERE state <> 'draft' AND (? = 0 OR target_id = ?)"
        " ORDER BY run_no DESC LIMIT ?",
        (target_id, target_id, limit or _ALL),
    )
    return [_summary(journal, runs.read_run(item)) for item in list(records)]


def _summary(journal: Journal, run: Run) -> RunSummary:
    unsent = results.unsent(journal, run) if run.state == "confirmed" else 0
    forgotten = journal.query_one("SELECT count(*) > 0 AND count(cells) = 0 FROM row WHERE run_no = ?", (run.run_no,))
    return RunSummary(
        run=run,
        tally=results.tally(journal, run),
        unsent=unsent,
        is_forgotten=bool(forgotten and forgotten[0]),
        later=results.deferred_rows(journal, run),
    )


def summarize(journal: Journal, run: Run) -> RunSummary:
    """Return one run with its counts."""
    return _summary(journal, run)


_IN_DOUBT: Final = (
    "EXISTS (SELECT 1 FROM chunk WHERE chunk.run_no = run.run_no AND chunk.state IN ('sending', 'mapping', 'in_doubt'))"
)


def unfinished(journal: Journal) -> list[Run]:
    """Return the confirmed runs in which something is left to send, wait for, decide or write, newest first.

    What an earlier run of the same file left in doubt is decided there, too.
    """
    asked = f"SELECT DISTINCT target_id, input_path FROM run WHERE {_IN_DOUBT}"
    doubtful = {(record[0], record[1]) for record in journal.query(asked)}
    return [
        item.run
        for item in list_runs(journal)
        if item.run.state == "confirmed" and (_has_work(item) or (item.run.target_id, item.run.input_path) in doubtful)
    ]


def _has_work(item: RunSummary) -> bool:
    waiting = sum(item.tally.get(status, 0) for status in (*domain.MAKING, domain.Status.IN_DOUBT))
    return bool(waiting or item.unsent or item.run.stopped == UNWRITTEN)


def unfinished_successor(journal: Journal, run: Run) -> str:
    """Return the id of the unfinished run that superseded this one, "" if there is none."""
    successors = [
        item for item in unfinished(journal) if (item.target_id, item.input_path) == (run.target_id, run.input_path)
    ]
    return successors[0].run_id if successors and successors[0].run_id != run.run_id else ""


_SAME_SERIES: Final = (
    f"target_id = :target AND {runs.SERIES} = (SELECT {runs.SERIES} FROM run WHERE run_no = :run) AND run_no < :run"
)


def rows_before(journal: Journal, run: Run) -> int:
    """Return how many rows the table, or one it continues, had when it was last rendered, 0 if it never was."""
    last = journal.query_one(
        f"SELECT * FROM run JOIN target USING (target_id) WHERE {_SAME_SERIES} AND state <> 'draft'"
        " ORDER BY run_no DESC LIMIT 1",
        {"target": run.target_id, "run": run.run_no},
    )
    return sum(results.tally(journal, runs.read_run(last)).values()) if last is not None else 0


def unfinished_again(journal: Journal, run: Run) -> str:
    """Return the unfinished run that pays anew for the run's table, or for one it continues; "" if there is none."""
    others = journal.query(
        f"SELECT * FROM run JOIN target USING (target_id) WHERE {_SAME_SERIES} AND again = 1 AND state = 'confirmed'"
        " ORDER BY run_no DESC",
        {"target": run.target_id, "run": run.run_no},
    )
    again = (_summary(journal, runs.read_run(item)) for item in list(others))
    return next((item.run.run_id for item in again if _has_work(item)), "")


def previous_run(journal: Journal, run: Run) -> PreviousRun:
    """Look at earlier runs of the draft's file on its target."""
    last = journal.query_one(
        "SELECT spec FROM run WHERE target_id = ? AND input_path = ? AND run_no < ? AND state <> 'draft' AND EXISTS"
        " (SELECT 1 FROM chunk WHERE chunk.run_no = run.run_no AND chunk.state IN ('accepted', 'mapping'))"
        " ORDER BY run_no DESC LIMIT 1",
        (run.target_id, run.input_path, run.run_no),
    )
    paid = journal.query_one(
        "SELECT count(*), count(*) FILTER (WHERE claim_id IN (SELECT claim_id FROM row WHERE run_no = ?)) FROM claim"
        " WHERE generation_id IS NOT NULL AND live = 1 AND run_no IN"
        " (SELECT run_no FROM run WHERE target_id = ? AND input_path = ? AND run_no < ?)",
        (run.run_no, run.target_id, run.input_path, run.run_no),
    )
    return PreviousRun(
        variables=tuple(faults.from_json(last["spec"])["variables"]) if last else None,
        paid=int(paid[0]) if paid else 0,
        shown=int(paid[1]) if paid else 0,
    )


def last_variables(journal: Journal, target: domain.Target) -> tuple[str, ...] | None:
    """Return the variables of the last run on the target that had a request accepted."""
    record = journal.query_one(
        "SELECT spec FROM run JOIN target USING (target_id) WHERE service = ? AND kind = ? AND api_id = ? AND EXISTS"
        " (SELECT 1 FROM chunk WHERE chunk.run_no = run.run_no AND chunk.state = 'accepted')"
        " ORDER BY run_no DESC LIMIT 1",
        (target.service, target.kind, target.api_id),
    )
    return tuple(faults.from_json(record["spec"])["variables"]) if record else None


def run_of_generation(journal: Journal, generation_id: str) -> tuple[Run, int] | None:
    """Return the newest run that shows a generation, and its row_index there."""
    record = journal.query_one(
        "SELECT run.run_id, row.row_index FROM claim JOIN row USING (claim_id) JOIN run ON run.run_no = row.run_no"
        " WHERE claim.generation_id = ? ORDER BY run.run_no DESC LIMIT 1",
        (generation_id,),
    )
    return (runs.find(journal, record["run_id"]), record["row_index"]) if record else None


def first_run_of(journal: Journal, generation_id: str) -> Run | None:
    """Return the run that asked for a generation."""
    record = journal.query_one(
        "SELECT run.run_id FROM claim JOIN chunk USING (chunk_id) JOIN run ON run.run_no = chunk.run_no"
        " WHERE claim.generation_id = ?",
        (generation_id,),
    )
    return runs.find(journal, record["run_id"]) if record else None


def runs_of_target(journal: Journal, kind: str, api_id: str) -> list[RunSummary]:
    """Return the runs on any service whose campaign or instance has this id, newest first."""
    targets = journal.query("SELECT target_id FROM target WHERE kind = ? AND api_id = ?", (kind, api_id))
    return [item for record in list(targets) for item in list_runs(journal, target_id=record[0])]


def run_in_doubt(journal: Journal, target: domain.Target, input_path: str, *, is_locked: bool = False) -> str | None:
    """Return the newest run of a file with a request that is sending, mapping or in doubt; None if there is none.

    is_locked: another process holds the target; what it is sending, or judging, just now is not in doubt.
    """
    doubt = _IN_DOUBT.replace("'sending', 'mapping', ", "") if is_locked else _IN_DOUBT
    record = journal.query_one(
        "SELECT run.run_id FROM run JOIN target USING (target_id) WHERE target.service = ? AND target.kind = ?"
        f" AND target.api_id = ? AND run.input_path = ? AND {doubt} ORDER BY run.run_no DESC LIMIT 1",
        (target.service, str(target.kind), target.api_id, input_path),
    )
    return str(record[0]) if record else None


def runs_of_file(journal: Journal, run: Run) -> set[int]:
    """Return the numbers of all runs of this run's file on its target."""
    asked = "SELECT run_no FROM run WHERE target_id = ? AND input_path = ?"
    return {record[0] for record in journal.query(asked, (run.target_id, run.input_path))}


def run_id_of(journal: Journal, run_no: int) -> str:
    """Return a run's id."""
    record = journal.query_one("SELECT run_id FROM run WHERE run_no = ?", (run_no,))
    return str(record[0]) if record else ""


def input_of(journal: Journal, run_no: int) -> str:
    """Return the path of a run's input."""
    record = journal.query_one("SELECT input_path FROM run WHERE run_no = ?", (run_no,))
    return str(record[0]) if record else ""


def count_same_file(journal: Journal, run: Run, run_nos: Iterable[int]) -> int:
    """Count those of the runs (one per request in doubt) that rendered the same file as this one."""
    numbers = list(run_nos)
    paid_rows = {
        row[0]
        for row in journal.query(
            "SELECT run_no FROM run WHERE target_id = ? AND input_path = ?", (run.target_id, run.input_path)
        )
    }
    return sum(number in paid_rows for number in numbers)


def wrote_output(journal: Journal, run: Run, sha256: str) -> None:
    """Remember the results file as we wrote it, so that an edit by somebody else is noticed."""
    with journal.transaction():
        journal.execute("UPDATE run SET output_sha256 = '' WHERE output_path = ?", (run.output_path,))
        journal.execute("UPDATE run SET output_sha256 = ? WHERE run_no = ?", (sha256, run.run_no))


def rewrote_output(journal: Journal, path: str, sha256: str) -> None:
    """Remember that a results file, if it is one of ours, was changed by the program itself."""
    with journal.transaction():
        journal.execute(
            "UPDATE run SET output_sha256 = ? WHERE output_path = ? AND output_sha256 <> ''", (sha256, path)
        )


def record_media_folder(journal: Journal, run: Run, folder: str) -> None:
    """Remember where the run's media were downloaded to last."""
    with journal.transaction():
        journal.execute("UPDATE run SET media_folder = ? WHERE run_no = ?", (folder, run.run_no))


def media_folder(journal: Journal, run_no: int) -> str:
    """Return the folder of the run's last download, "" if there was none."""
    record = journal.query_one("SELECT media_folder FROM run WHERE run_no = ?", (run_no,))
    return record[0] if record else ""


def last_output(journal: Journal, output_path: str) -> OutputRecord | None:
    """Return what any run last wrote to this path, None if none did."""
    record = journal.query_one(
        "SELECT run_id, output_sha256 AS sha256, target_id, input_path FROM run"
        " WHERE output_path = ? AND output_sha256 <> '' ORDER BY run_no DESC LIMIT 1",
        (output_path,),
    )
    return OutputRecord(**record) if record else None


def sample_statuses(journal: Journal, run: Run, size: int) -> list[str]:
    """Return the statuses of the first `size` valid rows: those that a sample renders."""
    return [
        record[0]
        for record in journal.query(
            f"SELECT {generations.STATUS} FROM {generations.JOINED} WHERE row.run_no = ? AND row.selected = 1"
            " AND row.state IN ('pending', 'rejected') AND row.shares IS NULL ORDER BY row.row_index LIMIT ?",
            (run.run_no, size),
        )
    ]


def record_stop(journal: Journal, run: Run, reason: str) -> None:
    """Remember why submitting ended early; "" when it goes on."""
    with journal.transaction():
        journal.execute("UPDATE run SET stopped = ? WHERE run_no = ?", (reason, run.run_no))


def rows_of_text(journal: Journal, run: Run, text_key: bytes) -> list[RowToSend]:
    """Return a run's rows with this text, sent or not. payload: "" where it is not needed any more."""
    return _rows(journal, run, "text_key = ?", text_key)


def adopt(journal: Journal, run: Run, items: Iterable[AdoptedGeneration]) -> int:
    """Take over generations that another journal paid for, each confirmed by a GET. Returns how many were new."""
    adopted = 0
    with journal.transaction():
        for place, item in enumerate(items):
            adopted += journal.execute(
                "INSERT INTO claim (place, target_id, identity, text_key, generation_id, binding, status, accepted_at)"
                " VALUES (?, ?, ?, ?, ?, 'confirmed', ?, ?) ON CONFLICT (generation_id) DO NOTHING",
                (place, run.target_id, item.identity, item.text_key, item.generation.id,
                 item.generation.status or "queued", journal.now()),
            )  # fmt: skip
            key = (item.generation.id,)
            claims = [row[0] for row in journal.query("SELECT claim_id FROM claim WHERE generation_id = ?", key)]
            for claim in claims:
                generations.record(journal, claim, item.generation, "own")
            generations.mark_finished(journal, claims)
        journal.insert(
            "INSERT INTO decision (at, run_id, what, detail) VALUES (?, ?, 'adopt', ?)",
            (journal.now(), run.run_id, f"{adopted} generations"),
        )
    return adopted


def shared_videos(journal: Journal, target_id: int) -> list[tuple[int, str, str]]:
    """Return (claim, generation id, url) of the target's videos that rows may share; no url: not finished."""
    return [
        (video[0], video[1], video[2])
        for video in journal.query(
            "SELECT claim_id, generation_id, url FROM claim WHERE target_id = ? AND live = 1"
            " AND generation_id IS NOT NULL AND (url <> '' OR ended_at IS NULL)",
            (target_id,),
        )
    ]


def has_accepted(journal: Journal, run: Run) -> bool:
    """Say whether the service ever took a row of this run."""
    asked = "SELECT 1 FROM claim WHERE run_no = ? AND generation_id IS NOT NULL LIMIT 1"
    return journal.query_one(asked, (run.run_no,)) is not None


def unknown(journal: Journal, ids: Iterable[str]) -> list[str]:
    """Return those of ids that this journal has not bound, each once, in their order."""
    asked = list(dict.fromkeys(ids))
    bound = forget.bound_ids(journal, asked)
    return [item for item in asked if item not in bound]


def to_send(journal: Journal, run: Run) -> list[str]:
    """Return the payloads (JSON, [values, assets]) of the rows that a run still sends."""
    records = journal.query(
        "SELECT payload FROM row WHERE run_no = ? AND plan IN ('new', 'retried', 'later') AND payload IS NOT NULL",
        (run.run_no,),
    )
    return [row[0] for row in records]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowToSend:
    """A row that a run still sends. payload: JSON, [values, assets]. cells: as they stand in the table."""

    identity: bytes
    text_key: bytes
    payload: str
    cells: tuple[str, ...]


def rows_to_send(journal: Journal, run: Run) -> list[RowToSend]:
    """Return the rows that a run still sends, in row order."""
    return _rows(journal, run, "plan IN ('new', 'retried', 'later') AND payload IS NOT NULL")


def _rows(journal: Journal, run: Run, which: str, *values: object) -> list[RowToSend]:
    records = journal.query(
        f"SELECT identity, text_key, payload, cells FROM row WHERE run_no = ? AND {which} ORDER BY row_index",
        (run.run_no, *values),
    )
    return [
        RowToSend(identity=row[0], text_key=row[1], payload=row[2] or "", cells=tuple(faults.from_json(row[3] or "[]")))
        for row in records
    ]


def wrote(journal: Journal, output_path: str, sha256: str) -> bool:
    """Say whether a results file is as one of our runs left it."""
    output = last_output(journal, output_path)
    return output is not None and output.sha256 == sha256
