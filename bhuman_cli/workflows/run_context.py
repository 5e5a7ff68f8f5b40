"""Owns putting a run's surroundings together: journal, service or embedded studio, signals, results file. No decisions.

Used by every command that sends or waits: render, resume, trigger.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sys
import tempfile
import tomllib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from bhuman_cli import domain, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials, settings
from bhuman_cli.domain import Target
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import generations, history
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.planning import Run
from bhuman_cli.runs import lock
from bhuman_cli.terminal.console import Console
from bhuman_cli.workflows import session

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client
    from bhuman_cli.callbacks.notifications import Notifications
    from bhuman_cli.runs.context import RunContext, Stop
    from bhuman_cli.table.output.results_file import OutputStyle

LOCAL_INTERVAL_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A service that can be talked to. authorization: the paid request's header, never shown."""

    base_url: str
    service: str
    client: Client
    authorization: str
    account: str


@contextlib.contextmanager
def remote(values: settings.Settings, console: Console, found: credentials.Credentials) -> Iterator[Connection]:
    """Connect to the configured service."""
    from bhuman_cli.api import client as clients
    from bhuman_cli.api import limiter

    url = str(values.get("base_url"))
    clock = SystemClock()
    pace = limiter.for_service(clock, is_loopback=settings.is_loopback(url), rate_per_s=values.get("rate"))
    with clients.Client(url, found, limiter=pace, user_agent=session.user_agent(), on_notice=console.say) as client:
        yield Connection(
            base_url=url,
            service=settings.service_name(url),
            client=client,
            authorization=f"Basic {found.basic}" if found.basic else f"Bearer {found.bearer}",
            account=credentials.shown_id(found) or "bearer token",
        )


@contextlib.contextmanager
def local(home: settings.Home, template: Path | None, console: Console) -> Iterator[Connection]:
    """Start the embedded studio; its work goes on no longer than the block.

    Raises:
        UsageError: the extra `studio` is not installed.
    """
    studio = _studio()
    settings.private_folder(home.studio)
    config = studio["config"].StudioConfig(
        home=home.studio, links="file", any_target=True, template=template, access="open"
    )
    with studio["embedded"].Embedded(config) as running:
        from bhuman_cli.api import client as clients
        from bhuman_cli.api import limiter

        clock = SystemClock()
        found = credentials.Credentials(
            basic=credentials.encode(running.key_id, running.secret), bearer=running.bearer, source="local studio"
        )
        with clients.Client(
            running.base_url,
            found,
            limiter=limiter.for_service(clock, is_loopback=True),
            user_agent=session.user_agent(),
            on_notice=console.say,
        ) as client:
            yield Connection(
                base_url=running.base_url,
                service=domain.LOCAL_SERVICE,
                client=client,
                authorization=f"Basic {found.basic}",
                account="local studio",
            )


def require_studio() -> None:
    """Refuse in one sentence where the extra `studio` is not installed."""
    _studio()


def _studio() -> dict[str, Any]:
    try:
        import av  # noqa: F401, TID251 - only asked whether it is there
        import PIL  # noqa: F401

        from bhuman_cli.studio import config
        from bhuman_cli.studio.server import embedded
    except ImportError as error:
        raise errors.UsageError(
            f"the local studio needs the extra `studio` ({error.name} is not installed)",
            hint="pip install 'bhuman[studio]'",
        ) from None
    return {"config": config, "embedded": embedded}


def template_beside(input_path: Path | None) -> Path | None:
    """Return `bhuman-template.toml` beside the input, None where there is none."""
    folder = input_path.parent if input_path is not None else Path.cwd()
    found = folder / "bhuman-template.toml"
    return found if found.is_file() else None


def id_with_template(api_id: str, template: Path) -> str:
    """Return an id that stands for the target as this template shows it: what an edited one shows was not rendered yet.

    Raises:
        UsageError: the template can't be read.
    """
    try:
        words = template.read_bytes()
    except OSError as error:
        raise errors.UsageError(f"{template}: can't be read: {error.strerror or 'unreadable'}") from None
    seen = hashlib.sha256(words)
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # what is wrong in it is said by who loads it
        video = (template.parent / tomllib.loads(words.decode())["video"]).stat()
        seen.update(f"{video.st_size} {video.st_mtime_ns}".encode())
    return str(uuid.uuid5(uuid.UUID(api_id), seen.hexdigest()))


def open_journal(home: settings.Home) -> Journal:
    """Open the journal in the state folder."""
    from bhuman_cli.journal import database

    settings.private_folder(home.state)
    return database.open_journal(home.state, SystemClock())


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
    return [*places, Path(tempfile.gettempdir())]


@contextlib.contextmanager
def context(
    journal: Journal, link: Connection, run: Run, console: Console, *, show: str, home: settings.Home
) -> Iterator[RunContext]:
    """Put together what a run needs from outside; signals press its stop button inside the block."""
    from concurrent.futures import ThreadPoolExecutor

    from bhuman_cli.api import limiter
    from bhuman_cli.runs import epoch_file, recovery
    from bhuman_cli.runs.context import RunContext, Stop
    from bhuman_cli.runs.service import ApiService
    from bhuman_cli.terminal import progress

    in_flight = limiter.LOOPBACK_IN_FLIGHT if settings.is_loopback(link.base_url) else limiter.IN_FLIGHT
    stop = Stop()
    service = ApiService(
        client=link.client, target=run.target, user_agent=session.user_agent(), authorization=link.authorization
    )
    look = lambda: progress.Snapshot(  # noqa: E731 - a name for the next line
        tally=generations.tally(journal, run), chunks=generations.per_chunk(journal, run)
    )
    clock = SystemClock()
    places = rescue_places(home, Path(run.output_path))
    with (
        _callbacks(home) as heard,
        progress.choose(show, console, look, clock) as reporter,
        ThreadPoolExecutor(in_flight, thread_name_prefix="bhuman-ask") as pool,
        _signals(stop, reporter.notice, link.client.stop),
    ):
        yield RunContext(
            journal=journal,
            service=service,
            clock=clock,
            stop=stop,
            reporter=reporter,
            pool=pool,
            in_flight=in_flight,
            hints=heard or list,
            callbacks=heard.for_token if heard else lambda _: [],
            announced=heard.announced if heard else list,
            keep_epoch=epoch_file.keeper(home.state, run.target),
            save_answer_aside=lambda chunk, came: recovery.save_answer_aside(chunk, came, places, run.target),
        )


