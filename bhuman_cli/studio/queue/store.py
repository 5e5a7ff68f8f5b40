"""Store of the queue, the log, the callbacks owed, campaigns and the like. No HTTP, no rules.

Used by one thread at a time. Several processes may share a home: work is claimed under an owner's name,
and an owner that died (its lock file can be locked) loses its claims. Every method that changes something has
committed when it returns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from bhuman_cli.studio.queue.database import Database, Row
from bhuman_cli.studio.queue.entries import Batch, End, LogEntry, NewRow, Settled

LOGGED_REQUESTS: Final = 50_000
"""Older entries of the request log are dropped: a studio may run for months."""

LOGGED_BODIES: Final = 1_000
"""Older bodies are dropped sooner: they may have 10 MiB, and they are people's data."""

FINAL: Final = ("succeeded", "failed")


class StudioStore:
    """The studio's memory on disk."""

    def __init__(self, opened: Database) -> None:
        self._db = opened
        self._writing = opened.writing

    @classmethod
    def open(cls, home: Path) -> Self:
        """Open the queue in a studio's home, made if missing; may be done while a studio is running there.

        Raises:
            ServiceDown: the file can't be used.
        """
        return cls(Database.open(home / "studio.sqlite"))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- requests -------------------------------------------------------------------------------------------------

    def reserve_numbers(self, count: int) -> int:
        """Set aside request numbers for one process, and return the first."""
        with self._writing():
            first = int(self.setting("next_request_no") or 1)
            self._set("next_request_no", str(first + count))
        return first

    def log(self, entries: Iterable[LogEntry]) -> None:
        """Write requests into the log, and forget those that are too old."""
        rows = [(e.no, e.method, e.path, e.query, e.status, e.fault, e.body, e.at) for e in entries]
        with self._writing():
            self._db.executemany("INSERT OR REPLACE INTO requests VALUES (?,?,?,?,?,?,?,?)", rows)
            if rows:
                self._db.execute("DELETE FROM requests WHERE no <= ?", (rows[-1][0] - LOGGED_REQUESTS,))
                self._db.execute(FORGET_BODIES, (LOGGED_BODIES,))

    def requests(self) -> list[dict[str, Any]]:
        """Return the log: no, method, path, query, status, fault, body (bytes or None), at."""
        return [dict(row) for row in self._db.execute("SELECT * FROM requests ORDER BY no")]

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
        cursor = self._db.execute(
            "INSERT INTO batches (request_no, route, target_kind, target_id, variables, backgrounds, options,"
            " callback_url, whatsapp, template, accepted_at, accepted_by) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                batch.request_no,
                batch.route,
                batch.target_kind,
                batch.target_id,
                _json(list(batch.variables)),
                _json(list(batch.backgrounds)),
                _json(dict(batch.options)),
                batch.callback_url,
                batch.whatsapp,
                batch.template,
                now,
                batch.accepted_by,
            ),
        )
        number = cursor.lastrowid
        self._db.executemany(
            "INSERT INTO generations (id, batch_no, api_row_index, text, assets, state, message, placeholder,"
            " accepted_s, updated_at) VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                (
                    row.id,
                    number,
                    index,
                    _json(list(row.text)),
                    _json(list(row.assets)),
                    row.state,
                    row.message,
                    row.placeholder,
                    now_s,
                    now,
                )
                for index, row in enumerate(rows)
            ),
        )

    def accepted(self) -> list[dict[str, Any]]:
        """Return what the studio accepted, in order: the service's own count, by which clients are judged."""
        return [
            {
                "id": row["id"],
                "target_id": row["target_id"],
                "text": json.loads(row["text"]),
                "assets": json.loads(row["assets"]),
                "variables": json.loads(row["variables"]),
                "api_row_index": row["api_row_index"],
                "request_no": row["request_no"],
                "accepted_at": row["accepted_at"],
                "state": row["state"],
                "attempts": row["attempts"],
            }
            for row in self._db.execute(f"{GENERATIONS} ORDER BY g.seq")
        ]

    # --- reading --------------------------------------------------------------------------------------------------

    def generation(self, identifier: str) -> Row | None:
        """Return one generation with what its request said, or None."""
        row: Row | None = self._db.execute(f"{GENERATIONS} WHERE g.id = ?", (identifier,)).fetchone()
        return row

    def generations(self, kind: str, target_id: str, *, offset: int, limit: int) -> tuple[int, list[Row]]:
        """Return how many generations a target has, and one page of them, oldest first."""
        where = "WHERE b.target_kind = ? AND b.target_id = ?"
        total = self._db.execute(
            f"SELECT count(*) FROM generations g JOIN batches b ON b.no = g.batch_no {where}", (kind, target_id)
        ).fetchone()[0]
        if offset >= total:
            return total, []
        rows = self._db.execute(
            f"{GENERATIONS} {where} ORDER BY g.seq LIMIT ? OFFSET ?", (kind, target_id, limit, offset)
        ).fetchall()
        return total, rows

    def latest(self, limit: int) -> list[Row]:
        """Return the newest generations, newest first."""
        return self._db.execute(f"{GENERATIONS} ORDER BY g.seq DESC LIMIT ?", (limit,)).fetchall()

    def counts(self) -> dict[str, int]:
        """Return how many generations are in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM generations GROUP BY state").fetchall())

    # --- working --------------------------------------------------------------------------------------------------

    def claim(self, owner: str, limit: int, *, living: Sequence[str] = ()) -> list[Row]:
        """Take up to `limit` queued generations for this owner, oldest first; nobody else gets them.

        living: other owners that are alive; what they accepted is theirs, by their own settings.
        """
        with self._writing():
            taken = [row[0] for row in self._db.execute(f"{QUEUED} ORDER BY seq LIMIT ?", (_json(list(living)), limit))]
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

    def requeue(self, owner: str, *, died: bool) -> int:
        """Give back what an owner had claimed and not finished; return how many. Only a death counts as an attempt."""
        with self._writing():
            self._db.execute("UPDATE callbacks SET owner = NULL WHERE owner = ?", (owner,))
            return self._db.execute(
                "UPDATE generations SET state = 'queued', owner = NULL, attempts = attempts - ?"
                " WHERE owner = ? AND state IN ('preparing', 'processing')",
                (0 if died else 1, owner),
            ).rowcount

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
                "INSERT OR IGNORE INTO callbacks (generation_id, event, url, due_s) VALUES (?,?,?,?)",
                [(identifier, event, url, due_s) for identifier in identifiers for event in events],
            )

    def take_owed(
        self, owner: str, now_s: float, limit: int, *, any_order: bool = False, living: Sequence[str] = ()
    ) -> list[Row]:
        """Take callbacks that are due for this owner; nobody else gets them until they are settled.

        A whatsapp.ready comes only after its completion is settled, unless any_order. living: as for claim().
        """
        with self._writing():
            rows = self._db.execute(
                f"SELECT rowid, * FROM callbacks WHERE {OWED} AND due_s <= ? ORDER BY due_s, rowid LIMIT ?",
                (any_order, _json(list(living)), now_s, limit),
            ).fetchall()
            self._db.executemany(
                "UPDATE callbacks SET owner = ? WHERE rowid = ?", [(owner, row["rowid"]) for row in rows]
            )
        return rows

    def next_due_s(self, living: Sequence[str] = ()) -> float | None:
        """Return when the next callback is due that nobody has taken, or None. living: as for claim()."""
        asked = f"SELECT min(due_s) FROM callbacks WHERE {OWED}"
        due: float | None = self._db.execute(asked, (False, _json(list(living)))).fetchone()[0]
        return due

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

    def callback_outcomes(self) -> dict[str, int]:
        """Return how many callbacks came to what; `owed` is not settled yet."""
        rows = self._db.execute("SELECT outcome, count(*) FROM callbacks GROUP BY outcome ORDER BY 2 DESC LIMIT 8")
        return {outcome or "owed": count for outcome, count in rows}

    # --- things and settings --------------------------------------------------------------------------------------

    def things(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of a kind, oldest first."""
        rows = self._db.execute("SELECT record FROM things WHERE kind = ? ORDER BY position", (kind,))
        return [json.loads(row[0]) for row in rows]

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


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


