"""Owns the longer SQL statements of `store`, and pieces of them. Runs none."""

from __future__ import annotations

from typing import Final

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
