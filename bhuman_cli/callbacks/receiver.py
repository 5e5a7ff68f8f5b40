"""HTTP receiver of `listen`: a secret path, small bodies, and 2xx only for what is stored. Prints nothing."""

from __future__ import annotations

import contextlib
import errno
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, Final

from bhuman_cli import clock, errors
from bhuman_cli.callbacks import address, events
from bhuman_cli.callbacks.events import Event
from bhuman_cli.callbacks.store import EventStore

MAX_BODY_BYTES: Final = 64 * 1024
"""A callback has eight short fields; the service's own records stay far below."""

PER_SECOND, BURST = 1_000, 4_000
_THREADS: Final = 24
_GROUP: Final = 256
_COMMIT_S: Final = 20.0
_BACKLOG: Final = 1024

HEAD_S, BODY_S, IDLE_S = 10.0, 60.0, 30.0
"""How long a request's head may take, its body, and the time between two requests."""

MOST: Final = 400
_SPARE: Final = 60
"""Connections there may be, and descriptors that are left for everything else."""

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class GroupCommit:
    """Stores the events of many requests in one transaction, so that one sync serves them all."""

    def __init__(self, store: EventStore, on_stored: Callable[[], None]) -> None:
        self._store, self._on_stored = store, on_stored
        # Bounded by the server's threads: each waits here for its own event.
        self._queue: queue.SimpleQueue[tuple[Event, Future[bool]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="callbacks-store", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> bool:
        """Store one event; say whether it was new. It is on the disk when this returns.

        Raises:
            JournalError: it is not stored.
        """
        done: Future[bool] = Future()
        self._queue.put((event, done))
        return done.result(timeout=_COMMIT_S)

    def close(self) -> None:
        """Store what is waiting, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            ends = False
            while len(group) < _GROUP and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    ends = True
                    break
                group.append(following)
            self._commit(group)
            if ends:
                return

    def _commit(self, group: list[tuple[Event, Future[bool]]]) -> None:
        try:
            new = self._store.add([event for event, _ in group])
        except errors.JournalError as problem:
            for _, done in group:
                done.set_exception(problem)
            return
        for (_, done), is_new in zip(group, new, strict=True):
            done.set_result(is_new)
        self._on_stored()


class Bucket:
    """A rate limit: BURST at once, PER_SECOND in the long run. Called from several threads."""

    def __init__(self, clock: clock.Clock) -> None:
        self._clock, self._level, self._at = clock, float(BURST), clock.monotonic_s()
        self._lock = threading.Lock()

    def takes(self) -> bool:
        """Say whether one more request is let in now."""
        with self._lock:
            now = self._clock.monotonic_s()
            self._level, self._at = min(BURST, self._level + (now - self._at) * PER_SECOND), now
            if self._level < 1:
                return False
            self._level -= 1
            return True


class Receiver:
    """The WSGI application. Answers 2xx after the event is stored; everything else is refused with few words."""

    def __init__(self, secret: str, put: Callable[[Event], bool], clock: clock.Clock) -> None:
        self._secret, self._put, self._clock = secret, put, clock
        self._bucket = Bucket(clock)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        status, words = self._answer(environ)
        body = f"{words}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            headers.append(("Retry-After", "5"))
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    def _answer(self, environ: dict[str, Any]) -> tuple[HTTPStatus, str]:
        token = address.opened_by(environ.get("PATH_INFO", ""), self._secret)
        if token is None:
            return HTTPStatus.NOT_FOUND, "not found"
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return HTTPStatus.OK, "bhuman listen is here"
        if environ["REQUEST_METHOD"] != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED, "POST only"
        if not self._bucket.takes():
            return HTTPStatus.TOO_MANY_REQUESTS, "too many callbacks"
        body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large"
        try:
            event = events.read(body, token=token, received_at=clock.iso_utc(self._clock.now()))
        except events.NotAnEvent:
            return HTTPStatus.BAD_REQUEST, "not a callback"
        try:
            new = self._put(event)
        except (errors.JournalError, TimeoutError):
            return HTTPStatus.SERVICE_UNAVAILABLE, "not stored"
        return HTTPStatus.OK, "stored" if new else "known already"


class Server:
    """The listening socket and its threads. Bound when made; serves until told to stop."""

    def __init__(self, application: Receiver, host: str, port: int) -> None:
        """Bind.

        Raises:
            UsageError: the address can't be bound.
        """
        import waitress.server

        self._sockets: dict[int, Any] = {}
        self._most = _most_connections()
        self._waiting: dict[Any, float] = {}  # connections without a whole request, and since when; the oldest first
        self._answered: set[Any] = set()
        self._stopping = threading.Event()
        listening = _bound(host, port)
        self.port: int = listening.getsockname()[1]
        self._server = waitress.server.create_server(
            application, map=self._sockets, sockets=[listening], threads=_THREADS, ident=None, expose_tracebacks=False,
            max_request_body_size=MAX_BODY_BYTES, inbuf_overflow=2 * MAX_BODY_BYTES, max_request_header_size=16 * 1024,
            connection_limit=2 * MOST, channel_timeout=BODY_S, cleanup_interval=10, backlog=_BACKLOG,
        )  # fmt: skip

    def serve(self) -> None:
        """Serve until stop(); requests that are being answered then are finished."""
        from waitress import wasyncore

        while not self._stopping.is_set():
            wasyncore.loop(timeout=1.0, map=self._sockets, count=1)
            self._accept_waiting()
            self._tend(time.monotonic())
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=_COMMIT_S)
        # What the threads have answered is still to be written out.
        wasyncore.loop(timeout=0.05, map=self._sockets, count=3)
        wasyncore.close_all(self._sockets)

    def _accept_waiting(self) -> None:
        """Take all who wait: one in each turn would leave a callback behind a thousand strangers for seconds."""
        there = self._server.active_channels
        count = -1
        while count < len(there) < self._most + _SPARE // 2 and not self._stopping.is_set():
            count = len(there)
            self._server.handle_accept()

    def _tend(self, now_s: float) -> None:
        """Close connections that send no whole request in time, and the oldest of them where there are too many."""
        there = dict.fromkeys(self._server.active_channels.values())  # in order, and quick to ask
        for channel in there:
            if channel.requests or channel.total_outbufs_len:
                self._answered.add(channel)
                self._waiting.pop(channel, None)
            else:
                self._waiting.setdefault(channel, now_s)
        self._waiting = {channel: since_s for channel, since_s in self._waiting.items() if channel in there}
        self._answered &= there.keys()
        too_many = len(there) - self._most
        for place, (channel, since_s) in enumerate(self._waiting.items()):
            if place < too_many or now_s - since_s > self._limit_s(channel):
                channel.handle_close()

    def _limit_s(self, channel: Any) -> float:
        if channel.request is None:
            return IDLE_S if channel in self._answered else HEAD_S
        return BODY_S if channel.request.headers_finished else HEAD_S

    def stop(self) -> None:
        """Ask serve() to return; may be called from a signal handler or another thread."""
        self._stopping.set()
        self._server.pull_trigger()


def _most_connections() -> int:
    with contextlib.suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return MOST if limit == resource.RLIM_INFINITY else max(16, min(MOST, limit - _SPARE))
    return MOST


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as problem:
        is_port = isinstance(problem, OverflowError) or problem.errno in {errno.EADDRINUSE, errno.EACCES}
        raise errors.UsageError(
            f"{host}:{port} can't be listened on: {getattr(problem, 'strerror', None) or problem}",
            hint=f"--port {port + 1 if 1023 < port < 65535 else 8080}" if is_port else "--host 127.0.0.1",
        ) from problem
