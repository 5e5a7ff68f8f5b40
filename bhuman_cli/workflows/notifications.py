"""Notifications of how a command ended: by Apprise, and pings as healthchecks take them. `[notify]` says to whom.

The addresses are secrets and never shown. A notification that fails is a note and changes no exit code; none holds a
recipient's value.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from bhuman_cli import errors
from bhuman_cli.config import settings
from bhuman_cli.errors import ExitCode
from bhuman_cli.terminal.console import Console
from bhuman_cli.terminal.talk import Talk

_PING_S: Final = 10.0
_BAD: Final = ("failed", "rejected", "invalid")


def begin() -> Mapping[str, Any]:
    """Send the ping of a start, where one is wanted; return what `end` needs."""
    try:
        home = settings.home(os.environ)
        recipients = (
            settings.user_values(home, "default").get("notify") if (home.config / "config.toml").is_file() else None
        )
    except errors.BhumanError:
        return {}  # the command itself says what is wrong with the file
    if recipients and recipients.get("ping"):
        _ping(f"{recipients['ping']}/start")
    return recipients or {}


def end(recipients: Mapping[str, Any], command: str, code: int, talk: Talk) -> None:
    """Tell how a command ended to whoever wants to know."""
    if not recipients or (command == "listen" and code in {ExitCode.OK, ExitCode.INTERRUPTED, ExitCode.TERMINATED}):
        return
    if ping := recipients.get("ping"):
        _ping(str(ping) if code == ExitCode.OK else f"{ping}/{code}")
    urls = recipients.get("urls") or ()
    if not urls or not is_told(recipients, code, talk.rows, has_news=talk.held is None):
        return
    title = f"bhuman {command} {talk.file}".strip()
    try:
        import apprise

        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        sender = apprise.Apprise()
        is_sent = not [url for url in urls if not sender.add(url)] and bool(
            sender.notify(title=title, body=words(code, talk))
        )
    except ImportError:
        Console().say("nobody was told: this needs the extra `notify`: pip install 'bhuman[notify]'")
        return
    except Exception:  # a service's library must not change how a paid run ends
        is_sent = False
    if not is_sent:
        Console().say("a notification could not be sent; look at [notify] in config.toml")


def is_told(recipients: Mapping[str, Any], code: int, rows: Mapping[str, int], *, has_news: bool) -> bool:
    """Say whether an end is one of those that are wanted."""
    wanted = recipients.get("on") or ("failed", "doubt", "refused")
    if code == ExitCode.OK:
        return "finished" in wanted and (has_news or bool(recipients.get("empty")))
    if code == ExitCode.IN_DOUBT:
        return "doubt" in wanted
    if code == ExitCode.REFUSED:
        return "refused" in wanted
    if code == ExitCode.ROWS_FAILED:
        total = sum(rows.values()) - rows.get("skipped", 0)
        bad = sum(rows.get(status, 0) for status in _BAD)
        return "failed" in wanted and (not total or bad >= total * float(recipients.get("failed_share") or 0.0))
    return "failed" in wanted and code not in {ExitCode.NOT_FINISHED, ExitCode.INTERRUPTED, ExitCode.TERMINATED}


def words(code: int, talk: Talk) -> str:
    """Return what is told: counts and the run's id, nobody's values."""
    counted = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in talk.rows.items() if count)
    said = [f"exit {code}: {errors.EXIT_MEANINGS.get(ExitCode(code), '')}" if code in set(ExitCode) else f"exit {code}"]
    said += [counted] if counted else []
    said += [f"run {talk.run_id}"] if talk.run_id else []
    return "\n".join(said)


def _ping(url: str) -> None:
    import requests  # noqa: TID251 - one GET, of an address that the user named

    try:
        requests.get(url, timeout=_PING_S, allow_redirects=False)
    except requests.RequestException:
        Console().say("the ping of [notify] did not get through")
