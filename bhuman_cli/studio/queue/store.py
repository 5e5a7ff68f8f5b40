"""Store of what is to be made: the queue, the callbacks owed, campaigns and the like. No HTTP, no rules.

Used by one thread at a time. Several processes may share a home: work is claimed under an owner's name,
and an owner that died (its lock file can be locked) loses its claims. Every method that changes something has
committed when it returns, or is part of its caller's transaction.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from bhuman_cli.studio.queue import request_log, schema
from bhuman_cli.studio.queue.database import Database, Row
from bhuman_cli.studio.queue.entries import Batch, End, NewRow, Settled

FINAL: Final = ("succeeded", "failed")
NAME: Final = "studio.sqlite"

_GENERATIONS: Final = (
    "SELECT g.*, b.request_no, b.route, b.target_kind, b.target_id, b.variables, b.backgrounds, b.options,"
    " b.callback_url, b.whatsapp, b.template, b.accepted_at FROM generations g JOIN batches b ON b.no = g.batch_no"
)

_ADD_ROWS: Final = (
    "INSERT INTO generations (batch_no, api_row_index, accepted_s, updated_at, id, text, assets, state, message,"
    " placeholder) SELECT ?, key, ?, ?, "
    + ", ".join(f"json_extract(value, '$[{place}]')" for place in range(6))
    + " FROM json_each(?)"
)
"""Rows of a batch, from a JSON list of lists."""

_PAGE: Final = (
    f"{_GENERATIONS.replace('generations g JOIN batches b', 'batches b CROSS JOIN generations g')}"
    " AND g.api_row_index >= :offset - b.before WHERE b.target_kind = :kind AND b.target_id = :target"
    " AND b.before >= (SELECT max(before) FROM batches"
    " WHERE target_kind = :kind AND target_id = :target AND before <= :offset)"
    " AND b.before < :offset + :limit ORDER BY b.before, g.api_row_index LIMIT :limit"
)
"""A page of a target's videos. A video's place is its batch's `before` and its own row, so nothing is counted."""

_TOTAL: Final = "SELECT before + rows FROM batches WHERE target_kind = ? AND target_id = ? ORDER BY before DESC LIMIT 1"

_OF_OTHERS: Final = "SELECT 1 FROM batches b WHERE b.no = {0} AND b.accepted_by IN (SELECT value FROM json_each(?))"
"""Whether a batch was accepted by a living neighbour. Parameter: a JSON list of their names."""

_QUEUED: Final = (
    "SELECT id FROM generations WHERE state = 'queued'"
    f" AND NOT EXISTS ({_OF_OTHERS.format('generations.batch_no')}) ORDER BY seq LIMIT ?"
)

_RECEIVERS: Final = (
    "WITH RECURSIVE owed(receiver) AS ("
    " SELECT min(receiver) FROM callbacks WHERE outcome = '' AND owner IS NULL UNION ALL"
    " SELECT (SELECT min(receiver) FROM callbacks WHERE outcome = '' AND owner IS NULL"
    " AND receiver > owed.receiver) FROM owed WHERE owed.receiver IS NOT NULL)"
    " SELECT receiver FROM owed WHERE receiver IS NOT NULL"
)
"""Each that is owed something, by one step in the index for each and not for each message."""

_OWED: Final = (
    "SELECT rowid, * FROM callbacks WHERE outcome = '' AND owner IS NULL AND receiver = ?"
    " AND (event = 'completion' OR ? OR NOT EXISTS (SELECT 1 FROM callbacks earlier"
    " WHERE earlier.outcome = '' AND earlier.generation_id = callbacks.generation_id AND earlier.event = 'completion'))"
    " AND NOT EXISTS (SELECT 1 FROM generations g WHERE g.id = callbacks.generation_id"
    f" AND EXISTS ({_OF_OTHERS.format('g.batch_no')})) ORDER BY due_s, rowid LIMIT ?"
)
"""What one receiver may be sent. Parameters: the receiver, whether in any order, living neighbours, how many."""


def unknown_ids(home: Path, ids: Sequence[str]) -> list[str]:
    """Return those of the ids that a studio's home knows nothing of: all, where its memory is gone.

    Raises:
        ServiceDown: the file can't be used.
    """
    if not (home / NAME).is_file():
        return list(ids)
    with contextlib.closing(StudioStore.open(home, read_only=True)) as opened:
        return [id_ for id_ in ids if opened.generation(id_) is None]


