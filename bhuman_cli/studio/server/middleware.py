"""ASGI middleware around every request: its number, its body's limit, its faults, its log entry.

An ASGI application around another one. Decides nothing about the API itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli.domain import MAX_ROWS_PER_REQUEST
from bhuman_cli.net.hosts import is_loopback
from bhuman_cli.studio import http_answer
from bhuman_cli.studio.faults import effects, grammar
from bhuman_cli.studio.faults.grammar import Fault
from bhuman_cli.studio.http_answer import HttpAnswer
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.queue.entries import LogEntry
from bhuman_cli.studio.queue.request_log import RequestLog
from bhuman_cli.studio.server import raw_connection

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
MAX_DISCARDED_BYTES: Final = 64 * 1024 * 1024
"""A body over the limit is read to here before 413: a client that is still sending would see a reset instead."""

REQUEST_NO: Final = "bhuman.request_no"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """One request on its way through."""

    scope: Scope
    receive: Receive
    send: Send
    no: int
    method: str
    path: str
    body: bytes
    met: Sequence[Fault]
    at: str

    def flagged(self, action: str) -> Fault | None:
        return next((fault for fault in self.met if fault.action == action), None)


class Front:
    """The door that every request comes through."""

    def __init__(self, app: App, backend: Backend, log: RequestLog, closing: asyncio.Event) -> None:
        self._app = app
        self._backend = backend
        self._log = log
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the application's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._serve(scope, receive, send)
        except asyncio.CancelledError:
            # The studio ends, and this one took longer than it waits: cut off without a stack trace.
            raw_connection.drop(scope)
            while (await receive())["type"] != "http.disconnect":
                pass

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _read(receive)
        except ConnectionAbortedError:
            return
        method, path = scope["method"], scope["path"]
        exchange = _Exchange(
            scope=scope,
            receive=receive,
            send=send,
            no=self._log.number(),
            method=method,
            path=path,
            body=body or b"",
            met=self._backend.plan.meet(method, path),
            at=self._backend.now(),
        )
        scope[REQUEST_NO] = exchange.no
        if not self._is_ours(scope):
            await self._answer(exchange, http_answer.refusal(421, "the Host of a request must be this machine's"))
        elif body is None:
            await self._answer(exchange, http_answer.refusal(413, f"a body may have {MAX_BODY_BYTES} bytes"))
        elif path.startswith(grammar.PREFIX):
            await self._api(exchange)
        elif exchange.met:
            await self._misbehave(exchange)
        else:
            await self._app(scope, _replay(exchange.body, receive), self._watched(exchange))

    def _is_ours(self, scope: Scope) -> bool:
        """Say whether the request names this machine: a page of another name that resolves here must not get in."""
        given = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        name = given.rpartition(":")[0] if re.search(r":\d+$", given) else given
        config = self._backend.config
        return config.allow_remote or not name or name == config.host or is_loopback(name)

    async def _api(self, exchange: _Exchange) -> None:
        if exchange.met:
            await self._misbehave(exchange)
        else:
            await self._answer(exchange, await self._ask(exchange, exchange.body))

    async def _misbehave(self, exchange: _Exchange) -> None:
        for fault in exchange.met:
            if fault.action == "slow":
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(fault.number("seconds", 1)):
                        await self._closing.wait()
            elif fault.action == "hang" and not fault.flag("after-acceptance"):
                await self._hang(exchange)
                return
            elif fault.action == "drop" and not fault.flag("after-acceptance"):
                self._note(exchange, 0)
                raw_connection.drop(exchange.scope, reset=fault.flag("reset"))
                await self._gone(exchange)
                return
            elif (instead := effects.early(fault)) is not None:
                await self._answer(exchange, instead)
                return
        partly = exchange.flagged("partly-accepted") or exchange.flagged("quota")
        answer = await self._ask(exchange, _first_rows(exchange.body, partly) if partly else exchange.body)
        around = self._surroundings(exchange)
        for fault in exchange.met:
            answer = effects.late(fault, answer, around)
        await self._deliver(exchange, answer, partly)

    async def _deliver(self, exchange: _Exchange, answer: HttpAnswer, partly: Fault | None) -> None:
        drop = exchange.flagged("drop")
        if partly is not None and partly.action == "quota":
            await self._answer(exchange, http_answer.quota())
        elif partly is not None and partly.option("answer", "drop") == "error":
            await self._answer(exchange, http_answer.refusal(500, "rehearsed: stopped half-way"))
        elif drop is not None or (partly is not None and partly.option("answer", "drop") == "drop"):
            self._note(exchange, 0)
            raw_connection.drop(exchange.scope, reset=drop is not None and drop.flag("reset"))
            await self._gone(exchange)
        elif exchange.flagged("hang"):
            await self._hang(exchange)
        elif exchange.flagged("half-headers"):
            self._note(exchange, 0)
            raw_connection.half_headers(exchange.scope, answer)
            await self._gone(exchange)
        elif cut := exchange.flagged("truncated"):
            self._note(exchange, 0)
            raw_connection.truncated(exchange.scope, answer, int(cut.number("bytes", len(answer.body) // 2)))
            await self._gone(exchange)
        else:
            await self._answer(exchange, answer)

    async def _hang(self, exchange: _Exchange) -> None:
        self._note(exchange, 0)
        await self._gone(exchange)

    async def _gone(self, exchange: _Exchange) -> None:
        """Wait until the connection has ended; a server that saw us return without an answer would send a 500."""
        closing = asyncio.ensure_future(self._closing.wait())
        message = asyncio.ensure_future(exchange.receive())
        while True:
            await asyncio.wait((message, closing), return_when=asyncio.FIRST_COMPLETED)
            if not message.done():
                raw_connection.drop(exchange.scope)
                await message
            if message.result()["type"] == "http.disconnect":
                closing.cancel()
                return
            message = asyncio.ensure_future(exchange.receive())

    async def _ask(self, exchange: _Exchange, body: bytes) -> HttpAnswer:
        """Let the application answer this body, and keep the answer instead of sending it."""
        messages: list[MutableMapping[str, Any]] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        scope = {**exchange.scope, "headers": _with_length(exchange.scope["headers"], len(body))}
        await self._app(scope, _replay(body, exchange.receive), keep)
        start = messages[0]
        headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in start["headers"]]
        return HttpAnswer(
            status=start["status"],
            body=b"".join(message.get("body", b"") for message in messages[1:]),
            content_type=dict(headers).get("content-type", http_answer.JSON),
            headers=tuple(pair for pair in headers if pair[0] not in {"content-type", "content-length"}),
        )

    async def _answer(self, exchange: _Exchange, answer: HttpAnswer) -> None:
        # Logged first: a client that has its answer finds its request in the log.
        self._note(exchange, answer.status)
        headers = [("content-type", answer.content_type), ("content-length", str(len(answer.body))), *answer.headers]
        raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers]
        await exchange.send({"type": "http.response.start", "status": answer.status, "headers": raw})
        body = b"" if exchange.method == "HEAD" else answer.body
        await exchange.send({"type": "http.response.body", "body": body})

    def _watched(self, exchange: _Exchange) -> Send:
        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._note(exchange, message["status"])
            await exchange.send(message)

        return send

    def _note(self, exchange: _Exchange, status: int) -> None:
        entry = LogEntry(
            no=exchange.no,
            method=exchange.method,
            path=exchange.path,
            query=exchange.scope["query_string"].decode("latin-1"),
            status=status,
            fault=", ".join(fault.action for fault in exchange.met),
            body=None if exchange.method in {"GET", "HEAD"} else exchange.body,
            at=exchange.at,
        )
        self._log.add(entry)

    def _surroundings(self, exchange: _Exchange) -> effects.Surroundings:
        now = self._backend.clock.now()
        if not (exchange.flagged("foreign-ids") or exchange.flagged("foreign-record")):
            return effects.Surroundings(now=now)
        asked = exchange.scope["query_string"].decode("latin-1")
        others = [
            row
            for row in self._backend.store.latest(2 * MAX_ROWS_PER_REQUEST)
            if row["request_no"] != exchange.no and row["id"] not in asked
        ]
        return effects.Surroundings(
            now=now,
            earlier_ids=[row["id"] for row in others],
            earlier_record=self._backend.show(others[0]) if others else None,
        )


async def _read(receive: Receive) -> bytes | None:
    """Return the request's body; None if it is over the limit.

    Raises:
        ConnectionAbortedError: the client went away before it was complete.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            parts.append(chunk)
        if not message.get("more_body") or size > MAX_DISCARDED_BYTES:
            return None if size > MAX_BODY_BYTES else b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receive() that gives the body that was read already, then what the connection says."""
    given = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_length(headers: Sequence[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    kept = [pair for pair in headers if pair[0] not in {b"content-length", b"transfer-encoding"}]
    return [*kept, (b"content-length", str(size).encode())]


def _first_rows(body: bytes, fault: Fault) -> bytes:
    """Return the request with only its first rows, as a service would see it that stops half-way."""
    try:
        payload = json.loads(body)
        rows = int(fault.number("rows", len(payload["names"]) // 2))
        cut = {key: payload[key][:rows] for key in ("names", "assets") if payload.get(key)}
    except (ValueError, KeyError, TypeError):
        return body
    return http_answer.encode({**payload, **cut})
