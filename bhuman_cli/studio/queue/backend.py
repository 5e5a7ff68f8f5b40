"""Decisions of the studio: accepting rows, ending videos, what may be shown of them. No HTTP.

Used by the event loop, which reads through a connection of its own; changes are made by the writer's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from bhuman_cli import clock
from bhuman_cli.studio.config import EXAMPLE_ID, StudioConfig
from bhuman_cli.studio.faults import grammar
from bhuman_cli.studio.queue import records, targets, validation
from bhuman_cli.studio.queue.database import Writer
from bhuman_cli.studio.queue.entries import Batch, End, NewRow
from bhuman_cli.studio.queue.store import FINAL, StudioStore

T = TypeVar("T")

DEFAULT_FAILURE: Final = "the render failed (rehearsed)"


class OutOfCredits(Exception):
    """The pretend balance does not pay for all rows; none was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Rows to be made into videos, checked for shape but not for sense.

    names: one list of values per row, in the order of variables. campaign_ids without a target are None.
    """

    route: str
    kind: str
    target_id: str
    variables: Sequence[str]
    names: Sequence[Sequence[str]]
    assets: Sequence[Sequence[str | None]] | None = None
    backgrounds: Sequence[Mapping[str, Any]] = ()
    callback_url: str = ""
    generation_mode: str | None = None
    enable_lipsync: bool | None = None


class Backend:
    """The studio without its web."""

    def __init__(self, config: StudioConfig, clock: clock.Clock, base_url: str) -> None:
        """Open the queue in the studio's home.

        Raises:
            ServiceDown: it can't be used. UsageError: the template can't be.
        """
        self.config = config
        self.clock = clock
        self.plan = grammar.Plan(config.faults)
        self._writing = StudioStore.open(config.home)
        self.store = StudioStore.open(config.home, read_only=True)
        self._writer = Writer(self._writing.database)
        try:
            self.targets = targets.Targets(config, self.store, clock)
        except BaseException:
            self.close()
            raise
        self.links = records.Links(base_url=base_url, media=config.home / "media", kind=config.links)
        self.wake_workers: Callable[[], None] = lambda: None
        self.wake_sender: Callable[[], None] = lambda: None
        self.closing = asyncio.Event()
        self.owner_name = ""
        self._reads: dict[str, int] = {}

    def close(self) -> None:
        """Make the changes that are waiting, and let go of the files."""
        self.store.close()
        self._writer.close()

    async def write(self, change: Callable[[StudioStore], T]) -> T:
        """Make a change, together with those of others; it is on disk when this returns."""
        return await asyncio.wrap_future(self._writer.do(lambda: change(self._writing)))

    async def change(self, change: Callable[[targets.Targets], T]) -> T:
        """Change campaigns and the like; it is on disk when this returns."""
        return await self.write(lambda store: change(self.targets.on(store)))

    def now(self) -> str:
        """Return the moment as records hold it."""
        return clock.iso_utc(self.clock.now())

    def now_s(self) -> float:
        """Return the moment in seconds since 1970."""
        return self.clock.now().timestamp()

    # --- in -------------------------------------------------------------------------------------------------------

    async def accept(self, order: Order, request_no: int) -> list[str]:
        """Take an order, all rows or none, and return one id per row in their order; on disk when this returns.

        Raises:
            rules.Unusable: the payload can't be used (HTTP 400).
            OutOfCredits: the balance does not suffice.
        """
        target = self.targets.resolve(order.kind, order.target_id)
        validation.check_rows(order.variables, order.names)
        validation.check_known(order.variables, target.variables, accepts_any=target.accepts_any)
        validation.check_segments(order.backgrounds)
        mode = validation.mode(order.generation_mode)
        assets = validation.complete_assets(order.assets, rows=len(order.names), backgrounds=len(order.backgrounds))
        batch = Batch(
            request_no=request_no,
            route=order.route,
            target_kind=order.kind,
            target_id=order.target_id,
            variables=order.variables,
            backgrounds=order.backgrounds,
            options={"generation_mode": mode, "enable_lipsync": order.enable_lipsync},
            callback_url=order.callback_url.strip() or target.callback_url,
            whatsapp=target.whatsapp,
            template=str(target.template) if target.template else None,
            accepted_by=self.owner_name,
            charged=self.config.credits is not None,
        )
        rows = [
            self._new_row(index, text, row_assets)
            for index, (text, row_assets) in enumerate(zip(order.names, assets, strict=True))
        ]
        now, now_s = self.now(), self.now_s()
        due_s = self._due_s(now_s)
        if not await self.write(lambda store: store.accept(batch, rows, now_s=now_s, now=now, due_s=due_s)):
            raise OutOfCredits
        if any(row.state == "queued" for row in rows):
            self.wake_workers()
        if batch.callback_url:
            self.wake_sender()
        return [row.id for row in rows]

    def _new_row(self, index: int, text: Sequence[str], assets: Sequence[str]) -> NewRow:
        state, message, instant = "queued", "", self.config.render == "instant"
        fault = self.plan.meet_render(index, text) if self.plan.any_for("render") else None
        if fault is not None and fault.action == "fail":
            state, message = "failed", fault.option("message", DEFAULT_FAILURE)
        elif fault is not None:
            state = "processing"
        elif instant:
            state = "succeeded"
        return NewRow(
            id=str(uuid.uuid4()),
            text=text,
            assets=assets,
            state=state,
            message=message,
            placeholder=instant and state == "succeeded",
        )

    async def finish(self, ends: Mapping[str, End | None]) -> list[bool]:
        """Record how renders ended, None for those that the machine could not do now; the first end counts.

        Returned is for each whether there was something to end.
        """

        def record(store: StudioStore) -> list[bool]:
            return [self._finish(store, identifier, end) for identifier, end in ends.items()]

        done = await self.write(record)
        self.wake_sender()
        return done

    def _finish(self, store: StudioStore, identifier: str, end: End | None) -> bool:
        if end is None:
            store.give_back(identifier, self.owner_name)
            return False
        row = store.generation(identifier)
        return row is not None and store.finish(identifier, end, now=self.now(), due_s=self._due_s(row["accepted_s"]))

    def _due_s(self, accepted_s: float) -> float | None:
        match self.config.pace.kind:
            case "reads":
                return None
            case "seconds":
                return max(self.now_s(), accepted_s + self.config.pace.amount)
            case _:
                return self.now_s()

    # --- out ------------------------------------------------------------------------------------------------------

    def show(self, row: records.GenerationRow, links: records.Links | None = None) -> dict[str, Any]:
        """Return a generation's record; being read may move it on."""
        identifier = row["id"]
        reads = max(row["reads"], self._reads.get(identifier, 0))
        status = self.config.pace.cap(row["state"], reads=reads, age_s=self.now_s() - row["accepted_s"])
        if self.config.pace.kind == "reads" and not row["reads"]:
            self._reads[identifier] = reads + 1
            if status in FINAL:
                self._noted = asyncio.ensure_future(self._note_reads(identifier, reads))
        return records.record(row, status, links or self.links)

    async def _note_reads(self, identifier: str, reads: int) -> None:
        """Keep that a video has ended for its client, whose callback is due; if that fails, the next read does it."""

        def note(store: StudioStore) -> None:
            store.note_reads(identifier, max(1, reads))
            store.owe([identifier], self.now_s())

        with contextlib.suppress(sqlite3.OperationalError):
            await self.write(note)
            self._reads.pop(identifier, None)
            self.wake_sender()

    def record(self, identifier: str, links: records.Links | None = None) -> dict[str, Any] | None:
        """Return the record of one generation, or None."""
        row = self._generation(identifier)
        return None if row is None else self.show(row, links)

    def _generation(self, identifier: str) -> records.GenerationRow | None:
        return records.EXAMPLE if identifier == EXAMPLE_ID else self.store.generation(identifier)

    def page(
        self, kind: str, target_id: str, *, page: int, size: int, links: records.Links | None = None
    ) -> dict[str, Any]:
        """Return {total, videos} of a target, oldest first."""
        offset = page * size
        # A page that far away would not fit SQLite's integers.
        total, rows = self.store.generations(kind, target_id, offset=min(offset, 1 << 60), limit=size)
        return {"total": total, "videos": [self.show(row, links) for row in rows]}

    def media_folder(self, identifier: str) -> Path | None:
        """Return the folder with the files of a video that has succeeded, or None."""
        row = self._generation(identifier)
        if row is None or row["state"] != "succeeded":
            return None
        return self.links.media / ("placeholder" if row["placeholder"] else row["id"])

    def page_values(self, identifier: str) -> tuple[records.GenerationRow, list[tuple[str, str]]] | None:
        """Return a generation and its (variable, value) pairs for the share page, or None."""
        row = self._generation(identifier)
        if row is None:
            return None
        return row, list(zip(json.loads(row["variables"]), json.loads(row["text"]), strict=True))
