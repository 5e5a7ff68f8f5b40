"""Middleware around the application: a request's number, its body's limits, its faults, its log entry.

Decides nothing about the API itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from bhuman_cli.domain import MAX_ROWS_PER_REQUEST
from bhuman_cli.net.hosts import is_loopback
from bhuman_cli.studio import http_answer
from bhuman_cli.studio.faults import effects
from bhuman_cli.studio.faults.grammar import Fault
from bhuman_cli.studio.http_answer import HttpAnswer
from bhuman_cli.studio.queue.backend import Backend
from bhuman_cli.studio.queue.entries import LogEntry
from bhuman_cli.studio.queue.request_log import RequestLog
from bhuman_cli.studio.server import auth, raw_connection

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
MAX_DISCARDED_BYTES: Final = 64 * 1024 * 1024
"""A body over the limit is read to here before 413: a client that is still sending would see a reset instead."""

MAX_FOREIGN_BYTES: Final = 64 * 1024
"""What is read of a body without valid credentials: enough to say what is wrong with it."""

ALL_BODIES_BYTES: Final = 64 * 1024 * 1024
ROOM_S: Final = 20.0
LINGER_S: Final = 2.0
"""How much all bodies together may hold, how long one waits for its turn, and what is on its way for its answer."""

REQUEST_NO: Final = "bhuman.request_no"
MEDIA: Final = "/media/"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
ErrorPage = Callable[[HttpAnswer], HttpAnswer]


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
    is_trusted: bool

    def flagged(self, action: str) -> Fault | None:
        return next((fault for fault in self.met if fault.action == action), None)


class _Refusal(Exception):
    """The request ends with this answer before all of it has come."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _Room:
    """What all bodies together may hold: who finds none left waits until others have been answered."""

    def __init__(self) -> None:
        self._left = ALL_BODIES_BYTES
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        if not size:
            yield
            return
        try:
            async with asyncio.timeout(ROOM_S), self._changed:
                await self._changed.wait_for(lambda: self._left >= size)
                self._left -= size
        except TimeoutError:
            raise _Refusal(http_answer.refusal(503, "too many large bodies at once; nothing was accepted")) from None
        try:
            yield
        finally:
            self._left += size
            async with self._changed:
                self._changed.notify_all()


