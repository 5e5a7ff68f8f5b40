"""Owns fetching links that were announced after a run ended, for commands that only look. Sends nothing paid."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bhuman_cli import domain, settings
from bhuman_cli.cli import runtime, session
from bhuman_cli.cli.console import Console
from bhuman_cli.journal import generations
from bhuman_cli.journal.drafts import Run
from bhuman_cli.journal.store import Journal
from bhuman_cli.ports import SystemClock


def bring(journal: Journal, run: Run, home: settings.Home, console: Console) -> int:
    """Ask about the videos of whose WhatsApp link a callback told; return how many have it now.

    A run without such news costs no request. The links stand in the journal then, and in the results file with the
    next `render` or `resume`.
    """
    if not _is_announced(journal, run, home):
        return 0
    from bhuman_cli.runs import links

    with (
        _link(run, home, console) as link,
        runtime.effects(journal, link, run, console, show="none", home=home) as effects,
    ):
        return links.bring(effects, run, announced_only=True)


def _is_announced(journal: Journal, run: Run, home: settings.Home) -> bool:
    from bhuman_cli.callbacks import hints, store

    if not (home.state / store.NAME).is_file():
        return False
    with contextlib.closing(hints.Hints(home.state)) as found:
        told = set(found.announced())
    return bool(told) and any(
        item.waiting.generation_id in told for item in generations.lacking(journal, run, whatsapp=True)
    )


@contextlib.contextmanager
def _link(run: Run, home: settings.Home, console: Console) -> Iterator[runtime.Link]:
    """Connect to the run's own service; reading a record by its id needs no credentials."""
    if run.target.service == domain.LOCAL_SERVICE:
        template = run.options.get("template")
        with runtime.local(home, Path(template) if template else None, console) as link:
            yield link
        return
    from bhuman_cli.api import client, limiter

    url, clock = str(run.options.get("base_url") or run.target.service), SystemClock()
    pace = limiter.for_service(clock, is_loopback=settings.is_loopback(url))
    with client.Client(
        url, None, clock=clock, limiter=pace, user_agent=session.user_agent(), on_notice=console.say
    ) as found:
        yield runtime.Link(base_url=url, service=run.target.service, client=found, authorization="", account="")
