"""Surroundings of a run: journal, lock, signals, callbacks. Makes no decisions about rows.

Used by every command that sends or waits: render, resume, trigger.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from bhuman_cli import errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.domain import Target
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import results
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.net import hosts
from bhuman_cli.runs import lock
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import connections, session

if TYPE_CHECKING:
    from bhuman_cli.runs.context import RunContext, Stop


def open_journal(home: settings.Home) -> Journal:
    """Open the journal in the state folder."""
    from bhuman_cli.journal import database

    settings.private_folder(home.state)
    return database.open_journal(home.state, SystemClock(), home.journal)


def has_journal(home: settings.Home) -> bool:
    """Say whether there is a journal, without making one."""
    from bhuman_cli.journal import database

    return bool(home.journal) or (home.state / database.FILE_NAME).exists()


def callback_url(home: settings.Home, url: str) -> str:
    """Return the callback URL, with a token per request where our own receiver serves it."""
    from bhuman_cli.callbacks import address

    own = address.load(home.state) if url else None
    if own is not None and url.rstrip("/") in {own.base_url, own.callback_url()}:
        return own.callback_url("TOKEN").replace("TOKEN", "{token}")
    return url


def rescue_places(home: settings.Home, output: Path | None) -> list[Path]:
    """Return the folders in which an answer is kept when the journal can't take it."""
    places = [home.state]
    if output is not None:
        places.append(output.parent)
    with contextlib.suppress(FileNotFoundError):  # no folder for temporary files at all
        places.append(Path(tempfile.gettempdir()))
    return places


@contextlib.contextmanager
def context(
    journal: Journal, link: connections.Connection, run: Run, console: Console, *, show: str, home: settings.Home
) -> Iterator[RunContext]:
    """Put together what a run needs from outside; signals press its stop button inside the block."""
    from concurrent.futures import ThreadPoolExecutor

    from bhuman_cli.api import limiter
    from bhuman_cli.callbacks import notifications
    from bhuman_cli.runs import epoch_file, recovery
    from bhuman_cli.runs.context import RunContext, Stop
    from bhuman_cli.runs.service import ApiService
    from bhuman_cli.terminal import progress

    in_flight = limiter.LOOPBACK_IN_FLIGHT if hosts.is_loopback_url(link.base_url) else limiter.IN_FLIGHT
    stop = Stop()
    service = ApiService(
        client=link.client, target=run.target, user_agent=session.user_agent(), authorization=link.authorization
    )
    look = lambda: progress.Snapshot(  # noqa: E731 - a name for the next line
        tally=results.tally(journal, run), chunks=results.per_chunk(journal, run)
    )
    clock = SystemClock()
    places = rescue_places(home, Path(run.output_path))
    with (
        contextlib.closing(notifications.Notifications(journal)) as heard,
        progress.choose(show, console, look, clock) as reporter,
        ThreadPoolExecutor(in_flight, thread_name_prefix="bhuman-ask") as pool,
        _signals(stop, reporter.notice, link.client.stop, console),
        _cancelled(stop, link.client.stop, console.talk.cancel),
    ):
        yield RunContext(
            journal=journal,
            service=service,
            clock=clock,
            stop=stop,
            reporter=reporter,
            pool=pool,
            in_flight=in_flight,
            hints=heard,
            callbacks=heard.for_token,
            announced=heard.announced,
            save_unsent_aside=lambda chunk: recovery.save_unsent_aside(chunk, places, run.target),
            keep_epoch=epoch_file.keeper(journal, home.state, run.target),
            save_answer_aside=lambda chunk, answer: recovery.save_answer_aside(chunk, answer, places, run.target),
        )
        with contextlib.suppress(errors.BhumanError, OSError):  # other machines may have sent meanwhile
            epoch_file.note(journal, run, home.state)


@contextlib.contextmanager
def _signals(stop: Stop, say: Callable[[str], None], end_waits: Callable[[], None], console: Console) -> Iterator[None]:
    """Handle signals inside the block.

    First: press the button, and end the pauses the service asked for. Second: out at once; what is on disk by then is
    enough to continue. A program that called us keeps its own signals but Ctrl-C, and is never ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # a notebook's or a server's thread: `cancel` stops it
        return
    is_called = not console.talk.owns_signals

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        code = int(ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED)
        if stop.is_pressed and is_called:
            raise KeyboardInterrupt
        if stop.is_pressed:
            os._exit(int(ExitCode.IN_DOUBT) if stop.in_flight else code)
        stop.press(code)
        end_waits()
        with contextlib.suppress(Exception):  # the screen may be half drawn; the button is pressed all the same
            say("stopping after the request in flight; press Ctrl-C again to leave at once")

    # SIGBREAK is Windows' Ctrl-Break, and what a console window sends when it is closed.
    names = ("SIGINT",) if is_called else ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    kinds = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What is ignored already stays so: `nohup` and a shell's background jobs mean it.
    heard = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]
    before = {kind: signal.signal(kind, handle) for kind in heard}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextlib.contextmanager
def _cancelled(stop: Stop, end_waits: Callable[[], None], cancel: threading.Event | None) -> Iterator[None]:
    """Press the stop button inside the block once a calling program says so."""
    if cancel is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if cancel.wait(0.1):
                stop.press(int(ExitCode.INTERRUPTED))
                end_waits()
                return

    thread = threading.Thread(target=watch, name="bhuman-cancel", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


_AS_LONG_AS_IT_TAKES_S: Final = 366 * 86_400.0  # Ctrl-C ends it


@contextlib.contextmanager
def with_lock(
    journal: Journal, home: settings.Home, target: Target, console: Console, *, wait_s: float, asks: bool
) -> Iterator[None]:
    """Hold the target's lock for the block. asks: a person can be asked whether to wait longer than wait_s.

    Raises:
        Refusal: `locked`.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_held(journal, home, target, console, wait_s))
        except errors.Refusal as refusal:
            if not asks or not console.confirm(f"{refusal.message}. Wait for it?"):
                raise
            stack.enter_context(_held(journal, home, target, console, _AS_LONG_AS_IT_TAKES_S))
        yield


def _held(
    journal: Journal, home: settings.Home, target: Target, console: Console, wait_s: float
) -> contextlib.AbstractContextManager[None]:
    return lock.target_lock(
        home.state, target, clock=SystemClock(), wait_s=wait_s, on_wait=console.say, journal=journal
    )