class Front:
    """The door that every request comes through. error_page: makes a page of a refusal, for browsers."""

    def __init__(self, app: App, *, backend: Backend, log: RequestLog, token: str, error_page: ErrorPage) -> None:
        self._app = app
        self._token = token
        self._backend = backend
        self._log = log
        self._closing: asyncio.Event = backend.closing
        self._error_page = error_page
        self._room = _Room()

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
        method, path, headers = scope["method"], scope["path"], dict(scope["headers"])
        exchange = _Exchange(
            scope=scope,
            receive=receive,
            send=send,
            no=await self._log.number(),
            method=method,
            path=path,
            body=b"",
            met=self._backend.plan.meet(method, path),
            at=self._backend.now(),
            is_trusted=self._is_trusted(headers),
        )
        scope[REQUEST_NO] = exchange.no
        try:
            if not self._is_ours(headers):
                raise _Refusal(http_answer.refusal(421, "the Host of a request must be this machine's"))
            async with self._room.hold(_announced(headers, trusted=exchange.is_trusted)):
                body = await _read(receive, trusted=exchange.is_trusted)
                await self._pass_on(exchange, body)
        except ConnectionAbortedError:
            return
        except _Refusal as refused:
            await self._refuse_early(exchange, refused.answer)

    async def _pass_on(self, exchange: _Exchange, body: bytes | None) -> None:
        if body is None:
            await self._answer(exchange, http_answer.refusal(413, f"a body may have {MAX_BODY_BYTES} bytes"))
            return
        exchange.body = body
        if exchange.met:
            await self._misbehave(exchange)
        elif exchange.path.startswith(MEDIA):
            scope = {**exchange.scope, "headers": _with_good_range(exchange.scope["headers"])}
            await self._app(scope, _replay(body, exchange.receive), self._watched(exchange))
        else:
            await self._answer(exchange, await self._ask(exchange, body))

    async def _refuse_early(self, exchange: _Exchange, answer: HttpAnswer) -> None:
        """Answer at once, and let come what is on its way: a reset would take the answer from who is still sending."""
        await self._note(exchange, answer.status)
        raw_connection.early(exchange.scope, answer, answer.body)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                message = {"more_body": True}
                while message.get("more_body"):
                    message = dict(await exchange.receive())
        exchange.scope[raw_connection.TRANSPORT].close()
        await self._gone(exchange)

    def _is_trusted(self, headers: dict[bytes, bytes]) -> bool:
        """Say whether the request has credentials that are somebody's: no more than a little is read of others."""
        token = headers.get(b"x-worker-token", b"").decode("latin-1")
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        is_user = auth.is_known(self._backend.config, authorization)
        return is_user or (bool(token) and auth.same(token, self._token))

    def _is_ours(self, headers: dict[bytes, bytes]) -> bool:
        """Say whether the request names this machine: a page of another name that resolves here must not get in."""
        address = headers.get(b"host", b"").decode("latin-1")
        name = address.rpartition(":")[0] if re.search(r":\d+$", address) else address
        config = self._backend.config
        return config.allow_remote or not name or name == config.host or is_loopback(name)

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
                await self._note(exchange, 0)
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
            await self._note(exchange, 0)
            raw_connection.drop(exchange.scope, reset=drop is not None and drop.flag("reset"))
            await self._gone(exchange)
        elif exchange.flagged("hang"):
            await self._hang(exchange)
        elif exchange.flagged("half-headers"):
            await self._note(exchange, 0)
            raw_connection.half_headers(exchange.scope, answer)
            await self._gone(exchange)
        elif cut := exchange.flagged("truncated"):
            await self._note(exchange, 0)
            raw_connection.truncated(exchange.scope, answer, int(cut.number("bytes", len(answer.body) // 2)))
            await self._gone(exchange)
        else:
            await self._answer(exchange, answer)

    async def _hang(self, exchange: _Exchange) -> None:
        await self._note(exchange, 0)
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

        # HEAD is answered as GET is; the server leaves the body out.
        method = "GET" if exchange.method == "HEAD" else exchange.method
        scope = {**exchange.scope, "method": method, "headers": _with_length(exchange.scope["headers"], len(body))}
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
        if (
            answer.status >= 400
            and not exchange.met
            and b"text/html" in dict(exchange.scope["headers"]).get(b"accept", b"")
        ):
            answer = self._error_page(answer)
        # Logged first: a client that has its answer finds its request in the log.
        await self._note(exchange, answer.status)
        headers = [("content-type", answer.content_type), ("content-length", str(len(answer.body))), *answer.headers]
        raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers]
        await exchange.send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await exchange.send({"type": "http.response.body", "body": answer.body})

    def _watched(self, exchange: _Exchange) -> Send:
        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                await self._note(exchange, message["status"])
            await exchange.send(message)

        return send

    async def _note(self, exchange: _Exchange, status: int) -> None:
        entry = LogEntry(
            no=exchange.no,
            method=exchange.method,
            path=exchange.path,
            query=exchange.scope["query_string"].decode("latin-1"),
            status=status,
            fault=", ".join(fault.action for fault in exchange.met),
            body=exchange.body if exchange.is_trusted and exchange.method not in {"GET", "HEAD"} else None,
            at=exchange.at,
        )
        await self._log.add(entry)

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


def _announced(headers: dict[bytes, bytes], *, trusted: bool) -> int:
    """Return how much of a body may have to be held."""
    most = MAX_BODY_BYTES if trusted else MAX_FOREIGN_BYTES
    if b"transfer-encoding" in headers:
        return most
    return min(int(headers.get(b"content-length", b"0")), most)


async def _read(receive: Receive, *, trusted: bool) -> bytes | None:
    """Return the request's body; None if it is over the limit.

    Raises:
        ConnectionAbortedError: the client went away before it was complete. _Refusal: too long for one of a stranger.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_FOREIGN_BYTES and not trusted:
            raise _Refusal(http_answer.refusal(401, "missing or invalid authorization"))
        if size <= MAX_BODY_BYTES:
            parts.append(chunk)
        if not message.get("more_body") or size > MAX_DISCARDED_BYTES:
            return None if size > MAX_BODY_BYTES else b"".join(parts)


_SPAN: Final = re.compile(rb"(\d+)-(\d*)|-\d+")


def _with_good_range(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers without a Range that says nothing here: of another unit, or of none."""
    return [pair for pair in headers if pair[0] != b"range" or _is_range(pair[1])]


def _is_range(value: bytes) -> bool:
    unit, _, spans = value.partition(b"=")
    matches = [_SPAN.fullmatch(span.strip()) for span in spans.split(b",")]
    return unit.strip().lower() == b"bytes" and all(
        match and not (match[2] and int(match[2]) < int(match[1])) for match in matches
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receive() that gives the body that was read already, then what the connection says."""
    is_read = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_length(headers: Sequence[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    others = [pair for pair in headers if pair[0] not in {b"content-length", b"transfer-encoding"}]
    return [*others, (b"content-length", str(size).encode())]


def _first_rows(body: bytes, fault: Fault) -> bytes:
    """Return the request with only its first rows, as a service would see it that stops half-way."""
    try:
        payload = json.loads(body)
        rows = int(fault.number("rows", len(payload["names"]) // 2))
        cut = {key: payload[key][:rows] for key in ("names", "assets") if payload.get(key)}
    except (ValueError, KeyError, TypeError):
        return body
    return http_answer.encode({**payload, **cut})
