"""Runs in the journal: what one is, how it begins as a draft, how it is found again.

A draft claims nothing: it can be thrown away at any moment before `planning.confirm`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from json.encoder import encode_basestring_ascii
from pathlib import PurePath
from typing import Any, Final

from bhuman_cli import domain, errors
from bhuman_cli.journal import faults
from bhuman_cli.journal.database import Journal

SERIES: Final = "coalesce(nullif(run.continues, ''), run.input_path)"
"""The input path of the first of the files that continue one another: what names them all, SQL over `run`."""

DECLINED: Final = "declined after the sample"
"""Why a run stopped whose sample a person saw, and said no to the rest: those rows wait for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a run is before it has a number.

    options: everything `resume` needs to send, wait and write as this run would; JSON, no secrets.
    """

    target: domain.Target
    input_path: str
    input_sha256: str
    output_path: str
    columns: tuple[str, ...]
    spec: domain.RenderSpec
    options: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False
    retry_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run in the journal. stopped: why submitting ended early, "" if it did not."""

    run_no: int
    run_id: str
    target_id: int
    target: domain.Target
    state: str
    input_path: str
    input_sha256: str
    output_path: str
    output_sha256: str
    columns: tuple[str, ...]
    spec: domain.RenderSpec
    options: Mapping[str, Any]
    again: bool
    created_at: str
    stopped: str
    superseded_by: str
    profile: str = ""
    key_id: str = ""

    @property
    def input_name(self) -> str:
        """Return what people call the table: its file's name, also where it was read from an address."""
        return str(self.options.get("input_name") or PurePath(self.input_path).name)


def start_draft(journal: Journal, new: NewRun) -> Run:
    """Record a draft and delete older drafts on its target. Call it under the target's lock."""
    with journal.transaction():
        target_id = target_key(journal, new.target)
        journal.execute("DELETE FROM run WHERE target_id = ? AND state = 'draft'", (target_id,))
        run_id = "r" + secrets.token_hex(5)
        options = {**new.options, "retry_failed": new.retry_failed}
        journal.insert(
            "INSERT INTO run (run_id, target_id, state, input_path, input_sha256, output_path, columns, spec, options,"
            " again, created_at) VALUES (?, ?, 'draft', ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run_id, target_id, new.input_path, new.input_sha256, new.output_path, dump(list(new.columns)),
                dump(asdict(new.spec)), dump(options), int(new.again), journal.now(),
            ),
        )  # fmt: skip
        return find(journal, run_id)


def target_key(journal: Journal, target: domain.Target) -> int:
    """Return the target's key, recording the target if it is new."""
    journal.execute(
        "INSERT INTO target (service, kind, api_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (target.service, target.kind, target.api_id),
    )
    record = journal.query_one(
        "SELECT target_id FROM target WHERE service = ? AND kind = ? AND api_id = ?",
        (target.service, target.kind, target.api_id),
    )
    if record is None:
        raise errors.JournalError("the journal lost a target it had just recorded", hint="bhuman doctor")
    return int(record[0])


def find(journal: Journal, run_id: str) -> Run:
    """Return a run by its id.

    Raises:
        UsageError: there is no such run.
    """
    record = journal.query_one("SELECT * FROM run JOIN target USING (target_id) WHERE run_id = ?", (run_id,))
    if record is None:
        raise errors.UsageError(f"this journal knows no run {run_id[:20]}", hint="bhuman runs")
    return read_run(record)


def read_run(record: Any) -> Run:
    """Build a Run from a row of run JOIN target."""
    spec = faults.from_json(record["spec"])
    return Run(
        run_no=record["run_no"],
        run_id=record["run_id"],
        target_id=record["target_id"],
        target=domain.Target(
            service=record["service"], kind=faults.word(domain.TargetKind, record["kind"]), api_id=record["api_id"]
        ),
        state=record["state"],
        input_path=record["input_path"],
        input_sha256=record["input_sha256"],
        output_path=record["output_path"],
        output_sha256=record["output_sha256"],
        columns=tuple(faults.from_json(record["columns"])),
        spec=domain.RenderSpec(
            variables=tuple(spec["variables"]),
            backgrounds=tuple(domain.Background(**item) for item in spec["backgrounds"]),
            generation_mode=spec["generation_mode"],
            lipsync=spec["lipsync"],
            quality=spec.get("quality"),
        ),
        options=faults.from_json(record["options"]),
        again=bool(record["again"]),
        created_at=record["created_at"],
        stopped=record["stopped"],
        superseded_by=record["superseded_by"] or "",
        profile=record["profile"],
        key_id=record["key_id"],
    )


def dump_texts(texts: Iterable[str]) -> str:
    """Return a JSON list of texts: the same bytes as `dump`, several times faster for a million rows."""
    return f"[{','.join(map(encode_basestring_ascii, texts))}]"


def dump(value: Any) -> str:
    """Return a value as JSON in ASCII."""
    # Lone surrogates can come from JSON input; SQLite would refuse them as text.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
