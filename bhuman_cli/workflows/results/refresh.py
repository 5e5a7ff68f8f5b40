"""Refresh of a stored run, for commands that only look. Sends nothing that is paid."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from bhuman_cli import domain, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.errors import ExitCode
from bhuman_cli.journal import generations, history
from bhuman_cli.journal.database import Journal
from bhuman_cli.journal.runs import Run
from bhuman_cli.net import hosts
from bhuman_cli.runs.context import RunContext
from bhuman_cli.workflows import connections, run_context, session
from bhuman_cli.workflows.results import results_writer
from bhuman_cli.workflows.session import Session

_LOOK_S = 5.0


def fetch_announced_links(session: Session, journal: Journal, run: Run) -> int:
    """Ask about the videos of whose WhatsApp link a callback told; return how many have it now.

    A run without such news costs no request. The links stand in the journal then, and in the results file with the
    next `render` or `resume`.
    """
    if not _is_announced(journal, run):
        return 0
    from bhuman_cli.runs.binding import late_links

    with _run_context(session, journal, run) as context:
        return late_links.fetch_late_links(context, run, announced_only=True)


def refresh_run(session: Session, journal: Journal, run: Run, *, stays: bool = False) -> None:
    """Ask how the front of a run's unfinished videos stands, and write its results if there is news.

    A run that another process works on is left to it; one without unfinished videos costs no request.
    stays: a local run is rendered on until it is finished, because its studio works no longer than this.
    """
    if history.summarize(journal, run).is_forgotten:  # nothing of it is kept that an answer could be written to
        return
    if not generations.waiting(journal, run) and not _is_announced(journal, run):
        return
    if run.target.service == domain.LOCAL_SERVICE:  # there is one studio, for whoever holds the lock
        with contextlib.suppress(errors.Refusal), _lock(session, journal, run):
            if _ask(session, journal, run, stays=stays):
                _write(session, journal, run)
        return
    is_free = False
    with contextlib.suppress(errors.Refusal), _lock(session, journal, run):
        is_free = True
    # Not held while the service thinks: looking must not turn a `render` away that begins meanwhile.
    if is_free and _ask(session, journal, run, stays=stays):
        try:
            with _lock(session, journal, run):
                _write(session, journal, run)
        except errors.Refusal:
            session.console.say(f"the target is busy; `bhuman resume {run.run_id}` writes the results file")


def _write(session: Session, journal: Journal, run: Run) -> None:
    if run.state == "confirmed":
        results_writer.writer(journal, run, results_writer.style_of(run), session.console)()


def _ask(session: Session, journal: Journal, run: Run, *, stays: bool) -> bool:
    """Ask; return whether the table has news."""
    from bhuman_cli.runs.binding import late_links
    from bhuman_cli.runs.polling.poller import Poller

    is_local = run.target.service == domain.LOCAL_SERVICE
    with _run_context(session, journal, run) as context:
        clock, stop = context.clock, context.stop
        end_s = float("inf") if is_local and stays else clock.monotonic_s() + _LOOK_S
        polling = Poller(run=run, context=context, interval_s=connections.LOCAL_INTERVAL_S if is_local else 10.0)
        polling.load_waiting()
        polling.ask_soon()
        while polling.remaining and not polling.refused and not stop.is_pressed and clock.monotonic_s() < end_s:
            if not is_local and not polling.has_callbacks():
                break
            rest_s = polling.step() - clock.monotonic_s()
            stop.wait(clock, min(rest_s, connections.LOCAL_INTERVAL_S) if is_local else 0.0)
        polling.drain()
        gained = late_links.fetch_late_links(context, run, announced_only=True)
    if stop.is_pressed:  # nobody else heard of it
        signal.raise_signal(signal.SIGINT if stop.exit_code == ExitCode.INTERRUPTED else signal.SIGTERM)
    return bool(polling.ended or gained)


def _lock(session: Session, journal: Journal, run: Run) -> contextlib.AbstractContextManager[None]:
    from bhuman_cli.runs import lock

    return lock.target_lock(session.home.state, run.target, clock=SystemClock(), journal=journal)


def _is_announced(journal: Journal, run: Run) -> bool:
    from bhuman_cli.callbacks import notifications

    with contextlib.closing(notifications.Notifications(journal)) as announced:
        told = set(announced.announced())
    return bool(told) and any(
        item.waiting.generation_id in told for item in generations.missing_links(journal, run, whatsapp=True)
    )


@contextlib.contextmanager
def _run_context(session: Session, journal: Journal, run: Run) -> Iterator[RunContext]:
    with (
        connect(session, run) as connection,
        run_context.context(journal, connection, run, session.console, show="none", home=session.home) as context,
    ):
        yield context


@contextlib.contextmanager
def connect(opened: Session, run: Run) -> Iterator[connections.Connection]:
    """Connect to the run's own service; reading a record by its id hardly ever needs credentials."""
    if run.target.service == domain.LOCAL_SERVICE:
        template = run.options.get("template")
        with connections.local(opened.home, Path(template) if template else None, opened.console) as connection:
            yield connection
        return
    from bhuman_cli.api import client, limiter

    url, clock = str(run.options.get("base_url") or run.target.service), SystemClock()
    pace = limiter.for_service(clock, is_loopback=hosts.is_loopback_url(url), rate_per_s=opened.values.get("rate"))
    stored = opened.credentials_for(run.target.service)
    with client.Client(
        url, stored, limiter=pace, user_agent=session.user_agent(), on_notice=opened.console.say
    ) as connected:
        yield connections.Connection(
            base_url=url, service=run.target.service, client=connected, authorization="", account=""
        )
