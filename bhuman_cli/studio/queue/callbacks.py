"""Delivery of callbacks: one POST per generation and event, again with growing pauses until it is taken.

What is owed is in the store; only loopback addresses are called unless the studio may go further.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import uuid
from collections import Counter
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
from bhuman_cli.studio.queue.store import StudioStore

PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""Between attempts; after the last one the callback is given up. Retries are not documented by BHuman: ours."""

TIMEOUT_S: Final = 10.0
MOST_UNDER_WAY: Final = 64
MOST_OF_FAILING: Final = 32
"""Receivers that don't take what they are sent have half of the places, however many they are."""

AT_FIRST, MOST_EACH = 2, 8
"""How much one receiver is sent at a time: little at first, more while it answers, one after a failure."""

IDLE_S: Final = 5.0


class _Receivers:
    """How much each host and port may be sent, so that none keeps the others waiting."""

    def __init__(self) -> None:
        self._most: dict[str, int] = {}
        self._under_way: Counter[str] = Counter()

    def room(self, owed: list[str]) -> dict[str, int]:
        """Return what those may be sent now; first those that take it and have the least under way."""
        left = MOST_UNDER_WAY - self._under_way.total()
        failing = sum(count for name, count in self._under_way.copy().items() if self._most.get(name) == 1)
        room = {}
        for name in sorted(owed, key=lambda name: (self._most.get(name) == 1, self._under_way[name])):
            most = self._most.get(name, AT_FIRST)
            free = min(most - self._under_way[name], left, MOST_OF_FAILING - failing if most == 1 else left)
            if free > 0:
                room[name] = free
                left -= free
                failing += free if most == 1 else 0
        return room

    def begin(self, name: str) -> None:
        """Note that something is sent."""
        self._under_way[name] += 1

    def end(self, name: str, *, taken: bool | None) -> None:
        """Note how it went; None: nothing was sent after all."""
        self._under_way -= Counter([name])
        if taken is not None:
            self._most[name] = min(self._most.get(name, AT_FIRST) + 1, MOST_EACH) if taken else 1


class Sender:
    """Sends what is owed. One per process, on the event loop; the POSTs run in threads."""

    def __init__(self, backend: Backend, owner: Owner) -> None:
        self._backend = backend
        self._owner = owner
        self._wake = asyncio.Event()
        self._receivers = _Receivers()
        self._under_way: set[asyncio.Task[None]] = set()
        self._settled: list[Settled] = []
        self._threads = ThreadPoolExecutor(MOST_UNDER_WAY, thread_name_prefix="studio-callback")

    def wake(self) -> None:
        """Look at what is owed now."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._wake.clear()
            settled = list(self._settled)
            owed, due_s = await self._backend.write(functools.partial(self._turn, settled))
            # Together: ten thousand callbacks would otherwise be ten thousand waits for the disk.
            self._settled = self._settled[len(settled) :]
            for one in owed:
                self._receivers.begin(one["receiver"])
                task = asyncio.create_task(self._handle(one))
                self._under_way.add(task)
                task.add_done_callback(functools.partial(self._done, one))
            pause_s = IDLE_S if due_s is None else min(max(due_s - self._backend.now_s(), 0.02), IDLE_S)
            with contextlib.suppress(TimeoutError):
                # Not wait_for(): Python 3.11's forgets that it was cancelled if it was woken at the same moment.
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    async def close(self) -> None:
        """Begin nothing new; what is under way ends by its own time limit, and is owed until it was taken."""
        for task in list(self._under_way):
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._backend.write(lambda store: store.settle(self._settled))

    def _turn(self, settled: Sequence[Settled], store: StudioStore) -> tuple[list[Row], float | None]:
        store.settle(settled)
        any_order = any(fault.action == "reorder" for fault in self._backend.plan.faults)
        room = self._receivers.room
        if any_order:  # what overtakes must be under way together

            def room(owed: list[str]) -> dict[str, int]:
                return dict.fromkeys(owed, MOST_UNDER_WAY)

        return store.take_owed(
            self._owner.name, self._backend.now_s(), room,
            any_order=any_order, living=self._owner.neighbours(),
        )  # fmt: skip

    def _done(self, owed: Row, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._settle(owed, "", later_s=IDLE_S)
        self._wake.set()

    async def _handle(self, owed: Row) -> None:
        taken: bool | None = None
        try:
            taken = await self._handled(owed)
        finally:
            self._receivers.end(owed["receiver"], taken=taken)

    async def _handled(self, owed: Row) -> bool | None:
        row = self._backend.store.generation(owed["generation_id"])
        if row is None:
            return None
        if why := refusal(owed["url"], allow_remote=self._backend.config.allow_remote):
            self._settle(owed, f"refused: {why}")
            return None
        met = self._backend.plan.meet("POST", "callback") if owed["attempts"] == 0 else ()
        if any(fault.action == "lost" for fault in met):
            self._settle(owed, "lost: rehearsed")
            return None
        return await self._deliver(owed, row, met)

    async def _deliver(self, owed: Row, row: Row, met: Sequence[Fault]) -> bool:
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
        return any(taken)

    def _settle(self, owed: Row, outcome: str, *, later_s: float = 0.0) -> None:
        due_s = self._backend.now_s() + later_s
        self._settled.append(Settled(owed["generation_id"], owed["event"], outcome, due_s))

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
