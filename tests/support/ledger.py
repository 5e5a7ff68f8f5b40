"""A journal with runs in it, and a service that does as it is told: for tests of what decides about money."""

from __future__ import annotations

import functools
import json
import random
import tempfile
import uuid
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bhuman_cli import domain, errors
from bhuman_cli.api import wire
from bhuman_cli.api.post_result import NotSent, PostResponse
from bhuman_cli.clock import ServiceTime
from bhuman_cli.domain import Generation, Row, RowState, Target, TargetKind
from bhuman_cli.journal import chunks, database, results
from bhuman_cli.journal.chunks import Chunk
from bhuman_cli.journal.claims import Candidate
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import NewRun, Run
from bhuman_cli.runs import request, runner
from bhuman_cli.runs.context import RunContext, Stop
from bhuman_cli.runs.request import Shape
from tests.support.clocks import HeldClock

TARGET = Target(
    service="https://studio.example", kind=TargetKind.CAMPAIGN, api_id="6f1c2f6e-4f0a-4a54-9a77-0c1d9c2f7a11"
)
SPEC = domain.RenderSpec(variables=("name",))


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        database.open_journal(Path(folder), HeldClock()).close()
        return (Path(folder) / database.FILE_NAME).read_bytes()


def opened(folder: Path, clock: HeldClock | None = None) -> Journal:
    """Open the journal in a folder; quickly, because no test pulls the plug of this machine."""
    if not (folder / database.FILE_NAME).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / database.FILE_NAME).write_bytes(_empty())
    journal = database.open_journal(folder, clock or HeldClock())
    journal.execute("PRAGMA synchronous=OFF")
    weakref.finalize(journal, journal._connection.close)  # a test that fails half-way closes nothing
    return journal


def row(index: int, *values: str, **fields: Any) -> Row:
    """Return a checked row."""
    return Row(row_index=index, line=index + 2, cells=values, values=values, **fields)


def rows_of(*texts: str) -> list[Row]:
    """Return rows with one value each; an empty text is a blank row."""
    return [
        row(at, text) if text else Row(row_index=at, line=at + 2, cells=("",), state=RowState.SKIPPED)
        for at, text in enumerate(texts)
    ]


def new_run(**fields: Any) -> NewRun:
    """Return what a run is before it has a number."""
    usual: dict[str, Any] = {
        "target": TARGET, "input_path": "/in/people.csv", "input_sha256": "0", "output_path": "/in/people.results.csv",
        "columns": ("name",), "spec": SPEC,
    }  # fmt: skip
    return NewRun(**{**usual, **fields})


def confirmed(journal: Journal, rows: Sequence[Row], **fields: Any) -> Run:
    """Plan and confirm a run."""
    return runner.confirm(journal, runner.prepare(journal, new_run(**fields), rows))


def pick(limit: int) -> Callable[[Any], list[Candidate]]:
    """Return what chooses the next rows."""
    return lambda candidates: request.pick(candidates, limit)


def freeze(rows: Sequence[Candidate], token: str) -> bytes:
    """Build a request."""
    return request.freeze(Shape(target=TARGET, spec=SPEC), rows, token)


def new_ids(count: int) -> list[domain.GenerationId]:
    """Return so many ids."""
    return [domain.GenerationId(str(uuid.uuid4())) for _ in range(count)]


