"""What is known of a target's service: how it writes values, and what its list was seen to show."""

from __future__ import annotations

from collections.abc import Iterable

from bhuman_cli.journal.database import Journal


def respellings(journal: Journal, target_id: int) -> frozenset[str]:
    """Return the respellings of values that confirmed records on a target have shown."""
    record = journal.query_one("SELECT respellings FROM target WHERE target_id = ?", (target_id,))
    return frozenset(record[0].split()) if record else frozenset()


def add_respellings(journal: Journal, target_id: int, names: Iterable[str]) -> None:
    """Keep that a confirmed record showed these respellings; inside a transaction."""
    earlier = respellings(journal, target_id)
    if not earlier.issuperset(names):
        words = " ".join(sorted(earlier.union(names)))
        journal.execute("UPDATE target SET respellings = ? WHERE target_id = ?", (words, target_id))


def note_unfinished_in_list(journal: Journal, target_id: int) -> None:
    """Keep, for every request whose fate is open, that the list was seen to show an unfinished video since."""
    with journal.transaction():
        journal.execute(
            "UPDATE chunk SET list_shows_unfinished = 1 WHERE target_id = ? AND list_shows_unfinished = 0"
            " AND state IN ('sending', 'mapping', 'in_doubt')",
            (target_id,),
        )


def note_service_time(journal: Journal, chunk_id: int, *, at: str, offset_s: float) -> None:
    """Keep the service's time at the first look after a request's answer was lost, and how far off our clock is.

    at: ISO 8601 UTC, by the service's clock. offset_s: its clock minus ours. What is known already stays.
    """
    with journal.transaction():
        journal.execute(
            "UPDATE chunk SET lost_at = CASE WHEN lost_at = '' THEN ? ELSE lost_at END,"
            " clock_offset_s = coalesce(clock_offset_s, ?) WHERE chunk_id = ?",
            (at, offset_s, chunk_id),
        )


def epoch(journal: Journal, target_id: int) -> int:
    """Return how often something was sent to a target."""
    record = journal.query_one("SELECT epoch FROM target WHERE target_id = ?", (target_id,))
    return int(record[0]) if record else 0


def shows_texts(journal: Journal, target_id: int) -> bool:
    """Say whether any record of the target equalled its row: then one with other values is somebody else's."""
    asked = (
        "SELECT 1 FROM claim WHERE target_id = ? AND (seen LIKE 'own%' OR seen LIKE 'fold%')"
        " AND chunk_id IS NOT NULL LIMIT 1"
    )
    return journal.query_one(asked, (target_id,)) is not None
