"""Videos that a target's list has shown, each judged once: ours, others', gone, or unknown with marks of its text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from bhuman_cli.journal.database import Journal

OURS, OTHERS, GONE, UNKNOWN = "ours", "others", "gone", "unknown"


def kept(journal: Journal, target_id: int, ids: Sequence[str]) -> set[str]:
    """Return those of the ids that were judged."""
    known_ids: set[str] = set()
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        marks = ",".join("?" * len(part))
        sql = f"SELECT generation_id FROM listed_video WHERE target_id = ? AND generation_id IN ({marks})"
        known_ids |= {row[0] for row in journal.query(sql, (target_id, *part))}
    return known_ids


def keep(journal: Journal, target_id: int, whose: str, items: Iterable[tuple[str, Iterable[str] | None]]) -> None:
    """Keep what was judged: ids with the marks of their texts, None where they show none. One commit."""
    with journal.transaction():
        journal.execute_many(
            "INSERT INTO listed_video (target_id, generation_id, whose, marks, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (target_id, generation_id) DO UPDATE SET whose = excluded.whose, marks = excluded.marks",
            (
                (target_id, item, whose, None if marks is None else json.dumps(sorted(marks)), journal.now())
                for item, marks in items
            ),
        )


def unknown(journal: Journal, target_id: int) -> list[tuple[str, frozenset[str] | None]]:
    """Return the videos that nobody here asked for, with the marks of their texts."""
    return [
        (record[0], None if record[1] is None else frozenset(json.loads(record[1])))
        for record in journal.query(
            "SELECT generation_id, marks FROM listed_video WHERE target_id = ? AND whose = 'unknown'"
            " AND NOT EXISTS (SELECT 1 FROM claim WHERE claim.generation_id = listed_video.generation_id)",
            (target_id,),
        )
    ]


def expected_total(journal: Journal, target_id: int) -> int:
    """Return how many videos the list holds if it gained nothing but what was accepted since it was read."""
    listed = journal.query_one(
        "SELECT count(*) FROM listed_video WHERE target_id = ? AND whose <> 'gone'", (target_id,)
    )
    accepted = journal.query_one(
        "SELECT count(*) FROM claim WHERE target_id = ? AND generation_id IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM listed_video WHERE listed_video.target_id = claim.target_id"
        " AND listed_video.generation_id = claim.generation_id)",
        (target_id,),
    )
    return int(listed[0] if listed else 0) + int(accepted[0] if accepted else 0)


def was_read(journal: Journal, target_id: int) -> bool:
    """Say whether this target's list was ever read."""
    return journal.query_one("SELECT 1 FROM listed_video WHERE target_id = ? LIMIT 1", (target_id,)) is not None