def answered(status: int, payload: Any, error: str = "", **headers: str) -> PostResponse:
    """Return what came: a whole answer, unless there is an error."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PostResponse(status=status, headers=named, body=body, error=error)


LOST = PostResponse(status=None, headers={}, body=b"", error="after sending: no answer")
REFUSED = NotSent(reason="the connection was refused")

Post = Callable[["ScriptedService", dict[str, Any]], PostResponse | NotSent]


@dataclass(slots=True)
class ScriptedService:
    """posts: what the next POSTs do, in turn; else they are accepted. accepted: what it would charge for.

    change: alters a record before it is shown. down: every GET fails. page_error: what the list answers with.
    """

    clock: HeldClock
    posts: list[PostResponse | NotSent | Post] = field(default_factory=list)
    always: PostResponse | NotSent | Post | None = None
    accepted: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    change: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda record: record
    down: bool = False
    get_error: Exception | None = None
    page_error: Exception | None = field(default_factory=lambda: errors.ApiError("closed", status=401))
    pages_read: int = 0
    connects: int = 0
    before_answer: Callable[[], None] = lambda: None
    ahead: timedelta | None = timedelta()  # of our clock; None: no answer has a date
    undone: set[str] = field(default_factory=set)  # ids that are still rendered

    @property
    def service_time(self) -> ServiceTime | None:
        now = self.clock.now()
        return None if self.ahead is None else ServiceTime(now + self.ahead, now)

    @property
    def polls(self) -> int:
        return len(self.asked)

    def take(self, body: dict[str, Any], rows: Sequence[int] | None = None) -> list[str]:
        """Accept rows of a request; return their ids."""
        ids = []
        for index, values in enumerate(body["names"]):
            if rows is None or index in rows:
                ids.append(str(uuid.uuid4()))
                self.accepted.append({"id": ids[-1], "text": list(values), "row_index": index, "at": self.clock.now()})
        return ids

    def post(self, route: str, body: bytes, before_first_byte: Callable[[], None]) -> PostResponse | NotSent:
        self.connects += 1
        told = self.posts.pop(0) if self.posts else self.always
        if isinstance(told, NotSent):
            return told
        before_first_byte()
        parsed = json.loads(body)
        self.bodies.append(parsed)
        response = told(self, parsed) if callable(told) else told
        if response is None:
            response = answered(200, {"code": 200, "result": self.take(parsed)})
        self.before_answer()
        return response

    def record(self, item: dict[str, Any]) -> Generation | None:
        key = item["id"]
        shown = self.change(
            {"id": key, "status": "succeeded", "url": f"https://a.example/{key}.mp4", "row_index": item["row_index"]}
            | {"share_url": f"https://v.example/{key}", "text": item["text"], "created_at": item["at"].isoformat()}
            | {"campaign_id": TARGET.api_id, "thumbnail": f"https://a.example/{key}.jpg"}
            | {"gif": f"https://a.example/{key}.gif"}
            | ({"status": "processing", "url": None} if key in self.undone else {})
        )
        return wire.read_generation(shown) if shown is not None else None

    def generation(self, generation_id: str) -> Generation | None:
        self.asked.append(generation_id)
        if self.down:
            raise errors.ServiceDown("down")
        if self.get_error is not None:
            raise self.get_error
        found = next((item for item in self.accepted if item["id"] == generation_id), None)
        return self.record(found) if found is not None else None

    def page(self, page: int) -> wire.Page:
        self.pages_read += 1
        if self.down:
            raise errors.ServiceDown("down")
        if self.page_error is not None:
            raise self.page_error
        shown = [found for item in self.accepted if (found := self.record(item)) is not None]
        return wire.Page(total=len(shown), generations=tuple(shown[page * 100 : page * 100 + 100]))

    def text_of(self, generation_id: str) -> list[str]:
        """Return the values the service rendered for an id."""
        return next(list(item["text"]) for item in self.accepted if item["id"] == generation_id)


@dataclass(slots=True)
class Notices:
    """A reporter that remembers."""

    said: list[str] = field(default_factory=list)

    def notice(self, text: str) -> None:
        self.said.append(text)

    def update(self) -> None:
        return


@dataclass(slots=True)
class Bench:
    """A journal, a service, a clock and what a run needs of them."""

    journal: Journal
    service: ScriptedService
    clock: HeldClock
    notices: Notices
    context: RunContext

    def drive(self, run: Run, **fields: Any) -> runner.RunOptions:
        """Return how to carry a run out."""
        usual: dict[str, Any] = {
            "run": run, "shape": Shape(target=run.target, spec=run.spec), "chunk_size": 500, "interval_s": 10.0,
        }  # fmt: skip
        return runner.RunOptions(**{**usual, **fields})

    def carry_out(self, run: Run, **fields: Any) -> Any:
        """Send and wait; return the outcome."""
        return runner.execute(self.drive(run, **fields), self.context)


def bench(folder: Path, **fields: Any) -> Bench:
    """Set up a bench in a folder."""
    clock = HeldClock()
    journal = opened(folder, clock)
    service, notices = ScriptedService(clock), Notices()
    context = RunContext(
        journal=journal, service=service, clock=clock, stop=Stop(), reporter=notices, rng=random.Random(7), **fields
    )
    return Bench(journal, service, clock, notices, context)


def sent(journal: Journal, run: Run, ids: Sequence[domain.GenerationId] | None, *, limit: int = 500) -> Chunk:
    """Plan, send and accept the next chunk of a run; with no ids it stays `sending`."""
    from bhuman_cli.journal import chunks

    chunk = chunks.plan(journal, run, pick(limit), freeze)
    assert chunk is not None
    chunks.begin_sending(journal, chunk)
    if ids is not None:
        chunks.accept(journal, chunk, ids)
    return replace(chunk)


def planned(journal: Journal, run: Run, limit: int = 500) -> Chunk:
    """Plan the next request of a run that has one."""
    chunk = chunks.plan(journal, run, pick(limit), freeze)
    assert chunk is not None
    return chunk


def state_of(journal: Journal, chunk: Chunk) -> str:
    """Return the state of a request as the journal has it."""
    return chunks.get(journal, chunk.chunk_id).state


def statuses(journal: Journal, run: Run) -> list[str]:
    """Return what the results say of each row."""
    return [row.fields["status"] for row in results.rows(journal, run)]
