"""Decisions of the studio: accepting rows, ending videos, what may be shown of them. No HTTP.

Used by one thread: the event loop's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bhuman_cli import clock
from bhuman_cli.studio.config import StudioConfig
from bhuman_cli.studio.faults import grammar
from bhuman_cli.studio.queue import records, targets, validation
from bhuman_cli.studio.queue.entries import Batch, End, NewRow
from bhuman_cli.studio.queue.store import FINAL, StudioStore

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

    def __init__(self, config: StudioConfig, store: StudioStore, clock: clock.Clock, base_url: str) -> None:
        self.config = config
        self.store = store
        self.plan = grammar.Plan(config.faults)
        self.targets = targets.Targets(config, store, clock)
        self.links = records.Links(base_url=base_url, media=config.home / "media", kind=config.links)
        self.wake: Callable[[], None] = lambda: None
        self.clock = clock
        self.owner_name = ""
        self._reads: dict[str, int] = {}
        self._announced: set[str] = set()

    def now(self) -> str:
        """Return the moment as records hold it."""
        return clock.iso_utc(self.clock.now())

    def now_s(self) -> float:
        """Return the moment in seconds since 1970."""
        return self.clock.now().timestamp()

    # --- in -------------------------------------------------------------------------------------------------------

    def accept(self, order: Order, request_no: int) -> list[str]:
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
        now_s = self.now_s()
        if not self.store.accept(batch, rows, now_s=now_s, now=self.now(), due_s=self._due_s(now_s)):
            raise OutOfCredits
        self.wake()
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

    def finish(self, identifier: str, state: str, message: str = "", *, placeholder: bool = False) -> bool:
        """Record how a render ended; the first end counts. False if there was nothing to end."""
        row = self.store.generation(identifier)
        if row is None:
            return False
        due_s = self._due_s(row["accepted_s"])
        end = End(state=state, message=message, placeholder=placeholder)
        ended = self.store.finish(identifier, end, now=self.now(), due_s=due_s)
        self.wake()
        return ended

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
        reads = self._reads.get(identifier, 0)
        status = self.config.pace.cap(row["state"], reads=reads, age_s=self.now_s() - row["accepted_s"])
        if self.config.pace.kind == "reads":
            self._reads[identifier] = reads + 1
            if status in FINAL and row["callback_url"] and identifier not in self._announced:
                self._announced.add(identifier)
                self.store.owe([identifier], self.now_s())
                self.wake()
        return records.record(row, status, links or self.links)

    def record(self, identifier: str, links: records.Links | None = None) -> dict[str, Any] | None:
        """Return the record of one generation, or None."""
        row = self.store.generation(identifier)
        return None if row is None else self.show(row, links)

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
        row = self.store.generation(identifier)
        if row is None or row["state"] != "succeeded":
            return None
        return self.links.media / ("placeholder" if row["placeholder"] else row["id"])

    def page_values(self, identifier: str) -> tuple[records.GenerationRow, list[tuple[str, str]]] | None:
        """Return a generation and its (variable, value) pairs for the share page, or None."""
        row = self.store.generation(identifier)
        if row is None:
            return None
        return row, list(zip(json.loads(row["variables"]), json.loads(row["text"]), strict=True))
