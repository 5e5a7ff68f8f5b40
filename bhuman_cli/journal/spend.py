"""Spend: what was paid, and what was had for nothing, run by run. Reads only; needs no values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from bhuman_cli import domain
from bhuman_cli.journal.database import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One video that the service accepted, or may have accepted, or rows that cost nothing.

    at: when it was accepted, sent, or the run confirmed; ISO 8601 UTC. kind: paid, in_doubt, reused, shared.
    file: "" where a video was taken over from another journal.
    """

    campaign: str
    file: str
    profile: str
    client: str
    at: str
    kind: str
    count: int = 1
    is_failed: bool = False
    is_retried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    campaign: str
    file: str
    profile: str
    client: str


def payments(journal: Journal) -> Iterator[Payment]:
    """Yield what every run paid and saved. The local studio costs nothing and is left out."""
    runs = {
        record["run_no"]: _run(record)
        for record in journal.query(
            "SELECT run.run_no, input_path, profile, options, api_id FROM run JOIN target USING (target_id)"
            " WHERE service <> ?",
            (domain.LOCAL_SERVICE,),
        )
    }
    yield from _paid(journal, runs)
    yield from _saved(journal, runs)


def _run(record: object) -> _Run:
    fields = dict(record)  # type: ignore[call-overload]
    options = json.loads(fields["options"])
    profile = fields["profile"] or options.get("profile") or "default"
    return _Run(
        campaign=fields["api_id"], file=fields["input_path"], profile=profile, client=options.get("client") or profile
    )


def _paid(journal: Journal, runs: dict[int, _Run]) -> Iterator[Payment]:
    """Yield a payment for each accepted video, failed ones included, and each that may have been accepted."""
    for record in journal.query(
        "SELECT claim.run_no, claim.status, claim.attempt, claim.generation_id, api_id,"
        " coalesce(claim.accepted_at, chunk.sending_at, '') AS at"
        " FROM claim JOIN target USING (target_id) LEFT JOIN chunk ON chunk.chunk_id = claim.chunk_id"
        " WHERE service <> ? AND (claim.generation_id IS NOT NULL"
        " OR (claim.live = 1 AND chunk.state IN ('sending', 'mapping', 'in_doubt')))",
        (domain.LOCAL_SERVICE,),
    ):
        run = runs.get(record["run_no"])
        yield Payment(
            campaign=record["api_id"],
            file=run.file if run else "",
            profile=run.profile if run else "default",
            client=run.client if run else "default",
            at=record["at"],
            kind="paid" if record["generation_id"] is not None else "in_doubt",
            is_failed=record["status"] == domain.Status.FAILED,
            is_retried=record["attempt"] > 1,
        )


def _saved(journal: Journal, runs: dict[int, _Run]) -> Iterator[Payment]:
    """Yield the rows that cost nothing: their video was paid before, or is another row's."""
    for record in journal.query(
        "SELECT run.run_no, coalesce(run.confirmed_at, run.created_at) AS at,"
        " run.reused + (SELECT count(*) FROM row WHERE row.run_no = run.run_no AND row.plan = 'reused'"
        "  AND row.shares IS NULL) AS reused,"
        " run.shared + (SELECT count(*) FROM row WHERE row.run_no = run.run_no AND row.shares IS NOT NULL) AS shared"
        " FROM run WHERE run.state <> 'draft'"
    ):
        run = runs.get(record["run_no"])
        for kind in ("reused", "shared"):
            if run is not None and record[kind]:
                yield Payment(
                    campaign=run.campaign, file=run.file, profile=run.profile, client=run.client, at=record["at"],
                    kind=kind, count=record[kind],
                )  # fmt: skip
