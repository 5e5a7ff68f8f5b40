"""Socket and the server loop that a studio runs in, in this process or in a thread of it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import logging
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn

from bhuman_cli.errors import UsageError
from bhuman_cli.studio.config import CAMPAIGN_ID, StudioConfig
from bhuman_cli.studio.server import app as studio_app
from bhuman_cli.studio.server import raw_connection

WAITING: Final = 1_024
SAID_AGAIN_S: Final = 60.0

GRACE_S: Final = 1.0
"""How long an answer under way may take when the studio is asked to end."""


def bind(config: StudioConfig) -> socket.socket:
    """Return a listening socket; from here on connections wait instead of being refused.

    Raises:
        UsageError: the address is taken, or not ours.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named: 40 ms an answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # On Windows SO_REUSEADDR would let two programs listen on one port, and another user's take the requests.
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR if exclusive is None else exclusive, 1)
    try:
        bound.bind((config.host, config.port))
        bound.listen(512)
    except OSError as error:
        bound.close()
        raise UsageError(
            f"{config.host}:{config.port}: can't listen there: {error.strerror}", hint="bhuman studio serve --port 0"
        ) from None
    return bound


def base_url(config: StudioConfig, bound: socket.socket) -> str:
    """Return the URL that clients on this machine use."""
    host = _called(config.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"


def _called(host: str) -> str:
    """Return a name for where it listens; "every address" is none that can be called."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host or "0.0.0.0")
        if address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "::1"
    return host


class Server(uvicorn.Server):
    """uvicorn's server that says when it is ready, and leaves signals alone if told so."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None], signals: bool) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._signals = signals
        self._asked = asyncio.Event()

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """End soon; may be called from another thread."""
        self.should_exit = True
        loop.call_soon_threadsafe(self._asked.set)

    async def main_loop(self) -> None:
        """Run until asked to end; a signal is noticed within a tenth of a second, stop() at once."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of requests that are kept waiting on purpose, finish the others, then end the application.

        Written out because uvicorn's own waits a tenth of a second each time, and so would every command.
        """
        self.config.app.state.backend.closing.set()  # type: ignore[union-attr]  # the FastAPI that build() made
        for server in self.servers:
            server.close()
        for bound in sockets or []:
            bound.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._until_idle(), GRACE_S)
        for task in self.server_state.tasks:
            task.cancel()
        if not self.force_exit:
            await self.lifespan.shutdown()

    async def _until_idle(self) -> None:
        while (self.server_state.connections or self.server_state.tasks) and not self.force_exit:
            await asyncio.sleep(0.005)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        for bound in sockets or []:
            bound.listen(WAITING)  # the loop told the system that no more than it takes at a time may wait
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM only where this process is the studio's own."""
        if not self._signals:
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            # uvicorn would raise the signal again here; being asked to end is how a studio ends well.
            for number, handler in before.items():
                signal.signal(number, handler)


def build(
    config: StudioConfig, bound: socket.socket, *, on_ready: Callable[[], None], signals: bool, clock: Any = None
) -> Server:
    """Return a server for a socket that is bound already; run it with `server.run(sockets=[bound])`."""
    application = studio_app.create_app(config, base_url=base_url(config, bound), clock=clock)
    settings = uvicorn.Config(
        application,
        http=functools.partial(raw_connection.Protocol, raw_connection.Connections()),  # type: ignore[arg-type]
        backlog=raw_connection.AT_A_TIME,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=round(raw_connection.IDLE_S),
    )
    return Server(settings, on_ready=on_ready, signals=signals)


class OncePerMinute(logging.Handler):
    """Says on stderr what the servers have to say: one line for one cause a minute, and never a stack trace."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, unless its like was printed a moment ago."""
        cause = f"{record.name} {record.msg}"[:200]
        if record.created - self._said.get(cause, 0.0) < SAID_AGAIN_S:
            return
        self._said[cause] = record.created
        problem = record.exc_info[1] if record.exc_info else None
        frame = traceback.extract_tb(problem.__traceback__)[-1] if problem and problem.__traceback__ else None
        where = f" ({frame.filename}:{frame.lineno})" if frame else ""
        told = f": {type(problem).__name__}: {problem}{where}" if problem else ""
        sys.stderr.write(f"{record.getMessage().strip().splitlines()[0]}{told}\n")
        sys.stderr.flush()


def talk_tersely() -> None:
    """Let all loggers of this process speak through OncePerMinute; for a process that is nothing but a studio."""
    logging.basicConfig(level=logging.WARNING, handlers=[OncePerMinute()], force=True)


def banner(config: StudioConfig, url: str) -> list[str]:
    """Return what a person wants to know first."""
    keys = ", ".join(f"{key_id}" for key_id, _ in config.keys)
    lines = [
        f"local studio: {url}  (renders: {config.render}; lists: {config.access}; home: {config.home})",
        f"  key id {keys}; campaign {CAMPAIGN_ID}; API and Swagger UI at {url}/swagger-ui/",
    ]
    if config.keys == (("local", "local"),):
        lines.append(f"  BHUMAN_BASE_URL={url} BHUMAN_API_KEY_ID=local BHUMAN_API_KEY_SECRET=local")
    lines += [f"  rehearsing {fault.text}" for fault in config.faults]
    return lines
