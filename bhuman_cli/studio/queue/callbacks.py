"""Delivery of callbacks: one POST per generation and event, with growing pauses until it is taken.

What is owed is in the store; only loopback addresses are called unless the studio may go further.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from bhuman_cli import net
from bhuman_cli.net.hosts import is_loopback
from bhuman_cli.studio import http_answer
from bhuman_cli.studio.faults.grammar import Fault
from bhuman_cli.studio.queue import records
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.queue.database import Row
from bhuman_cli.studio.queue.entries import Settled
from bhuman_cli.studio.queue.leases import Owner

PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""Between attempts; after the last one the callback is given up. Retries are not documented by BHuman: ours."""

TIMEOUT_S: Final = 10.0
AT_ONCE: Final = 4
MOST_UNDER_WAY: Final = 64
IDLE_S: Final = 5.0


class Sender:
    """Sends what is owed. One per process, on the event loop; the POSTs run in a few threads."""

    def __init__(self, backend: Backend, owner: Owner) -> None:
        self._backend = backend
        self._owner = owner
        self._wake = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._settled: list[Settled] = []
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="studio-callback")

    def wake(self) -> None:
        """Look at what is owed now."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._wake.clear()
            self._record()
            any_order = any(fault.action == "reorder" for fault in self._backend.plan.faults)
            if room := MOST_UNDER_WAY - len(self._under_way):
                now_s = self._backend.now_s()
                living = self._owner.neighbours()
                for owed in self._backend.store.take_owed(
                    self._owner.name, now_s, room, any_order=any_order, living=living
                ):
                    task = asyncio.create_task(self._handle(owed))
                    self._under_way.add(task)
                    task.add_done_callback(functools.partial(self._done, owed))
            with contextlib.suppress(TimeoutError):
                # Not wait_for(): Python 3.11's forgets that it was cancelled if it was woken at the same moment.
                async with asyncio.timeout(self._pause_s()):
                    await self._wake.wait()

    def close(self) -> None:
        """Begin nothing new; what is under way ends by its own time limit, and is owed until it was taken."""
        for task in list(self._under_way):
            task.cancel()
        self._record()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, owed: Row, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._settle(owed, "", later_s=IDLE_S)
        self._wake.set()

    def _pause_s(self) -> float:
        due = self._backend.store.next_due_s(self._owner.neighbours())
        if due is None or len(self._under_way) >= MOST_UNDER_WAY:
            return IDLE_S
        return min(max(due - self._backend.now_s(), 0.02), IDLE_S)

    async def _handle(self, owed: Row) -> None:
        row = self._backend.store.generation(owed["generation_id"])
        if row is None:
            return
        if why := refusal(owed["url"], allow_remote=self._backend.config.allow_remote):
            self._settle(owed, f"refused: {why}")
            return
        met = self._backend.plan.meet("POST", "callback") if owed["attempts"] == 0 else ()
        if any(fault.action == "lost" for fault in met):
            self._settle(owed, "lost: rehearsed")
        else:
            await self._deliver(owed, row, met)

    async def _deliver(self, owed: Row, row: Row, met: Sequence[Fault]) -> None:
        shape, copies = "", 1
        for fault in met:
            match fault.action:
                case "late":
                    await asyncio.sleep(fault.number("seconds", 2))
                case "reorder":
                    await asyncio.sleep(_held_back_s(owed["event"], row["api_row_index"]))
                case "forged":
                    await self._post(owed["url"], _forged(row, self._backend.links))
                case "repeat":
                    copies += int(fault.number("n", 1))
                case "shape":
                    shape = fault.option("is", "current")
        payload = records.callback(row, owed["event"], self._backend.links, shape=shape)
        taken = [await self._post(owed["url"], payload) for _ in range(copies)]
        if any(taken):
            self._settle(owed, "delivered")
        elif owed["attempts"] >= len(PAUSES_S):
            self._settle(owed, f"given up after {owed['attempts'] + 1} attempts")
        else:
            self._settle(owed, "", later_s=PAUSES_S[owed["attempts"]])

    def _settle(self, owed: Row, outcome: str, *, later_s: float = 0.0) -> None:
        due_s = self._backend.now_s() + later_s
        self._settled.append(Settled(owed["generation_id"], owed["event"], outcome, due_s))

    def _record(self) -> None:
        # Together: ten thousand callbacks would otherwise be ten thousand waits for the disk.
        if self._settled:
            settled, self._settled = self._settled, []
            self._backend.store.settle(settled)

    async def _post(self, url: str, payload: dict[str, Any]) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _post, url, http_answer.encode(payload))


def refusal(url: str, *, allow_remote: bool) -> str:
    """Return why a callback URL is not called, or "" if it may be."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "not a URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "not an http(s) URL"
    if not allow_remote and not is_loopback(host):
        return "not on this machine (the studio calls back further only with --allow-remote)"
    return ""


def _held_back_s(event: str, row_index: int) -> float:
    """Return a delay that lets later rows overtake earlier ones, and whatsapp.ready its completion."""
    return 0.0 if event == "whatsapp.ready" else max(0.6 - 0.1 * row_index, 0.1)


def _forged(row: Row, links: records.Links) -> dict[str, Any]:
    true = records.callback(row, "completion", links)
    lie = "https://videos.example.invalid/not-yours"
    return {**true, "id": str(uuid.uuid4()), "status": "succeeded", "video_url": lie, "url": f"{lie}.mp4"}


def _post(url: str, body: bytes) -> bool:
    import requests

    with requests.Session() as session:
        # Neither proxies nor a netrc: nothing of this machine's owner goes along; but its certificates are believed.
        session.trust_env = False
        try:
            answer = session.post(
                url,
                data=body,
                headers={"content-type": "application/json", "user-agent": "bhuman-local-studio"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
                verify=net.certificates(os.environ),
            )
        except (requests.RequestException, ValueError):
            return False
        return 200 <= answer.status_code < 300  # what is led elsewhere was not taken