@contextlib.contextmanager
def _callbacks(home: settings.Home) -> Iterator[Notifications | None]:
    """Read what `bhuman listen` stores, where it ever ran."""
    from bhuman_cli.callbacks import notifications, store

    if not (home.state / store.NAME).is_file():
        yield None
        return
    with contextlib.closing(notifications.Notifications(home.state)) as found:
        yield found


@contextlib.contextmanager
def _signals(stop: Stop, say: Callable[[str], None], end_waits: Callable[[], None]) -> Iterator[None]:
    """Handle signals inside the block.

    First: press the button, and end the pauses the service asked for. Second: out at once; what is on disk by then is
    enough to continue.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        code = int(ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED)
        if stop.is_pressed:
            os._exit(int(ExitCode.IN_DOUBT) if stop.in_flight else code)
        stop.press(code)
        end_waits()
        with contextlib.suppress(Exception):  # the screen may be half drawn; the button is pressed all the same
            say("stopping after the request in flight; press Ctrl-C again to leave at once")

    # SIGBREAK is Windows' Ctrl-Break, and what a console window sends when it is closed.
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    kinds = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What is ignored already stays so: `nohup` and a shell's background jobs mean it.
    heard = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]
    before = {kind: signal.signal(kind, handle) for kind in heard}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def results_writer(journal: Journal, run: Run, style: OutputStyle, console: Console) -> Callable[[], bool]:
    """Return what writes the run's results file; one that can't be written now is said once and tried again later."""
    from bhuman_cli.table.output import results_file

    said: list[str] = []

    def write() -> bool:
        try:
            _keep_other(journal, run, console)
            sha256 = results_file.write_results(
                Path(run.output_path), run.columns, generations.results(journal, run), style
            )
        except errors.UsageError as error:
            if error.message not in said:
                said.append(error.message)
                console.warn(f"{error.message}; the run goes on, and `bhuman resume {run.run_id}` writes the file")
            return False
        said.clear()
        history.wrote_output(journal, run, sha256)
        return True

    return write


def _keep_other(journal: Journal, run: Run, console: Console) -> None:
    """Keep a copy of a results file that somebody changed since we wrote it, or that shows other people's links."""
    from bhuman_cli.table.output import results_file

    path = Path(run.output_path)
    last = history.last_output(journal, run.output_path)
    if last is None or not path.is_file():
        return
    with path.open("rb") as stream:
        is_changed = hashlib.file_digest(stream, "sha256").hexdigest() != last.sha256
    if is_changed:
        why, more = "was changed since it was written", ""
    elif other := _whose(last, run):
        why, more = f"held {other}'s results", "; -o writes to another file"
    else:
        return
    console.say(f"{path.name} {why}; what it held is kept as {results_file.keep_backup(path)}{more}")


def _whose(last: history.OutputRecord, run: Run) -> str:
    if run.target.service == domain.LOCAL_SERVICE:
        return ""  # nothing was paid, and an edited template is another target: trying it fills no folder
    if last.target_id != run.target_id:
        return f"another {run.target.kind}"
    # A table that is its own results file goes on being it.
    return "another table" if run.input_path not in {last.input_path, run.output_path} else ""


def style_of(run: Run) -> OutputStyle:
    """Return how the run's results are written, as it was stored with the run."""
    from bhuman_cli.table.output import results_file

    stored = dict(run.options.get("style") or {"kind": "csv"})
    source = stored.pop("source", None)
    usable = source is not None and Path(source).is_file()
    return results_file.OutputStyle(**stored, source=Path(source) if usable and source else None)


def stored_style(style: OutputStyle) -> dict[str, Any]:
    """Return a style as it is stored with a run."""
    stored = asdict(style)
    stored["source"] = str(style.source) if style.source is not None else None
    return stored


def is_gone(url: str) -> bool:
    """Say whether a local studio's video is gone from disk."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    return parts.scheme == "file" and not Path(unquote(parts.path)).is_file()


def flush_stdout() -> None:
    """Write out what is buffered, so that data does not come after talk."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()


_AS_LONG_AS_IT_TAKES_S: Final = 366 * 86_400.0  # Ctrl-C ends it


@contextlib.contextmanager
def with_lock(home: settings.Home, target: Target, console: Console, *, wait_s: float, asks: bool) -> Iterator[None]:
    """Hold the target's lock for the block. asks: a person can be asked whether to wait longer than wait_s.

    Raises:
        Refusal: `locked`.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_held(home, target, console, wait_s))
        except errors.Refusal as refusal:
            if not asks or not console.confirm(f"{refusal.message}. Wait for it?"):
                raise
            stack.enter_context(_held(home, target, console, _AS_LONG_AS_IT_TAKES_S))
        yield


def _held(
    home: settings.Home, target: Target, console: Console, wait_s: float
) -> contextlib.AbstractContextManager[None]:
    return lock.target_lock(home.state, target, clock=SystemClock(), wait_s=wait_s, on_wait=console.say)
