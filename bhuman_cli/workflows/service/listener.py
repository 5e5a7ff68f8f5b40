"""Receiver of completion callbacks: serves, tells what arrives, posts on what was confirmed."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Final

from bhuman_cli import domain, errors
from bhuman_cli.callbacks import address, feed, forward, receiver
from bhuman_cli.callbacks.feed import EventReport
from bhuman_cli.callbacks.store import NAME, EventStore
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import events, forget
from bhuman_cli.terminal import console
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows.session import Session

_FORWARD_EVERY_S: Final = 1.0

DRAIN_S: Final = 5.0
"""How long what is stored is still told after the end was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions:
    """Where to listen, and what to do with events. public_url, forward_to: None for none."""

    host: str
    port: int
    public_url: str | None = None
    confirm: bool = False
    forward_to: str | None = None


def listen(session: Session, options: ListenOptions) -> int:
    """Serve until a signal ends it; return the exit code."""
    state = settings.private_folder(session.home.state)
    outside = address.public_url(options.public_url) if options.public_url else ""
    # The library says on stderr what belongs to it; what matters here is in the answers.
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    with (
        address.stored_address(state),
        _store(session.home) as store,
        _forwarding(session, options.forward_to),
    ):
        confirm = options.confirm or options.forward_to is not None
        return _serve(session, store, host=options.host, port=options.port, outside=outside, confirm=confirm)


@contextlib.contextmanager
def _store(home: settings.Home) -> Iterator[EventStore]:
    """Open the events: in the journal's database where it is on a server, over a connection of their own."""
    if not home.journal:
        with EventStore.open(home.state / NAME) as store:
            yield store
        return
    with contextlib.closing(run_context.open_journal(home)) as journal:
        yield EventStore.beside(journal)


def _serve(session: Session, store: EventStore, *, host: str, port: int, outside: str, confirm: bool) -> int:
    stored = threading.Event()
    group = receiver.GroupCommit(store, stored.set)
    state = session.home.state
    key = address.secret(state)
    try:
        server = receiver.Server(receiver.Receiver(key, group.put, SystemClock()), host, port)
        shown = f"[{host}]" if ":" in host else host
        place = address.Address(base_url=outside or f"http://{shown}:{server.port}", secret=key)
        address.save(state, place)
        with _signals(server.stop) as pressed:
            # Only now: whoever reads the address may already post, or end us.
            _say_where(session, place, host=shown, port=server.port, is_public=bool(outside))
            with _telling(session, store, stored, confirm=confirm) as telling:
                server.serve()
    finally:
        group.close()
    code = pressed[0] if pressed else int(ExitCode.OK)
    if telling.is_alive():  # stuck in our output, which nobody reads: Python could not end beside it
        os._exit(code)
    return code


@contextlib.contextmanager
def _forwarding(session: Session, url: str | None) -> Iterator[None]:
    """Post the journal's events on from a thread of its own, with a journal of its own."""
    if url is None:
        yield
        return
    forward.check(url)
    secret = str(settings.user_values(session.home, session.profile).get("forward_secret") or "")
    ended = threading.Event()

    def work() -> None:
        with contextlib.closing(run_context.open_journal(session.home)) as journal:
            forwarder = forward.Forwarder(journal, url, secret, SystemClock())
            ready.set()
            while not ended.is_set():
                wait_s = 5.0
                with contextlib.suppress(errors.JournalError):  # busy just now: the next look finds the same events
                    wait_s = forwarder.step()
                if forwarder.receiver.ended:
                    session.console.warn(f"{forwarder.receiver.host} answered 410: nothing more is forwarded to it")
                    return
                ended.wait(wait_s or _FORWARD_EVERY_S)

    ready = threading.Event()
    thread = threading.Thread(target=work, name="listen-forward", daemon=True)
    thread.start()
    ready.wait(10.0)
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=45.0)


def _say_where(session: Session, place: address.Address, *, host: str, port: int, is_public: bool) -> None:
    url = place.callback_url()
    if session.console.json_mode:
        _out_line(session, {"event": "listening", "callback_url": url, "port": port})
    else:
        session.console.out(url)
    session.console.say(f"listening on {host}:{port}; a running render uses it by itself. Stop with Ctrl-C")
    if not is_public:
        session.console.say(
            "only this machine reaches it: for the real service, give --public-url of a tunnel or proxy"
        )


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[list[int]]:
    pressed: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        pressed.append(int(ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED))
        stop()

    before = {kind: signal.signal(kind, handle) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield pressed
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextlib.contextmanager
def _telling(
    session: Session, store: EventStore, stored: threading.Event, *, confirm: bool
) -> Iterator[threading.Thread]:
    """Print events from a thread of its own: a slow reader of our output must not slow down an answer."""
    ended = threading.Event()
    source = feed.Feed(store, lambda ids: _known_ids(session.home, ids))
    stored.set()  # what an earlier one stored and did not come to tell is told first

    def tell() -> None:
        with (
            session.client(session.credentials_for(session.service)) if confirm else contextlib.nullcontext() as client
        ):
            while True:
                stored.wait()
                stored.clear()
                # What can't be read now is read with the next event: it is stored, and this thread has to live on.
                with contextlib.suppress(errors.JournalError):
                    for item in source.news():
                        told = _confirmed(client, item) if client else item
                        _keep_confirmed(session, told)
                        _print(session, told)
                if ended.is_set():
                    return

    thread = threading.Thread(target=tell, name="listen-tell", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        ended.set()
        stored.set()
        thread.join(timeout=DRAIN_S)
        if left := source.left():
            session.console.say(f"{left} stored events are not told yet: the next `bhuman listen` tells them")


def _keep_confirmed(session: Session, item: EventReport) -> None:
    """Let the journal's events tell of a callback that the service confirmed, of a video of this machine's runs."""
    if item.record is None or not item.is_known:
        return
    with contextlib.closing(run_context.open_journal(session.home)) as journal:
        events.add_callback(journal, item.event.generation_id, item.record.status)


def _confirmed(client: Any, item: EventReport) -> EventReport:
    try:
        return replace(item, record=client.generation(item.event.generation_id))
    except errors.BhumanError:
        return item


def _print(session: Session, item: EventReport) -> None:
    if session.console.json_mode:
        _out_line(session, item.as_json())
        return
    event = item.event
    notes = [
        "" if item.is_known else "unknown id",
        "late" if item.is_late else "",
        f"the service says {item.record.status}" if item.record else "",
    ]
    said = ", ".join(filter(None, notes))
    word = event.status or event.kind
    session.console.say(
        f"{event.received_at[11:19]}  {word:<12} {domain.short_id(event.generation_id)}"
        + (f"  ({said})" if said else "")
    )


def _out_line(session: Session, document: dict[str, Any]) -> None:
    """Print one object on one line, on a terminal as well: the output is a stream."""
    session.console.out(console.as_json(document))


def _known_ids(home: settings.Home, ids: list[str]) -> set[str]:
    """Say which ids this machine's runs know; a journal that is busy or missing knows none for now."""
    if not run_context.has_journal(home):
        return set()
    try:
        with contextlib.closing(run_context.open_journal(home)) as journal:
            return forget.bound_ids(journal, ids)
    except errors.JournalError:
        return set()
