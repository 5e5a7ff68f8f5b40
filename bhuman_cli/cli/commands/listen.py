"""Command `listen`: starts the receiver, prints its address and what arrives. The events are the store's."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bhuman_cli import domain, errors
from bhuman_cli.cli.options import ProfileOption
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import settings
from bhuman_cli.errors import ExitCode
from bhuman_cli.terminal import console
from bhuman_cli.workflows import run_context
from bhuman_cli.workflows import session as sessions
from bhuman_cli.workflows.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from bhuman_cli.callbacks.address import Address
    from bhuman_cli.callbacks.feed import EventReport
    from bhuman_cli.callbacks.store import EventStore

_FORWARD_EVERY_S = 1.0

DRAIN_S: Final = 5.0
"""How long what is stored is still told after the end was asked for."""

PublicUrl = Annotated[
    str | None,
    typer.Option(
        "--public-url", metavar="URL", help="HTTPS address of the tunnel or proxy that leads here.", show_default="none"
    ),
]
ForwardTo = Annotated[
    str | None,
    typer.Option(
        "--forward-to", metavar="URL", help="Post each confirmed event there, in order, until it is taken.",
        show_default="none",
    ),
]  # fmt: skip


def listen(  # noqa: PLR0913 - one parameter is one option
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="N", help="Port to bind; 0: a free one.")
    ] = 8080,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to bind.")] = "127.0.0.1",
    public_url: PublicUrl = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Ask the service about each event; a callback alone proves nothing.")
    ] = False,
    forward_to: ForwardTo = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on stdout, for programs.")
    ] = False,
    profile: ProfileOption = None,
) -> int:
    """Receive completion callbacks.

    The first line on stdout is the callback URL for `render --callback-url`; its path is a secret. Events are stored
    before they are answered; a running `render` hears of them at once and asks the service. Stop with Ctrl-C.

    **Examples**

    `bhuman listen --public-url https://hooks.example.com`

    `bhuman listen --port 9000 --json`
    """
    from bhuman_cli.callbacks import address

    session = sessions.start(profile=profile, json_mode=json_output)
    state = settings.private_folder(session.home.state)
    outside = address.public_url(public_url) if public_url else ""
    # The library says on stderr what belongs to it; what matters here is in the answers.
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    with (
        address.stored_address(state),
        contextlib.closing(_store(state)) as store,
        _forwarding(session, forward_to),
    ):
        confirm = confirm or forward_to is not None
        return _serve(session, store, host=host, port=port, outside=outside, confirm=confirm)


def _serve(session: Session, store: EventStore, *, host: str, port: int, outside: str, confirm: bool) -> int:
    from bhuman_cli.callbacks import address, receiver

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
    from bhuman_cli.callbacks import forward

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


def _say_where(session: Session, place: Address, *, host: str, port: int, is_public: bool) -> None:
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
    from bhuman_cli.callbacks import feed

    ended = threading.Event()
    source = feed.Feed(store, lambda ids: _known(session.home, ids))
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
    from bhuman_cli.journal import events

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


def _known(home: settings.Home, ids: list[str]) -> set[str]:
    """Say which ids this machine's runs know; a journal that is busy or missing knows none for now."""
    from bhuman_cli.journal import database, forget

    if not home.journal and not (home.state / database.FILE_NAME).is_file():
        return set()
    try:
        with contextlib.closing(database.open_journal(home.state, SystemClock(), home.journal)) as journal:
            return forget.bound_ids(journal, ids)
    except errors.JournalError:
        return set()


def _store(state: Path) -> EventStore:
    from bhuman_cli.callbacks import store

    return store.EventStore.open(state / store.NAME)
