"""The end of a history: what the service accepted, against what the journal says."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bhuman_cli.journal import spend
from tests.support.money_client import KEYS
from tests.support.money_service import Oracle
from tests.support.money_world import Violation, World

OPEN = {"sending", "mapping", "in_doubt"}


def check(world: World, oracle: Oracle, *, explained: bool = True) -> None:
    """Raise Violation unless every accepted row is bound to one row of its content, or openly in doubt.

    explained: whether a person's `abandon` or `resend` ends an open doubt.
    """
    with world.looking() as journal:
        chunks = {row["token"]: row for row in journal.query("SELECT * FROM chunk")}
        claims = list(journal.query("SELECT * FROM claim"))
        paid = sum(payment.count for payment in spend.payments(journal) if payment.kind == "paid")
    owners = {row["generation_id"]: row for row in claims if row["generation_id"]}
    if len(owners) != sum(bool(row["generation_id"]) for row in claims):
        raise Violation("an id is bound to two rows")
    known = sum(video.ours and video.id in owners for video in oracle.videos.values())
    if all(id_ in oracle.videos and oracle.videos[id_].ours for id_ in owners) and paid != known:
        raise Violation(f"spend counts {paid} videos, the service made {known} that are known here")
    _check_losses(oracle, chunks, claims, owners)


def _check_losses(oracle: Oracle, chunks: dict[str, Any], claims: list[Any], owners: dict[str, Any]) -> None:
    lost: dict[str, Counter[tuple[str, ...]]] = {}
    for video in oracle.videos.values():
        if video.ours and video.id not in owners:
            lost.setdefault(video.token, Counter())[video.values] += 1
    for token, missing in lost.items():
        chunk = chunks.get(token)
        if chunk is None:
            raise Violation(f"lost: the journal knows no request {token[:4]}, which was accepted")
        mine = [row for row in claims if row["chunk_id"] == chunk["chunk_id"]]
        if any(_is_contested(row) or _waits_for_nobody(oracle, row) for row in mine):
            continue
        open_places = sum(_is_open(chunk, row) for row in mine)
        if missing.total() > open_places and not _others_wait(oracle, lost, missing, chunks, claims):
            raise Violation(f"lost silently: {dict(missing)} of a request that is {chunk['state']} ({chunk['reason']})")


def _others_wait(
    oracle: Oracle,
    lost: dict[str, Counter[tuple[str, ...]]],
    missing: Counter[tuple[str, ...]],
    chunks: dict[str, Any],
    claims: list[Any],
) -> bool:
    """Say whether equal rows are open elsewhere: a video of one request may have settled the doubt of another."""
    by_number = {chunk["chunk_id"]: chunk for chunk in chunks.values()}
    waiting = Counter(
        KEYS[claim["text_key"]]
        for claim in claims
        if claim["chunk_id"]
        and (_is_contested(claim) or _waits_for_nobody(oracle, claim) or _is_open(by_number[claim["chunk_id"]], claim))
    )
    everywhere = sum(lost.values(), Counter[tuple[str, ...]]())
    return all(everywhere[values] <= waiting[values] for values in missing)


def _is_contested(claim: Any) -> bool:
    """Say whether a record contradicts a place, and a person is asked about it or has decided."""
    return claim["binding"] == "conflict" or claim["seen"] in {"person", "given up"}


def _waits_for_nobody(oracle: Oracle, claim: Any) -> bool:
    """Say whether a place holds an id that is not of its request, and is asked about: its row has no end yet."""
    video = oracle.videos.get(claim["generation_id"] or "")
    is_own = video is not None and video.ours
    return bool(claim["generation_id"]) and not is_own and not claim["ended_at"]


def _is_open(chunk: Any, claim: Any) -> bool:
    """Say whether a place is openly in doubt, or was settled by a person."""
    if claim["generation_id"]:
        return False
    if chunk["state"] in OPEN:
        return True
    return chunk["reason"] in {"resend", "abandoned"} or claim["message"].startswith("abandoned")


def finished(world: World) -> bool:
    """Say whether nothing is open any more."""
    with world.looking() as journal:
        found = journal.query_one(
            "SELECT count(*) FROM chunk WHERE state IN ('planned', 'sending', 'mapping', 'in_doubt')"
        )
    return bool(found is not None and found[0] == 0)
