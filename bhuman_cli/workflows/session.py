"""Session of a command: settings, credentials and a connected client. Prints nothing."""

from __future__ import annotations

import math
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bhuman_cli import __version__, errors
from bhuman_cli.clock import SystemClock
from bhuman_cli.config import credentials, settings
from bhuman_cli.config.credentials import Credentials
from bhuman_cli.net import hosts
from bhuman_cli.terminal.console import Console

if TYPE_CHECKING:
    from bhuman_cli.api.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One command's surroundings. environ is read here and passed on, nowhere else."""

    console: Console
    values: settings.Settings
    home: settings.Home
    environ: Mapping[str, str]

    @property
    def base_url(self) -> str:
        """Return the service's address."""
        return str(self.values.get("base_url"))

    @property
    def service(self) -> str:
        """Return the service's name, which kept credentials belong to."""
        return settings.service_name(self.base_url)

    @property
    def profile(self) -> str:
        """Return the name of the profile in use."""
        return str(self.values.get("profile"))

    def stored_credentials(self) -> credentials.Credentials:
        """Return the credentials for this service.

        Raises:
            CredentialsError: there are none.
        """
        return credentials.find(self.environ, self.home, self.profile, service=self.service)

    def credentials_for(self, service: str) -> credentials.Credentials | None:
        """Return the credentials for a service, None if there are none.

        Those of the environment belong to the service that the environment names, and reach no other.
        """
        environ = self.environ if service == self.service else {}
        try:
            return credentials.find(environ, self.home, self.profile, service=service)
        except errors.CredentialsError:
            return None

    def client(self, stored: credentials.Credentials | None, *, patience_s: float = math.inf) -> Client:
        """Return a client of the service; close it, or use it in a `with` block.

        patience_s: no question goes on for longer, its repeats and pauses included.
        """
        from bhuman_cli.api import client, limiter

        def say_slow() -> None:
            self.console.say(f"waiting for {self.service} …")

        pace = limiter.for_service(
            SystemClock(), is_loopback=hosts.is_loopback_url(self.base_url), rate_per_s=self.values.get("rate"),
            on_slow=say_slow if self.console.is_watched() else None,
        )  # fmt: skip
        return client.Client(
            self.base_url, stored, limiter=pace, user_agent=user_agent(), on_notice=self.console.say,
            patience_s=patience_s,
        )  # fmt: skip


def confirm_change(session: Session, what: str, *, yes: bool, costs: bool = False) -> None:
    """Ask before something is changed at the service; one rule for every command that changes anything there.

    what: such as "POST https://…/webhook with 41 bytes". costs: whether it may cost credits.

    Raises:
        Refusal: nobody can be asked, and `--yes` was not given.
        Declined: the answer was no.
    """
    if yes:
        return
    if not session.console.is_interactive():
        raise errors.Refusal(f"add --yes to send {what}", hint="--yes", code="not_confirmed")
    if costs:
        session.console.warn("this may cost credits, and nothing in the journal will remember it")
    if not session.console.confirm(f"Send {what}?"):
        raise errors.Declined("nothing was sent")


def start(*, profile: str | None = None, json_mode: bool = False, no_input: bool = False) -> Session:
    """Read the settings that hold without an input file.

    Raises:
        UsageError: a settings file or variable is wrong.
    """
    return Session(
        console=Console(json_mode=json_mode, no_input=no_input),
        values=settings.load(flags={}, input_path=None, environ=os.environ, profile=profile),
        home=settings.home(os.environ),
        environ=os.environ,
    )


def user_agent() -> str:
    """Return what the service sees us as."""
    return f"bhuman-cli/{__version__} (Python {platform.python_version()}; {sys.platform})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialCheck:
    """What the service thinks of one kind of credentials. verdict: works | refused | closed | unknown.

    closed: no harmless route opened, and nothing says that the credentials are why; unknown: no answer that tells.
    """

    kind: str
    verdict: str
    detail: str = ""


def check_credentials(session: Session, stored: Credentials) -> list[CredentialCheck]:
    """Ask the service, with harmless GETs, what it thinks of each kind of credentials."""
    kinds = [("basic", stored.basic), ("bearer", stored.bearer)]
    with session.client(stored) as service:
        return [_check_one(service, kind) for kind, value in kinds if value]


def _check_one(service: Client, kind: str) -> CredentialCheck:
    """Try the routes a key of this kind is documented to open; one good answer is enough."""
    from bhuman_cli.api import client

    closed = ""
    unknown = "no answer"
    for path, query, is_decisive in client.HARMLESS[kind]:
        try:
            status, detail = service.probe(path, kind, query=query)
        except errors.BhumanError as error:
            unknown = error.message
            break
        if 200 <= status < 300:
            return CredentialCheck(kind=kind, verdict="works")
        words = f"{status} {detail}".strip()
        if status in {401, 403}:
            if _names_the_key(detail) or (status == 401 and is_decisive):
                return CredentialCheck(kind=kind, verdict="refused", detail=words)
            closed = words
        else:
            unknown = words
    return CredentialCheck(kind=kind, verdict="closed" if closed else "unknown", detail=closed or unknown)


UNCHECKABLE: Final = "can't be checked here; the first render will tell"
_WRONG: Final = r"(?:invalid|unknown|wrong|incorrect|revoked|expired|disabled|deleted|inactive|no such|not found)"
_KEY: Final = r"(?:api[ _-]?key|key|client(?:[ _-]?(?:id|secret))?|secret)"
_ABOUT_THE_KEY: Final = re.compile(rf"\b{_WRONG}\b.{{0,40}}\b{_KEY}\b|\b{_KEY}\b.{{0,40}}\b{_WRONG}\b", re.IGNORECASE)


def _names_the_key(detail: str) -> bool:
    """Say whether a refusal's words speak of the key itself, not of the route it may not open."""
    return _ABOUT_THE_KEY.search(detail) is not None