GENERATIONS: Final = (
    "SELECT g.*, b.request_no, b.route, b.target_kind, b.target_id, b.variables, b.backgrounds, b.options,"
    " b.callback_url, b.whatsapp, b.template, b.accepted_at FROM generations g JOIN batches b ON b.no = g.batch_no"
)

_OF_OTHERS: Final = "SELECT no FROM batches WHERE accepted_by IN (SELECT value FROM json_each(?))"
"""Batches that living neighbours accepted. Parameter: a JSON list of their names."""

QUEUED: Final = f"SELECT id FROM generations WHERE state = 'queued' AND batch_no NOT IN ({_OF_OTHERS})"

OWED: Final = (
    "outcome = '' AND owner IS NULL AND (event = 'completion' OR ? OR NOT EXISTS (SELECT 1 FROM callbacks earlier"
    " WHERE earlier.outcome = '' AND earlier.generation_id = callbacks.generation_id AND earlier.event = 'completion'))"
    " AND NOT EXISTS (SELECT 1 FROM generations g WHERE g.id = callbacks.generation_id"
    f" AND g.batch_no IN ({_OF_OTHERS}))"
)
"""Callbacks that may be taken. Parameters: whether in any order, and a JSON list of living neighbours."""

FORGET_BODIES: Final = (
    "UPDATE requests SET body = NULL WHERE body IS NOT NULL AND no <="
    " (SELECT no FROM requests WHERE body IS NOT NULL ORDER BY no DESC LIMIT 1 OFFSET ?)"
)