class StudioStore:
    """The studio's memory on disk."""

    def __init__(self, opened: Database, home: Path) -> None:
        self._db = opened
        self._home = home
        self._writing = opened.writing
        self.close = opened.close

    @classmethod
    def open(cls, home: Path, *, read_only: bool = False) -> Self:
        """Open the queue in a studio's home, made if missing; may be done while a studio is running there.

        Raises:
            ServiceDown: the file can't be used.
        """
        return cls(Database.open(home / NAME, schema.QUEUE, read_only=read_only), home)

    @property
    def database(self) -> Database:
        """Return the connection, for the thread that writes with it."""
        return self._db

    def requests(self) -> list[dict[str, Any]]:
        """Return the log: no, method, path, query, status, fault, body (bytes or None), at."""
        return request_log.read(self._home)

    # --- accepting ------------------------------------------------------------------------------------------------

    def accept(self, batch: Batch, rows: Sequence[NewRow], *, now_s: float, now: str, due_s: float | None) -> bool:
        """Queue the rows of one request, all or none, and pay for them; False if the credits don't suffice.

        due_s: when the callbacks of rows that have already ended are due; None if that isn't known yet.
        """
        with self._writing():
            left = self.setting("credits_left") if batch.charged else None
            if left is not None and int(left) < len(rows):
                return False
            if left is not None:
                self._set("credits_left", str(int(left) - len(rows)))
            self._insert(batch, rows, now_s=now_s, now=now)
            if due_s is not None:
                ended = [row.id for row in rows if row.state in FINAL]
                self._owe(ended, batch.callback_url, whatsapp=batch.whatsapp, due_s=due_s)
        return True

    def _insert(self, batch: Batch, rows: Sequence[NewRow], *, now_s: float, now: str) -> None:
        before = self._db.execute(_TOTAL, (batch.target_kind, batch.target_id)).fetchone()
        said = (
            batch.request_no, batch.route, batch.target_kind, batch.target_id, _json(list(batch.variables)),
            _json(list(batch.backgrounds)), _json(dict(batch.options)), batch.callback_url, batch.whatsapp,
            batch.template, now, batch.accepted_by, len(rows), before[0] if before else 0,
        )  # fmt: skip
        number = self._db.execute(
            "INSERT INTO batches (request_no, route, target_kind, target_id, variables, backgrounds, options,"
            " callback_url, whatsapp, template, accepted_at, accepted_by, rows, before)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            said,
        ).lastrowid
        each = [[row.id, row.text, row.assets, row.state, row.message, row.placeholder] for row in rows]
        # One statement, which takes the lists out as JSON: no other thread of this process has to wait for it.
        self._db.execute(_ADD_ROWS, (number, now_s, now, _json(each)))

    def accepted(self) -> list[dict[str, Any]]:
        """Return what the studio accepted, in order: the service's own count, by which clients are judged."""
        names = ("id", "target_id", "api_row_index", "request_no", "accepted_at", "state", "attempts")
        lists = ("text", "assets", "variables")
        return [
            {name: row[name] for name in names} | {name: json.loads(row[name]) for name in lists}
            for row in self._db.execute(f"{_GENERATIONS} ORDER BY g.seq")
        ]

    # --- reading --------------------------------------------------------------------------------------------------

    def generation(self, identifier: str) -> Row | None:
        """Return one generation with what its request said, or None."""
        row: Row | None = self._db.execute(f"{_GENERATIONS} WHERE g.id = ?", (identifier,)).fetchone()
        return row

    def generations(self, kind: str, target_id: str, *, offset: int, limit: int) -> tuple[int, list[Row]]:
        """Return how many generations a target has, and one page of them, oldest first."""
        total = self._db.execute(_TOTAL, (kind, target_id)).fetchone()
        if total is None or offset >= total[0]:
            return (total[0] if total else 0), []
        wanted = {"kind": kind, "target": target_id, "offset": offset, "limit": limit}
        return total[0], self._db.execute(_PAGE, wanted).fetchall()

    def latest(self, limit: int) -> list[Row]:
        """Return the newest generations, newest first."""
        return self._db.execute(f"{_GENERATIONS} ORDER BY g.seq DESC LIMIT ?", (limit,)).fetchall()

    def counts(self) -> dict[str, int]:
        """Return how many generations are in each state."""
        return self._tally("state")

    def callback_outcomes(self) -> dict[str, int]:
        """Return how many callbacks came to what, the most first; `owed` is not settled yet."""
        return {outcome or "owed": count for outcome, count in self._tally("outcome").items()}

    def _tally(self, of: str) -> dict[str, int]:
        counts = self._db.execute("SELECT word, n FROM tally WHERE of = ? AND n > 0 ORDER BY n DESC LIMIT 8", (of,))
        return dict(counts.fetchall())

    # --- working --------------------------------------------------------------------------------------------------

    def claim(self, owner: str, limit: int, *, living: Sequence[str] = ()) -> list[Row]:
        """Take up to `limit` queued generations for this owner, oldest first; nobody else gets them.

        living: other owners that are alive; what they accepted is theirs, by their own settings.
        """
        with self._writing():
            taken = [row[0] for row in self._db.execute(_QUEUED, (_json(list(living)), limit))]
            self._db.executemany(
                "UPDATE generations SET state = 'preparing', owner = ?, attempts = attempts + 1 WHERE id = ?",
                [(owner, identifier) for identifier in taken],
            )
        rows = (self.generation(identifier) for identifier in taken)
        return [row for row in rows if row is not None]

    def start(self, identifier: str, owner: str, *, now: str) -> None:
        """Record that the renderer has begun."""
        with self._writing():
            self._db.execute(
                "UPDATE generations SET state = 'processing', updated_at = ?"
                " WHERE id = ? AND owner = ? AND state = 'preparing'",
                (now, identifier, owner),
            )

    def finish(self, identifier: str, end: End, *, now: str, due_s: float | None) -> bool:
        """Record how a generation ended, once; False if it had ended before (or is unknown).

        due_s: when its callbacks are due; None if that isn't known yet.
        """
        with self._writing():
            done = self._db.execute(
                "UPDATE generations SET state = ?, message = ?, placeholder = ?, owner = NULL, updated_at = ?"
                " WHERE id = ? AND state NOT IN ('succeeded', 'failed')",
                (end.state, end.message, end.placeholder, now, identifier),
            ).rowcount
            if done and due_s is not None:
                self._owe_for(identifier, due_s)
        return bool(done)

    def give_back(self, identifier: str, owner: str) -> None:
        """Queue again what this owner could not do, through no fault of the work's; it is no attempt."""
        with self._writing():
            self._db.execute(
                "UPDATE generations SET state = 'queued', owner = NULL, attempts = attempts - 1"
                " WHERE id = ? AND owner = ? AND state IN ('preparing', 'processing')",
                (identifier, owner),
            )

    def requeue(self, owner: str, *, died: bool) -> int:
        """Give back what an owner had claimed and not finished; return how many. Only a death counts as an attempt."""
        with self._writing():
            self._db.execute("UPDATE callbacks SET owner = NULL WHERE owner = ?", (owner,))
            return self._db.execute(
                "UPDATE generations SET state = 'queued', owner = NULL, attempts = attempts - ?"
                " WHERE owner = ? AND state IN ('preparing', 'processing')",
                (0 if died else 1, owner),
            ).rowcount

    def note_reads(self, identifier: str, reads: int) -> None:
        """Record that a video was shown so often, which ended it for its client; its callbacks are due now."""
        with self._writing():
            self._db.execute("UPDATE generations SET reads = ? WHERE id = ?", (reads, identifier))

    def owners(self) -> list[str]:
        """Return everybody who has claimed something and not finished it."""
        rows = self._db.execute(
            "SELECT owner FROM generations WHERE owner IS NOT NULL"
            " UNION SELECT owner FROM callbacks WHERE owner IS NOT NULL"
        )
        return [row[0] for row in rows]

    # --- callbacks ------------------------------------------------------------------------------------------------

    def owe(self, identifiers: Sequence[str], due_s: float) -> None:
        """Record that the callbacks of these generations are due; those owed or sent before stay as they are."""
        with self._writing():
            for identifier in identifiers:
                self._owe_for(identifier, due_s)

    def _owe_for(self, identifier: str, due_s: float) -> None:
        row = self.generation(identifier)
        if row is not None:
            whatsapp = bool(row["whatsapp"]) and row["state"] == "succeeded"
            self._owe([identifier], row["callback_url"], whatsapp=whatsapp, due_s=due_s)

    def _owe(self, identifiers: Sequence[str], url: str, *, whatsapp: bool, due_s: float) -> None:
        events = ["completion", "whatsapp.ready"] if whatsapp else ["completion"]
        if url:
            self._db.executemany(
                "INSERT OR IGNORE INTO callbacks (generation_id, event, url, due_s, receiver) VALUES (?,?,?,?,?)",
                [(identifier, event, url, due_s, _receiver(url)) for identifier in identifiers for event in events],
            )

    def take_owed(
        self,
        owner: str,
        now_s: float,
        room: Callable[[list[str]], Mapping[str, int]],
        *,
        any_order: bool = False,
        living: Sequence[str] = (),
    ) -> tuple[list[Row], float | None]:
        """Take callbacks that are due for this owner; nobody else gets them until they are settled.

        room: says of those that are owed something how many messages each may be sent now, who comes first first.
        Returned with them is when the next is due of those that had room; None: none is.
        A whatsapp.ready comes only after its completion is settled, unless any_order. living: as for claim().
        """
        others = _json(list(living))
        taken: list[Row] = []
        later: list[Row] = []
        with self._writing():
            receivers = [row[0] for row in self._db.execute(_RECEIVERS)]
            for receiver, most in room(receivers).items():
                for row in self._db.execute(_OWED, (receiver, any_order, others, most)).fetchall():
                    (taken if row["due_s"] <= now_s else later).append(row)
            self._db.executemany(
                "UPDATE callbacks SET owner = ? WHERE rowid = ?", [(owner, row["rowid"]) for row in taken]
            )
        return taken, min((row["due_s"] for row in later), default=None)

    def settle(self, attempts: Iterable[Settled]) -> None:
        """Record what came of attempts at callbacks."""
        with self._writing():
            self._db.executemany(
                "UPDATE callbacks SET attempts = attempts + 1, outcome = ?, due_s = ?, owner = NULL"
                " WHERE generation_id = ? AND event = ?",
                [(one.outcome, one.due_s, one.generation_id, one.event) for one in attempts],
            )

    def callbacks(self) -> list[dict[str, Any]]:
        """Return every callback ever owed."""
        return [dict(row) for row in self._db.execute("SELECT * FROM callbacks ORDER BY rowid")]

    # --- things and settings --------------------------------------------------------------------------------------

    def things(self, kind: str, *, offset: int = 0, limit: int = -1) -> tuple[int, list[dict[str, Any]]]:
        """Return how many records of a kind there are, and some of them, oldest first."""
        total = self._db.execute("SELECT coalesce(max(position), 0) FROM things WHERE kind = ?", (kind,)).fetchone()[0]
        rows = self._db.execute(
            "SELECT record FROM things WHERE kind = ? AND position > ? ORDER BY position LIMIT ?", (kind, offset, limit)
        )
        return total, [json.loads(row[0]) for row in rows]

    def newest_webhook(self) -> str:
        """Return the URL saved last, or ""."""
        wanted = "SELECT record FROM things WHERE kind = 'webhook' ORDER BY position DESC LIMIT 1"
        row = self._db.execute(wanted).fetchone()
        return str(json.loads(row[0])["webhook"]) if row else ""

    def thing(self, kind: str, identifier: str) -> dict[str, Any] | None:
        """Return one record, or None."""
        row = self._db.execute("SELECT record FROM things WHERE kind = ? AND id = ?", (kind, identifier)).fetchone()
        return None if row is None else json.loads(row[0])

    def put_thing(self, kind: str, record: Mapping[str, Any]) -> None:
        """Create or replace a record by its `id`."""
        with self._writing():
            self._db.execute(
                "INSERT INTO things SELECT ?, ?, 1 + coalesce(max(position), 0), ? FROM things WHERE kind = ?"
                " ON CONFLICT (kind, id) DO UPDATE SET record = excluded.record",
                (kind, record["id"], _json(dict(record)), kind),
            )

    def setting(self, key: str) -> str | None:
        """Return a kept setting, or None."""
        row = self._db.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def keep_setting(self, key: str, value: str | None) -> None:
        """Keep a setting; None removes it."""
        with self._writing():
            self._set(key, value)

    def _set(self, key: str, value: str | None) -> None:
        if value is None:
            self._db.execute("DELETE FROM settings WHERE key = ?", (key,))
        else:
            self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))


def _receiver(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port or parts.scheme}"
    except ValueError:
        return ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
